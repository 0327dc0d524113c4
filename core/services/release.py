"""Release: what was decided becomes fulfillment orders, and deliveries to WMS and ERP; what waits is told later."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.domain.ids import public_id, uuid7
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.vocabulary import Write
from core.routing.problem import Assignment
from core.services.dropship import SUPPLIER, read_prices, supplier_order
from core.services.facts import Facts
from core.services.heads import FulfillmentLine, Head, day, read_heads
from core.services.offers import Leg
from core.services.outbox import Outgoing, enqueue
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.read.orders import read_orders
from core.store.unit import Unit

# Kinds of systems that keep books of orders; a drop folder may stand for one.
ERP_KINDS = ("erp", "crm", "file")


@dataclass(frozen=True, slots=True)
class Work:
    """Units of one order for one node."""

    id: UUID
    order_id: UUID
    order_number: str
    node_id: UUID
    decision_id: UUID
    assignments: Sequence[Assignment]
    at: datetime
    leg: Leg
    # The lots its units are promised from, by order line, for items that have lots.
    lots: Mapping[UUID, Sequence[tuple[str, Decimal]]] = field(default_factory=dict)
    # Until when it waits for a wave; None is told at once.
    release_at: datetime | None = None
    # What supply it waits for, in words; None where its units are there.
    awaits: str | None = None

    @property
    def waits(self) -> bool:
        """Return whether its node is not told yet."""
        return self.release_at is not None or self.awaits is not None

    @property
    def number(self) -> str:
        """Return the number people and nodes use; unique because it ends in the id's random part."""
        return f"{self.order_number}-{self.id.hex[-10:].upper()}"


def release(unit: Unit, facts: Facts, works: Sequence[Work]) -> None:
    """Write fulfillment orders and their lines, and the deliveries of those that do not wait."""
    lines: list[list[FulfillmentLine]] = []
    for work in works:
        merged: dict[UUID, tuple[UUID, Decimal]] = {}
        for each in work.assignments:
            known = merged.get(each.line_id)
            merged[each.line_id] = (each.item_id, each.quantity + (known[1] if known else Decimal(0)))
        lines.append([(uuid7(), line, item, units) for line, (item, units) in merged.items()])
    copy_rows(
        unit,
        t.fulfillment_order,
        (
            "id", "order_id", "node_id", "connection_id", "number", "state", "decision_id", "released_at", "updated_at",
            "carrier", "service", "ship_on", "arrive_on", "release_at", "reason",
        ),
        [
            (
                work.id,
                work.order_id,
                work.node_id,
                facts.node_connections[work.node_id],
                work.number,
                "planned" if work.waits else "released",
                work.decision_id,
                None if work.waits else work.at,
                work.at,
                work.leg.carrier,
                work.leg.service,
                work.leg.ship_on,
                work.leg.arrive_on,
                # Nobody knows when supply comes: what waits for it has no time, and the sweep of arrivals finds it.
                None if work.awaits else work.release_at,
                work.awaits,
            )
            for work in works
        ],
    )  # fmt: skip
    copy_rows(
        unit,
        t.fulfillment_line,
        ("id", "fulfillment_id", "line_id", "item_id", "quantity"),
        [(line_id, work.id, *rest) for work, own in zip(works, lines, strict=True) for line_id, *rest in own],
    )
    for work in works:
        if work.waits:
            planned: dict[str, Any] = {"node": facts.nodes[work.node_id].code, "number": work.number}
            planned |= {"reason": work.awaits} if work.awaits else {"release_at": work.release_at}
            unit.event("fulfillment.planned", "fulfillment", work.id, jsonable(planned), order_id=work.order_id)
    tell_nodes(unit, facts, [pair for pair in zip(works, lines, strict=True) if not pair[0].waits])


