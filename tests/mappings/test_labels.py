"""Logistic labels: the bar codes say what the pack record says, on paper and for printers (O5)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from reportlab.graphics.barcode.code128 import Code128

from core.domain.packtree import Content, Label, chained
from core.errors import InputError
from mappings.labels.layout import human
from mappings.labels.pdf import FNC1, to_pdf
from mappings.labels.zpl import to_zpl

CONTENT = Content(1, "A", "4006381333931", "Lamp", Decimal(12), "C62", "L^7>", date(2027, 1, 31))
TO = {"name": "Müller_Söhne", "line1": "Am Markt 1", "postal_code": "24103", "city": "Kiel", "country": "DE"}
LABEL = Label(2, 3, "carton", "376104250021234569", {}, TO, "PO1", "S-1", "Kurier24", (CONTENT,))


def test_elements_are_content_expiry_lot_count_and_order() -> None:
    assert human(LABEL.elements) == "(02)04006381333931(17)270131(10)L^7>(37)12(400)PO1"
    assert chained(LABEL.elements, "|") == "02040063813339311727013110L^7>|3712|400PO1"


def test_mixed_packages_and_broken_units_say_no_contents() -> None:
    mixed = replace(LABEL, contents=(CONTENT, replace(CONTENT, position=2)))
    assert mixed.elements == [("400", "PO1")]
    assert replace(LABEL, contents=(replace(CONTENT, quantity=Decimal("1.5")),)).elements == [("400", "PO1")]


def test_zpl_escapes_its_own_commands_and_separates_open_lengths() -> None:
    job = to_zpl([LABEL])
    assert "^FD(02)04006381333931(17)270131(10)L_5E7>0>8(37)12>8(400)PO1^FS" in job
    assert "^FD(00)376104250021234569^FS" in job
    assert "M\u00fcller_5FS\u00f6hne" in job
    assert (job.count("^XA"), job.count("^XZ")) == (1, 1)
    assert to_zpl([LABEL, LABEL]).count("^XA") == 2


def test_pdf_has_a_page_for_each_package_and_is_the_same_each_time() -> None:
    two = to_pdf([LABEL, LABEL])
    assert two.startswith(b"%PDF-")
    assert two.count(b"/Type /Page\n") == 2
    assert two == to_pdf([LABEL, LABEL])


def test_bar_codes_begin_with_function_1_and_are_all_digits_in_pairs() -> None:
    code = Code128(FNC1 + chained([("00", LABEL.sscc)], FNC1), barWidth=1, quiet=False)
    # Start C, FNC1, ten pairs, check, stop: 11 modules each, the stop 13 (ISO/IEC 15417).
    assert round(code.width) == 11 * 13 + 13


def test_letters_pdf_fonts_lack_are_refused_and_not_lost() -> None:
    with pytest.raises(InputError, match="'Ł'") as refused:
        to_pdf([replace(LABEL, ship_to={**TO, "city": "Łódź"})])
    assert refused.value.error_code == "LABEL-TEXT-422"
    assert "Łódź" in to_zpl([replace(LABEL, ship_to={**TO, "city": "Łódź"})])


def test_a_bar_code_too_wide_for_the_label_is_refused() -> None:
    wide = replace(LABEL, order_number="PO-" + "x" * 27)
    with pytest.raises(InputError) as refused:
        to_pdf([wide])
    assert refused.value.error_code == "LABEL-WIDTH-422"
