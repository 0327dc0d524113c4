"""Reads SEF, the exchange format in which partners and tools publish guides: structure, segments, elements.

Only facts are taken: ids, order, counts, types, lengths and conditions; names, texts and code lists are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mappings.edi.grammar.loader import GrammarError
from mappings.edi.grammar.model import MANY, ElementType, Grammar, Node, SegmentType, Standard, Use, group
from mappings.edi.grammar.notation import CONDITION, condition

MAX_DEPTH = 32
MAX_ELEMENTS = 1_000
"""Of a segment, or of a composite: as many as readers take."""
TOKEN = re.compile(r"\[(?P<use>[^\[\]]*)\]|\{(?P<open>[^\[\]{}]*)|(?P<close>\})|\^|\+[0-9]+|\s+")
# `N0` of X12, and A, AN and N of EDIFACT, which X12 writes the same.
EDIFACT_KINDS = {"A": "a", "AN": "an", "N": "n"}


@dataclass(slots=True)
class Sef:
    """The sections of a SEF file: id -> what it says, unread."""

    standard: Standard
    version: str
    sets: dict[str, str] = field(default_factory=dict)
    segments: dict[str, str] = field(default_factory=dict)
    composites: dict[str, str] = field(default_factory=dict)
    elements: dict[str, str] = field(default_factory=dict)
    types: dict[str, ElementType] = field(default_factory=dict)


def read_sef(text: str) -> Sef:
    """Return the sections of a SEF file.

    Raises:
        GrammarError: it has no `.INI` or no `.SETS`.
    """
    found = Sef(Standard.X12, "")
    sections = {".SETS": found.sets, ".SEGS": found.segments, ".COMS": found.composites, ".ELMS": found.elements}
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("."):
            section = line.split(" ", 1)[0]
        elif section == ".INI" and line:
            parts = [*line.split(","), "", "", ""]
            found.standard = Standard.EDIFACT if parts[3] == "UN" else Standard.X12
            found.version = re.sub(r"[^A-Za-z0-9]", "", parts[2])
            section = ""
        elif section in sections and line:
            name, equals, rest = line.partition("=")
            if not equals:
                raise GrammarError(
                    f"Line {number} of the SEF file is no description: {line[:40]!r}.", fix="Mend the line."
                )
            sections[section].setdefault(name, rest)
    if not found.version or not found.sets:
        raise GrammarError("The SEF file has no .INI or no .SETS.", fix="Export the guide again, with its structure.")
    for name, rest in found.elements.items():
        found.types[name] = element_type(name, rest, found.standard)
    return found


def element_type(name: str, text: str, standard: Standard) -> ElementType:
    """Return the type of an element, as `AN,1,30`."""
    kind, low, high = [*text.split(","), "", ""][:3]
    if not low.isdigit() or not high.isdigit():
        raise GrammarError(f"Element {name} has no lengths: {text!r}.", fix="Write it as AN,1,30.")
    if standard is Standard.EDIFACT:
        kind = EDIFACT_KINDS.get(kind, "an")
    return ElementType(name, kind, max(int(low), 1), int(high))


def tokens(name: str, text: str) -> Iterator[re.Match[str]]:
    """Yield the parts of a structure.

    Raises:
        GrammarError: something in it is none.
    """
    position = 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if not found:
            raise GrammarError(
                f"{name} cannot be read from {text[position : position + 20]!r} on.", fix="Mend the SEF file."
            )
        yield found
        position = found.end()


def grammar_of(sef: Sef, message: str) -> Grammar:
    """Return the grammar of one of a SEF file's messages.

    Raises:
        GrammarError: there is none of that name, or its structure is broken.
    """
    if message not in sef.sets:
        raise GrammarError(f"The SEF file has no {message}; it has {', '.join(sef.sets)}.", fix="Name one of these.")
    nodes = structure(message, sef.sets[message], numbered=sef.standard is Standard.EDIFACT)
    root = group(message, 1, 1, nodes)
    reader = SegmentReader(sef)
    used = {each for node in nodes for each in tags(node)}
    return Grammar(sef.standard, message, sef.version, root, {tag: reader.segment(tag) for tag in sorted(used)})


def tags(node: Node) -> Iterator[str]:
    """Yield the tags in a node."""
    if not node.nodes:
        yield node.name
    for each in node.nodes:
        yield from tags(each)


def structure(message: str, text: str, *, numbered: bool) -> list[Node]:
    """Return the nodes of a message.

    Args:
        numbered: name groups SG1, SG2 … in their order, as EDIFACT does; else by id or first segment.
    """
    open_: list[tuple[str, list[Node]]] = [("", [])]
    opened = 0
    for found in tokens(message, text):
        if found["use"] is not None:
            name, required, high = [*found["use"].split(","), "", ""][:3]
            open_[-1][1].append(Node(name, int(required == "M"), count(high)))
        elif found["open"] is not None:
            opened += 1
            open_.append((f"SG{opened}:{found['open']}" if numbered else found["open"], []))
        elif found["close"]:
            header, nodes = open_.pop()
            if not open_ or not nodes or nodes[0].nodes:
                raise GrammarError(
                    f"{message} has a group that does not begin with a segment.", fix="Mend the SEF file."
                )
            open_[-1][1].append(closed(header, nodes))
        if len(open_) > MAX_DEPTH:
            raise GrammarError(f"{message} nests deeper than {MAX_DEPTH} groups.", fix="Mend the SEF file.")
    if len(open_) != 1:
        raise GrammarError(f"{message} has a group that is not closed.", fix="Mend the SEF file.")
    return open_[0][1]


def closed(header: str, nodes: list[Node]) -> Node:
    """Return a group whose header is `id:count`; it must come where its first segment must."""
    # Behind `+` stands only the distance to the next position of the printed standard.
    name, _, high = header.partition("+")[0].partition(":")
    high = high.rpartition(":")[2]
    low = nodes[0].low
    nodes[0].low = nodes[0].high = 1
    nested = nodes[0].name == "HL"
    return group(name or nodes[0].name, low, count(high or "1"), nodes, nested=nested)


def count(text: str) -> int:
    """Return how often something may come: `>1` is without end, nothing is once.

    Raises:
        GrammarError: it is neither.
    """
    if text.startswith(">"):
        return MANY
    if not text:
        return 1
    if not text.isdigit() or not int(text):
        raise GrammarError(f"{text!r} is no number of times.", fix="Mend the SEF file: write 10 or >1.")
    return int(text)


class SegmentReader:
    """Reads segments and composites of a SEF file."""

    def __init__(self, sef: Sef) -> None:
        self.sef = sef
        self.composites: dict[str, tuple[Use, ...]] = {}
        self.open: set[str] = set()

    def segment(self, tag: str) -> SegmentType:
        """Return what a segment holds.

        Raises:
            GrammarError: the file does not describe it.
        """
        if tag not in self.sef.segments:
            raise GrammarError(
                f"The SEF file does not say what {tag} holds.", fix="Export the guide with its segments."
            )
        listed, _, rules = self.sef.segments[tag].partition("+")
        uses = self.uses(tag, listed)
        found = re.findall(r"[PRECL](?:[0-9]{2}){2,}", rules)
        return SegmentType(tag, uses, tuple(condition(each, len(uses)) for each in found if CONDITION.match(each)))

    def uses(self, name: str, text: str) -> tuple[Use, ...]:
        """Return the elements of a text such as `[128,M]{4[127]}`."""
        made: list[Use] = []
        begun: list[tuple[int, int]] = []
        for found in tokens(name, text):
            if found["use"] is not None:
                made.append(self.use(name, found["use"]))
            elif found["open"] is not None:
                begun.append((count(found["open"]), len(made)))
            elif found["close"]:
                if not begun:
                    raise GrammarError(f"{name} closes what it did not open.", fix="Mend the SEF file.")
                times, start = begun.pop()
                if times * (len(made) - start) > MAX_ELEMENTS:
                    raise GrammarError(
                        f"{name} repeats elements until it has more than {MAX_ELEMENTS}.", fix="Mend the SEF file."
                    )
                made += made[start:] * (times - 1)
        return tuple(made)

    def use(self, name: str, text: str) -> Use:
        """Return one element."""
        number, required, high = [*text.split(","), "", ""][:3]
        needed = required == "M"
        if number in self.sef.types:
            return Use(number, needed, self.sef.types[number], (), count(high))
        if number not in self.sef.composites:
            raise GrammarError(f"{name} has element {number}, which the SEF file does not describe.", fix="Add it.")
        if number in self.open:
            raise GrammarError(f"The composite {number} is part of itself.", fix="Mend the SEF file.")
        if number not in self.composites:
            self.open.add(number)
            self.composites[number] = self.uses(number, self.sef.composites[number].partition("+")[0])
            self.open.discard(number)
        return Use(number, needed, None, self.composites[number], count(high))
