"""Bugs planted on purpose: a judge that does not find these proves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from core.domain.ids import uuid7
from core.services import reserving
from core.services.reserving import Granted, Wanted
from core.store import locks
from core.store.read import shelves
from core.store.unit import Unit

PLANTS = ("none", "no_lock", "no_cap", "lost", "half")
EVERY = 8


def plant(bug: str) -> None:
    """Break the hub of this process in one way.

    `no_lock` takes stock without locking it, `no_cap` forgets protection rules, `lost` answers yes to a reservation
    that was never made, `half` leaves out the last position of one with several.
    """
    if bug == "no_lock":
        locks.LOCK_TO_TAKE = locks.LOCK_TO_TAKE.replace("FOR NO KEY UPDATE OF p", "")
    elif bug == "no_cap":
        shelves.RULES = shelves.RULES.replace("ORDER BY", "AND false ORDER BY")
    elif bug in ("lost", "half"):
        _answer_wrongly(bug)


def _answer_wrongly(bug: str) -> None:
    honest = reserving.reserve_many
    calls = count(1)

    def wrong(unit: Unit, wanted: Sequence[Wanted]) -> list[Granted]:
        if bug == "lost" and next(calls) % EVERY == 0:
            return [Granted(uuid7()) for _ in wanted]
        if bug == "half":
            wanted = [
                Wanted(dict(list(each.units.items())[:-1]), each.seconds, each.connection_id, each.kits)
                if len(each.units) > 1
                else each
                for each in wanted
            ]
        return honest(unit, wanted)

    reserving.reserve_many = wrong
