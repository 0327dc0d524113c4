"""What would have changed a decision is on the order's page and on the command line, and is the same there."""

from decimal import Decimal
from html import unescape
from typing import Any

import pytest

from console.cli import reasons
from core.domain.ids import public_id
from core.services.counterfactuals import would_change
from core.store.unit import Store
from tests.console.conftest import Site
from tests.console.test_network_screen import at_site
from tests.core.carriers import ordered
from tests.core.world import World

SENTENCE = "would change to 2 from LYS if HAM's cost of a shipment rose by 0.902 to 4.902"


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 10, ("A", "LYS"): 10})


def decision(world: World) -> tuple[Any, Any]:
    ordered(world, {"A": 2})
    row = world.one("SELECT id, order_id FROM decision")
    return row.id, row.order_id


def test_the_page_of_an_order_loads_it(store: Store, world: World) -> None:
    made, order = decision(world)
    client = at_site(store, world).client()
    url = f"/orders/{public_id('order', order)}/decisions/{public_id('decision', made)}/would-change"
    assert f'hx-get="{url}" hx-trigger="load"' in client.get(f"/orders/{public_id('order', order)}").text
    part = unescape(client.get(url, headers={"HX-Request": "true"}).text)
    assert "<html" not in part
    assert SENTENCE.replace("would", "Would", 1) in part
    whole = unescape(client.get(url).text)
    assert "<html" in whole
    assert SENTENCE.replace("would", "Would", 1) in whole
    with store.read() as conn:
        assert part.count("<li>") == len(would_change(conn, made)["changes"]) - 1


def test_a_decision_that_cannot_be_made_again_says_why(changing: Site) -> None:
    order = next(one for one in changing.company.orders if one["phase"] == "shipped")
    with changing.store.read() as conn:
        from sqlalchemy import text

        made = conn.execute(text("SELECT id FROM decision WHERE order_id = :o"), {"o": order["id"]}).scalar_one()
    url = f"/orders/{public_id('order', order['id'])}/decisions/{public_id('decision', made)}/would-change"
    assert "before decisions could be made again" in changing.client().get(url).text


def test_the_command_line_says_the_smallest_change_first(store: Store, world: World) -> None:
    made, order = decision(world)
    with store.read() as conn:
        told = would_change(conn, made)
        for found in (reasons.of_decision(conn, made, None), reasons.of_order(conn, order, None)):
            assert told["changes"][0]["sentence"] in found.lines
            kept = found.facts["decision"]["would_change"]
            assert kept == told["changes"]
    assert SENTENCE in [each["sentence"] for each in told["changes"]]
    first, second = told["changes"][:2]
    assert Decimal(first["after"]) != Decimal(first["still"])
    assert first != second
