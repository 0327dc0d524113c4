"""Incoming calls: authentic ones are taken, all others refused, repeats recognized."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from connectors.sdk import webhook as proof
from connectors.sdk.checks.goldens import Incoming
from connectors.sdk.checks.results import Report, Skipped, expect, raised
from connectors.sdk.maps import load_module
from core.errors import SignatureRefused
from core.ports.connectors import WebhookRequest

if TYPE_CHECKING:
    from connectors.sdk.base import BaseConnector
    from connectors.sdk.checks.workbench import Workbench

OTHER = "another-secret-of-somebody-else-5d20"


class Caller:
    """Makes calls as the partner would, with the manifest's scheme or the simulator's own."""

    def __init__(self, bench: Workbench) -> None:
        table = bench.manifest.webhook
        if table is None:
            raise Skipped("it takes no webhooks")
        self.table = table
        self.bench = bench
        goldens = [each for each in bench.goldens.incoming() if each.topic and each.expected]
        mapped = [each for each in goldens if isinstance(each.expected, list)]
        if not mapped:
            raise Skipped("there is no golden message to send")
        self.golden: Incoming = mapped[0]
        self.other: Incoming = mapped[-1]

    def call(
        self,
        *,
        golden: Incoming | None = None,
        body: bytes | None = None,
        secret: str | None = None,
        delivery: str = "delivery-1",
        event: str = "event-1",
        ago: float = 0.0,
    ) -> WebhookRequest:
        """Return an authentic call.

        Args:
            body: put in its place after signing.
            secret: another one to sign with.
            ago: seconds since it was sent; negative for the future.
        """
        golden = golden or self.golden
        now = datetime.now(UTC)
        headers = self.signed(golden, secret, delivery, event, now - timedelta(seconds=ago))
        lower = {name.lower(): value for name, value in {**golden.headers, **headers}.items()}
        return WebhookRequest(lower, golden.body if body is None else body, now)

    def signed(
        self, golden: Incoming, secret: str | None, delivery: str, event: str, at: datetime
    ) -> Mapping[str, str]:
        """Return the headers of a call."""
        secrets = dict(self.bench.secrets)
        if self.table.secret and secret:
            secrets[self.table.secret] = secret
        topic = golden.topic or ""
        if self.table.scheme != "custom":
            return proof.sign(
                self.table,
                secrets[self.table.secret or ""],
                golden.body,
                topic=topic,
                identifier=delivery,
                event=event,
                at=at,
            )
        if not (self.bench.manifest.folder / "simulator.py").is_file():
            raise Skipped("its scheme is custom and it has no simulator to sign")
        partner = load_module(self.bench.manifest.folder, "simulator").Partner(secrets=secrets)
        try:
            headers: Mapping[str, str] = partner.signed_headers(topic, golden.body, delivery, event)
        finally:
            partner.discard()
        return headers


def check_intake(report: Report, bench: Workbench) -> None:
    """Check the webhook door of a connector."""
    connector = bench.open()
    for name, check in {
        "signature.good": good,
        "signature.tampered": tampered,
        "signature.other_secret": other_secret,
        "signature.missing": missing,
        "signature.stale": stale,
        "signature.future": future,
        "signature.rotation": rotation,
    }.items():
        with report.check("ingest", name, "signature"):
            check(bench, connector, Caller(bench))
    with report.check("ingest", "duplicate", "replay"):
        duplicate(connector, Caller(bench))
    with report.check("ingest", "distinct", "replay"):
        distinct(connector, Caller(bench))


def good(bench: Workbench, connector: BaseConnector, caller: Caller) -> None:
    """An authentic call is taken as it came, with its topic and without credentials."""
    request = caller.call()
    found = bench.watch(connector, partial(connector.verify_webhook, request))
    expect(found.body == request.body, "the stored body is not the body that came")
    expect(found.topic == caller.golden.topic, f"the topic is {found.topic}, {caller.golden.topic} expected")
    expect(0 < len(found.dedupe_key) <= 400, "the dedupe key is empty or endless")
    signature = request.headers.get(proof.signature_header(caller.table), "")
    expect(not signature or signature not in found.headers.values(), "the stored headers hold the signature")
    bench.shown.append(("stored headers", repr(found.headers)))


def tampered(bench: Workbench, connector: BaseConnector, caller: Caller) -> None:
    """One changed byte is refused."""
    if caller.table.scheme == "bearer":
        raise Skipped("a shared secret does not cover the body")
    body = caller.golden.body
    for place in {0, len(body) // 2, len(body) - 1}:
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        act = partial(connector.verify_webhook, caller.call(body=changed))
        raised(SignatureRefused, lambda act=act: bench.watch(connector, act), f"byte {place} was changed")  # type: ignore[misc]
    act = partial(connector.verify_webhook, caller.call(body=body + b" "))
    raised(SignatureRefused, lambda: bench.watch(connector, act), "a space was added")


def other_secret(bench: Workbench, connector: BaseConnector, caller: Caller) -> None:
    """A signature made with another secret is refused."""
    act = partial(connector.verify_webhook, caller.call(secret=other_than(caller)))
    raised(SignatureRefused, lambda: bench.watch(connector, act), "signed with another secret")


def other_than(caller: Caller) -> str:
    """Return a secret of the right form that is not the connection's."""
    if caller.table.scheme == "standard-webhooks":
        return "whsec_c29tZWJvZHkgZWxzZSdzIGtleSwgbm90IG91cnM="
    return OTHER


