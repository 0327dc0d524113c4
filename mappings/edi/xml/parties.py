"""Who sent an XML document to whom: the ids a document gives its two sides, and the numbers it can be found by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mappings.edi.keys import GLN, MOST, PO, SSCC
from mappings.edi.xml.documents import XmlDocument
from mappings.edi.xml.names import PREFIXES

NAMES = {prefix.removesuffix(":"): uri for uri, prefix in PREFIXES.items() if prefix != "xml:"}
BUYER = ("cac:BuyerCustomerParty", "cac:DeliveryCustomerParty", "cac:AccountingCustomerParty", "cac:ReceiverParty")
SELLER = ("cac:SellerSupplierParty", "cac:DespatchSupplierParty", "cac:AccountingSupplierParty", "cac:SenderParty")
FROM_BUYER = frozenset({"Order", "OrderChange", "OrderCancellation", "ReceiptAdvice", "InstructionForReturns"})
"""Documents a buyer sends; all others are sent by the seller, or name their sender as such."""
GLN_SCHEMES = "@schemeID='0088' or @schemeID='GLN'"
IDS = "cbc:EndpointID | cac:PartyIdentification/cbc:ID | cac:PartyLegalEntity/cbc:CompanyID"
ORDERS = {
    "ubl": "cac:OrderReference/cbc:ID | //cac:OrderLineReference/cac:OrderReference/cbc:ID",
    "cxml": "//OrderReference/@orderID | //OrderRequestHeader/@orderID",
}
"""Where a document names orders."""
PACKAGES = {"ubl": "//cac:TransportHandlingUnit/cbc:ID", "cxml": "//IdReference[@domain='SSCC']/@identifier"}
SSCC_LENGTH = 18

Party = list[tuple[str, str]]
ONE_SCHEME = (frozenset({"0088", "GLN", "14"}), frozenset({"0060", "DUNS", "1", "01"}))
"""Names of the same scheme: of ISO 6523, in words, and of UNB and ISA where a profile has one for all."""


def parties(document: XmlDocument) -> tuple[Party, Party]:
    """Return the sender and the recipient as the (qualifier, id) pairs the document gives them, the usual one first.

    Args:
        document: of UBL or cXML; one of another kind gives none.
    """
    if document.root is None or document.standard is None:
        return [], []
    if document.standard == "cxml":
        return _credentials(document.root, "From"), _credentials(document.root, "To")
    sides = (BUYER, SELLER) if document.type in FROM_BUYER else (SELLER, BUYER)
    first, second = (_party(document.root, side) for side in sides)
    return first, second


def same_scheme(given: str, agreed: str) -> bool:
    """Return whether an id with a scheme may be the one that was agreed with another; without one it may be any.

    ZZ, mutually defined, is X12's way to agree on an id without a scheme.
    """
    first, second = given.strip().upper(), agreed.strip().upper()
    if not first or second in ("", "ZZ"):
        return True
    return first == second or any({first, second} <= each for each in ONE_SCHEME)


def _party(root: Any, elements: tuple[str, ...]) -> Party:
    for name in elements:
        found = root.xpath(f"{name}/cac:Party | {name}[not(cac:Party)]", namespaces=NAMES)
        if found:
            ids = [(each.get("schemeID", ""), (each.text or "").strip()) for each in _searched(found[0], IDS)]
            return [each for each in ids if each[1]]
    return []


def _credentials(root: Any, side: str) -> Party:
    found = root.xpath(f"Header/{side}/Credential")
    ids = [(each.get("domain", ""), (each.findtext("Identity") or "").strip()) for each in found]
    return [each for each in ids if each[1]]


def keys_of_document(document: XmlDocument) -> list[tuple[str, str]]:
    """Return (kind, value) of what a document can be found by: numbers of orders, places and packages."""
    if document.root is None or document.standard is None:
        return []
    found: dict[tuple[str, str], None] = {}
    for key in _keys(document):
        if key[1] and len(found) < MOST:
            found[key] = None
    return list(found)


def _keys(document: XmlDocument) -> Iterator[tuple[str, str]]:
    root, standard = document.root, document.standard or ""
    if document.type == "Order" and document.number:
        yield PO, document.number
    for each in _searched(root, ORDERS[standard]):
        yield PO, _text(each)
    for each in _searched(root, PACKAGES[standard]):
        value = _text(each)
        if value.isdigit() and len(value) == SSCC_LENGTH:
            yield SSCC, value
    if standard == "ubl":
        for each in _searched(root, f"//cbc:EndpointID[{GLN_SCHEMES}] | //cbc:ID[{GLN_SCHEMES}]"):
            yield GLN, _text(each)


def _searched(scope: Any, path: str) -> list[Any]:
    found: list[Any] = scope.xpath(path, namespaces=NAMES)
    return found


def _text(found: Any) -> str:
    return str(found if isinstance(found, str) else found.text or "").strip()
