"""What goes wrong in the demo, each with its own cause at a partner, so that mending the cause clears the exception."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.demo.company import Company
from console.demo.goods import Item

Json = dict[str, Any]
ALIAS_SUFFIX = "-2"
# Places in the list of best sellers: popular enough to be asked for, slow enough to leave the business running.
SOLD_OUT_RANKS, NOT_IN_ERP_RANKS = (181, 302, 433), (244, 387)
SHARES: Mapping[str, float] = {
    "alias": 0.010, "address": 0.007, "typo": 0.004, "not_in_erp": 0.003, "sold_out": 0.006,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Troubles:
    """Which items have a problem of their own.

    Args:
        sold_out: no node has any, though the shops still offer it.
        not_in_erp: the ERP has no such article.
        aliased: a shop sells it under a code of its own that nobody has told the hub.
    """

    sold_out: Sequence[Item]
    not_in_erp: Sequence[Item]
    aliased: Sequence[Item]

    def spoil(self, name: str, order: Json, rng: random.Random) -> Json:
        """Return an order as the shop places it when this goes wrong.

        Args:
            name: alias, address, typo, not_in_erp or sold_out.
            order: the body of the shop's `order` command.
        """
        lines = [dict(line) for line in order["lines"]]
        if name == "alias":
            item = rng.choice(self.aliased)
            lines[0] = {"sku": item.sku + ALIAS_SUFFIX, "quantity": 1, "price": item.price, "title": item.title}
        elif name == "not_in_erp":
            lines[0] = {"sku": rng.choice(self.not_in_erp).sku, "quantity": 1}
        elif name == "sold_out":
            lines[0] = {"sku": rng.choice(self.sold_out).sku, "quantity": rng.randint(1, 3)}
        elif name == "address":
            return {**order, "person": {**order["person"], "street": ""}}
        elif name == "typo":
            # Somebody mistypes a price in an app that adds to the webhook: the total stays what was paid.
            return {**order, "spoil": {"line_items.0.price": "0.99"}}
        else:
            raise ValueError(f"There is no trouble called {name}.")
        return {**order, "lines": lines}


def make_troubles(company: Company) -> Troubles:
    """Return the troubles of a company; the same items every time."""
    by_rank = {item.rank: item for item in company.items}
    chosen = [by_rank[rank] for rank in (*SOLD_OUT_RANKS, *NOT_IN_ERP_RANKS) if rank in by_rank]
    sold_out = chosen[: len(SOLD_OUT_RANKS)]
    return Troubles(sold_out, chosen[len(sold_out) :], [item for item in company.items if item not in chosen][:2])


def pick_trouble(rng: random.Random, factor: float = 1.0) -> str | None:
    """Return what goes wrong with the next order; mostly nothing."""
    chance = rng.random()
    for name, share in SHARES.items():
        chance -= share * factor
        if chance < 0:
            return name
    return None
