"""Where a reader is, and the faults it makes of what it notices there."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.edi.edifact.envelope import GroupHeader, InterchangeHeader, MessageHeader
from mappings.edi.edifact.findings import Finding, Weight
from mappings.edi.edifact.segments import ReadSegment
from mappings.edi.faults import EdiFault, Kind, Level, Place, shown
from mappings.edi.limits import Limits, Mode


class Judge:
    """Knows which interchange, group and message are open, and what was already found wrong with them.

    Args:
        mode: tolerant or strict.
        limits: of faults.
    """

    def __init__(self, mode: Mode, limits: Limits) -> None:
        self._strict = mode is Mode.STRICT
        self._most = limits.faults
        self.interchange: InterchangeHeader | None = None
        self.group: GroupHeader | None = None
        self.message: MessageHeader | None = None
        self.position = 0
        self.rejected: set[Level] = set()
        self._said: dict[Level, set[str]] = {level: set() for level in Level}
        self._count = dict.fromkeys(Level, 0)

    def fresh(self, level: Level) -> None:
        """Forget what was said of a level, because another one begins."""
        self.rejected.discard(level)
        self._said[level].clear()
        self._count[level] = 0

    @property
    def around(self) -> Level:
        """Return the innermost level that is open."""
        if self.message is not None:
            return Level.MESSAGE
        return Level.GROUP if self.group is not None else Level.INTERCHANGE

    def finding(self, found: Finding) -> Iterator[EdiFault]:
        """Yield the fault of something the tokenizer noticed, unless enough was said of it."""
        small = found.weight in (Weight.LAYOUT, Weight.SMALL)
        level = Level.INTERCHANGE if found.weight in (Weight.LAYOUT, Weight.INTERCHANGE) else self.around
        if small:
            if found.name in self._said[level]:
                return
            self._said[level].add(found.name)
        place = self._place(
            found,
            self.position + 1 if self.message and found.tag != "UNH" else self.position,
            found.element,
            found.component,
        )
        tolerated = small and not self._strict
        yield from self._fault(found.name, found.code, found.text, place, None if tolerated else level, found.value)

    def fault(
        self,
        name: str,
        code: str | None,
        text: str,
        segment: ReadSegment,
        level: Level,
        *,
        element: int | None = None,
        component: int | None = None,
        small: bool = False,
    ) -> Iterator[EdiFault]:
        """Yield a fault of the envelope.

        Args:
            name: stable word.
            code: of code list 0085.
            text: a sentence.
            segment: where it shows.
            level: that it takes away.
            element: from 1.
            component: from 1.
            small: whether a tolerant reader lets it pass.
        """
        inside = self.message is not None and segment.tag not in ("UNE", "UNZ", "UNG", "UNB")
        place = self._place(segment, self.position if inside else 0, element, component)
        value = shown(segment.value(element, component or 1)) or None if element else None
        yield from self._fault(name, code, text, place, None if small and not self._strict else level, value)

    def _fault(
        self, name: str, code: str | None, text: str, place: Place, rejects: Level | None, value: str | None
    ) -> Iterator[EdiFault]:
        level = self.around
        if rejects is not None:
            self.rejected.add(rejects)
        self._count[level] += 1
        if self._count[level] <= self._most:
            kind = Kind.TOLERANCE if rejects is None else Kind.ERROR
            yield EdiFault(kind, name, code, text, place, rejects, value)

    def _place(self, at: Finding | ReadSegment, position: int, element: int | None, component: int | None) -> Place:
        return Place(
            offset=at.offset,
            number=at.number,
            tag=at.tag,
            interchange=self.interchange.reference or None if self.interchange else None,
            group=self.group.reference or None if self.group else None,
            message=self.message.reference or None if self.message else None,
            position=position if self.message and position else None,
            element=element,
            component=component,
        )