def missing(bench: Workbench, connector: BaseConnector, caller: Caller) -> None:
    """A call without its signature, or with an empty one, is refused."""
    request = caller.call()
    name = proof.signature_header(caller.table)
    if name not in request.headers:
        raise Skipped(f"a call of this scheme has no header {name}")
    for headers in (
        {key: value for key, value in request.headers.items() if key != name},
        {**request.headers, name: ""},
        {**request.headers, name: "0"},
        {**request.headers, name: "sigé\udc80"},
    ):
        act = partial(connector.verify_webhook, WebhookRequest(headers, request.body, request.received_at))
        raised(SignatureRefused, lambda act=act: bench.watch(connector, act), "no usable signature")  # type: ignore[misc]


def stale(bench: Workbench, connector: BaseConnector, caller: Caller) -> None:
    """A call recorded earlier than the window is refused, one within it is taken."""
    windowed(caller)
    connector.verify_webhook(caller.call(ago=caller.table.tolerance - 30))
    act = partial(connector.verify_webhook, caller.call(ago=caller.table.tolerance + 30))
    raised(SignatureRefused, lambda: bench.watch(connector, act), "sent too long ago")


def future(bench: Workbench, connector: BaseConnector, caller: Caller) -> None:
    """A call from beyond the window ahead is refused."""
    windowed(caller)
    act = partial(connector.verify_webhook, caller.call(ago=-caller.table.tolerance - 30))
    raised(SignatureRefused, lambda: bench.watch(connector, act), "sent in the future")


def windowed(caller: Caller) -> None:
    """Skip where the partner sends no time."""
    if caller.table.scheme == "custom" or not proof.time_header(caller.table):
        raise Skipped("its calls carry no sending time")


def rotation(bench: Workbench, connector: BaseConnector, caller: Caller) -> None:
    """During a rotation both secrets are good; afterwards the old one is not."""
    name = caller.table.secret
    if name is None:
        raise Skipped("it has no one webhook secret")
    old = other_than(caller)
    rotating = bench.open(previous={name: old})
    rotating.verify_webhook(caller.call(secret=old))
    rotating.verify_webhook(caller.call())
    raised(SignatureRefused, lambda: connector.verify_webhook(caller.call(secret=old)), "the old secret afterwards")


def duplicate(connector: BaseConnector, caller: Caller) -> None:
    """A redelivery of an event is the same message."""
    table = caller.table
    again = "delivery-2" if table.event_header or not proof.id_header(table) else "delivery-1"
    first = connector.verify_webhook(caller.call())
    second = connector.verify_webhook(caller.call(delivery=again, ago=1 if proof.time_header(table) else 0))
    expect(first.dedupe_key == second.dedupe_key, "a redelivered event gets another dedupe key: it would count twice")


def distinct(connector: BaseConnector, caller: Caller) -> None:
    """Different events are different messages, and so is one event under two topics."""
    first = connector.verify_webhook(caller.call())
    if proof.id_header(caller.table) or caller.table.event_header:
        second = connector.verify_webhook(caller.call(delivery="delivery-9", event="event-9"))
        expect(first.dedupe_key != second.dedupe_key, "two events share a dedupe key: the second would be lost")
    if caller.other.topic != caller.golden.topic:
        other = connector.verify_webhook(caller.call(golden=caller.other))
        expect(first.dedupe_key != other.dedupe_key, "two topics share a dedupe key: one would be lost")
