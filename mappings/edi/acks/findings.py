"""What became of an interchange that was read: level by level, accepted or not and why; JSON in both directions.

Acknowledgements are made of this alone, so that one can be made again, exactly alike, long after the file was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from mappings.edi.faults import EdiFault, Kind

# Functional acknowledgements and what belongs to them are never acknowledged themselves.
ANSWERS = frozenset({"CONTRL", "997", "999", "TA1"})
ACKNOWLEDGING_GROUPS = frozenset({"FA"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault, as acknowledgements need it.

    Args:
        name: the fault's stable word.
        code: the standard's own.
        text: a sentence.
        tag: of the segment.
        position: of the segment in its message, from 1; None outside messages.
        element: from 1.
        component: from 1.
        value: what was found there, shortened.
        line: of an XML file.
    """

    name: str
    code: str | None
    text: str
    tag: str | None = None
    position: int | None = None
    element: int | None = None
    component: int | None = None
    value: str | None = None
    line: int | None = None

    @classmethod
    def of(cls, fault: EdiFault) -> Self:
        """Return the problem a fault is."""
        at = fault.place
        return cls(fault.name, fault.code, fault.text, at.tag, at.position, at.element, at.component, fault.value)


def problems(faults: list[EdiFault]) -> list[Problem]:
    """Return the errors among faults; what was tolerated is no problem."""
    return [Problem.of(each) for each in faults if each.kind is Kind.ERROR]


@dataclass(slots=True)
class MessageFindings:
    """One message.

    Args:
        kind: type of the message, such as ORDERS or 850.
        reference: UNH 0062 or ST02.
        version: what stands with the type: `D`, release `96A`; of X12 ST03, or nothing.
        position: in the interchange, from 0.
    """

    kind: str
    reference: str
    version: str = ""
    release: str = ""
    agency: str = ""
    association: str = ""
    position: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Whether its syntax is right."""
        return not self.problems


@dataclass(slots=True)
class GroupFindings:
    """A functional group, or the messages that stand in none.

    Args:
        kind: GS01 or UNG 0038; None for messages outside of groups.
        reference: GS06 or UNG 0048.
        sender: application sender (GS02).
        recipient: application recipient (GS03).
        version: GS08.
        stated: number of messages the trailer states.
        problems: of the group itself; any rejects all its messages.
    """

    kind: str | None
    reference: str = ""
    sender: str = ""
    recipient: str = ""
    version: str = ""
    agency: str = ""
    stated: int | None = None
    problems: list[Problem] = field(default_factory=list)
    messages: list[MessageFindings] = field(default_factory=list)

    @property
    def accepted(self) -> list[MessageFindings]:
        """The messages that may be worked on."""
        return [] if self.problems else [each for each in self.messages if each.accepted]


@dataclass(slots=True)
class InterchangeFindings:
    """An interchange.

    Args:
        syntax: edifact or x12.
        reference: UNB 0020 or ISA13.
        sender: (qualifier, id, internal address) as they stand in the envelope.
        recipient: likewise.
        prepared: (date, time) as they stand in the envelope.
        syntax_version: UNB S001 such as UNOC:3, or ISA12.
        test: whether it is marked as a test.
        ack_requested: UNB 0031 or ISA14.
        duplicate: whether the same sender used this reference for another interchange before.
        problems: of the interchange itself; any rejects everything in it.
    """

    syntax: str
    reference: str
    sender: tuple[str, str, str]
    recipient: tuple[str, str, str]
    prepared: tuple[str, str] = ("", "")
    syntax_version: str = ""
    test: bool = False
    ack_requested: bool = False
    duplicate: bool = False
    problems: list[Problem] = field(default_factory=list)
    groups: list[GroupFindings] = field(default_factory=list)

    @property
    def rejected(self) -> bool:
        """Whether it is refused as a whole."""
        return bool(self.problems) or self.duplicate

    def messages(self) -> Iterator[MessageFindings]:
        """Yield all messages, in their order."""
        for group in self.groups:
            yield from group.messages

    @property
    def only_answers(self) -> bool:
        """Whether it holds nothing but acknowledgements, which are never acknowledged; an empty one does not."""
        kinds = [each.kind for each in self.messages()]
        return bool(kinds) and all(each in ANSWERS for each in kinds)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Return what `as_dict` was made of."""
        values = dict(given)
        groups = [_group(each) for each in values.pop("groups")]
        found = [Problem(**each) for each in values.pop("problems")]
        for name in ("sender", "recipient", "prepared"):
            values[name] = tuple(values[name])
        return cls(**values, problems=found, groups=groups)


def _group(given: Mapping[str, Any]) -> GroupFindings:
    values = dict(given)
    messages = []
    for each in values.pop("messages"):
        inner = dict(each)
        found = [Problem(**one) for one in inner.pop("problems")]
        messages.append(MessageFindings(**inner, problems=found))
    found = [Problem(**each) for each in values.pop("problems")]
    return GroupFindings(**values, problems=found, messages=messages)
