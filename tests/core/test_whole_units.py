"""What is counted is sold in whole numbers: a part of a piece is refused, or held where it cannot be refused."""

from decimal import Decimal
from typing import Any

import pytest

from core.domain.ids import public_id
from core.domain.units import is_counted, is_part
from core.errors import Conflict, InputError
from core.services.catalog import upsert_items
from core.services.changes import change_order
from core.services.checkouts import reserve_lines
from core.services.holds import release_hold
from core.services.line_meanings import end_known_skus
from core.services.promising import Wanted, offer
from core.services.protecting import set_rule
from core.services.reports import ship
from core.services.supplying import expect_supply
from core.services.transfers import send_transfer
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    """B is sold by the kilogram, the others by the piece."""
    world = World(store)
    with store.begin() as unit:
        upsert_items(unit, [{"sku": "B", "unit": "KGM"}])
    return world


def placed(world: World, basket: dict[str, Any], **more: Any) -> Any:
    world.send("order", {**world.order(basket), "totals": None, **more})
    world.drain()
    return world.one("SELECT * FROM orders ORDER BY id DESC LIMIT 1")


def test_which_units_are_counted() -> None:
    for code in ("C62", "H87", "EA", "PCE", "PR", "NPR", "SET", "KT", "XBX", "XPK", "X5H"):
        assert is_counted(code), code
    for code in ("KGM", "MTR", "LTR", "HUR", "DZN", "ZZ", ""):
        assert not is_counted(code), code
    assert [is_part(Decimal(each)) for each in ("0.3", "2", "2.000", "1E+2", "1E-6")] == [
        True, False, False, False, True,
    ]  # fmt: skip


def test_a_checkout_keeps_no_part_of_a_piece(world: World) -> None:
    with pytest.raises(InputError) as refused, world.store.begin() as unit:
        reserve_lines(unit, [{"sku": "A", "quantity": Decimal("0.3")}], 60, None)
    assert refused.value.error_code == "RESERVE-PART-422"
    assert refused.value.data["errors"] == [{"path": "lines.0.quantity", "reason": "must be a whole number of C62"}]
    assert world.all("SELECT 1 FROM reservation") == []
    with world.store.begin() as unit:
        reserve_lines(
            unit, [{"sku": "A", "quantity": Decimal("2.00")}, {"sku": "B", "quantity": Decimal("0.3")}], 60, None
        )
    assert sorted(row.quantity for row in world.all("SELECT quantity FROM reservation")) == [Decimal("0.3"), 2]


HALF = Decimal("0.5")


@pytest.mark.parametrize(
    ("ask", "code", "path"),
    [
        (lambda unit, sku, _: upsert_items(
            unit, [{"sku": "KIT", "components": [{"sku": sku, "units": HALF}]}]), "STOCK-KIT-422", None),
        (lambda unit, sku, _: send_transfer(
            unit, reference="T", from_node="HAM", to_node="LYS", lines=[{"sku": sku, "quantity": HALF}]),
         "STOCK-PART-422", "lines.0.quantity"),
        (lambda unit, sku, _: expect_supply(unit, sku=sku, node="HAM", reference="PO", quantity=1 + HALF),
         "STOCK-PART-422", "quantity"),
        (lambda unit, sku, _: expect_supply(
            unit, sku=sku, node="HAM", reference="PO", quantity=Decimal(2), promisable=HALF),
         "STOCK-PART-422", "promisable"),
        (lambda unit, sku, _: set_rule(unit, connection="shop", kind="buffer", quantity=HALF, sku=sku),
         "STOCK-PART-422", "quantity"),
        (lambda unit, sku, facts: offer(unit, facts, [Wanted(sku, HALF)], "DE", None),
         "STOCK-PART-422", "lines.0.quantity"),
    ],
)  # fmt: skip
def test_no_door_takes_a_part_of_a_piece(world: World, ask: Any, code: str, path: str | None) -> None:
    with pytest.raises(InputError) as refused, world.store.begin() as unit:
        ask(unit, "A", world.facts)
    assert refused.value.error_code == code
    assert path is None or [each["path"] for each in refused.value.data["errors"]] == [path]
    for table in ("kit_component", "transfer", "supply", "protection_rule", "promise"):
        assert world.all(f"SELECT 1 FROM {table}") == []
    with world.store.begin() as unit:
        ask(unit, "B", world.facts)  # by the kilogram


def test_what_is_not_sold_any_more_is_not_kept_for_anybody(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "active": False}])
    with pytest.raises(InputError, match="no active item 'A'") as refused, world.store.begin() as unit:
        reserve_lines(unit, [{"sku": "A", "quantity": Decimal(1)}], 60, None)
    assert [each["path"] for each in refused.value.data["errors"]] == ["lines.0.sku"]
    assert world.all("SELECT 1 FROM reservation") == []


