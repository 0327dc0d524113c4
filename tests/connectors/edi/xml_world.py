"""Documents of UBL and cXML as an invented buyer sends them, and the profile of a partner who does."""

import lzma
from pathlib import Path
from typing import Any

CORPORA = Path(__file__).resolve().parents[3].parent / "shared" / "corpora"
UBL_SCHEMAS = CORPORA / "ubl-2.1" / "xsdrt"
CXML_DTDS = CORPORA / "cxml" / "dtd" / "1.2.063"
BUYER, SELLER = "4098765000003", "4012345000009"
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<{kind} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{kind}-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
"""
PARTIES = """<cac:BuyerCustomerParty><cac:Party>
 <cbc:EndpointID schemeID="0088">{buyer}</cbc:EndpointID>
 <cac:PartyName><cbc:Name>Example Stores</cbc:Name></cac:PartyName>
</cac:Party></cac:BuyerCustomerParty>
<cac:SellerSupplierParty><cac:Party>
 <cbc:EndpointID schemeID="0088">{seller}</cbc:EndpointID>
</cac:Party></cac:SellerSupplierParty>
"""
DELIVERY = """<cac:Delivery><cac:DeliveryLocation><cac:Address>
 <cbc:StreetName>Am Markt</cbc:StreetName><cbc:BuildingNumber>1</cbc:BuildingNumber>
 <cbc:CityName>Kiel</cbc:CityName><cbc:PostalZone>24103</cbc:PostalZone>
 <cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country>
</cac:Address></cac:DeliveryLocation>
 <cac:DeliveryParty><cac:PartyName><cbc:Name>Store 815</cbc:Name></cac:PartyName></cac:DeliveryParty></cac:Delivery>
"""
LINE = """<cac:OrderLine><cac:LineItem>
 <cbc:ID>{line}</cbc:ID>{status}
 <cbc:Quantity unitCode="C62">{quantity}</cbc:Quantity>
 <cac:Price><cbc:PriceAmount currencyID="USD">19.95</cbc:PriceAmount></cac:Price>
 <cac:Item><cbc:Name>Mug</cbc:Name>
  <cac:SellersItemIdentification><cbc:ID>{sku}</cbc:ID></cac:SellersItemIdentification></cac:Item>
</cac:LineItem></cac:OrderLine>
"""
CXML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.063/cXML.dtd">
<cXML payloadID="{payload}" timestamp="2026-03-01T12:00:00Z"><Header>
<From><Credential domain="DUNS"><Identity>{sender}</Identity></Credential></From>
<To><Credential domain="DUNS"><Identity>HUB</Identity></Credential></To>
<Sender><Credential domain="DUNS"><Identity>{sender}</Identity></Credential><UserAgent>Example</UserAgent></Sender>
</Header><Request deploymentMode="{mode}">{content}</Request></cXML>
"""
ORDER_REQUEST = """<OrderRequest><OrderRequestHeader orderID="{po}" orderDate="2026-03-01T12:00:00Z" type="{type}">
<Total><Money currency="USD">59.85</Money></Total>
<ShipTo><Address addressID="815"><Name xml:lang="en">Store 815</Name><PostalAddress>
<Street>Am Markt 1</Street><City>Kiel</City><PostalCode>24103</PostalCode>
<Country isoCountryCode="DE">Germany</Country></PostalAddress></Address></ShipTo>
<BillTo><Address><Name xml:lang="en">Example Stores</Name></Address></BillTo>
</OrderRequestHeader><ItemOut quantity="{quantity}" lineNumber="1"><ItemID><SupplierPartID>A</SupplierPartID></ItemID>
<ItemDetail><UnitPrice><Money currency="USD">19.95</Money></UnitPrice><Description xml:lang="en">Mug</Description>
<UnitOfMeasure>EA</UnitOfMeasure><Classification domain="UNSPSC">0</Classification></ItemDetail>
</ItemOut></OrderRequest>"""

