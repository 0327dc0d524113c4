"""Released work planned anew after an outage, a lost capacity or a disruption: compared first, then carried out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from core.domain.ids import public_id
from core.domain.money import plain
from core.domain.shelf import Key, Shelf
from core.routing.optimizer import solve
from core.routing.problem import SCALE, Demand, Plan
from core.routing.reckoning import reckon
from core.services.affected import Affected
from core.services.expecting import Outlook
from core.services.facts import Facts
from core.services.inforce import InForce, choose
from core.services.leaving import code_of
from core.services.offers import Leg
from core.services.phase import refresh_phases
from core.services.planning import plan_order, triples
from core.services.problems import Builder
from core.services.recalling import WORK, stop_work
from core.services.replan_dates import There, dates, expected, read_promised
from core.services.resourcing import load_sourced
from core.services.routing_facts import Usage
from core.services.sourcing import Sourced, learn_traits
from core.services.tariffs import scaled
from core.services.unmoved import free_of, same
from core.store.locks import lock_order, lock_orders
from core.store.read.shelves import read_shelf
from core.store.unit import Unit

NONE = Decimal(0)
NOBODY = "cannot be moved: no other node can ship any of it"
SAME = "would be planned just as it is"


@dataclass(frozen=True, slots=True)
class Replan:
    """What an order's affected work costs now and would cost elsewhere: money, unweighed, in 1/10,000 of the currency.

    `before` is None where it cannot be priced any more; `short` is what nobody else has, by order line.
    `same` is work that would be planned just as it is and stays; where all of it is, `works` is empty. `there` is when
    the order arrives.
    """

    works: Sequence[Affected]
    before: int | None
    after: int
    legs: Mapping[UUID, Leg]
    units: Mapping[UUID, Decimal]
    short: Mapping[UUID, Decimal]
    same: Sequence[Affected] = ()
    there: There = field(default_factory=There)


def compare(
    unit: Unit, facts: Facts, affected: Sequence[Affected], lacking: Mapping[Key, Decimal] | None = None
) -> list[Replan]:
    """Return what each order's affected work would become; nothing is booked.

    An order of which no other node has anything is left out: its work stays where it is.

    Args:
        unit: a transaction; nothing is written in it.
        facts: as they are now, the outage or disruption included.
        affected: work that can still go elsewhere; what stays is left out.
        lacking: units on the books that are not there, by item and node: nobody gets them.
    """
    by_order: dict[UUID, list[Affected]] = {}
    for each in affected:
        if each.way != "stays":
            by_order.setdefault(each.order_id, []).append(each)
    orders = {order.order_id: order for order in load_sourced(unit, list(by_order))}
    now = {order_id: _as_it_is(facts, orders[order_id]) for order_id in by_order}
    for order_id, works in by_order.items():
        orders[order_id].demands = _demands(works)
        orders[order_id].parts = max(orders[order_id].parts - len(works), 0)
    learn_traits(unit, facts, list(orders.values()))
    items = {demand.item_id for order in orders.values() for demand in order.demands}
    shelf = read_shelf(unit.conn, items, tenant=unit.tenant)
    for order_id, works in by_order.items():
        held = _held(works)  # it gives back what it holds
        units = shelf.needs(held)
        shelf.give(orders[order_id].connection_id, units, {**units, **shelf.kits_in(held)}, {})
    shelf.take(None, lacking or {})
    # What is compared is not booked: counting it would fill days that stay free.
    usage = free_of(facts.routing.usage, (work for works in by_order.values() for work in works))
    trial = replace(facts, routing=replace(facts.routing, usage=usage, kept={}))
    builder = Builder(unit, trial, list(orders.values()), shelf)
    promises, outlook = read_promised(unit, by_order), Outlook(facts, unit.now)
    found = []
    for order_id, works in by_order.items():
        order = orders[order_id]
        chosen = choose(facts.policies, order.traits)
        planned = plan_order(order, builder, shelf, chosen)
        if not planned.plan.assignments:
            continue
        plan, legs = planned.plan, builder.take(planned.built, planned.plan)
        taken = triples(plan.assignments)
        shelf.take(order.connection_id, shelf.needs(taken), shelf.kits_in(taken))
        there = expected(
            Outlook(now[order_id][0], unit.now), outlook, facts, order, works, legs, promises.get(order_id),
            short=bool(plan.short),
        )  # fmt: skip
        stays = same(works, plan, legs)
        if stays:
            nodes = {work.node_id for work in stays}
            works = [work for work in works if work.node_id not in nodes]
            plan = replace(plan, assignments=[each for each in plan.assignments if each.node_id not in nodes])
            legs = {node: leg for node, leg in legs.items() if node not in nodes}
        before = _cost_now(unit, *now[order_id], works, shelf, chosen) if works else None
        after = reckon(planned.problem, plan.assignments).cost
        found.append(Replan(works, before, after, legs, _units(plan), plan.short, stays, there))
    return found


def _held(works: Sequence[Affected]) -> list[tuple[UUID, UUID, Decimal]]:
    return [(item, work.node_id, units) for work in works for _, item, units, _ in work.lines]


def _demands(works: Sequence[Affected]) -> list[Demand]:
    wanted: dict[UUID, Demand] = {}
    for line, item, units, price in (line for work in works for line in work.lines):
        known = wanted.get(line)
        wanted[line] = Demand(line, item, units + (known.quantity if known else NONE), scaled(price))
    return list(wanted.values())


def _as_it_is(facts: Facts, order: Sourced) -> tuple[Facts, Sourced]:
    """Return facts in which nothing has happened, and the order as it was when the work was released."""
    nodes = {node_id: replace(node, active=True) for node_id, node in facts.nodes.items()}
    routing = replace(facts.routing, closed={}, shut={}, disruptions=(), usage=Usage(), kept={})
    before = replace(order, excluded={}, partial_allowed=True, parts=0)
    return replace(facts, nodes=nodes, routing=routing), before


def _cost_now(
    unit: Unit, facts: Facts, order: Sourced, works: Sequence[Affected], shelf: Shelf, policy: InForce
) -> int | None:
    """Return what the work costs where it is, by the services it has, at today's prices, of nothing but its units."""
    chosen = {work.node_id: code_of(work) for work in works if work.service is not None}
    there = Shelf(shelf.needs(_held(works)), kits=shelf.kits)
    alone = replace(order, demands=_demands(works))
    built = Builder(unit, facts, [alone], there).build(alone, policy, strict=False)
    services = {
        node: [each for each in offered if each.code == chosen.get(node, each.code)] or offered
        for node, offered in built.problem.services.items()
    }
    several = replace(policy.policy, most_nodes=max(policy.policy.most_nodes, len(works)))
    plan = solve(replace(built.problem, services=services, policy=several))
    return None if plan.short else reckon(built.problem, plan.assignments).cost


