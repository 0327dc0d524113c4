"""Credentials in the header of cXML: who says he sends it and proves it, proofs put in, and proofs taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from xml.parsers import expat

from lxml import etree

from mappings.edi.xml.names import SECRET
from mappings.edi.xml.parsing import trimmed

SENDER = "Header/Sender/Credential"


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential of the party that sends: where its identity is from, the identity, and its shared secret."""

    domain: str
    identity: str
    secret: str = field(repr=False)


def sender_credentials(root: Any) -> Iterator[Credential]:
    """Yield the credentials in Sender of a document; a secret that is not there is empty."""
    for each in root.iterfind(SENDER):
        secret = each.find("SharedSecret")
        text = "" if secret is None else "".join(secret.itertext())
        yield Credential(each.get("domain", ""), (each.findtext("Identity") or "").strip(), text.strip())


def without_proofs(data: bytes) -> bytes:
    """Return a document of cXML with its proofs of identity emptied, all other bytes as they came.

    Args:
        data: of a document that was read before.

    Raises:
        ValueError: it was not written so that its bytes can be told apart.
    """
    inside = trimmed(data)
    begin = data.find(inside)
    kept, at = [], 0
    for first, last in _spans(inside):
        kept.append(data[at : begin + first])
        at = begin + last
    return b"".join([*kept, data[at:]])


def has_proofs(root: Any) -> bool:
    """Return whether there is something in a document that proves who somebody is."""
    return any(len(each) or each.text for each in root.iter(*(f"{{*}}{name}" for name in SECRET)))


def _spans(data: bytes) -> list[tuple[int, int]]:
    """Return from where to where the content of each proof stands, outermost ones only."""
    parser = expat.ParserCreate()
    found: list[tuple[int, int]] = []
    depth, first = 0, -1

    def anything(*_: Any) -> None:
        nonlocal first
        if depth and first < 0:
            # The start tag ended where whatever stands behind it begins.
            first = parser.CurrentByteIndex

    def start(name: str, _attributes: Any) -> None:
        nonlocal depth
        anything()
        if depth or name.rpartition(":")[2] in SECRET:
            depth += 1

    def end(_name: str) -> None:
        nonlocal depth, first
        anything()
        if depth == 1:
            found.append((first, parser.CurrentByteIndex))
            first = -1
        depth = max(depth - 1, 0)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = parser.CommentHandler = parser.ProcessingInstructionHandler = anything
    parser.StartCdataSectionHandler = parser.EndCdataSectionHandler = parser.DefaultHandler = anything
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(str(error)) from None
    return found


def proven(body: bytes, secret: str, *, identity: str = "", domain: str = "") -> bytes:
    """Return a document of ours with the secret in its Sender, in UTF-8.

    Args:
        body: the document as it was written.
        secret: what proves that we send it.
        identity: that stands in Sender, where it is not the one written.
        domain: of that identity, likewise.

    Raises:
        ValueError: it has no Sender with a credential, or the secret has characters that XML cannot hold.
    """
    reader = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    tree = etree.parse(BytesIO(body), reader)
    credential = tree.find(SENDER)
    if credential is None:
        raise ValueError("it has no Sender with a Credential")
    for each in [each for each in credential if each.tag in SECRET]:
        credential.remove(each)
    if domain:
        credential.set("domain", domain)
    if identity:
        named = credential.find("Identity")
        named = etree.SubElement(credential, "Identity") if named is None else named
        named.text = identity
    etree.SubElement(credential, "SharedSecret").text = secret
    written: bytes = etree.tostring(tree, xml_declaration=True, encoding="UTF-8")
    return written
