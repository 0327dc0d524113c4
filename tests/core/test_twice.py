"""The same order by two channels: held once, and only where buyer, goods, total and time agree."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from config.settings import Orders
from core.services.facts import FactsCache
from core.services.holds import release_hold
from core.store.unit import Store
from tests.core.world import World

Body = dict[str, Any]


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def bought(world: World, **more: Any) -> Body:
    return {**world.order({"A": 2, "B": 1}), "buyer": {"name": "Ada Test", "email": "Ada@example.com"}, **more}


def held(world: World) -> list[tuple[str, str]]:
    rows = world.all(
        "SELECT o.external_id, h.kind, h.detail FROM hold h JOIN orders o ON o.id = h.order_id ORDER BY h.id"
    )
    assert {row.kind for row in rows} <= {"possible_duplicate"}
    return [(row.external_id, row.detail) for row in rows]


@pytest.fixture(params=["one after the other", "in one batch"])
def receive(request: pytest.FixtureRequest, world: World) -> Callable[[Body, Body], None]:
    """Take in an order of the shop and one of another channel."""

    def take(first: Body, second: Body) -> None:
        world.send("order", first, world.shop)
        if request.param == "one after the other":
            world.drain()
        world.send("order", second, world.erp)
        world.drain()

    return take


Receive = Callable[[Body, Body], None]


def test_the_same_order_by_two_channels_is_held_and_a_person_can_let_it_go(world: World, receive: Receive) -> None:
    first = bought(world)
    second = bought(world, buyer={"email": "ada@EXAMPLE.com"}, placed_at="2026-11-21T09:59:00Z")
    receive(first, second)
    assert held(world) == [(second["external_id"], f"{first['number']} of shop")]
    states = {row.external_id: row.state for row in world.all("SELECT external_id, state FROM orders")}
    assert states == {first["external_id"]: "in_progress", second["external_id"]: "held"}
    case = world.one("SELECT code, sentence, evidence FROM exception_case")
    assert case.code == "ORDER-TWICE-409"
    assert f"{first['number']} of shop" in case.sentence
    original = world.one("SELECT id FROM orders WHERE external_id = :x", x=first["external_id"]).id
    assert case.evidence["order"] == f"ord_{original.hex}"
    hold = world.one("SELECT id, order_id FROM hold")
    with world.store.begin(actor="test") as unit:
        release_hold(unit, hold.order_id, hold.id)
    world.drain()
    assert world.one("SELECT state FROM orders WHERE id = :o", o=hold.order_id).state == "in_progress"
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 6
    world.check_books()


@pytest.mark.parametrize(
    "other",
    [
        {"buyer": {"email": "eve@example.com"}},
        {"buyer": None},
        {"buyer": {"name": "Ada Test"}},
        {"currency": "DKK"},
        {"placed_at": "2026-11-21T10:00:01Z"},
        {"placed_at": "2026-11-19T09:59:59Z"},
        {"canceled_at": "2026-11-20T11:00:00Z"},
        {"totals": {"grand": "35"}, "charges": [{"kind": "shipping", "amount": "5"}]},
        {
            "lines": [
                {"external_id": "L1", "sku": "A", "quantity": "1", "unit_price": "10.00"},
                {"external_id": "L2", "sku": "B", "quantity": "2", "unit_price": "10.00"},
            ]
        },
        {"lines": [{"external_id": "L1", "sku": "A", "quantity": "3", "unit_price": "10.00"}]},
    ],
)
def test_what_differs_is_another_order(world: World, receive: Receive, other: Body) -> None:
    receive(bought(world), bought(world, **other))
    assert held(world) == []


def test_two_orders_of_one_channel_are_two_orders(world: World) -> None:
    for _ in range(2):
        world.send("order", bought(world), world.shop)
        world.send("order", bought(world), world.shop)
        world.drain()
    assert held(world) == []


def test_goods_are_compared_by_item_however_their_lines_are_cut(world: World, receive: Receive) -> None:
    cut = [
        {"external_id": "1", "sku": "B", "quantity": "1", "unit_price": "10.00"},
        {"external_id": "2", "sku": "A", "quantity": "1.0", "unit_price": "10.00"},
        {"external_id": "3", "sku": "A", "quantity": "1", "unit_price": "10.00"},
    ]
    second = bought(world, lines=cut)
    receive(bought(world), second)
    assert [name for name, _ in held(world)] == [second["external_id"]]


def test_an_order_that_was_canceled_is_no_original(world: World) -> None:
    world.send("order", bought(world, canceled_at="2026-11-20T11:00:00Z"), world.shop)
    world.drain()
    world.send("order", bought(world), world.erp)
    world.drain()
    assert held(world) == []


def test_of_two_in_one_batch_the_one_placed_later_is_held(world: World) -> None:
    later, earlier = bought(world, placed_at="2026-11-20T12:00:00Z"), bought(world)
    world.send("order", later, world.shop)
    world.send("order", earlier, world.erp)
    world.drain()
    assert held(world) == [(later["external_id"], f"{earlier['number']} of erp")]


def test_a_newer_picture_leaves_the_hold_where_it_is(world: World, receive: Receive) -> None:
    second = bought(world, source_version=1)
    receive(bought(world), second)
    world.send("order", {**second, "source_version": 2, "note": "hurry"}, world.erp)
    world.drain()
    assert world.one("SELECT count(*) AS n FROM hold WHERE state = 'active'").n == 1


@pytest.mark.parametrize(("hours", "holds"), [(0.0, 0), (1.0, 0), (3.0, 1)])
def test_the_hours_are_a_setting(world: World, receive: Receive, hours: float, holds: int) -> None:
    world.hub.facts = FactsCache(world.partners, None, replace(Orders(), double_hours=hours))
    receive(bought(world), bought(world, placed_at="2026-11-20T12:00:00Z"))
    assert len(held(world)) == holds


@pytest.mark.parametrize(("buyer", "asked"), [({"name": "Ada"}, 0), ({"email": "ada@example.com"}, 1)])
def test_a_batch_asks_once_and_only_where_a_buyer_is_known(world: World, buyer: Body, asked: int) -> None:
    for _ in range(20):
        world.send("order", world.order({"A": 1}, buyer=buyer), world.shop)
    seen: list[str] = []
    event.listen(world.store.engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
    world.drain()
    assert len([each for each in seen if "lower(o.buyer_email)" in each or "AS good" in each]) == asked
