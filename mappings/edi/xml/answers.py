"""What partners answer to XML documents of ours: ApplicationResponse of UBL, StatusUpdateRequest of cXML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mappings.edi.acks.business import Said
from mappings.edi.xml.documents import XmlDocument
from mappings.edi.xml.parties import NAMES

ANSWERS = frozenset({"ApplicationResponse", "StatusUpdateRequest"})
REFUSALS = frozenset({"RE", "REJECTED"})
CONDITIONAL = "CA"
"""Response code of what is accepted under conditions: they are warnings."""
RECEIVED = frozenset({"AB", "IP", "UQ"})
"""Response codes that say "it is here" and nothing of its content: acknowledged, in process, under query."""
KINDS = {"231": "OrderResponse", "351": "DespatchAdvice", "380": "Invoice", "381": "CreditNote"}
"""Documents by their codes in UN/EDIFACT 1001."""
SUCCESS = "2"
"""First digit of statuses of cXML that are none of a refusal."""


def answers_of(document: XmlDocument) -> list[tuple[str, Said]]:
    """Return the verdicts of an answer, each with the payloadID of what it is about; empty where it names a number."""
    if document.root is None:
        return []
    found = _application(document.root) if document.type == "ApplicationResponse" else _status(document.root)
    return list(found)


def _application(root: Any) -> Iterator[tuple[str, Said]]:
    for each in root.xpath("cac:DocumentResponse", namespaces=NAMES):

        def text(path: str, scope: Any = each) -> str:
            return str(scope.xpath(f"string({path})", namespaces=NAMES)).strip()

        code, number = text("cac:Response/cbc:ResponseCode"), text("cac:DocumentReference/cbc:ID")
        if not number or code in RECEIVED:
            continue
        refused = code.upper() in REFUSALS
        told = text("cac:Response/cbc:Description[1]")
        reasons = []
        if refused or code.upper() == CONDITIONAL:
            reasons = [_reason(text("cac:Response/cac:Status/cbc:StatusReasonCode") or code, told)]
            for line in each.xpath("cac:LineResponse", namespaces=NAMES):
                own = text("cac:Response/cbc:ResponseCode", line)
                said = text("cac:Response/cbc:Description[1]", line) or ("refused" if refused else f"answered {own}")
                reasons.append(_reason(own, f"line {text('cac:LineReference/cbc:LineID', line)}: {said}"))
        kind = KINDS.get(text("cac:DocumentReference/cbc:DocumentTypeCode"), "")
        yield "", Said("rejected" if refused else "accepted", number, kind, reasons)


def _status(root: Any) -> Iterator[tuple[str, Said]]:
    for each in root.xpath("Request/StatusUpdateRequest"):
        payload = str(each.xpath("string(DocumentReference/@payloadID)"))
        status = each.find("Status")
        if not payload or status is None:
            continue
        code = status.get("code", "")
        refused = not code.startswith(SUCCESS)
        told = " ".join(filter(None, (status.get("text"), (status.text or "").strip())))
        yield payload, Said("rejected" if refused else "accepted", "", "", [_reason(code, told)] if refused else [])


def _reason(code: str, text: str) -> dict[str, Any]:
    return {"code": code, "text": text or f"the partner's code {code}"}
