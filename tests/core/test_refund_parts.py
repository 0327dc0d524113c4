"""Refunds that name an order which was split by store by the buyer's number of the whole."""

from typing import Any

import pytest

from core.store.unit import Store
from tests.core.trade_world import STORE, TradeWorld, line


@pytest.fixture
def world(store: Store) -> TradeWorld:
    found = TradeWorld(store)
    stores = [{**STORE, "external_id": name, "gln": None, "name": f"Store {name}"} for name in ("1", "2")]
    found.buy(
        line("A", 5, destinations=[{"store": "1", "quantity": "2"}, {"store": "2", "quantity": "3"}]),
        line("B", 1, destinations=[{"store": "2", "quantity": "1"}]),
        external_id="PO-7", number=None, stores=stores,
    )  # fmt: skip
    return found


def refund(world: TradeWorld, number: str, *lines: tuple[str, str, str]) -> Any:
    said = [{"external_id": name, "quantity": units, "restock": restock} for name, units, restock in lines]
    body = {"external_id": number, "order_external_id": "PO-7", "amount": "5.00", "lines": said}
    world.send("refund", body, world.retailer)
    world.drain()
    return world.one("SELECT state, error FROM message WHERE topic = 'refund' ORDER BY id DESC LIMIT 1")


def refunded(world: TradeWorld) -> list[tuple[str, str]]:
    rows = world.all(
        "SELECT r.external_id, o.external_id AS part FROM refund r JOIN orders o ON o.id = r.order_id ORDER BY 1"
    )
    return [(row.external_id, row.part) for row in rows]


def test_a_refund_goes_to_the_one_part_that_has_its_lines_and_units(world: TradeWorld) -> None:
    # Money of a line that one store has, and units that one store has so many of; freight is a line of no part.
    assert refund(world, "R1", ("B1", "0", "none"), ("FREIGHT", "1", "none")).state == "applied"
    assert refund(world, "R2", ("A1", "3", "cancel")).state == "applied"
    assert refunded(world) == [("R1", "PO-7/2"), ("R2", "PO-7/2")]
    assert [row.canceled for row in world.all("SELECT canceled FROM order_line WHERE sku = 'A' ORDER BY quantity")] == [
        0, 3,
    ]  # fmt: skip
    # The same again is the same, though its units are there no more.
    assert refund(world, "R2", ("A1", "3", "cancel")).state == "duplicate"
    assert len(refunded(world)) == 2


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((), "Its lines and units are those of PO-7/1, PO-7/2."),
        ((("A1", "2", "cancel"),), "Its lines and units are those of PO-7/1, PO-7/2."),
        ((("A1", "4", "cancel"),), "None has its lines and units."),
        ((("Z9", "1", "return"),), "None has its lines and units."),
    ],
)
def test_a_refund_that_fits_no_part_or_several_names_them(world: TradeWorld, lines: Any, why: str) -> None:
    message = refund(world, "R1", *lines)
    assert (message.state, message.error["code"]) == ("quarantined", "REFUND-STORES-422")
    assert message.error["what"] == (
        "Refund R1 is for PO-7, which was split by store, and does not say for which part: PO-7/1, PO-7/2."
    )
    assert message.error["why"] == why
    assert (refunded(world), [row.canceled for row in world.all("SELECT canceled FROM order_line")]) == ([], [0, 0, 0])


def test_money_alone_is_for_the_only_part_that_is_left(world: TradeWorld) -> None:
    world.send("order_cancel", {"external_id": "PO-7/1"}, world.retailer)
    world.drain()
    assert refund(world, "R1").state == "applied"
    assert refunded(world) == [("R1", "PO-7/2")]
