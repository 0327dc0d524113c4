"""The examples of docs/maps.md do what the page says."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.domain.payloads import jsonable
from core.errors import MappingError
from mappings.codes import CODES, from_table
from mappings.document import load_map
from mappings.engine import Map
from mappings.functions import FUNCTIONS
from mappings.yaml_text import read_yaml

PAGE = Path(__file__).resolve().parents[2] / "docs" / "maps.md"
BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<role>\w+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """One claim: what goes into a map, and what comes of it."""

    line: int
    map: str
    given: str
    way: str
    expected: str
    kind: str


def blocks() -> Iterator[tuple[int, str, str]]:
    text = PAGE.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match["role"]:
            yield text.count("\n", 0, match.start()) + 1, match["role"], match["text"]


def examples() -> list[Example]:
    found = []
    the_map = given = way = ""
    for line, role, text in blocks():
        if role == "map":
            the_map = text
        elif role in ("in", "canonical"):
            given, way = text, role
        else:
            found.append(Example(line, the_map, given, way, text, role))
    return found


def outcome(made: Map, example: Example) -> Any:
    if example.way == "canonical":
        canonical = json.loads(example.given)
        written = made.write_bytes([canonical]).decode()
        return json.loads(written) if made.document.syntax == "json" else written
    readings = list(made.read_bytes(example.given.encode()))
    for reading in readings:
        if reading.error is not None:
            raise reading.error
    results = [reading.result for reading in readings if reading.result is not None]
    if example.kind == "holds":
        return [hold for result in results for hold in result.holds]
    canonical = [jsonable(result.canonical) for result in results]
    return canonical[0] if len(canonical) == 1 else canonical


@pytest.mark.parametrize("example", examples(), ids=lambda example: f"line {example.line}")
def test_example(example: Example) -> None:
    made = load_map(example.map)
    if example.kind == "refused":
        with pytest.raises(MappingError) as caught:
            outcome(made, example)
        assert caught.value.what == example.expected.strip()
        return
    found = outcome(made, example)
    if example.kind == "written" and made.document.syntax != "json":
        assert found.replace("\r\n", "\n").strip() == example.expected.strip()
    else:
        assert found == json.loads(example.expected)


def test_there_are_examples_of_every_kind() -> None:
    assert {example.kind for example in examples()} == {"out", "holds", "written", "refused"}
    assert len(examples()) >= 19


def test_every_function_code_list_and_key_is_described() -> None:
    text = PAGE.read_text(encoding="utf-8")
    from mappings.schema import MapSchema, RuleSchema

    keys = {field.data_key or name for schema in (MapSchema, RuleSchema) for name, field in schema().fields.items()}
    missing = [name for name in {*FUNCTIONS, *CODES, *keys} if f"`{name}`" not in text and f"`{name}:" not in text]
    assert missing == []


def test_the_manifests_code_lists_are_good() -> None:
    text = next(match["text"] for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8")) if not match["role"])
    lists = {name: from_table(name, table) for name, table in read_yaml(text, "docs").value["codes"].items()}
    assert (lists["carriers"].write("dhl"), lists["payment"].read("MC"), lists["payment"].write("card")) == (
        "DHL_PAKET",
        "card",
        "VISA",
    )
