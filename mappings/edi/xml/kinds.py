"""Names of XML business documents, and the standard each is of."""

from __future__ import annotations

XML = ("ubl", "cxml")
UNKNOWN_XML = "xml"
"""What a file of XML is that is of neither."""
UBL_KINDS = frozenset(
    {
        "ApplicationResponse", "Catalogue", "CreditNote", "DebitNote", "DespatchAdvice", "ForecastRevision", "Forecast",
        "FulfilmentCancellation", "InstructionForReturns", "InventoryReport", "Invoice", "Order", "OrderCancellation",
        "OrderChange", "OrderResponse", "OrderResponseSimple", "ProductActivity", "ReceiptAdvice", "Reminder",
        "RemittanceAdvice", "SelfBilledCreditNote", "SelfBilledInvoice", "Statement", "StockAvailabilityReport",
        "TransportationStatus", "Waybill",
    }
)  # fmt: skip
"""Documents of UBL 2 that partners of a hub exchange."""
CXML_KINDS = frozenset(
    {
        "ConfirmationRequest", "InvoiceDetailRequest", "OrderRequest", "PaymentRemittanceRequest", "ReceiptRequest",
        "ShipNoticeRequest", "StatusUpdateRequest",
    }
)  # fmt: skip
"""Documents of cXML that are sent as files."""


def standard_of(kind: str) -> str | None:
    """Return `ubl` or `cxml` for a document such as Order or OrderRequest; None where it is of neither."""
    if kind in UBL_KINDS:
        return "ubl"
    return "cxml" if kind in CXML_KINDS else None
