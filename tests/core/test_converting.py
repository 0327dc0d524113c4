"""A checkout's reservation becomes its order's allocation without a moment in which anybody else could have it."""

from decimal import Decimal
from typing import Any

import pytest

from core.domain.ids import public_id
from core.errors import Conflict
from core.services.converting import convert_reservation
from core.services.protecting import set_rule
from core.services.reserving import Wanted, expire_reservations, release_group, reserve_many
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 3, ("B", "HAM"): 2})


def hold(world: World, connection: Any = None, seconds: float = 900, **units: int) -> Any:
    keys = {(world.items[sku], world.nodes["HAM"]): Decimal(number) for sku, number in units.items()}
    with world.store.begin() as unit:
        return reserve_many(unit, [Wanted(keys, seconds, connection)])[0].group_id


def place(world: World, lines: dict[str, int], group: Any = None, **more: Any) -> str:
    reservation = {"reservation": public_id("reservation", group)} if group else {}
    world.send("order", world.order(lines, **reservation, **more))
    world.drain()
    return str(world.one("SELECT phase FROM orders ORDER BY id DESC").phase)


def stock(world: World, sku: str = "A") -> tuple[int, int]:
    row = world.one(
        "SELECT reserved, allocated FROM stock_position p JOIN item i ON i.id = p.item_id WHERE sku = :s", s=sku
    )
    return int(row.reserved), int(row.allocated)


def test_the_last_units_go_to_the_order_that_held_them(world: World) -> None:
    group = hold(world, world.shop, A=3)
    assert place(world, {"A": 1}) == "backordered"
    assert place(world, {"A": 3}, group) == "releasing"
    assert stock(world) == (0, 3)
    assert [row.state for row in world.all("SELECT state FROM reservation WHERE group_id IS NOT NULL")] == ["consumed"]
    kinds = [row.kind for row in world.all("SELECT kind FROM stock_movement WHERE order_id IS NOT NULL ORDER BY id")]
    assert kinds == ["convert", "allocate"]
    world.check_books()
    with pytest.raises(Conflict, match="consumed already"), world.store.begin() as unit:
        release_group(unit, group)


def test_what_the_order_does_not_need_is_free_again(world: World) -> None:
    group = hold(world, A=2, B=2)
    assert place(world, {"A": 3}, group) == "releasing"
    assert (stock(world), stock(world, "B")) == ((0, 3), (0, 0))
    world.check_books()


def test_a_cap_counts_what_was_held_once(world: World) -> None:
    with world.store.begin() as unit:
        set_rule(unit, connection="shop", kind="cap", quantity=Decimal(2), sku="A")
    group = hold(world, world.shop, A=2)
    assert place(world, {"A": 2}, group) == "releasing"
    assert place(world, {"A": 1}) == "backordered"
    assert stock(world) == (0, 2)
    world.check_books()


def test_what_was_held_for_nobody_in_particular_frees_no_place_under_a_cap(world: World) -> None:
    with world.store.begin() as unit:
        set_rule(unit, connection="shop", kind="cap", quantity=Decimal(2), sku="A")
    assert place(world, {"A": 2}) == "releasing"
    group = hold(world, A=1)
    assert place(world, {"A": 1}, group) == "backordered"
    assert stock(world) == (1, 2)


def test_an_order_that_cannot_go_keeps_what_was_held_until_it_expires(world: World) -> None:
    group = hold(world, A=2)
    assert place(world, {"A": 4}, group, partial_shipment_allowed=False) == "backordered"
    assert stock(world) == (2, 0)
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE reservation SET expires_at = clock_timestamp()")
        assert expire_reservations(unit) == 1
    assert stock(world) == (0, 0)
    world.check_books()


def test_a_reservation_that_is_over_or_another_channels_does_not_stop_the_order(world: World) -> None:
    over, others = hold(world, A=1), hold(world, world.erp, B=1)
    with world.store.begin() as unit:
        release_group(unit, over)
    assert place(world, {"A": 1}, over) == "releasing"
    assert place(world, {"B": 1}, others) == "releasing"
    world.send("order", world.order({"A": 1}, reservation="res_nonsense"))
    world.drain()
    assert stock(world, "B") == (1, 1)
    told = [row.type for row in world.all("SELECT type FROM event WHERE type LIKE 'reservation.%' ORDER BY seq")]
    assert told == ["reservation.missed"] * 3
    world.check_books()


def test_a_waiting_order_gets_a_reservation_made_for_it_later(world: World) -> None:
    group = hold(world, world.shop, A=3)
    assert place(world, {"A": 2}) == "backordered"
    order = world.one("SELECT id FROM orders")
    with world.store.begin() as unit:
        convert_reservation(unit, world.facts, group, order.id)
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "releasing"
    assert stock(world) == (0, 2)
    with pytest.raises(Conflict, match="does not hold anything"), world.store.begin() as unit:
        convert_reservation(unit, world.facts, group, order.id)
    world.check_books()
