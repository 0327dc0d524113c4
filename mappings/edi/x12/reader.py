"""Reads X12: interchanges, groups and transaction sets as they come, each with what is wrong with its envelope.

Nothing a partner sent raises. A fault takes away the level it names; what stands beside it goes on. A tolerant reader
reads what can be read and says what it tolerated, once per interchange; to a strict one the same is an error, and the
transaction sets of that interchange are withheld from there on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mappings.edi.faults import EdiFault, Kind, Level, Place
from mappings.edi.limits import Mode
from mappings.edi.x12.cutting import Note
from mappings.edi.x12.envelope import ENVELOPE_VERSION, Envelope, tolerated
from mappings.edi.x12.events import Event, Interchange, InterchangeEnd
from mappings.edi.x12.header import Header
from mappings.edi.x12.segments import Segment
from mappings.edi.x12.source import Readable
from mappings.edi.x12.tokens import MAX_SEGMENT, Tokenizer

MAX_SET = 64 << 20
# Read on even by a strict reader, but never as if they were right.
ALWAYS_WRONG = frozenset({"segment-too-long", "binary-length"})
FIELD_CHECKS = (
    (12, re.compile(r"[0-9]{9}\Z"), "reference-invalid"),
    (13, re.compile(r"[01]\Z"), "acknowledgment-invalid"),
    (14, re.compile(r"[IPT]\Z"), "usage-invalid"),
    (8, re.compile(r"[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])\Z"), "date-invalid"),
    (9, re.compile(r"([01][0-9]|2[0-3])[0-5][0-9]\Z"), "time-invalid"),
    (11, ENVELOPE_VERSION, "version-invalid"),
)


class X12Reader:
    """Reads a file once.

    Args:
        source: its bytes, or a binary file, of which only pieces are held.
        mode: tolerant or strict.
        max_segment: bytes of the longest segment; a longer one is left out.
        max_set: bytes of the largest transaction set; of a larger one only ST is kept.
    """

    def __init__(
        self,
        source: bytes | Readable,
        *,
        mode: Mode = Mode.TOLERANT,
        max_segment: int = MAX_SEGMENT,
        max_set: int = MAX_SET,
    ) -> None:
        self.tokens = Tokenizer(source, max_segment=max_segment)
        self.strict = mode is Mode.STRICT
        self.max_set = max_set
        self.references: set[str] = set()

    def __iter__(self) -> Iterator[Event]:
        """Yield the events of all interchanges."""
        envelope: Envelope | None = None
        for batch in self.tokens:
            segments = batch.segments
            if batch.header is not None:
                if envelope is not None:
                    yield from envelope.end()
                envelope = self.begin(batch.header, segments[0])
                segments = segments[1:]
                yield envelope.interchange
            elif batch.unreadable is not None or envelope is None:
                if envelope is not None:
                    yield from envelope.end()
                    envelope = None
                yield InterchangeEnd(None, self.unreadable(batch.offset, batch.unreadable, batch.notes), 0)
                continue
            for note in batch.notes:
                envelope.faults.append(self.noted(note, envelope.interchange))
                envelope.withheld |= self.strict
            start = 0
            for index in batch.envelope:
                yield from envelope.put(segments[start:index])
                yield from envelope.take(segments[index])
                start = index + 1
            yield from envelope.put(segments[start:])
            envelope.shed()
        if envelope is not None:
            yield from envelope.end()

    def begin(self, header: Header, segment: Segment) -> Envelope:
        """Return the envelope of an interchange whose ISA was read."""
        fields = tuple(each.strip() for each in header.fields)
        interchange = Interchange(fields, header.delimiters, segment)
        envelope = Envelope(interchange, segment, self.max_set, strict=self.strict)
        reference = interchange.reference
        if reference in self.references:
            envelope.faults.append(envelope.fault("interchange:reference-duplicate", segment, reference, element=13))
        self.references.add(reference)
        for index, pattern, name in FIELD_CHECKS:
            if not pattern.match(fields[index]):
                found = envelope.fault(f"interchange:{name}", segment, fields[index] or "nothing", element=index + 1)
                envelope.faults.append(found if self.strict else tolerated(found))
                envelope.withheld |= self.strict
        return envelope

    def noted(self, note: Note, interchange: Interchange | None) -> EdiFault:
        """Return a note of the tokenizer as a fault: an error to a strict reader."""
        place = Place(note.offset, note.number, interchange=interchange.reference if interchange else None)
        wrong = self.strict or note.name in ALWAYS_WRONG
        kind = Kind.ERROR if wrong else Kind.TOLERANCE
        return EdiFault(kind, note.name, note.code, note.text, place, Level.INTERCHANGE if wrong else None)

    def unreadable(self, offset: int, reason: object, notes: list[Note]) -> tuple[EdiFault, ...]:
        """Return the faults of bytes that are no interchange."""
        code = getattr(reason, "code", "022")
        text = str(reason) if reason else "There is no ISA in the file: it holds no X12 interchange."
        error = EdiFault(Kind.ERROR, "no-interchange", code, text, Place(offset, tag="ISA"), Level.INTERCHANGE)
        return (*(self.noted(each, None) for each in notes), error)
