"""The examples of docs/edi-maps.md do what the page says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.domain.payloads import jsonable
from mappings.document import load_map
from mappings.edi.edifact.writer import Writer
from mappings.engine import Map

PAGE = Path(__file__).resolve().parents[2] / "docs" / "edi-maps.md"
BLOCK = re.compile(r"^```(?P<language>\w+) (?P<role>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str, str, str]]:
    """Return (map, what is given, role of the outcome, outcome)."""
    found = []
    the_map = given = ""
    for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        if match["role"] == "map":
            the_map = match["text"]
        elif match["role"] in ("in", "canonical"):
            given = match["text"]
        else:
            found.append((the_map, given, match["role"], match["text"]))
    return found


def segments(made: Map, given: str) -> str:
    writer = Writer()
    lines = [writer.segment(each).decode().removesuffix("'") for each in made.write(json.loads(given)).sequence]
    return "\n".join(lines)


@pytest.mark.parametrize("example", examples(), ids=lambda each: each[2])
def test_example(example: tuple[str, str, str, str]) -> None:
    text, given, role, expected = example
    made = load_map(text)
    if role == "written":
        assert segments(made, given) == expected.strip()
        return
    (source,) = made.documents(given.encode())
    assert source.error is None, source.error
    found: Any = made.unmapped(source.value) if role == "unmapped" else jsonable(made.read(source.value).canonical)
    assert found == json.loads(expected)


def test_there_are_examples_of_every_kind() -> None:
    assert {each[2] for each in examples()} == {"out", "unmapped", "written"}
