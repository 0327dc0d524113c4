"""XML business documents recognized: UBL by namespace, cXML by its root element and what stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from mappings.edi.faults import EdiFault, Kind, Level, Place, shown
from mappings.edi.limits import Limits, Mode
from mappings.edi.xml.names import found_at, path_of
from mappings.edi.xml.parsing import Parsed, UnreadableXml, parse
from mappings.edi.xml.schemas import Schemas
from mappings.edi.xml.sentences import sentence

UBL = re.compile(r"urn:oasis:names:specification:ubl:schema:xsd:([A-Za-z]+)-2")
BASIC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
NOT_DOCUMENTS = frozenset({"CommonBasicComponents", "CommonAggregateComponents", "CommonExtensionComponents"})
VERSIONS = frozenset({"2.0", "2.1"})
"""Versions of UBL whose documents the schemas of 2.1 describe."""
CXML_PARTS = ("Request", "Response", "Message")
NUMBERS = {
    "OrderRequest": "OrderRequestHeader/@orderID",
    "ConfirmationRequest": "ConfirmationHeader/@confirmID",
    "ShipNoticeRequest": "ShipNoticeHeader/@shipmentID",
    "InvoiceDetailRequest": "InvoiceDetailRequestHeader/@invoiceID",
}
"""Where a document of cXML has its number."""


@dataclass(slots=True)
class XmlDocument:
    """One business document, as far as it was understood.

    Args:
        standard: `ubl` or `cxml`; None when it is neither.
        type: such as Order or OrderRequest.
        version: the document says it has.
        number: the document's own number, such as that of an order.
        envelope: payloadID of cXML.
        sender: identity in `From` of cXML, as {id, qualifier}.
        recipient: identity in `To`.
        test: whether the sender says that it is a test.
        status: code of a cXML response, such as 200.
        root: its root element; None when it could not be read.
        place: of the document; faults add to it.
        faults: what is wrong with it.
    """

    standard: str | None = None
    type: str = ""
    version: str | None = None
    number: str | None = None
    envelope: str | None = None
    sender: dict[str, str] | None = None
    recipient: dict[str, str] | None = None
    test: bool = False
    status: str | None = None
    root: Any = None
    lines: int = 0
    place: Place = field(default_factory=lambda: Place(0))
    faults: list[EdiFault] = field(default_factory=list)

    @property
    def rejected(self) -> bool:
        """Return whether something in it takes it away."""
        return any(each.rejects for each in self.faults)

    def add(self, name: str, text: str, line: int | None, path: str | None = None, *, mode: Mode | None = None) -> None:
        """Add a fault; with a mode, it is one that a tolerant reader tolerates."""
        tolerated = mode is Mode.TOLERANT
        self.faults.append(
            EdiFault(
                Kind.TOLERANCE if tolerated else Kind.ERROR,
                name,
                None,
                text,
                replace(self.place, line=line, path=path),
                None if tolerated else Level.MESSAGE,
            )
        )


def read_document(data: bytes, mode: Mode = Mode.TOLERANT) -> XmlDocument:
    """Return what a file holds; what is wrong with it is among its faults, and nothing is raised."""
    found = XmlDocument()
    try:
        parsed = parse(data)
    except UnreadableXml as error:
        found.add(error.name, error.text, error.line)
        return found
    found.root, found.lines, found.place = parsed.root, parsed.lines, Place(parsed.offset)
    if parsed.noise:
        found.add("noise", "There is something before or behind the document that is no XML.", 1, mode=mode)
    _recognize(found, parsed, mode)
    return found


def check_document(document: XmlDocument, schemas: Schemas, limits: Limits | None = None) -> None:
    """Add to a document's faults what its schema says against it.

    Raises:
        InputError: there is no schema for it.
    """
    if document.standard is None or document.root is None:
        return
    checker = schemas.of(document.standard, document.type)
    most = (limits or Limits()).faults
    for number, each in enumerate(checker.findings(document.root)):
        if number == most:
            document.add("too-many-faults", f"There are more faults than these {most}.", None)
            return
        name, text = sentence(each)
        element = found_at(document.root, each.path)
        document.add(name, text, each.line + document.lines, each.path if element is None else path_of(element))


def _recognize(found: XmlDocument, parsed: Parsed, mode: Mode) -> None:
    prolog = parsed.prolog
    match = UBL.fullmatch(prolog.namespace or "")
    if match and match[1] == prolog.root and match[1] not in NOT_DOCUMENTS:
        _ubl(found, prolog.root, mode)
        if prolog.doctype is not None:
            found.add("doctype", "The document has a DOCTYPE, which documents of UBL do not have.", 1)
    elif prolog.root == "cXML" and prolog.namespace is None:
        _cxml(found, mode, prolog.doctype)
    else:
        name = shown(prolog.root)
        found.add("unknown-document", f"{name} is no document of UBL 2 or cXML.", parsed.root.sourceline)
    if found.standard is not None:
        found.place = replace(found.place, interchange=found.envelope, message=found.number)


def _ubl(found: XmlDocument, kind: str, mode: Mode) -> None:
    root = found.root
    found.standard, found.type = "ubl", kind
    found.number, found.version = _text(root, f"{BASIC}ID"), _text(root, f"{BASIC}UBLVersionID")
    if found.version is not None and found.version not in VERSIONS:
        found.add(
            "version",
            f"The document says it is UBL {shown(found.version)}; it is read as UBL 2.1.",
            root.sourceline,
            mode=mode,
        )


def _cxml(found: XmlDocument, mode: Mode, doctype: str | None) -> None:
    root = found.root
    found.standard, found.version, found.envelope = "cxml", root.get("version"), root.get("payloadID")
    if doctype is None:
        found.add("doctype-missing", "The document has no DOCTYPE, which cXML asks for.", root.sourceline, mode=mode)
    elif doctype != "cXML":
        found.add("doctype", f"The DOCTYPE is of {shown(doctype)}, not of cXML.", 1)
    found.sender, found.recipient = _identity(root, "From"), _identity(root, "To")
    part = next((each for name in CXML_PARTS for each in root.iterchildren(name)), None)
    if part is None:
        found.type = "cXML"
        found.add("element-missing", "cXML lacks Request, Response or Message.", root.sourceline)
        return
    found.test = part.get("deploymentMode") == "test"
    status = part.find("Status")
    found.status = None if status is None else status.get("code")
    body = next((each for each in part.iterchildren("*") if each.tag != "Status"), None)
    # A bare Response is the answer on the level of HTTP: it says only that something was taken or not.
    found.type = part.tag if body is None else body.tag
    if body is not None and found.type in NUMBERS:
        found.number = str(next(iter(body.xpath(NUMBERS[found.type])), "")).strip() or None


def _identity(root: Any, side: str) -> dict[str, str] | None:
    credential = root.find(f"Header/{side}/Credential")
    if credential is None:
        return None
    return {"id": _text(credential, "Identity") or "", "qualifier": credential.get("domain", "")}


def _text(parent: Any, name: str) -> str | None:
    found = parent.findtext(name)
    return found.strip() or None if found else None


def elements(document: XmlDocument) -> Iterator[tuple[int, Any]]:
    """Yield the elements of a document with their depth, the root being 0."""
    waiting = [] if document.root is None else [(0, document.root)]
    while waiting:
        depth, element = waiting.pop()
        yield depth, element
        waiting.extend((depth + 1, each) for each in reversed(list(element.iterchildren("*"))))
