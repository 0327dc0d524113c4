"""Signatures against published vectors and forged calls; topics and dedupe keys."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk import webhook as proof
from connectors.sdk.manifest import Webhook
from core.errors import InputError, Misconfigured, SignatureRefused
from core.ports.connectors import WebhookRequest

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TIMED = Webhook(
    "hmac-sha256",
    secret="key",
    header="x-sig",
    prefix="v0=",
    signed="{id}:{time}:{body}",
    id_header="x-id",
    event_header="x-event",
    topic_header="x-topic",
    time_header="x-time",
)
PLAIN = Webhook("hmac-sha256", secret="key", header="x-sig", encoding="base64", topic_header="x-topic")
STANDARD = Webhook("standard-webhooks", secret="key", topic_path="type")
BEARER = Webhook("bearer", secret="key", header="authorization", prefix="Bearer ", topic_header="x-topic")
SECRETS = {
    "TIMED": (TIMED, "sesame"),
    "PLAIN": (PLAIN, "sesame"),
    "STANDARD": (STANDARD, "whsec_" + base64.b64encode(b"sesame" * 4).decode()),
    "BEARER": (BEARER, "sesame"),
}


def signed(table: Webhook, secret: str, body: bytes, at: datetime = NOW, identifier: str = "d1") -> WebhookRequest:
    headers = proof.sign(table, secret, body, topic="order.made", identifier=identifier, at=at)
    return WebhookRequest(headers, body, NOW)


def test_standard_webhooks_vector() -> None:
    """The example of the Standard Webhooks specification's reference libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert proof.verify(STANDARD, WebhookRequest(headers, body, at), [secret]) == at
    several = {**headers, "webhook-signature": "v1,AAAA v2,x " + headers["webhook-signature"]}
    assert proof.verify(STANDARD, WebhookRequest(several, body, at), [secret]) == at


def test_plain_hmac_vector() -> None:
    """RFC 4231, test case 2."""
    table = replace(PLAIN, encoding="hex")
    body = b"what do ya want for nothing?"
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    proof.verify(table, WebhookRequest({"x-sig": digest}, body, NOW), ["Jefe"])
    proof.verify(table, WebhookRequest({"x-sig": digest.upper()}, body, NOW), ["Jefe"])


@pytest.mark.parametrize("name", sorted(SECRETS))
@given(body=st.binary(max_size=200))
def test_what_is_signed_verifies(name: str, body: bytes) -> None:
    table, secret = SECRETS[name]
    proof.verify(table, signed(table, secret, body), [secret])
    proof.verify(table, signed(table, secret, body), ["", secret])


@given(body=st.binary(min_size=1, max_size=60), place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_changed_bit_verifies(body: bytes, place: int, bit: int) -> None:
    at = place % len(body)
    changed = body[:at] + bytes([body[at] ^ (1 << bit)]) + body[at + 1 :]
    for name in ("TIMED", "PLAIN", "STANDARD"):
        table, secret = SECRETS[name]
        request = signed(table, secret, body)
        with pytest.raises(SignatureRefused):
            proof.verify(table, WebhookRequest(request.headers, changed, NOW), [secret])


@pytest.mark.parametrize(("header", "value"), [("x-time", "1772452801"), ("x-id", "d2")])
def test_signed_headers_cannot_be_changed(header: str, value: str) -> None:
    request = signed(TIMED, "sesame", b"{}")
    with pytest.raises(SignatureRefused):
        proof.verify(TIMED, WebhookRequest({**request.headers, header: value}, b"{}", NOW), ["sesame"])


@pytest.mark.parametrize(
    ("seconds", "code"), [(300, None), (-300, None), (301, "HOOK-STALE-401"), (-301, "HOOK-FUTURE-401")]
)
def test_the_window_is_open_both_ways(seconds: int, code: str | None) -> None:
    request = signed(TIMED, "sesame", b"{}", NOW - timedelta(seconds=seconds))
    if code is None:
        proof.verify(TIMED, request, ["sesame"])
        return
    with pytest.raises(SignatureRefused) as caught:
        proof.verify(TIMED, request, ["sesame"])
    assert caught.value.error_code == code


@pytest.mark.parametrize("text", ["", "soon", "2026-03-02T12:00:00", "99999999999999", "-1", "NaN", "1e9"])
def test_a_time_nobody_can_read_is_refused(text: str) -> None:
    table = replace(TIMED, signed="{body}")
    headers = {**signed(table, "sesame", b"{}").headers, "x-time": text}
    with pytest.raises(SignatureRefused):
        proof.verify(table, WebhookRequest(headers, b"{}", NOW), ["sesame"])


@pytest.mark.parametrize("text", ["1772452800", "1772452800.25", "2026-03-02T12:00:00Z", "2026-03-02T13:00:00+01:00"])
def test_times_are_unix_or_iso(text: str) -> None:
    assert proof.instant(text).replace(microsecond=0) == NOW


def test_a_connection_without_secret_takes_nothing() -> None:
    """An empty key would make every forged call authentic."""
    request = signed(PLAIN, "", b"{}")
    with pytest.raises(Misconfigured):
        proof.verify(PLAIN, request, ["", ""])


def test_a_key_that_is_not_base64_is_a_wrong_setting() -> None:
    headers = {"webhook-id": "a", "webhook-timestamp": "1772452800", "webhook-signature": "v1,x"}
    with pytest.raises(Misconfigured, match="not one of Standard Webhooks"):
        proof.verify(STANDARD, WebhookRequest(headers, b"", NOW), ["whsec_%%%"])


def test_dedupe_keys() -> None:
    body = b"{}"
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert proof.dedupe_key(TIMED, {"x-event": "e", "x-id": "d"}, "t", body) == "t:e"
    assert proof.dedupe_key(TIMED, {"x-id": "d"}, "t", body) == "t:d"
    assert proof.dedupe_key(TIMED, {}, "t", body) == f"t:sha256:{digest}"
    assert proof.dedupe_key(PLAIN, {"x-event": "e"}, "t", body) == f"t:sha256:{digest}"
    # An endless id cannot become an endless key.
    assert proof.dedupe_key(TIMED, {"x-event": "e" * 201}, "t", body) == f"t:sha256:{digest}"


def test_topics() -> None:
    nested = Webhook("custom", topic_path="event.type")
    assert proof.topic_of(PLAIN, {"x-topic": "a"}, None) == "a"
    assert proof.topic_of(nested, {}, {"event": {"type": "b"}}) == "b"
    odd: list[object] = [None, [], {}, {"event": "x"}, {"event": {"type": 5}}, {"event": {"type": "x" * 201}}]
    for document in odd:
        with pytest.raises(InputError) as caught:
            proof.topic_of(nested, {}, document)
        assert caught.value.error_code == "HOOK-TOPIC-400"
