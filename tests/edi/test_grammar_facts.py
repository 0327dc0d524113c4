"""Our grammars say what independent sources say of order, counts, lengths and conditions."""

import importlib.util
import lzma
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mappings.edi.grammar.loader import load_grammar, shipped_grammars
from mappings.edi.grammar.model import MANY, Grammar, Node, Use
from mappings.edi.grammar.sef import Sef, grammar_of, read_sef

ROOT = Path(__file__).resolve().parents[2]
CORPORA = ROOT.parent / "shared" / "corpora"
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not CORPORA.is_dir(), reason="the directories in ../shared/corpora are not here"),
]
X12 = "810 820 824 846 850 855 856 860 865 940 943 944 945 997".split()
EDIFACT = "APERAK CONTRL DESADV INVOIC INVRPT ORDCHG ORDERS ORDRSP RECADV SLSRPT".split()
# The SEF file gives these fixed lengths of dangerous goods as greatest lengths; the directory says n3, n4, an4.
FIXED = {"7106", "7124", "8186"}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """The script that writes grammars, which reads directories."""
    spec = importlib.util.spec_from_file_location("generate_grammars", ROOT / "docs" / "generate_grammars.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sef(name: str) -> Sef:
    return read_sef(lzma.decompress((CORPORA / "edi-sef" / name).read_bytes()).decode("latin-1"))


def shape(node: Node) -> Any:
    """A structure without names of groups, which each source chooses for itself; what LS opens stands beside it."""
    inner = [found for each in node.nodes for found in (beside(each) if each.nodes and each.tag == "LS" else [each])]
    return (node.low, node.high, [shape(each) for each in inner]) if inner else (node.name, node.low, node.high)


def beside(bounded: Node) -> list[Node]:
    """LS, what stands between, and LE, which may be left out together."""
    first, *between, last = bounded.nodes
    return [replace(first, low=0), *between, replace(last, low=0)]


def used(uses: tuple[Use, ...]) -> Iterator[Any]:
    for each in uses:
        kind = each.type and (each.type.kind, 0 if each.id in FIXED else each.type.low, each.type.high)
        yield each.id, each.required, each.high, kind, list(used(each.parts))


def facts(grammar: Grammar) -> dict[str, Any]:
    """Everything a grammar says of the segments of its message."""
    return {tag: (list(used(grammar.segments[tag].uses)), grammar.segments[tag].conditions) for tag in grammar.tags()}


def test_what_is_shipped() -> None:
    assert shipped_grammars() == sorted(
        [("x12", each, "004010") for each in [*X12, "TA1"]]
        + [("x12", each, "005010") for each in [*X12, "999", "TA1"]]
        + [("edifact", each, version) for each in EDIFACT for version in ("D01B", "D96A")]
    )


def test_x12_004010_agrees_with_a_published_sef() -> None:
    theirs = sef("X12-4010.sef.xz")
    for message in X12:
        ours, other = load_grammar("x12", message, "004010"), grammar_of(theirs, message)
        assert shape(ours.root) == shape(other.root), message
        assert facts(ours) == facts(other), message


def test_counts_of_the_850_are_those_every_guide_prints() -> None:
    root = load_grammar("x12", "850", "004010").root
    found = {node.name: (node.low, node.high) for node in root.nodes}
    assert [found[name] for name in ("BEG", "PER", "SAC", "ITD", "N9", "N1", "PO1", "CTT")] == [
        (1, 1), (0, 3), (0, 25), (0, MANY), (0, 1000), (0, 200), (1, 100_000), (0, 1),
    ]  # fmt: skip
    (line,) = (node for node in root.nodes if node.name == "PO1")
    counts = {node.name: (node.low, node.high) for node in line.nodes}
    assert [counts[name] for name in ("PO1", "PID", "SDQ", "SCH", "SLN")] == [
        (1, 1), (0, 1000), (0, 500), (0, 200), (0, 1000),
    ]  # fmt: skip


def test_edifact_d96a_agrees_with_a_published_sef_which_it_was_not_made_from() -> None:
    theirs = sef("EDIFACT-D96A.sef.xz")
    compared = 0
    for message in EDIFACT:
        if message == "CONTRL":
            assert message not in theirs.sets
            continue
        ours, other = load_grammar("edifact", message, "D96A"), grammar_of(theirs, message)
        assert shape(ours.root) == shape(other.root), message
        mine, their = facts(ours), facts(other)
        for fact in (mine, their):
            for found, _ in fact.values():
                for position, each in enumerate(found):
                    found[position] = normal(each)
        assert mine == their, message
        compared += len(mine)
    assert compared > 290


def normal(use: Any) -> Any:
    """An element without least lengths, where one of the sources gives greatest lengths only."""
    name, required, high, kind, parts = use
    return name, required, high, kind and (kind[0], kind[2]), [normal(each) for each in parts]


def test_groups_of_edifact_are_numbered_as_the_directory_numbers_them() -> None:
    theirs = grammar_of(sef("EDIFACT-D96A.sef.xz"), "ORDERS")

    def names(node: Node) -> list[str]:
        return [node.name, *(name for each in node.nodes for name in names(each))]

    assert names(load_grammar("edifact", "ORDERS", "D96A").root) == names(theirs.root)
    assert "SG50" in names(theirs.root)


@pytest.mark.parametrize("version", ["D96A", "D01B"])
def test_edifact_agrees_with_the_directory(generator: ModuleType, version: str) -> None:
    folder = CORPORA / "edifact-directories"
    for message in EDIFACT:
        theirs = generator.directory_grammar(folder / version, folder / "Service_V3", message, version)
        ours = load_grammar("edifact", message, version)
        assert shape(ours.root) == shape(theirs.root), message
        assert facts(ours) == facts(theirs), message
