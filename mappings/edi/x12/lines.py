"""An X12 file as JSON objects, one for each level, segment and fault, and such objects or a file as X12 again."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO

from mappings.edi.faults import EdiFault
from mappings.edi.limits import Mode
from mappings.edi.x12.events import Event, Group, GroupEnd, Interchange, InterchangeEnd, TransactionSet
from mappings.edi.x12.header import FIRST_WITH_REPETITION, WIDTHS
from mappings.edi.x12.reader import X12Reader
from mappings.edi.x12.segments import Delimiters, Element, Repeated, Segment
from mappings.edi.x12.writer import X12WriteError, X12Writer

Json = dict[str, Any]
ENVELOPE = ("ISA", "GS", "ST", "SE", "GE", "IEA")


def read_lines(source: BinaryIO, mode: Mode) -> Iterator[Json]:
    """Yield what is in a file; `what` says of each object what it is, as for EDIFACT."""
    for event in X12Reader(source, mode=mode):
        yield from _lines(event)


def _lines(event: Event) -> Iterator[Json]:
    match event:
        case Interchange():
            yield {
                "what": "interchange", "syntax": "x12", "reference": event.reference, "sender": _party(event.sender),
                "recipient": _party(event.receiver), "syntax_version": event.version,
                "ack_requested": event.acknowledgment_requested, "test": event.test,
            }  # fmt: skip
            yield _segment(event.segment)
        case Group():
            yield {
                "what": "group", "syntax": "x12", "reference": event.reference, "type": event.functional_id,
                "version": event.version,
            }  # fmt: skip
            yield _segment(event.segment)
        case TransactionSet():
            yield {
                "what": "message", "syntax": "x12", "reference": event.reference, "type": event.code,
                "version": event.version,
            }  # fmt: skip
            yield from map(_segment, event.segments)
            yield from ({"what": "fault", **each.public()} for each in event.faults)
            count = len(event.segments)
            yield {"what": "message_end", "reference": event.reference, "segments": count, "rejected": event.rejected}
        case GroupEnd() | InterchangeEnd():
            if event.segment:
                yield _segment(event.segment)
            yield from ({"what": "fault", **each.public()} for each in event.faults)
            yield _end(event)
        case _:
            yield _segment(event.segment)


def _end(event: GroupEnd | InterchangeEnd) -> Json:
    if isinstance(event, GroupEnd):
        counted = {"reference": event.group.reference, "messages": event.received}
        return {"what": "group_end", **counted, "rejected": event.rejected}
    reference = event.interchange.reference if event.interchange else None
    counted = {"reference": reference, "messages": event.sets, "groups": event.groups}
    return {"what": "interchange_end", **counted, "rejected": event.rejected}


def _party(party: tuple[str, str]) -> Json:
    return {"id": party[1], "qualifier": party[0]}


def _segment(segment: Segment) -> Json:
    return {
        "what": "segment",
        "tag": segment.tag,
        "elements": [{"repeated": list(each)} if isinstance(each, Repeated) else each for each in segment.elements],
        "number": segment.number,
        "offset": segment.offset,
    }


def write_file(source: BinaryIO, mode: Mode, found: Callable[[EdiFault], None], **options: Any) -> Iterator[bytes]:
    """Yield a file written again: nothing tolerated is left, counts and references are right.

    Args:
        source: X12.
        mode: how it is read.
        found: is told its faults.
        options: `line_ends`; others are of EDIFACT.
    """

    def segments() -> Iterator[tuple[Segment, Delimiters | None]]:
        for event in X12Reader(source, mode=mode):
            for each in getattr(event, "faults", ()):
                found(each)
            match event:
                case Interchange():
                    yield Segment("ISA", list(event.fields)), event.delimiters
                case TransactionSet():
                    yield from ((each, None) for each in event.segments)
                case GroupEnd() | InterchangeEnd():
                    pass
                case _:
                    yield event.segment, None

    return _again(segments(), **options)


def write_lines(lines: Iterable[Json], **options: Any) -> Iterator[bytes]:
    """Yield the X12 of objects as `read_lines` yields them; only those of segments count.

    Raises:
        X12WriteError: an object is no segment, or a segment cannot be written.
    """
    made = (_made(number, each) for number, each in enumerate(lines, 1) if each.get("what") == "segment")
    return _again(((each, None) for each in made), **options)


def _again(segments: Iterable[tuple[Segment, Delimiters | None]], **options: Any) -> Iterator[bytes]:
    """Yield segments written with envelopes of our own; trailers that came are replaced."""
    foreign = sorted(set(options) - {"line_ends"})
    if foreign:
        raise X12WriteError(f"X12 has no {', '.join(foreign)}.", fix="Give these options for EDIFACT only.")
    out = io.BytesIO()
    writer: X12Writer | None = None
    body: list[Segment] | None = None
    levels: list[ExitStack] = []

    def finish(depth: int) -> None:
        nonlocal body
        if body is not None and writer is not None:
            writer.transaction_set(body[0].value(1), body[0].value(2), body[1:], version=body[0].value(3) or None)
            body = None
        while len(levels) > depth:
            levels.pop().close()

    for segment, delimiters in segments:
        if segment.tag == "ISA":
            finish(0)
            writer = X12Writer(out, _usable(segment, delimiters), newline=bool(options.get("line_ends")))
            levels.append(ExitStack())
            levels[0].enter_context(writer.interchange(_fields(segment)))
        elif writer is None:
            raise X12WriteError(f"{segment.tag} stands before any ISA.", fix="Begin with ISA.")
        elif segment.tag == "GS":
            finish(1)
            levels.append(ExitStack())
            levels[1].enter_context(writer.group([segment.value(position) for position in range(1, 9)]))
        elif segment.tag == "ST":
            finish(2)
            body = [segment]
        elif segment.tag in ENVELOPE:
            finish({"SE": 2, "GE": 1, "IEA": 0}[segment.tag])
        elif body is not None:
            body.append(segment)
        else:
            writer.segment(segment.tag, segment.elements)
        if out.tell():
            yield out.getvalue()
            out = _emptied(out)
    finish(0)
    if out.tell():
        yield out.getvalue()


def _emptied(out: io.BytesIO) -> io.BytesIO:
    out.seek(0)
    out.truncate()
    return out


def _usable(isa: Segment, delimiters: Delimiters | None) -> Delimiters:
    """Return the delimiters a file came with, or the usual ones where those cannot be written."""
    if delimiters is not None and all(each.isascii() for each in delimiters.all()):
        return delimiters
    return Delimiters(repetition="^" if isa.value(12) >= FIRST_WITH_REPETITION else None)


def _fields(isa: Segment) -> list[str]:
    """Return ISA01 to ISA15, cut to what ISA has room for only where blanks are cut."""
    return [
        isa.value(position).rstrip() if width > 1 else isa.value(position)
        for position, width in enumerate(WIDTHS[:15], 1)
    ]


def _made(number: int, line: Json) -> Segment:
    """Return the segment of an object."""
    tag, elements = line.get("tag"), line.get("elements")
    if not isinstance(tag, str) or not isinstance(elements, list):
        raise X12WriteError(
            f"Line {number} is no segment: it needs `tag` and `elements`.", fix="See `crossdock edi read --json`."
        )
    return Segment(tag, [_element(each, number) for each in elements])


def _element(element: Any, number: int) -> Element:
    if isinstance(element, dict) and isinstance(element.get("repeated"), list):
        return Repeated(element["repeated"])
    if isinstance(element, str) or (isinstance(element, list) and all(isinstance(each, str) for each in element)):
        return element
    raise X12WriteError(
        f'Line {number} has an element that is neither text, a list of texts, nor {{"repeated": [...]}}.',
        fix="See `crossdock edi read --json`.",
    )
