"""What a wave did, as people and the API see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.domain.ids import public_id
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.routing.problem import Assignment
from core.routing.reckoning import reckon
from core.routing.waverecord import Plans
from core.routing.waves import cost_of
from core.services.replanning import amount
from core.services.wavepool import Member, WavePool
from core.store.unit import Unit

Json = dict[str, Any]
NONE = Decimal(0)


def before(pool: WavePool, member: Member, wave_id: UUID) -> Json:
    """Return what an order's decision keeps of its wave and of the plan it had, cost in 1/10,000 of the currency."""
    return {
        "id": public_id("wave", wave_id),
        "cost_before": reckon(member.pooled.problem, member.pooled.plan).cost,
        "before": parts(pool, member.pooled.plan),
    }


def parts(pool: WavePool, plan: Sequence[Assignment]) -> list[Json]:
    """Return a plan as units and service by node."""
    units: dict[tuple[str, str], Decimal] = {}
    for each in plan:
        key = pool.facts.nodes[each.node_id].code, each.service or ""
        units[key] = units.get(key, NONE) + each.quantity
    return [
        {"node": node, "service": code or None, "units": plain(number)}
        for (node, code), number in sorted(units.items())
    ]


def report(unit: Unit, pool: WavePool, plans: Plans, skipped: Mapping[UUID, str], wrong: Sequence[str]) -> Json:
    """Return what moves, what does not and why.

    Args:
        unit: the running transaction.
        pool: what was planned.
        plans: of the orders that move.
        skipped: why others for which the search found something stay as they are.
        wrong: why the plans found may not be used at all.
    """
    found: Json = jsonable(
        {
            "moves": [_move(unit, pool, order_id, plan) for order_id, plan in sorted(plans.items())],
            "skipped": [
                {"order": public_id("order", order_id), "number": pool.members[order_id].order.number, "reason": reason}
                for order_id, reason in sorted(skipped.items())
            ],
            "outside": pool.outside,
            "refused": list(wrong),
        }
    )
    return found


def _move(unit: Unit, pool: WavePool, order_id: UUID, plan: Sequence[Assignment]) -> Json:
    member = pool.members[order_id]
    alone, now = [member.pooled], member.pooled.plan
    return {
        "order": public_id("order", order_id),
        "number": member.order.number,
        "from": parts(pool, now),
        "to": parts(pool, plan),
        "cost_before": amount(cost_of(alone, pool.stock, pool.limits, {})),
        "cost_after": amount(cost_of(alone, pool.stock, pool.limits, {order_id: plan})),
        "arrives_before": pool.arrival(unit, member, now),
        "arrives_after": pool.arrival(unit, member, plan),
        "due_at": member.due_at,
    }
