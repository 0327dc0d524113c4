"""An EDIFACT file as JSON objects, one for each event, and such objects or a file as EDIFACT again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any, BinaryIO

from mappings.edi.edifact.charsets import CHARSETS
from mappings.edi.edifact.envelope import GroupHeader, InterchangeHeader, MessageHeader
from mappings.edi.edifact.events import (
    Event,
    GroupEnd,
    GroupStart,
    InterchangeEnd,
    InterchangeStart,
    MessageEnd,
    MessageStart,
)
from mappings.edi.edifact.opening import VERSIONS
from mappings.edi.edifact.outgoing import again
from mappings.edi.edifact.reader import Reader
from mappings.edi.edifact.segments import ReadSegment, Repeated
from mappings.edi.edifact.writer import UnwritableError, Writer
from mappings.edi.faults import EdiFault
from mappings.edi.limits import Mode

Json = dict[str, Any]
GROUP_FIELDS = ("type", "agency", "version", "release")
MESSAGE_FIELDS = ("reference", "type", "version", "release", "agency", "association", "access")


def read_lines(source: BinaryIO, mode: Mode) -> Iterator[Json]:
    """Yield what is in a file; `what` says of each object what it is.

    The beginnings `interchange`, `group` and `message`, every `segment` with those of the envelope, every `fault`, and
    the ends `message_end`, `group_end` and `interchange_end`.
    """
    for event in Reader(source, mode=mode).events():
        yield from _lines(event)


def _lines(event: Event) -> Iterator[Json]:
    match event:
        case ReadSegment():
            yield _segment(event)
        case EdiFault():
            yield {"what": "fault", **event.public()}
        case InterchangeStart(header) | GroupStart(header) | MessageStart(header):
            what = type(event).__name__.removesuffix("Start").lower()
            yield {"what": what, "syntax": "edifact", **(_header(header) if header else {})}
            if header:
                yield _segment(header.segment)
        case MessageEnd() | GroupEnd() | InterchangeEnd():
            if event.segment:
                yield _segment(event.segment)
            yield _end(event)


def _end(event: MessageEnd | GroupEnd | InterchangeEnd) -> Json:
    reference = event.header.reference if event.header else None
    match event:
        case MessageEnd():
            counted: Json = {"segments": event.count, "start": event.start, "end": event.end}
        case GroupEnd():
            counted = {"messages": event.messages}
        case InterchangeEnd():
            counted = {"messages": event.messages, "groups": event.groups}
    what = f"{type(event).__name__.removesuffix('End').lower()}_end"
    return {"what": what, "reference": reference, **counted, "rejected": event.rejected}


def _segment(segment: ReadSegment) -> Json:
    found = {
        "what": "segment",
        "tag": segment.tag,
        "elements": [{"repeated": list(each)} if isinstance(each, Repeated) else each for each in segment.elements],
        "number": segment.number,
        "offset": segment.offset,
    }
    return {**found, "nesting": list(segment.nesting)} if segment.nesting else found


def _header(header: InterchangeHeader | GroupHeader | MessageHeader) -> Json:
    if isinstance(header, MessageHeader):
        return {name: getattr(header, name) for name in MESSAGE_FIELDS}
    shared = {
        "reference": header.reference,
        "sender": asdict(header.sender),
        "recipient": asdict(header.recipient),
        "prepared": header.prepared and header.prepared.isoformat(),
    }
    if isinstance(header, GroupHeader):
        return {**shared, **{name: getattr(header, name) for name in GROUP_FIELDS}}
    return {
        **shared,
        "charset": header.syntax,
        "syntax_version": header.opening.version,
        "application": header.application,
        "ack_requested": header.ack_requested,
        "agreement": header.agreement,
        "test": header.test,
    }


def write_file(source: BinaryIO, mode: Mode, found: Callable[[EdiFault], None], **options: Any) -> Iterator[bytes]:
    """Yield a file written again: nothing tolerated is left, counts and references are right.

    Args:
        source: EDIFACT.
        mode: how it is read.
        found: is told its faults; what a fault rejects is written as far as it was read.
        options: of the writer; what is not given stays as it is in the file.
    """
    reader = Reader(source, mode=mode)
    opening: list[InterchangeHeader] = []

    def segments() -> Iterator[ReadSegment]:
        for event in reader.events():
            match event:
                case ReadSegment():
                    yield event
                case EdiFault():
                    found(event)
                case InterchangeStart(header) | GroupStart(header) | MessageStart(header):
                    if isinstance(header, InterchangeHeader):
                        opening[:] = [header]
                    if header:
                        yield header.segment
                case MessageEnd() | GroupEnd() | InterchangeEnd():
                    if event.segment:
                        yield event.segment

    def opened(unb: ReadSegment | None) -> Writer:
        if unb is None:
            return Writer(**options)
        how = opening[0].opening
        kept = {"charset": how.charset.name, "version": how.version, "delimiters": how.delimiters}
        if options.get("version", how.version) != how.version:
            del kept["delimiters"]
        return Writer(**{**kept, **options})

    return again(segments(), opened)


def write_lines(lines: Iterable[Json], **options: Any) -> Iterator[bytes]:
    """Yield the EDIFACT of objects as `read_lines` yields them; only those of segments count.

    Args:
        lines: the objects.
        options: of the writer; character set and version are those of UNB where they are not given.

    Raises:
        UnwritableError: an object is no segment, or a segment cannot be written.
    """

    def opened(unb: ReadSegment | None) -> Writer:
        charset, version = (unb.value(1), unb.value(1, 2)) if unb else ("", "")
        said = {
            "charset": charset if charset in CHARSETS else "UNOC",
            "version": version if version in VERSIONS else "3",
        }
        return Writer(**{**said, **options})

    return again((_made(number, each) for number, each in enumerate(lines, 1) if each.get("what") == "segment"), opened)


def _made(number: int, line: Json) -> ReadSegment:
    """Return the segment of an object."""
    tag, elements = line.get("tag"), line.get("elements")
    if not isinstance(tag, str) or not isinstance(elements, list):
        raise UnwritableError(
            f"Line {number} is no segment: it needs `tag` and `elements`.", fix="See `crossdock edi read --json`."
        )
    made = ReadSegment(tag, [_element(each, number) for each in elements])
    made.nest(line.get("nesting", ()))
    return made


def _element(element: Any, number: int) -> Any:
    if isinstance(element, dict) and isinstance(element.get("repeated"), list):
        return Repeated(element["repeated"])
    if isinstance(element, str) or (isinstance(element, list) and all(isinstance(each, str) for each in element)):
        return element
    raise UnwritableError(
        f'Line {number} has an element that is neither text, a list of texts, nor {{"repeated": [...]}}.',
        fix="See `crossdock edi read --json`.",
    )
