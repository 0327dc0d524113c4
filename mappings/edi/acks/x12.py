"""997, 999 and TA1: what became of an X12 interchange, told to whoever sent it.

One 997 or 999 for each functional group (A1): AK2 and AK5 for each set, the totals in AK9. TA1 speaks of the envelope
alone, and only where ISA14 asks for it (A3).
"""

from __future__ import annotations

from collections.abc import Iterable

from mappings.edi.acks.findings import (
    ACKNOWLEDGING_GROUPS,
    GroupFindings,
    InterchangeFindings,
    MessageFindings,
    Problem,
)
from mappings.edi.x12.segments import Element, Segment

DUPLICATE = "025"
SEGMENTS_IN_ERROR = "5"
MOST_CODES = 5
SHOWN = 99


def wants_ta1(found: InterchangeFindings, policy: str) -> bool:
    """Return whether a TA1 is owed (A2, A3).

    Args:
        found: the interchange.
        policy: `if_isa14` or `never`.
    """
    return policy != "never" and found.ack_requested and not found.only_answers


def ta1(found: InterchangeFindings) -> Segment:
    """Return the TA1 of an interchange: accepted, or refused with the code of its first error; 025 for a duplicate."""
    code = DUPLICATE if found.duplicate else next((each.code or "024" for each in found.problems), "000")
    verdict = "R" if found.rejected else "A"
    return Segment("TA1", [found.reference.rjust(9, "0"), *found.prepared, verdict, code])


def groups_to_answer(found: InterchangeFindings) -> list[GroupFindings]:
    """Return the groups that are owed a 997 or 999: none of a refused interchange, never those of answers (A2)."""
    if found.rejected:
        return []
    return [each for each in found.groups if each.kind is not None and each.kind not in ACKNOWLEDGING_GROUPS]


def acknowledge_group(group: GroupFindings, kind: str = "997", avoid: Iterable[str] = ()) -> list[Segment]:
    """Return what a 997 or 999 of a group holds between ST and SE.

    Args:
        group: of the interchange that came.
        kind: `997` or `999`.
        avoid: the delimiters the acknowledgement is written with; values with one of them are shown without.
    """
    newer = kind == "999"
    begin: list[Element] = [group.kind or "", group.reference]
    segments = [Segment("AK1", [*begin, group.version] if newer else begin)]
    for message in group.messages:
        segments += _set(message, newer, "".join(avoid))
    return [*segments, _totals(group)]


def _set(message: MessageFindings, newer: bool, avoid: str) -> list[Segment]:
    three, four, five = ("IK3", "IK4", "IK5") if newer else ("AK3", "AK4", "AK5")
    inside = [each for each in message.problems if each.position is not None and each.tag not in ("ST", "SE")]
    own = [each for each in message.problems if each not in inside]
    begin: list[Element] = [message.kind, message.reference]
    segments = [Segment("AK2", [*begin, message.version] if newer and message.version else begin)]
    places: dict[tuple[int, str], list[Problem]] = {}
    for each in inside:
        assert each.position is not None
        places.setdefault((each.position, each.tag or ""), []).append(each)
    for (position, tag), problems in sorted(places.items()):
        whole = next((each for each in problems if each.element is None), None)
        parts = [each for each in problems if each.element is not None]
        # 8: the segment has element errors.
        code = (whole.code or "8") if whole else "8"
        segments.append(Segment(three, [tag or "ZZ", str(position), "", code]))
        segments += [Segment(four, _element(each, avoid)) for each in parts[:SHOWN]]
    codes = list(dict.fromkeys(each.code or SEGMENTS_IN_ERROR for each in own))
    if inside:
        codes.append(SEGMENTS_IN_ERROR)
    return [*segments, Segment(five, ["R" if message.problems else "A", *codes[:MOST_CODES]])]


def _element(problem: Problem, avoid: str) -> list[Element]:
    place: Element = str(problem.element)
    if problem.component:
        place = [str(problem.element), str(problem.component)]
    value = "".join(each for each in problem.value or "" if each not in avoid and each.isprintable())
    return [place, "", problem.code or "7", value[:SHOWN]]


def _totals(group: GroupFindings) -> Segment:
    received, accepted = len(group.messages), len(group.accepted)
    verdict = "A" if accepted == received and not group.problems else "P" if accepted else "R"
    stated = received if group.stated is None else group.stated
    codes = list(dict.fromkeys(each.code for each in group.problems if each.code))
    return Segment("AK9", [verdict, str(stated), str(received), str(accepted), *codes[:MOST_CODES]])