def _units(plan: Plan) -> dict[UUID, Decimal]:
    units: dict[UUID, Decimal] = {}
    for each in plan.assignments:
        units[each.node_id] = units.get(each.node_id, NONE) + each.quantity
    return units


def carry_out(unit: Unit, facts: Facts, order_id: UUID, works: Collection[UUID], reason: str) -> dict[str, int]:
    """Stop an order's affected work, so that it is sourced anew: at once where the node was not told, else by asking.

    Work that was picked meanwhile stays. The order is sourced in the next round, with a decision of its own.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        order_id: the order.
        works: its affected fulfillment orders.
        reason: for the node and the history.

    Returns:
        How many were stopped, asked for, and stay.
    """
    order = lock_order(unit, order_id)
    done = {"moved": 0, "asked": 0, "stayed": 0}
    rows = unit.conn.execute(text(WORK), {"t": unit.tenant, "o": order_id}).all()
    for work in rows:
        if work.id not in works:
            continue
        outcome = stop_work(unit, facts, order, work, reason)
        done[outcome] += 1
        unit.event("fulfillment.replanned", "fulfillment", work.id, {"outcome": outcome, "reason": reason},
                   order_id=order_id)  # fmt: skip
    refresh_phases(unit, [order_id])
    return done


def apply_replans(unit: Unit, facts: Facts, replans: Sequence[Replan], reason: str) -> dict[str, int]:
    """Carry out several re-plans in one transaction, in the order of their ids; return the sums of `carry_out`."""
    replans = [each for each in replans if each.works]
    lock_orders(unit, {each.works[0].order_id for each in replans})
    sums = {"moved": 0, "asked": 0, "stayed": 0}
    for each in sorted(replans, key=lambda one: one.works[0].order_id):
        done = carry_out(unit, facts, each.works[0].order_id, {work.id for work in each.works}, reason)
        for name, works in done.items():
            sums[name] += works
    return sums


