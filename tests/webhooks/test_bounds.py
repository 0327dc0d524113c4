"""A key of one connection reaches what is that connection's, over every route there is."""

import re
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import insert

from core.domain.ids import public_id, uuid7
from core.services.access import ADMIN, AREAS
from core.services.connections import add_connection
from core.store import schema as t
from tests.core.world import World
from tests.webhooks.conftest import Client, client_with, code_of
from webhooks.api.bounds import PARTS
from webhooks.api.spec import SPEC

EVERYTHING = [f"{area}:{verb}" for area in AREAS for verb in ("read", "write")]
FOREIGN = (403, "API-SCOPE-403")
# Read by whoever has the scope: what nobody owns.
MASTER = {
    "/items", "/items/{item}", "/nodes", "/nodes/{node}", "/nodes/{node}/calendar", "/stock", "/stock/lots",
    "/supplies", "/supplies/{supply}", "/transfers", "/transfers/{transfer}", "/availability",
    "/availability/explained",
}  # fmt: skip
# Answer with what the caller makes of them, so their bodies say whose it is; each has a test of its own below.
BODIES = {"/orders", "/shipments", "/tracking-events", "/reservations", "/reservations/batch", "/promises"}
LISTS = {
    "/orders", "/messages", "/deliveries", "/fulfillment-orders", "/shipments", "/tracking-events", "/refunds",
    "/exceptions", "/decisions", "/events", "/reservations", "/protection-rules", "/connections", "/stock/movements",
    "/promises", "/stock/serials", "/interchanges", "/edi-documents",
}  # fmt: skip


@pytest.fixture
def other(world: World) -> UUID:
    """Another shop, with nothing of its own."""
    with world.store.begin() as unit:
        return add_connection(unit, world.partners, world.hub.box, name="other", connector="shop")


@pytest.fixture
def bound(app: Flask, world: World, other: UUID) -> Client:
    """A client of that shop with every scope there is."""
    return client_with(app, world.store, *EVERYTHING, connection_id=other)


@pytest.fixture
def things(api: Client, world: World) -> dict[str, str]:
    """One of everything that belongs to the first shop, by the part of a path that names it."""
    wanted = {"lines": [{"sku": "A", "quantity": "2"}], "country": "DE", "postal_code": "24103"}
    promise = api.post("/promises", wanted).get_json()["id"]
    placed = {**world.order({"A": 2}), "connection": "shop", "promise": promise}
    order = api.post("/orders", placed).get_json()
    [work] = api.get(f"/orders/{order['id']}").get_json()["fulfillment_orders"]
    parcel = api.post(
        f"/fulfillment-orders/{work}/ship",
        {"tracking_number": "T1", "lines": [{"sku": "A", "quantity": "1", "serials": ["SN-1"]}]},
    ).get_json()
    fact = {"shipment": parcel["id"], "status": "in_transit", "occurred_at": "2026-11-21T08:00:00Z"}
    assert api.post("/tracking-events", fact).status_code == 201
    told = {
        "order_external_id": order["external_id"], "external_id": "R1", "amount": "1",
        "occurred_at": "2026-11-21T08:00:00Z", "lines": [],
    }  # fmt: skip
    message = world.send("refund", told)
    world.send("order", b"{")
    world.drain()
    reserved = api.post("/reservations", {"lines": [{"sku": "B", "quantity": "1"}], "connection": "shop"})
    rule = api.post("/protection-rules", {"connection": "shop", "kind": "buffer", "quantity": "1", "sku": "C"})
    held = api.post(f"/orders/{order['id']}/holds", {"detail": "look"}).get_json()
    case = api.get("/exceptions?connection=shop").get_json()["data"][0]
    interchange, document = sent_by(world)
    return {
        "interchange": interchange, "edi_document": document,
        "order": order["id"], "fulfillment": work, "shipment": parcel["id"], "message": public_id("message", message),
        "delivery": api.get(f"/deliveries?order={order['id']}").get_json()["data"][0]["id"],
        "refund": api.get("/refunds").get_json()["data"][0]["id"], "case": case["id"],
        "decision": api.get("/decisions").get_json()["data"][0]["id"], "reservation": reserved.get_json()["id"],
        "rule": rule.get_json()["id"], "connection": "shop", "hold": held["holds"][0]["id"],
        "item": "A", "node": "HAM", "promise": api.get(f"/promises?order={order['id']}").get_json()["data"][0]["id"],
    }  # fmt: skip


def sent_by(world: World) -> tuple[str, str]:
    """An interchange of the first shop with one document."""
    file, document = uuid7(), uuid7()
    with world.store.begin() as unit:
        unit.conn.execute(
            insert(t.interchange).values(
                id=file, connection_id=world.shop, direction="in", syntax="x12", sender="A", recipient="B",
                reference="1", test=False, state="accepted", messages=1, sha256="0" * 64, findings={}, at=unit.now,
            )
        )  # fmt: skip
        unit.conn.execute(
            insert(t.edi_document).values(
                id=document, connection_id=world.shop, interchange_id=file, direction="in", kind="850",
                reference="0001", position=1, state="accepted", at=unit.now,
            )
        )  # fmt: skip
    return public_id("interchange", file), public_id("edi_document", document)


def operations(app: Flask) -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, verbs in app.extensions[SPEC]["paths"].items()
        if path.startswith("/api/v1/")
        for method in verbs
        if method in ("get", "post", "delete", "put", "patch")
    ]


def rows(world: World) -> Any:
    tables = (
        "orders", "order_line", "hold", "change_set", "delivery", "shipment", "tracking_event", "reservation", "item",
        "node", "stock_movement", "protection_rule", "exception_case", "message", "connection", "event",
    )  # fmt: skip
    return [tuple(world.all(f"SELECT t.* FROM {table} t ORDER BY t::text")) for table in tables]


