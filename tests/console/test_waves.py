"""Waves on the screens: the list on Routing, one wave, and the order that was planned again."""

import pytest
from flask.testing import FlaskClient

from connectors.sdk.registry import Registry
from console.web.context import ConsoleServices
from core.services.access import create_user
from core.store.unit import Store
from tests.console.conftest import form_token
from tests.console.site import PASSWORD, USER, site
from tests.core.waiting import contested, waiting_world, wave
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    """A company whose work waits."""
    return waiting_world(store, {("A", "HAM"): 1, ("A", "LYS"): 1})


@pytest.fixture
def client(store: Store) -> FlaskClient:
    """A browser somebody signed in with."""
    with store.begin() as unit:
        create_user(unit, USER, "Mira Koch", PASSWORD, "operator")
    found = site(ConsoleServices(store, Registry(), "0" * 44, company="Fjord & Pine")).test_client()
    token = form_token(found.get("/login").text)
    assert found.post("/login", data={"email": USER, "password": PASSWORD, "csrf_token": token}).status_code == 303
    return found


def test_a_wave_is_seen_on_routing_on_its_page_and_at_its_orders(world: World, client: FlaskClient) -> None:
    assert "Waves table" not in client.get("/routing").text
    contested(world)
    first, second = (f"ord_{row.id.hex}" for row in world.all("SELECT id FROM orders ORDER BY number"))
    found = wave(world)
    routing = client.get("/routing").text
    assert "Waves table" in routing
    assert f"/routing/waves/{found['id']}" in routing
    assert "somebody asked" in routing
    page = client.get(f"/routing/waves/{found['id']}").text
    assert "1 from HAM" in page
    assert "1 from LYS" in page
    assert found["saved"] in page
    order = client.get(f"/orders/{second}").text
    assert "Planned again with the other waiting orders by the wave" in order
    assert "Before: 1 from LYS" in order
    assert "waits until" in order
    assert "the wave gives its units to other orders" in client.get(f"/orders/{first}").text
    assert client.get("/routing/waves/wav_1").status_code == 404


def test_a_wave_that_moved_nothing_says_why(world: World, client: FlaskClient) -> None:
    contested(world)
    found = wave(world, seconds=0.0)
    page = client.get(f"/routing/waves/{found['id']}").text
    assert "its time ran out" in page
    assert "Nothing moved" in page
