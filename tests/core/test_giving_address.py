"""An order to a place nobody knows: the address is given, kept for the store, or the order is canceled."""

from typing import Any

import pytest

from core.errors import InputError
from core.services.actions import apply_case
from core.services.agreements import terms_of
from core.store.unit import Store
from tests.core.trade_world import TradeWorld, line

GIVEN = {"name": "Store 4711", "line1": "Hafenweg 2", "postal_code": "24103", "city": "Kiel", "country": "de"}


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


def apply(world: TradeWorld, action: str, **args: str) -> Any:
    case = world.one("SELECT id FROM exception_case WHERE code = 'ORDER-ADDRESS-422' AND state = 'open' ORDER BY id")
    with world.store.begin() as unit:
        done = apply_case(unit, world.hub.facts.get(unit.conn, 1), world.hub.connectors, case.id, args, action)
    world.drain()
    return done


def test_the_address_of_a_store_frees_all_its_orders_and_the_next_ones(world: TradeWorld) -> None:
    for store in ("4711", "4711", "4712"):
        assert world.buy(line("A", 1), ship_to={"external_id": store}).state == "held"
    cases = world.all("SELECT title, alternatives FROM exception_case ORDER BY title")
    assert [row.title for row in cases] == [
        "Address not deliverable: no line1, city, country of store 4711",
        "Address not deliverable: no line1, city, country of store 4712",
    ]
    assert [way["action"] for way in cases[0].alternatives] == ["give_address", "cancel_orders"]
    assert apply(world, "give_address", **GIVEN) == {"action": "give_address", "done": 2}
    rows = world.all("SELECT state, body->'ship_to' AS ship_to FROM orders ORDER BY id")
    assert [row.state for row in rows] == ["in_progress", "in_progress", "held"]
    assert rows[0].ship_to["external_id"] == "4711"
    assert (rows[0].ship_to["line1"], rows[0].ship_to["country"]) == ("Hafenweg 2", "DE")
    with world.store.read() as conn:
        stores = (terms_of(conn, world.retailer) or {})["stores"]
    assert [(each["external_id"], each["city"]) for each in stores] == [("4711", "Kiel")]
    assert world.buy(line("A", 1), ship_to={"external_id": "4711"}).state == "in_progress"


def test_orders_of_different_people_are_told_apart(world: TradeWorld) -> None:
    for _ in range(2):
        document = {**world.order({"A": 1}), "ship_to": {"name": "Ada Test", "city": "Kiel", "country": "DE"}}
        world.send("order", document)
        world.drain()
    with pytest.raises(InputError) as several:
        apply(world, "give_address", **GIVEN)
    assert several.value.error_code == "CASE-ORDER-422"
    assert "#1001, #1002" in str(several.value)
    assert apply(world, "give_address", **GIVEN, order="#1002")["done"] == 1
    states = {row.number: row.state for row in world.all("SELECT number, state FROM orders")}
    assert states == {"#1001": "held", "#1002": "in_progress"}


@pytest.mark.parametrize(
    ("args", "code"),
    [({"line1": "Hafenweg 2"}, "CASE-ARGS-422"), ({**GIVEN, "country": "Germany"}, "CASE-ADDRESS-422")],
)
def test_what_is_no_address_is_refused(world: TradeWorld, args: dict[str, str], code: str) -> None:
    world.buy(line("A", 1), ship_to={"external_id": "4711"})
    with pytest.raises(InputError) as refused:
        apply(world, "give_address", **args)
    assert refused.value.error_code == code
    assert world.one("SELECT state FROM orders").state == "held"


def test_it_is_canceled_for_a_reason(world: TradeWorld) -> None:
    world.buy(line("A", 1), ship_to={"external_id": "4711"})
    assert apply(world, "cancel_orders", reason="the store was closed")["done"] == 1
    assert world.one("SELECT state FROM orders").state == "canceled"
    assert world.one("SELECT state FROM exception_case").state == "superseded"


def test_a_way_out_the_case_has_not_is_refused_with_those_it_has(world: TradeWorld) -> None:
    world.buy(line("A", 1), ship_to={"external_id": "4711"})
    with pytest.raises(InputError) as refused:
        apply(world, "replay_messages")
    assert refused.value.error_code == "CASE-ACTION-422"
    assert "release_holds, give_address, cancel_orders" in str(refused.value)
