"""Orders over the API: submit, read back, list, page, hold, release, cancel, and every refusal exactly."""

import threading
from typing import Any

import orjson
import pytest
from flask import Flask

from core.store.unit import Store
from tests.core.world import World
from tests.webhooks.conftest import Client, Shared, client_with, code_of

FULL: dict[str, Any] = {
    "connection": "shop", "external_id": "820982911946154508", "number": "#1001", "type": "b2c",
    "placed_at": "2026-11-20T09:41:00Z", "currency": "EUR", "requested_ship_date": None,
    "requested_delivery_date": "2026-11-27", "service_level": "standard", "partial_shipment_allowed": True,
    "tags": ["vip"], "note": None,
    "buyer": {"name": "Ada Jensen", "email": "Ada@Example.com", "phone": None, "company": None, "vat_id": None,
              "gln": None, "external_id": "115310627314723954"},
    "ship_to": {"name": "Ada Jensen", "company": None, "line1": "Nygade 4", "line2": None, "city": "Aarhus",
                "region": None, "postal_code": "8000", "country": "DK", "phone": None, "gln": None,
                "external_id": None},
    "bill_to": None,
    "lines": [{"external_id": "866550311766439020", "position": 1, "sku": "A",
               "item_ref": {"scheme": "variant", "code": "vA"}, "title": "Mug 350 ml, green", "quantity": "2",
               "unit": "C62", "unit_price": "19.90", "discount": "0.00",
               "taxes": [{"title": "MOMS", "rate": "0.25", "amount": "7.96"}], "tax_included": True}],
    "charges": [{"kind": "shipping", "title": "DHL", "amount": "4.90", "tax": "0.98"}],
    "payments": [{"kind": "authorization", "gateway": "card", "amount": "44.70", "currency": "EUR",
                  "external_id": "p1", "at": "2026-11-20T09:41:02Z"}],
    "totals": {"lines": "39.80", "discount": "0.00", "charges": "4.90", "tax": "8.94", "grand": "44.70"},
}  # fmt: skip


def test_an_order_comes_back_as_it_was_sent(api: Client, world: World) -> None:
    answer = api.post("/orders", FULL)
    assert answer.status_code == 201
    shown = answer.get_json()
    assert answer.headers["Location"] == f"/api/v1/orders/{shown['id']}"
    assert answer.headers["ETag"] == f'"v{shown["version"]}"'
    server = {"state": "in_progress", "phase": "releasing", "connection": "shop", "holds": []}
    assert {key: shown[key] for key in server} == server
    for key, value in FULL.items():
        if key not in ("lines", "payments"):
            assert shown[key] == value, key
    [line] = shown["lines"]
    assert {key: line[key] for key in FULL["lines"][0]} == FULL["lines"][0]
    moved = {key: line[key] for key in ("open", "reserved", "allocated", "shipped", "canceled", "returned")}
    assert moved == {"open": "2", "reserved": "0", "allocated": "2", "shipped": "0", "canceled": "0", "returned": "0"}
    assert len(shown["fulfillment_orders"]) == 1
    read = api.get(f"/orders/{shown['id']}")
    assert read.get_json() == shown
    assert api.get(f"/orders/{shown['id']}", headers={"If-None-Match": read.headers["ETag"]}).status_code == 304
    kinds = [entry["kind"] for entry in api.get(f"/orders/{shown['id']}/timeline").get_json()["data"]]
    assert set(kinds) == {"event", "message", "delivery", "decision"}
    world.check_books()


def test_the_same_order_again_is_the_same_order(api: Client, world: World) -> None:
    first = api.post("/orders", FULL)
    again = api.post("/orders", FULL)
    changed = api.post("/orders", {**FULL, "note": "Ring twice", "source_version": 2})
    assert [each.status_code for each in (first, again, changed)] == [201, 200, 200]
    assert again.get_json() == first.get_json()
    assert changed.get_json()["id"] == first.get_json()["id"]
    assert changed.get_json()["note"] == "Ring twice"
    assert world.one("SELECT count(*) AS n FROM orders").n == 1


