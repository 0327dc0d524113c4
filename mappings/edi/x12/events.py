"""What a reader of X12 yields, in the order of the file."""

from __future__ import annotations

from dataclasses import dataclass, field

from mappings.edi.faults import EdiFault, Kind, Level, Place
from mappings.edi.x12.segments import Delimiters, Segment


@dataclass(frozen=True, slots=True)
class Interchange:
    """The ISA of an interchange, blanks around its fields taken off.

    Args:
        fields: ISA01 to ISA16.
        segment: ISA as it stands.
    """

    fields: tuple[str, ...]
    delimiters: Delimiters
    segment: Segment

    @property
    def sender(self) -> tuple[str, str]:
        """Return qualifier and id of the sender."""
        return self.fields[4], self.fields[5]

    @property
    def receiver(self) -> tuple[str, str]:
        """Return qualifier and id of the receiver."""
        return self.fields[6], self.fields[7]

    @property
    def version(self) -> str:
        """Return ISA12, such as 00401."""
        return self.fields[11]

    @property
    def reference(self) -> str:
        """Return the control number, ISA13."""
        return self.fields[12]

    @property
    def acknowledgment_requested(self) -> bool:
        """Whether a TA1 is asked for (ISA14)."""
        return self.fields[13] == "1"

    @property
    def test(self) -> bool:
        """Whether these are test data (ISA15)."""
        return self.fields[14] == "T"


@dataclass(frozen=True, slots=True)
class Group:
    """The GS of a functional group."""

    segment: Segment
    interchange: Interchange

    @property
    def functional_id(self) -> str:
        """Return GS01, such as PO."""
        return self.segment.value(1)

    @property
    def reference(self) -> str:
        """Return the control number, GS06."""
        return self.segment.value(6)

    @property
    def version(self) -> str:
        """Return GS08, such as 004010."""
        return self.segment.value(8)


@dataclass(slots=True)
class TransactionSet:
    """A transaction set, complete or as far as it goes.

    Args:
        group: None where ST stands outside of any.
        segments: from ST to SE; without SE where it is missing.
        faults: of its envelope.
    """

    interchange: Interchange
    group: Group | None
    segments: list[Segment]
    faults: list[EdiFault] = field(default_factory=list)

    @property
    def code(self) -> str:
        """Return ST01, such as 850."""
        return self.segments[0].value(1)

    @property
    def reference(self) -> str:
        """Return ST02."""
        return self.segments[0].value(2)

    @property
    def version(self) -> str:
        """Return the version with its industry suffix: ST03 where given, else GS08."""
        return self.segments[0].value(3) or (self.group.version if self.group else "")

    @property
    def rejected(self) -> bool:
        """Whether its envelope is wrong."""
        return any(each.rejects is Level.MESSAGE for each in self.faults)

    def place(
        self, index: int, *, element: int | None = None, component: int | None = None, repetition: int | None = None
    ) -> Place:
        """Return the place of a segment, by its index, and of an element in it."""
        segment = self.segments[index]
        return Place(
            segment.offset,
            segment.number,
            segment.tag,
            self.interchange.reference,
            self.group.reference if self.group else None,
            self.reference,
            index + 1,
            element,
            component,
            repetition,
        )


@dataclass(frozen=True, slots=True)
class Acknowledgment:
    """A TA1: what a partner says of an interchange of ours."""

    segment: Segment
    interchange: Interchange

    @property
    def reference(self) -> str:
        """Return the control number of the interchange it speaks of."""
        return self.segment.value(1)

    @property
    def verdict(self) -> str:
        """Return A (accepted), E (accepted with errors) or R (rejected)."""
        return self.segment.value(4)

    @property
    def note(self) -> str:
        """Return the note code (I18)."""
        return self.segment.value(5)


@dataclass(frozen=True, slots=True)
class GroupEnd:
    """What became of a group.

    Args:
        stated: number of transaction sets that GE states, None without a GE or a number.
        received: those that came.
        accepted: those of them whose envelope is right.
        faults: of the group itself.
        segment: GE, None where it is missing.
    """

    group: Group
    stated: int | None
    received: int
    accepted: int
    faults: tuple[EdiFault, ...]
    segment: Segment | None = None

    @property
    def rejected(self) -> bool:
        """Whether the group as such is refused."""
        return any(each.rejects is Level.GROUP for each in self.faults)


@dataclass(frozen=True, slots=True)
class InterchangeEnd:
    """What became of an interchange.

    Args:
        interchange: None where there was none to speak of.
        faults: of the interchange itself; tolerances among them.
        groups: that came.
        sets: transaction sets that came.
        segment: IEA, None where it is missing.
    """

    interchange: Interchange | None
    faults: tuple[EdiFault, ...]
    groups: int
    sets: int = 0
    segment: Segment | None = None

    @property
    def rejected(self) -> bool:
        """Whether the interchange as such is refused."""
        return any(each.rejects is Level.INTERCHANGE for each in self.faults)

    @property
    def tolerances(self) -> tuple[EdiFault, ...]:
        """Return what was read as if it were right."""
        return tuple(each for each in self.faults if each.kind is Kind.TOLERANCE)

    @property
    def ta1(self) -> str:
        """Return TA1's note code: that of the first error, 000 without one."""
        return next((each.code or "024" for each in self.faults if each.rejects is Level.INTERCHANGE), "000")


Event = Interchange | Group | TransactionSet | Acknowledgment | GroupEnd | InterchangeEnd
