"""What is promised from supply goes to its node when the supply is there, in turn, and is promised no date before."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.errors import Conflict, InputError
from core.services.arrivals import release_arrived
from core.services.moving import resume_fulfillment
from core.services.promising import Wanted, offer
from core.services.redeciding import pieces, verify_pieces
from core.services.stock import adjust_stock
from core.services.supplying import expect_supply, receive_supply
from core.store.unit import Store
from tests.core.carriers import change, forget, ordered
from tests.core.test_supply import SOON
from tests.core.world import World, now

DELIVERIES = "SELECT count(*) AS n FROM delivery WHERE kind = 'push_fulfillment_order'"


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 0, ("B", "LYS"): 5})


def expected(world: World, units: int = 10, promisable: int = 8) -> Any:
    with world.store.begin(actor="test") as unit:
        return expect_supply(
            unit, sku="A", node="HAM", reference="PO-9", quantity=Decimal(units), promisable=Decimal(promisable),
            expected_at=SOON,
        )  # fmt: skip


def receive(world: World, supply: Any, units: int) -> int:
    """Take units in, and return how many orders that lets go."""
    with world.store.begin(actor="test") as unit:
        receive_supply(unit, supply, Decimal(units))
    return arrived(world)


def arrived(world: World) -> int:
    forget(world)
    with world.store.begin(actor="relay") as unit:
        return release_arrived(unit, world.hub.facts.get(unit.conn, unit.tenant))


def phases(world: World) -> list[str]:
    return [row.phase for row in world.all("SELECT phase FROM orders ORDER BY id")]


def test_work_promised_from_supply_goes_when_it_is_there(world: World) -> None:
    supply = expected(world)
    [work], _ = ordered(world, {"A": 6})
    assert (work.code, work.state, work.release_at) == ("HAM", "planned", None)
    assert work.reason == "waits for supply expected on 2026-12-01"
    assert phases(world) == ["backordered"]
    assert (world.one(DELIVERIES).n, world.all("SELECT id FROM promise")) == (0, [])
    world.check_books()
    with world.store.begin(actor="test") as unit, pytest.raises(Conflict, match="waits for supply expected on"):
        resume_fulfillment(unit, f"ful_{work.id.hex}")
    assert (arrived(world), receive(world, supply, 5)) == (0, 0)
    assert receive(world, supply, 1) == 1
    old, new = world.work()
    assert (old.state, old.reason, new.state, new.code) == ("canceled", "its supply has come", "released", "HAM")
    assert new.ship_on >= now().date()
    assert (phases(world), world.one(DELIVERIES).n) == (["releasing"], 1)
    assert [row.state for row in world.all("SELECT state FROM promise")] == ["standing"]
    assert arrived(world) == 0
    world.check_books()


def test_who_was_promised_first_has_the_units_first(world: World) -> None:
    supply = expected(world)
    with world.store.begin(actor="test") as unit:
        later = SOON + timedelta(days=9)
        expect_supply(unit, sku="A", node="HAM", reference="PO-10", quantity=Decimal(5), promisable=Decimal(5),
                      expected_at=later)  # fmt: skip
    [first], _ = ordered(world, {"A": 5})
    [second], _ = ordered(world, {"A": 4})
    assert first.reason == "waits for supply expected on 2026-12-01"
    assert second.reason == "waits for supply expected on 2026-12-10"
    assert receive(world, supply, 3) == 0  # enough for the second alone, and promised to the first
    assert receive(world, supply, 2) == 1
    assert phases(world) == ["releasing", "backordered"]
    assert arrived(world) == 0
    ordered(world, {"A": 1})
    assert phases(world) == ["releasing", "backordered", "backordered"]
    assert receive(world, supply, 5) == 2
    assert phases(world) == ["releasing"] * 3
    world.check_books()


def test_what_is_there_goes_at_once_unless_the_order_ships_whole(world: World) -> None:
    expected(world)
    works, _ = ordered(world, {"A": 1, "B": 1})
    assert {work.code: work.state for work in works} == {"HAM": "planned", "LYS": "released"}
    works, _ = ordered(world, {"A": 1, "B": 1}, partial_shipment_allowed=False)
    assert {work.code: work.state for work in works} == {"HAM": "planned", "LYS": "planned"}
    assert world.all("SELECT id FROM promise") == []


def test_what_is_there_goes_before_what_is_still_to_come(store: Store) -> None:
    world = World(store, {("A", "HAM"): 0, ("A", "LYS"): 3})
    supply = expected(world)
    [work], _ = ordered(world, {"A": 2})  # Hamburg is nearer, and has nothing yet
    assert (work.code, work.state) == ("LYS", "released")
    [work], _ = ordered(world, {"A": 5}, partial_shipment_allowed=False)
    assert (work.code, work.state) == ("HAM", "planned")
    with store.begin(actor="test") as unit:
        adjust_stock(unit, "A", "LYS", on_hand=Decimal(20), reason="found")
    assert receive(world, supply, 10) == 1
    assert [(each.code, each.state) for each in world.work()][-1] == ("HAM", "released")
    with store.read() as conn:
        verdict = verify_pieces(conn, pieces(conn, None))
    assert (verdict.decisions, verdict.agree, verdict.differ) == (3, 3, [])
    world.check_books()


def test_a_limit_of_the_item_itself_is_no_supply_to_wait_for(world: World) -> None:
    change(world, "UPDATE stock_position SET backorder_limit = 3")
    [work], _ = ordered(world, {"A": 2})
    assert work.state == "released"


def test_nothing_is_promised_of_what_is_still_to_come(world: World) -> None:
    expected(world)
    with world.store.begin() as unit, pytest.raises(Conflict) as refused:
        offer(unit, world.facts, [Wanted("A", Decimal(1))], "DE", None)
    assert refused.value.error_code == "PROMISE-STOCK-409"
    with world.store.begin() as unit, pytest.raises(InputError) as nowhere:
        offer(unit, world.facts, [Wanted("B", Decimal(1))], "ZZ", None)
    assert nowhere.value.error_code == "PROMISE-COUNTRY-422"
