"""What of a canonical order becomes which column: its lines, its body, its total, and what tells two pictures apart."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.domain.line_codes import KEPT_CODES
from core.domain.payloads import dump
from core.ports.connectors import Json
from core.store.bulk import as_json

ZERO = Decimal(0)
BODY = (
    "service_level", "promise", "pickup_node", "partial_shipment_allowed", "note", "tags", "buyer", "seller", "ship_to",
    "bill_to", "charges", "payments", "totals", "references", "ship_not_before", "ship_not_after",
    "deliver_not_before", "deliver_not_after", "split_from", "split_ship_to",
)  # fmt: skip
LINE = (
    "id", "order_id", "external_id", "position", "sku", "item_id", "item_ref", "title", "quantity", "canceled",
    "shipped", "delivered", "unit", "unit_price", "discount", "taxes", "tax_included", "ships",
    "pictured", "trade",
)  # fmt: skip


def fingerprint(document: Json) -> str:
    """Return what tells two sendings with the same content apart from a change."""
    ignored = {"source_version", "source_updated_at", "purpose"}
    return hashlib.sha256(dump({k: v for k, v in sorted(document.items()) if k not in ignored}).encode()).hexdigest()


def body_of(document: Json) -> Json:
    """Return the part of an order nothing in the core computes with."""
    return {name: document[name] for name in BODY if document.get(name) is not None}


def part_of(body: Json) -> Json:
    """Return what of an order's body says whose part it is; a change by hand does not say it, and it stays so."""
    return {name: body[name] for name in ("split_from", "split_ship_to") if body.get(name)}


def order_total(document: Json) -> Decimal:
    """Return the stated grand total, else what the lines and charges come to."""
    grand: Decimal | None = (document.get("totals") or {}).get("grand")
    if grand is not None:
        return grand
    lines = sum((line["quantity"] * (line.get("unit_price") or ZERO) for line in document["lines"]), ZERO)
    return lines + sum((each["amount"] for each in document.get("charges") or ()), ZERO)


def line_row(
    order_id: UUID, line_id: UUID, index: int, line: Json, item: UUID | None, *, canceled: bool = False
) -> tuple[Any, ...]:
    """Return a new order line as a row of the columns `LINE`.

    Args:
        order_id: the order it belongs to.
        line_id: its id.
        index: its place in the document, from 0; the position where the document states none.
        line: the canonical line.
        item: what its code means, or None.
        canceled: whether the whole order has been canceled at its source.
    """
    removed = line["quantity"] if canceled else min(line.get("removed") or ZERO, line["quantity"])
    ships = line.get("requires_shipping") is not False
    # What needs no shipping is fulfilled by being accepted.
    done = ZERO if ships else line["quantity"] - removed
    codes = {name: line[name] for name in KEPT_CODES if line.get(name)}
    return (
        line_id, order_id, line.get("external_id"), line.get("position") or index + 1, line.get("sku"), item,
        as_json(line.get("item_ref")), line.get("title"), line["quantity"], removed, done, done, line["unit"],
        line.get("unit_price"), line.get("discount"), as_json(line.get("taxes")), line.get("tax_included"), ships,
        line["quantity"] - removed, as_json({**codes, **(line.get("trade") or {})} or None),
    )  # fmt: skip
