"""Proof of incoming calls, by the manifest's `webhook` table; the same table signs for simulators and `trigger`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.sdk.manifest import Webhook
from core.errors import InputError, Misconfigured, SignatureRefused
from core.ports.connectors import WebhookRequest

STANDARD_ID, STANDARD_TIME, STANDARD_SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
UNIX = re.compile(r"\A[0-9]{9,11}(\.[0-9]{1,9})?\Z")
PLACES = re.compile(r"\{(body|id|time)\}")


class TopicMissing(InputError):
    """The call does not say what it is about."""

    code = "HOOK-TOPIC-400"
    status = 400


def verify(table: Webhook, request: WebhookRequest, secrets: list[str]) -> datetime | None:
    """Check that a call is authentic and recent; return the time it was sent, when it says so.

    Args:
        table: scheme and headers.
        request: the call as it came in.
        secrets: the current secret first, then those of a rotation window; each one is good.

    Raises:
        SignatureRefused: missing, wrong, too old or from the future.
        Misconfigured: the connection has no secret to check with.
    """
    if not any(secrets):
        raise Misconfigured(
            "The connection has no webhook secret.",
            why="A call cannot be told from a forged one without it.",
            fix=f"Fill in the setting {table.secret!r}.",
        )
    given = request.headers.get(signature_header(table), "")
    if not given:
        raise SignatureRefused(
            f"The call has no {signature_header(table)} header.",
            fix="Switch on signing at the partner, with this connection's secret.",
            code="HOOK-UNSIGNED-401",
        )
    time_text = request.headers.get(time_header(table) or "", "")
    if time_header(table) and not time_text:
        raise SignatureRefused(f"The call has no {time_header(table)} header.", code="HOOK-UNTIMED-401")
    good = False
    for secret in filter(None, secrets):
        # Every secret is tried, so that the time taken does not tell which one was right.
        good |= matches(table, request, secret, given, time_text)
    if not good:
        raise SignatureRefused(
            "The signature of the call does not fit its body.",
            why="It was made with another secret, or the body was changed on the way.",
            fix=f"Compare the secret at the partner with the setting {table.secret!r}.",
        )
    if not time_text:
        return None
    sent = instant(time_text)
    refuse_stale(table, sent, request.received_at)
    return sent


def signature_header(table: Webhook) -> str:
    """Return the header with the signature or secret."""
    return STANDARD_SIGNATURE if table.scheme == "standard-webhooks" else table.header


def time_header(table: Webhook) -> str | None:
    """Return the header with the sending time; None when the partner sends none."""
    return STANDARD_TIME if table.scheme == "standard-webhooks" else table.time_header


def id_header(table: Webhook) -> str | None:
    """Return the header with the delivery's id; None when the partner sends none."""
    return STANDARD_ID if table.scheme == "standard-webhooks" else table.id_header


def matches(table: Webhook, request: WebhookRequest, secret: str, given: str, time_text: str) -> bool:
    """Return whether the header was made with the secret; constant time in what the sender controls."""
    if table.scheme == "bearer":
        return equal(given, f"{table.prefix}{secret}")
    identifier = request.headers.get(id_header(table) or "", "")
    expected = signature(table, secret, request.body, identifier=identifier, time_text=time_text)
    if table.scheme == "standard-webhooks":
        return sum(equal(each, expected) for each in given.split()) > 0
    if table.encoding == "hex":
        return equal(given.lower(), expected)
    return equal(given, expected)


def equal(given: str, expected: str) -> bool:
    """Compare in constant time; header text may be anything."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def signature(table: Webhook, secret: str, body: bytes, *, identifier: str, time_text: str) -> str:
    """Return the signature header's value for a body."""
    if table.scheme == "standard-webhooks":
        signed = f"{identifier}.{time_text}.".encode() + body
        return "v1," + base64.b64encode(hmac.digest(standard_key(secret), signed, "sha256")).decode()
    signed = b"".join(signed_parts(table.signed, body, identifier, time_text))
    digest = hmac.digest(secret.encode(), signed, "sha256")
    written = digest.hex() if table.encoding == "hex" else base64.b64encode(digest).decode()
    return f"{table.prefix}{written}"


