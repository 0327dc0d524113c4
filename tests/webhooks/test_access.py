"""Who may do what, what an unknown address answers, and the headers of every answer."""

import pytest
from flask import Flask

from core.domain.ids import parse_id
from core.services.access import revoke_key
from tests.core.world import World
from tests.webhooks.conftest import SECRET, Client, Shared, client_with, code_of


def test_without_a_valid_key_nothing_is_answered(app: Flask, world: World) -> None:
    nobody = Client(app, None)
    for path in ("/orders", "/items", "/keys", "/events", "/stock"):
        assert code_of(nobody.get(path)) == (401, "API-KEY-401")
    for wrong in ("", "x", "cd_live_00000000_" + "0" * 32 + "_000000"):
        answer = Client(app, wrong).get("/orders")
        assert code_of(answer) == (401, "API-KEY-401")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert nobody.get("/orders", headers={"Authorization": "Basic YTpi"}).status_code == 401
    assert nobody.post("/orders", {"nonsense": True}).status_code == 401


def test_scopes_open_their_area_only(app: Flask, world: World) -> None:
    reader = client_with(app, world.store, "orders:read", "stock:write")
    assert reader.get("/orders").status_code == 200
    assert reader.get("/stock").status_code == 200
    assert code_of(reader.post("/orders", world.order({"A": 1}))) == (403, "API-SCOPE-403")
    assert code_of(reader.get("/items")) == (403, "API-SCOPE-403")
    assert code_of(reader.get("/keys")) == (403, "API-SCOPE-403")
    assert world.all("SELECT 1 FROM orders") == []


def test_a_revoked_key_is_useless_at_once_and_use_is_noted(app: Flask, world: World, api: Client) -> None:
    made = api.post("/keys", {"name": "erp", "scopes": ["orders:read"]})
    assert made.status_code == 201
    shown = made.get_json()
    erp = Client(app, shown["key"])
    assert erp.get("/orders").status_code == 200
    read = api.get(f"/keys/{shown['id']}")
    assert read.get_json()["last_used_at"] is not None
    assert "key" not in read.get_json()
    with world.store.begin() as unit:
        revoke_key(unit, parse_id("key", shown["id"]))
    assert erp.get("/orders").status_code == 401
    assert [each["name"] for each in api.get("/keys").get_json()["data"]] == ["erp", "test"]
    assert code_of(api.post("/keys", {"name": "x", "scopes": ["orders:eat"]})) == (422, "KEY-SCOPE-422")


