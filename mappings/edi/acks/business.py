"""What partners say of the content of papers of ours: 824 and APERAK, each accepting or refusing one or more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mappings.edi.acks.answers import AnySegment

# OTI01: what becomes of the transaction named; those with R are refusals, E is accepted with errors.
REFUSALS = frozenset({"TR", "IR", "GR", "BR"})


@dataclass(slots=True)
class Said:
    """A verdict on one paper of ours.

    Args:
        verdict: `accepted` or `rejected`.
        number: of the paper.
        kind: such as 856 or INVOIC, where it is said.
        reasons: [{code, text}].
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
    for each in segments:
        value = each.value
        if each.tag == "OTI":
            verdict = "rejected" if value(1) in REFUSALS else "accepted"
            found.append(Said(verdict, value(3), value(10)))
        elif each.tag == "TED" and found:
            text = value(2) or f"the partner's code {value(1)}"
            where = " ".join(part for part in (value(3), value(7)) if part)
            found[-1].reasons.append({"code": value(1), "text": f"{text}{f' ({where})' if where else ''}"})
    return [each for each in found if each.number]


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
