"""Whole files through maps: each message to its canonical document, and back to see what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, BinaryIO

from core.domain.payloads import jsonable
from core.errors import CrossdockError, MappingError
from mappings.edi.choosing import takes
from mappings.edi.faults import EdiFault, Kind
from mappings.edi.limits import Mode
from mappings.edi.places.message import EdiMessage, read_message, where
from mappings.edi.xml.kinds import XML
from mappings.edi.xml.schemas import Schemas
from mappings.engine import Map
from mappings.faults import MapError
from mappings.syntaxes.edi import is_for

Json = dict[str, Any]
SEPARATORS = {"edifact": ("+", ":"), "x12": ("*", ">")}
SERVICE = frozenset({"UNH", "UNT", "ST", "SE"})


@dataclass(frozen=True, slots=True)
class Found:
    """One message of a file.

    Args:
        number: in the file, from 1.
        type: such as ORDERS or 850.
        version: such as D96A or 004010VICS.
        faults: of its envelope.
        place: tells the place of a segment by its index; None where segments tell it themselves.
    """

    number: int
    syntax: str
    type: str
    version: str
    reference: str
    segments: Sequence[Any]
    faults: list[EdiFault]
    place: Callable[[int], Any] | None = None


@dataclass(slots=True)
class Converted:
    """A message and what came of it.

    Args:
        document: canonical, in JSON types; None when `error` says why there is none.
        holds: recorded by the map.
        unmapped: places that hold something and that the map does not read.
        faults: of envelope, structure, elements and counts.
    """

    found: Found
    map: Map | None = None
    message: EdiMessage | None = None
    document: Json | None = None
    holds: list[Json] = field(default_factory=list)
    unmapped: list[str] = field(default_factory=list)
    faults: list[EdiFault] = field(default_factory=list)
    error: CrossdockError | None = None

    def public(self) -> Json:
        """Return what is printed of it."""
        found = self.found
        return {
            "message": found.number,
            "type": found.type,
            "version": found.version,
            "reference": found.reference,
            "map": self.map and self.map.document.name,
            "canonical": self.map and self.map.canonical_type,
            "document": self.document,
            "holds": self.holds,
            "unmapped": self.unmapped,
            "faults": [each.public() for each in self.faults],
            "error": self.error and self.error.what,
        }


def messages(source: BinaryIO, syntax: str, mode: Mode, schemas: Schemas | None = None) -> Iterator[Found | EdiFault]:
    """Yield the messages of a file, and the faults of what is around them.

    Args:
        source: opened for bytes.
        syntax: edifact, x12, ubl or cxml.
        mode: how it is read.
        schemas: that XML documents are checked with.
    """
    if syntax in XML:
        from mappings.edi.xml.converting import documents

        return documents(source, syntax, mode, schemas)
    return edifact_messages(source, mode) if syntax == "edifact" else x12_messages(source, mode)


def edifact_messages(source: BinaryIO, mode: Mode) -> Iterator[Found | EdiFault]:
    """Yield the messages of an EDIFACT file."""
    from mappings.edi.edifact.interchanges import read

    number = 0
    for interchange in read(source, mode=mode):
        for message in interchange.messages():
            number += 1
            header = message.header
            version = f"{header.version}{header.release}"
            yield Found(number, "edifact", header.type, version, header.reference, message.segments, message.faults)
        yield from interchange.faults
        for group in interchange.groups:
            yield from group.faults


def x12_messages(source: BinaryIO, mode: Mode) -> Iterator[Found | EdiFault]:
    """Yield the transaction sets of an X12 file."""
    from mappings.edi.x12.events import GroupEnd, InterchangeEnd, TransactionSet
    from mappings.edi.x12.reader import X12Reader

    number = 0
    for event in X12Reader(source, mode=mode):
        if isinstance(event, TransactionSet):
            number += 1
            yield Found(
                number, "x12", event.code, event.version, event.reference, event.segments, event.faults, event.place
            )
        elif isinstance(event, GroupEnd | InterchangeEnd):
            yield from event.faults


def convert_by(found: Found, maps: Sequence[Map], *, strict: bool = False) -> Converted:
    """Return what the first map makes of a message that can read it; where none can, what that says which is for it.

    Args:
        found: the message.
        maps: for such messages; several where they differ by what a message is for.
        strict: refuse a message with faults.
    """
    first = convert(found, maps[0] if maps else None, strict=strict)
    if first.error is None:
        return first
    others = []
    for each in maps[1:]:
        others.append(convert(found, each, strict=strict))
        if others[-1].error is None:
            return others[-1]
    return next((each for each in (first, *others) if _meant(each)), first)


def _meant(converted: Converted) -> bool:
    """Return whether a message that could not be read is one that the map takes."""
    map_, message = converted.map, converted.message
    return map_ is not None and message is not None and takes(map_, message)


def convert(found: Found, chosen: Map | None, *, strict: bool = False) -> Converted:
    """Return what a map makes of a message.

    Args:
        chosen: the map; None when there is none for this message.
        strict: refuse a message with faults.
    """
    if found.syntax in XML:
        from mappings.edi.xml.converting import FoundDocument, convert_document

        assert isinstance(found, FoundDocument)
        return convert_document(found, chosen, strict=strict)
    result = Converted(found, chosen, faults=list(found.faults))
    if chosen is None:
        result.error = MapError(
            f"There is no map for {found.type} {found.version}.", fix="Name one by --map.", code="MAP-EDI-422"
        )
        return result
    options = chosen.document.options
    if not is_for(options, found.type, found.version):
        result.error = MapError(
            f"The map {chosen.document.name} is for {options['message']} {options['version']}, "
            f"the message is {found.type} {found.version}.",
            code="MAP-EDI-422",
        )
        return result
    message = read_message(options["grammar"], found.segments, found.place, counts=options["counts"])
    result.message = message
    result.faults += message.faults
    wrong = next((each for each in result.faults if each.kind is Kind.ERROR), None)
    if strict and wrong is not None:
        result.error = MapError(f"The {found.type} is wrong at {where(wrong)}: {wrong.text}", code="MAP-EDI-422")
        return result
    result.unmapped = chosen.unmapped(message)
    try:
        read = chosen.read(message)
    except MappingError as error:
        result.error = error
        return result
    result.document, result.holds = jsonable(read.canonical), read.holds
    return result


@dataclass(frozen=True, slots=True)
class Difference:
    """Segments that are not the same after a message went to its canonical document and back; of XML texts, attributes.

    Args:
        number: of the first one in the message, from 1; of what is only written, the one it stands before.
        came: as they came.
        written: as they were written.
    """

    number: int
    came: list[str]
    written: list[str]

    def public(self) -> Json:
        """Return it as JSON fields."""
        return {"segment": self.number, "came": self.came, "written": self.written}


def differences(converted: Converted) -> list[Difference]:
    """Return what is different in a message that is written again from its canonical document.

    Raises:
        MappingError: it cannot be written.
    """
    if converted.found.syntax in XML:
        from mappings.edi.xml.converting import document_differences

        return document_differences(converted)
    assert converted.map is not None
    assert converted.document is not None
    syntax = converted.found.syntax
    written = converted.map.write(converted.document)
    came = [shown(each, syntax) for each in converted.found.segments]
    again = [shown(each, syntax) for each in written.sequence]
    # Headers and trailers are those of the envelope.
    came[0], came[-1], again[0], again[-1] = "first", "last", "first", "last"
    matcher = SequenceMatcher(None, came, again, autojunk=False)
    return [
        Difference(left + 1, came[left:left_end], again[right:right_end])
        for word, left, left_end, right, right_end in matcher.get_opcodes()
        if word != "equal"
    ]


def shown(segment: Any, syntax: str) -> str:
    """Return a segment as a person reads it, nothing released."""
    element, component = SEPARATORS[syntax]
    parts = [segment.tag]
    for each in segment.elements:
        if isinstance(each, str):
            parts.append(each)
        elif type(each) is list:
            parts.append(component.join(each))
        else:
            parts.append("^".join(one if isinstance(one, str) else component.join(one) for one in each))
    return element.join(parts).rstrip(element)
