"""Windows of orders: what is planned past the last day an order states is said, and taken back once a plan keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID

from core.domain.cases import WINDOW
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.offers import Leg
from core.services.wishes import Wishes
from core.store.unit import Unit


def missed(wishes: Wishes, legs: Iterable[Leg], codes: Sequence[str]) -> str | None:
    """Return how a plan misses the days its order asks for, in words; None where it keeps them.

    Args:
        wishes: the order's.
        legs: how each node's part leaves.
        codes: of the nodes, in the order of the legs.
    """
    said = []
    for code, leg in zip(codes, legs, strict=True):
        if _later(leg.ship_on, wishes.ship_by):
            said.append(f"leaves {code} on {leg.ship_on}, asked for by {wishes.ship_by}")
        if _later(leg.arrive_on, wishes.deliver_by):
            said.append(f"arrives from {code} on {leg.arrive_on}, asked for by {wishes.deliver_by}")
    return "; ".join(said) or None


def tell_missed(unit: Unit, found: Mapping[UUID, tuple[str, str | None]], new: Iterable[UUID]) -> None:
    """Open a case for each order whose plan misses its window, and end those of orders that keep it now.

    Args:
        unit: the running transaction.
        found: number and what is missed, None where nothing is, by order.
        new: orders that cannot be in any case yet.
    """
    known = found.keys() - set(new)
    if known:
        settle_members(unit, "order", known, codes=[WINDOW.code])
    late = [
        Opened(
            WINDOW, f"{WINDOW.code}:{order_id.hex}", {"number": number, "detail": detail},
            [Member("order", order_id, order_id)],
        )
        for order_id, (number, detail) in found.items()
        if detail is not None
    ]  # fmt: skip
    if late:
        open_cases(unit, late)


def _later(day: date | None, last: date | None) -> bool:
    return day is not None and last is not None and day > last
