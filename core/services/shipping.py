"""Shipments: what left a node is written, counted and told to shop and ERP, for many orders in one step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from core.domain import cases as causes
from core.domain.ids import public_id
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.states import TRACKING_RANK
from core.domain.vocabulary import Write
from core.errors import InputError
from core.ports.connectors import Json
from core.services.cases import Member, Opened, open_cases
from core.services.facts import ConnectionFacts, Facts
from core.services.outbox import Outgoing, enqueue
from core.services.serials import record_serials
from core.services.steps import Step
from core.services.trade_due import owe_papers
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.unit import Unit

ZERO = Decimal(0)
SHIPMENT = (
    "id", "order_id", "fulfillment_id", "node_id", "number", "external_id", "carrier", "service", "tracking_number",
    "tracking_url", "packages", "state", "rank", "state_at", "shipped_at", "delivered_at",
)  # fmt: skip
TOLD = ("carrier", "service", "tracking_number", "tracking_url")


def shipped_before(unit: Unit, parcels: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], UUID]:
    """Return the shipments known for these (fulfillment order, external id)."""
    if not parcels:
        return {}
    rows = unit.conn.exec_driver_sql(
        "SELECT s.id, s.fulfillment_id, s.external_id FROM shipment s"
        " JOIN unnest(%b::uuid[], %b::text[]) AS w(fulfillment_id, external_id)"
        " ON s.fulfillment_id = w.fulfillment_id AND s.external_id = w.external_id WHERE s.tenant_id = %s",
        ([work for work, _ in parcels], [external_id for _, external_id in parcels], unit.tenant),
    )
    return {(row.fulfillment_id, row.external_id): row.id for row in rows}


def write_shipments(unit: Unit, steps: Sequence[Step]) -> None:
    """Write new shipments, count their units on lines and orders, and note their events."""
    if not steps:
        return
    fetched = _handed_out(unit, steps)
    states = [(state, TRACKING_RANK[state]) for state in ("handed_over", "delivered")]
    copy_rows(
        unit,
        t.shipment,
        SHIPMENT,
        [
            (
                step.shipment_id, step.order.id, step.work.id, step.work.node_id, _number(step),
                step.document["external_id"], *(step.document.get(name) for name in TOLD),
                as_json(step.document.get("packages")), *states[step.shipment_id in fetched],
                _left_at(unit, step), _left_at(unit, step),
                _left_at(unit, step) if step.shipment_id in fetched else None,
            )
            for step in steps
        ],
    )  # fmt: skip
    rows = [(step.shipment_id, line, units) for step in steps for line, units in step.left.items()]
    copy_rows(unit, t.shipment_line, ("shipment_id", "line_id", "quantity"), rows)
    _count(unit, [(line, units) for _, line, units in rows], [step.order.id for step in steps])
    _count_delivered(unit, [each for step in steps if step.shipment_id in fetched for each in step.left.items()])
    lacking = record_serials(unit, steps)
    for step in steps:
        assert step.shipment_id is not None
        missing = lacking.get(step.shipment_id)
        unit.event(
            "fulfillment.shipped",
            "shipment",
            step.shipment_id,
            {
                "fulfillment": public_id("fulfillment", step.work.id),
                "units": plain(sum(step.shipped.values(), ZERO)),
                "carrier": step.document.get("carrier"),
                "too_many": {public_id("fulfillment_line", line): plain(extra) for line, extra in step.over.items()},
                **({"serials_missing": missing} if missing else {}),
            },
            order_id=step.order.id,
        )
        if step.shipment_id in fetched:
            unit.event(
                "shipment.delivered", "shipment", step.shipment_id, {"state": "delivered"}, order_id=step.order.id
            )


def _handed_out(unit: Unit, steps: Sequence[Step]) -> set[UUID]:
    """Return the shipments a buyer has fetched: those of orders for a pick-up that no carrier will tell anything of."""
    found: dict[UUID, list[UUID | None]] = {}
    for step in steps:
        if not (step.document.get("carrier") or step.document.get("tracking_number")):
            found.setdefault(step.order.id, []).append(step.shipment_id)
    if not found:
        return set()
    rows = unit.conn.exec_driver_sql(
        "SELECT id FROM orders WHERE tenant_id = %s AND id = ANY(%s::uuid[]) AND body->>'pickup_node' IS NOT NULL",
        (unit.tenant, list(found)),
    )
    return {shipment for row in rows for shipment in found[row.id] if shipment is not None}


def _number(step: Step) -> str:
    assert step.shipment_id is not None
    return f"{step.work.number}-S{step.shipment_id.hex[-6:].upper()}"


# Clocks differ, and times without a zone are taken for UTC.
CLOCKS = timedelta(days=1)


def check_left(step: Step, now: datetime) -> None:
    """Refuse a moment at which a parcel cannot have left, allowing for clocks of other zones.

    Raises:
        InputError: it is to come, or before the order was placed.
    """
    said: datetime | None = step.document.get("occurred_at")
    placed: datetime = min(step.order.placed_at, step.work.created_at)
    if said is None or placed - CLOCKS <= said <= now + CLOCKS:
        return
    reason = "is to come" if said > now else f"is before the order was placed, {placed:%Y-%m-%d %H:%M} UTC"
    raise InputError(
        f"Nothing of {step.work.number} can have left at {said.isoformat()}; nothing was changed.",
        why=f"That {reason}.",
        fix="Send the moment the parcel left, or none for now.",
        code="SHIP-TIME-422",
        errors=[{"path": "occurred_at", "reason": reason}],
    )


def _left_at(unit: Unit, step: Step) -> datetime:
    said: datetime | None = step.document.get("occurred_at")
    return min(said or unit.now, unit.now)


def _count(unit: Unit, lines: Sequence[tuple[UUID, Decimal]], orders: Collection[UUID]) -> None:
    unit.conn.exec_driver_sql(
        "UPDATE order_line l SET shipped = l.shipped + d.units FROM unnest(%s::uuid[], %s::numeric[])"
        " AS d(id, units) WHERE l.tenant_id = %s AND l.id = d.id",
        ([line for line, _ in lines], [units for _, units in lines], unit.tenant),
    )
    unit.conn.exec_driver_sql(
        "UPDATE orders SET shipped_at = coalesce(shipped_at, %(now)s), updated_at = %(now)s, version = version + 1"
        " WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s::uuid[])",
        {"now": unit.now, "tenant": unit.tenant, "ids": list(orders)},
    )


def _count_delivered(unit: Unit, lines: Sequence[tuple[UUID, Decimal]]) -> None:
    if lines:
        unit.conn.exec_driver_sql(
            "UPDATE order_line l SET delivered = least(l.shipped, l.delivered + d.units)"
            " FROM (SELECT id, sum(units) AS units FROM unnest(%s::uuid[], %s::numeric[]) AS d(id, units) GROUP BY id)"
            " AS d WHERE l.tenant_id = %s AND l.id = d.id",
            ([line for line, _ in lines], [units for _, units in lines], unit.tenant),
        )


def tell_shipments(unit: Unit, facts: Facts, steps: Sequence[Step]) -> None:
    """Write the deliveries that tell the channels the orders came from, and every ERP."""
    everybody = facts.takers(Write.PUSH_SHIPMENT, kinds=("erp", "crm"))
    writes: list[Outgoing] = []
    for step in steps:
        source = facts.connections.get(step.order.connection_id)
        takers = everybody
        if source is not None and source.takes(Write.PUSH_SHIPMENT) and source not in takers:
            takers = [source, *takers]
        if takers:
            payload = _payload(unit, facts, step, source)
            order_id, work_id = step.order.id, step.work.id
            writes += [
                Outgoing(taker.id, Write.PUSH_SHIPMENT, payload, order_id, work_id, step.shipment_id)
                for taker in takers
            ]
    enqueue(unit, writes)
    for step in steps:
        if step.shipment_id is not None:
            owe_papers(unit, facts, step.order, step.shipment_id)


def _payload(unit: Unit, facts: Facts, step: Step, source: ConnectionFacts | None) -> Json:
    assert step.shipment_id is not None
    units = step.left
    lines = {line.line_id: line for line in sorted(step.lines, key=lambda line: (line.position, line.line_id))}
    return {
        "shipment": {
            "id": public_id("shipment", step.shipment_id),
            "number": _number(step),
            "node": facts.nodes[step.work.node_id].code,
            **{name: step.document.get(name) for name in TOLD},
            "shipped_at": jsonable(_left_at(unit, step)),
            "lines": [
                {
                    "line_id": public_id("line", line_id),
                    "external_id": line.external_id,
                    "sku": line.sku,
                    "quantity": plain(units[line_id]),
                }
                for line_id, line in lines.items()
                if line_id in units
            ],
            "packages": jsonable(step.document.get("packages") or []),
        },
        "order": {
            "id": public_id("order", step.order.id),
            "external_id": step.order.external_id,
            "number": step.order.number,
            "connection": source.name if source else None,
        },
        "fulfillment": {"id": public_id("fulfillment", step.work.id), "number": step.work.number},
    }


def report_surplus(unit: Unit, facts: Facts, steps: Sequence[Step]) -> None:
    """Ask a person to look after units that have left a node and were not open any more."""
    found = []
    for step in steps:
        work, document = step.work, step.document
        evidence = {
            "node": facts.nodes[work.node_id].code,
            "number": work.number,
            "order": step.order.number or step.order.external_id,
            "external_id": document["external_id"],
            "tracking_number": document.get("tracking_number"),
            "units": f"{plain(sum(step.over.values(), ZERO))} units" if step.over else "all units",
            "state": work.state,
        }
        found.append(
            Opened(
                causes.SURPLUS,
                # One parcel is one case, however often the node reports it.
                f"{causes.SURPLUS.code}:{work.id.hex}:{document['external_id']}"[:400],
                evidence,
                [Member("fulfillment", work.id, step.order.id)],
                connection_id=work.connection_id,
                node_id=work.node_id,
            )
        )
        unit.event("fulfillment.surplus", "fulfillment", work.id, evidence, order_id=step.order.id)
    open_cases(unit, found)