UBL_PROFILE: dict[str, Any] = {
    "identifiers": {"ours": {"id": SELLER, "qualifier": "0088"}, "theirs": {"id": BUYER, "qualifier": "0088"}},
    "documents": [
        {"in": "Order", "map": "ubl/order.in"},
        {"in": "OrderChange", "map": "ubl/order_change.in"},
        {"in": "OrderCancellation", "map": "ubl/order_cancellation.in"},
        {"in": "ReceiptAdvice", "map": "ubl/receipt_advice.in"},
        {"out": "OrderResponse", "map": "ubl/order_response.out"},
        {"out": "DespatchAdvice", "map": "ubl/despatch_advice.out"},
        {"out": "Invoice", "map": "ubl/invoice.out"},
        {"out": "CreditNote", "map": "ubl/credit_note.out"},
    ],
}
CXML_PROFILE: dict[str, Any] = {
    "identifiers": {"ours": {"id": "HUB", "qualifier": "DUNS"}, "theirs": {"id": "ACME", "qualifier": "DUNS"}},
    "documents": [
        {"in": "OrderRequest", "map": "cxml/order_request.in"},
        {"out": "ConfirmationRequest", "map": "cxml/confirmation_request.out"},
        {"out": "ShipNoticeRequest", "map": "cxml/ship_notice_request.out"},
        {"out": "InvoiceDetailRequest", "map": "cxml/invoice_detail_request.out"},
    ],
}


def ubl_order(po: str, *, sku: str = "A", quantity: str = "3", buyer: str = BUYER, more: str = "") -> bytes:
    """Return an Order of UBL; `more` stands where an element may not be."""
    body = (
        f"<cbc:ID>{po}</cbc:ID>\n<cbc:IssueDate>2026-03-01</cbc:IssueDate>\n{more}"
        "<cbc:DocumentCurrencyCode>USD</cbc:DocumentCurrencyCode>\n"
        + PARTIES.format(buyer=buyer, seller=SELLER)
        + DELIVERY
        + LINE.format(line=1, quantity=quantity, sku=sku, status="")
    )
    return f"{HEAD.format(kind='Order')}{body}</Order>".encode()


def ubl_change(po: str, change: str, *, quantity: str, sku: str = "A") -> bytes:
    """Return an OrderChange that sets the quantity of line 1."""
    body = (
        f"<cbc:ID>{change}</cbc:ID><cbc:IssueDate>2026-03-02</cbc:IssueDate>"
        "<cbc:SequenceNumberID>1</cbc:SequenceNumberID>"
        f"<cac:OrderReference><cbc:ID>{po}</cbc:ID></cac:OrderReference>"
        + PARTIES.format(buyer=BUYER, seller=SELLER)
        + LINE.format(line=1, quantity=quantity, sku=sku, status="<cbc:LineStatusCode>3</cbc:LineStatusCode>")
    )
    return f"{HEAD.format(kind='OrderChange')}{body}</OrderChange>".encode()


def ubl_cancellation(po: str, number: str) -> bytes:
    """Return an OrderCancellation."""
    body = (
        f"<cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-03-03</cbc:IssueDate>"
        "<cbc:CancellationNote>The store is closed.</cbc:CancellationNote>"
        f"<cac:OrderReference><cbc:ID>{po}</cbc:ID></cac:OrderReference>" + PARTIES.format(buyer=BUYER, seller=SELLER)
    )
    return f"{HEAD.format(kind='OrderCancellation')}{body}</OrderCancellation>".encode()


def ubl_credit(number: str, po: str, payable: str) -> bytes:
    """Return a CreditNote of money alone, in USD."""
    body = (
        f"<cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-03-05</cbc:IssueDate>"
        "<cbc:DocumentCurrencyCode>USD</cbc:DocumentCurrencyCode>"
        f"<cac:OrderReference><cbc:ID>{po}</cbc:ID></cac:OrderReference>"
        f"<cac:AccountingSupplierParty><cac:Party><cbc:EndpointID schemeID='0088'>{BUYER}</cbc:EndpointID></cac:Party>"
        "</cac:AccountingSupplierParty><cac:AccountingCustomerParty><cac:Party>"
        f"<cbc:EndpointID schemeID='0088'>{SELLER}</cbc:EndpointID></cac:Party></cac:AccountingCustomerParty>"
        f"<cac:LegalMonetaryTotal><cbc:PayableAmount currencyID='USD'>{payable}</cbc:PayableAmount>"
        "</cac:LegalMonetaryTotal><cac:CreditNoteLine><cbc:ID>1</cbc:ID>"
        f"<cbc:LineExtensionAmount currencyID='USD'>0</cbc:LineExtensionAmount></cac:CreditNoteLine>"
    )
    return f"{HEAD.format(kind='CreditNote')}{body}</CreditNote>".encode()


