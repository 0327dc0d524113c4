"""Lots: which leave first, who may have them, and that they always sum to the position."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.domain.lots import Lot, deal, pick
from core.errors import Conflict, InputError
from core.services.canceling import cancel_order
from core.services.catalog import upsert_items, upsert_node
from core.services.channel_stock import available
from core.services.nodehours import set_calendar
from core.services.promising import Wanted as Asked
from core.services.promising import offer
from core.services.protecting import set_rule
from core.services.reserving import Wanted, expire_reservations, release_group, reserve_many
from core.services.statuses import change_status
from core.services.stock import adjust_stock, count_stock
from core.store.read.explained import explain_availability
from core.store.read.fulfillment import list_shipments
from core.store.read.page import Slice
from core.store.read.stock import read_availability, read_position
from core.store.unit import Store
from core.store.views import inventory
from tests.core.carriers import forget
from tests.core.waiting import ALWAYS
from tests.core.world import World, now

TODAY = date(2026, 11, 20)
LOTS_AND_POSITIONS = """
SELECT i.sku, n.code, p.on_hand, p.reserved + p.allocated AS promised, l.on_hand AS lots, l.promised AS lots_promised,
       r.units AS rows FROM stock_position p
JOIN item i ON i.id = p.item_id AND i.tracking = 'lot' JOIN node n ON n.id = p.node_id
LEFT JOIN LATERAL (SELECT sum(on_hand) AS on_hand, sum(promised) AS promised FROM stock_lot
                   WHERE item_id = p.item_id AND node_id = p.node_id AND status = 'sellable') l ON true
LEFT JOIN LATERAL (SELECT sum(quantity) AS units FROM reservation WHERE item_id = p.item_id AND node_id = p.node_id
                   AND state IN ('held', 'allocated') AND lot IS NOT NULL) r ON true
WHERE (p.on_hand, p.reserved + p.allocated, p.reserved + p.allocated)
      IS DISTINCT FROM (coalesce(l.on_hand, 0), coalesce(l.promised, 0), coalesce(r.units, 0))