def test_a_repeated_key_request_does_not_show_the_key_again(api: Client, world: World) -> None:
    body, headers = {"name": "erp", "scopes": ["orders:read"]}, {"Idempotency-Key": "k1"}
    first = api.post("/keys", body, headers=headers)
    again = api.post("/keys", body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.get_json() == {**first.get_json(), "key": None}
    kept = world.one("SELECT body FROM idempotency").body
    assert first.get_json()["key"].split("_")[3].encode() not in bytes(kept)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nothing", (404, "HTTP-PATH-404")),
        ("DELETE", "/orders", (405, "HTTP-METHOD-405")),
        ("GET", "/orders/", (404, "HTTP-PATH-404")),
        ("GET", "/orders/ord_x", (404, "HUB-MISSING-404")),
        ("GET", f"/orders/ord_{0:032x}", (404, "HUB-MISSING-404")),
        ("GET", f"/orders/msg_{0:032x}", (404, "HUB-MISSING-404")),
        ("GET", "/orders?limit=0", (422, "INPUT-INVALID-400")),
        ("GET", "/orders?limit=x", (422, "INPUT-INVALID-400")),
        ("GET", "/orders?sort=up", (422, "INPUT-INVALID-400")),
        ("GET", "/orders?since=yesterday", (422, "INPUT-INVALID-400")),
        ("GET", "/orders?number=%00", (422, "HTTP-NUL-422")),
        ("GET", "/orders?cursor=abc", (422, "API-CURSOR-422")),
        ("GET", "/items?cursor=WyJhIl0.x", (422, "API-CURSOR-422")),
    ],
)
def test_refusals_are_problem_documents(shared_api: Shared, method: str, path: str, expected: tuple[int, str]) -> None:
    answer = shared_api.call(method, path)
    assert code_of(answer) == expected
    assert answer.get_json()["type"] == f"urn:crossdock:problem:{expected[1]}"
    if expected[0] == 405:
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_every_answer_carries_the_security_headers(app: Flask, api: Client) -> None:
    for answer in (api.get("/orders"), app.test_client().get("/nowhere"), app.test_client().get("/healthz")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_health_readiness_and_figures(app: Flask, world: World) -> None:
    client = app.test_client()
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert client.get("/readyz").get_json()["status"] == "ready"
    page = client.get("/metrics")
    assert page.status_code == 200
    for line in ("crossdock_positions_oversold 0.0", "crossdock_messages_waiting 0.0", "crossdock_deliveries_dead 0.0"):
        assert line in page.text.splitlines()
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/metrics", environ_overrides=elsewhere).status_code == 401
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    admin = client_with(app, world.store, "admin").token
    given = {"Authorization": f"Bearer {admin}"}
    assert client.get("/metrics", environ_overrides=elsewhere, headers=given).status_code == 200
    assert SECRET not in page.text


def test_not_ready_with_an_older_schema(app: Flask, world: World) -> None:
    from sqlalchemy import text

    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    answer = app.test_client().get("/readyz")
    assert code_of(answer) == (503, "READY-SCHEMA-503")
    assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize(
    ("path", "name", "word"),
    [
        ("/orders?phase=bogus", "phase", "backordered"), ("/orders?state=held,bogus", "state", "in_progress"),
        ("/messages?state=bogus", "state", "quarantined"), ("/messages?via=bogus", "via", "webhook"),
        ("/deliveries?state=bogus", "state", "dead"), ("/deliveries?kind=bogus", "kind", "push_order"),
        ("/exceptions?state=bogus", "state", "snoozed"), ("/exceptions?severity=bogus", "severity", "high"),
        ("/exceptions?code=bogus", "code", "STOCK-OUT-001"), ("/exceptions?kind=bogus", "kind", "address"),
        ("/fulfillment-orders?state=bogus", "state", "picking"), ("/shipments?state=bogus", "state", "lost"),
        ("/tracking-events?status=bogus", "status", "delivered"), ("/reservations?state=bogus", "state", "expired"),
        ("/stock/movements?kind=bogus", "kind", "count"), ("/nodes?kind=bogus", "kind", "supplier"),
        ("/connections?mode=bogus", "mode", "shadow"), ("/protection-rules?kind=bogus", "kind", "floor"),
    ],
)  # fmt: skip
def test_a_word_no_filter_knows_is_no_empty_success(shared_api: Shared, path: str, name: str, word: str) -> None:
    refused = shared_api.get(path)
    assert code_of(refused) == (422, "INPUT-INVALID-400")
    [error] = refused.get_json()["errors"]
    assert error["path"] == name
    assert word in error["reason"].removeprefix("must be one of: ").split(", ")


@pytest.mark.parametrize(
    "path",
    [
        "/orders?connection=nope", "/messages?connection=nope", "/deliveries?connection=nope",
        "/exceptions?connection=nope", "/refunds?connection=nope", "/protection-rules?connection=shop,nope",
        "/fulfillment-orders?node=nope", "/shipments?node=HAM,nope", "/stock?node=nope", "/stock/movements?node=nope",
    ],
)  # fmt: skip
def test_a_name_nobody_has_is_no_empty_success(shared_api: Shared, path: str) -> None:
    refused = shared_api.get(path)
    assert code_of(refused) == (404, "HUB-MISSING-404")
    assert "'nope'" in refused.get_json()["detail"]
