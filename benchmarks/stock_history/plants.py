"""Bugs planted on purpose: a judge that does not find these proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from core.domain.ids import uuid7
from core.services import reserving
from core.services.reserving import Granted, Wanted
from core.store import taking
from core.store.read import shelves
from core.store.unit import Unit

PLANTS = ("none", "no_lock", "no_cap", "lost", "half")
EVERY = 8
Reserve = Callable[[Unit, Sequence[Wanted]], list[Granted] | None]


def plant(bug: str) -> None:
    """Break the hub of this process in one way.

    `no_lock` takes stock without locking it, `no_cap` forgets protection rules, `lost` answers yes to a reservation
    that was never made, `half` leaves out the last position of one with several.
    """
    if bug == "no_lock":
        for name in ("LOCK_TO_TAKE", "HOLD_IF_PLENTY"):
            setattr(taking, name, getattr(taking, name).replace("FOR NO KEY UPDATE OF p", ""))
    elif bug == "no_cap":
        shelves.RULES = shelves.RULES.replace("ORDER BY", "AND false ORDER BY")
    elif bug in ("lost", "half"):
        _answer_wrongly(bug)


def _answer_wrongly(bug: str) -> None:
    calls = count(1)

    def spoiled(honest: Reserve) -> Reserve:
        def wrong(unit: Unit, wanted: Sequence[Wanted]) -> list[Granted] | None:
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

        return wrong

    for name in ("reserve_many", "reserve_plenty"):
        setattr(reserving, name, spoiled(getattr(reserving, name)))
