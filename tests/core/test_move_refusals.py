"""Work given by hand to a node that cannot have it: the refusal says whether capacity, way or stock is the reason."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from core.domain.ids import public_id
from core.errors import Conflict
from core.services.moving import move_fulfillment, split_fulfillment
from core.store.unit import Store
from tests.core.carriers import change, ordered, rates, services
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 5, ("A", "LYS"): 5, ("B", "HAM"): 1})


def move(world: World, work: UUID, node: str, full_days: int = 0) -> UUID:
    """Give work to a node whose first days are full."""
    with world.store.begin(actor="test") as unit:
        facts = world.hub.facts.get(unit.conn, 1)
        for day in range(full_days):
            facts.routing.usage.add(world.nodes[node], None, now().date() + timedelta(days=day))
        [made] = move_fulfillment(unit, facts, public_id("fulfillment", work), node)
    return made


def split(world: World, work: UUID) -> None:
    """Make two of work, the first with one unit of A."""
    with world.store.begin(actor="test") as unit:
        lines = [{"sku": "A", "quantity": Decimal(1)}]
        split_fulfillment(unit, world.hub.facts.get(unit.conn, 1), public_id("fulfillment", work), lines)


def refused(world: World, node: str = "LYS", sku: str = "A", full_days: int = 0) -> Conflict:
    """Return why the work of a new order may not go to a node; nothing changes by it."""
    [work], _ = ordered(world, {sku: 1})
    query = "SELECT id, state, node_id, version FROM fulfillment_order ORDER BY id"
    before = world.all(query)
    with pytest.raises(Conflict) as caught:
        move(world, work.id, node, full_days)
    assert world.all(query) == before
    assert world.all("SELECT 1 FROM exception_case") == []
    world.check_books()
    return caught.value


def test_a_capacity_of_0_is_the_reason(world: World) -> None:
    change(world, "UPDATE node SET capacity_per_day = 0 WHERE code = 'LYS'")
    error = refused(world)
    assert error.error_code == "MOVE-CAPACITY-409"
    assert str(error).startswith("LYS takes no work: its capacity is 0 fulfillment orders a day.")
    assert "crossdock nodes capacity LYS" in (error.fix or "")


def test_a_capacity_that_is_used_up_is_the_reason(world: World) -> None:
    change(world, "UPDATE node SET capacity_per_day = 1 WHERE code = 'LYS'")
    error = refused(world, full_days=75)
    assert error.error_code == "MOVE-CAPACITY-409"
    assert "its capacity is 1 fulfillment order a day" in str(error)
    assert f"(1 of 1 on {now().date()})" in str(error)
    assert (error.data["capacity"], error.data["used"]) == (1, 1)


def test_work_goes_to_a_node_that_is_full_today_and_leaves_later(world: World) -> None:
    change(world, "UPDATE node SET capacity_per_day = 1 WHERE code = 'LYS'")
    moved = []
    for _ in range(2):
        [work], _ = ordered(world, {"A": 1})
        moved.append(move(world, work.id, "LYS"))
    days = world.all("SELECT ship_on FROM fulfillment_order WHERE id = ANY(:ids) ORDER BY id", ids=moved)
    assert days[0].ship_on < days[1].ship_on


def test_a_missing_way_is_the_reason(world: World) -> None:
    services(world, *({"carrier": name, "service": "parcel", "nodes": [node]}
                      for name, node in (("Nordpost", "HAM"), ("Sudpost", "LYS"))))  # fmt: skip
    for name, country in (("Nordpost", "DE"), ("Sudpost", "FR")):
        rates(world, {"carrier": name, "service": "parcel", "to_country": country, "price": "4.20"})
    error = refused(world)
    assert error.error_code == "MOVE-WAY-409"
    assert "Sudpost/parcel has no rate for this way" in str(error)


def test_a_lack_of_stock_is_said_before_a_lack_of_capacity(world: World) -> None:
    change(world, "UPDATE node SET capacity_per_day = 0 WHERE code = 'LYS'")
    assert refused(world, sku="B").error_code == "MOVE-STOCK-409"


def test_work_is_not_split_at_a_node_whose_capacity_is_0(world: World) -> None:
    [work], _ = ordered(world, {"A": 2})
    change(world, "UPDATE node SET capacity_per_day = 0 WHERE code = 'HAM'")
    with pytest.raises(Conflict) as caught:
        split(world, work.id)
    assert caught.value.error_code == "MOVE-CAPACITY-409"