def test_an_order_for_a_part_of_a_piece_is_held_until_it_is_mended(world: World) -> None:
    order = placed(world, {"A": Decimal("1")}, lines=[
        {"external_id": "L1", "sku": "A", "quantity": "0.7", "unit_price": "10.00"},
        {"external_id": "L2", "sku": "B", "quantity": "0.7", "unit_price": "10.00"},
    ])  # fmt: skip
    assert order.state == "held"
    [hold] = world.all("SELECT * FROM hold")
    assert (hold.kind, hold.detail) == ("part_of_unit", "line 1 asks for 0.7, and its item is counted in C62")
    [case] = world.all("SELECT code, state FROM exception_case")
    assert (case.code, case.state) == ("ORDER-FRACTION-422", "open")
    assert world.all("SELECT 1 FROM reservation") == world.work() == []
    with world.store.begin() as unit, pytest.raises(Conflict) as refused:
        release_hold(unit, order.id, hold.id)
    assert refused.value.error_code == "HOLD-FRACTION-409"
    with world.store.begin() as unit:
        change = {"op": "quantity", "line": "L1", "quantity": Decimal(1)}
        change_order(unit, world.hub.facts.get(unit.conn, 1), order.id, [change], "whole mugs")
    world.drain()
    assert world.one("SELECT state FROM hold").state == "released"
    assert world.one("SELECT state FROM exception_case").state == "superseded"
    assert sorted(row.quantity for row in world.all("SELECT quantity FROM reservation")) == [Decimal("0.7"), 1]
    world.check_books()


def test_an_item_that_is_measured_after_all_lets_the_hold_be_released(world: World) -> None:
    order = placed(world, {"A": Decimal("0.7")})
    [hold] = world.all("SELECT id FROM hold")
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "unit": "MTR"}])
    with world.store.begin() as unit:
        assert release_hold(unit, order.id, hold.id) == "accepted"
    world.drain()
    assert world.one("SELECT quantity FROM reservation").quantity == Decimal("0.7")


def test_a_code_that_gets_a_meaning_does_not_let_a_part_through(world: World) -> None:
    order = placed(world, {"NEW": Decimal("0.7")})
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "NEW"}])
    with world.store.begin() as unit:
        assert end_known_skus(unit, world.hub.facts.get(unit.conn, 1)) == 1
    assert world.one("SELECT state FROM orders").state == "held"
    holds = world.all("SELECT kind, state FROM hold ORDER BY id")
    assert [tuple(row) for row in holds] == [("unmapped_sku", "released"), ("part_of_unit", "active")]
    assert world.one("SELECT state FROM exception_case WHERE code = 'ORDER-FRACTION-422'").state == "open"
    assert order.id == world.one("SELECT order_id FROM hold LIMIT 1").order_id


def test_a_change_to_a_part_of_a_piece_is_refused(world: World) -> None:
    order = placed(world, {"A": Decimal("2")})
    change = {"op": "quantity", "line": "L1", "quantity": Decimal("1.5")}
    with pytest.raises(InputError) as refused, world.store.begin() as unit:
        change_order(unit, world.hub.facts.get(unit.conn, 1), order.id, [change], None)
    assert refused.value.error_code == "CHANGE-PART-422"
    assert world.one("SELECT quantity - canceled AS units FROM order_line").units == 2
    assert world.all("SELECT 1 FROM hold") == []


def test_a_part_of_a_piece_does_not_leave_by_hand(world: World) -> None:
    placed(world, {"A": Decimal("2")})
    [work] = world.work()
    document = {
        "external_id": "S", "fulfillment": public_id("fulfillment", work.id),
        "lines": [{"sku": "A", "quantity": Decimal("0.5")}],
    }  # fmt: skip
    with pytest.raises(InputError) as refused, world.store.begin() as unit:
        ship(unit, world.hub.facts.get(unit.conn, 1), document, refuse=True)
    assert refused.value.error_code == "SHIP-PART-422"
    assert world.all("SELECT 1 FROM shipment") == []
    world.send("shipment", {**document, "lines": [{"sku": "A", "quantity": "0.5"}]}, world.wms)
    world.drain()
    # What a warehouse says has left; the rest may follow.
    assert world.one("SELECT shipped FROM order_line").shipped == Decimal("0.5")
    with world.store.begin() as unit:
        assert ship(
            unit, world.hub.facts.get(unit.conn, 1), {"external_id": "T", "fulfillment": document["fulfillment"]},
            refuse=True,
        ).new  # fmt: skip
    world.check_books()
