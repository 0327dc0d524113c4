"""Orders nobody can mean: held with what, where and why, and nothing reserved until somebody says they are meant."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event

from config.settings import Orders
from core.services.actions import apply_case
from core.services.agreements import set_terms
from core.services.facts import FactsCache
from core.store.unit import Store
from tests.core.trade_world import TERMS, TradeWorld, line

ABSURD = 10**12
DAYS = "must be within a year before the order and two years after it, not"


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


def reserved(world: TradeWorld) -> Any:
    return world.one("SELECT sum(reserved + allocated) AS n FROM stock_position").n


def holds(world: TradeWorld) -> list[tuple[str, str]]:
    rows = world.all("SELECT kind, detail FROM hold WHERE state = 'active' ORDER BY id")
    return [(row.kind, row.detail) for row in rows]


def test_a_line_of_a_million_million_is_held_and_reserves_nothing(world: TradeWorld) -> None:
    absurd = world.buy(line("A", ABSURD), line("B", 1))
    assert absurd.state == "held"
    assert holds(world) == [
        ("implausible_quantity", "line 1 asks for 1000000000000 of A, and at most 100000 are plausible")
    ]
    assert reserved(world) == 0
    case = world.one("SELECT code, title, sentence, severity, recommended FROM exception_case")
    assert case.code == "ORDER-QUANTITY-422"
    assert case.title == "retailer: line 1 asks for 1000000000000 of A, and at most 100000 are plausible"
    assert "nothing is reserved until" in case.sentence
    assert case.recommended["action"] == "release_holds"
    # Who orders what he can mean gets it.
    assert world.buy(line("A", 100)).state == "in_progress"
    assert reserved(world) == 100


def test_cartons_are_judged_by_the_units_in_them(world: TradeWorld) -> None:
    assert world.buy(line("A", 8_333, "120", unit="CT")).state != "held"
    assert world.buy(line("A", 8_334, "120", unit="CT")).state == "held"
    assert [kind for kind, _ in holds(world)] == ["implausible_quantity"]


def test_one_release_lets_that_quantity_go_and_no_other(world: TradeWorld) -> None:
    meant, other = world.buy(line("A", 200_000)), world.buy(line("A", ABSURD))
    case = world.one("SELECT id FROM exception_case WHERE title LIKE '%200000%'")
    with world.store.begin() as unit:
        assert apply_case(unit, world.hub.facts.get(unit.conn, 1), world.hub.connectors, case.id) == {
            "action": "release_holds",
            "done": 1,
        }
    states = {row.id: row.state for row in world.all("SELECT id, state FROM orders")}
    assert states[meant.id] != "held"
    assert states[other.id] == "held"


def test_a_release_locks_its_orders_once(world: TradeWorld) -> None:
    for _ in range(3):
        world.buy(line("A", ABSURD))
    case = world.one("SELECT id FROM exception_case")
    seen: list[str] = []
    event.listen(world.store.engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
    with world.store.begin() as unit:
        assert apply_case(unit, world.facts, world.hub.connectors, case.id)["done"] == 3
    locks = [" ".join(each.split()) for each in seen if "FOR NO KEY UPDATE" in each]
    assert len([each for each in locks if "FROM orders" in each]) == 1
    assert world.one("SELECT count(*) AS n FROM hold WHERE state = 'active'").n == 0


def test_a_change_to_an_absurd_number_is_held_as_well(world: TradeWorld) -> None:
    order = world.buy(line("A", 5))
    assert reserved(world) == 5
    raised = {"external_id": order.external_id, "change": "1", "lines": [
        {"external_id": "A1", "op": "change", "quantity": str(ABSURD)}]}  # fmt: skip
    world.send("order_change", raised, world.retailer)
    world.drain()
    assert world.one("SELECT state FROM orders").state == "held"
    assert reserved(world) == 5
    world.send("order_change", {**raised, "change": "2", "lines": [{**raised["lines"][0], "quantity": "6"}]},
               world.retailer)  # fmt: skip
    world.drain()
    assert holds(world) == []
    assert reserved(world) == 6


@pytest.mark.parametrize(("most", "state"), [("10", "held"), ("11", "in_progress"), ("0", "in_progress")])
def test_terms_say_the_limit_of_a_connection(world: TradeWorld, most: str, state: str) -> None:
    with world.store.begin() as unit:
        set_terms(unit, world.retailer, {**TERMS, "most_units": most})
    assert world.buy(line("A", 11)).state == state


@pytest.mark.parametrize(("most", "state"), [(10, "held"), (0, "in_progress")])
def test_the_hubs_own_limit_is_a_setting(world: TradeWorld, most: int, state: str) -> None:
    world.hub.facts = FactsCache(world.partners, None, replace(Orders(), most_units=most))
    assert world.facts.most_units == Decimal(most)
    assert world.buy(line("A", 11)).state == state


def test_a_shop_is_held_by_it_too(world: TradeWorld) -> None:
    world.send("order", {**world.order({"A": 1}), "totals": None, "lines": [line("A", ABSURD)]})
    world.drain()
    assert [kind for kind, _ in holds(world)] == ["implausible_quantity"]
    assert reserved(world) == 0


def test_an_order_of_1900_for_2999_is_held_for_each_date(world: TradeWorld) -> None:
    order = world.buy(
        line("A", 1),
        placed_at="1900-01-01T00:00:00Z",
        requested_delivery_date="2999-01-01",
        ship_not_after="1900-02-01",
    )
    assert order.state == "held"
    assert holds(world) == [
        ("missing_field", "placed_at must not be more than 5 years back"),
        ("missing_field", f"requested_delivery_date {DAYS} 2999-01-01"),
        ("missing_field", f"ship_not_after {DAYS} 1900-02-01"),
    ]
    assert reserved(world) == 0
    titles = {row.title for row in world.all("SELECT title FROM exception_case WHERE code = 'ORDER-FIELD-422'")}
    assert "retailer orders: placed_at must not be more than 5 years back" in titles
    # Sent again as it was meant, it goes on.
    said = {
        "external_id": order.external_id, "type": "b2b", "placed_at": "2026-11-20T09:00:00Z", "currency": "EUR",
        "ship_to": order.body["ship_to"], "lines": [line("A", 1)], "requested_delivery_date": "2026-12-01",
    }  # fmt: skip
    world.send("order", said, world.retailer)
    world.drain()
    assert world.one("SELECT state FROM orders").state == "in_progress"


def test_days_are_told_from_the_order_and_old_orders_of_a_shop_are_taken(world: TradeWorld) -> None:
    old = {**world.order({"A": 1}), "placed_at": "2011-05-01T09:00:00Z", "requested_delivery_date": "2011-05-09"}
    world.send("order", old)
    world.drain()
    assert holds(world) == []
    assert world.buy(line("B", 1), placed_at="2011-05-01T09:00:00Z").state == "held"
