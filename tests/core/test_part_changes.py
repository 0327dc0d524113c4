"""Changes of an order that was split by store, named by the buyer's own number of the whole."""

from decimal import Decimal
from typing import Any

import pytest

from core.store.unit import Store
from tests.core.trade_world import STORE, TradeWorld, line

WHOLE = {**STORE, "external_id": "DC1", "gln": None, "name": "The buyer's own warehouse"}


@pytest.fixture
def world(store: Store) -> TradeWorld:
    found = TradeWorld(store)
    stores = [{**STORE, "external_id": name, "gln": None, "name": f"Store {name}"} for name in ("1", "2")]
    found.buy(
        line("A", 5, destinations=[{"store": "1", "quantity": "2"}, {"store": "2", "quantity": "3"}]),
        line("B", 1, destinations=[{"store": "2", "quantity": "1"}]),
        external_id="PO-7", number=None, ship_to=WHOLE, stores=stores,
    )  # fmt: skip
    return found


def change(world: TradeWorld, *lines: dict[str, Any], number: str = "1", **more: Any) -> Any:
    body = {"external_id": "PO-7", "change": number, "lines": list(lines), **more}
    world.send("order_change", body, world.retailer)
    world.drain()
    return world.one("SELECT state, outcome FROM message WHERE topic = 'order_change' ORDER BY id DESC LIMIT 1")


def units(world: TradeWorld) -> dict[tuple[str, str], Decimal]:
    rows = world.all("SELECT o.external_id, l.sku, l.quantity - l.canceled AS n FROM orders o"
                     " JOIN order_line l ON l.order_id = o.id ORDER BY 1, 2")  # fmt: skip
    return {(row.external_id, row.sku): row.n for row in rows}


BEFORE = {("PO-7/1", "A"): 2, ("PO-7/2", "A"): 3, ("PO-7/2", "B"): 1}


def to(**stores: str) -> list[dict[str, str]]:
    return [{"store": name.removeprefix("s"), "quantity": quantity} for name, quantity in stores.items()]


def test_what_each_store_gets_goes_to_its_part(world: TradeWorld) -> None:
    done = change(world, {"external_id": "A1", "op": "change", "quantity": "7", "destinations": to(s1="4", s2="3")})
    assert done.state == "applied"
    assert units(world) == {**BEFORE, ("PO-7/1", "A"): 4}
    partners = world.all("SELECT DISTINCT order_id FROM change_set WHERE kind = 'partner' AND state = 'confirmed'")
    assert len(partners) == 2
    # The same change again changes nothing.
    again = change(world, {"external_id": "A1", "op": "change", "quantity": "7", "destinations": to(s1="4", s2="3")})
    assert (again.state, units(world)[("PO-7/1", "A")]) == ("duplicate", 4)
    # Another one under its number is refused where everybody sees it.
    other = change(world, {"external_id": "A1", "op": "change", "quantity": "9", "destinations": to(s1="6", s2="3")})
    assert other.outcome.startswith("refused: Change 1 was done before")
    assert units(world)[("PO-7/1", "A")] == 4


def test_a_number_used_for_one_part_may_be_used_for_another(world: TradeWorld) -> None:
    body = {"external_id": "PO-7/1", "change": "1", "lines": [{"external_id": "A1", "op": "change", "quantity": "4"}]}
    world.send("order_change", body, world.retailer)
    world.drain()
    done = change(world, {"external_id": "B1", "op": "change", "quantity": "2"})
    assert (done.state, units(world)) == ("applied", {**BEFORE, ("PO-7/1", "A"): 4, ("PO-7/2", "B"): 2})


def test_a_store_that_gets_nothing_any_more_has_its_part_canceled(world: TradeWorld) -> None:
    change(world, {"external_id": "A1", "op": "change", "quantity": "3", "destinations": to(s2="3")})
    assert units(world) == {**BEFORE, ("PO-7/1", "A"): 0}
    states = {row.external_id: row.state for row in world.all("SELECT external_id, state FROM orders")}
    assert states["PO-7/1"] == "canceled"
    assert states["PO-7/2"] != "canceled"


def test_a_line_of_one_part_needs_no_stores_and_a_price_is_for_all(world: TradeWorld) -> None:
    change(world, {"external_id": "B1", "op": "change", "quantity": "2"})
    assert units(world) == {**BEFORE, ("PO-7/2", "B"): 2}
    change(world, {"external_id": "A1", "op": "change", "unit_price": "9.00"}, number="2")
    prices = {row.unit_price for row in world.all("SELECT unit_price FROM order_line WHERE sku = 'A'")}
    assert prices == {Decimal("9.00")}


@pytest.mark.parametrize(
    "asked",
    [
        {"external_id": "A1", "op": "change", "quantity": "9"},
        {"external_id": "A1", "op": "change", "quantity": "9", "destinations": to(s1="4", s2="3")},
        {"external_id": "A1", "op": "change", "quantity": "7", "destinations": to(s1="4", s9="3")},
        {"external_id": "Z9", "op": "remove"},
    ],
)
def test_what_does_not_say_which_part_is_refused_with_the_parts(world: TradeWorld, asked: dict[str, Any]) -> None:
    done = change(world, asked)
    assert units(world) == BEFORE
    assert done.outcome.startswith("refused: ")
    [case] = world.all("SELECT code, title, sentence FROM exception_case")
    assert (case.code, case.title) == ("ORDER-CHANGE-409", "A change of PO-7 by retailer was not done")
    assert world.one("SELECT count(*) AS n FROM case_member").n == 2
    if "its stores get another number" not in case.sentence:
        assert "PO-7/1, PO-7/2" in case.sentence


def test_an_address_is_for_every_part_and_that_of_the_whole_for_none(world: TradeWorld) -> None:
    change(world, {"external_id": "B1", "op": "change", "quantity": "2"}, ship_to=WHOLE)
    cities = "SELECT DISTINCT body->'ship_to'->>'city' AS city FROM orders"
    assert [row.city for row in world.all(cities)] == ["Kiel"]
    change(world, number="2", ship_to={**WHOLE, "city": "Bonn"})
    assert [row.city for row in world.all(cities)] == ["Bonn"]


def test_all_of_a_change_is_done_or_nothing(world: TradeWorld) -> None:
    world.ship(world.one("SELECT * FROM orders WHERE external_id = 'PO-7/2'"))
    change(world, {"external_id": "A1", "op": "change", "quantity": "5", "destinations": to(s1="4", s2="1")})
    assert units(world) == BEFORE


def test_the_whole_is_canceled_by_its_number(world: TradeWorld) -> None:
    world.send("order_cancel", {"external_id": "PO-7", "reason": "no more"}, world.retailer)
    world.drain()
    assert set(units(world).values()) == {0}
