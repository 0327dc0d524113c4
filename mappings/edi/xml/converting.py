"""XML files through maps: one document to its canonical one, and back to see what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, BinaryIO

from core.domain.payloads import jsonable
from core.errors import MappingError
from mappings.edi.converting import Converted, Difference, Found, Json
from mappings.edi.faults import EdiFault, Kind
from mappings.edi.limits import Mode
from mappings.edi.shipped import map_that_writes
from mappings.edi.xml.comparing import statements
from mappings.edi.xml.documents import check_document, read_document
from mappings.edi.xml.parsing import MAX_BYTES, trimmed
from mappings.edi.xml.parties import GLN_SCHEMES
from mappings.edi.xml.parties import NAMES as PREFIXED
from mappings.edi.xml.schemas import Schemas
from mappings.engine import Map
from mappings.faults import MapError


@dataclass(frozen=True, slots=True)
class FoundDocument(Found):
    """The one document of an XML file.

    Args:
        body: its bytes.
        root: its root element; None when it could not be read.
    """

    body: bytes = b""
    root: Any = None


def documents(source: BinaryIO, syntax: str, mode: Mode, schemas: Schemas | None) -> Iterator[Found]:
    """Yield the document of an XML file; what is wrong with it is among its faults.

    Args:
        source: opened for bytes; no more of it is read than a document may have.
        syntax: ubl or cxml.
        mode: how it is read.
        schemas: that it is checked with where they have one for it.
    """
    data = source.read(MAX_BYTES + 1)
    document = read_document(data, mode)
    if schemas is not None and schemas.has(document.standard or "", document.type):
        check_document(document, schemas)
    yield FoundDocument(
        1, syntax, document.type, document.version or "", document.number or "", (), document.faults,
        body=b"" if document.root is None else trimmed(data), root=document.root,
    )  # fmt: skip


def convert_document(found: FoundDocument, chosen: Map | None, *, strict: bool) -> Converted:
    """Return what a map makes of a document; see `convert`."""
    result = Converted(found, chosen, faults=list(found.faults))
    wrong = next((each for each in found.faults if each.kind is Kind.ERROR), None)
    if wrong is not None and (strict or not found.type):
        what = f"The {found.type} is wrong{where(wrong)}" if found.type else f"The file cannot be read{where(wrong)}"
        result.error = MapError(f"{what}: {wrong.text}", code="MAP-XML-422")
    elif chosen is None:
        result.error = MapError(
            f"There is no map that reads {article(found.type)}.", fix="Name one by --map.", code="MAP-XML-422"
        )
    else:
        _read(result, found, chosen)
    return result


def _read(result: Converted, found: FoundDocument, chosen: Map) -> None:
    if chosen.document.syntax != "xml":
        result.error = MapError(
            f"The map {chosen.document.name} is for {chosen.document.syntax}, the file is XML.", code="MAP-XML-422"
        )
        return
    try:
        sources = list(chosen.documents(found.body))
        if len(sources) != 1 or sources[0].value is None:
            raise sources[0].error if sources and sources[0].error else MapError(
                f"The map {chosen.document.name} finds nothing in the {found.type}.",
                fix="Use the map of that document.", code="MAP-XML-422",
            )  # fmt: skip
        read = chosen.read(sources[0].value)
        result.unmapped = chosen.unmapped(sources[0].value)
    except MappingError as error:
        result.error = error
        return
    result.document, result.holds = jsonable(read.canonical), read.holds


def document_differences(converted: Converted) -> list[Difference]:
    """Return what is different in a document that is written again from its canonical one.

    Raises:
        MappingError: it cannot be written.
    """
    found, chosen = converted.found, converted.map
    assert isinstance(found, FoundDocument)
    assert chosen is not None
    assert converted.document is not None
    if chosen.document.inbound:
        writer = map_that_writes(found.syntax, found.type)
        if writer is None or writer.canonical_type != chosen.canonical_type:
            raise MapError(
                f"There is no map that writes {article(found.type)}, so it cannot be compared.",
                fix="Use `crossdock edi convert`; it names what the map does not read.",
                code="MAP-XML-422",
            )
        chosen = writer
    came = statements(found.root)
    again = statements(chosen.write({**beside(found.root, found.syntax), **converted.document}))
    matcher = SequenceMatcher(None, came, again, autojunk=False)
    return [
        Difference(left + 1, came[left:left_end], again[right:right_end])
        for word, left, left_end, right, right_end in matcher.get_opcodes()
        if word != "equal"
    ]


def enveloped(chosen: Map, canonicals: list[Json], envelope: Json) -> list[Json]:
    """Return canonical documents with what a map of XML writes into the envelope of its document.

    Args:
        chosen: map of XML.
        canonicals: the documents.
        envelope: sender, sender_qualifier, recipient, recipient_qualifier, reference and test of a document of cXML.

    Raises:
        MappingError: the standard has no envelope for what is given.
    """
    if chosen.document.options["root"] != "cXML":
        if envelope:
            given = ", ".join(f"--{name.replace('_', '-')}" for name in envelope)
            raise MapError(
                f"UBL has no envelope, so {given} cannot be said.",
                fix="Give the parties in the document: `buyer` and `seller`.",
                code="MAP-XML-422",
            )
        return canonicals
    sides = {}
    for name, side in (("ours", "sender"), ("theirs", "recipient")):
        party = {"id": envelope.get(side), "qualifier": envelope.get(f"{side}_qualifier")}
        sides[name] = {key: value for key, value in party.items() if value}
    own = {"payload_id": envelope.get("reference"), "test": envelope.get("test")}
    said = {"identifiers": sides, "envelope": {name: value for name, value in own.items() if value}}
    return [{**said, **each} for each in canonicals]


def beside(root: Any, syntax: str) -> Json:
    """Return what a document says that its canonical document need not have, and that documents are written with."""
    if syntax != "ubl":
        return {}

    def text(path: str) -> str | None:
        return str(root.xpath(f"string({path})", namespaces=PREFIXED)).strip() or None

    found: Json = {"number": text("cbc:ID"), "currency": text("(//@currencyID)[1]")}
    for name, element in (("buyer", "cac:BuyerCustomerParty"), ("seller", "cac:SellerSupplierParty")):
        party = f"{element}/cac:Party"
        own = {
            "gln": text(f"{party}/cbc:EndpointID[{GLN_SCHEMES}]"),
            "external_id": text(f"{party}/cac:PartyIdentification/cbc:ID"),
            "name": text(f"{party}/cac:PartyName/cbc:Name"),
        }
        found[name] = {key: value for key, value in own.items() if value} or None
    return {name: value for name, value in found.items() if value}


def article(kind: str) -> str:
    """Return a kind of document with its article."""
    return f"{'an' if kind[:1] in 'AEIO' else 'a'} {kind}"


def where(fault: EdiFault) -> str:
    """Return the place of a fault in words, with a blank in front."""
    return f" in line {fault.place.line}" if fault.place.line else ""
