"""Checkouts served together: exact among many callers, each by itself, and never held twice for one call."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from core.errors import Conflict, CrossdockError, Unavailable
from core.services import checkout_desk
from core.services.checkout_desk import CheckoutDesk
from core.services.checkouts import Checkout
from core.store.unit import Store
from tests.core.test_intake import in_threads
from tests.core.world import World

HELD = """
SELECT count(DISTINCT r.group_id) AS n, coalesce(sum(r.quantity), 0) AS units
FROM reservation r JOIN item i ON i.tenant_id = r.tenant_id AND i.id = r.item_id
WHERE r.state = 'held' AND i.sku = ANY(:skus)
"""


def one(sku: str = "A", quantity: int = 1) -> Checkout:
    return Checkout([{"sku": sku, "quantity": Decimal(quantity)}], 900)


def test_the_last_units_go_to_exactly_as_many(store: Store) -> None:
    world = World(store, {("A", "HAM"): 17, ("A", "LYS"): 6, ("B", "HAM"): 40})
    desks = [CheckoutDesk(store), CheckoutDesk(store)]
    served: list[dict[str, Any] | CrossdockError] = []

    def client(index: int) -> None:
        served.extend(desks[index % 2].reserve([one("A"), one("B"), one("A", 2)][: 1 + index % 3]))

    in_threads(30, client)
    # Among many at once one may be refused though a unit is left at a node it did not look at; alone it is not.
    while isinstance(served[-1], dict) or len(served) < 61:
        served.extend(desks[0].reserve([one("A")]))
    assert world.one(HELD, skus=["A"]).units == 23
    assert all(isinstance(each, dict | Conflict) for each in served)
    assert sum(isinstance(each, dict) for each in served) == world.one(HELD, skus=["A", "B"]).n
    world.check_books()


def test_what_the_database_cannot_take_costs_only_itself(store: Store) -> None:
    world = World(store, {("A", "HAM"): 5})
    bad, good = CheckoutDesk(store).reserve([one("A\0"), one("A")])
    assert isinstance(bad, Unavailable)
    assert isinstance(good, dict)
    assert good["lines"][0]["sku"] == "A"
    assert world.one(HELD, skus=["A", "B"]).n == 1


def test_a_lost_answer_is_told_and_not_made_good_by_a_second_reservation(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store, {("A", "HAM"): 5})

    def broken(_conn: Connection, _groups: Sequence[UUID]) -> None:
        raise RuntimeError("away")

    monkeypatch.setattr(checkout_desk, "read_reservations", broken)
    lost, short = CheckoutDesk(store).reserve([one("A"), one("A", 9)])
    assert isinstance(lost, Unavailable)
    assert lost.error_code == "RESERVE-STORE-503"
    assert isinstance(short, Conflict)
    assert (world.one(HELD, skus=["A", "B"]).n, world.one(HELD, skus=["A", "B"]).units) == (1, 1)
    world.check_books()
