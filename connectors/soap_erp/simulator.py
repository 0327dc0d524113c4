"""A simulated ERP behind SOAP: it serves its WSDL, validates every envelope, and keeps documents by reference."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from lxml import etree

from connectors.sdk.simulation.server import SimRequest, SimResponse
from connectors.sdk.simulator import Simulator
from connectors.soap_erp import xmlsafe
from connectors.soap_erp.envelopes import ERP, SOAP, WSSE, SoapFault, element, envelope, fault_envelope
from core.ports.connectors import Push

HERE = Path(__file__).parent
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
XML = {"Content-Type": "text/xml; charset=utf-8"}
SAMPLE_STOCK = [
    {"sku": "FP-MUG-350-GRN", "warehouse": "AAR", "on_hand": "120"},
    {"sku": "FP-MUG-350-BLU", "warehouse": "AAR", "on_hand": "40"},
    {"sku": "FP-PLATE-27-WHT", "warehouse": "HAM", "on_hand": "12.5"},
]
NUMBERS = {"SALES_ORDER": "SO", "CHANGE": "CH", "CANCELLATION": "CA", "SHIPMENT": "GI"}
# Operation -> (type of the document it posts, our verb).
POSTING = {
    "CreateSalesOrder": ("SALES_ORDER", "push_order"),
    "ChangeSalesOrder": ("CHANGE", "push_order"),
    "CancelSalesOrder": ("CANCELLATION", "cancel_order"),
    "PostShipment": ("SHIPMENT", "push_shipment"),
}


class Partner(Simulator):
    """The ERP.

    Options:
        security: none, basic, wsse-text or wsse-digest, with `username`; the password is the secret `password`.
        idempotent: whether a reference that is already known makes no second document.
        know_orders: whether changes, cancellations and shipments of unknown orders are refused; true in life.
        soap_fault: probability of the fault LOCKED, before any effect.
        server_fault: probability of the fault `Server` without detail, after the effect.
        malformed: probability of a reply that is no XML, after the effect.
        stock: [{sku, warehouse, on_hand}].
    """

    folder = HERE
    defaults: ClassVar[Mapping[str, Any]] = {
        "security": "none",
        "username": "crossdock",
        "idempotent": True,
        "know_orders": True,
        "soap_fault": 0.0,
        "server_fault": 0.0,
        "malformed": 0.0,
        "stock": SAMPLE_STOCK,
    }

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.schema: Any = etree.XMLSchema(file=str(HERE / "wsdl" / "erp.xsd"))
        # In the order they were posted: {reference, number, type, order, posted_on, xml}.
        self.documents: list[dict[str, str]] = [document for _, document in self.books.read("document")]
        self.known: set[str] = set()
        counted = dict(self.books.read("stock")).get("")
        self.stock = counted or [dict(each) for each in self.options["stock"]]

    def prepare(self, push: Push) -> None:
        """Know the order that a write is about."""
        self.known.add(push.payload["order"]["id"])

    # -- the protocol

    def is_write(self, request: SimRequest) -> bool:
        """Return whether the SOAP action posts a document."""
        return request.headers.get("soapaction", "").strip('"').rpartition("/")[2] in POSTING

    def authorized(self, request: SimRequest) -> bool:
        """Check HTTP basic; WS-Security is answered with a SOAP fault, in `handle`."""
        return self.options["security"] != "basic" or super().authorized(request)

    def handle(self, request: SimRequest) -> SimResponse:
        """Serve the contract to GET, and operations to POST."""
        if request.method == "GET":
            return self.contract(request)
        try:
            header, asked = self.opened(request.body)
            self.proven(header)
            result = self.perform(asked)
        except SoapFault as fault:
            return SimResponse(500, fault_envelope(fault), XML)
        if self.dice.hits(self.options["malformed"]):
            self._fate("malformed")
            return SimResponse(200, b"<soap:Envelope><soap:Body><half", XML)
        if self.dice.hits(self.options["server_fault"]):
            self._fate("server_fault")
            return SimResponse(500, fault_envelope(SoapFault("", "Unexpected end of stream", kind="Server")), XML)
        return SimResponse(200, envelope(result), XML)

    def contract(self, request: SimRequest) -> SimResponse:
        """Return the WSDL or its schema."""
        if request.path.endswith("erp.xsd"):
            return SimResponse(200, (HERE / "wsdl" / "erp.xsd").read_bytes(), XML)
        if "wsdl" in request.query:
            text = (HERE / "wsdl" / "erp.wsdl").read_text(encoding="utf-8")
            return SimResponse(200, text.replace("http://127.0.0.1/erp", f"{self.url}/erp").encode(), XML)
        return SimResponse(404, b"There is only ?wsdl to get here.", {"Content-Type": "text/plain"})

    def opened(self, body: bytes) -> tuple[etree._Element | None, etree._Element]:
        """Return header and body element of a request that fits the schema."""
        try:
            root = xmlsafe.parse(body)
        except xmlsafe.UnsafeXml as error:
            raise SoapFault("XML", f"The request cannot be read: {error}.") from None
        found = root.find(f"{{{SOAP}}}Body")
        if root.tag != f"{{{SOAP}}}Envelope" or found is None or len(found) != 1:
            raise SoapFault("ENVELOPE", "The request is no SOAP 1.1 envelope with one body element.")
        with self.lock:
            if not self.schema.validate(found[0]):
                raise SoapFault("SCHEMA", str(self.schema.error_log.last_error.message))
        return root.find(f"{{{SOAP}}}Header"), found[0]

    def proven(self, header: etree._Element | None) -> None:
        """Check the user name token, where one is asked for."""
        if self.options["security"] not in ("wsse-text", "wsse-digest"):
            return
        token = None if header is None else header.find(f"{WSSE}Security/{WSSE}UsernameToken")
        if token is not None and token.findtext(f"{WSSE}Username") == self.options["username"]:
            given, expected = token.findtext(f"{WSSE}Password", ""), self.secrets["password"]
            if self.options["security"] == "wsse-digest":
                nonce = base64.b64decode(token.findtext(f"{WSSE}Nonce", ""))
                created = token.findtext(f"{WSU}Created", "")
                # SHA-1 is what the UsernameToken profile says.
                digest = hashlib.sha1(nonce + created.encode() + expected.encode())  # noqa: S324
                expected = base64.b64encode(digest.digest()).decode()
            if hmac.compare_digest(given.encode(), expected.encode()):
                return
        raise SoapFault("", "The security token could not be authenticated.", kind="wsse:FailedAuthentication")

    # -- what it does

    def perform(self, request: etree._Element) -> etree._Element:
        """Do what a request asks for and return the reply's body element."""
        name = etree.QName(request).localname
        if self.dice.hits(self.options["soap_fault"]):
            self._fate("soap_fault")
            raise SoapFault("LOCKED", "The document is locked by another user.")
        reading: Mapping[str, Callable[[etree._Element], etree._Element]] = {
            "GetStock": self.get_stock,
            "FindDocument": self.find_document,
        }
        if name in reading:
            return reading[name](request)
        return self.post(name, request)

    def post(self, operation: str, request: etree._Element) -> etree._Element:
        """Post a document, once per reference unless told otherwise."""
        kind, verb = POSTING[operation]
        reference, order = (
            said(request, "ExternalReference"),
            said(request, "OrderId") or said(request, "Order/OrderId"),
        )
        with self.lock:
            known = [each for each in self.documents if each["reference"] == reference]
            if known and self.options["idempotent"]:
                self.repeat(verb)
                return result(operation, known[0])
            self.allowed(operation, order)
            document = {
                "reference": reference,
                "number": f"{NUMBERS[kind]}-{100_001 + len(self.documents)}",
                "type": kind,
                "order": order,
                "posted_on": f"{datetime.now(UTC):%Y-%m-%d}",
                "xml": etree.tostring(request).decode(),
            }
            self.documents.append(document)
            self.books.put("document", document["number"], document)
            self.effect(verb, reference)
            return result(operation, document)

    def allowed(self, operation: str, order: str) -> None:
        """Refuse what an ERP's own rules refuse."""
        types = {each["type"] for each in self.documents if each["order"] == order}
        unknown = "SALES_ORDER" not in types and order not in self.known
        if self.options["know_orders"] and operation != "CreateSalesOrder" and unknown:
            raise SoapFault("ORDER_UNKNOWN", "There is no such sales order.")
        if operation == "CancelSalesOrder" and "SHIPMENT" in types:
            raise SoapFault("ALREADY_SHIPPED", "Goods issue has been posted.")

    def find_document(self, request: etree._Element) -> etree._Element:
        """Return the documents that bear a reference."""
        with self.lock:
            found = [each for each in self.documents if each["reference"] == said(request, "ExternalReference")]
        return element(
            "FindDocumentResponse",
            *(
                element(
                    "Document",
                    element("ExternalReference", each["reference"]),
                    element("DocumentNumber", each["number"]),
                    element("Type", each["type"]),
                    element("PostedOn", each["posted_on"]),
                )
                for each in found
            ),
        )

    def get_stock(self, request: etree._Element) -> etree._Element:
        """Return a page of stock."""
        warehouse, start, limit = (
            said(request, "Warehouse"),
            int(said(request, "After") or 0),
            int(said(request, "Limit")),
        )
        with self.lock:
            items = [each for each in self.stock if not warehouse or each["warehouse"] == warehouse]
        page = items[start : start + limit]
        reply = element(
            "GetStockResponse",
            element("AsOf", datetime.now(UTC).isoformat()),
            *(
                element(
                    "Item",
                    element("Sku", each["sku"]),
                    element("Warehouse", each["warehouse"]),
                    element("OnHand", each["on_hand"]),
                )
                for each in page
            ),
        )
        if start + limit < len(items):
            reply.append(element("Next", str(start + limit)))
        return reply

    def command(self, name: str, body: Any) -> Any:
        """`stock` replaces the counts, `options` changes options while it runs, `documents` returns what was posted."""
        with self.lock:
            if name == "stock":
                self.stock = [dict(each) for each in body["items"]]
                self.books.put("stock", "", self.stock)
                return len(self.stock)
            if name == "options":
                return self.change_options(body)
            if name == "documents":
                return [{key: value for key, value in each.items() if key != "xml"} for each in self.documents]
        raise KeyError(name)

    def details(self) -> dict[str, Any]:
        """Return how many documents of each type there are."""
        with self.lock:
            types = [each["type"] for each in self.documents]
        return {"documents": {each: types.count(each) for each in sorted(set(types))}}


def said(request: etree._Element, path: str) -> str:
    """Return the text of an inner element, empty when it is not there."""
    found = request.findtext("/".join(f"{{{ERP}}}{step}" for step in path.split("/")))
    return (found or "").strip()


def result(operation: str, document: Mapping[str, str]) -> etree._Element:
    """Return the reply to a posting."""
    return element(
        f"{operation}Response",
        element("DocumentNumber", document["number"]),
        element("Status", "POSTED"),
        element("PostedOn", document["posted_on"]),
    )