def tell_nodes(unit: Unit, facts: Facts, told: Sequence[tuple[Work, Sequence[FulfillmentLine]]]) -> None:
    """Write the events and deliveries of released work; the caller holds the locks of its orders."""
    works = [work for work, _ in told]
    for work in works:
        unit.event(
            "fulfillment.released",
            "fulfillment",
            work.id,
            {"node": facts.nodes[work.node_id].code, "number": work.number},
            order_id=work.order_id,
        )
    if not works:
        return
    heads = read_heads(unit, list({work.order_id for work in works}))
    told = [(work, heads[work.order_id].told(own)) for work, own in told]
    bought = {work.id for work in works if facts.routing.nodes[work.node_id].kind == SUPPLIER}
    prices = read_prices(
        unit, {(work.node_id, item) for work, own in told if work.id in bought for _, _, item, _ in own}
    )
    writes = [
        write
        for work, own in told
        if (
            write := _work_write(
                facts,
                work,
                own,
                heads[work.order_id],
                supplier_order(work.number, work.node_id, own, prices) if work.id in bought else None,
            )
        )
    ]
    if facts.takers(Write.PUSH_ORDER, kinds=ERP_KINDS):
        writes += push_orders(facts, _orders(unit, heads), "allocated", works)
    enqueue(unit, writes)


def _orders(unit: Unit, order_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    ids = list(order_ids)
    return dict(zip(ids, read_orders(unit.conn, ids), strict=True))


def _work_write(
    facts: Facts,
    work: Work,
    lines: Sequence[FulfillmentLine],
    head: Head,
    bought_as: dict[str, Any] | None,
) -> Outgoing | None:
    connection_id = facts.node_connections[work.node_id]
    connection = facts.connections.get(connection_id) if connection_id else None
    if connection is None or not connection.takes(Write.PUSH_FULFILLMENT_ORDER):
        return None  # people work this node from the console; nothing is sent
    payload = {
        "fulfillment": {
            "id": public_id("fulfillment", work.id),
            "number": work.number,
            "node": facts.nodes[work.node_id].code,
            "service_level": head.body.get("service_level"),
            "requested_ship_date": head.requested_ship_date,
            "carrier": work.leg.carrier,
            "service": work.leg.service,
            "ship_on": day(work.leg.ship_on),
            "arrive_on": day(work.leg.arrive_on),
            "pickup": head.body.get("pickup_node") is not None,
            "purchase_order": bought_as,
            "note": head.body.get("note"),
            "ship_to": head.body.get("ship_to"),
            "lines": [
                {
                    "id": public_id("fulfillment_line", line_id),
                    "line_id": public_id("line", order_line_id),
                    "sku": head.lines[order_line_id][0],
                    "title": head.lines[order_line_id][1],
                    "quantity": plain(units),
                    "unit": head.lines[order_line_id][2],
                    **_lots(work, order_line_id),
                }
                for line_id, order_line_id, _, units in lines
            ],
        },
        "order": head.order,
    }
    return Outgoing(connection.id, Write.PUSH_FULFILLMENT_ORDER, payload, work.order_id, work.id)


def _lots(work: Work, line_id: UUID) -> dict[str, Any]:
    lots = work.lots.get(line_id)
    return {"lots": [{"lot": lot or None, "quantity": plain(units)} for lot, units in lots]} if lots else {}


def push_orders(
    facts: Facts, documents: Mapping[UUID, Mapping[str, Any]], event: str, works: Sequence[Work] = ()
) -> list[Outgoing]:
    """Return the writes that tell every ERP of these orders, with what was allocated where."""
    takers = facts.takers(Write.PUSH_ORDER, kinds=ERP_KINDS)
    if not takers:
        return []
    allocation: dict[UUID, list[dict[str, Any]]] = {order_id: [] for order_id in documents}
    for work in works:
        skus = {line["id"]: line["sku"] for line in documents[work.order_id]["lines"]}
        for each in work.assignments:
            line = public_id("line", each.line_id)
            allocation[work.order_id].append(
                {
                    "line_id": line,
                    "sku": skus[line],
                    "node": facts.nodes[work.node_id].code,
                    "quantity": plain(each.quantity),
                }
            )
    return [
        Outgoing(
            taker.id,
            Write.PUSH_ORDER,
            {"event": event, "order": order, "allocation": allocation[order_id]},
            order_id,
        )
        for order_id, order in documents.items()
        for taker in takers
    ]
