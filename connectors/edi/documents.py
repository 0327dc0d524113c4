"""XML documents of a partner: each comes and leaves as a file of its own, without an envelope of segments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lxml import etree

from connectors.edi.envelope import Content, numbered
from connectors.edi.profile import Exchanged, Profile
from connectors.edi.ruled import require_rules
from core.domain.payloads import jsonable
from core.errors import MappingError, Rejected
from core.ports.connectors import Json
from core.ports.partners import IncomingDocument, Numbers, OutgoingDocument, OutgoingInterchange, Verdict
from mappings.edi.acks.business import Said
from mappings.edi.acks.documents import judge_document
from mappings.edi.acks.findings import MessageFindings
from mappings.edi.acks.terms import Judged, Terms
from mappings.edi.shipped import map_that_reads_again
from mappings.edi.xml.answers import ANSWERS, answers_of
from mappings.edi.xml.comparing import statements
from mappings.edi.xml.documents import read_document
from mappings.edi.xml.kinds import UNKNOWN_XML, XML
from mappings.edi.xml.parties import keys_of_document
from mappings.edi.xml.schemas import Schemas
from mappings.engine import Map

CONTENT_TYPE = "application/xml"
UNIQUE = frozenset({"Order", "OrderRequest"})
DOCTYPE = re.compile(rb"<!DOCTYPE\s+\w+\s+SYSTEM\s+[\"']([^\"'<>\s]+)[\"']")
FIRST = 2_000
"""Bytes a DOCTYPE is looked for in."""
UTF_8 = "UTF-8"
SHOWN = 100


def is_xml(syntax: str) -> bool:
    """Return whether a syntax is one of XML documents, be it none that is known."""
    return syntax in XML or syntax == UNKNOWN_XML


def refuse_file(judged: Judged) -> None:
    """Refuse a file that holds no document, or one that is somebody else's: no acknowledgement would tell anybody.

    Raises:
        MappingError: with what is wrong and where.
    """
    findings = judged.findings
    if findings.problems and not findings.groups:
        raise MappingError(
            "The file holds no document that can be read.",
            why=" ".join(each.text for each in findings.problems),
            fix="Ask the partner what it is; `crossdock edi check FILE` says where reading ends.",
            code="EDI-SYNTAX-415",
        )
    if findings.problems:
        raise MappingError(
            f"The document {findings.reference[:80]} is not of this partner, or not for us.",
            why=" ".join(each.text for each in findings.problems),
            fix="Add the id to `identifiers` of his profile (`also`, where it may have any scheme) and replay the "
            "message, or ask who sent it.",
            code="EDI-PARTY-422",
        )


def incoming_document(message: MessageFindings, body: bytes, profile: Profile) -> IncomingDocument:
    """Return a document as the core keeps it; one that is wrong is set aside, where its faults are shown."""
    document = read_document(body)
    taken = bool(profile.incoming(message.kind))
    verdicts: list[Verdict] = []
    if message.accepted and message.kind in ANSWERS and not taken:
        verdicts = [_verdict(*each) for each in answers_of(document)]
    return IncomingDocument(
        kind=message.kind, reference=message.reference, number=message.reference or None, body=body,
        accepted=message.accepted, applies=taken, set_aside=True, unique=_is_new(document),
        keys=keys_of_document(document), verdicts=verdicts,
        problems=[{"code": None, "text": each.text, "tag": each.tag, "line": each.line} for each in message.problems],
    )  # fmt: skip


def _is_new(document: Any) -> bool:
    """Return whether the same number again is the same order; an update or deletion of cXML names an order again."""
    if document.type not in UNIQUE or document.root is None:
        return False
    header = document.root.find("Request/OrderRequest/OrderRequestHeader")
    return header is None or header.get("type", "new") == "new"


def _verdict(envelope: str, said: Said) -> Verdict:
    if envelope:
        return Verdict("interchange", said.verdict, interchange=envelope, reasons=said.reasons)
    return Verdict("business", said.verdict, kind=said.kind, number=said.number, reasons=said.reasons)


def refuse_faults(body: bytes, terms: Terms) -> None:
    """Refuse a document that does not fit its schema.

    Raises:
        MappingError: with the first faults, each with line and element.
    """
    for message in judge_document(body, terms).findings.messages():
        if message.problems:
            raise MappingError(
                f"The {message.kind} {message.reference[:80]} is wrong.",
                why=" ".join(each.text for each in message.problems[:5]),
                fix="Have the partner mend it and send it again.",
                code="EDI-DOCUMENT-422",
            )


def content_of(kind: str, map_: Map, paper: Mapping[str, Any], profile: Profile, keys: Sequence[Any]) -> Content:
    """Return the document of a paper.

    Raises:
        MappingError: it does not fit the map, or the map is none of XML.
    """
    if map_.document.syntax != "xml":
        raise MappingError(
            f"The map {map_.document.name} is for {map_.document.syntax}, and {kind} is XML.",
            fix="Name a map of XML in `documents`; `crossdock partner maps` lists them.",
            code="MAP-XML-422",
        )
    sides = {
        name: {"id": each.id, **({"qualifier": each.qualifier} if each.qualifier else {})}
        for name, each in (("ours", profile.ours), ("theirs", profile.theirs))
    }
    root = map_.write({"identifiers": sides, **paper})
    options = map_.document.options
    if options["indent"]:
        etree.indent(root)
    version = options["doctype"] or "", options["encoding"] or UTF_8
    return Content(kind, root, version, expects=_expects(profile), keys=keys)


def _expects(profile: Profile) -> dict[str, float]:
    """Return what is waited for: no functional acknowledgement answers an XML document, so none is."""
    return {state: seconds for state, seconds in profile.expects.items() if state != "accepted"}


def compared(row: Exchanged, map_: Map, body: bytes, profile: Profile) -> tuple[Json | None, list[str]]:
    """Return what a document that is to leave means, and what a map writes otherwise than a sample has it.

    Args:
        row: what was agreed of the document.
        map_: that writes it.
        body: the sample.
        profile: of the partner.

    Raises:
        MappingError: the sample cannot be read, or its content not be written.
    """
    reader = map_that_reads_again(row.syntax, row.kind)
    if reader is None:
        return None, [f"no map reads a {row.kind}, so this sample was only checked, and not compared"]
    canonical = jsonable(reader.read_one(body).canonical)
    wanted = statements(read_document(body).root)
    written = statements(content_of(row.kind, map_, canonical, profile, ()).body)
    missing = [each for each in wanted if each not in written]
    added = [each for each in written if each not in wanted]
    return canonical, [
        *(f"the sample has, and the map does not write: {each[:SHOWN]}" for each in missing),
        *(f"the map writes, and the sample does not have: {each[:SHOWN]}" for each in added),
    ]


def pack_document(
    profile: Profile,
    book: Numbers,
    syntax: str,
    contents: Sequence[Content],
    schemas: Schemas | None,
    *,
    rules: Sequence[Path] = (),
    name: str = "",
    replaces: str | None = None,
    test: bool | None = None,
) -> OutgoingInterchange:
    """Return a document as it leaves, under a number nobody has had.

    Of cXML the number is in its payloadID, and a test is marked; UBL has neither, so the number is in the file's name.

    Args:
        profile: of the partner.
        book: gives the number.
        syntax: ubl or cxml.
        contents: the one document.
        schemas: that it must fit, as far as they are there.
        rules: files of Schematron that it must keep.
        name: what the file is about, put into its name.
        replaces: public id of what this one is sent instead of.
        test: whether it is a test; as the profile says by default.

    Raises:
        Rejected: it does not fit its schema, or breaks a rule; the number that was taken stays unused.
    """
    [content] = contents
    marked = profile.test if test is None else test
    number, turn = numbered(profile, book, syntax, "interchange")
    reference = f"{number}-{turn}" if turn else number
    root: Any = content.body
    if syntax == "cxml":
        # Numbers are a partner's own, and a network sees those of many: his id makes them different there.
        reference = f"{reference}.{profile.theirs.id}@{profile.ours.id}"
        root.set("payloadID", reference)
        for each in root.iterchildren("Request", "Message"):
            each.set("deploymentMode", "test" if marked else "production")
    address, charset = [*content.version, "", ""][:2]
    doctype: Any = f'<!DOCTYPE {etree.QName(root).localname} SYSTEM "{address}">' if address else None
    encoding: Any = charset or UTF_8
    body = etree.tostring(root, xml_declaration=True, encoding=encoding, doctype=doctype)
    _fits(body, Terms(schemas=schemas))
    document = read_document(body)
    if rules:
        require_rules(document, rules)
    keys = [*keys_of_document(document), *content.keys]
    return OutgoingInterchange(
        syntax=syntax, sender=_written(profile.ours), recipient=_written(profile.theirs), reference=reference,
        round=turn, test=marked, name=f"{name or content.kind}-{number}{f'-{turn}' if turn else ''}.xml",
        content_type=CONTENT_TYPE, body=body,
        documents=[OutgoingDocument(content.kind, document.number or reference, document.number, None, keys,
                                    content.expects)],
        replaces=replaces,
    )  # fmt: skip


def _fits(body: bytes, terms: Terms) -> None:
    try:
        refuse_faults(body, terms)
    except MappingError as error:
        raise Rejected(
            "The document would not fit its schema.",
            why=error.why,
            fix="Correct the paper or the map, then send it again.",
            code="EDI-DOCUMENT-422",
        ) from None


def _written(identity: Any) -> str:
    return f"{identity.qualifier}:{identity.id}" if identity.qualifier else str(identity.id)


def content_again(judged: Judged, profile: Profile) -> Content:
    """Return a document that left once, or a person's edition of it, as one that can leave again."""
    body, [message] = judged.bodies[0], list(judged.findings.messages())
    document = read_document(body)
    address = DOCTYPE.search(body[:FIRST])
    version = address[1].decode() if address else "", UTF_8
    return Content(message.kind, document.root, version, expects=_expects(profile))
