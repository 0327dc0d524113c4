"""GS1 logistic labels as PDF, one A6 page for each package, with reportlab's Code 128."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.pagesizes import A6
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from core.domain.packtree import Label, chained
from core.errors import InputError
from mappings.labels.layout import content_lines, human, ship_to_lines

WIDTH, HEIGHT = A6
MARGIN = 5 * mm
# Bars are never narrower than a quarter millimeter (GS1 General Specifications, section 5.12.3.2, small labels).
WIDEST, NARROWEST = 0.5 * mm, 0.25 * mm
FNC1 = "\xf1"
"""How reportlab spells function 1."""


def to_pdf(labels: Sequence[Label]) -> bytes:
    """Return the labels as a PDF document.

    Raises:
        InputError: an address has letters the built-in fonts lack, or a bar code does not fit the page.
    """
    file = BytesIO()
    page = Canvas(file, pagesize=A6, invariant=True)
    page.setTitle("Logistic labels")
    for label in labels:
        _draw(page, label)
        page.showPage()
    page.save()
    return file.getvalue()


def _draw(page: Canvas, label: Label) -> None:
    top = HEIGHT - MARGIN - 10
    for text in ship_to_lines(label):
        _write(page, top, text, 11)
        top -= 13
    page.line(MARGIN, top, WIDTH - MARGIN, top)
    for text in content_lines(label):
        top -= 11
        _write(page, top, text, 8)
    if label.elements:
        _bars(page, 52 * mm, label.elements)
    _bars(page, 12 * mm, [("00", label.sscc)])


def _write(page: Canvas, top: float, text: str, size: int) -> None:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{text[:80]!r} has the letter {text[error.start]!r}, which the fonts of PDF labels lack.",
            fix="Print the labels as ZPL: printers know all letters.",
            code="LABEL-TEXT-422",
        ) from None
    page.setFont("Helvetica", size)
    page.drawString(MARGIN, top, text)


def _bars(page: Canvas, bottom: float, elements: Sequence[tuple[str, str]]) -> None:
    data = FNC1 + chained(elements, FNC1)
    modules = Code128(data, barWidth=1, quiet=False).width
    width = min(WIDEST, (WIDTH - 2 * MARGIN) / modules)
    if width < NARROWEST:
        raise InputError(
            f"The bar code {human(elements)} does not fit a label of 105 mm.",
            fix="Shorten the order number or the lot, or print the labels as ZPL on wider paper.",
            code="LABEL-WIDTH-422",
        )
    Code128(data, barWidth=width, barHeight=28 * mm, quiet=False).drawOn(page, MARGIN, bottom)
    _write(page, bottom - 10, human(elements), 8)
