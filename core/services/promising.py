"""Offers: for lines and a destination, when it will be there and how sure that is, or why nothing can be said.

An offer rests on free stock, calendars, full days and the transit model as they are now. It reserves nothing: it stands
until a moment, and an order that names it by then is held to its date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from core.domain.calendars import next_ship_moment
from core.domain.ids import uuid7
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.errors import Conflict, InputError
from core.intelligence.lanes import LEVELS
from core.routing.optimizer import solve
from core.routing.problem import Demand, Destination, Plan, Policy, Problem
from core.services.expecting import DUE_NAMES, Expected, Outlook, dues
from core.services.facts import Facts
from core.store import schema as t
from core.store.unit import Unit

FREE = """
SELECT item_id, node_id, on_hand - safety - reserved - allocated + backorder_limit AS free, counted_at
FROM stock_position WHERE tenant_id = %s AND item_id = ANY(%s::uuid[])
  AND on_hand - safety - reserved - allocated + backorder_limit > 0
"""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units of one item that somebody would order."""

    sku: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class _Stock:
    """Free units that counts are fresh enough for, and those that they are too old for."""

    fresh: Mapping[tuple[UUID, UUID], Decimal]
    stale: Mapping[tuple[UUID, UUID], datetime]
    oldest: datetime | None


def offer(
    unit: Unit,
    facts: Facts,
    wanted: Sequence[Wanted],
    country: str | None,
    postal: str | None,
    level: float | None = None,
) -> UUID:
    """Store an offer and return its id.

    Args:
        unit: the running transaction.
        facts: nodes and what promises rest on.
        wanted: what would be ordered.
        country, postal: where it would go.
        level: the chance of the promised moment, one of `LEVELS`; by default the setting's.

    Raises:
        InputError: an item nobody knows.
        Conflict: stock does not cover it, or what it would rest on is older than its limit.
    """
    promising = facts.promising
    items = _items(unit, wanted)
    require_fresh_model(facts, unit.now)
    stock = _read_stock(unit, facts, set(items))
    destination = Destination(country)
    demands = [Demand(uuid7(), item, each.quantity) for item, each in zip(items, wanted, strict=True)]
    outlook = Outlook(facts, unit.now)
    parts = {
        node: part
        for node in {node for _, node in stock.fresh}
        if (part := outlook.part(node, destination, postal)) is not None
    }
    resting = {node: "ships nothing within 60 days" for node in {node for _, node in stock.fresh} if node not in parts}
    plan = solve(Problem(demands, list(facts.nodes.values()), stock.fresh, destination, True, Policy(), resting))
    _require_stock(facts, plan, demands, wanted, stock)
    shown = [_line(each, demand, plan, parts, facts) for each, demand in zip(wanted, demands, strict=True)]
    used = [parts[node] for node in dict.fromkeys(each.node_id for each in plan.assignments)]
    promised = dues(used)
    chance = promising.terms.level if level is None else level
    promise_id = uuid7()
    unit.conn.execute(
        insert(t.promise).values(
            tenant_id=unit.tenant,
            id=promise_id,
            state="offered",
            level=chance,
            due_at=promised[LEVELS.index(chance)],
            **dict(zip(DUE_NAMES, promised, strict=True)),
            to_country=country,
            to_postal=postal,
            lines=shown,
            basis=basis(facts, stock.oldest),
            risk=1 - chance,
            made_at=unit.now,
            stands_until=_stands_until(facts, used, unit.now),
        )
    )
    unit.event("promise.offered", "promise", promise_id, {"due_at": jsonable(promised[LEVELS.index(chance)])})
    return promise_id


def basis(facts: Facts, counted: datetime | None = None) -> dict[str, Any]:
    """Return what a promise made now rests on, as it is stored with it."""
    transit = facts.promising.transit
    return {
        "model": transit.version,
        "corrected_at": jsonable(transit.corrected_at),
        "outcomes": transit.correction.outcomes,
        "stock_counted_at": jsonable(counted),
    }


def require_fresh_model(facts: Facts, now: datetime) -> None:
    """Go on only when the transit model was corrected recently enough.

    Raises:
        Conflict: it was not.
    """
    at, hours = facts.promising.transit.corrected_at, facts.promising.terms.model_hours
    if at is not None and now - at > timedelta(hours=hours):
        raise Conflict(
            f"No promise: the transit times were corrected last at {at:%Y-%m-%d %H:%M} UTC, more than {hours:g} h ago.",
            why="The relay corrects them every hour while it runs.",
            fix="See that the relay runs (`crossdock status`), or raise promising.model_hours.",
            code="PROMISE-STALE-409",
        )