def ubl_receipt(number: str, po: str, advice: str) -> bytes:
    """Return a ReceiptAdvice: everything of a despatch advice has arrived."""
    body = (
        f"<cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-03-04</cbc:IssueDate><cbc:IssueTime>08:00:00Z</cbc:IssueTime>"
        f"<cac:OrderReference><cbc:ID>{po}</cbc:ID></cac:OrderReference>"
        f"<cac:DespatchDocumentReference><cbc:ID>{advice}</cbc:ID></cac:DespatchDocumentReference>"
        f"<cac:DeliveryCustomerParty><cac:Party><cbc:EndpointID schemeID='0088'>{BUYER}</cbc:EndpointID></cac:Party>"
        "</cac:DeliveryCustomerParty><cac:DespatchSupplierParty><cac:Party>"
        f"<cbc:EndpointID schemeID='0088'>{SELLER}</cbc:EndpointID></cac:Party></cac:DespatchSupplierParty>"
        "<cac:ReceiptLine><cbc:ID>1</cbc:ID><cbc:ReceivedQuantity unitCode='C62'>3</cbc:ReceivedQuantity>"
        "<cac:OrderLineReference><cbc:LineID>1</cbc:LineID></cac:OrderLineReference></cac:ReceiptLine>"
    )
    return f"{HEAD.format(kind='ReceiptAdvice')}{body}</ReceiptAdvice>".encode()


def ubl_answer(number: str, code: str, *, kind: str = "231", said: str = "") -> bytes:
    """Return an ApplicationResponse to a paper of ours."""
    told = f"<cbc:Description>{said}</cbc:Description>" if said else ""
    body = (
        f"<cbc:ID>AR-{number}-{code}</cbc:ID><cbc:IssueDate>2026-03-02</cbc:IssueDate>"
        f"<cac:SenderParty><cbc:EndpointID schemeID='0088'>{BUYER}</cbc:EndpointID></cac:SenderParty>"
        f"<cac:ReceiverParty><cbc:EndpointID schemeID='0088'>{SELLER}</cbc:EndpointID></cac:ReceiverParty>"
        f"<cac:DocumentResponse><cac:Response><cbc:ResponseCode>{code}</cbc:ResponseCode>{told}</cac:Response>"
        f"<cac:DocumentReference><cbc:ID>{number}</cbc:ID><cbc:DocumentTypeCode>{kind}</cbc:DocumentTypeCode>"
        "</cac:DocumentReference></cac:DocumentResponse>"
    )
    return f"{HEAD.format(kind='ApplicationResponse')}{body}</ApplicationResponse>".encode()


def cxml_order(
    po: str, *, payload: str = "p-1@example.com", mode: str = "production", type: str = "new", quantity: str = "3",
    sender: str = "ACME",
) -> bytes:  # fmt: skip
    """Return an OrderRequest of cXML."""
    content = ORDER_REQUEST.format(po=po, type=type, quantity=quantity)
    return CXML.format(payload=payload, mode=mode, sender=sender, content=content).encode()


def cxml_status(payload: str, about: str, code: str, said: str) -> bytes:
    """Return a StatusUpdateRequest about a document of ours."""
    content = (
        f'<StatusUpdateRequest><DocumentReference payloadID="{about}"/><Status code="{code}" text="{said}"/>'
        "</StatusUpdateRequest>"
    )
    return CXML.format(payload=payload, mode="production", sender="ACME", content=content).encode()


def unpacked_dtds(folder: Path) -> Path:
    """Unpack the DTDs of the corpora into a folder and return it."""
    for packed in CXML_DTDS.glob("*.dtd.xz"):
        (folder / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
    return folder
