"""A channel that refuses some items of a stock push, by name, has taken the others."""

import pytest
from sqlalchemy import text

from core.errors import Rejected, Transient
from core.services.channel_stock import plan_pushes
from core.services.replaying import retry_delivery
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def planned(world: World) -> int:
    """Plan stock pushes and return how many there are."""
    with world.store.begin() as unit:
        return plan_pushes(unit, world.hub.facts.get(unit.conn, 1))


def told(world: World) -> dict[str, str | None]:
    """Return what the shop was told, by SKU."""
    with world.store.begin() as unit:
        rows = unit.conn.execute(
            text("SELECT i.sku, l.pushed_quantity::int AS told FROM listing l JOIN item i ON i.id = l.item_id")
        )
        return {row.sku: row.told for row in rows}


def deaths(world: World) -> int:
    """Return how many deliveries are dead."""
    with world.store.begin() as unit:
        return int(unit.conn.execute(text("SELECT count(*) FROM delivery WHERE state = 'dead'")).scalar_one())


def test_refused_items_wait_and_the_others_are_told(world: World) -> None:
    error = Rejected("B could not be set.", items=[{"sku": "B", "reason": "unknown there"}])
    assert planned(world) == 1
    world.partners.partners["shop"].script = [error]
    world.deliver(world.shop)
    assert told(world) == {"A": 20, "B": None, "C": 10}
    assert deaths(world) == 1
    # Nothing is tried again by itself.
    assert planned(world) == 0


def test_a_push_that_never_arrived_is_made_again(world: World) -> None:
    assert planned(world) == 1
    world.partners.partners["shop"].script = [Transient("Not now.")] * 9
    for _ in range(6):
        world.deliver(world.shop)
    assert deaths(world) == 1
    assert told(world) == {"A": None, "B": None, "C": None}
    assert planned(world) == 1


def test_a_push_refused_as_a_whole_is_not_made_again_by_itself(world: World) -> None:
    assert planned(world) == 1
    world.partners.partners["shop"].script = [Rejected("There is no such location.")]
    world.deliver(world.shop)
    assert deaths(world) == 1
    assert planned(world) == 0
    dead = world.one("SELECT id FROM delivery WHERE state = 'dead'")
    with world.store.begin() as unit:
        assert retry_delivery(unit, dead.id) == "superseded"
    assert world.one("SELECT state FROM exception_case").state == "superseded"
    assert planned(world) == 1
    world.deliver(world.shop)
    assert told(world) == {"A": 20, "B": 10, "C": 10}
