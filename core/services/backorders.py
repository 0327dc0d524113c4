"""Backorders: what nobody has, as cases by item, closed again by themselves when the units are found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select, text

from core.domain.cases import BACKORDER_CODES, REJECTED, STOCK_BARRED, STOCK_OUT
from core.routing.problem import Plan, Problem
from core.services.cases import Member, Opened, open_cases, settle_members
from core.store import schema as t
from core.store.unit import ORDERS, Unit

# What a candidate says that was no obstacle; core/routing/explaining.py has the words.
CHOICES = frozenset({"chosen", "costs more or gives less", "another service of the node costs no more"})
GIVEN_BACK = ("rejected", "short")


@dataclass(frozen=True, slots=True)
class Shortage:
    """Units of an item an order still lacks; no item means that it lacks nothing any more.

    `barred` says why units that are there cannot leave; None where there are not enough. `given_back` has the codes of
    the nodes that gave these units back, each with its reason.
    """

    order_id: UUID
    item_id: UUID | None
    quantity: Decimal
    barred: str | None = None
    given_back: tuple[tuple[str, str], ...] = ()


def barred(problem: Problem, plan: Plan, item_id: UUID) -> str | None:
    """Return why units of an item stay short that are there; None where there are too few, wherever they might go.

    Units at a node that gave the order back are not taken to be there.
    """
    gone = {node for node, reason in problem.excluded.items() if reason.startswith(GIVEN_BACK)}
    there = {node: units for (item, node), units in problem.stock.items() if item == item_id and node not in gone}
    wanted = sum((each.quantity for each in problem.demands if each.item_id == item_id), Decimal(0))
    if sum(there.values(), Decimal(0)) < wanted:
        return None
    codes = {node.code: node.id for node in problem.nodes}
    reasons = {
        str(each["node"]): str(each["reason"])
        for each in plan.candidates
        if not each["chosen"] and there.get(codes[str(each["node"])], Decimal(0)) > 0 and each["reason"] not in CHOICES
    }
    said = [f"{node} {reason}" for node, reason in sorted(reasons.items())]
    if not said:
        if not problem.partial_allowed:
            return "the order goes whole or not at all"
        most = problem.policy.most_nodes
        return f"it may have no more parcels (its policy allows {most} part{'s' * (most > 1)})"
    return "; ".join(said[:3]) + (f"; and {len(said) - 3} more" if len(said) > 3 else "")


def report_shortages(unit: Unit, shortages: Sequence[Shortage], *, known_clear: Collection[UUID] = ()) -> None:
    """Open a case per item for what is short, and take orders out of cases of items they no longer lack.

    Args:
        unit: the running transaction.
        shortages: the whole picture of each order named.
        known_clear: orders that cannot be in any case yet, being new.
    """
    lacking = [each for each in shortages if each.item_id is not None]
    orders = {each.order_id for each in shortages} - set(known_clear)
    if orders:
        settle_members(unit, "order", orders, codes=BACKORDER_CODES)
    if not lacking:
        return
    skus = {
        row.id: row.sku
        for row in unit.conn.execute(
            select(t.item.c.id, t.item.c.sku).where(
                t.item.c.tenant_id == unit.tenant, t.item.c.id.in_({each.item_id for each in lacking})
            )
        )
    }
    open_cases(unit, [_case(each, skus[each.item_id]) for each in lacking if each.item_id is not None])


def _case(short: Shortage, sku: str) -> Opened:
    assert short.item_id is not None
    member = Member("order", short.order_id, short.order_id, short.quantity)
    if short.barred is None and short.given_back:
        back = sorted(short.given_back)
        detail = back[0][1] if len(back) == 1 else "; ".join(f"{node}: {reason}" for node, reason in back)
        evidence = {"sku": sku, "node": ", ".join(node for node, _ in back), "detail": detail[:200]}
        mark = f"{REJECTED.code}:{short.item_id.hex}:{sha256(repr(back).encode()).hexdigest()[:16]}"
        return Opened(REJECTED, mark, evidence, [member], arguments={"sku": sku})
    if short.barred is None:
        mark = f"{STOCK_OUT.code}:{short.item_id.hex}"
        return Opened(STOCK_OUT, mark, {"sku": sku}, [member], arguments={"sku": sku})
    # Orders with the same reason stand under one case.
    mark = f"{STOCK_BARRED.code}:{short.item_id.hex}:{sha256(short.barred.encode()).hexdigest()[:16]}"
    evidence = {"sku": sku, "detail": short.barred}
    return Opened(STOCK_BARRED, mark, evidence, [member], arguments={"sku": sku})


WAKE = """
UPDATE orders SET sourcing_at = clock_timestamp() FROM (
    SELECT o.id FROM orders o
    WHERE o.tenant_id = :tenant AND o.phase IN ('backordered', 'partly_shipped') AND o.state <> 'held'
      AND o.sourcing_at > clock_timestamp()
      AND EXISTS (
        SELECT 1 FROM order_line l
        LEFT JOIN kit_component k ON k.tenant_id = l.tenant_id AND k.kit_id = l.item_id AND k.ended_at IS NULL
        JOIN stock_position p ON p.tenant_id = l.tenant_id AND p.item_id = coalesce(k.component_id, l.item_id)
        CROSS JOIN LATERAL (
            SELECT m.at FROM stock_movement m
            WHERE m.tenant_id = p.tenant_id AND m.item_id = p.item_id AND m.node_id = p.node_id
            ORDER BY m.id DESC LIMIT 1
        ) moved
        WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id AND l.quantity > l.canceled + l.shipped
          AND p.on_hand - p.safety - p.uncertain - p.reserved - p.allocated + p.backorder_limit > 0
          AND moved.at > o.sourced_at
      )
    ORDER BY o.placed_at LIMIT 500 FOR NO KEY UPDATE OF o SKIP LOCKED
) waiting WHERE orders.tenant_id = :tenant AND orders.id = waiting.id
"""


def wake_backorders(unit: Unit) -> int:
    """Have backorders sourced whose items moved and are free since they were last looked at; return how many.

    A sweep of the relay and not a step of each stock change: it needs no lock on orders while stock rows are locked,
    and a change it has missed once is found the next time.
    """
    found = unit.conn.execute(text(WAKE), {"tenant": unit.tenant}).rowcount
    if found:
        unit.wake(ORDERS)
    return found


# Other processes see new facts within a second; an order looked at before would wait for another hour.
FACTS_ARE_SEEN = timedelta(seconds=2)
LOOK_AGAIN = """
UPDATE orders SET sourcing_at = :at FROM (
    SELECT id FROM orders WHERE tenant_id = :tenant AND sourcing_at > :at FOR NO KEY UPDATE SKIP LOCKED
) waiting WHERE orders.tenant_id = :tenant AND orders.id = waiting.id
"""


def look_again(unit: Unit) -> int:
    """Have every waiting order sourced soon, because a node, a rate or a disruption has changed; return how many."""
    return unit.conn.execute(text(LOOK_AGAIN), {"tenant": unit.tenant, "at": unit.now + FACTS_ARE_SEEN}).rowcount
