"""The history as rows: every table written once, by COPY, in the order things happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from console.demo.history import CENT, History, PastOrder, PastParcel, tax_in
from core.domain.ids import uuid7
from core.domain.states import TRACKING_RANK
from core.services.phase import refresh_phases
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.unit import Unit

TAG = "demo"
CURRENCY = "EUR"
ZERO = Decimal(0)
# Shop order numbers become external ids as the shops make them.
SHOP_ORDER, SHOP_LINE, SHOP_REFUND = 820_982_911_900_000_000, 866_550_311_000_000_000, 890_088_186_000_000_000
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "orders": (
        "id", "connection_id", "external_id", "number", "state", "placed_at", "currency", "total", "body",
        "source_updated_at", "sourcing_tries", "sourced_at", "buyer_email", "ship_country", "accepted_at", "shipped_at",
        "completed_at", "canceled_at", "created_at", "updated_at",
    ),
    "order_line": (
        "id", "order_id", "external_id", "position", "sku", "item_id", "title", "quantity", "canceled", "shipped",
        "delivered", "returned", "unit_price", "discount", "taxes", "tax_included",
    ),
    "hold": ("id", "order_id", "kind", "detail", "state", "created_at", "released_at", "released_by"),
    "fulfillment_order": (
        "id", "order_id", "node_id", "connection_id", "number", "state", "created_at", "released_at", "finished_at",
        "updated_at",
    ),
    "fulfillment_line": ("id", "fulfillment_id", "line_id", "item_id", "quantity", "shipped", "canceled"),
    "reservation": (
        "id", "order_id", "line_id", "fulfillment_id", "connection_id", "item_id", "node_id", "quantity", "state",
        "created_at", "finished_at",
    ),
    "shipment": (
        "id", "order_id", "fulfillment_id", "node_id", "number", "external_id", "carrier", "tracking_number", "state",
        "rank", "state_at", "shipped_at", "delivered_at", "created_at",
    ),
    "shipment_line": ("shipment_id", "line_id", "quantity"),
    "refund": ("id", "connection_id", "external_id", "order_id", "amount", "currency", "occurred_at", "created_at"),
    "refund_line": ("id", "refund_id", "external_id", "line_id", "quantity", "restock", "amount"),
    "tracking_event": ("id", "shipment_id", "status", "occurred_at", "created_at"),
    "stock_movement": ("item_id", "node_id", "kind", "on_hand", "allocated", "order_id", "cause", "actor", "at"),
    "event": ("type", "subject", "subject_id", "order_id", "data", "actor", "at"),
    "stock_position": ("item_id", "node_id", "on_hand", "counted_at"),
}  # fmt: skip
# Tables whose identity tells the order of events.
BY_TIME = ("stock_movement", "event")


@dataclass(frozen=True, slots=True)
class Known:
    """Ids of what is there already: items by SKU, nodes and connections by name, which connection works which node."""

    items: Mapping[str, UUID]
    nodes: Mapping[str, UUID]
    connections: Mapping[str, UUID]
    workers: Mapping[str, UUID]


@dataclass(slots=True)
class Rows:
    """Rows by table, gathered order by order."""

    known: Known
    tables: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    order_ids: list[UUID] = field(default_factory=list)

    def add(self, table: str, *values: Any) -> None:
        """Take a row."""
        self.tables[table].append(values)

    def event(self, at: datetime, name: str, subject: str, subject_id: UUID, order_id: UUID, **data: Any) -> None:
        """Take an event of an order."""
        self.add("event", name, subject, subject_id, order_id, as_json(data), "hub", at)

    def move(self, at: datetime, place: tuple[str, str], kind: str, on_hand: int, allocated: int, **more: Any) -> None:
        """Take a row of the stock ledger."""
        item, node = self.known.items[place[0]], self.known.nodes[place[1]]
        self.add(
            "stock_movement", item, node, kind, on_hand, allocated, more.get("order_id"), more.get("cause"), "hub", at
        )


def write_history(unit: Unit, history: History, known: Known) -> int:
    """Write a history in one transaction and return how many orders it has; stock positions are made as well.

    Every order carries the tag `demo`.
    """
    rows = Rows(known)
    for supply in history.supplies:
        rows.move(supply.at, supply.place, "receipt", supply.units, 0, cause="supplier delivery")
    for order in history.orders:
        _order(rows, order, history.end)
    for (sku, node), units in history.stock.items():
        rows.add("stock_position", known.items[sku], known.nodes[node], units, history.end)
    for name, found in rows.tables.items():
        if name in BY_TIME:
            found.sort(key=lambda row: row[-1])
        copy_rows(unit, t.metadata.tables[name], COLUMNS[name], found)
    refresh_phases(unit, rows.order_ids)
    return len(history.orders)


def _id(at: datetime) -> UUID:
    return uuid7(int(at.timestamp() * 1000))


def _order(rows: Rows, order: PastOrder, end: datetime) -> None:
    order_id, known = _id(order.placed_at), rows.known
    rows.order_ids.append(order_id)
    shipped = max((parcel.shipped_at for parcel in order.parcels), default=None)
    tax = tax_in(order.goods, order.channel.tax_rate) + tax_in(order.shipping, order.channel.tax_rate)
    rows.add(
        "orders", order_id, known.connections[order.channel.connection], str(SHOP_ORDER + order.number),
        f"#{order.number}", "canceled" if order.canceled_at else "completed", order.placed_at, CURRENCY,
        order.goods + order.shipping, as_json(_body(order, tax)), order.placed_at, 1, order.accepted_at,
        order.customer.email, order.customer.country, order.accepted_at, shipped, shipped, order.canceled_at,
        order.placed_at, order.canceled_at or shipped or end,
    )  # fmt: skip
    rows.event(order.placed_at, "order.received", "order", order_id, order_id, number=f"#{order.number}")
    if order.held:
        kind, detail, until = order.held
        hold_id = _id(order.placed_at)
        rows.add("hold", hold_id, order_id, kind, detail, "released", order.placed_at, until, "user:demo")
        rows.event(order.placed_at, "order.held", "order", order_id, order_id, kind=kind, detail=detail)
        rows.event(until, "order.released", "order", order_id, order_id, by="user:demo")
    rows.event(order.accepted_at, "order.accepted", "order", order_id, order_id)
    rows.event(order.accepted_at, "order.allocated", "order", order_id, order_id, nodes=len(order.parcels) or 1)
    parcels = {parcel.node: parcel for parcel in order.parcels}
    line_ids = _lines(rows, order, order_id, parcels)
    for node in dict.fromkeys(node for line in order.lines for node in line.nodes):
        _work(rows, order, order_id, node, parcels.get(node), line_ids)
    if order.canceled_at:
        rows.event(order.canceled_at, "order.canceled", "order", order_id, order_id, by="source")
    elif shipped:
        rows.event(shipped, "order.completed", "order", order_id, order_id)


def _body(order: PastOrder, tax: Decimal) -> dict[str, Any]:
    buyer = order.customer
    address = {
        "name": buyer.name, "company": buyer.company, "line1": buyer.street, "line2": None, "city": buyer.city,
        "region": None, "postal_code": buyer.postal_code, "country": buyer.country, "phone": None,
    }  # fmt: skip
    paid = f"{order.goods + order.shipping:.2f}"
    return {
        "service_level": "standard",
        "partial_shipment_allowed": True,
        "tags": [TAG],
        "buyer": {"name": buyer.name, "company": buyer.company, "email": buyer.email, "external_id": str(buyer.number)},
        "ship_to": address,
        "bill_to": address,
        "charges": [{"kind": "shipping", "title": "Standard", "amount": f"{order.shipping:.2f}"}],
        "payments": [{"kind": "capture", "gateway": "card", "amount": paid, "currency": CURRENCY}],
        "totals": {
            "lines": f"{order.goods:.2f}",
            "discount": "0.00",
            "charges": f"{order.shipping:.2f}",
            "tax": f"{tax:.2f}",
            "grand": paid,
        },
    }


def _lines(rows: Rows, order: PastOrder, order_id: UUID, parcels: Mapping[str, PastParcel]) -> list[UUID]:
    ids = []
    for place, line in enumerate(order.lines):
        line_id = _id(order.placed_at)
        ids.append(line_id)
        amount = (Decimal(line.item.price) * line.units).quantize(CENT)
        taxes = [
            {
                "title": "VAT",
                "rate": order.channel.tax_rate,
                "amount": f"{tax_in(amount, order.channel.tax_rate):.2f}",
            }
        ]
        gone = 0 if order.canceled_at else line.units
        there = sum(units for node, units in line.nodes.items() if _arrived(parcels.get(node)))
        rows.add(
            "order_line", line_id, order_id, str(SHOP_LINE + order.number * 1000 + place), place + 1, line.item.sku,
            rows.known.items[line.item.sku], line.item.title, line.units, line.units - gone, gone, there, line.returned,
            Decimal(line.item.price), ZERO, as_json(taxes), True,
        )  # fmt: skip
        if line.returned:
            _refund(rows, order, order_id, place, line_id, max(parcel.facts[-1][1] for parcel in parcels.values()))
    return ids


def _refund(rows: Rows, order: PastOrder, order_id: UUID, place: int, line_id: UUID, at: datetime) -> None:
    line, number = order.lines[place], order.number * 1000 + place
    external_id, amount = str(SHOP_REFUND + number), (Decimal(line.item.price) * line.returned).quantize(CENT)
    refund_id = _id(at)
    rows.add(
        "refund", refund_id, rows.known.connections[order.channel.connection], external_id, order_id, amount, CURRENCY,
        at, at,
    )  # fmt: skip
    rows.add("refund_line", _id(at), refund_id, str(SHOP_LINE + number), line_id, line.returned, "return", amount)
    rows.event(
        at, "refund.succeeded", "order", order_id, order_id, external_id=external_id, amount=f"{amount:.2f}",
        currency=CURRENCY,
    )  # fmt: skip


def _arrived(parcel: PastParcel | None) -> bool:
    return parcel is not None and parcel.state == "delivered"


def _work(
    rows: Rows, order: PastOrder, order_id: UUID, node: str, parcel: PastParcel | None, line_ids: list[UUID]
) -> None:
    known, begun = rows.known, order.accepted_at
    work_id = _id(begun)
    ended = parcel.shipped_at if parcel else order.canceled_at
    number = f"#{order.number}-{work_id.hex[-10:].upper()}"
    rows.add(
        "fulfillment_order", work_id, order_id, known.nodes[node], known.workers[node], number,
        "shipped" if parcel else "canceled", begun, begun, ended, ended,
    )  # fmt: skip
    rows.event(begun, "fulfillment.released", "fulfillment", work_id, order_id, node=node, number=number)
    shipment_id = _parcel(rows, order, order_id, work_id, number, parcel) if parcel else None
    for line, line_id in zip(order.lines, line_ids, strict=True):
        units = line.nodes.get(node)
        if not units:
            continue
        item = known.items[line.item.sku]
        place = line.item.sku, node
        rows.add(
            "fulfillment_line", _id(begun), work_id, line_id, item, units, units if parcel else 0,
            0 if parcel else units,
        )  # fmt: skip
        rows.add(
            "reservation", _id(begun), order_id, line_id, work_id, known.connections[order.channel.connection], item,
            known.nodes[node], units, "consumed" if parcel else "released", begun, ended,
        )  # fmt: skip
        assert ended is not None
        rows.move(begun, place, "allocate", 0, units, order_id=order_id)
        rows.move(ended, place, "ship" if parcel else "release", -units if parcel else 0, -units, order_id=order_id)
        if shipment_id:
            rows.add("shipment_line", shipment_id, line_id, units)


def _parcel(rows: Rows, order: PastOrder, order_id: UUID, work_id: UUID, number: str, parcel: PastParcel) -> UUID:
    shipment_id = _id(parcel.shipped_at)
    delivered = parcel.facts[-1][1] if _arrived(parcel) else None
    rows.add(
        "shipment", shipment_id, order_id, work_id, rows.known.nodes[parcel.node],
        f"{number}-S{shipment_id.hex[-6:].upper()}", parcel.tracking, parcel.carrier, parcel.tracking, parcel.state,
        TRACKING_RANK[parcel.state], parcel.facts[-1][1], parcel.shipped_at, delivered, parcel.shipped_at,
    )  # fmt: skip
    units = sum(line.nodes.get(parcel.node, 0) for line in order.lines)
    rows.event(
        parcel.shipped_at, "fulfillment.shipped", "shipment", shipment_id, order_id, units=str(units),
        carrier=parcel.carrier,
    )  # fmt: skip
    for status, at in parcel.facts:
        rows.add("tracking_event", _id(at), shipment_id, status, at, at + timedelta(seconds=1))
    if delivered:
        rows.event(delivered, "shipment.delivered", "shipment", shipment_id, order_id, state="delivered")
    return shipment_id
