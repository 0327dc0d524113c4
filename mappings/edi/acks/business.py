"""What is said of the content of documents: 824 and APERAK, each accepting or refusing one or more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

from mappings.edi.acks.answers import AnySegment
from mappings.edi.edifact.segments import ReadSegment
from mappings.edi.x12.segments import Segment

# OTI01: what becomes of the transaction named; those with R are refusals, E is accepted with errors.
REFUSALS = frozenset({"TR", "IR", "GR", "BR"})


@dataclass(slots=True)
class Said:
    """A verdict on one paper of ours.

    Args:
        verdict: `accepted` or `rejected`.
        number: of the paper.
        kind: such as 856 or INVOIC, where it is said.
        reasons: [{code, text}]; of what is accepted, warnings.
    """

    verdict: str
    number: str
    kind: str = ""
    reasons: list[dict[str, Any]] = field(default_factory=list)


def business_answer(kind: str, segments: Sequence[AnySegment]) -> list[Said]:
    """Return the verdicts of an 824 or an APERAK."""
    return _x12(segments) if kind == "824" else _edifact(segments)


def _x12(segments: Sequence[AnySegment]) -> list[Said]:
    found: list[Said] = []
    notes = 0
    for each in segments:
        value = each.value
        if each.tag == "OTI":
            notes = 0
            verdict = "rejected" if value(1) in REFUSALS else "accepted"
            found.append(Said(verdict, value(3), value(10)))
        elif each.tag == "TED" and found:
            text = value(2) or f"the partner's code {value(1)}"
            where = " ".join(part for part in (value(3), value(7)) if part)
            found[-1].reasons.append({"code": value(1), "text": f"{text}{f' ({where})' if where else ''}"})
            notes = 0
        elif each.tag == "NTE" and found and value(2) and notes < NOTES:
            _note(found[-1].reasons, value(1), value(2), notes)
            notes += 1
    return [each for each in found if each.number]


def _note(reasons: list[dict[str, Any]], code: str, text: str, before: int) -> None:
    """Add what a partner says in words to the reason it follows; where none stands before it, it is one itself."""
    if reasons:
        reasons[-1]["text"] += f"{' ' if before else ': '}{text}"
    else:
        reasons.append({"code": code, "text": text})


def _edifact(segments: Sequence[AnySegment]) -> list[Said]:
    # BGM 1225: 27 is "not accepted", 1001 of 313 and the like say nothing of it; errors are in ERC.
    refused, number, reasons = False, "", []
    for each in segments:
        value = each.value
        if each.tag == "BGM":
            refused = value(3) == "27"
        elif each.tag == "RFF" and value(1) in ("ACW", "DQ", "AAK", "IV", "ON", "VN", "ACE") and not number:
            number = value(1, 2)
        elif each.tag == "ERC":
            reasons.append({"code": value(1), "text": f"the partner's code {value(1)}"})
        elif each.tag == "FTX" and reasons:
            text = " ".join(part for part in (value(4, at) for at in range(1, 6)) if part)
            reasons[-1]["text"] = text or reasons[-1]["text"]
    if not number:
        return []
    return [Said("rejected" if refused or reasons else "accepted", number, "", reasons)]


# Lengths of TED02, NTE02 and FTX's texts, and how many NTE may follow.
TED, NOTE, NOTES, FREE = 60, 80, 100, 70
OTHER = "ZZZ"
"""TED01 of a reason that is ours."""


def application_advice(answer: Mapping[str, Any], at: datetime) -> list[Segment]:
    """Return the segments of an 824 between ST and SE: what became of one set of the partner's.

    Args:
        answer: {document, kind, number, reference, group, accepted, reasons: [{code, text}]}.
        at: when it is said.
    """
    about = str(answer.get("number") or answer["reference"])[:30]
    verdict = "TA" if answer["accepted"] else "TR"
    day = at.astimezone(UTC).strftime("%Y%m%d")
    named = [str(answer.get("group") or ""), str(answer["reference"]), str(answer["kind"])]
    segments = [
        Segment("BGN", ["00", _own_number(answer), day]),
        Segment("OTI", [verdict, "TN", about, "", "", "", "", *named]),
    ]
    for each in answer["reasons"]:
        segments.append(Segment("TED", [OTHER, str(each["code"])[:TED]]))
        segments += [Segment("NTE", ["ERN", piece]) for piece in wrap(each["text"], NOTE)[:NOTES]]
    return segments


def application_error(answer: Mapping[str, Any], at: datetime) -> list[ReadSegment]:
    """Return the segments of an APERAK between UNH and UNT: what became of one message of the partner's.

    Args:
        answer: as for `application_advice`.
        at: when it is said.
    """
    verdict = "29" if answer["accepted"] else "27"
    segments = [
        ReadSegment("BGM", ["313", _own_number(answer), verdict]),
        ReadSegment("DTM", [["137", at.astimezone(UTC).strftime("%Y%m%d%H%M"), "203"]]),
        ReadSegment("RFF", [["ACW", str(answer.get("number") or answer["reference"])[:35]]]),
    ]
    for each in answer["reasons"]:
        segments.append(ReadSegment("ERC", ["ZZZ"]))
        pieces = wrap(f"{each['code']}: {each['text']}", FREE)[:5]
        segments.append(ReadSegment("FTX", ["AAO", "", "", pieces]))
    return segments


def _own_number(answer: Mapping[str, Any]) -> str:
    """Return the number of an answer: the end of the document's own id, which is random."""
    return str(answer["document"])[-22:].upper()
