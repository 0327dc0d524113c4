"""Incoming supply and transfers: promised before they come, and nothing made or lost on the way."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.errors import Conflict, InputError, NotFound
from core.jobs.schedule import watchdog
from core.services.backorders import wake_backorders
from core.services.cases import move_case
from core.services.catalog import upsert_items
from core.services.stock import adjust_stock, count_stock
from core.services.supplying import end_supply, expect_supply, receive_supply
from core.services.transfer_receipts import receive_transfer
from core.services.transfers import send_transfer
from core.store.read.page import Slice
from core.store.read.supply import list_lots, list_supplies, read_transfer
from core.store.unit import Store
from tests.core.test_lots import LOTS_AND_POSITIONS
from tests.core.world import World, now

SOON, LATER = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 24, tzinfo=UTC)


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 3, ("A", "LYS"): 0, ("B", "HAM"): 10})


def expect(world: World, quantity: int, promisable: int = 0, **more: Any) -> Any:
    given = {"sku": "A", "node": "HAM", "reference": "PO-1", **more}
    with world.store.begin() as unit:
        return expect_supply(unit, quantity=Decimal(quantity), promisable=Decimal(promisable), **given)


def receive(world: World, supply: Any, quantity: int, **more: Any) -> None:
    with world.store.begin() as unit:
        receive_supply(unit, supply, Decimal(quantity), **more)


def place(world: World, units: int) -> str:
    world.send("order", world.order({"A": units}, partial_shipment_allowed=False))
    world.drain()
    return str(world.one("SELECT phase FROM orders ORDER BY id DESC").phase)


def position(world: World, sku: str = "A", node: str = "HAM") -> tuple[int, ...]:
    row = world.one(
        "SELECT p.on_hand, p.allocated, p.safety, p.backorder_limit FROM stock_position p"
        " JOIN item i ON i.id = p.item_id JOIN node n ON n.id = p.node_id WHERE i.sku = :s AND n.code = :n",
        s=sku, n=node,
    )  # fmt: skip
    return tuple(int(each) for each in row)


def check(world: World) -> None:
    world.check_books()
    assert world.all(LOTS_AND_POSITIONS) == []
    wrong = world.all(
        "SELECT p.item_id FROM stock_position p LEFT JOIN (SELECT item_id, node_id, sum(safety) AS s,"
        " sum(backorder_limit) AS b FROM stock_movement GROUP BY 1, 2) m USING (item_id, node_id)"
        " WHERE (p.safety, p.backorder_limit) IS DISTINCT FROM (coalesce(m.s, 0), coalesce(m.b, 0))"
    )
    assert wrong == []


def test_an_order_is_promised_against_supply_and_filled_when_it_comes(world: World) -> None:
    assert place(world, 5) == "backordered"
    supply = expect(world, 10, 6, expected_at=SOON)
    expect(world, 4, 4, reference="PO-2", expected_at=LATER)
    with world.store.begin() as unit:
        assert wake_backorders(unit) == 1
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "backordered"  # allocated, and its supply has not come
    assert place(world, 5) == "backordered"
    assert position(world) == (3, 10, 0, 10)
    with world.store.read() as conn:
        told = list_supplies(conn, Slice()).data
    assert [(each["reference"], each["promised"], each["expected_at"]) for each in told] == [
        ("PO-2", "1", "2026-12-24T00:00:00Z"), ("PO-1", "6", "2026-12-01T00:00:00Z"),
    ]  # fmt: skip
    receive(world, supply, 7)
    assert position(world) == (10, 10, 0, 7)
    with pytest.raises(InputError, match="1 units more came than the 3 still expected of PO-1") as refused:
        receive(world, supply, 4)
    assert refused.value.error_code == "SUPPLY-OVER-422"
    assert position(world) == (10, 10, 0, 7)
    receive(world, supply, 4, over=True)
    assert position(world) == (14, 10, 0, 4)
    assert world.one("SELECT state FROM supply WHERE reference = 'PO-1'").state == "received"
    check(world)


def test_who_waits_for_supply_on_its_way_is_not_stuck(world: World) -> None:
    def stuck(due: timedelta | None) -> list[str]:
        """What the watchdog says two days later, when the supply is due then and the case of it was resolved."""
        with world.store.begin() as unit:
            expect_supply(
                unit, sku="A", node="HAM", reference="PO-1", quantity=Decimal(10), promisable=Decimal(6),
                expected_at=None if due is None else unit.now + due,
            )  # fmt: skip
            for table in ("orders", "fulfillment_order"):
                unit.conn.execute(text(f"UPDATE {table} SET updated_at = clock_timestamp() - interval '2 days'"))
            watchdog(unit)
            opened = unit.conn.execute(text("SELECT id, code FROM exception_case WHERE state = 'open'")).all()
            for each in opened:
                move_case(unit, each.id, "resolve", resolution="it is coming")
        return [each.code for each in opened]

    assert place(world, 5) == "backordered"
    with world.store.begin() as unit:
        [case] = unit.conn.execute(text("SELECT id FROM exception_case WHERE code = 'STOCK-OUT-001'")).all()
        move_case(unit, case.id, "resolve", resolution="ordered")
    expect(world, 10, 6, expected_at=LATER)
    with world.store.begin() as unit:
        assert wake_backorders(unit) == 1
    world.drain()
    world.deliver()
    assert world.one("SELECT phase FROM orders").phase == "backordered"
    assert stuck(timedelta(days=3)) == []
    assert stuck(timedelta(hours=-23)) == []
    assert stuck(timedelta(hours=-25)) == ["ORDER-STUCK-001"]
    assert stuck(None) == ["ORDER-STUCK-001"]
    receive(world, world.one("SELECT id FROM supply").id, 2)
    assert stuck(timedelta(days=3)) == ["ORDER-STUCK-001"]  # what it was promised is there


def test_a_refused_transfer_says_how_many_are_there_and_in_which_lots(world: World) -> None:
    def refused(*lines: tuple[str, int, str | None]) -> tuple[str, str | None, Any]:
        told = [{"sku": sku, "quantity": Decimal(units), "lot": lot} for sku, units, lot in lines]
        with pytest.raises(Conflict) as error, world.store.begin() as unit:
            send_transfer(unit, reference="T-1", from_node="HAM", to_node="LYS", lines=told)
        return error.value.what, error.value.why, error.value.data["errors"]

    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "M", "tracking": "lot"}])
        items = [{"sku": "M", "on_hand": Decimal(4), "lot": "T1"}, {"sku": "M", "on_hand": Decimal(2), "lot": "T2"}]
        count_stock(unit, {"node": "HAM", "as_of": unit.now, "items": items})
    at = "of M{} are at HAM and not promised"
    assert refused(("M", 1, "T9"))[:2] == (
        f"Only 0 units {at.format(' in lot T9')}, not 1.", "Other lots with free units: T1, T2.",
    )  # fmt: skip
    what, _, errors = refused(("B", 1, None), ("M", 3, "T2"))
    assert what == f"Only 2 units {at.format(' in lot T2')}, not 3."
    assert errors == [{"path": "lines.1.quantity", "reason": "only 2 are free"}]
    assert refused(("M", 2, "T2"), ("M", 5, None))[:2] == (
        f"Only 6 units {at.format('')}, not 7.", "6 are there: 0 promised, 0 kept back.",
    )  # fmt: skip
    world.send("order", world.order({"M": 6}))
    world.drain()
    assert refused(("M", 1, None))[:2] == (
        f"Only 0 units {at.format('')}, not 1.", "6 are there: 6 promised, 0 kept back.",
    )  # fmt: skip
    check(world)


def test_a_line_without_a_lot_leaves_named_lots_to_the_lines_that_name_them(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "M", "tracking": "lot"}])
        items = [{"sku": "M", "on_hand": Decimal(2), "lot": lot} for lot in ("T1", "T2")]
        count_stock(unit, {"node": "HAM", "as_of": unit.now, "items": items})
        lines = [{"sku": "M", "quantity": Decimal(2), "lot": None}, {"sku": "M", "quantity": Decimal(2), "lot": "T1"}]
        transfer = send_transfer(unit, reference="T-1", from_node="HAM", to_node="LYS", lines=lines)
        shown = read_transfer(unit.conn, transfer)
    assert [(line["lot"], line["quantity"]) for line in shown["lines"]] == [("T1", "2"), ("T2", "2")]
    check(world)


def test_supply_is_never_promised_beyond_its_limit_nor_taken_away_from_a_promise(world: World) -> None:
    supply = expect(world, 10, 4)
    assert place(world, 8) == "backordered"
    assert position(world) == (3, 0, 0, 4)
    assert place(world, 7) == "backordered"
    assert position(world) == (3, 7, 0, 4)
    with pytest.raises(Conflict, match="4 units of this supply are promised"), world.store.begin() as unit:
        end_supply(unit, supply)
    with pytest.raises(Conflict, match=r"4 units of this supply are promised to orders\..* Only 2 could be"):
        expect(world, 10, 2)
    with pytest.raises(Conflict, match="3 units"):
        receive(world, supply, 1, last=True)
    assert position(world) == (3, 7, 0, 4)
    receive(world, supply, 4, last=True)
    assert position(world) == (7, 7, 0, 0)
    refused: list[Callable[[], Any]] = [
        lambda: receive(world, supply, 1),
        lambda: expect(world, 10, 2),
    ]
    for each in refused:
        with pytest.raises(Conflict, match="received already"):
            each()
    check(world)


def test_safety_stock_comes_back_after_a_receipt_and_yields_to_a_smaller_limit(world: World) -> None:
    supply = expect(world, 5, 5)
    with world.store.begin() as unit:
        adjust_stock(unit, "A", "HAM", safety=Decimal(4), reason="winter")
    assert position(world) == (3, 0, 4, 5)
    assert place(world, 4) == "backordered"
    receive(world, supply, 2, last=True)
    # Five are there and four promised: one is left for the safety stock of four.
    assert position(world) == (5, 4, 1, 0)
    check(world)


def test_what_is_no_supply_is_refused(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "C", "tracking": "lot"}, {"sku": "K", "components": [{"sku": "B", "units": 2}]}])
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (InputError, "has lots", {"promisable": 1, "sku": "C"}),
        (InputError, "is a kit", {"sku": "K"}),
        (InputError, "No item", {"sku": "?"}),
        (InputError, "cannot be promised", {"promisable": 6}),
        (NotFound, "no node", {"node": "?"}),
    ]
    for kind, why, given in refused:
        with pytest.raises(kind, match=why):
            expect(world, 5, **given)
    assert world.one("SELECT count(*) AS n FROM supply").n == 0


def send(world: World, *lines: tuple[str, int], reference: str = "T-1", **more: Any) -> Any:
    given = {"from_node": "HAM", "to_node": "LYS", **more}
    with world.store.begin() as unit:
        named = [{"sku": sku, "quantity": Decimal(units)} for sku, units in lines]
        return send_transfer(unit, reference=reference, lines=named, **given)


def arrive(world: World, transfer: Any, *lines: tuple[str, int], **more: bool) -> dict[str, Decimal]:
    named = [{"sku": sku, "quantity": Decimal(units)} for sku, units in lines] or None
    with world.store.begin() as unit:
        return receive_transfer(unit, transfer, named, **more)


def test_a_transfer_leaves_is_in_transit_and_arrives(world: World) -> None:
    transfer = send(world, ("B", 6), ("A", 2))
    assert (position(world, "B"), position(world, "B", "LYS")) == ((4, 0, 0, 0), (0, 0, 0, 0))
    assert arrive(world, transfer, ("B", 4)) == {"received": 4, "lost": 0, "in_transit": 4}
    assert position(world, "B", "LYS")[0] == 4
    with pytest.raises(InputError, match="1 units of B more came"):
        arrive(world, transfer, ("B", 3))
    assert arrive(world, transfer, ("A", 2), last=True) == {"received": 6, "lost": 2, "in_transit": 0}
    with world.store.read() as conn:
        shown = read_transfer(conn, transfer)
    assert shown["state"] == "received"
    assert [(each["sku"], each["quantity"], each["received"], each["lost"]) for each in shown["lines"]] == [
        ("A", "2", "2", "0"), ("B", "6", "4", "2"),
    ]  # fmt: skip
    with pytest.raises(Conflict, match="received already"):
        arrive(world, transfer)
    assert {row.state for row in world.all("SELECT state FROM supply")} == {"received"}
    check(world)


def test_more_than_was_sent_leaves_the_senders_books_when_that_is_said(world: World) -> None:
    transfer = send(world, ("B", 6), ("A", 2))
    with pytest.raises(InputError, match="2 units of B more came"):
        arrive(world, transfer, ("B", 8))
    assert (position(world, "B"), position(world, "B", "LYS")) == ((4, 0, 0, 0), (0, 0, 0, 0))
    assert arrive(world, transfer, ("B", 8), over=True) == {"received": 8, "lost": 0, "in_transit": 2}
    assert (position(world, "B")[0], position(world, "B", "LYS")[0]) == (2, 8)
    with pytest.raises(Conflict, match="3 more units cannot have left the sending node: 2 are free there"):
        arrive(world, transfer, ("B", 3), over=True)
    with pytest.raises(InputError, match="1 units of C more came"):
        arrive(world, transfer, ("C", 1), over=True)
    assert arrive(world, transfer, over=True) == {"received": 10, "lost": 0, "in_transit": 0}
    rows = world.all("SELECT quantity, received FROM supply ORDER BY quantity")
    assert [tuple(row) for row in rows] == [(2, 2), (8, 8)]
    check(world)


def test_more_of_a_lot_comes_from_that_lot(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "M", "tracking": "lot"}])
        items = [{"sku": "M", "on_hand": Decimal(4), "lot": lot} for lot in ("T1", "T2")]
        count_stock(unit, {"node": "HAM", "as_of": unit.now, "items": items})
        sent = [{"sku": "M", "quantity": Decimal(2), "lot": "T2"}]
        transfer = send_transfer(unit, reference="T-1", from_node="HAM", to_node="LYS", lines=sent)
        came = [{"sku": "M", "quantity": Decimal(1), "lot": None}, {"sku": "M", "quantity": Decimal(3), "lot": "T2"}]
        assert receive_transfer(unit, transfer, came, over=True) == {"received": 4, "lost": 0, "in_transit": 0}
    with world.store.read() as conn:
        found = list_lots(conn, Slice(), sku=["M"]).data
    assert [(each["node"], each["lot"], each["on_hand"]) for each in found] == [
        ("HAM", "T1", "3"), ("HAM", "T2", "1"), ("LYS", "T1", "1"), ("LYS", "T2", "3"),
    ]  # fmt: skip
    check(world)


def test_promised_units_do_not_leave_by_a_transfer(world: World) -> None:
    assert place(world, 2) == "releasing"
    with pytest.raises(Conflict, match="Only 1 units"):
        send(world, ("B", 1), ("A", 2))
    assert position(world, "B")[0] == 10
    send(world, ("A", 1))
    with pytest.raises(Conflict, match="already"):
        send(world, ("B", 1))
    with pytest.raises(InputError, match="two nodes"):
        send(world, ("B", 1), reference="T-2", to_node="HAM")
    check(world)


def test_lots_travel_with_their_expiry(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "B", "tracking": "lot"}])
        items = [
            {"sku": "B", "on_hand": Decimal(units), "lot": lot, "expires_on": at.date()}
            for lot, units, at in (("L1", 4, SOON), ("L2", 6, LATER))
        ]
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": items})
    transfer = send(world, ("B", 5))
    check(world)
    arrive(world, transfer)
    with world.store.read() as conn:
        found = list_lots(conn, Slice(), sku=["B"]).data
    assert [(each["node"], each["lot"], each["on_hand"], each["expires_on"]) for each in found] == [
        ("HAM", "L2", "5", "2026-12-24"), ("LYS", "L1", "4", "2026-12-01"), ("LYS", "L2", "1", "2026-12-24"),
    ]  # fmt: skip
    check(world)
