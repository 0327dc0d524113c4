"""Goods on their way to a warehouse that speaks EDI: announced by 943, received by 944, counted by 846."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from core.services import catalog, stock
from core.services.announcing import announce_supply, announce_transfer
from core.services.supplying import expect_supply
from core.services.transfers import send_transfer
from core.store.unit import Store
from tests.connectors.edi.warehouse_world import WarehouseWorld

WHEN = datetime(2026, 3, 5, tzinfo=UTC)
LOTS = "SELECT l.lot, l.on_hand, l.expires_on FROM stock_lot l JOIN item i ON i.id = l.item_id WHERE i.sku = 'L'"


@pytest.fixture
def world(store: Store, tmp_path: Path) -> WarehouseWorld:
    return WarehouseWorld(store, tmp_path / "depot")


def on_hand(world: WarehouseWorld, sku: str, node: str = "HAM") -> Any:
    row = world.one(
        "SELECT p.on_hand FROM stock_position p JOIN item i ON i.id = p.item_id JOIN node n ON n.id = p.node_id"
        " WHERE i.sku = :s AND n.code = :n",
        s=sku, n=node,
    )  # fmt: skip
    return row.on_hand if row else 0


def send(world: WarehouseWorld, reference: str = "T-1", units: int = 4) -> UUID:
    """Send units of A from LYS to HAM, and announce them."""
    with world.store.begin() as unit:
        stock.set_on_hand(unit, {(world.items["A"], world.nodes["LYS"]): Decimal(20)}, None, "receipt")
        lines = [{"sku": "A", "quantity": Decimal(units)}]
        transfer = send_transfer(
            unit, reference=reference, from_node="LYS", to_node="HAM", lines=lines, expected_at=WHEN
        )
        assert announce_transfer(unit, world.facts, transfer)
    return transfer


def expect(world: WarehouseWorld, sku: str, units: int, reference: str = "PO-9") -> bool:
    """Expect units at HAM and return whether the warehouse is told."""
    with world.store.begin() as unit:
        supply = expect_supply(
            unit, sku=sku, node="HAM", reference=reference, quantity=Decimal(units), expected_at=WHEN
        )
        return announce_supply(unit, world.facts, supply)


def receipt(*rows: str, number: str = "WR-1", reference: str = "T-1", total: int) -> list[str]:
    return [f"W17*F*20260306*{number}*{reference}", "N1*WH*Depot North", *rows, f"W14*{total}"]


def test_a_transfer_is_announced_by_943_and_a_944_takes_it_in(world: WarehouseWorld) -> None:
    send(world)
    [message] = world.told("943")
    assert [each for each in message if not each.startswith("W06")] == [
        "N1*WH**92*HAM", "N1*SF**92*LYS", "G62*17*20260305", "W27*M**UNSPECIFIED", "W04*4*EA**VN*A", "G69*Item A",
        "W03*4",
    ]  # fmt: skip
    assert message[0].startswith("W06*N*T-1*")
    before = on_hand(world, "A")
    world.tell("944", *receipt("W07*3*EA**VN*A", total=3))
    assert on_hand(world, "A") == before + 3
    assert world.one("SELECT state FROM transfer").state == "in_transit"
    # The same receipt in another file takes nothing in again.
    world.tell("944", *receipt("W07*3*EA**VN*A", total=3))
    assert on_hand(world, "A") == before + 3
    assert world.one("SELECT state FROM message WHERE topic = '944' ORDER BY received_at DESC").state == "duplicate"
    world.tell("944", *receipt("W07*1*EA**VN*A", number="WR-2", total=1))
    assert (on_hand(world, "A"), world.one("SELECT state FROM transfer").state) == (before + 4, "received")
    assert world.cases() == []
    world.check_books()


def test_what_is_more_or_not_fit_for_sale_is_taken_in_by_nobody_and_a_person_is_told(world: WarehouseWorld) -> None:
    send(world)
    before = on_hand(world, "A")
    world.tell("944", *receipt("W07*5*EA**VN*A", "W13*2*EA*01", "N9*ZZ**wet", "W07*1*EA**VN*B", total=6))
    assert (on_hand(world, "A"), on_hand(world, "B")) == (before + 3, 10)
    [case] = world.all("SELECT code, evidence FROM exception_case")
    assert case.code == "SUPPLY-RECEIPT-409"
    assert case.evidence["detail"] == "2 of A not fit for sale (wet); 1 of B more than announced"
    assert world.one("SELECT difference FROM receipt_report").difference == case.evidence["detail"]
    world.check_books()


def test_o10_a_944_of_a_supply_keeps_lots_and_expiry(world: WarehouseWorld) -> None:
    with world.store.begin() as unit:
        catalog.upsert_items(unit, [{"sku": "L", "title": "Milk", "tracking": "lot"}])
    assert expect(world, "L", 10)
    [message] = world.told("943")
    assert message[0].split("*")[2] == "PO-9"
    world.tell(
        "944",
        *receipt(
            "W07*6*EA**VN*L", "N9*LT*L-7", "N9*ZZ*20270131*expires_on", "W07*4*EA**VN*L*LT*L-8",
            reference="PO-9", total=10,
        ),
    )  # fmt: skip
    assert [(row.lot, row.on_hand, str(row.expires_on)) for row in world.all(LOTS + " ORDER BY l.lot")] == [
        ("L-7", 6, "2027-01-31"), ("L-8", 4, "None"),
    ]  # fmt: skip
    assert world.one("SELECT state, received FROM supply") == ("received", 10)


def test_a_supply_that_changes_is_not_announced_again(world: WarehouseWorld) -> None:
    assert expect(world, "A", 10)
    assert not expect(world, "A", 12)
    assert len(world.told("943")) == 1


def test_a_receipt_of_what_nobody_expects_waits_and_changes_nothing(world: WarehouseWorld) -> None:
    world.hub.pace = replace(world.hub.pace, unknown_tries=0)
    before = on_hand(world, "A")
    world.tell("944", *receipt("W07*5*EA**VN*A", reference="T-UNKNOWN", total=5))
    message = world.one("SELECT state, error FROM message WHERE topic = '944'")
    assert (message.state, message.error["code"]) == ("quarantined", "SUPPLY-UNKNOWN-404")
    assert on_hand(world, "A") == before
    assert world.one("SELECT count(*) AS n FROM receipt_report").n == 0


def test_without_an_agreed_943_the_announcement_is_left_out(store: Store, tmp_path: Path) -> None:
    world = WarehouseWorld(store, tmp_path / "depot", documents=[{"in": "944", "map": "x12/944.004010"}])
    send(world)
    world.deliver(world.acme)
    assert world.one("SELECT state FROM delivery WHERE kind = 'push_incoming'").state == "delivered"
    assert world.cases() == []


def known_since_february(world: WarehouseWorld) -> None:
    """Have all that is there come, and be counted, before the counts of March."""
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE stock_position SET counted_at = '2026-03-01Z'")
        unit.conn.exec_driver_sql("UPDATE stock_movement SET at = '2026-02-01Z'")


def count(at: str, units: int) -> list[str]:
    return [f"BIA*00*DD*STOCK*20260307*{at}", "N1*WH**92*HAM", "LIN**VN*A", f"QTY*17*{units}*EA"]


def test_o10_an_846_counts_as_of_its_time_and_an_older_one_changes_nothing(world: WarehouseWorld) -> None:
    known_since_february(world)
    world.tell("846", *count("1200", 42))
    assert on_hand(world, "A") == 42
    world.tell("846", *count("0900", 7))
    assert on_hand(world, "A") == 42
    older = world.one("SELECT state, outcome FROM message WHERE topic = '846' ORDER BY received_at DESC")
    assert (older.state, "older than what is known" in older.outcome) == ("duplicate", True)
    world.tell("846", *count("1300", 40))
    assert on_hand(world, "A") == 40
    world.check_books()


def test_an_846_in_cartons_counts_their_units_and_one_in_unknown_packs_nothing(world: WarehouseWorld) -> None:
    known_since_february(world)
    before = on_hand(world, "B")
    world.tell("846", *count("1200", 4)[:-1], "QTY*17*4*CT", "LIN**VN*B", "QTY*17*6*EA")
    assert (on_hand(world, "A"), on_hand(world, "B")) == (48, 6)
    world.tell("846", *count("1300", 5)[:-1], "QTY*17*5*CT", "LIN**VN*B", "QTY*17*1*CA")
    refused = world.one("SELECT state, error FROM message WHERE topic = '846' ORDER BY received_at DESC")
    assert (refused.state, refused.error["code"]) == ("quarantined", "UNIT-PACK-422")
    assert (on_hand(world, "A"), on_hand(world, "B"), before) == (48, 6, 10)


def test_a_944_in_cartons_takes_in_their_units_and_what_of_them_is_damaged_is_said_in_them(
    world: WarehouseWorld,
) -> None:
    send(world, units=20)
    before = on_hand(world, "A")
    world.tell("944", *receipt("W07*1*CA**VN*A", total=1))
    message = world.one("SELECT state, error FROM message WHERE topic = '944'")
    assert (message.state, message.error["code"]) == ("quarantined", "UNIT-PACK-422")
    world.tell("944", *receipt("W07*2*CT**VN*A", "W13*1*EA*01", number="WR-2", total=2))
    message = world.one("SELECT state, error FROM message WHERE topic = '944' ORDER BY received_at DESC")
    assert (message.state, message.error["code"]) == ("quarantined", "MAP-RECEIPT-422")
    assert on_hand(world, "A") == before
    world.tell("944", *receipt("W07*1*CT**VN*A", number="WR-3", total=1))
    assert on_hand(world, "A") == before + 12
    world.check_books()
