"""The way out of a shortfall: orders that were promised what a count did not find are sourced from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.cases import SHORTFALL
from core.domain.money import plain
from core.domain.shelf import Key
from core.services.affected import Affected, Scope, find_affected
from core.services.facts import Facts
from core.services.replanning import NOBODY, Replan, apply_replans, compare
from core.store.locks import lock_orders
from core.store.unit import Unit

ZERO = Decimal(0)
SHORT = """
SELECT p.item_id, p.node_id, p.shortfall, p.reserved FROM case_member m
JOIN exception_case c ON c.tenant_id = m.tenant_id AND c.id = m.case_id
JOIN stock_position p ON p.tenant_id = m.tenant_id AND p.item_id = m.subject_id AND p.node_id = c.node_id
WHERE m.tenant_id = :t AND m.case_id = :c AND m.subject = 'position' AND c.code = :code
"""
# What was promised last goes first: who came first keeps what is there. Of an item with lots it is what was promised of
# a lot that lacks units.
PROMISED = """
SELECT f.id, r.order_id, sum(r.quantity) AS units FROM reservation r
JOIN fulfillment_order f ON f.tenant_id = r.tenant_id AND f.id = r.fulfillment_id
WHERE r.tenant_id = :t AND r.item_id = :i AND r.node_id = :n AND r.state = 'allocated'
  AND (r.lot IS NULL OR EXISTS (SELECT 1 FROM stock_lot l WHERE l.tenant_id = r.tenant_id AND l.item_id = r.item_id
       AND l.node_id = r.node_id AND l.lot = r.lot AND l.status = 'sellable' AND l.shortfall > 0))
GROUP BY f.tenant_id, f.id, r.order_id ORDER BY f.id DESC
"""
# So many reasons are told one by one.
MOST_TOLD = 5


def short_orders(unit: Unit, case_id: UUID) -> set[UUID]:
    """Return the orders that wait for units of a position whose shortfall this case is about."""
    short = unit.conn.execute(text(SHORT), {"t": unit.tenant, "c": case_id, "code": SHORTFALL.code}).all()
    return {row.order_id for place in short for row in _promised(unit, (place.item_id, place.node_id))}


def source_elsewhere(unit: Unit, facts: Facts, case_id: UUID) -> tuple[int, str]:
    """Have work given up by the node of a shortfall, as much as it lacks, and return how much, and in words what stays.

    Only work that other nodes can do, at least in part, goes: at once where the node was not told of it, else when the
    node agrees. Its order is sourced anew in the next round.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        case_id: the exception.
    """
    lock_orders(unit, short_orders(unit, case_id))
    sums, stays, held = {"moved": 0, "asked": 0}, list[str](), ZERO
    for short in unit.conn.execute(text(SHORT), {"t": unit.tenant, "c": case_id, "code": SHORTFALL.code}).all():
        going, rooted = _chosen(unit, facts, (short.item_id, short.node_id), short.shortfall)
        reason = f"counted short at {facts.nodes[short.node_id].code}"
        done = apply_replans(unit, facts, going, reason)
        sums = {name: units + done[name] for name, units in sums.items()}
        stays += [f"{work.order_number} ({reason})" for work, reason in rooted]
        held += short.reserved
    return sums["moved"] + sums["asked"], _in_words(sums, stays, held)


def _promised(unit: Unit, key: Key) -> Sequence[Row[Any]]:
    return unit.conn.execute(text(PROMISED), {"t": unit.tenant, "i": key[0], "n": key[1]}).all()


def _chosen(
    unit: Unit, facts: Facts, key: Key, shortfall: Decimal
) -> tuple[Sequence[Replan], Sequence[tuple[Affected, str]]]:
    """Return what is to go until the shortfall is covered, and what had to stay, with the reason."""
    units = {row.id: row.units for row in _promised(unit, key)}
    affected = {each.id: each for each in find_affected(unit.conn, facts, Scope(node=key[1]), unit.tenant)}
    waiting = [affected[work] for work in units if work in affected]
    going: dict[UUID, Replan] = {}
    rooted = [(each, each.reason) for each in waiting if each.way == "stays"]
    waiting = [each for each in waiting if each.way != "stays"]
    chosen: list[Affected] = []
    while waiting and (lacking := shortfall - sum((units[each.id] for each in chosen), ZERO)) > 0:
        while waiting and lacking > 0:
            chosen.append(waiting.pop(0))
            lacking -= units[chosen[-1].id]
        going = {
            plan.works[0].order_id: plan
            for plan in compare(unit, facts, chosen, {key: shortfall})
            if plan.units.keys() - {key[1]}
        }
        rooted += [(each, NOBODY) for each in chosen if each.order_id not in going]
        chosen = [each for each in chosen if each.order_id in going]
    return list(going.values()), rooted


def _in_words(sums: Mapping[str, int], stays: Sequence[str], held: Decimal) -> str:
    """Say what comes of it: what goes, what was asked for, what stays and why."""
    said = []
    if sums["moved"]:
        said.append(f"{sums['moved']} sourced anew")
    if sums["asked"]:
        said.append(f"{sums['asked']} sourced anew once the node agrees to stop")
    if stays:
        more = f" and {len(stays) - MOST_TOLD} more" if len(stays) > MOST_TOLD else ""
        said.append(f"{len(stays)} stays where it is: " + "; ".join(stays[:MOST_TOLD]) + more)
    if held:
        said.append(f"{plain(held)} units are held by checkouts, until they are ordered or given back")
    return ", ".join(said) or "nothing is short any more"
