"""A lot counted below what is promised of it: no lot is promised beyond what is believed to be there of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.domain.vocabulary import MovementKind
from core.services.actions import apply_case
from core.services.canceling import cancel_order
from core.services.catalog import upsert_items
from core.services.reserving import Wanted, release_group, reserve_many
from core.services.statuses import change_status
from core.services.stock import adjust_stock, count_stock
from core.services.supplying import receive_units
from core.store import migrate
from core.store.read.explained import explain_availability
from core.store.read.page import Slice
from core.store.read.supply import list_lots
from core.store.unit import Store
from tests.core.world import World, now

LOTS = """
SELECT lot, on_hand, promised, shortfall FROM stock_lot WHERE status = 'sellable' AND (on_hand > 0 OR shortfall > 0)
ORDER BY lot
"""
POSITION = "SELECT on_hand, reserved + allocated AS promised, shortfall FROM stock_position WHERE item_id = :i"
ENDS = {"L1": 10, "L2": 40}
Shelf = dict[str, int]


@pytest.fixture
def world(store: Store) -> World:
    """A has lots at HAM: 4 units of L1, which leaves first, and 6 of L2."""
    return with_lots(store)


def with_lots(store: Store) -> World:
    world = World(store, {("A", "HAM"): 0})
    with store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
    count(world, {"L1": 4, "L2": 6})
    return world


def count(world: World, found: Mapping[str, int]) -> None:
    with world.store.begin(actor="test") as unit:
        day = now().date()
        items = [
            {"sku": "A", "lot": lot, "expires_on": day + timedelta(days=ENDS[lot]), "on_hand": Decimal(units)}
            for lot, units in found.items()
        ]
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": items})


def reserve(world: World, units: int) -> UUID | None:
    with world.store.begin(actor="test") as unit:
        [answer] = reserve_many(unit, [Wanted({(world.items["A"], world.nodes["HAM"]): Decimal(units)})])
    return answer.group_id


def release(world: World, group: UUID | None) -> None:
    assert group is not None
    with world.store.begin(actor="test") as unit:
        release_group(unit, group)


def lots(world: World) -> dict[str, tuple[int, int, int]]:
    """Return (on hand, promised, shortfall) by lot; they sum to the position, and what is free is there."""
    found = {row.lot: (int(row.on_hand), int(row.promised), int(row.shortfall)) for row in world.all(LOTS)}
    assert tuple(map(sum, zip(*found.values(), strict=True))) == tuple(world.one(POSITION, i=world.items["A"]))
    assert [row for row in found.values() if row[2] and row[0] > row[1]] == []
    told = {lot: int(units) for lot, units in lacking(world, None).items() if units != "0"}
    assert told == {lot: row[2] for lot, row in found.items() if row[2]}
    world.check_books()
    return found


def available(world: World) -> int:
    with world.store.read() as conn:
        [node] = explain_availability(conn, "A", node="HAM")["items"][0]["nodes"]
    return int(node["available"])


def test_a_promise_of_a_whole_lot_that_ends_does_not_pay_what_another_lot_lacks(world: World) -> None:
    first, second = reserve(world, 4), reserve(world, 6)
    count(world, {"L1": 1, "L2": 6})
    assert lots(world) == {"L1": (4, 4, 3), "L2": (6, 6, 0)}
    release(world, second)
    assert (lots(world), available(world)) == ({"L1": (4, 4, 3), "L2": (6, 0, 0)}, 6)
    release(world, first)
    assert (lots(world), available(world)) == ({"L1": (1, 0, 0), "L2": (6, 0, 0)}, 7)


def test_what_comes_pays_what_its_own_lot_lacks_and_what_is_found_without_a_lot_pays_any(world: World) -> None:
    reserve(world, 10)
    count(world, {"L1": 1, "L2": 4})
    key = world.items["A"], world.nodes["HAM"]
    with world.store.begin(actor="test") as unit:
        receive_units(unit, key, Decimal(5), MovementKind.RECEIPT, "PO", lot="L2")
    assert (lots(world), available(world)) == ({"L1": (4, 4, 3), "L2": (9, 6, 0)}, 3)
    with world.store.begin(actor="test") as unit:
        adjust_stock(unit, "A", "HAM", delta=Decimal(5), reason="found")
    assert lots(world) == {"": (2, 0, 0), "L1": (4, 4, 0), "L2": (9, 6, 0)}


def test_a_count_without_lots_that_finds_less_lets_promised_lots_lack_it(world: World) -> None:
    group = reserve(world, 8)
    with world.store.begin(actor="test") as unit:
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": [{"sku": "A", "on_hand": Decimal(3)}]})
    assert lots(world) == {"L1": (4, 4, 4), "L2": (4, 4, 1)}
    release(world, group)
    assert (lots(world), available(world)) == ({"L2": (3, 0, 0)}, 3)


def test_a_user_sees_which_lot_lacks_units(world: World) -> None:
    reserve(world, 4)
    count(world, {"L1": 1, "L2": 6})
    with world.store.read() as conn:
        rows = list_lots(conn, Slice(limit=10), sku=["A"]).data
    assert [(row["lot"], row["shortfall"]) for row in rows] == [("L1", "3"), ("L2", "0")]


def test_each_lot_is_explained_with_what_it_lacks_now_and_lacked_then(world: World) -> None:
    first, second = reserve(world, 4), reserve(world, 6)
    moments = [moment(world)]
    count(world, {"L1": 1, "L2": 4})
    moments.append(moment(world))
    key = world.items["A"], world.nodes["HAM"]
    with world.store.begin(actor="test") as unit:
        receive_units(unit, key, Decimal(1), MovementKind.RECEIPT, "PO", lot="L2")
    moments.append(moment(world))
    release(world, first)
    moments.append(moment(world))
    release(world, second)
    assert [lacking(world, at) for at in (*moments, None)] == [
        {"L1": "0", "L2": "0"}, {"L1": "3", "L2": "2"}, {"L1": "3", "L2": "1"}, {"L1": "0", "L2": "1"},
        {"L1": "0", "L2": "0"},
    ]  # fmt: skip


def moment(world: World) -> datetime:
    at: datetime = world.one("SELECT clock_timestamp() AS at").at
    return at


def lacking(world: World, at: datetime | None) -> dict[str, str]:
    """Return what each lot is said to have lacked at a time; the parts of the figure sum to it."""
    with world.store.read() as conn:
        [node] = explain_availability(conn, "A", node="HAM", as_of=at)["items"][0]["nodes"]
    assert sum(Decimal(part["units"]) for part in node["parts"]) == Decimal(node["available"])
    return {lot["lot"]: lot["shortfall"] for lot in node["lots"]}


CASE = "SELECT state, sentence, evidence FROM exception_case WHERE code = 'STOCK-SHORTFALL-001'"


def test_the_exception_names_the_lots_that_lack_units(world: World) -> None:
    first = reserve(world, 10)
    count(world, {"L1": 1, "L2": 4})
    row = world.one(CASE)
    assert row.sentence == (
        "By what was counted 5 are there, but 10 are promised: 5 too few, 3 of lot L1, 2 of lot L2."
    )
    assert row.evidence["lots"] == "3 of lot L1, 2 of lot L2"
    key = world.items["A"], world.nodes["HAM"]
    with world.store.begin(actor="test") as unit:
        receive_units(unit, key, Decimal(2), MovementKind.RECEIPT, "PO", lot="L2")
    assert world.one(CASE).evidence["lots"] == "3 of lot L1"
    release(world, first)
    assert world.one(CASE).state == "superseded"


def test_the_exception_of_an_item_without_lots_names_none(store: Store) -> None:
    world = World(store, {("A", "HAM"): 4})
    reserve(world, 4)
    with store.begin() as unit:
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": [{"sku": "A", "on_hand": Decimal(3)}]})
    row = world.one(CASE)
    assert row.sentence == "By what was counted 3 are there, but 4 are promised: 1 too few."
    assert "lots" not in row.evidence


def test_the_way_out_moves_what_was_promised_of_the_lot_that_lacks_units(world: World) -> None:
    for units in (4, 6):
        world.send("order", world.order({"A": units}))
        world.drain()
    with world.store.begin(actor="test") as unit:
        key = world.items["A"], world.nodes["LYS"]
        receive_units(unit, key, Decimal(9), MovementKind.RECEIPT, "PO", lot="L3")
    # The first order has L1; the second, promised last, has L2, of which all is there.
    count(world, {"L1": 1, "L2": 6})
    case = world.one("SELECT id FROM exception_case WHERE code = 'STOCK-SHORTFALL-001'")
    with world.store.begin(actor="test") as unit:
        assert apply_case(unit, world.facts, world.partners, case.id)["done"] == 1
    world.drain()
    states = world.all(
        "SELECT o.number, n.code FROM fulfillment_order f JOIN node n ON n.id = f.node_id"
        " JOIN orders o ON o.id = f.order_id WHERE f.state <> 'canceled' ORDER BY o.number"
    )
    assert [tuple(row) for row in states] == [("#1001", "LYS"), ("#1002", "HAM")]
    [row] = world.all(LOTS + " LIMIT 1")
    assert tuple(row) == ("L1", 1, 0, 0)


def test_lots_of_an_older_database_share_the_shortfall_of_their_position(world: World) -> None:
    reserve(world, 10)
    count(world, {"L1": 1, "L2": 3})
    migrate.downgrade(world.store.engine, "0030")
    migrate.upgrade(world.store.engine)
    # Nobody knew which of the two lacked how much: what leaves first does.
    assert lots(world) == {"L1": (4, 4, 4), "L2": (6, 6, 2)}
    assert lacking(world, None) == {"L1": "4", "L2": "2"}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("lose", "count", "reserve", "give back", "damage", "order", "ship", "cancel", "receive")),
        st.integers(1, 7),
        st.sampled_from(("L1", "L2")),
    ),
    min_size=6,
    max_size=16,
)


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_no_more_of_a_lot_is_promised_than_lies_on_its_shelf(store: Store, steps: list[tuple[str, int, str]]) -> None:
    with store.begin() as unit:
        unit.conn.execute(text("TRUNCATE item, node, connection, stock_position, stock_movement, stock_lot,"
                               " lot_movement, reservation, orders, order_line, fulfillment_order, fulfillment_line,"
                               " shipment, shipment_line, message, delivery, exception_case, case_member, decision"
                               " CASCADE"))  # fmt: skip
    world, shelf = with_lots(store), {"L1": 4, "L2": 6}
    known, groups, works = True, list[UUID](), list[Any]()
    for what, units, lot in steps:
        if what == "lose":
            # Nobody tells the hub.
            shelf[lot], known = max(shelf[lot] - units, 0), False
        elif what == "count":
            count(world, shelf)
            known = True
        elif what == "reserve":
            groups += [group] if (group := reserve(world, units)) else []
        elif what == "give back" and groups:
            release(world, groups.pop(units % len(groups)))
        elif what == "receive":
            with store.begin(actor="test") as unit:
                key = world.items["A"], world.nodes["HAM"]
                receive_units(unit, key, Decimal(units), MovementKind.RECEIPT, "PO", lot=lot)
            shelf[lot] += units
        elif what == "damage" and known and units <= free(world, lot):
            with store.begin(actor="test") as unit:
                change_status(
                    unit, sku="A", node="HAM", quantity=Decimal(units), before="sellable", after="damaged", lot=lot,
                    reason="broken",
                )  # fmt: skip
            shelf[lot] -= units
        elif what == "order":
            before = len(world.work())
            world.send("order", world.order({"A": units}))
            world.drain()
            world.deliver()
            works += world.work()[before:]
        elif what in ("ship", "cancel") and works:
            end(world, works.pop(units % len(works)), shelf if what == "ship" else {})
        found = lots(world)
        if known:
            for name, there in shelf.items():
                on_hand, promised, lacking = found.get(name, (0, 0, 0))
                assert on_hand - lacking == there
                assert on_hand - promised == max(there - promised, 0)
            assert available(world) == sum(max(there - found.get(x, (0, 0, 0))[1], 0) for x, there in shelf.items())


def free(world: World, lot: str) -> int:
    on_hand, promised, _ = lots(world).get(lot, (0, 0, 0))
    return on_hand - promised


def end(world: World, work: Any, shelf: Shelf) -> None:
    """Ship what of the work is on the shelf, lot by lot, and cancel the rest."""
    name = {"fulfillment": f"ful_{work.id.hex}"}
    left = 0
    rows = world.all(
        "SELECT lot, quantity FROM reservation WHERE fulfillment_id = :w AND state = 'allocated' ORDER BY lot, id",
        w=work.id,
    )
    for row in rows:
        part = min(int(row.quantity), shelf.get(row.lot, 0))
        left += part
        if part:
            shelf[row.lot] -= part
        if part < row.quantity:
            break
    if left:
        lines = [{"sku": "A", "quantity": str(left)}]
        world.send("shipment", {"external_id": f"S{work.id.hex}", "lines": lines, **name}, world.wms)
        world.drain()
    with world.store.begin(actor="test") as unit:
        cancel_order(unit, world.facts, work.order_id)
    world.deliver()
    world.send("fulfillment_update", {"status": "canceled", **name}, world.wms)
    world.drain()