def _items(unit: Unit, wanted: Sequence[Wanted]) -> list[UUID]:
    i = t.item.c
    names = [each.sku for each in wanted]
    known = {
        row.sku: row.id
        for row in unit.conn.execute(
            select(i.id, i.sku).where(i.tenant_id == unit.tenant, i.sku.in_(names), i.active.is_(True))
        )
    }
    unknown = [
        {"path": f"lines.{index}.sku", "reason": f"no active item has the SKU {name!r}"}
        for index, name in enumerate(names)
        if name not in known
    ]
    if unknown:
        raise InputError("An item is not known.", code="ITEM-SKU-404", errors=unknown)
    return [known[name] for name in names]


def _read_stock(unit: Unit, facts: Facts, items: set[UUID]) -> _Stock:
    oldest_allowed = unit.now - timedelta(hours=facts.promising.terms.stock_hours)
    fresh: dict[tuple[UUID, UUID], Decimal] = {}
    stale: dict[tuple[UUID, UUID], datetime] = {}
    oldest: datetime | None = None
    for row in unit.conn.exec_driver_sql(FREE, (unit.tenant, list(items))):
        if row.node_id not in facts.nodes:
            continue  # a node made since the facts were read
        if row.counted_at is not None and row.counted_at < oldest_allowed:
            stale[row.item_id, row.node_id] = row.counted_at
            continue
        fresh[row.item_id, row.node_id] = row.free
        if row.counted_at is not None:
            oldest = row.counted_at if oldest is None else min(oldest, row.counted_at)
    return _Stock(fresh, stale, oldest)


def _require_stock(
    facts: Facts, plan: Plan, demands: Sequence[Demand], wanted: Sequence[Wanted], stock: _Stock
) -> None:
    if not plan.short:
        return
    short = [(index, demand) for index, demand in enumerate(demands) if demand.line_id in plan.short]
    old = [(key, at) for key, at in stock.stale.items() if key[0] in {demand.item_id for _, demand in short}]
    errors = [
        {
            "path": f"lines.{index}",
            "reason": f"{plain(plan.short[demand.line_id])} of {plain(demand.quantity)} units of {wanted[index].sku}"
            " are at no node that can ship them",
        }
        for index, demand in short
    ]
    if old:
        (_, node), at = min(old, key=lambda each: (each[1], each[0]))
        raise Conflict(
            f"No promise: the stock at {facts.nodes[node].code} was counted last at {at:%Y-%m-%d %H:%M} UTC, more than"
            f" {facts.promising.terms.stock_hours:g} h ago.",
            why="Without it nothing covers the order.",
            fix="Have the node send its stock, or raise promising.stock_hours.",
            code="PROMISE-STALE-409",
            errors=errors,
        )
    raise Conflict(
        "No promise: stock does not cover the order.",
        fix="Ask for fewer units, or again when stock has come.",
        code="PROMISE-STOCK-409",
        errors=errors,
    )


def _line(each: Wanted, demand: Demand, plan: Plan, parts: Mapping[UUID, Expected], facts: Facts) -> dict[str, Any]:
    nodes = list(dict.fromkeys(one.node_id for one in plan.assignments if one.line_id == demand.line_id))
    promised = dues([parts[node] for node in nodes])
    return {
        "sku": each.sku,
        "quantity": plain(each.quantity),
        "nodes": [
            {"node": facts.nodes[node].code, "ship_at": jsonable(parts[node].ship_at)}
            for node in sorted(nodes, key=lambda node: facts.nodes[node].code)
        ],
        "dates": dates(promised),
    }


def dates(promised: Sequence[datetime]) -> list[dict[str, Any]]:
    """Return promised moments as they are shown: one entry per level, the chance as a part of one."""
    return [{"probability": level, "at": jsonable(at)} for level, at in zip(LEVELS, promised, strict=True)]


def _stands_until(facts: Facts, used: Sequence[Expected], now: datetime) -> datetime:
    """Return the last whole minute at which every part would still leave when it is said to, within the setting."""
    minutes = int(facts.promising.terms.offer_minutes)

    def stands(after: int) -> bool:
        at = now + after * MINUTE
        return all(
            next_ship_moment(
                facts.promising.calendars[each.node_id], at, full=facts.promising.full.get(each.node_id, ())
            )
            == each.ship_at
            for each in used
        )

    low, high = 0, minutes
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if stands(middle) else (low, middle - 1)
    return now + low * MINUTE
