"""The canonical bodies of outgoing writes, as connectors get them in `Push.payload` (all JSON types, decimals as text).

push_order (ERP):
    {"event": "created" | "changed" | "allocated", "order": ORDER,
     "allocation": [{"line_id", "sku", "node", "quantity"}]}
cancel_order (ERP):
    {"order": {"id", "external_id", "number"}, "reason",
     "lines": [{"line_id", "external_id", "sku", "quantity"}] | null}
push_fulfillment_order (WMS):
    {"fulfillment": {"id", "number", "node", "service_level", "requested_ship_date", "carrier", "service", "ship_on",
                     "arrive_on", "pickup": true | false, "purchase_order": PURCHASE | null, "note",
                     "ship_to": ADDRESS | null, "lines": [{"id", "line_id", "sku", "title", "quantity", "unit"}]},
     "order": {"id", "external_id", "number", "placed_at", "type"}}
push_incoming (WMS):
    {"incoming": {"id", "kind": "supply" | "transfer", "reference", "node", "from_node", "expected_at", "at",
                  "lines": [{"sku", "title", "quantity", "unit", "lot", "expires_on"}]}}
cancel_fulfillment_order (WMS):
    {"fulfillment": {"id", "number", "node", "reference"}, "order": {"id", "external_id", "number"}, "reason"}
push_shipment (shop, ERP):
    {"shipment": {"id", "number", "node", "carrier", "service", "tracking_number", "tracking_url", "shipped_at",
                  "lines": [{"line_id", "external_id", "sku", "quantity"}],
                  "packages": [{"sscc", "tracking_number", "weight_g"}]},
     "order": {"id", "external_id", "number", "connection"}, "fulfillment": {"id", "number"}}
push_stock (channels):
    {"items": [{"sku", "available", "as_of", "references": {scheme: code}}]}
acknowledge_order (the partner a B2B order came from): {"order_response": PAPER, "order": NAMES}
push_despatch_advice (likewise): {"despatch_advice": PAPER, "order": NAMES, "shipment": {"id", "number"}}
push_invoice (likewise, ERP): {"invoice": PAPER, "order": NAMES, "shipment": {"id", "number"}}
push_credit_note (likewise, ERP): {"credit_note": PAPER, "order": NAMES}
send_receipt (the partner a file came from): {"message_id", "headers": {name: value}, "body"}, the body in base64
push_acknowledgement (the partner an interchange came from): {"interchange", "findings"}, where interchange is the
    public id of what is acknowledged and findings what became of it, level by level
answer_document (the partner a document came from): {"document", "kind", "number", "reference", "group", "accepted",
    "reasons": [{"code", "text"}]}, where document is its public id here and group and reference are the partner's
Writes of interchanges may bear {"again": {"interchange", "text"}}: the interchange they are sent instead of, and the
    content a person gave it.

PAPER is the canonical order_response, despatch_advice, invoice or credit_note (docs/canonical.md); NAMES is
{"id", "external_id", "number", "connection"}.

PURCHASE, for work of a supplier: {"number", "currency", "total", "lines": [{"id", "code", "price"}]}, where code is the
supplier's word for the item and price that of one unit; null where it is not known.
ORDER is the canonical order of the API with its server fields; ids are public ids. A connector that cannot express a
field it is given refuses (Rejected) or leaves it out on purpose, never cuts it short.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from core.errors import storable


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dump(value: Mapping[str, Any] | list[Any]) -> str:
    """Return canonical JSON text: decimals as text, times in UTC with Z."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()


def jsonable(value: Any) -> Any:
    """Return the value with only JSON types in it, as `dump` would write it, and only text that can be stored."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(inner) for inner in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return orjson.loads(orjson.dumps(value, option=orjson.OPT_UTC_Z))
    if isinstance(value, date | UUID):
        return str(value)
    if isinstance(value, str):
        return storable(value)
    return value
