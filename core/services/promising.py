"""Offers: for lines and a destination, when it will be there and how sure that is, or why nothing can be said.

An offer rests on free stock, calendars, full days and the transit model as they are now. It reserves nothing: it stands
until a moment, and an order that names it by then is held to its date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from core.domain.calendars import latest_start, until_fetched
from core.domain.countries import COUNTRIES
from core.domain.ids import uuid7
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.shelf import Key, Shelf
from core.errors import Conflict, InputError
from core.intelligence.lanes import LEVELS
from core.routing.problem import Demand, Destination, Plan
from core.services.asking import kept, would_be
from core.services.expecting import DUE_NAMES, Expected, Outlook, dues
from core.services.facts import Facts
from core.services.inforce import choose
from core.services.planning import Planned, plan_order
from core.services.problems import Builder
from core.services.promise_basis import Count, basis, oldest_allowed, require_a_way, require_fresh_model, too_old
from core.services.sourcing import Sourced
from core.services.wholes import require_whole
from core.store import schema as t
from core.store.read.shelves import read_shelf
from core.store.unit import Unit

COUNTED = """
SELECT item_id, node_id, counted_at FROM stock_position
WHERE tenant_id = %s AND item_id = ANY(%b::uuid[]) AND counted_at IS NOT NULL
"""
NONE = Decimal(0)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units of one item that somebody would order, and their price where policies look at it."""

    sku: str
    quantity: Decimal
    unit_price: Decimal | None = None
    discount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Counts:
    """How old the counts behind an offer are.

    Args:
        stale: counted longer ago than the limit, by (item, node) in which an offer may then not rest.
        oldest: the oldest of the others.
    """

    stale: Mapping[Key, datetime]
    oldest: datetime | None


def offer(
    unit: Unit,
    facts: Facts,
    wanted: Sequence[Wanted],
    country: str | None,
    postal: str | None,
    level: float | None = None,
    connection: UUID | None = None,
    asked: Mapping[str, Any] = MappingProxyType({}),
) -> UUID:
    """Store an offer and return its id: what sourcing would do with such an order now, and when it would be there.

    Args:
        unit: the running transaction.
        facts: nodes and what promises rest on.
        wanted: what would be ordered.
        country, postal: where it would go.
        level: the chance of the promised moment, one of `LEVELS`; by default the setting's.
        connection: the channel it would come by.
        asked: what else such an order would say, as it would say it: `core.services.offer_terms.TERMS` and `totals`.

    Raises:
        InputError: an item, a country or a node to fetch it at that nobody knows, or a part of what is counted.
        Conflict: stock does not cover it, what it would rest on is older than its limit, or it would go into an area
            that is shut for nobody knows how long.
    """
    if country is not None and country not in COUNTRIES:
        raise InputError(
            f"There is no country {country[:40]!r}.",
            fix="Send its ISO 3166 code of two letters, such as DE.",
            code="PROMISE-COUNTRY-422",
            errors=[{"path": "country", "reason": "no country has this code"}],
        )
    require_fresh_model(facts, unit.now)
    items = _items(unit, wanted)
    shelf = read_shelf(unit.conn, set(items), beyond=False, tenant=unit.tenant)  # what is to come covers nothing
    counts = _leave_out_stale(unit, facts, shelf)
    order = would_be(unit, facts, wanted, items, Destination(country), postal, connection, asked)
    demands, chosen = order.demands, choose(facts.policies, order.traits)
    found = plan_order(order, Builder(unit, facts, [order], shelf), shelf, chosen)
    _require_stock(facts, found.plan, demands, wanted, counts)
    parts = _parts(facts, unit.now, order, found)
    require_a_way(parts.values())
    promised = dues(list(parts.values()))
    chance = facts.promising.terms.level if level is None else level
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
            lines=[_line(each, demand, found.plan, parts, facts) for each, demand in zip(wanted, demands, strict=True)],
            basis={
                **basis(facts, counts.oldest),
                "policy": chosen.policy.version,
                "asked": kept(asked, order.traits.connection),
            },
            risk=1 - chance,
            made_at=unit.now,
            stands_until=_stands_until(facts, found.plan, parts, unit.now),
        )
    )
    unit.event("promise.offered", "promise", promise_id, {"due_at": jsonable(promised[LEVELS.index(chance)])})
    return promise_id


def _parts(facts: Facts, now: datetime, order: Sourced, found: Planned) -> dict[UUID, Expected]:
    """Return what each node's part is expected to do; the planner leaves out nodes that ship nothing."""
    outlook, parts = Outlook(facts, now), {}
    for each in found.plan.assignments:
        if each.node_id not in parts:
            leg = found.built.legs[each.node_id, each.service]
            part = outlook.part(each.node_id, order.destination, order.wishes.postal_code, leg)
            assert part is not None, f"{facts.nodes[each.node_id].code} ships nothing and was planned with"
            parts[each.node_id] = part
    return parts


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
    items = [known[name] for name in names]
    asked = zip(items, wanted, strict=True)
    require_whole(unit, *((f"lines.{at}.quantity", item, each.quantity) for at, (item, each) in enumerate(asked)))
    return items


def _leave_out_stale(unit: Unit, facts: Facts, shelf: Shelf) -> _Counts:
    """Take from the shelf what was counted too long ago and return the ages."""
    limit = oldest_allowed(facts, unit.now)
    stale: dict[Key, datetime] = {}
    oldest: datetime | None = None
    for row in unit.conn.exec_driver_sql(COUNTED, (unit.tenant, list({item for item, _ in shelf.free}))):
        key = row.item_id, row.node_id
        if shelf.free.get(key, NONE) <= 0:
            continue
        if row.counted_at < limit:
            stale[key] = row.counted_at
            shelf.free[key] = NONE
        else:
            oldest = row.counted_at if oldest is None else min(oldest, row.counted_at)
    return _Counts(stale, oldest)


def _require_stock(
    facts: Facts, plan: Plan, demands: Sequence[Demand], wanted: Sequence[Wanted], counts: _Counts
) -> None:
    if not plan.short:
        return
    short = [(index, demand) for index, demand in enumerate(demands) if demand.line_id in plan.short]
    errors = [
        {
            "path": f"lines.{index}",
            "reason": f"{plain(plan.short[demand.line_id])} of {plain(demand.quantity)} units of {wanted[index].sku}"
            " are at no node that can ship them",
        }
        for index, demand in short
    ]
    if counts.stale:
        (_, node), at = min(counts.stale.items(), key=lambda each: (each[1], each[0]))
        raise too_old(facts, Count(node, at), errors)
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


def _stands_until(facts: Facts, plan: Plan, parts: Mapping[UUID, Expected], now: datetime) -> datetime:
    """Return the last whole minute at which every part would still leave when it is said to, within the setting."""
    cutoffs = {service.code: service.cutoff for service in facts.routing.tariff.services.values()}
    minutes = int(facts.promising.terms.offer_minutes)
    last = now + minutes * MINUTE
    for each in plan.assignments:
        calendar = until_fetched(facts.promising.calendars[each.node_id], cutoffs.get(each.service or ""))
        last = min(last, latest_start(calendar, now, parts[each.node_id].ship_at, minutes) or now)
    return last
