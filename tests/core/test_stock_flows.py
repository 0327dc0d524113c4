"""Splits, backorders and their filling, rejections, short picks, partial shipments, counts, soft reservations."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from core.domain.packing import unpack
from core.errors import Conflict
from core.services.backorders import wake_backorders
from core.services.reserving import Wanted, expire_reservations, release_group, reserve_many
from core.services.stock import adjust_stock
from core.store.unit import Store
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def candidates(decision: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(unpack(decision.candidates))
    return found


def place(world: World, lines: dict[str, int], **more: object) -> None:
    world.send("order", world.order(lines, **more))
    world.drain()


def test_an_order_is_split_when_no_node_has_it_all(world: World) -> None:
    place(world, {"B": 1, "C": 1})
    assert sorted(work.code for work in world.work()) == ["HAM", "LYS"]
    decision = world.one("SELECT * FROM decision")
    assert decision.bound == "optimal"
    assert {row["node"]: row["chosen"] for row in candidates(decision)} == {"HAM": True, "LYS": True}
    world.check_books()


def test_the_cheapest_node_is_chosen_and_the_others_are_explained(world: World) -> None:
    place(world, {"A": 1})
    assert [work.code for work in world.work()] == ["HAM"]
    rows = {row["node"]: row for row in candidates(world.one("SELECT candidates FROM decision"))}
    assert rows["HAM"]["shipment"] < rows["LYS"]["shipment"]


def test_nothing_there_is_a_backorder_with_a_case_and_stock_fills_it(world: World) -> None:
    place(world, {"A": 25})
    order = world.one("SELECT * FROM orders")
    assert (order.state, order.phase) == ("in_progress", "backordered")
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 20
    case = world.one("SELECT * FROM exception_case")
    assert (case.code, case.state) == ("STOCK-OUT-001", "open")
    count = {"node": "LYS", "as_of": now().isoformat(), "items": [{"sku": "A", "on_hand": "30"}]}
    world.send("stock", count, world.wms)
    world.drain()
    with world.store.begin() as unit:
        assert wake_backorders(unit) == 1
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "releasing"
    assert world.one("SELECT state FROM exception_case").state == "superseded"
    world.check_books()


def test_ship_complete_waits_for_everything(world: World) -> None:
    place(world, {"A": 25}, partial_shipment_allowed=False)
    assert world.work() == []
    assert world.one("SELECT phase FROM orders").phase == "backordered"
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 0


def test_a_rejection_is_sourced_elsewhere_and_not_there_again(world: World) -> None:
    place(world, {"A": 2})
    [work] = world.work()
    world.send("fulfillment_update", {"fulfillment": work.number, "status": "rejected", "reason": "full"}, world.wms)
    world.drain()
    world.drain()
    assert [(work.code, work.state) for work in world.work()] == [("HAM", "rejected"), ("LYS", "released")]
    rows = {
        row["node"]: row["reason"]
        for row in candidates(world.one("SELECT candidates FROM decision ORDER BY at DESC, id DESC"))
    }
    assert rows["HAM"] == "rejected: full"
    world.check_books()


def test_a_short_pick_is_filled_from_elsewhere(world: World) -> None:
    place(world, {"A": 4})
    [work] = world.work()
    world.send(
        "fulfillment_update",
        {"fulfillment": f"ful_{work.id.hex}", "status": "short", "lines": [{"sku": "A", "quantity": "1"}]},
        world.wms,
    )
    world.drain()
    world.drain()
    assert [(work.code, work.state) for work in world.work()] == [("HAM", "released"), ("LYS", "released")]
    world.send("shipment", {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}"}, world.wms)
    other = world.work()[1]
    world.send("shipment", {"external_id": "S2", "fulfillment": f"ful_{other.id.hex}"}, world.wms)
    world.drain()
    order = world.one("SELECT * FROM orders")
    assert (order.state, order.phase) == ("completed", "shipped")
    assert (
        world.one("SELECT sum(on_hand) AS n FROM stock_position p JOIN item i ON i.id = p.item_id WHERE sku = 'A'").n
        == 16
    )
    world.check_books()


def test_ships_in_part_and_in_whole(world: World) -> None:
    place(world, {"A": 3, "B": 1})
    [work] = world.work()
    part = {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}", "lines": [{"sku": "A", "quantity": "2"}]}
    world.send("shipment", part, world.wms)
    world.drain()
    order = world.one("SELECT * FROM orders")
    assert (order.state, order.phase) == ("in_progress", "partly_shipped")
    world.send("shipment", {"external_id": "S2", "fulfillment": f"ful_{work.id.hex}"}, world.wms)
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "shipped"
    assert [work.state for work in world.work()] == ["shipped"]
    world.deliver()
    told = [push for push in world.partners.partners["shop"].order if push.kind == "push_shipment"]
    assert [[(line["sku"], line["quantity"]) for line in push.payload["shipment"]["lines"]] for push in told] == [
        [("A", "2")],
        [("A", "1"), ("B", "1")],
    ]
    world.check_books()


def test_more_shipped_than_ordered_is_said_and_not_counted(world: World) -> None:
    place(world, {"A": 1})
    [work] = world.work()
    world.send(
        "shipment",
        {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}", "lines": [{"sku": "A", "quantity": "5"}]},
        world.wms,
    )
    world.drain()
    line = world.one("SELECT * FROM order_line")
    assert (line.quantity, line.shipped) == (1, 1)
    event = world.one("SELECT data FROM event WHERE type = 'fulfillment.shipped'")
    assert list(event.data["too_many"].values()) == ["4"]
    world.check_books()


def test_an_older_count_changes_nothing(world: World) -> None:
    at = now()
    new = {"node": "HAM", "as_of": at.isoformat(), "items": [{"sku": "A", "on_hand": "7"}]}
    old = {"node": "HAM", "as_of": (at - timedelta(hours=1)).isoformat(), "items": [{"sku": "A", "on_hand": "99"}]}
    world.send("stock", new, world.wms)
    world.drain()
    world.send("stock", old, world.wms)
    world.drain()
    row = world.one("SELECT on_hand FROM stock_position WHERE counted_at IS NOT NULL")
    assert row.on_hand == 7


def test_a_count_below_the_promise_records_a_shortfall(world: World) -> None:
    place(world, {"A": 8})
    world.send("stock", {"node": "HAM", "as_of": now().isoformat(), "items": [{"sku": "A", "on_hand": "5"}]}, world.wms)
    world.drain()
    row = world.one("SELECT * FROM stock_position WHERE allocated = 8")
    assert (row.on_hand, row.shortfall) == (8, 3)
    case = world.one("SELECT * FROM exception_case")
    assert (case.code, case.title) == ("STOCK-SHORTFALL-001", "A at HAM: counted less than promised")
    world.send("stock", {"node": "HAM", "as_of": now().isoformat(), "items": [{"sku": "A", "on_hand": "9"}]}, world.wms)
    world.drain()
    assert world.one("SELECT state FROM exception_case").state == "superseded"
    world.check_books()


def test_soft_reservations_keep_units_and_expire(world: World) -> None:
    key = (world.items["B"], world.nodes["HAM"])
    with world.store.begin() as unit:
        granted = reserve_many(
            unit, [Wanted({key: Decimal(6)}), Wanted({key: Decimal(6)}), Wanted({key: Decimal(4)}, seconds=0)]
        )
    assert [each.group_id is not None for each in granted] == [True, False, True]
    assert granted[1].missing == {key: Decimal(2)}
    group_id = granted[0].group_id
    assert group_id is not None
    with world.store.begin() as unit:
        assert expire_reservations(unit) == 1
    with world.store.begin() as unit:
        assert release_group(unit, group_id) == 1
    with world.store.begin() as unit, pytest.raises(Conflict):
        release_group(unit, group_id)
    world.check_books()


@pytest.mark.parametrize("most", [1, 500])
def test_a_reservation_expires_whole_and_not_while_somebody_ends_a_part_of_it(world: World, most: int) -> None:
    wanted = {(world.items[sku], world.nodes["HAM"]): Decimal(2) for sku in "AB"}
    with world.store.begin() as unit:
        [granted] = reserve_many(unit, [Wanted(wanted, seconds=0)])
    first, _ = (row.id for row in world.all("SELECT id FROM reservation ORDER BY id"))
    with world.store.begin() as unit:
        with world.store.begin() as other:
            other.conn.execute(text("SELECT 1 FROM reservation WHERE id = :id FOR NO KEY UPDATE"), {"id": first})
            assert expire_reservations(unit, most) == 0
        assert expire_reservations(unit, most) == 2
    assert granted.group_id is not None
    with world.store.begin() as unit, pytest.raises(Conflict, match="expired already"):
        release_group(unit, granted.group_id)
    world.check_books()


def test_channels_are_told_the_newest_stock_once(world: World) -> None:
    from core.services.channel_stock import plan_pushes

    for _ in range(3):
        place(world, {"A": 1})
    for _ in range(2):
        with world.store.begin() as unit:
            plan_pushes(unit, world.hub.facts.get(unit.conn, 1))
    world.deliver(world.shop)
    pushes = [push for push in world.partners.partners["shop"].order if push.kind == "push_stock"]
    assert len(pushes) == 1
    assert {each["sku"]: each["available"] for each in pushes[0].payload["items"]} == {"A": "17", "B": "10", "C": "10"}
    assert pushes[0].payload["items"][0]["references"] == {"variant": "vA"}
    with world.store.begin() as unit:
        assert plan_pushes(unit, world.hub.facts.get(unit.conn, 1)) == 0


def test_an_adjustment_may_not_break_a_promise(world: World) -> None:
    place(world, {"B": 5})
    with world.store.begin() as unit:
        assert adjust_stock(unit, "B", "HAM", on_hand=Decimal(6), reason="recount")["available"] == "1"
    from core.errors import InputError

    with world.store.begin() as unit, pytest.raises(InputError):
        adjust_stock(unit, "B", "HAM", on_hand=Decimal(4), reason="recount")
    with world.store.begin() as unit:
        assert unit.conn.execute(text("SELECT on_hand FROM stock_position WHERE allocated = 5")).scalar_one() == 6
    world.check_books()
