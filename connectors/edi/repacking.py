"""What left once, or a person's edition of it, as messages that can leave again under new numbers."""

from __future__ import annotations

from collections.abc import Callable

from connectors.edi.documents import content_again, is_xml
from connectors.edi.envelope import FUNCTIONS, Content
from connectors.edi.inbound import segments_of
from connectors.edi.profile import Profile
from core.errors import Rejected
from mappings.edi.acks.judging import judge
from mappings.edi.acks.terms import Terms
from mappings.edi.x12.segments import Segment


def contents_of(
    body: bytes, profile: Profile, counts: Callable[[str], bool] | None = None
) -> tuple[str, list[Content], Segment | None, bool]:
    """Return syntax, messages, TA1 and test mark of an interchange of ours.

    Args:
        body: the interchange; its own envelope, numbers and counts are not looked at.
        profile: of the partner.
        counts: whether control totals of a kind of message are compared with what it holds; all are by default.

    Raises:
        Rejected: it is none, holds more than one, or one of its messages breaks its grammar.
    """
    found = list(judge(body, Terms(counts=counts)))
    if len(found) != 1 or not found[0].bodies:
        raise refused_edit("It has no interchange with messages." if not found else "It has more than one interchange.")
    findings = found[0].findings
    if is_xml(findings.syntax):
        told = [each.text for message in findings.messages() for each in message.problems]
        if told:
            raise refused_edit(" ".join(told[:5]))
        return findings.syntax, [content_again(found[0], profile)], None, findings.test
    contents: list[Content] = []
    note: Segment | None = None
    for group in findings.groups:
        for message in group.messages:
            segments = segments_of(found[0].bodies[message.position])
            if message.kind == "TA1":
                note = segments[0]
                continue
            # Counts and references are made anew, so what is wrong with them does not matter.
            wrong = [each for each in message.problems if each.name not in ("count-wrong", "reference-wrong",
                                                                             "reference-differs")]  # fmt: skip
            if wrong:
                at = f" ({wrong[0].tag} number {wrong[0].position})" if wrong[0].tag else ""
                raise refused_edit(f"{message.kind}: {wrong[0].text}{at}")
            answer = FUNCTIONS.get(message.kind) == "FA" or message.kind == "CONTRL"
            expects = {} if answer else dict(profile.expects)
            if findings.syntax == "x12":
                ids = (group.sender, group.recipient)
                contents.append(Content(message.kind, segments[1:-1], (group.version,), ids, expects))
            else:
                version = (message.version, message.release, message.agency, message.association)
                contents.append(Content(message.kind, segments[1:-1], version, expects=expects))
    return findings.syntax, contents, note, findings.test


def refused_edit(why: str, fix: str = "Correct the text; `crossdock edi check` names the places.") -> Rejected:
    """Return why what left cannot be sent anew like this."""
    return Rejected(
        "The interchange cannot be sent again as it is.",
        why=why,
        fix=fix,
        code="EDI-EDIT-422",
    )
