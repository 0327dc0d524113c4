"""`Idempotency-Key`: the answer is stored in the transaction of the effect, so both are there or neither is."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from uuid import UUID

from flask import Response, request
from sqlalchemy import insert, select, text

from core.errors import Conflict, InputError
from core.store import schema as t
from core.store.unit import Unit

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
FORM = re.compile(r"\A[\x21-\x7e]{1,255}\Z")
KEPT_HEADERS = ("ETag", "Location")


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one answer: whose key, and which request it belongs to."""

    key: str
    fingerprint: bytes


def slot_of(key_id: UUID) -> Slot | None:
    """Return the slot of the current request; None when it has no Idempotency-Key.

    Raises:
        InputError: the header is not 1 to 255 visible ASCII characters.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return None
    if not FORM.match(given):
        raise InputError(f"{HEADER} is 1 to 255 visible ASCII characters.", code="API-IDEMPOTENCY-422")
    digest = hashlib.sha256(f"{request.method} {request.full_path}\n".encode("utf-8", "replace"))
    digest.update(request.get_data(cache=True))
    # Bound to the API key: one client can never read another's answer.
    return Slot(f"{key_id.hex}:{given}", digest.digest())


def stored_answer(unit: Unit, slot: Slot) -> Response | None:
    """Claim the slot for this transaction; return the answer given before, when there is one.

    Raises:
        Conflict: a request with this key is being worked on right now.
        InputError: the key was used for another request.
    """
    number = int.from_bytes(hashlib.sha256(f"{unit.tenant}:{slot.key}".encode()).digest()[:8], "big", signed=True)
    if not unit.conn.execute(text("SELECT pg_try_advisory_xact_lock(:n)"), {"n": number}).scalar_one():
        raise Conflict(
            "A request with this Idempotency-Key is being worked on.",
            fix="Wait and send it again.",
            code="API-IDEMPOTENCY-409",
            retry_after=1,
        )
    i = t.idempotency.c
    row = unit.conn.execute(select(t.idempotency).where(i.tenant_id == unit.tenant, i.key == slot.key)).one_or_none()
    if row is None:
        return None
    if bytes(row.fingerprint) != slot.fingerprint:
        raise InputError(
            "This Idempotency-Key was used for another request.",
            fix="Use a new key for a new request.",
            code="API-IDEMPOTENCY-422",
        )
    return Response(bytes(row.body), row.status, {**row.headers, REPLAYED: "true"}, content_type="application/json")


def keep(unit: Unit, slot: Slot, answer: Response, body: bytes) -> None:
    """Store the answer, with this body, in the transaction of its effect."""
    unit.conn.execute(
        insert(t.idempotency).values(
            tenant_id=unit.tenant,
            key=slot.key,
            fingerprint=slot.fingerprint,
            status=answer.status_code,
            headers={name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers},
            body=body,
        )
    )
