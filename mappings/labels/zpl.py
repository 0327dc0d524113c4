"""GS1 logistic labels as ZPL II text: one `^XA…^XZ` for each package, 105 x 148 mm at 203 dots per inch."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.packtree import Label, chained
from mappings.labels.layout import content_lines, human, ship_to_lines

# Dots: 8 to the millimeter. Characters ZPL takes for commands travel as hexadecimal behind `_` (command ^FH).
WIDTH, LEFT, LINE = 812, 40, 34
HEX = {"^": "_5E", "~": "_7E", "_": "_5F"}


def to_zpl(labels: Sequence[Label]) -> str:
    """Return the print job for labels, in UTF-8."""
    return "".join(_label(each) for each in labels)


def _label(label: Label) -> str:
    rows = ["^XA", "^CI28", f"^PW{WIDTH}"]
    top = 40
    for text in ship_to_lines(label):
        rows.append(f"^FO{LEFT},{top}^A0N,32,32^FH^FD{_data(text)}^FS")
        top += LINE
    top = max(top, 260)
    rows.append(f"^FO{LEFT},{top}^GB{WIDTH - 2 * LEFT},3,3^FS")
    for text in content_lines(label):
        top += LINE
        rows.append(f"^FO{LEFT},{top}^A0N,26,26^FH^FD{_data(text)}^FS")
    top = max(top + 50, 620)
    if label.elements:
        rows += _bars(top, label.elements)
    rows += _bars(890, [("00", label.sscc)])
    return "\n".join([*rows, "^XZ", ""])


def _bars(top: int, elements: Sequence[tuple[str, str]]) -> list[str]:
    """Return a GS1-128 bar code in mode D, in which the printer sets the leading FNC1 and drops the brackets."""
    said = [(ai, _data(value).replace(">", ">0")) for ai, value in elements]
    return [
        f"^FO{LEFT},{top}^BY2^BCN,160,N,N,N,D^FH^FD{chained(said, '>8', open_='(', close=')')}^FS",
        f"^FO{LEFT},{top + 170}^A0N,26,26^FH^FD{_data(human(elements))}^FS",
    ]


def _data(text: str) -> str:
    return "".join(HEX.get(each, each) for each in text if each.isprintable())