REFUSED: dict[str, tuple[Any, str]] = {
    "unknown field": ({**FULL, "extra": 1}, "extra"),
    "server field": ({**FULL, "state": "completed"}, "state"),
    "no lines": ({**FULL, "lines": []}, "lines"),
    "no external id": ({key: value for key, value in FULL.items() if key != "external_id"}, "external_id"),
    "currency": ({**FULL, "currency": "EURO"}, "currency"),
    "time without zone": ({**FULL, "placed_at": "2026-11-20T09:41:00"}, "placed_at"),
    "negative units": ({**FULL, "lines": [{**FULL["lines"][0], "quantity": "-1"}]}, "lines.0.quantity"),
    "not a number": ({**FULL, "lines": [{**FULL["lines"][0], "quantity": "NaN"}]}, "lines.0.quantity"),
    "endless number": ({**FULL, "lines": [{**FULL["lines"][0], "quantity": "1e400"}]}, "lines.0.quantity"),
    "wrong type": ({**FULL, "lines": {"0": {}}}, "lines"),
    "a text": ("order", ""),
    "a list": ([FULL], ""),
    "no such connection": ({**FULL, "connection": "nobody"}, "connection"),
    "no connection": ({key: value for key, value in FULL.items() if key != "connection"}, "connection"),
    "country": ({**FULL, "ship_to": {**FULL["ship_to"], "country": "Denmark"}}, "ship_to.country"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_with_its_path(shared_api: Shared, case: str) -> None:
    body, path = REFUSED[case]
    answer = shared_api.post("/orders", body)
    assert answer.status_code == 422
    assert path in {error["path"] for error in answer.get_json()["errors"]}
    shared_api.unchanged()


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"{", "application/json", (400, "JSON-SYNTAX-400")),
        (b'{"external_id": NaN}', "application/json", (400, "JSON-SYNTAX-400")),
        (b'{"external_id": 1e999}', "application/json", (400, "JSON-SYNTAX-400")),
        (b'{"note": "\xff"}', "application/json", (400, "JSON-SYNTAX-400")),
        (b'{"note": "\\ud800"}', "application/json", (400, "JSON-SYNTAX-400")),
        (b'{"note": "a\\u0000b"}', "application/json", (400, "JSON-NUL-400")),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "application/json", (400, "JSON-DEPTH-400")),
        (b"[" * 100_000, "application/json", (400, "JSON-DEPTH-400")),
        (b'{"source_version": ' + b"9" * 5_000 + b"}", "application/json", (400, "JSON-SYNTAX-400")),
        (b"{}", "text/plain", (415, "HTTP-TYPE-415")),
        (b"{}", "application/json; charset=utf-16", (415, "HTTP-TYPE-415")),
        (b"a=b", "application/x-www-form-urlencoded", (415, "HTTP-TYPE-415")),
        (b" " * (2 * 2**20 + 1), "application/json", (413, "HTTP-SIZE-413")),
    ],
)
def test_bodies_that_are_not_json(shared_api: Shared, body: bytes, content_type: str, expected: Any) -> None:
    assert code_of(shared_api.call("POST", "/orders", data=body, content_type=content_type)) == expected
    shared_api.unchanged()


def test_a_body_in_chunks_is_never_cut(shared_api: Shared) -> None:
    import io

    for size, expected in ((2 * 2**20 + 1, (413, "HTTP-SIZE-413")), (2, (422, "INPUT-INVALID-400"))):
        body = io.BytesIO(b"{}" + b" " * (size - 2))
        environ = {"wsgi.input_terminated": True, "wsgi.input": body, "CONTENT_LENGTH": ""}
        answer = shared_api.call("POST", "/orders", content_type="application/json", environ_overrides=environ)
        assert code_of(answer) == expected


def test_numbers_the_database_cannot_hold_change_nothing(api: Client, world: World) -> None:
    answer = api.post("/orders", {**FULL, "source_version": 2**80})
    assert answer.status_code == 422
    assert world.all("SELECT 1 FROM orders UNION ALL SELECT 1 FROM message") == []


def test_a_key_of_a_connection_submits_for_that_one_only(app: Flask, world: World) -> None:
    own = client_with(app, world.store, "orders:write", connection_id=world.shop)
    body = {key: value for key, value in FULL.items() if key != "connection"}
    answer = own.post("/orders", body)
    assert answer.status_code == 201
    assert answer.get_json()["connection"] == "shop"
    assert code_of(own.post("/orders", {**FULL, "connection": "erp"})) == (403, "API-SCOPE-403")


