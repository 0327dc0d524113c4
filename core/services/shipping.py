"""Shipments: what left a node uses up its allocation, moves the order on and is told to shop and ERP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from core.domain import cases as causes
from core.domain.ids import public_id, uuid7
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.states import FULFILLMENT
from core.domain.vocabulary import Write
from core.errors import Conflict
from core.ports.connectors import Json
from core.services.allocations import use_up
from core.services.canceling import settle_cancel
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.facts import Facts
from core.services.fulfilling import find_work, match_lines, set_work_state, work_lines
from core.services.outbox import Outgoing, enqueue
from core.services.parcels import look_at_promise
from core.services.phase import refresh_phases
from core.services.serials import record_serials
from core.services.trade_due import owe_papers
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.unit import Unit

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Shipped:
    """A shipment as applied; `new` is false when it had been applied before, the id None when nothing was open."""

    shipment_id: UUID | None
    order_id: UUID
    new: bool


def ship(
    unit: Unit, facts: Facts, document: Json, connection_id: UUID | None = None, *, refuse: bool = False
) -> Shipped:
    """Apply a shipment; one applied before changes nothing.

    Units beyond what the fulfillment order had open are never counted as shipped, so that `canceled + shipped + open
    = ordered` holds: with `refuse` nothing is done, else an exception asks a person to look after them. When all
    units are beyond, there is no shipment.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        document: the shipment.
        connection_id: of the node that reports it.
        refuse: whether the reporter is told; a node that has shipped already cannot be.

    Raises:
        NotFound: nothing released has that id.
        InputError: it names a line the fulfillment order does not have.
        Conflict: with `refuse`, when some of it is not open.
    """
    work, order = find_work(unit, document, connection_id)
    known = unit.conn.execute(
        select(t.shipment.c.id).where(
            t.shipment.c.tenant_id == unit.tenant,
            t.shipment.c.fulfillment_id == work.id,
            t.shipment.c.external_id == document["external_id"],
        )
    ).scalar_one_or_none()
    if known is not None:
        return Shipped(known, order.id, False)
    lines = work_lines(unit, work.id)
    units, over = match_lines(lines, document.get("lines"))
    if refuse and (over or not units):
        raise _too_many(work, lines, over)
    if not units:
        _report_surplus(unit, facts, work, order, document, over)
        return Shipped(None, order.id, True)
    shipment_id = uuid7()
    by_line: dict[UUID, Decimal] = {}
    for line in lines:
        if line.id in units:
            by_line[line.line_id] = by_line.get(line.line_id, ZERO) + units[line.id]
    _write(unit, work, order, shipment_id, document, by_line)
    lacking = record_serials(unit, shipment_id, lines, document.get("lines"), by_line)
    _count(unit, work, units, by_line)
    used = use_up(unit, order.id, by_line, work.id)
    if used != by_line:
        raise AssertionError(f"{work.number}: {by_line} left but {used} were allocated")
    _move_work(unit, work, lines, units)
    unit.event(
        "fulfillment.shipped",
        "shipment",
        shipment_id,
        {
            "fulfillment": public_id("fulfillment", work.id),
            "units": plain(sum(by_line.values(), ZERO)),
            "carrier": document.get("carrier"),
            "too_many": {public_id("fulfillment_line", line): plain(extra) for line, extra in over.items()},
            **({"serials_missing": lacking} if lacking else {}),
        },
        order_id=order.id,
    )
    enqueue(unit, _tell(unit, facts, work, order, shipment_id, document, by_line))
    owe_papers(unit, facts, order, shipment_id)
    settle_cancel(unit, order.id)
    settle_members(unit, "order", [order.id], codes=[causes.REJECTED.code, causes.STUCK.code])
    refresh_phases(unit, [order.id])
    look_at_promise(unit, order.id)
    if over:
        _report_surplus(unit, facts, work, order, document, over)
    return Shipped(shipment_id, order.id, True)


def _too_many(work: Row[Any], lines: Sequence[Row[Any]], over: Mapping[UUID, Decimal]) -> Conflict:
    return Conflict(
        f"{work.number} is {work.state} and has less open than that; nothing was changed.",
        why="The units were shipped or canceled before.",
        fix="Read the fulfillment order again; to report a shipment once more, send its `external_id`.",
        code="SHIP-OPEN-409",
        errors=[
            {"path": line.item_sku, "reason": f"{plain(over[line.id])} more than open"}
            for line in lines
            if line.id in over
        ],
    )


def _report_surplus(
    unit: Unit, facts: Facts, work: Row[Any], order: Row[Any], document: Json, over: Mapping[UUID, Decimal]
) -> None:
    """Ask a person to look after units that have left a node and were not open any more."""
    evidence = {
        "node": facts.nodes[work.node_id].code,
        "number": work.number,
        "order": order.number or order.external_id,
        "external_id": document["external_id"],
        "tracking_number": document.get("tracking_number"),
        "units": f"{plain(sum(over.values(), ZERO))} units" if over else "all units",
        "state": work.state,
    }
    open_cases(
        unit,
        [
            Opened(
                causes.SURPLUS,
                # One parcel is one case, however often the node reports it.
                f"{causes.SURPLUS.code}:{work.id.hex}:{document['external_id']}"[:400],
                evidence,
                [Member("fulfillment", work.id, order.id)],
                connection_id=work.connection_id,
                node_id=work.node_id,
            )
        ],
    )
    unit.event("fulfillment.surplus", "fulfillment", work.id, evidence, order_id=order.id)


def _write(
    unit: Unit, work: Row[Any], order: Row[Any], shipment_id: UUID, document: Json, by_line: Mapping[UUID, Decimal]
) -> None:
    at = min(document.get("occurred_at") or unit.now, unit.now)
    copy_rows(
        unit,
        t.shipment,
        (
            "id", "order_id", "fulfillment_id", "node_id", "number", "external_id", "carrier", "service",
            "tracking_number", "tracking_url", "packages", "state", "rank", "state_at", "shipped_at",
        ),
        [
            (
                shipment_id,
                order.id,
                work.id,
                work.node_id,
                f"{work.number}-S{shipment_id.hex[-6:].upper()}",
                document["external_id"],
                document.get("carrier"),
                document.get("service"),
                document.get("tracking_number"),
                document.get("tracking_url"),
                as_json(document.get("packages")),
                "handed_over",
                1,
                at,
                at,
            )
        ],
    )  # fmt: skip
    copy_rows(
        unit,
        t.shipment_line,
        ("shipment_id", "line_id", "quantity"),
        [(shipment_id, line, units) for line, units in by_line.items()],
    )


def _count(unit: Unit, work: Row[Any], units: Mapping[UUID, Decimal], by_line: Mapping[UUID, Decimal]) -> None:
    unit.conn.exec_driver_sql(
        "UPDATE fulfillment_line f SET shipped = f.shipped + d.units FROM unnest(%s::uuid[], %s::numeric[])"
        " AS d(id, units) WHERE f.tenant_id = %s AND f.id = d.id",
        (list(units), list(units.values()), unit.tenant),
    )
    unit.conn.exec_driver_sql(
        "UPDATE order_line l SET shipped = l.shipped + d.units FROM unnest(%s::uuid[], %s::numeric[])"
        " AS d(id, units) WHERE l.tenant_id = %s AND l.id = d.id",
        (list(by_line), list(by_line.values()), unit.tenant),
    )
    unit.conn.execute(
        text(
            "UPDATE orders SET shipped_at = coalesce(shipped_at, :now), updated_at = :now, version = version + 1"
            " WHERE tenant_id = :t AND id = :id"
        ),
        {"t": unit.tenant, "id": work.order_id, "now": unit.now},
    )


def _move_work(unit: Unit, work: Row[Any], lines: Sequence[Row[Any]], units: Mapping[UUID, Decimal]) -> None:
    left = sum((line.quantity - line.shipped - line.canceled - units.get(line.id, ZERO) for line in lines), ZERO)
    if work.state not in FULFILLMENT.final:
        set_work_state(unit, work.id, FULFILLMENT.advance(work.state, "ship" if left <= 0 else "ship_part"))


def _tell(
    unit: Unit,
    facts: Facts,
    work: Row[Any],
    order: Row[Any],
    shipment_id: UUID,
    document: Json,
    by_line: Mapping[UUID, Decimal],
) -> list[Outgoing]:
    """Return the writes for the channel the order came from, and for every ERP."""
    source = facts.connections.get(order.connection_id)
    takers = facts.takers(Write.PUSH_SHIPMENT, kinds=("erp", "crm"))
    if source is not None and source.takes(Write.PUSH_SHIPMENT) and source not in takers:
        takers = [source, *takers]
    if not takers or not by_line:
        return []
    rows = unit.conn.execute(
        text(
            "SELECT id, external_id, sku FROM order_line WHERE tenant_id = :t AND id = ANY(:ids) ORDER BY position, id"
        ),
        {"t": unit.tenant, "ids": list(by_line)},
    ).all()
    payload = {
        "shipment": {
            "id": public_id("shipment", shipment_id),
            "number": f"{work.number}-S{shipment_id.hex[-6:].upper()}",
            "node": facts.nodes[work.node_id].code,
            "carrier": document.get("carrier"),
            "service": document.get("service"),
            "tracking_number": document.get("tracking_number"),
            "tracking_url": document.get("tracking_url"),
            "shipped_at": jsonable(min(document.get("occurred_at") or unit.now, unit.now)),
            "lines": [
                {
                    "line_id": public_id("line", row.id),
                    "external_id": row.external_id,
                    "sku": row.sku,
                    "quantity": plain(by_line[row.id]),
                }
                for row in rows
            ],
            "packages": jsonable(document.get("packages") or []),
        },
        "order": {
            "id": public_id("order", order.id),
            "external_id": order.external_id,
            "number": order.number,
            "connection": source.name if source else None,
        },
        "fulfillment": {"id": public_id("fulfillment", work.id), "number": work.number},
    }
    return [Outgoing(taker.id, Write.PUSH_SHIPMENT, payload, order.id, work.id, shipment_id) for taker in takers]
