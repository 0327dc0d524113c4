"""A message as maps read it, and one made of what they write: segments in the order the grammar wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mappings.edi.faults import EdiFault, Kind, Place
from mappings.edi.grammar.check import check
from mappings.edi.grammar.counting import count_tag
from mappings.edi.grammar.model import Grammar, Node
from mappings.edi.grammar.structure import Group
from mappings.edi.places.counting import add_count
from mappings.edi.places.drafts import GroupDraft, SegmentDraft
from mappings.faults import MapError

Make = Callable[[str, list[Any]], Any]
SECTION = "UNS"


class EdiMessage(Group):
    """A message of either standard, grouped along its grammar: what maps read and write.

    Args:
        sequence: its segments as they came, from UNH to UNT or ST to SE.
        faults: of structure, elements and counts.
        header: what the reader said of UNH or ST; None for one that was made here.
    """

    __slots__ = ("faults", "grammar", "header", "sequence")

    def __init__(self, grammar: Grammar, groups: Group, segments: Sequence[Any], faults: list[EdiFault]) -> None:
        super().__init__(groups.name)
        self.items = groups.items
        self.grammar, self.sequence, self.faults = grammar, segments, faults
        self.header: Any = None

    @property
    def body(self) -> Sequence[Any]:
        """Return the segments without UNH and UNT, or ST and SE."""
        return self.sequence[1:-1]


def read_message(
    grammar: Grammar,
    segments: Sequence[Any],
    place: Callable[[int], Place] | None = None,
    *,
    elements: bool = True,
    counts: bool = True,
) -> EdiMessage:
    """Return a message as maps read it; what is wrong with it is in its faults.

    Args:
        segments: from UNH to UNT or ST to SE, as either reader yields them.
        place: of a segment by its index; without it the place is what the segment itself tells.
        elements: whether what elements hold is checked.
        counts: whether control totals are checked.
    """
    checked = check(grammar, segments, place, elements=elements, counts=counts)
    return EdiMessage(grammar, checked.groups, segments, checked.faults)


def make_message(
    grammar: Grammar, draft: GroupDraft, opening: tuple[Any, Any], make: Make, *, counts: bool = True
) -> EdiMessage:
    """Return the message a draft comes to, checked against its grammar.

    Args:
        opening: the segments that begin and end it.
        make: returns a segment of the standard.
        counts: whether control totals are written.

    Raises:
        MapError: a segment or group is in no place of the grammar, or the message is wrong; nothing is left out.
    """
    segments = Emission(grammar, opening, make, counts=counts).message(draft)
    found = read_message(grammar, segments, counts=counts)
    wrong = next((each for each in found.faults if each.kind is Kind.ERROR), None)
    if wrong is not None:
        raise MapError(
            f"The {grammar.message} would be wrong at {where(wrong)}: {wrong.text}",
            fix="Give the missing value, or mend the map's rule.",
            document_path=where(wrong),
            fault=wrong.public(),
        )
    return found


def where(fault: EdiFault) -> str:
    """Return the place of a fault in a few words."""
    place = fault.place
    parts = [place.tag or "the message"]
    if place.element:
        parts.append(f"/{place.element}{f'.{place.component}' if place.component else ''}")
    return "".join(parts) + (f" (segment {place.position})" if place.position else "")


class Emission:
    """Puts the segments of a draft in the order of a grammar."""

    def __init__(self, grammar: Grammar, opening: tuple[Any, Any], make: Make, *, counts: bool) -> None:
        self.grammar, self.opening, self.make, self.counts = grammar, opening, make, counts
        self.out: list[Any] = []
        self.levels = 0
        self.total = (count_tag(grammar) or ("", ""))[0]

    def message(self, draft: GroupDraft) -> list[Any]:
        """Return all segments."""
        _, *inner, _ = self.grammar.root.nodes
        self.known(draft, {each.name for each in inner})
        self.out.append(self.opening[0])
        for node in inner:
            self.node(node, draft)
        self.out.append(self.opening[1])
        return self.out

    def known(self, draft: GroupDraft, names: set[str]) -> None:
        """Refuse what has no place in the grammar, as it would be lost."""
        strange = [each for each in (*draft.segments, *(f"{name}loop" for name in draft.groups))
                   if each.removesuffix("loop") not in names]  # fmt: skip
        if strange:
            raise MapError(
                f"{', '.join(strange)} cannot stand in {draft.name} of {self.grammar.message} {self.grammar.version}.",
                fix="Name the group it is in, as docs/edi-maps.md says, or mend the grammar.",
                code="MAP-SYNTAX-422",
            )

    def node(self, node: Node, draft: GroupDraft) -> None:
        """Add what a draft has for one place of its group."""
        if node.nodes:
            if self.counts and node.parent is self.grammar.root and node.tag == self.total:
                self.total_group(node, draft)
            for each in draft.groups.get(node.name, ()):
                self.group(node, each)
            return
        drafts = draft.segments.setdefault(node.name, [])
        if node.parent is self.grammar.root:
            if node.name == SECTION and node.low and not drafts:
                self.out.append(self.make(SECTION, ["S"]))
            elif self.counts and node.name == self.total:
                add_count(self.grammar, drafts, self.out, lambda: SegmentDraft(node.name, draft.numbers))
        self.out += [self.segment(each) for each in drafts]

    def total_group(self, node: Node, draft: GroupDraft) -> None:
        """Write the number of lines where the control total begins a group, as CTT does in an 850."""
        groups = draft.groups.setdefault(node.name, [])
        if not groups:
            groups.append(GroupDraft(node.name, draft.numbers))
        drafts = groups[0].segments.setdefault(node.tag, [])
        add_count(self.grammar, drafts, self.out, lambda: SegmentDraft(node.tag, draft.numbers))

    def segment(self, draft: SegmentDraft) -> Any:
        """Return a segment."""
        return self.make(draft.tag, draft.elements())

    def group(self, node: Node, draft: GroupDraft, parent: int = 0) -> None:
        """Add a group; one that nests is numbered, and those in it follow."""
        inner = draft.groups.get(node.name, []) if node.nested else []
        own = 0
        if node.nested:
            self.levels += 1
            own = self.levels
            self.number(draft, node, own, parent, bool(inner))
        placed = int(bool(inner))
        for each in node.nodes:
            if each.nodes:
                groups = draft.groups.get(each.name)
                if groups:
                    placed += 1
                    for made in groups:
                        self.group(each, made)
            elif drafts := draft.segments.get(each.name):
                placed += 1
                self.out += [self.segment(made) for made in drafts]
        if placed < len(draft.segments) + len(draft.groups):
            self.known(draft, {each.name for each in node.nodes} | ({node.name} if node.nested else set()))
        for deeper in inner:
            self.group(node, deeper, own)

    def number(self, draft: GroupDraft, node: Node, own: int, parent: int, children: bool) -> None:
        """Write HL01, HL02 and HL04 of a level."""
        first = draft.segments.get(node.tag)
        if not first:
            raise MapError(
                f"A level has no {node.tag} that says what it is.",
                fix=f"Select it: {node.name}loop[{node.tag}/3=O].",
                code="MAP-SYNTAX-422",
            )
        first[0].parts[0, 0] = str(own)
        if parent:
            first[0].parts[1, 0] = str(parent)
        first[0].parts[3, 0] = "1" if children else "0"
