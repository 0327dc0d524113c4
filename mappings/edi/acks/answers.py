"""What partners answer: CONTRL, 997, 999 and TA1 read to verdicts on what we sent, with their codes in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mappings.edi.acks import words
from mappings.edi.acks.words import words as said

VERDICTS = {"A": "accepted", "E": "accepted", "P": "partly", "R": "rejected", "M": "rejected", "W": "rejected",
            "X": "rejected"}  # fmt: skip
ACTIONS = {"4": "rejected", "7": "accepted", "8": "received"}


class AnySegment(Protocol):
    """A segment of either standard."""

    @property
    def tag(self) -> str:
        """Return the name of the segment."""

    def value(self, element: int, component: int = 1) -> str:
        """Return one value, empty when it is not there."""


@dataclass(slots=True)
class Answer:
    """A partner's verdict on something we sent.

    Args:
        level: `interchange`, `group` or `message`.
        verdict: `accepted`, `partly`, `rejected`, or `received` where nothing is said of the content.
        interchange: our control reference; empty where the answer names only the group (X12).
        group: our group control reference.
        message: our message reference.
        kind: of the message, or functional id of the group.
        reasons: [{code, text, segment, position, element}].
    """

    level: str
    verdict: str
    interchange: str = ""
    group: str = ""
    message: str = ""
    kind: str = ""
    reasons: list[dict[str, Any]] = field(default_factory=list)


def answers(kind: str, segments: Sequence[AnySegment]) -> list[Answer]:
    """Return the verdicts of an acknowledgement, those of wider levels first.

    Args:
        kind: `CONTRL`, `997`, `999` or `TA1`.
        segments: of the message.
    """
    if kind == "TA1":
        return [_ta1(each) for each in segments if each.tag == "TA1"]
    found = list(_contrl(segments) if kind == "CONTRL" else _functional(segments))
    order = {"interchange": 0, "group": 1, "message": 2}
    return sorted(found, key=lambda each: order[each.level])


def _ta1(segment: AnySegment) -> Answer:
    verdict, code = VERDICTS.get(segment.value(4), "rejected"), segment.value(5)
    # A TA1 accepts the envelope and says nothing of what is in it.
    verdict = "received" if verdict == "accepted" else verdict
    reasons = [_reason(words.INTERCHANGE, code)] if code not in ("", "000") else []
    return Answer("interchange", verdict, interchange=segment.value(1), reasons=reasons)


def _contrl(segments: Sequence[AnySegment]) -> Iterator[Answer]:
    reference, group = "", ""
    current: Answer | None = None
    segment_at = ""
    for each in segments:
        value = each.value
        if each.tag == "UCI":
            reference = value(1)
            current = Answer("interchange", ACTIONS.get(value(4), "received"), reference)
            current.reasons += _coded(value(5), value(6))
            yield current
        elif each.tag == "UCF":
            group = value(1)
            current = Answer("group", ACTIONS.get(value(4), "received"), reference, group)
            current.reasons += _coded(value(5), value(6))
            yield current
        elif each.tag == "UCM":
            current = Answer("message", ACTIONS.get(value(3), "received"), reference, group, value(1), value(2))
            current.reasons += _coded(value(4), value(5))
            yield current
        elif each.tag == "UCS" and current is not None:
            segment_at = value(1)
            if value(2):
                current.reasons.append(_reason(words.EDIFACT, value(2), position=segment_at))
        elif each.tag == "UCD" and current is not None:
            # S011 counts the tag as the first element.
            at = value(2)
            element = str(int(at) - 1) if at.isdigit() else at
            current.reasons.append(_reason(words.EDIFACT, value(1), position=segment_at, element=element))


def _coded(code: str, tag: str) -> list[dict[str, Any]]:
    return [_reason(words.EDIFACT, code, segment=tag)] if code else []


def _functional(segments: Sequence[AnySegment]) -> Iterator[Answer]:
    group, kind, tag, position = "", "", "", ""
    current: Answer | None = None
    for each in segments:
        value = each.value
        match each.tag:
            case "AK1":
                kind, group = value(1), value(2)
            case "AK2":
                current = Answer("message", "accepted", group=group, message=value(2), kind=value(1))
            case "AK3" | "IK3":
                tag, position = value(1), value(2)
                if current is not None and value(4) not in ("", "8"):
                    current.reasons.append(_reason(words.SEGMENT, value(4), segment=tag, position=position))
            case "AK4" | "IK4":
                if current is not None:
                    current.reasons.append(
                        _reason(words.ELEMENT, value(3), segment=tag, position=position, element=value(1))
                        | ({"value": value(4)} if value(4) else {})
                    )
            case "AK5" | "IK5":
                if current is not None:
                    current.verdict = VERDICTS.get(value(1), "rejected")
                    codes = [value(each) for each in range(2, 7) if value(each)]
                    current.reasons += [_reason(words.MESSAGE, code) for code in codes]
                    yield current
                    current = None
            case "AK9":
                codes = [value(each) for each in range(5, 10) if value(each)]
                reasons = [_reason(words.GROUP, code) for code in codes]
                yield Answer("group", VERDICTS.get(value(1), "rejected"), group=group, kind=kind, reasons=reasons)


def _reason(table: Mapping[str, str], code: str, **where: str) -> dict[str, Any]:
    found: dict[str, Any] = {"code": code, "text": said(table, code)}
    return found | {name: value for name, value in where.items() if value}


def sentence(reason: Mapping[str, Any]) -> str:
    """Return a reason as a sentence's part: the words, and where."""
    parts = (str(reason.get("segment", "")), _named(reason, "position", "number"), _named(reason, "element", "element"))
    where = " ".join(each for each in parts if each)
    return f"{reason['text']}{f' ({where})' if where else ''} [{reason['code']}]"


def _named(reason: Mapping[str, Any], name: str, word: str) -> str:
    return f"{word} {reason[name]}" if reason.get(name) else ""