def test_lists_filter_and_page(api: Client, world: World) -> None:
    ids = [api.post("/orders", world.order({"A": 1}, connection="shop")).get_json()["id"] for _ in range(5)]
    other = api.post("/orders", {**world.order({"B": 1}, connection="erp"), "buyer": {"email": "Bo@example.com"}})
    newest = [other.get_json()["id"], *reversed(ids)]
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = api.get("/orders?limit=2" + (f"&cursor={cursor}" if cursor else "")).get_json()
        assert len(page["data"]) == 2
        seen += [order["id"] for order in page["data"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert (seen, pages) == (newest, 3)

    def found(query: str) -> list[str]:
        return [order["id"] for order in api.get(f"/orders?{query}").get_json()["data"]]

    assert found("connection=erp") == newest[:1]
    assert found("email=bo@EXAMPLE.com") == newest[:1]
    assert found("sku=B") == newest[:1]
    assert found("sku=A&external_id=X1") == [ids[0]]
    assert found("number=%231003") == [ids[2]]
    assert found("phase=held,ready") == []
    assert found("state=in_progress&phase=releasing&phase=held") == newest
    assert found("tracking=nothing") == []
    assert found("since=2100-01-01T00:00:00Z") == []
    assert found("placed_since=2020-01-01T00:00:00%2B01:00") == newest
    assert code_of(api.get(f"/items?cursor={cursor or 'x'}"))[0] == 422


def test_hold_and_release(api: Client, world: World) -> None:
    shown = api.post("/orders", {**world.order({"A": 1}), "connection": "shop"}).get_json()
    path = f"/orders/{shown['id']}"
    held = api.post(f"{path}/holds", {"detail": "Ask Ada"})
    assert held.status_code == 201
    assert held.get_json()["phase"] == "held"
    [hold] = held.get_json()["holds"]
    assert (hold["kind"], hold["detail"]) == ("manual", "Ask Ada")
    stale = {"If-Match": '"v1"'}
    assert code_of(api.post(f"{path}/holds/{hold['id']}/release", headers=stale)) == (412, "HUB-VERSION-412")
    assert api.get(path).get_json()["phase"] == "held"
    fresh = {"If-Match": held.headers["ETag"]}
    released = api.post(f"{path}/holds/{hold['id']}/release", headers=fresh)
    assert released.status_code == 200
    assert released.get_json()["holds"] == []
    assert code_of(api.post(f"{path}/holds/hld_{0:032x}/release"))[0] == 404
    assert code_of(api.post(f"{path}/holds", {"kind": "sleepy", "detail": "x"}))[0] == 422


def test_cancel_in_part_and_whole(api: Client, world: World) -> None:
    world_levels = world.one("SELECT sum(allocated) AS n FROM stock_position").n
    assert world_levels == 0
    shown = api.post("/orders", {**world.order({"A": 30}), "connection": "shop"}).get_json()
    assert shown["phase"] == "backordered"
    path = f"/orders/{shown['id']}"
    part = api.post(f"{path}/cancel", {"lines": [{"line": "L1", "quantity": "5"}], "reason": "Too many"})
    assert part.status_code == 200
    assert part.get_json()["change"]["state"] == "confirmed"
    assert part.get_json()["lines"][0]["canceled"] == "5"
    wrong = api.post(f"{path}/cancel", {"lines": [{"line": "L9", "quantity": "5"}]})
    assert wrong.status_code == 422
    assert wrong.get_json()["errors"] == [{"path": "lines.0.line", "reason": "The order has no such line."}]
    assert api.post(f"{path}/cancel", {"lines": [{"line": "L1", "quantity": "500"}]}).status_code == 409
    whole = api.post(f"{path}/cancel")
    assert (whole.get_json()["state"], whole.get_json()["phase"]) == ("canceled", "canceled")
    late = api.post(f"{path}/cancel")
    assert late.get_json()["change"]["state"] == "declined"
    world.check_books()


def test_an_idempotency_key_makes_a_request_happen_once(api: Client, app: Flask, world: World) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = api.post("/orders", FULL, headers=key)
    again = api.post("/orders", FULL, headers=key)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Location"] == first.headers["Location"]
    other = api.post("/orders", {**FULL, "note": "other"}, headers=key)
    assert code_of(other) == (422, "API-IDEMPOTENCY-422")
    path = f"/orders/{first.get_json()['id']}/cancel"
    assert code_of(api.post(path, headers=key)) == (422, "API-IDEMPOTENCY-422")
    for bad in ("", "x" * 256, "with space"):
        assert code_of(api.post(path, headers={"Idempotency-Key": bad})) == (422, "API-IDEMPOTENCY-422")
    assert api.get(f"/orders/{first.get_json()['id']}").get_json()["state"] == "in_progress"
    # A refused request leaves the key free, and another API key has keys of its own.
    refused = {"Idempotency-Key": "order-2"}
    assert api.post("/orders", {**FULL, "lines": []}, headers=refused).status_code == 422
    assert api.post("/orders", FULL, headers=refused).status_code == 200
    twin = client_with(app, world.store, "admin")
    assert "Idempotency-Replayed" not in twin.post("/orders", FULL, headers=key).headers


def test_a_twin_in_flight_is_told_to_wait(api: Client, world: World, store: Store) -> None:
    import hashlib

    from sqlalchemy import text

    key_id = world.one("SELECT id FROM api_key").id
    digest = hashlib.sha256(f"1:{key_id.hex}:busy".encode()).digest()
    number = int.from_bytes(digest[:8], "big", signed=True)
    with store.begin() as unit:
        unit.conn.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": number})
        answer = api.post("/orders", FULL, headers={"Idempotency-Key": "busy"})
    assert code_of(answer) == (409, "API-IDEMPOTENCY-409")
    assert answer.headers["Retry-After"] == "1"
    assert world.all("SELECT 1 FROM orders") == []
    assert api.post("/orders", FULL, headers={"Idempotency-Key": "busy"}).status_code == 201


def test_twins_at_once_have_one_effect(api: Client, world: World) -> None:
    answers: list[int] = []

    def run() -> None:
        answer = api.post("/orders", FULL, headers={"Idempotency-Key": "race"})
        answers.append(answer.status_code)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert world.one("SELECT count(*) AS n FROM message").n == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"lines": [{**FULL["lines"][0], "quantity": "1_0"}]}, "lines.0.quantity"),
        ({"lines": [{**FULL["lines"][0], "quantity": "١٢"}]}, "lines.0.quantity"),
        ({"lines": [{**FULL["lines"][0], "unit_price": "-5"}]}, "lines.0.unit_price"),
        ({"lines": [FULL["lines"][0], {**FULL["lines"][0], "quantity": "1"}]}, "lines.1.external_id"),
        ({"placed_at": "2999-01-01T00:00:00Z"}, "placed_at"),
    ],
)
def test_what_no_order_means_is_refused(shared_api: Shared, change: dict[str, Any], path: str) -> None:
    refused = shared_api.post("/orders", {**FULL, "totals": None, **change})
    assert code_of(refused) == (422, "INPUT-INVALID-400")
    assert [each["path"] for each in refused.get_json()["errors"]] == [path]
    shared_api.unchanged()


def test_a_name_stands_once_in_an_object(shared_api: Shared) -> None:
    body = orjson.dumps(FULL).replace(b'"quantity":"2"', b'"quantity":"1","quantity":"3"')
    refused = shared_api.call("POST", "/orders", data=body, content_type="application/json")
    assert code_of(refused) == (400, "JSON-SYNTAX-400")
    assert "'quantity' stands twice" in refused.get_json()["detail"]
    shared_api.unchanged()


@pytest.mark.parametrize("figure", ["1_0", "١٢", "１２"])
def test_figures_are_in_ascii_digits(shared_api: Shared, figure: str) -> None:
    before = shared_api.rows()
    count = {"items": [{"sku": "A", "node": "HAM", "on_hand": figure}], "as_of": "2026-11-20T09:41:00Z"}
    delta = {"sku": "A", "node": "HAM", "delta": figure, "reason": "x"}
    for path, body in (("/stock", count), ("/stock/adjustments", delta)):
        assert code_of(shared_api.post(path, body)) == (422, "INPUT-INVALID-400")
    assert shared_api.rows() == before
