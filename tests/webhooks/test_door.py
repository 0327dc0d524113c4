"""The webhook door with real connectors: what is let in, what is refused, and that nothing is kept of a refusal."""

import base64
import hmac
import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from config.settings import Limits, Settings
from connectors.sdk import webhook
from connectors.sdk.registry import Registry
from core.domain.vocabulary import Mode
from core.services import connections
from core.services.secretbox import SecretBox
from core.store.unit import Store
from tests.webhooks.conftest import SECRET, code_of
from webhooks.app import create_app
from webhooks.runtime import EXTENSION, Runtime

SHOP_SECRET, WMS_SECRET = "shop webhook secret", "wms webhook secret"
LIMIT = 50_000
ORDER = {"id": 820982911946154508, "name": "#1001", "line_items": []}


class Doorstep:
    """Calls the door as partners do."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.registry = Registry()
        self.box = SecretBox(SECRET)
        with store.begin() as unit:
            self.shop = connections.add_connection(
                unit, self.registry, self.box, name="shop-eu", connector="shopify",
                settings={"shop_domain": "example.myshopify.com", "location_id": "1"},
                secrets={"access_token": "shpat_x", "webhook_secret": SHOP_SECRET},
            )  # fmt: skip
            self.wms = connections.add_connection(
                unit, self.registry, self.box, name="wms-1", connector="rest-wms",
                settings={"base_url": "https://wms.example.com", "warehouse": "W1"},
                secrets={"api_key": "k", "webhook_secret": WMS_SECRET},
            )  # fmt: skip
        settings = Settings(limits=Limits(max_body_bytes=LIMIT))
        self.app: Flask = create_app(Runtime(settings, store, self.registry, SECRET))

    def signed(
        self, body: bytes, *, name: str = "rest-wms", topic: str = "ping", identifier: str = "d1",
        secret: str = WMS_SECRET, at: datetime | None = None,
    ) -> dict[str, str]:  # fmt: skip
        manifest = self.registry.manifest(name)
        assert manifest is not None
        assert manifest.webhook is not None
        return webhook.sign(
            manifest.webhook, secret, body, topic=topic, identifier=identifier, at=at or datetime.now(UTC)
        )

    def post(self, name: str, body: bytes, headers: dict[str, str], **more: Any) -> TestResponse:
        return self.app.test_client().post(f"/webhooks/{name}", data=body, headers=headers, **more)

    def messages(self) -> list[Any]:
        with self.store.read() as conn:
            return list(conn.execute(text("SELECT * FROM message ORDER BY id")))


@pytest.fixture
def door(store: Store) -> Iterator[Doorstep]:
    made = Doorstep(store)
    yield made
    made.app.extensions[EXTENSION].accounts.close()


def test_a_signed_call_is_stored_once_with_its_bytes(door: Doorstep) -> None:
    body = orjson.dumps(ORDER)
    headers = door.signed(body, name="shopify", topic="orders/create", identifier="e1", secret=SHOP_SECRET)
    first = door.post("shop-eu", body, headers)
    again = door.post("shop-eu", body, headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json()["duplicate"] is False
    assert again.get_json() == {**first.get_json(), "duplicate": True}
    [message] = door.messages()
    assert first.get_json()["message_id"] == f"msg_{message.id.hex}"
    assert bytes(message.body) == body
    assert (message.topic, message.via, message.state, message.repeats) == ("orders/create", "webhook", "received", 1)
    assert message.connection_id == door.shop
    assert SHOP_SECRET not in str(message.headers)
    assert not {"x-shopify-hmac-sha256", "authorization"} & {
        key for key, value in message.headers.items() if value != "[redacted]"
    }


def test_calls_from_the_past_and_the_future_are_refused(door: Doorstep) -> None:
    for minutes, code in ((-20, "HOOK-STALE-401"), (20, "HOOK-FUTURE-401")):
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        assert code_of(door.post("wms-1", b"{}", door.signed(b"{}", at=at))) == (401, code)
    assert door.messages() == []


def test_what_is_not_authentic_is_refused(door: Doorstep) -> None:
    good = door.signed(b"{}")
    cases = {
        "tampered body": (b'{"a":1}', good),
        "another secret": (b"{}", door.signed(b"{}", secret="wrong")),
        "no signature": (b"{}", {"Content-Type": "application/json"}),
        "another time": (b"{}", {**good, "X-WMS-Time": str(int(datetime.now(UTC).timestamp()) - 5)}),
        "odd letters": (b"{}", {**good, "X-WMS-Signature": "sha256=\xff\xfe"}),
    }
    for case, (body, headers) in cases.items():
        answer = door.post("wms-1", body, headers)
        assert answer.status_code == 401, case
        assert answer.content_type == "application/problem+json", case
        assert "WWW-Authenticate" not in answer.headers, case
    assert door.messages() == []


def test_unknown_off_and_odd_names(door: Doorstep) -> None:
    headers = door.signed(b"{}")
    for name in ("nobody", "WMS-1", "wms-1/", "wms-1/x", "", "%00", "a" * 500, "..", "con_0"):
        assert code_of(door.post(name, b"{}", headers)) == (404, "HOOK-UNKNOWN-404"), name
    with door.store.begin() as unit:
        connections.set_mode(unit, door.wms, Mode.OFF)
    door.app.extensions[EXTENSION].accounts.close()
    assert code_of(door.post("wms-1", b"{}", headers)) == (404, "HOOK-UNKNOWN-404")
    assert door.messages() == []


def test_a_new_connection_has_its_door_at_once(door: Doorstep) -> None:
    assert door.post("wms-1", b"{}", door.signed(b"{}")).status_code == 202
    with door.store.begin() as unit:
        connections.add_connection(
            unit, door.registry, door.box, name="wms-2", connector="rest-wms",
            settings={"base_url": "https://wms.example.com", "warehouse": "W2"},
            secrets={"api_key": "k", "webhook_secret": WMS_SECRET},
        )  # fmt: skip
    threading.Event().wait(0.06)  # inventing names must not make us ask the database more often
    assert door.post("wms-2", b"{}", door.signed(b"{}")).status_code == 202


def test_old_secrets_are_accepted_while_they_rotate(door: Doorstep) -> None:
    with door.store.begin() as unit:
        connections.rotate_secrets(unit, door.box, door.wms, {"webhook_secret": "the new one"})
    assert door.post("wms-1", b"{}", door.signed(b"{}", identifier="d1")).status_code == 202
    assert door.post("wms-1", b"{}", door.signed(b"{}", identifier="d2", secret="the new one")).status_code == 202
    with door.store.begin() as unit:
        unit.conn.execute(text("UPDATE connection SET secrets_rotated_at = now() - interval '25 hours'"))
    door.app.extensions[EXTENSION].accounts.close()
    assert door.post("wms-1", b"{}", door.signed(b"{}", identifier="d3")).status_code == 401
    assert len(door.messages()) == 2


def test_size_is_refused_before_reading_and_while_reading(door: Doorstep) -> None:
    large = b"x" * (LIMIT + 1)
    assert code_of(door.post("wms-1", large, door.signed(large))) == (413, "HTTP-SIZE-413")

    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            assert size >= 0
            self.given += size
            return b"x" * size

    stream = Endless()
    environ = {
        "PATH_INFO": "/webhooks/wms-1", "REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json",
        "wsgi.input": stream, "wsgi.input_terminated": True,
    }  # fmt: skip
    said: list[str] = []

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        said.append(status)

    list(door.app.wsgi_app(environ, start))
    assert said == ["413 Refused"]
    assert stream.given <= LIMIT + 70_000
    assert door.messages() == []


def test_other_types_are_refused(door: Doorstep) -> None:
    for headers in (
        {"Content-Type": "text/html"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json; charset=utf-16"},
    ):
        signed = {key: value for key, value in door.signed(b"{}").items() if key != "content-type"}
        answer = door.post("wms-1", b"{}", {**signed, **headers})
        assert code_of(answer) == (415, "HTTP-TYPE-415"), headers
    assert door.messages() == []


def test_methods_and_announced_lengths(door: Doorstep) -> None:
    client = door.app.test_client()
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = client.open("/webhooks/wms-1", method=method)
        assert code_of(answer) == (405, "HTTP-METHOD-405")
        assert answer.headers["Allow"] == "POST"
    for length in ("-1", "1e3", "9" * 5_000, "٣"):
        answer = client.post(
            "/webhooks/wms-1",
            headers={"Content-Type": "application/json"},
            environ_overrides={"CONTENT_LENGTH": length},
        )
        assert answer.status_code in (400, 413)
    short = client.post(
        "/webhooks/wms-1", data=b"{}", headers=door.signed(b"{}"), environ_overrides={"CONTENT_LENGTH": "20"}
    )
    assert code_of(short) == (400, "HTTP-REQUEST-400")
    assert door.messages() == []


def test_words_no_database_holds_are_refused(door: Doorstep) -> None:
    for topic, identifier in (("ping\x00", "d1"), ("p" * 600, "d2"), ("", "d3")):
        headers = door.signed(b"{}", topic=topic.replace("\x00", ""), identifier=identifier)
        environ = {"HTTP_X_WMS_TOPIC": topic}
        assert door.post("wms-1", b"{}", headers, environ_overrides=environ).status_code in (202, 400, 422)
    long = "d" * 5_000
    assert door.post("wms-1", b"{}", door.signed(b"{}", identifier=long)).status_code in (202, 422)


def test_a_platforms_own_terms(store: Store, door: Doorstep) -> None:
    from core.ports.webhooks import WebhookTerms
    from webhooks.accounts import Account

    accounts = door.app.extensions[EXTENSION].accounts
    assert door.post("wms-1", b"{}", door.signed(b"{}")).status_code == 202
    account: Account = accounts.get("wms-1")
    account.terms = WebhookTerms(204, ("application/json", "text/plain"), "hub.challenge")
    taken = door.post("wms-1", b"{}", {**door.signed(b"{}", identifier="d2"), "content-type": "text/plain"})
    assert (taken.status_code, taken.data) == (204, b"")
    client = door.app.test_client()
    proof = client.get("/webhooks/wms-1?hub.challenge=%3Cb%3E42")
    assert (proof.status_code, proof.data, proof.mimetype) == (200, b"<b>42", "text/plain")
    assert code_of(client.get("/webhooks/wms-1")) == (400, "HOOK-CHALLENGE-400")


def test_when_it_cannot_be_stored_the_sender_tries_again(door: Doorstep) -> None:
    assert door.post("wms-1", b"{}", door.signed(b"{}")).status_code == 202
    with door.store.begin() as unit:
        unit.conn.execute(text("ALTER TABLE message RENAME TO message_away"))
    answer = door.post("wms-1", b"{}", door.signed(b"{}", identifier="d2"))
    assert code_of(answer) == (503, "INTAKE-STORE-503")
    assert int(answer.headers["Retry-After"]) >= 1
    with door.store.begin() as unit:
        unit.conn.execute(text("ALTER TABLE message_away RENAME TO message"))
    assert door.post("wms-1", b"{}", door.signed(b"{}", identifier="d2")).status_code == 202
    assert len(door.messages()) == 2


def test_a_broken_connection_does_not_shut_the_others(door: Doorstep) -> None:
    with door.store.begin() as unit:
        unit.conn.execute(text("UPDATE connection SET secrets = '\\x00', version = 9 WHERE name = 'shop-eu'"))
    door.app.extensions[EXTENSION].accounts.close()
    answer = door.post("shop-eu", b"{}", {"Content-Type": "application/json"})
    assert code_of(answer) == (503, "HOOK-BROKEN-503")
    assert door.post("wms-1", b"{}", door.signed(b"{}")).status_code == 202


def test_many_at_once_are_each_stored_once(door: Doorstep) -> None:
    calls = [(str(number % 20), f"d{number % 20}") for number in range(80)]
    found: list[tuple[str, str]] = []

    def run(mine: list[tuple[str, str]]) -> None:
        for _, identifier in mine:
            answer = door.post("wms-1", b"{}", door.signed(b"{}", identifier=identifier))
            assert answer.status_code == 202
            found.append((identifier, answer.get_json()["message_id"]))

    threads = [threading.Thread(target=run, args=(calls[part::4],)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert len(set(found)) == len(door.messages()) == 20
    page = door.app.test_client().get("/metrics").text
    assert 'crossdock_webhooks_total{connection="wms-1",outcome="duplicate"}' in page


def test_the_hmac_is_the_platforms_own(door: Doorstep) -> None:
    body = orjson.dumps(ORDER)
    proof = base64.b64encode(hmac.digest(SHOP_SECRET.encode(), body, "sha256")).decode()
    headers = {
        "Content-Type": "application/json", "X-Shopify-Topic": "orders/create", "X-Shopify-Hmac-Sha256": proof,
        "X-Shopify-Event-Id": "e9", "X-Shopify-Webhook-Id": "w9",
        "X-Shopify-Triggered-At": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    assert door.post("shop-eu", body, headers).status_code == 202
    assert door.messages()[0].dedupe_key == "orders/create:e9"