def report(facts: Facts, affected: Sequence[Affected], replans: Sequence[Replan]) -> dict[str, Any]:
    """Return the comparison as people and the API see it; amounts are in the currency of the costs."""
    unmoved = [work for each in replans for work in each.same]
    replans = [each for each in replans if each.works]
    rows = [_row(facts, each) for each in replans]
    going = {work.id for each in replans for work in each.works}
    settled = going | {work.id for work in unmoved}
    rooted = [each for each in affected if each.way != "stays" and each.id not in settled]
    stays = [
        *(_stays(facts, each, each.reason) for each in affected if each.way == "stays"),
        *(_stays(facts, each, SAME) for each in unmoved),
        *(_stays(facts, each, NOBODY) for each in rooted),
    ]
    # What ships fewer units elsewhere is not cheaper for that: only what ships all of them is compared.
    priced = [each for each in replans if each.before is not None and not each.short]
    return {
        "affected": len(affected),
        "moves": sum(each.way == "moves" and each.id in going for each in affected),
        "asked": sum(each.way == "asked" and each.id in going for each in affected),
        "stays": len(stays),
        "cost_before": amount(sum(each.before or 0 for each in priced)),
        "cost_after": amount(sum(each.after for each in priced)),
        "short": sum(bool(each.short) for each in replans) + len({each.order_id for each in rooted}),
        "later": sum(bool(row["later"]) for row in rows),
        "at_risk": sum(bool(row["at_risk"]) for row in rows),
        "orders": rows,
        "staying": stays,
    }


def _row(facts: Facts, replan: Replan) -> dict[str, Any]:
    first = replan.works[0]
    return {
        "order": public_id("order", first.order_id),
        "number": first.order_number,
        "fulfillment_orders": [public_id("fulfillment", each.id) for each in replan.works],
        "from": sorted({facts.nodes[each.node_id].code for each in replan.works}),
        "way": "asked" if any(each.way == "asked" for each in replan.works) else "moves",
        "cost_before": None if replan.before is None else amount(replan.before),
        "cost_after": amount(replan.after),
        **dates(replan.works, replan.legs.values(), replan.there, facts.promising.terms.risk),
        "to": [
            {
                "node": facts.nodes[node].code,
                "units": plain(replan.units[node]),
                "carrier": leg.carrier,
                "service": leg.service,
                "ship_on": None if leg.ship_on is None else leg.ship_on.isoformat(),
            }
            for node, leg in sorted(replan.legs.items(), key=lambda each: facts.nodes[each[0]].code)
        ],
        "short": plain(sum(replan.short.values(), NONE)),
    }


def _stays(facts: Facts, each: Affected, reason: str) -> dict[str, Any]:
    return {
        "order": public_id("order", each.order_id),
        "number": each.order_number,
        "fulfillment_order": public_id("fulfillment", each.id),
        "node": facts.nodes[each.node_id].code,
        "reason": reason,
    }


def amount(cost: int) -> str:
    """Return a cost of 1/10,000 in the currency, with as many digits as it needs."""
    return format((Decimal(cost) / SCALE).quantize(Decimal("0.0001")).normalize(), "f")
