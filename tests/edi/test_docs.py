"""docs/edi.md names each fault there is, under its code."""

import ast
import re
from pathlib import Path

from mappings.edi.x12.reader import ALWAYS_WRONG
from mappings.edi.x12.verdicts import VERDICTS

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `(?P<name>[a-z-]+)` \| (?P<code>\d*) ?\|", re.MULTILINE)
MAKERS = {"Finding": 1, "EdiFault": 1, "fault": 0}
"""Calls that make a fault, with the place of its name among their arguments; its code is behind it."""


def made() -> dict[str, str]:
    """Return the code of each fault in the source by its name."""
    found: dict[str, str] = {}
    for path in (ROOT / "mappings" / "edi" / "edifact").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                maker = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                values = [str(each.value or "") if isinstance(each, ast.Constant) else "" for each in node.args]
                at = MAKERS.get(maker)
                if at is not None and len(values) > at + 1 and values[at]:
                    found[values[at]] = values[at + 1]
    return found


def test_every_fault_is_in_the_docs_with_its_code() -> None:
    told = {
        match["name"]: match["code"] for match in ROW.finditer((ROOT / "docs" / "edi.md").read_text(encoding="utf-8"))
    }
    assert len(told) == 29
    assert told == made()


X12_ROW = re.compile(r"^\| (?P<level>set|group|interchange) \| `(?P<name>[a-z-]+)` \| (?P<code>\d*) ?\|", re.MULTILINE)
NOTE = re.compile(r'"(?P<name>[a-z-]+)",\s*"(?P<code>0\d\d)"')


def test_every_fault_of_x12_is_in_the_docs_with_its_code() -> None:
    text = (ROOT / "docs" / "edi-x12.md").read_text(encoding="utf-8")
    told = {f"{match['level']}:{match['name']}": match["code"] for match in X12_ROW.finditer(text)}
    noted = {match["name"]: match["code"] for match in ROW.finditer(text)}
    found: dict[str, str] = {}
    for path in (ROOT / "mappings" / "edi" / "x12").glob("*.py"):
        found |= {match["name"]: match["code"] for match in NOTE.finditer(path.read_text(encoding="utf-8"))}
    found.pop("code")  # the name of an attribute, not of a fault
    wrong = {name: found.pop(name) for name in ALWAYS_WRONG}
    expected = {name: verdict.code or "" for name, verdict in VERDICTS.items()}
    expected |= {f"interchange:{name}": code for name, code in wrong.items()}
    assert told == {**expected, "interchange:no-interchange": "022"}
    assert noted == found