"""


@pytest.fixture
def world(store: Store) -> World:
    """A has lots at HAM: L1 expires in 10 days, L2 in 40, L3 yesterday, and one that does not expire."""
    world = World(store, {("B", "HAM"): 5})
    with store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
    count(world, L1=(4, 10), L2=(6, 40), L3=(2, -1), NEVER=(3, None))
    return world


def count(world: World, node: str = "HAM", **lots: tuple[int, int | None]) -> dict[str, Any]:
    items = [
        {"sku": "A", "on_hand": Decimal(units), "lot": lot, "expires_on": None if days is None else day(world, days)}
        for lot, (units, days) in lots.items()
    ]
    with world.store.begin() as unit:
        return count_stock(unit, {"node": node, "as_of": now(), "items": items})


def day(world: World, days: int) -> date:
    today: date = world.one("SELECT current_date AS d").d
    return today + timedelta(days=days)


def lots(world: World, columns: str = "on_hand, promised") -> dict[str, tuple[int, ...]]:
    rows = world.all(f"SELECT lot, {columns} FROM stock_lot WHERE status = 'sellable' AND lot <> '' ORDER BY lot")
    return {row[0]: tuple(int(each) for each in row[1:]) for row in rows}


def check(world: World) -> None:
    world.check_books()
    assert world.all(LOTS_AND_POSITIONS) == []


def reserve(world: World, units: int, connection: Any = None) -> Any:
    with world.store.begin() as unit:
        wanted = Wanted({(world.items["A"], world.nodes["HAM"]): Decimal(units)}, 900, connection)
        return reserve_many(unit, [wanted])[0].group_id


def shown(world: World, connection: Any) -> int:
    with world.store.begin() as unit:
        return int(available(unit, [world.items["A"]], connection)[world.items["A"]])


def test_picks_go_by_expiry_or_the_other_way() -> None:
    def shelf() -> list[Lot]:
        days = {"X": (2, None), "LATE": (3, 9), "SOON": (4, 0), "GONE": (5, -1)}
        return [
            Lot(lot, Decimal(units), None if after is None else TODAY + timedelta(after))
            for lot, (units, after) in days.items()
        ]

    assert pick(shelf(), Decimal(6), TODAY, freshest=False) == [("SOON", 4), ("LATE", 2)]
    assert pick(shelf(), Decimal(6), TODAY, freshest=True) == [("X", 2), ("LATE", 3), ("SOON", 1)]
    assert pick(shelf(), Decimal(9), TODAY + timedelta(1), freshest=False) == [("LATE", 3), ("X", 2)]
    picked = [("SOON", Decimal(4)), ("LATE", Decimal(2))]
    assert [deal(picked, Decimal(units)) for units in (3, 2)] == [[("SOON", 3)], [("SOON", 1), ("LATE", 1)]]


def test_what_expires_first_is_promised_first_and_what_has_expired_never(world: World) -> None:
    assert shown(world, world.shop) == 13
    group = reserve(world, 5)
    assert lots(world) == {"L1": (4, 4), "L2": (6, 1), "L3": (2, 0), "NEVER": (3, 0)}
    assert reserve(world, 9) is None
    assert reserve(world, 8) is not None
    assert lots(world)["NEVER"] == (3, 3)
    with world.store.begin() as unit:
        release_group(unit, group)
    assert lots(world)["L1"] == (4, 0)
    check(world)


def test_every_screen_leaves_expired_lots_out_and_says_so(world: World) -> None:
    def figures() -> tuple[str, str, Decimal, Decimal]:
        with world.store.read() as conn:
            listed = read_position(conn, "A", "HAM")["available"]
            [offered] = read_availability(conn, ["A"])
            [row] = [each for each in inventory.page(conn, 1)[0] if each.sku == "A"]
            cell = inventory.position(conn, 1, "A", "HAM")
        assert cell is not None
        assert row.available == row.cells["HAM"].available == cell.cell.available
        return listed, offered["available"], row.available, cell.cell.on_hand

    assert figures() == ("13", "13", 13, 15)
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE stock_position SET safety = 1 WHERE on_hand = 15")
    assert figures() == ("13", "13", 13, 15)
    reserve(world, 13)
    assert figures() == ("0", "0", 0, 15)
    with world.store.read() as conn:
        assert inventory.counts(conn, 1, "")["out"] == len(inventory.page(conn, 1, show="out")[0]) == 2


def test_the_part_expired_lots_take_is_no_rules(world: World) -> None:
    def parts() -> dict[str, tuple[str, str | None]]:
        with world.store.read() as conn:
            [place] = explain_availability(conn, "A", connection="shop")["nodes"]
        return {part["name"]: (part["units"], part["connection"]) for part in place["parts"]}

    assert parts() == {"on_hand": ("15", None), "expired_lots": ("-2", None)}
    with world.store.begin() as unit:
        set_rule(unit, connection="shop", kind="remaining_life", quantity=Decimal(30), sku="A")
    assert parts() == {"on_hand": ("15", None), "expired_lots": ("-2", None), "remaining_life": ("-4", "shop")}


def test_a_channel_that_asks_for_remaining_life_gets_only_lots_that_have_it(world: World) -> None:
    with world.store.begin() as unit:
        set_rule(unit, connection="shop", kind="remaining_life", quantity=Decimal(30), sku="A")
    assert (shown(world, world.shop), shown(world, world.erp)) == (9, 13)
    assert reserve(world, 10, world.shop) is None
    world.send("order", world.order({"A": 7}))
    world.drain()
    assert lots(world) == {"L1": (4, 0), "L2": (6, 6), "L3": (2, 0), "NEVER": (3, 1)}
    assert reserve(world, 6, world.erp) is not None
    assert lots(world)["L1"] == (4, 4)
    check(world)


def test_lots_leave_with_the_shipment_and_come_back_with_a_cancellation(world: World) -> None:
    world.send("order", world.order({"A": 5}))
    world.drain()
    [work] = world.work()
    report = {"external_id": "S", "fulfillment": f"ful_{work.id.hex}", "lines": [{"sku": "A", "quantity": "3"}]}
    world.send("shipment", report, world.wms)
    world.drain()
    assert lots(world)["L1"] == (1, 1)
    check(world)
    line = world.one("SELECT id, order_id FROM order_line")
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": "rejected"}, world.wms)
    world.drain()
    with world.store.begin() as unit:
        cancel_order(unit, world.facts, line.order_id, None, "asked")
    assert (lots(world)["L1"], lots(world)["L2"]) == ((1, 0), (6, 0))
    check(world)


def test_the_freshest_lot_first_where_the_item_says_so(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "lot_order": "freshest"}])
    reserve(world, 4)
    assert lots(world, "promised") == {"L1": (0,), "L2": (1,), "L3": (0,), "NEVER": (3,)}


def test_counts_without_lots_and_corrections_keep_the_sum(world: World) -> None:
    reserve(world, 5)
    with world.store.begin() as unit:
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": [{"sku": "A", "on_hand": Decimal(18)}]})
    assert world.one("SELECT on_hand FROM stock_lot WHERE lot = ''").on_hand == 3
    check(world)
    with world.store.begin() as unit:
        adjust_stock(unit, "A", "HAM", delta=Decimal(-9), reason="lost")
    # First the lot nobody knows, then what expires first and is not promised: L3, and four of L2.
    assert world.one("SELECT on_hand FROM stock_lot WHERE lot = ''").on_hand == 0
    assert lots(world) == {"L1": (4, 4), "L2": (2, 1), "L3": (0, 0), "NEVER": (3, 0)}
    check(world)


def test_a_lot_counted_below_its_promise_is_a_shortfall(world: World) -> None:
    reserve(world, 5)
    assert count(world, L1=(1, 10), L2=(6, 40))["applied"] == 1
    assert lots(world) == {"L1": (4, 4), "L2": (6, 1), "L3": (0, 0), "NEVER": (0, 0)}
    assert world.one("SELECT shortfall FROM stock_position p JOIN item i ON i.id = p.item_id WHERE sku = 'A'")[0] == 3
    assert world.one("SELECT code FROM exception_case").code == "STOCK-SHORTFALL-001"
    check(world)


def test_damaged_units_are_not_on_hand_and_come_back(world: World) -> None:
    def move(sku: str, units: int, before: str, after: str, lot: str = "") -> None:
        with world.store.begin(actor="user:mira") as unit:
            change_status(
                unit, sku=sku, node="HAM", quantity=Decimal(units), before=before, after=after, lot=lot, reason="fell"
            )

    move("A", 3, "sellable", "damaged", "L2")
    assert (lots(world)["L2"], shown(world, world.shop)) == ((3, 0), 10)
    move("B", 2, "sellable", "quality_hold")
    move("B", 1, "quality_hold", "sellable")
    position = world.one("SELECT on_hand FROM stock_position p JOIN item i ON i.id = p.item_id WHERE sku = 'B'")
    assert position.on_hand == 4
    rows = world.all("SELECT sku, lot, status, on_hand FROM stock_lot l JOIN item i ON i.id = l.item_id"
                     " WHERE status <> 'sellable' ORDER BY 1, 3")  # fmt: skip
    assert [(*row[:3], int(row[3])) for row in rows] == [("A", "L2", "damaged", 3), ("B", "", "quality_hold", 1)]
    reserve(world, 13 - 3)
    refused: list[Callable[[], None]] = [
        lambda: move("A", 1, "sellable", "damaged", "L2"),
        lambda: move("A", 4, "damaged", "sellable", "L2"),
        lambda: move("B", 5, "sellable", "damaged"),
    ]
    for each in refused:
        with pytest.raises(Conflict, match="not promised"):
            each()
    with pytest.raises(InputError, match="the same"):
        move("A", 1, "damaged", "damaged", "L2")
    with pytest.raises(InputError, match="B has no lots"):
        move("B", 1, "sellable", "damaged", "L2")
    check(world)


def test_an_item_gets_lots_while_it_is_promised_and_loses_them_only_when_empty(world: World) -> None:
    with world.store.begin() as unit:
        key = world.items["B"], world.nodes["HAM"]
        [kept] = reserve_many(unit, [Wanted({key: Decimal(2)}, 0)])
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "B", "tracking": "lot"}])
    check(world)
    with pytest.raises(Conflict, match="would be forgotten"), world.store.begin() as unit:
        upsert_items(unit, [{"sku": "B", "tracking": "none"}])
    with world.store.begin() as unit:
        assert expire_reservations(unit) == 1
        adjust_stock(unit, "B", "HAM", on_hand=Decimal(0), reason="moved out")
        upsert_items(unit, [{"sku": "B", "tracking": "none"}])
    assert kept.group_id is not None
    check(world)


def test_a_node_is_told_which_lots_to_take(world: World) -> None:
    world.send("order", world.order({"A": 5, "B": 1}))
    world.drain()
    world.deliver(world.wms)
    [push] = world.partners.partners["wms"].order
    told = {line["sku"]: line.get("lots") for line in push.payload["fulfillment"]["lines"]}
    assert told == {"A": [{"lot": "L1", "quantity": "4"}, {"lot": "L2", "quantity": "1"}], "B": None}


def test_serial_numbers_leave_with_the_shipment_and_missing_ones_are_told(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "B", "tracking": "serial"}])
    world.send("order", world.order({"B": 3}))
    world.drain()
    [work] = world.work()
    lines = [{"sku": "B", "quantity": "3", "serials": ["SN-2", "SN-1", "SN-1"]}]
    world.send("shipment", {"external_id": "S", "fulfillment": f"ful_{work.id.hex}", "lines": lines}, world.wms)
    world.drain()
    rows = world.all("SELECT s.serial, l.sku FROM shipment_serial s JOIN order_line l ON l.id = s.line_id ORDER BY 1")
    assert [tuple(row) for row in rows] == [("SN-1", "B"), ("SN-2", "B")]
    line = world.one("SELECT id FROM order_line").id
    told = world.one("SELECT data FROM event WHERE type = 'fulfillment.shipped'").data
    assert told["serials_missing"] == {f"lin_{line.hex}": "1"}
    with world.store.read() as conn:
        [shipment] = list_shipments(conn, Slice()).data
    assert [each["serials"] for each in shipment["lines"]] == [["SN-1", "SN-2"]]


def test_a_lot_expires_by_the_day_of_its_node(world: World) -> None:
    # At any hour of the world's clock it is another day in one of the two.
    hour = world.one("SELECT extract(hour FROM clock_timestamp()) AS h").h
    zone, ahead = ("Pacific/Kiritimati", 1) if hour >= 12 else ("Etc/GMT+12", -1)
    with world.store.begin() as unit:
        upsert_node(unit, {"code": "HAM", "timezone": zone})
    count(world, LAST=(5, ahead), GONE=(7, ahead - 1))
    with world.store.read() as conn:
        assert read_availability(conn, ["A"])[0]["available"] == "5"
        assert read_position(conn, "A", "HAM")["available"] == "5"
        row = next(row for row in inventory.page(conn, 1)[0] if row.sku == "A")
        assert (row.available, row.cells["HAM"].available) == (5, 5)
        found = explain_availability(conn, "A")["items"][0]["nodes"][0]
        assert found["available"] == "5"
        assert {"name": "expired_lots", "units": "-7", "connection": None, "kit": None} in found["parts"]
    key = (world.items["A"], world.nodes["HAM"])
    with world.store.begin() as unit:
        granted = reserve_many(unit, [Wanted({key: Decimal(6)}), Wanted({key: Decimal(5)})])
    assert [each.group_id is not None for each in granted] == [False, True]
    assert taken(world) == {"LAST": 5}


def taken(world: World) -> dict[str, int]:
    """Return the units of each lot that are promised."""
    return {lot: units for lot, (units,) in lots(world, "promised").items() if units}


def closed(world: World, code: str, days: int) -> None:
    """Have nothing leave a node on so many days from today on, and something on each day after."""
    begins = day(world, -1)
    shut = [{"day": begins + timedelta(days=each)} for each in range(days + 1)]
    with world.store.begin(actor="test") as unit:
        set_calendar(unit, world.nodes[code], ALWAYS, 0, shut)
    forget(world)


def test_what_expires_before_it_would_leave_is_left_out(world: World) -> None:
    count(world, EARLY=(5, 2), LATE=(5, 9))
    closed(world, "HAM", 4)
    world.send("order", world.order({"A": 4}))
    world.send("order", world.order({"A": 4}, partial_shipment_allowed=False))
    world.drain()
    assert taken(world) == {"LATE": 4}
    assert [row.phase for row in world.all("SELECT phase FROM orders ORDER BY id")] == ["releasing", "backordered"]
    with pytest.raises(Conflict, match="units"), world.store.begin() as unit:
        offer(unit, world.hub.facts.get(unit.conn, 1), [Asked("A", Decimal(3))], "DE", "24103")
    closed(world, "HAM", 0)
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE orders SET sourcing_at = clock_timestamp() WHERE sourcing_at IS NOT NULL"))
    world.drain()
    assert taken(world) == {"EARLY": 4, "LATE": 4}
    world.check_books()


def test_another_node_ships_what_leaves_it_in_time(world: World) -> None:
    count(world, HERE=(5, 2))
    count(world, "LYS", THERE=(5, 2))
    closed(world, "HAM", 4)
    closed(world, "LYS", 0)
    world.send("order", world.order({"A": 4}))
    world.drain()
    assert [work.code for work in world.work()] == ["LYS"]
    assert taken(world) == {"THERE": 4}
