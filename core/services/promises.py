"""Promises of orders: made in the transaction that takes the stock, or taken over from an offer the order names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from core.domain.ids import public_id, uuid7
from core.domain.payloads import jsonable
from core.errors import Conflict
from core.intelligence.lanes import LEVELS
from core.routing.problem import Destination
from core.services.expecting import Expected, Outlook, dues
from core.services.facts import Facts
from core.services.named_offers import NamedOffer, read_named, tell_unheld
from core.services.offers import Leg
from core.services.promise_basis import (
    basis,
    oldest_allowed,
    read_counts,
    require_a_way,
    require_fresh_model,
    too_old,
)
from core.services.promise_looks import look_at_promise
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.unit import Unit

# Nothing is at risk before the work was due to leave; then this much later it is looked at.
GRACE = timedelta(minutes=30)
HEADS = """
SELECT o.id, o.ship_country, o.body->'ship_to'->>'postal_code' AS postal, o.body->>'promise' AS named,
       p.id AS promise, o.body->>'pickup_node' AS pickup
FROM orders o LEFT JOIN promise p ON p.tenant_id = o.tenant_id AND p.order_id = o.id
WHERE o.tenant_id = %s AND o.id = ANY(%b::uuid[])
"""
TAKE_OVER = """
UPDATE promise p SET state = 'standing', order_id = d.order_id, watch_at = d.watch_at, version = p.version + 1
FROM unnest(%b::uuid[], %b::uuid[], %b::timestamptz[]) AS d(id, order_id, watch_at)
WHERE p.tenant_id = %s AND p.id = d.id
"""
PART = (
    "fulfillment_id", "order_id", "node_id", "carrier", "from_country", "from_postal", "to_country", "to_postal",
    "km", "ship_at", "due_50", "due_80", "due_90", "due_95",
)  # fmt: skip
PROMISE = (
    "id", "order_id", "state", "level", "due_at", "due_50", "due_80", "due_90", "due_95", "to_country", "to_postal",
    "basis", "risk", "made_at", "watch_at",
)  # fmt: skip


FORGET_PARTS = "DELETE FROM promise_part WHERE tenant_id = %s AND fulfillment_id = ANY(%s::uuid[])"


class Leaves(Protocol):
    """Work as promises see it: whose it is, and how and when it leaves which node."""

    @property
    def id(self) -> UUID:
        """Return its id."""

    @property
    def order_id(self) -> UUID:
        """Return whose it is."""

    @property
    def node_id(self) -> UUID:
        """Return who sends it."""

    @property
    def leg(self) -> Leg:
        """Return how it leaves."""


def promise_orders(
    unit: Unit,
    facts: Facts,
    works: Sequence[Leaves],
    destinations: Mapping[UUID, Destination],
    whole: Collection[UUID],
    refused: Mapping[UUID, str] | None = None,
) -> None:
    """Say of released work what it is expected to do, and promise the orders that are whole with it.

    An order keeps the promise it has. One that names an offer which was made for it and stood when it was placed is
    held to that; any other whole order is promised anew, and of one that names an offer the event
    `promise.offer_refused` says why it does not hold. An order of which units are missing is promised when the last are
    found, and with nothing to go by that is recent enough, or into an area that is shut for nobody knows how long, it
    is not promised, which the event `promise.refused` says.

    Args:
        unit: the running transaction.
        facts: what promises rest on.
        works: what was released, of any number of orders.
        destinations: where each order goes.
        whole: orders of which nothing is missing.
        refused: of works that are looked at again, why their orders were not promised before, which is not said
            twice; None where all are new.
    """
    if not works:
        return
    heads = {row.id: row for row in unit.conn.exec_driver_sql(HEADS, (unit.tenant, list(destinations)))}
    parts: dict[UUID, list[Expected]] = {}
    rows: list[tuple[Any, ...]] = []
    outlook = Outlook(facts, unit.now)
    for work in works:
        head = heads[work.order_id]
        part = (
            outlook.ready(work.node_id, work.leg)
            if head.pickup
            else outlook.part(work.node_id, destinations[work.order_id], head.postal, work.leg)
        )
        if part is None:
            continue  # a node that never works was chosen all the same: there is nothing to expect of it
        parts.setdefault(work.order_id, []).append(part)
        rows.append(_part_row(work, part))
    if refused is not None:
        unit.conn.exec_driver_sql(FORGET_PARTS, (unit.tenant, [row[0] for row in rows]))
    copy_rows(unit, t.promise_part, PART, rows)
    kept = [order_id for order_id in parts if heads[order_id].promise is not None]
    if kept:
        look_at_promise(unit, *kept)
    open_orders = {order_id: parts[order_id] for order_id in parts if order_id in whole and not heads[order_id].promise}
    named = read_named(unit, facts, {order_id: name for order_id in open_orders if (name := heads[order_id].named)})
    _take_over(unit, [each for each in named if each.unheld is None], open_orders)
    held = {each.order.id for each in named if each.unheld is None}
    made = _make(unit, facts, {order: each for order, each in open_orders.items() if order not in held}, refused or {})
    told = {order_id for order_id in open_orders if refused is not None and order_id not in made}
    tell_unheld(unit, facts, [each for each in named if each.unheld is not None and each.order.id not in told], made)


def _part_row(work: Leaves, part: Expected) -> tuple[Any, ...]:
    lane = part.lane
    return (
        work.id, work.order_id, work.node_id, work.leg.carrier, lane.from_country, lane.from_postal, lane.to_country,
        lane.to_postal, None if lane.km is None else round(lane.km), part.ship_at, *dues([part]),
    )  # fmt: skip


def _take_over(unit: Unit, named: Sequence[NamedOffer], orders: Mapping[UUID, list[Expected]]) -> None:
    """Hold orders to the offers they name."""
    taken = [(each.offer, each.order.id) for each in named if each.offer is not None]
    if not taken:
        return
    # What was offered before its way was shut is looked at now.
    looks = [
        unit.now if any(part.begins > part.ship_at for part in orders[order_id]) else _first_look(orders[order_id])
        for _, order_id in taken
    ]
    ids = [offer.id for offer, _ in taken]
    unit.conn.exec_driver_sql(TAKE_OVER, (ids, [order_id for _, order_id in taken], looks, unit.tenant))
    for offer, order_id in taken:
        _tell(unit, offer.id, order_id, offer.due_at, offer.level)


def _make(
    unit: Unit, facts: Facts, orders: Mapping[UUID, list[Expected]], told: Mapping[UUID, str]
) -> dict[UUID, Sequence[datetime]]:
    """Promise orders and return for when, by `LEVELS`; nothing of those that cannot be promised."""
    if not orders:
        return {}
    try:
        require_fresh_model(facts, unit.now)
    except Conflict as refused:
        for order_id in orders:
            _refuse(unit, order_id, refused, told)
        return {}
    level = facts.promising.terms.level
    at, limit = LEVELS.index(level), oldest_allowed(facts, unit.now)
    counts = read_counts(unit, orders)
    rows: list[tuple[Any, ...]] = []
    made: dict[UUID, Sequence[datetime]] = {}
    for order_id, each in orders.items():
        count = counts.get(order_id)
        try:
            if count is not None and count.at < limit:
                raise too_old(facts, count)
            require_a_way(each)
        except Conflict as refused:
            _refuse(unit, order_id, refused, told)
            continue
        promised, promise_id, goal = dues(each), uuid7(), each[0].lane
        made[order_id] = promised
        rows.append(
            (
                promise_id, order_id, "standing", level, promised[at], *promised, goal.to_country, goal.to_postal,
                as_json(basis(facts, count.at if count else None)), 1 - level, unit.now, _first_look(each),
            )
        )  # fmt: skip
        _tell(unit, promise_id, order_id, promised[at], level)
    copy_rows(unit, t.promise, PROMISE, rows)
    return made


def _refuse(unit: Unit, order_id: UUID, why: Conflict, told: Mapping[UUID, str]) -> None:
    if told.get(order_id) != why.what:
        unit.event("promise.refused", "order", order_id, {"why": why.what}, order_id=order_id)


def _first_look(parts: Sequence[Expected]) -> datetime:
    return min(each.ship_at for each in parts) + GRACE


def _tell(unit: Unit, promise_id: UUID, order_id: UUID, due_at: datetime, level: float) -> None:
    unit.event(
        "promise.made",
        "promise",
        promise_id,
        {"promise": public_id("promise", promise_id), "due_at": jsonable(due_at), "probability": level},
        order_id=order_id,
    )
