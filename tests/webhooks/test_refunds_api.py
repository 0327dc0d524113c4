"""Refunds of partners' orders over the API."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from config.settings import Settings
from core.store.unit import Store
from tests.core.trade_world import TradeWorld, line
from tests.webhooks.conftest import Client, client_with
from webhooks.app import create_app
from webhooks.runtime import EXTENSION, Runtime


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


@pytest.fixture
def app(world: TradeWorld, tmp_path: Path) -> Iterator[Flask]:
    made = create_app(Runtime(Settings(data_dir=tmp_path), world.store, world.partners, "a test's secret key"))
    yield made
    made.extensions[EXTENSION].runtime.stopping.set()


@pytest.fixture
def order(world: TradeWorld) -> str:
    """The id of an order of which everything left and was invoiced."""
    found = world.buy(line("B", 2, "5.00"))
    world.settle()
    world.ship(found)
    world.settle()
    return f"ord_{found.id.hex}"


LINE = {"line": "B", "quantity": "1", "restock": "return"}


def test_a_refund_is_made_once_shown_and_credited(api: Client, world: TradeWorld, order: str) -> None:
    body = {"external_id": "R-1", "amount": "5.95", "note": "broken", "lines": [LINE]}
    made = api.post(f"/orders/{order}/refunds", body)
    assert (made.status_code, made.headers["Location"]) == (201, f"/api/v1/refunds/{made.get_json()['id']}")
    shown = made.get_json()
    assert (shown["amount"], shown["currency"], shown["note"], shown["order"]) == ("5.95", "EUR", "broken", order)
    assert [(each["sku"], each["quantity"], each["restock"]) for each in shown["lines"]] == [("B", "1", "return")]
    again = api.post(f"/orders/{order}/refunds", body)
    assert (again.status_code, again.get_json()) == (200, shown)
    assert api.get(f"/refunds/{shown['id']}").get_json() == shown
    world.settle()
    [note] = api.get(f"/papers?kind=credit_note&order={order}").get_json()["data"]
    assert note["state"] == "waiting"
    assert [row.action for row in world.all("SELECT action FROM audit_entry WHERE action = 'order.refunded'")] == [
        "order.refunded"
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "REFUND-EMPTY-422"),
        ({"amount": "-1"}, 422, "INPUT-INVALID-400"),
        ({"amount": "1", "lines": [{**LINE, "line": "NOPE"}]}, 422, "REFUND-LINE-422"),
        ({"amount": "1", "lines": [{**LINE, "quantity": "9"}]}, 422, "REFUND-UNITS-422"),
        ({"amount": "1", "lines": [{**LINE, "restock": "burn"}]}, 422, "INPUT-INVALID-400"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    api: Client, world: TradeWorld, order: str, body: object, status: int, code: str
) -> None:
    answer = api.post(f"/orders/{order}/refunds", body)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert world.one("SELECT count(*) AS n FROM refund").n == 0


def test_a_key_of_another_connection_makes_no_refund(app: Flask, world: TradeWorld, order: str) -> None:
    other = client_with(app, world.store, "refunds:write", connection_id=world.shop)
    assert other.post(f"/orders/{order}/refunds", {"amount": "1"}).status_code == 403
    own = client_with(app, world.store, "refunds:write", connection_id=world.retailer)
    assert own.post(f"/orders/{order}/refunds", {"amount": "1"}).status_code == 201
    assert world.one("SELECT count(*) AS n FROM refund").n == 1


def test_a_key_that_only_reads_makes_no_refund(app: Flask, world: TradeWorld, order: str) -> None:
    reader = client_with(app, world.store, "refunds:read", "orders:write")
    assert reader.post(f"/orders/{order}/refunds", {"amount": "1"}).status_code == 403
    assert world.one("SELECT count(*) AS n FROM refund").n == 0
