"""Waves: the work that waits is planned again together, and what is better is carried out.

One wave runs at a time. It locks nothing while it searches; what changed meanwhile stays as it is. Its result is
checked as a whole before anything moves: no promise broken, no unit lost, nothing dearer than the plans of today.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text

from core.domain.cases import WAVE_FAILED
from core.domain.ids import public_id, uuid7
from core.errors import Conflict
from core.routing.waverecord import Plans, faults
from core.routing.waves import cost_of
from core.services.cases import settle_members
from core.services.facts import Facts
from core.services.replanning import amount
from core.services.waveapplying import Applied, apply, groups, saving
from core.services.wavekeeping import Kept, keep_wave
from core.services.wavepool import WavePool, read_pool
from core.services.wavereport import report
from core.services.wavesearch import Found, breaks_promise, search
from core.store.unit import Unit

Json = dict[str, Any]
# The second half of an advisory lock: held until the transaction ends, however it ends.
ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('wave'), :tenant)")
MOST_SECONDS = 30.0
"""The transaction is idle meanwhile, and that for a minute at most."""


EVERY_WAVE = UUID(int=0)
"""What the case of waves that fail is about: not one wave, since none of them is kept."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How a wave is to run.

    Attributes:
        cause: `schedule`, `cutoff` or `asked`.
        seconds: most seconds of search, `MOST_SECONDS` at the most.
        orders: most orders.
        dry_run: whether nothing is to be carried out or kept.
    """

    cause: str = "asked"
    seconds: float = 20.0
    orders: int = 200
    dry_run: bool = False


@dataclass(slots=True)
class _Outcome:
    applied: Applied = field(default_factory=Applied)
    wrong: Sequence[str] = ()


def run_wave(unit: Unit, facts: Facts, asked: Asked) -> Json:
    """Plan all waiting work again, carry out what is better, and return the report.

    Args:
        unit: the running transaction; it holds no locks of orders or stock.
        facts: read in this transaction.
        asked: how.

    Raises:
        Conflict: another wave runs.
    """
    if not unit.conn.execute(ALONE, {"tenant": unit.tenant}).scalar_one():
        raise Conflict("Another wave runs now.", fix="Look at it when it is done: `crossdock wave list`.",
                       code="WAVE-RUNS-409")  # fmt: skip
    begun = time.monotonic()
    pool = read_pool(unit, facts, asked.orders)
    found = search(unit, pool, min(asked.seconds, MOST_SECONDS))
    wave_id = uuid7()
    outcome = _outcome(unit, facts, pool, found, asked, wave_id)
    after = cost_of(_every(pool), pool.stock, pool.limits, outcome.applied.plans)
    kept = Kept(
        wave_id, asked.cause, pool, found, outcome.applied.plans, after,
        report(unit, pool, outcome.applied.plans, outcome.applied.skipped, outcome.wrong),
        int((time.monotonic() - begun) * 1_000_000),
    )  # fmt: skip
    if not asked.dry_run:
        settle_members(unit, "waves", [EVERY_WAVE], codes=[WAVE_FAILED.code])
    waiting = bool(pool.members or pool.outside)
    if waiting and not asked.dry_run:
        keep_wave(unit, kept)
        saved = amount(found.wave.before - after)
        unit.event(
            "wave.ran", "wave", wave_id, {"orders": len(pool.members), "changed": len(kept.plans), "saved": saved}
        )
    return shown(kept, public_id("wave", wave_id) if waiting and not asked.dry_run else None)


def _outcome(unit: Unit, facts: Facts, pool: WavePool, found: Found, asked: Asked, wave_id: UUID) -> _Outcome:
    wrong = refusals(unit, pool, found.plans)
    if wrong:
        return _Outcome(Applied(skipped=dict.fromkeys(found.plans, "the wave was refused")), wrong)
    if asked.dry_run:
        better = [group for group in groups(pool, found.plans) if saving(pool, found.plans, group) > 0]
        kept = set().union(*better)
        rest = dict.fromkeys(found.plans.keys() - kept, "saves nothing")
        return _Outcome(Applied({each: plan for each, plan in found.plans.items() if each in kept}, rest))
    applied = Applied()
    try:
        with unit.savepoint():
            applied = apply(unit, facts, pool, found, wave_id)
            wrong = refusals(unit, pool, applied.plans)
            if wrong:
                raise _Worse
    except _Worse:
        return _Outcome(Applied(skipped=dict.fromkeys(found.plans, "the wave was refused")), wrong)
    return _Outcome(applied)


class _Worse(Exception):
    """What could be applied is not better than what was."""


def refusals(unit: Unit, pool: WavePool, plans: Plans) -> list[str]:
    """Return why plans must not be used: impossible, dearer than today's, a promise broken, other units; else nothing.

    It trusts nothing the search says.
    """
    every = _every(pool)
    today = cost_of(every, pool.stock, pool.limits, {})
    try:
        after = cost_of(every, pool.stock, pool.limits, plans)
    except ValueError as error:
        return [str(error)]
    wrong = faults(every, pool.stock, pool.limits, plans, today, after)
    late = [order_id for order_id, plan in plans.items() if breaks_promise(unit, pool, order_id, plan)]
    told = [f"order {order_id} breaks its promise" for order_id in late]
    return [*wrong, *(each for each in told if each not in wrong)]


def _every(pool: WavePool) -> list[Any]:
    return [member.pooled for member in pool.members.values()]


def shown(kept: Kept, name: str | None) -> Json:
    """Return a wave as the API and the command line show it; amounts are in the currency of the costs."""
    wave = kept.found.wave
    bound = min(wave.bound, kept.after)
    return {
        "id": name,
        "cause": kept.cause,
        "orders": len(kept.pool.members),
        "found": len(kept.found.granted),
        "changed": len(kept.plans),
        "cost_before": amount(wave.before),
        "cost_after": amount(kept.after),
        "saved": amount(wave.before - kept.after),
        "bound": amount(bound),
        "gap_percent": round(100 * (kept.after - bound) / bound, 2) if bound > 0 else None,
        "finished": wave.finished,
        **kept.report,
    }
