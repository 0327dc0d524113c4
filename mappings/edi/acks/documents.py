"""An XML document judged as an interchange of its own: read, checked with its schema, its parties compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from mappings.edi.acks.findings import GroupFindings, InterchangeFindings, MessageFindings, Problem
from mappings.edi.acks.terms import Judged, Terms
from mappings.edi.faults import EdiFault, Kind
from mappings.edi.xml.documents import NUMBERS, XmlDocument, check_document, read_document
from mappings.edi.xml.kinds import UNKNOWN_XML
from mappings.edi.xml.names import NUMBER_NAME
from mappings.edi.xml.parsing import trimmed
from mappings.edi.xml.parties import Party, parties, same_scheme
from mappings.edi.xml.schemas import SETTINGS

CHANGE_SEQUENCE = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}SequenceNumberID"
DIGEST = 16


def judge_document(data: bytes, terms: Terms) -> Judged:
    """Return what became of an XML file; what is wrong with it is among the findings.

    A file that is no document at all has problems and no messages. UBL has no envelope: kind and number of a document
    stand for its control reference, and whether it is a test is what was agreed.

    Raises:
        InputError: a schema that is there cannot be used, or one is required and not there.
    """
    document = read_document(data, terms.mode)
    found = InterchangeFindings(document.standard or UNKNOWN_XML, "", ("", "", ""), ("", "", ""))
    judged = Judged(found)
    if document.standard is None or document.root is None:
        found.problems = [_problem(each) for each in document.faults if each.kind is Kind.ERROR]
        return judged
    own = MessageFindings(document.type, document.number or "", document.version or "")
    agreed = terms.agreed is None or terms.agreed(document.type)
    if agreed:
        _schema(document, terms, judged)
    sides = parties(document)
    agreed_ids = ((terms.sender, terms.sender_qualifiers), (terms.recipient, terms.recipient_qualifiers))
    found.sender, found.recipient = (_shown(side, *each) for side, each in zip(sides, agreed_ids, strict=True))
    found.test = document.test if document.standard == "cxml" else terms.test
    found.syntax_version = document.version or ""
    if not agreed:
        text = f"{document.type} was not agreed with this partner."
        own.problems.append(Problem("not-agreed", None, text, document.type))
    own.problems += [_problem(each) for each in document.faults if each.kind is Kind.ERROR]
    numbered = document.standard == "ubl" or document.type in NUMBERS
    if document.number is None and numbered and agreed and not own.problems:
        text = f"The {document.type} has no number: {NUMBER_NAME[document.standard]} is missing."
        own.problems.append(Problem("missing", None, text, document.type))
    found.reference = _reference(document, data, refused=bool(own.problems))
    judged.tolerances += [each.text for each in document.faults if each.kind is Kind.TOLERANCE]
    _compare(sides, terms, judged)
    found.groups = [GroupFindings(None, messages=[own])]
    judged.bodies = [trimmed(data)]
    return judged


def _schema(document: XmlDocument, terms: Terms, judged: Judged) -> None:
    if terms.schemas is None:
        return
    standard = document.standard or ""
    if terms.schemas_required or terms.schemas.has(standard, document.type):
        check_document(document, terms.schemas)
    else:
        judged.tolerances.append(
            f"The {document.type} was not checked with a schema: {SETTINGS[standard]} names no folder that has one."
        )


def _reference(document: XmlDocument, data: bytes, *, refused: bool) -> str:
    """Return what tells a document from any other of its sender.

    One that is refused leaves its number free: mended, it comes under the same one and is no duplicate.
    """
    digest = hashlib.sha256(data).hexdigest()[:DIGEST]
    if document.standard == "cxml":
        named = document.envelope
    else:
        change = document.root.findtext(CHANGE_SEQUENCE) if document.type == "OrderChange" else None
        named = ":".join(each for each in (document.type, document.number, change) if each) if document.number else None
    # Without a number the content is all there is.
    named = named or f"sha256:{digest}"
    return f"{named} refused:{digest}" if refused else named


def _shown(party: Party, wanted: frozenset[str], schemes: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the id that was agreed where the party has it among others, else its first."""
    known = _agreed(party, wanted, schemes)
    return (*(known[0] if known else party[0] if party else ("", "")), "")


def _agreed(party: Party, wanted: frozenset[str], schemes: Mapping[str, str]) -> Party:
    """Return those ids of a party that were agreed, each with the scheme it was agreed with."""
    return [each for each in party if each[1] in wanted and same_scheme(each[0], schemes.get(each[1], ""))]


def _compare(sides: tuple[Party, Party], terms: Terms, judged: Judged) -> None:
    """Refuse what somebody else sent, or what is meant for somebody else; the transport proves a sender without ids."""
    problems = judged.findings.problems
    for party, wanted, schemes, name in (
        (sides[0], terms.sender, terms.sender_qualifiers, "sender"),
        (sides[1], terms.recipient, terms.recipient_qualifiers, "recipient"),
    ):
        if not wanted:
            continue
        if not party:
            judged.tolerances.append(f"The document gives no id of its {name}; who sent it is what its transport says.")
        elif not _agreed(party, wanted, schemes):
            other = next((each for each in party if each[1] in wanted), None)
            if other is not None:
                text = f"The {name} {other[1]!r} has the scheme {other[0][:80]!r}, agreed is {schemes[other[1]]!r}."
                problems.append(Problem(f"{name}-qualifier", None, text))
                return
            ids = " or ".join(repr(value[:80]) for _, value in party[:3])
            said = "is not the partner's id" if name == "sender" else "is none of our ids"
            problems.append(Problem(name, None, f"The {name} {ids} {said}."))
            return


def _problem(fault: EdiFault) -> Problem:
    """Return a fault as a problem, its place in words: there are no segments to count."""
    at = fault.place
    where = ", ".join(each for each in (f"line {at.line}" if at.line else "", at.path or "") if each)
    text = f"{fault.text} ({where})" if where else fault.text
    return Problem(fault.name, None, text, (at.path or "").rsplit("/", 1)[-1] or None, line=at.line)
