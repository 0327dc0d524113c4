"""Changes to existing orders: a newer picture of the order from its source, line by line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, text, update

from core.domain.ids import uuid7
from core.domain.states import ORDER
from core.domain.vocabulary import HoldKind
from core.ports.connectors import Json
from core.services import holds
from core.services.asked_back import open_requests, take_off, units_of
from core.services.canceling import cancel_order
from core.services.facts import Facts
from core.services.finishing import finish_orders
from core.services.fulfilling import source_again
from core.services.latecomers import apply_late
from core.services.line_items import clashes, item_of, resolve_lines
from core.services.order_rows import LINE, body_of, fingerprint, line_row, order_total, part_of
from core.services.ordering import Incoming, judge, tell_erp
from core.services.outbox import told_of
from core.services.phase import refresh_phases
from core.services.pictures import match_picture, same_address, wanted_of
from core.services.recalling import recall_work
from core.services.unreleasable import uncounted
from core.services.validation import Stop
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import lock_order
from core.store.unit import Unit

ZERO = Decimal(0)
# Holds that may be of a map, whose code or field no change of ours gives.
FROM_MAPS = frozenset({HoldKind.MISSING_FIELD, HoldKind.UNMAPPED_CODE})
# Holds a newer picture of the order can end or bring; a person's hold stays a person's.
FROM_CONTENT = frozenset(HoldKind) - {HoldKind.MANUAL, HoldKind.POSSIBLE_DUPLICATE, HoldKind.NO_NODE}


def apply_snapshot(
    unit: Unit,
    facts: Facts,
    incoming: Incoming,
    order: Row[Any],
    *,
    again: bool = False,
    before: Collection[Stop] | None = None,
) -> str:
    """Bring a locked order to its source's newer picture and return what it was: changed, duplicate or stale.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        incoming: the picture.
        order: the locked order.
        again: whether it is applied even though the source's last picture was the same: the order was changed since.
        before: what kept the order from being processed until now, where it is changed and not sent: of that, what was
            released stays so, and what its map held stays held.
    """
    known = (order.source_version or 0, order.source_updated_at.timestamp() if order.source_updated_at else 0.0)
    if incoming.age < known:
        return "stale"
    mark = fingerprint(incoming.document)
    if mark == order.source_hash and not again:
        return "duplicate"
    document = incoming.document
    if document.get("canceled_at") and order.state not in ORDER.final:
        _remember(unit, order, document, mark)
        unit.conn.execute(
            text("UPDATE order_line SET pictured = 0 WHERE tenant_id = :t AND order_id = :o"),
            {"t": unit.tenant, "o": order.id},
        )
        cancel_order(unit, facts, order.id, None, document.get("cancel_reason") or "canceled at the source")
        return "changed"
    if order.state in ORDER.final:
        body = apply_late(unit, facts, incoming, order, mark)
        if body is None:
            _remember(unit, order, document, mark)
        else:
            _remember_declined(unit, order, document, mark, body)
        return "changed"
    incoming.order_id = order.id
    summary = _lines(unit, facts, incoming, order)
    if not same_address(order.body.get("ship_to"), document.get("ship_to")):
        summary["ship_to"] = True
    _remember(unit, order, document, mark)
    _rehold(unit, facts, incoming, before)
    _note(unit, order.id, summary)
    if summary.get("ship_to"):
        recall_work(unit, facts, order.id, "new ship-to address")
    if finish_orders(unit, [order.id])[order.id] not in ORDER.final:
        # Another question than before: nobody has found yet that there is no stock for it.
        unit.conn.execute(
            update(t.orders)
            .where(t.orders.c.tenant_id == unit.tenant, t.orders.c.id == order.id)
            .values(sourcing_tries=0)
        )
        source_again(unit, order.id)
        refresh_phases(unit, [order.id])
    # An order that was held from the start is told of when it is accepted, as it is then.
    if summary and told_of(unit, order.id):
        tell_erp(unit, facts, [order.id], "changed")
    return "changed"


def _remember(unit: Unit, order: Row[Any], document: Json, mark: str) -> None:
    unit.conn.execute(
        update(t.orders)
        .where(t.orders.c.tenant_id == unit.tenant, t.orders.c.id == order.id)
        .values(
            body={**body_of(document), **part_of(order.body)},
            total=order_total(document),
            number=document.get("number") or order.number,
            source_version=document.get("source_version"),
            source_updated_at=document.get("source_updated_at"),
            source_hash=mark,
            buyer_email=(document.get("buyer") or {}).get("email"),
            ship_country=(document.get("ship_to") or {}).get("country"),
            requested_ship_date=document.get("requested_ship_date"),
            requested_delivery_date=document.get("requested_delivery_date"),
            updated_at=unit.now,
            version=t.orders.c.version + 1,
        )
    )


def _remember_declined(unit: Unit, order: Row[Any], document: Json, mark: str, body: Json) -> None:
    """Note which picture was seen; of what it asked for, the order has nothing."""
    unit.conn.execute(
        update(t.orders)
        .where(t.orders.c.tenant_id == unit.tenant, t.orders.c.id == order.id)
        .values(
            body=body,
            source_version=document.get("source_version"),
            source_updated_at=document.get("source_updated_at"),
            source_hash=mark,
            updated_at=unit.now,
            version=t.orders.c.version + 1,
        )
    )


def _lines(unit: Unit, facts: Facts, incoming: Incoming, order: Row[Any]) -> dict[str, Any]:
    """Bring the lines to the new picture and return what changed, by kind."""
    stored = unit.conn.execute(
        select(t.order_line)
        .where(t.order_line.c.tenant_id == unit.tenant, t.order_line.c.order_id == order.id)
        .order_by(t.order_line.c.position, t.order_line.c.id)
    ).all()
    lines = incoming.document["lines"]
    known = resolve_lines(unit, ((incoming.connection_id, line) for line in lines))
    incoming.clashes = clashes(known, incoming.connection_id, lines)
    requests = open_requests(unit, order.id)
    edits = _Edits(units_of(requests))
    summary, less = edits.summary, edits.less
    incoming.items, incoming.line_ids = [], []
    seen: set[UUID] = set()
    for index, (line, row) in enumerate(zip(lines, match_picture(stored, lines), strict=True)):
        item = item_of(known, incoming.connection_id, line)
        if row is None:
            line_id = uuid7()
            copy_rows(unit, t.order_line, LINE, [line_row(order.id, line_id, index, line, item)])
            summary.setdefault("added", []).append(line.get("sku"))
        else:
            line_id = row.id
            seen.add(row.id)
            _reduce_or_raise(unit, row, line, item, edits)
        incoming.items.append(item)
        incoming.line_ids.append(line_id)
    for row in stored:
        left = row.quantity - row.canceled - row.shipped - edits.going.get(row.id, ZERO)
        if row.id not in seen and left > 0:
            less[row.id] = left
            summary.setdefault("removed", []).append(row.sku)
    if edits.withdrawn:
        take_off(unit, requests, edits.withdrawn)
    if less:
        summary["canceled"] = cancel_order(unit, facts, order.id, less, "changed at the source", judged=True)
    return summary


@dataclass(slots=True)
class _Edits:
    """What a picture changes: in words by kind, units to take off, and units that nodes need not stop after all.

    What nodes were asked to stop and have not answered for is `going`: as good as gone.
    """

    going: Mapping[UUID, Decimal]
    summary: dict[str, Any] = field(default_factory=dict)
    less: dict[UUID, Decimal] = field(default_factory=dict)
    withdrawn: dict[UUID, Decimal] = field(default_factory=dict)


def _reduce_or_raise(unit: Unit, row: Row[Any], line: Json, item: UUID | None, edits: _Edits) -> None:
    wanted, summary = wanted_of(line), edits.summary
    have = row.quantity - row.canceled
    stays = have - edits.going.get(row.id, ZERO)
    # What a person took off is not wanted again by a source that says the same number as before.
    if wanted > stays < have and (row.pictured is None or wanted > row.pictured):
        edits.withdrawn[row.id], stays = have - stays, have
        summary.setdefault("raised", []).append(row.sku)
    elif wanted > have:
        summary.setdefault("raised", []).append(row.sku)
    if (less := min(stays - wanted, stays - row.shipped)) > 0:
        edits.less[row.id] = less
        if row.id not in edits.withdrawn:
            summary.setdefault("lowered", []).append(row.sku)
    more = max(wanted - have, ZERO)
    back = min(more, row.canceled)
    if line.get("unit_price") != row.unit_price:
        summary.setdefault("prices", []).append(row.sku)
    unit.conn.execute(
        update(t.order_line)
        .where(t.order_line.c.tenant_id == unit.tenant, t.order_line.c.id == row.id)
        .values(
            # Units taken off before come back first, so that edits to and fro do not add up.
            quantity=row.quantity + more - back,
            canceled=row.canceled - back,
            pictured=wanted,
            item_id=row.item_id or item,
            title=line.get("title"),
            # What has left was told and billed in its unit.
            unit=row.unit if row.shipped else line["unit"],
            unit_price=line.get("unit_price"),
            discount=line.get("discount"),
            taxes=line.get("taxes"),
        )
    )


def _rehold(unit: Unit, facts: Facts, incoming: Incoming, before: Collection[Stop] | None) -> None:
    """End holds whose cause the new picture has taken away, and place those it brings."""
    judge(unit, facts, [incoming])
    stops = incoming.stops
    active = unit.conn.execute(
        text("SELECT id, kind, line_id, detail FROM hold WHERE tenant_id = :t AND order_id = :o AND state = 'active'"),
        {"t": unit.tenant, "o": incoming.order_id},
    ).all()
    wanted = {(str(stop.kind), stop.detail) for stop in stops}
    have = {(row.kind, row.detail) for row in active}
    known = {(str(stop.kind), stop.detail) for stop in before or ()}
    kept = (
        set()
        if before is None
        else uncounted(unit, [row.id for row in active])
        | {
            row.id
            for row in active
            if row.kind in FROM_MAPS and row.line_id is None and (row.kind, row.detail) not in known
        }
    )
    over = [row for row in active if row.kind in FROM_CONTENT and (row.kind, row.detail) not in wanted]
    ended = [row.id for row in over if row.id not in kept]
    fresh = [stop for stop in stops if (str(stop.kind), stop.detail) not in have | known]
    if fresh:
        order = lock_order(unit, incoming.order_id)
        if order.state in ("accepted", "in_progress"):
            unit.conn.execute(
                update(t.orders)
                .where(t.orders.c.tenant_id == unit.tenant, t.orders.c.id == incoming.order_id)
                .values(state=str(ORDER.advance(order.state, "hold")))
            )
        holds.place(
            unit,
            facts,
            [
                holds.Stopped(
                    incoming.order_id, incoming.connection_id, order_total(incoming.document), incoming.line_ids, fresh
                )
            ],
        )
    if ended:
        holds.end_holds(unit, lock_order(unit, incoming.order_id), ended)


def _note(unit: Unit, order_id: UUID, summary: dict[str, Any]) -> None:
    if not summary:
        return
    unit.conn.execute(
        insert(t.change_set).values(
            tenant_id=unit.tenant,
            id=uuid7(),
            order_id=order_id,
            kind="edit",
            changes=summary,
            state="confirmed",
            actor=unit.actor,
            answered_at=unit.now,
        )
    )
    unit.event("order.changed", "order", order_id, summary, order_id=order_id)
