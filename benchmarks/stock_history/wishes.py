"""What clients ask to have reserved: random units of plain items, kits, lots and the capped item."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

from benchmarks.stock_history.world import CAPPED, KIT, LOTS, NODES, PARTS, PLAIN

# Units per (item, node), and the connection that wants them.
Wish = tuple[dict[tuple[str, str], int], str | None]
# What a call does, as (item, node, column, units).
Effect = list[tuple[str, str, str, int]]


def reserve(dice: Random) -> Wish:
    """Some units of one plain item, or of two; the hot one most often."""
    sku = "HOT" if dice.random() < 0.4 else dice.choice(PLAIN)
    wanted = {(sku, dice.choice(NODES)): dice.randint(1, 6)}
    if dice.random() < 0.3:
        wanted[dice.choice(PLAIN), dice.choice(NODES)] = dice.randint(1, 4)
    return wanted, dice.choice(("shop", "market", None))


def kit(dice: Random) -> Wish:
    """One to three kits at one node, of which the shop may be promised only so many."""
    return {(KIT, dice.choice(NODES)): dice.randint(1, 3)}, "shop"


def lot(dice: Random) -> Wish:
    """Units of the item that has lots."""
    return {(LOTS, dice.choice(NODES)): dice.randint(1, 5)}, "market"


def capped(dice: Random) -> Wish:
    """Units of the item of which the shop may be promised only so many."""
    return {(CAPPED, dice.choice(NODES)): dice.randint(1, 4)}, "shop"


WISHES: dict[str, Callable[[Random], Wish]] = {"reserve": reserve, "kit": kit, "lot": lot, "capped": capped}
# How often each is part of a batch.
IN_BATCH = {"reserve": 10, "kit": 2, "lot": 2, "capped": 3}


def batch(dice: Random, longest: int) -> list[Wish]:
    """One to so many wishes of all kinds, for one call."""
    kinds = dice.choices(list(IN_BATCH), list(IN_BATCH.values()), k=dice.randint(1, longest))
    return [WISHES[kind](dice) for kind in kinds]


def effect_of(wish: Wish) -> Effect:
    """What granting a wish does to stock; a kit is its components there."""
    return [
        (part, node, "reserved", units * int(each))
        for (sku, node), units in wish[0].items()
        for part, each in (PARTS.items() if sku == KIT else [(sku, Decimal(1))])
    ]


def kits_of(wish: Wish) -> int:
    """How many kits a wish is of."""
    return sum(units for (sku, _), units in wish[0].items() if sku == KIT)
