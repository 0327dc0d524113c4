"""SOAP 1.1 envelopes as the simulated ERP writes them."""

from __future__ import annotations

from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ERP = "urn:crossdock:erp:1"
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
PREFIXES = {"soap": SOAP, "erp": ERP, "wsse": WSSE.strip("{}")}


class SoapFault(Exception):
    """What the ERP answers instead of a result."""

    def __init__(self, code: str, message: str, *, kind: str = "Client") -> None:
        super().__init__(message)
        self.code, self.message, self.kind = code, message, kind


def element(name: str, *content: etree._Element | str, namespace: str = ERP) -> etree._Element:
    """Return an element with a text or with children."""
    made = etree.Element(f"{{{namespace}}}{name}" if namespace else name, nsmap=PREFIXES)
    for each in content:
        if isinstance(each, str):
            made.text = each
        else:
            made.append(each)
    return made


def envelope(body: etree._Element) -> bytes:
    """Return a SOAP 1.1 envelope."""
    whole = element("Envelope", element("Body", body, namespace=SOAP), namespace=SOAP)
    return etree.tostring(whole, xml_declaration=True, encoding="UTF-8")


def fault_envelope(fault: SoapFault) -> bytes:
    """Return an envelope with a fault; a code of our own goes into its detail."""
    kind = fault.kind if ":" in fault.kind else f"soap:{fault.kind}"
    parts = [element("faultcode", kind, namespace=""), element("faultstring", fault.message, namespace="")]
    if fault.code:
        own = element("ErpFault", element("Code", fault.code), element("Message", fault.message))
        parts.append(element("detail", own, namespace=""))
    return envelope(element("Fault", *parts, namespace=SOAP))
