"""An offer is asked for as the order would be: what policies and sourcing look at counts, and holds for such orders."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from core.errors import InputError
from core.routing.problem import Policy
from core.services.inforce import InForce
from core.services.promising import Wanted, offer
from core.store.unit import Store
from tests.core.test_named_offers import order, refusals
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def offered(world: World, asked: Mapping[str, Any], price: str | None = None, facts: Any = None) -> Any:
    """Return an offer for two of A, made with what else the order would say."""
    with world.store.begin() as unit:
        wanted = [Wanted("A", Decimal(2), Decimal(price) if price else None)]
        found = offer(unit, facts or world.facts, wanted, "DE", "24103", asked=asked)
        unit.conn.execute(text("UPDATE promise SET stands_until = stands_until + interval '1 day'"))
    return world.one("SELECT * FROM promise WHERE id = :id", id=found)


@pytest.mark.parametrize(
    ("conditions", "asked", "price"),
    [
        ({"tiers": ["gold"]}, {"tags": ["tier:gold", "gift"]}, None),
        ({"service_levels": ["express"]}, {"service_level": "express"}, None),
        ({"types": ["b2b"]}, {"type": "b2b"}, None),
        ({"value": {"at_least": Decimal(30), "currency": "EUR"}}, {"currency": "EUR"}, "15"),
        (
            {"value": {"at_least": Decimal(30), "currency": "EUR"}},
            {"currency": "EUR", "totals": {"grand": Decimal(30)}},
            "14",
        ),
        ({"margin_percent": {"at_least": Decimal(50)}}, {}, "8"),
    ],
)
def test_an_offer_gets_the_policy_its_order_would_get(
    world: World, conditions: dict[str, Any], asked: dict[str, Any], price: str | None
) -> None:
    with world.store.begin() as unit:
        unit.conn.execute(text('UPDATE item SET attributes = \'{"cost": "4"}\''))
    facts = replace(world.facts, policies=(InForce("some", 3, Policy("some@3"), conditions=conditions),))
    assert offered(world, asked, price, facts).basis["policy"] == "some@3"
    assert offered(world, {}, "7", facts).basis["policy"] == "cheapest@1"


def test_an_offer_is_of_the_node_and_days_its_order_would_ask_for(world: World) -> None:
    def first(asked: Mapping[str, Any]) -> tuple[str, datetime]:
        [node] = offered(world, asked).lines[0]["nodes"]
        return node["node"], datetime.fromisoformat(node["ship_at"])

    assert first({})[0] == "HAM"
    assert first({"pickup_node": "LYS"})[0] == "LYS"
    day = (now() + timedelta(days=30)).date()
    assert first({"ship_not_before": day})[1].date() >= day
    with pytest.raises(InputError, match="no node 'NO'") as found:
        offered(world, {"pickup_node": "NO"})
    assert found.value.error_code == "PROMISE-PICKUP-422"


@pytest.mark.parametrize(
    ("asked", "more", "why"),
    [
        ({"service_level": "express"}, {}, "It was made for service level express, and the order asks for standard."),
        ({}, {"service_level": "express"}, "It was made for service level standard, and the order asks for express."),
        (
            {"tags": ["gold"]},
            {"tags": ["gift"]},
            "It was made for an order with the tag 'gold', which this one has not.",
        ),
        ({"type": "b2b"}, {}, "It was made for a b2b order, and this one is b2c."),
        ({"pickup_node": "LYS"}, {}, "It was made for pick-up at LYS, and the order has no pick-up."),
    ],
)
def test_an_offer_does_not_hold_for_an_order_with_other_terms(
    world: World, asked: dict[str, Any], more: dict[str, Any], why: str
) -> None:
    found = order(world, {"A": 2}, offered(world, asked).id, **more)
    assert refusals(world, found.bought) == [("terms", why)]
    assert found.state == "standing"


def test_an_offer_does_not_hold_for_an_order_that_asks_for_another_day(world: World) -> None:
    day = (now() + timedelta(days=20)).date()
    found = order(world, {"A": 2}, offered(world, {}).id, requested_delivery_date=day.isoformat())
    why = f"It was made for arriving by any day, and the order is for arriving by {day}."
    assert refusals(world, found.bought) == [("terms", why)]


def test_an_offer_holds_for_an_order_with_its_terms(world: World) -> None:
    day = (now() + timedelta(days=20)).date()
    asked = {
        "type": "b2c", "tags": ["gold"], "service_level": "express", "pickup_node": "LYS",
        "requested_delivery_date": day, "partial_shipment_allowed": False, "currency": "EUR",
    }  # fmt: skip
    named: UUID = offered(world, asked).id
    elsewhere = {"name": "Ada Test", "line1": "Teststr. 1", "city": "Lyon", "postal_code": "69001", "country": "FR"}
    more = {"tags": ["gift", "gold"], "service_level": "EXPRESS", "requested_delivery_date": day.isoformat()}
    found = order(world, {"A": 2}, named, ship_to=elsewhere, **{**asked, **more})
    assert (found.id, refusals(world, found.bought)) == (named, [])  # who fetches it lives anywhere
