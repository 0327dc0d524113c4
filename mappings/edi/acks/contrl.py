"""CONTRL: what became of an EDIFACT interchange, told to whoever sent it.

Exactly one UCI (A4). 7 accepts it and all in it that is not refused by name, 4 refuses it whole, 8 only says that it
came. UCM names a refused message, UCS the segment and UCD the element where it shows.
"""

from __future__ import annotations

from collections.abc import Iterator

from mappings.edi.acks.findings import GroupFindings, InterchangeFindings, MessageFindings, Problem
from mappings.edi.edifact.segments import ReadSegment

REFUSED, ACCEPTED, RECEIVED = "4", "7", "8"
DUPLICATE = "26"
UNSPECIFIED = "18"
MOST_SEGMENTS, MOST_ELEMENTS = 999, 99


def wants_contrl(found: InterchangeFindings, policy: str) -> bool:
    """Return whether a CONTRL is owed (A2, A4).

    Args:
        found: the interchange.
        policy: `always`, `on_error` or `never`; what UNB 0031 asks for is answered unless it is `never`.
    """
    if policy == "never" or found.only_answers:
        return False
    wrong = found.rejected or any(group.problems for group in found.groups)
    wrong = wrong or any(each.problems for each in found.messages())
    return policy == "always" or found.ack_requested or wrong


def contrl(found: InterchangeFindings, *, receipt_only: bool = False) -> list[ReadSegment]:
    """Return the segments of a CONTRL between UNH and UNT.

    Args:
        found: the interchange.
        receipt_only: only say that it came, and nothing of what it holds.
    """
    if found.rejected:
        return [_uci(found, REFUSED, _first(found))]
    if receipt_only:
        return [_uci(found, RECEIVED, None)]
    segments = [_uci(found, ACCEPTED, None)]
    for group in found.groups:
        # Messages outside of groups come before any UCF, as the message has it.
        if group.kind is None:
            segments += [each for message in group.messages for each in _message(message)]
    for group in found.groups:
        if group.kind is not None and (group.problems or len(group.accepted) < len(group.messages)):
            segments += _group(group)
    return segments


def _first(found: InterchangeFindings) -> Problem | None:
    if found.duplicate:
        return Problem("duplicate", DUPLICATE, "This control reference was used before.", "UNB", element=5)
    return found.problems[0] if found.problems else None


def _uci(found: InterchangeFindings, action: str, problem: Problem | None) -> ReadSegment:
    sender, recipient = (_party(each) for each in (found.sender, found.recipient))
    return _segment("UCI", found.reference, sender, recipient, action, *_why(problem))


def _group(group: GroupFindings) -> Iterator[ReadSegment]:
    action = REFUSED if group.problems else ACCEPTED
    why = _why(group.problems[0] if group.problems else None)
    yield _segment("UCF", group.reference, group.sender, group.recipient, action, *why)
    if not group.problems:
        for message in group.messages:
            yield from _message(message)


def _message(message: MessageFindings) -> Iterator[ReadSegment]:
    if message.accepted:
        return
    kind = [message.kind, message.version, message.release, message.agency, message.association]
    own = [each for each in message.problems if each.position is None or each.tag in ("UNH", "UNT")]
    first = own[0] if own else message.problems[0]
    # What is wrong inside is said below; here only that it is.
    yield _segment("UCM", message.reference, kind, REFUSED, *_why(first if own else None, UNSPECIFIED))
    places: dict[int, list[Problem]] = {}
    for each in message.problems:
        if each not in own and each.position is not None:
            places.setdefault(each.position, []).append(each)
    for position, problems in sorted(places.items())[:MOST_SEGMENTS]:
        whole = next((each for each in problems if each.element is None), None)
        yield _segment("UCS", str(position), whole.code or UNSPECIFIED if whole else "")
        for each in [one for one in problems if one.element is not None][:MOST_ELEMENTS]:
            yield _segment("UCD", each.code or UNSPECIFIED, _place(each))


def _why(problem: Problem | None, otherwise: str = "") -> list[str | list[str]]:
    if problem is None:
        return [otherwise]
    tag = problem.tag if problem.tag in SERVICE else ""
    return [problem.code or UNSPECIFIED, tag or "", _place(problem) if tag else ""]


SERVICE = frozenset({"UNA", "UNB", "UNZ", "UNG", "UNE", "UNH", "UNT", "UNS", "UNO", "UNP"})


def _place(problem: Problem) -> str | list[str]:
    if problem.element is None:
        return ""
    # S011 counts the tag as the first element of a segment.
    element = str(problem.element + 1)
    return [element, str(problem.component)] if problem.component else element


def _party(party: tuple[str, str, str]) -> str | list[str]:
    qualifier, identifier, internal = party
    values = [identifier, qualifier, internal]
    while len(values) > 1 and not values[-1]:
        values.pop()
    return values if len(values) > 1 else values[0]


def _segment(tag: str, *elements: str | list[str]) -> ReadSegment:
    kept: list[str | list[str]] = []
    for each in elements:
        if isinstance(each, list):
            while len(each) > 1 and not each[-1]:
                each.pop()
            kept.append(each if len(each) > 1 else each[0])
        else:
            kept.append(each)
    while kept and not kept[-1]:
        kept.pop()
    return ReadSegment(tag, kept)
