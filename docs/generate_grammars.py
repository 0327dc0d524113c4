"""Writes the shipped grammars anew from the facts of directories: ids, order, counts, types, lengths; nothing else.

    python docs/generate_grammars.py sef FILE.sef VERSION MESSAGE...
    python docs/generate_grammars.py directory FOLDER SERVICE_FOLDER VERSION MESSAGE...

A directory is a folder with `messages/*.xml` and `segments.xml.xz`, as the open EDIFACT mappings publish them. What is
in no directory (TA1, 999, version 005010) was written by hand and is left alone.
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from mappings.edi.grammar.model import ElementType, Grammar, Node, SegmentType, Standard, Use, group
from mappings.edi.grammar.sef import grammar_of, read_sef
from mappings.edi.grammar.writing import dictionary_lines, grammar_yaml

FOLDER = Path(__file__).resolve().parents[1] / "mappings" / "edi" / "grammar"


def opened(path: Path) -> bytes:
    """The bytes of a file, which may be there only as `.xz`."""
    return path.read_bytes() if path.exists() else lzma.decompress(path.with_name(path.name + ".xz").read_bytes())


def root_of(path: Path) -> etree._Element:
    """The root of an XML file."""
    return etree.fromstring(opened(path), etree.XMLParser(resolve_entities=False, no_network=True))


def directory_grammar(folder: Path, service: Path, message: str, version: str) -> Grammar:
    """The grammar of a message of an EDIFACT directory."""
    home = folder if (folder / "messages" / f"{message.lower()}.xml").exists() else service
    tree = root_of(home / "messages" / f"{message.lower()}.xml")
    root = group(message, 1, 1, list(directory_nodes(tree)))
    described = {
        each.get("id"): directory_segment(each)
        for place in (service, folder)
        for each in root_of(place / "segments.xml").iterfind("segment")
    }
    segments = {tag: described[tag] for tag in Grammar(Standard.EDIFACT, message, version, root, {}).tags()}
    return Grammar(Standard.EDIFACT, message, version, root, segments)


def directory_nodes(parent: etree._Element) -> Iterator[Node]:
    """The places in a message or group."""
    for each in parent:
        if each.tag not in ("segment", "group"):
            continue
        low, high = int(each.get("required") == "true"), int(each.get("maxrepeat", "1"))
        if each.tag == "segment":
            yield Node(each.get("id", ""), low, high)
            continue
        nodes = list(directory_nodes(each))
        nodes[0].low = nodes[0].high = 1
        yield group(each.get("id", ""), low, high, nodes)


def directory_segment(element: etree._Element) -> SegmentType:
    """What a segment of a directory holds."""
    return SegmentType(element.get("id", ""), tuple(directory_use(each) for each in element))


def directory_use(element: etree._Element) -> Use:
    """An element of a directory."""
    name, needed = element.get("id", ""), element.get("required") == "true"
    high = int(element.get("maxrepeat", "1"))
    if element.tag == "composite_data_element":
        return Use(name, needed, None, tuple(directory_use(each) for each in element), high)
    fixed = element.get("length")
    longest = int(fixed or element.get("maxlength") or 1)
    low = longest if fixed else int(element.get("minlength") or 1)
    return Use(name, needed, ElementType(name, element.get("type", "an"), low, longest), (), high)


def write(standard: str, version: str, grammars: list[Grammar]) -> None:
    """Write grammars and their dictionary."""
    place = FOLDER / standard / version
    place.mkdir(parents=True, exist_ok=True)
    segments: dict[str, SegmentType] = {}
    for each in grammars:
        segments.update(each.segments)
        text = grammar_yaml(each, uses=f"{standard}/{version}")
        (place / f"{each.message}.yaml").write_text(text, encoding="utf-8")
    (place / "segments.yaml").write_text("\n".join(dictionary_lines(segments.values())) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Run the command line."""
    if arguments[0] == "sef":
        path, version, *messages = arguments[1:]
        sef = read_sef(opened(Path(path)).decode("latin-1"))
        sef.version = version
        write(sef.standard, version, [grammar_of(sef, each) for each in messages])
    else:
        folder, service, version, *messages = arguments[1:]
        found = [directory_grammar(Path(folder), Path(service), each, version) for each in messages]
        write("edifact", version, found)


if __name__ == "__main__":
    main(sys.argv[1:])