def test_nothing_of_another_connection_is_reached_by_any_route(
    app: Flask, bound: Client, things: dict[str, str], world: World
) -> None:
    before, seen = rows(world), []
    for method, whole in operations(app):
        path = whole.removeprefix("/api/v1")
        parts = re.findall(r"{(\w+)}", path)
        address = path
        for part in parts:
            address = address.replace(f"{{{part}}}", things.get(part, "x"))
        if path in MASTER and method == "GET":
            address += "?sku=A" if path.startswith("/availability") else ""
            assert bound.get(address).status_code == (404 if address.endswith("/x") else 200), address
        elif path in LISTS and method == "GET":
            assert bound.get(address).status_code == 200
        elif path not in BODIES:
            assert code_of(bound.call(method, address)) == FOREIGN, (method, path)
            seen.append(path)
    assert len(seen) > 45
    assert set(PARTS) <= {part for path in seen for part in re.findall(r"{(\w+)}", path)}
    assert rows(world) == before


def test_lists_show_what_is_the_keys_own(api: Client, bound: Client, things: dict[str, str]) -> None:
    for path in sorted(LISTS):
        mine = bound.get(path).get_json()["data"]
        assert api.get(path).get_json()["data"], path
        if path == "/connections":
            assert [each["name"] for each in mine] == ["other"]
        elif path == "/stock/movements":
            assert mine
            assert {each["order"] for each in mine} == {None}
        elif path == "/events":
            assert [each["type"] for each in mine] == ["connection.added"]
        else:
            assert mine == [], path
    for path in ("/orders", "/messages", "/deliveries", "/refunds", "/exceptions", "/protection-rules"):
        assert code_of(bound.get(f"{path}?connection=shop")) == FOREIGN
        assert bound.get(f"{path}?connection=other").get_json()["data"] == []
    assert code_of(bound.get("/availability?sku=A&connection=shop")) == FOREIGN
    assert code_of(bound.get("/availability/explained?sku=A&connection=shop")) == FOREIGN
    for connection in ("shop", "other"):
        rule = {"connection": connection, "kind": "floor" if connection == "shop" else "buffer", "quantity": "2"}
        assert api.post("/protection-rules", {**rule, "sku": "A"}).status_code == 201
    [item] = bound.get("/availability/explained?sku=A").get_json()["items"]
    terms = [(part["name"], part["connection"]) for part in item["total"]["parts"] if part["name"] != "nodes"]
    assert terms == [("floor", None), ("buffer", "other")]


def test_bodies_name_what_is_the_keys_own(api: Client, bound: Client, things: dict[str, str], world: World) -> None:
    order = {**world.order({"A": 1}), "connection": "shop"}
    parcel = {"external_id": "S9", "fulfillment": things["fulfillment"]}
    fact = {"tracking_number": "T1", "status": "delivered", "occurred_at": "2026-11-22T08:00:00Z"}
    held = {"lines": [{"sku": "A", "quantity": "1"}], "connection": "shop"}
    api.post(f"/orders/{things['order']}/holds/{things['hold']}/release")
    before = rows(world)
    for path, body in (
        ("/orders", order), ("/shipments", parcel), ("/tracking-events", fact), ("/reservations", held),
        ("/reservations/batch", {"reservations": [{"lines": held["lines"]}, held]}),
    ):  # fmt: skip
        assert code_of(bound.post(path, body)) == FOREIGN, path
    assert rows(world) == before


def test_a_key_does_everything_with_its_own(bound: Client, world: World, api: Client) -> None:
    order = bound.post("/orders", world.order({"A": 2})).get_json()
    assert (order["connection"], [each["id"] for each in bound.get("/orders").get_json()["data"]]) == (
        "other", [order["id"]],
    )  # fmt: skip
    [work] = bound.get(f"/orders/{order['id']}").get_json()["fulfillment_orders"]
    assert bound.get(f"/fulfillment-orders/{work}").status_code == 200
    parcel = bound.post("/shipments", {"external_id": "S1", "fulfillment": work, "tracking_number": "T7"})
    assert parcel.status_code == 201
    fact = {"tracking_number": "T7", "status": "in_transit", "occurred_at": "2026-11-22T08:00:00Z"}
    assert bound.post("/tracking-events", fact).status_code == 201
    assert len(bound.get("/tracking-events").get_json()["data"]) == 1
    reserved = bound.post("/reservations", {"lines": [{"sku": "B", "quantity": "1"}]}).get_json()
    assert reserved["connection"] == "other"
    assert bound.post(f"/reservations/{reserved['id']}/release").get_json()["state"] == "released"
    many = bound.post("/reservations/batch", {"reservations": [{"lines": [{"sku": "B", "quantity": "1"}]}] * 2})
    assert [each["reservation"]["connection"] for each in many.get_json()["data"]] == ["other", "other"]
    told = {(each["order"], each["subject"]) for each in bound.get("/events").get_json()["data"]}
    assert {each for each, subject in told if subject != "connection"} == {order["id"]}
    # The warehouse system sees the work it was given, and nothing else of the order.
    wms = client_with(bound.app, world.store, *EVERYTHING, connection_id=world.wms)
    assert [each["id"] for each in wms.get("/fulfillment-orders").get_json()["data"]] == [work]
    assert wms.get(f"/shipments/{parcel.get_json()['id']}").status_code == 200
    assert code_of(wms.get(f"/orders/{order['id']}")) == FOREIGN


def test_a_key_of_one_connection_cannot_administer(api: Client) -> None:
    made = api.post("/keys", {"name": "x", "scopes": [ADMIN], "connection": "shop"})
    assert code_of(made) == (422, "KEY-SCOPE-422")