def signed_parts(template: str, body: bytes, identifier: str, time_text: str) -> Iterator[bytes]:
    """Yield the bytes that are signed, in the order of the template."""
    values = {"body": body, "id": identifier.encode(), "time": time_text.encode()}
    for number, part in enumerate(PLACES.split(template)):
        yield values[part] if number % 2 else part.encode()


def standard_key(secret: str) -> bytes:
    """Return the key in a Standard Webhooks secret (`whsec_` and base64).

    Raises:
        Misconfigured: it is not base64.
    """
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise Misconfigured(
            "The webhook secret is not one of Standard Webhooks.",
            why="It is `whsec_` followed by base64.",
            fix="Copy it from the partner again.",
        ) from None


def instant(text: str) -> datetime:
    """Return a sending time: Unix seconds or ISO 8601 with a zone.

    Raises:
        SignatureRefused: it is neither.
    """
    try:
        if UNIX.match(text):
            return datetime.fromtimestamp(float(text), UTC)
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise SignatureRefused("The sending time of the call is neither Unix seconds nor ISO 8601 with a zone.")


def refuse_stale(table: Webhook, sent: datetime, now: datetime) -> None:
    """Refuse what was sent too long ago or in the future.

    Raises:
        SignatureRefused: outside the window.
    """
    age = (now - sent).total_seconds()
    if abs(age) <= table.tolerance:
        return
    where = "old" if age > 0 else "from the future"
    raise SignatureRefused(
        f"The call is {abs(age):.0f} s {where}; {table.tolerance} s are allowed.",
        why="It was recorded and sent again, or one of the clocks is wrong.",
        fix="Check both clocks; let the partner send again with a new time.",
        code="HOOK-STALE-401" if age > 0 else "HOOK-FUTURE-401",
    )


def dedupe_key(table: Webhook, headers: Mapping[str, str], topic: str, body: bytes) -> str:
    """Return what makes the same fact arriving twice one message: event id, else delivery id, else the body's hash."""
    found = headers.get(table.event_header or "") or headers.get(id_header(table) or "")
    if found and len(found) <= 200:
        return f"{topic}:{found}"
    return f"{topic}:sha256:{hashlib.sha256(body).hexdigest()}"


def topic_of(table: Webhook, headers: Mapping[str, str], document: Any) -> str:
    """Return the topic of an authentic call.

    Raises:
        InputError: neither header nor body says it.
    """
    found: object = headers.get(table.topic_header or "")
    if not found and table.topic_path:
        found = document
        for name in table.topic_path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str) and 0 < len(found) <= 200:
        return found
    raise TopicMissing(
        f"The call says no topic in {table.topic_header or table.topic_path}.",
        fix="Compare the partner's webhook set-up with the connector's README.",
    )


def sign(
    table: Webhook, secret: str, body: bytes, *, topic: str, identifier: str, event: str | None = None, at: datetime
) -> dict[str, str]:
    """Return the headers of an authentic call, as the partner would send it.

    Args:
        identifier: of this delivery.
        event: of the fact behind it, the same on every redelivery; the delivery's own by default.
        at: when it is sent.
    """
    time_text = str(int(at.timestamp()))
    headers = {"content-type": "application/json"}
    if table.topic_header:
        headers[table.topic_header] = topic
    if name := time_header(table):
        headers[name] = time_text
    if name := id_header(table):
        headers[name] = identifier
    if table.event_header:
        headers[table.event_header] = event or identifier
    if table.scheme == "bearer":
        headers[table.header] = f"{table.prefix}{secret}"
    else:
        headers[signature_header(table)] = signature(table, secret, body, identifier=identifier, time_text=time_text)
    return headers
