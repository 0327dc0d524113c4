"""A node that is off until a moment sells nothing until then; what was promised there stays promised."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.domain.ids import public_id
from core.errors import CrossdockError, InputError
from core.services.catalog import upsert_node
from core.services.channel_stock import available
from core.services.checkouts import reserve_lines
from core.services.disruptions import change_node, end_outages
from core.services.protecting import set_rule
from core.services.reserving import expire_reservations
from core.services.stock import set_on_hand
from core.store.read.explained import explain_availability
from core.store.read.stock import read_availability
from core.store.unit import Store
from core.store.views import inventory
from tests.core.carriers import forget
from tests.core.world import World, now

TWO_HOURS = timedelta(hours=2)


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 10, ("A", "LYS"): 2})


def change(world: World, **changes: Any) -> None:
    with world.store.begin(actor="test") as unit:
        change_node(unit, "HAM", changes)
    forget(world)


def passes(world: World, span: timedelta) -> None:
    """Let time pass: what was written is older, and what is to come is nearer."""
    with world.store.begin() as unit:
        values = {"s": span}
        unit.conn.execute(text("UPDATE node SET off_until = off_until - :s"), values)
        unit.conn.execute(text("UPDATE node_switch SET at = at - :s"), values)
        unit.conn.execute(text("UPDATE stock_movement SET at = at - :s"), values)
    forget(world)


def reserve(world: World, units: int, node: str | None = None) -> Any:
    line = {"sku": "A", "quantity": Decimal(units), "node": node}
    with world.store.begin() as unit:
        return reserve_lines(unit, [line], 900, world.shop)


def explained(world: World, at: datetime | None = None) -> tuple[str, dict[str, bool]]:
    with world.store.read() as conn:
        found = explain_availability(conn, "A", as_of=at)
    for figure in (found["total"], *found["nodes"]):
        assert sum(Decimal(part["units"]) for part in figure["parts"]) == Decimal(figure["available"])
    return found["total"]["available"], {place["node"]: place["active"] for place in found["nodes"]}


def figures(world: World) -> set[str]:
    """Return what each of those says who tells how much of A there is."""
    with world.store.begin() as unit:
        [shown] = read_availability(unit.conn, ["A"])
        row = next(row for row in inventory.page(unit.conn, 1)[0] if row.sku == "A")
        told = available(unit, [world.items["A"]], world.shop)[world.items["A"]]
    return {shown["available"], shown["promisable"], f"{row.available:f}", f"{told:f}", explained(world)[0]}


def dirty(world: World) -> int:
    """Return how many listings wait to be told, and have them told."""
    with world.store.begin() as unit:
        return unit.conn.execute(text("UPDATE listing SET dirty_at = NULL WHERE dirty_at IS NOT NULL")).rowcount


def test_what_is_off_until_a_moment_is_sold_by_nobody_and_to_nobody(world: World) -> None:
    before = now()
    dirty(world)
    change(world, off_until=now() + TWO_HOURS)
    assert figures(world) == {"2"}
    with world.store.read() as conn:
        assert [each["node"] for each in read_availability(conn, ["A"])[0]["nodes"]] == ["LYS"]
    assert dirty(world) == 1
    with pytest.raises(InputError, match="HAM"):
        reserve(world, 1, "HAM")
    with pytest.raises(CrossdockError, match="not enough stock"):
        reserve(world, 3)
    reserve(world, 1)
    assert explained(world, before) == ("12", {"HAM": True, "LYS": True})
    assert explained(world) == ("1", {"HAM": False, "LYS": True})


def test_its_end_is_told_and_nobody_need_switch_it_on(world: World) -> None:
    change(world, off_until=now() + TWO_HOURS, off_reason="power cut")
    world.send("order", world.order({"A": 5}, partial_shipment_allowed=False))
    world.drain()
    dirty(world)
    with world.store.begin() as unit:
        assert end_outages(unit) == 0
    passes(world, TWO_HOURS)
    assert figures(world) == {"12"}
    with world.store.begin() as unit:
        assert (end_outages(unit), end_outages(unit)) == (1, 0)
    assert dirty(world) == 1
    assert tuple(world.one("SELECT off_until, off_reason FROM node WHERE code = 'HAM'")) == (None, None)
    waiting = world.one("SELECT sourcing_at < clock_timestamp() + interval '10 seconds' AS soon FROM orders")
    assert waiting.soon
    assert figures(world) == {"12"}
    # The record of its beginning and end is the same as before its end was told of.
    assert len(world.all("SELECT 1 FROM node_switch s JOIN node n ON n.id = s.node_id WHERE code = 'HAM'")) == 3


@pytest.mark.parametrize(
    ("then", "after"),
    [
        ({"off_until": "later"}, "2"),
        ({"active": True}, "12"),
        ({"active": False}, "2"),
        ({"off_until": "sooner"}, "12"),
    ],
)
def test_the_past_is_explained_by_what_held_then_and_not_by_what_was_planned(
    world: World, then: dict[str, Any], after: str
) -> None:
    change(world, off_until=now() + TWO_HOURS)
    passes(world, timedelta(hours=1))
    moments = {"later": now() + TWO_HOURS, "sooner": now() + timedelta(minutes=10)}
    change(world, **{name: moments.get(value, value) for name, value in then.items()})
    passes(world, timedelta(hours=1, minutes=30))
    assert explained(world, now() - TWO_HOURS)[1]["HAM"] is False
    assert explained(world)[0] == after
    assert figures(world) == {after}


def test_a_node_written_again_is_noted_too(world: World) -> None:
    dirty(world)
    with world.store.begin() as unit:
        upsert_node(unit, {"code": "HAM", "active": False})
    assert (dirty(world), figures(world)) == (1, {"2"})


def test_an_order_keeps_what_was_held_for_it_where_it_cannot_be_shipped_now(world: World) -> None:
    group = reserve(world, 10, "HAM")
    change(world, off_until=now() + TWO_HOURS)
    world.send("order", world.order({"A": 10}, reservation=public_id("reservation", group)))
    world.drain()
    assert [(work.code, int(work.units)) for work in world.all(WORKS)] == [("LYS", 2)]
    assert world.one(POSITION).reserved == 10
    [kept] = world.all("SELECT data FROM event WHERE type = 'reservation.kept'")
    assert kept.data["off"] == ["HAM"]
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE orders SET sourcing_at = clock_timestamp() WHERE sourcing_at IS NOT NULL"))
    world.drain()
    left = world.one("SELECT expires_at - clock_timestamp() AS left FROM reservation WHERE state = 'held'").left
    assert left > timedelta(hours=1)  # longer than until it is looked at again
    with world.store.begin() as unit:
        assert expire_reservations(unit) == 0
    passes(world, TWO_HOURS)
    with world.store.begin() as unit:
        end_outages(unit)
        unit.conn.execute(text("UPDATE orders SET sourcing_at = clock_timestamp() WHERE sourcing_at IS NOT NULL"))
    forget(world)
    world.drain()
    assert sorted((work.code, int(work.units)) for work in world.all(WORKS)) == [("HAM", 8), ("LYS", 2)]
    assert tuple(world.one(POSITION)) == (0, 8)
    world.check_books()


def test_an_order_that_finds_all_elsewhere_gives_back_what_was_held(world: World) -> None:
    group = reserve(world, 2, "HAM")
    change(world, off_until=now() + TWO_HOURS)
    world.send("order", world.order({"A": 2}, reservation=public_id("reservation", group)))
    world.drain()
    assert [(work.code, int(work.units)) for work in world.all(WORKS)] == [("LYS", 2)]
    assert tuple(world.one(POSITION)) == (0, 0)
    world.check_books()


def test_a_rule_over_all_nodes_leaves_the_others_what_they_have(world: World) -> None:
    with world.store.begin() as unit:
        set_on_hand(unit, {(world.items["A"], world.nodes["LYS"]): Decimal(5)}, None, "adjust")
        set_rule(unit, connection="shop", kind="cap", quantity=Decimal(4), sku="A")
    change(world, off_until=now() + TWO_HOURS)
    world.send("order", world.order({"A": 4}))
    world.drain()
    assert [(work.code, int(work.units)) for work in world.all(WORKS)] == [("LYS", 4)]


WORKS = """
SELECT n.code, l.quantity AS units FROM fulfillment_order f JOIN node n ON n.id = f.node_id
JOIN fulfillment_line l ON l.fulfillment_id = f.id ORDER BY f.id
"""
POSITION = """
SELECT reserved, allocated FROM stock_position p JOIN node n ON n.id = p.node_id WHERE n.code = 'HAM'
"""
