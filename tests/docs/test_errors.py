"""Every stable error code is documented, and every documented one exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("config", "core", "mappings", "connectors", "webhooks", "console")
CODE = re.compile(r"\A[A-Z][A-Z0-9]+-[A-Z]+-[0-9]{3}\Z")
ROW = re.compile(
    r"^\| `(?P<code>[A-Z][A-Z0-9]+-[A-Z]+-[0-9]{3})` \| (?P<cause>[^|]+) \| (?P<fix>[^|]+) \|$", re.MULTILINE
)
# Codes put together from a word: file -> how the word is found there, and the code it becomes.
COMPOSED = {
    "mappings": (r"\brefused\(\s*\"([A-Z]+)\"", "MAP-{}-422"),
    "webhooks/problems.py": (r"([0-9]{3}): \"([A-Z]+)\"", "HTTP-{1}-{0}"),
}


def own_code(path: Path) -> Iterator[str]:
    """Yield the codes that stand whole in a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.match(node.value):
            yield node.value


def composed(place: str) -> Iterator[str]:
    """Yield the codes a place puts together."""
    pattern, form = COMPOSED[place]
    files = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
    for path in files:
        for found in re.finditer(pattern, path.read_text(encoding="utf-8")):
            yield form.format(*found.groups())


@pytest.fixture(scope="module")
def known() -> set[str]:
    paths = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]
    whole = {code for path in paths for code in own_code(path)}
    return whole | {code for place in COMPOSED for code in composed(place)}


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


def test_every_code_is_documented_and_every_documented_one_exists(known: set[str], page: str) -> None:
    documented = [row["code"] for row in ROW.finditer(page)]
    assert len(known) > 150
    assert sorted(known - set(documented)) == []
    assert sorted(set(documented) - known) == []
    assert len(set(documented)) == len(documented)


def test_every_place_that_composes_codes_still_does() -> None:
    assert set(composed("mappings")) >= {"MAP-SYNTAX-422", "MAP-SIZE-422"}
    assert set(composed("webhooks/problems.py")) == {
        "HTTP-PATH-404",
        "HTTP-METHOD-405",
        "HTTP-SIZE-413",
        "HTTP-TYPE-415",
    }


def test_every_row_says_cause_and_fix_in_sentences(page: str) -> None:
    rows = list(ROW.finditer(page))
    assert [row["code"] for row in rows if not row["cause"].endswith(".") or not row["fix"].endswith(".")] == []
