"""A count below what is promised: what it did not find is never sold, however the promise ends and whatever comes."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.services.canceling import cancel_order
from core.services.catalog import upsert_items
from core.services.reserving import Wanted, expire_reservations, release_group, reserve_many
from core.services.statuses import change_status
from core.services.stock import adjust_stock, count_stock
from core.services.supplying import expect_supply, receive_supply
from core.services.transfer_receipts import receive_transfer
from core.services.transfers import send_transfer
from core.store.read.explained import explain_availability
from core.store.unit import Store
from tests.core import stock_rules
from tests.core.world import World, now

ZERO = Decimal(0)
CASE = "SELECT state, sentence FROM exception_case WHERE code = 'STOCK-SHORTFALL-001'"


@pytest.fixture
def world(store: Store) -> World:
    """20 units of A at HAM, and none of anything elsewhere."""
    return World(store, {("A", "HAM"): 20})


def count(world: World, units: int, **more: Any) -> None:
    with world.store.begin(actor="test") as unit:
        items = [{"sku": "A", "on_hand": Decimal(units), **more}]
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": items})


def reserve(world: World, units: int) -> UUID | None:
    with world.store.begin(actor="test") as unit:
        [answer] = reserve_many(unit, [Wanted({(world.items["A"], world.nodes["HAM"]): Decimal(units)})])
    return answer.group_id


def release(world: World, group: UUID | None) -> None:
    assert group is not None
    with world.store.begin(actor="test") as unit:
        release_group(unit, group)


def ordered(world: World, units: int) -> Any:
    world.send("order", world.order({"A": units}))
    world.drain()
    world.deliver()
    return world.work()[-1]


def receive(world: World, units: int, *, promisable: int = 0) -> None:
    with world.store.begin(actor="test") as unit:
        supply = expect_supply(
            unit, sku="A", node="HAM", reference=f"PO-{now()}", quantity=Decimal(units), promisable=Decimal(promisable)
        )
    with world.store.begin(actor="test") as unit:
        receive_supply(unit, supply, Decimal(units))


def figures(world: World, sku: str = "A") -> tuple[int, int, int, int]:
    """Return (on hand, promised, shortfall, free), and check that all books agree and explain them."""
    stock_rules.check_stock(world)
    row = world.one(
        "SELECT p.*, p.on_hand - p.safety - p.uncertain - p.reserved - p.allocated AS free FROM stock_position p"
        " JOIN item i ON i.id = p.item_id JOIN node n ON n.id = p.node_id WHERE i.sku = :sku AND n.code = 'HAM'",
        sku=sku,
    )
    with world.store.read() as conn:
        [place] = explain_availability(conn, sku, node="HAM")["nodes"]
    assert sum(Decimal(part["units"]) for part in place["parts"]) == Decimal(place["available"])
    assert Decimal(place["available"]) == max(row.free, ZERO)
    return int(row.on_hand), int(row.reserved + row.allocated), int(row.shortfall), int(row.free)


def test_what_a_count_did_not_find_is_not_sold_when_the_reservation_is_given_back(world: World) -> None:
    group = reserve(world, 19)
    count(world, 5)
    assert figures(world) == (19, 19, 14, 0)
    release(world, group)
    assert figures(world) == (5, 0, 0, 5)
    [paid] = world.all("SELECT * FROM stock_movement WHERE cause = 'STOCK-SHORTFALL-001'")
    assert (paid.kind, paid.on_hand, paid.actor) == ("adjust", -14, "test")
    assert world.one(CASE).state == "superseded"
    with world.store.read() as conn:
        at = paid.at - timedelta(microseconds=1)
        assert explain_availability(conn, "A", node="HAM", as_of=paid.at)["total"]["available"] == "5"
        assert explain_availability(conn, "A", node="HAM", as_of=at)["total"]["available"] == "19"


def test_nor_when_it_expires_or_the_order_is_canceled(world: World) -> None:
    reserve(world, 12)
    work = ordered(world, 8)
    count(world, 5)
    assert figures(world) == (20, 20, 15, 0)
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE reservation SET expires_at = clock_timestamp() WHERE state = 'held'"))
        expire_reservations(unit)
    assert figures(world) == (8, 8, 3, 0)
    assert world.one(CASE).sentence == "By what was counted 5 are there, but 8 are promised: 3 too few."
    with world.store.begin() as unit:
        cancel_order(unit, world.facts, work.order_id)
    world.deliver()
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": "canceled"}, world.wms)
    world.drain()
    assert figures(world) == (5, 0, 0, 5)


def test_a_short_pick_leaves_an_empty_shelf_empty(world: World) -> None:
    work = ordered(world, 8)
    count(world, 3)
    name = {"fulfillment": f"ful_{work.id.hex}"}
    world.send("shipment", {"external_id": "S1", "lines": [{"sku": "A", "quantity": "3"}], **name}, world.wms)
    world.drain()
    assert figures(world) == (5, 5, 5, 0)
    world.send("fulfillment_update", {"status": "rejected", "reason": "none left", **name}, world.wms)
    world.drain()
    assert figures(world) == (0, 0, 0, 0)


def test_what_left_was_there(world: World) -> None:
    work = ordered(world, 20)
    count(world, 3)
    shipment = {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}"}
    world.send("shipment", {**shipment, "lines": [{"sku": "A", "quantity": "12"}]}, world.wms)
    world.drain()
    assert figures(world) == (8, 8, 8, 0)
    world.send("shipment", {**shipment, "external_id": "S2"}, world.wms)
    world.drain()
    assert figures(world) == (0, 0, 0, 0)
    assert world.one(CASE).state == "superseded"


def transferred(world: World) -> None:
    with world.store.begin(actor="test") as unit:
        adjust_stock(unit, "A", "LYS", on_hand=Decimal(10), reason="found")
        lines = [{"sku": "A", "quantity": Decimal(10)}]
        transfer = send_transfer(unit, reference="T1", from_node="LYS", to_node="HAM", lines=lines)
    with world.store.begin(actor="test") as unit:
        receive_transfer(unit, transfer)


def adjusted(world: World) -> None:
    with world.store.begin(actor="test") as unit:
        assert adjust_stock(unit, "A", "HAM", delta=Decimal(10), reason="found")["available"] == "0"


def mended(world: World) -> None:
    with world.store.begin() as unit:
        change_status(
            unit, sku="A", node="HAM", quantity=Decimal(10), before="damaged", after="sellable", reason="mended"
        )


@pytest.mark.parametrize(
    ("come", "kind"),
    [
        (lambda world: receive(world, 10), "receipt"),
        (lambda world: receive(world, 10, promisable=10), "receipt"),
        (transferred, "transfer_in"),
        (adjusted, "adjust"),
        (mended, "status"),
    ],
)
def test_what_comes_pays_the_shortfall_first(world: World, come: Callable[[World], None], kind: str) -> None:
    with world.store.begin() as unit:
        items = [{"sku": "A", "on_hand": Decimal(20)}, {"sku": "A", "on_hand": Decimal(10), "status": "damaged"}]
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": items})
    group = reserve(world, 20)
    count(world, 3)
    come(world)
    assert figures(world) == (20, 20, 7, 0)
    came = world.one("SELECT on_hand, cause FROM stock_movement m JOIN node n ON n.id = m.node_id WHERE m.kind = :k"
                     " AND code = 'HAM' AND on_hand > 0 ORDER BY m.id DESC LIMIT 1", k=kind)  # fmt: skip
    assert (came.on_hand, came.cause == "STOCK-SHORTFALL-001") == (10, False)
    assert (world.one(CASE).state, "13 are there" in world.one(CASE).sentence) == ("open", True)
    release(world, group)
    assert figures(world) == (13, 0, 0, 13)


def test_a_supply_that_may_be_promised_covers_a_shortfall_before_it_sells(world: World) -> None:
    reserve(world, 20)
    count(world, 3)
    with world.store.begin() as unit:
        supply = expect_supply(
            unit, sku="A", node="HAM", reference="PO-1", quantity=Decimal(30), promisable=Decimal(20)
        )
    assert figures(world) == (3, 20, 0, -17)
    assert reserve(world, 4) is None
    with world.store.begin() as unit:
        receive_supply(unit, supply, Decimal(12))
    assert figures(world) == (15, 20, 0, -5)


def test_safety_stock_that_gave_way_comes_back_when_the_promise_ends(world: World) -> None:
    with world.store.begin() as unit:
        adjust_stock(unit, "A", "HAM", safety=Decimal(4), reason="keep")
    group = reserve(world, 16)
    count(world, 17)
    assert figures(world) == (17, 16, 0, 0)
    release(world, group)
    assert figures(world) == (17, 0, 0, 13)
    group = reserve(world, 13)
    count(world, 9)
    assert figures(world) == (13, 13, 4, 0)
    release(world, group)
    assert figures(world) == (9, 0, 0, 5)
    kept = "SELECT sum(safety) AS safety FROM {} WHERE item_id = :i"
    for table in ("stock_position", "stock_movement"):
        assert world.one(kept.format(table), i=world.items["A"]).safety == 4


def test_a_lot_pays_its_own_shortfall(world: World) -> None:
    count(world, 0)
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
        many = [{"sku": "A", "lot": lot, "on_hand": Decimal(units)} for lot, units in (("L1", 8), ("L2", 20))]
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": many})
    group = reserve(world, 8)
    with world.store.begin() as unit:
        many[0]["on_hand"] = Decimal(3)
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": many})
    assert lots(world) == ({"L1": 8, "L2": 20}, 5)
    with world.store.begin(actor="test") as unit:
        adjust_stock(unit, "A", "HAM", delta=Decimal(-2), reason="lost")
    assert lots(world) == ({"L1": 8, "L2": 18}, 5)
    with world.store.begin() as unit:
        supply = expect_supply(unit, sku="A", node="HAM", reference="PO", quantity=Decimal(9))
        receive_supply(unit, supply, Decimal(1), lot="L1")
        receive_supply(unit, supply, Decimal(2), lot="L2")
    assert lots(world) == ({"L1": 8, "L2": 20}, 4)
    release(world, group)
    assert lots(world) == ({"L1": 4, "L2": 20}, 0)
    world.check_books()


def lots(world: World) -> tuple[Mapping[str, int], int]:
    rows = world.all("SELECT lot, on_hand FROM stock_lot WHERE status = 'sellable' AND on_hand > 0 ORDER BY lot")
    position = world.one("SELECT on_hand, shortfall FROM stock_position WHERE item_id = :i", i=world.items["A"])
    assert position.on_hand == sum(row.on_hand for row in rows)
    return {row.lot: int(row.on_hand) for row in rows}, int(position.shortfall)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("lose", "find", "count", "reserve", "give back", "order", "ship", "cancel", "receive")),
        st.integers(1, 9),
    ),
    min_size=6,
    max_size=18,
)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_no_more_is_sold_than_lies_on_the_shelf(store: Store, steps: list[tuple[str, int]]) -> None:
    with store.begin() as unit:
        unit.conn.execute(text("TRUNCATE item, node, connection, stock_position, stock_movement, reservation, orders,"
                               " order_line, fulfillment_order, fulfillment_line, shipment, shipment_line, supply,"
                               " message, delivery, exception_case, case_member, decision CASCADE"))  # fmt: skip
    world = World(store, {("A", "HAM"): 20})
    shelf, known, groups, works = 20, True, list[UUID](), list[Any]()
    for what, units in steps:
        if what in ("lose", "find"):
            # Nobody tells the hub.
            shelf, known = max(shelf - units, 0) if what == "lose" else shelf + units, False
        elif what == "count":
            count(world, shelf)
            known = True
        elif what == "reserve":
            groups += [group] if (group := reserve(world, units)) else []
        elif what == "give back" and groups:
            release(world, groups.pop())
        elif what == "receive":
            receive(world, units, promisable=units % 3)
            shelf += units
        elif what == "order":
            before = len(world.work())
            ordered(world, units)
            works += world.work()[before:]
        elif what in ("ship", "cancel") and works:
            work = works.pop()
            name = {"fulfillment": f"ful_{work.id.hex}"}
            promised = sum(units for _, _, units in stock_rules.open_units(world, work.id))
            left = min(shelf, units, int(promised)) if what == "ship" else 0
            if left:
                lines = [{"sku": "A", "quantity": str(left)}]
                world.send("shipment", {"external_id": f"S{work.id.hex}", "lines": lines, **name}, world.wms)
                shelf -= left
                world.drain()
            with world.store.begin(actor="test") as unit:
                cancel_order(unit, world.facts, work.order_id)
            world.deliver()
            world.send("fulfillment_update", {"status": "canceled", **name}, world.wms)
            world.drain()
        on_hand, promised, shortfall, free = figures(world)
        assert shortfall == 0 or promised > 0
        if known:
            assert on_hand - shortfall == shelf
            assert max(free, 0) <= max(shelf - promised, 0)


def test_a_higher_limit_pays_a_shortfall_before_anybody_may_promise_of_it(world: World) -> None:
    reserve(world, 20)
    count(world, 5)
    with world.store.begin(actor="test") as unit:
        upsert_items(unit, [{"sku": "A", "backorder_limit": Decimal(10)}])
    position = world.one("SELECT on_hand, shortfall, backorder_limit, reserved FROM stock_position")
    assert tuple(position) == (10, 5, 10, 20)
    assert reserve(world, 1) is None
    world.check_books()
