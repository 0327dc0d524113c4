"""Who is asking: the bearer key of a request, its scopes, and a lazy note that it was used."""

from __future__ import annotations

import ipaddress
import threading
import time
from uuid import UUID

from flask import current_app, g, request
from sqlalchemy import Connection

from core.domain.ids import parse_id
from core.errors import CrossdockError
from core.services.access import USE_NOTED_EVERY, Key, find_key, note_use
from core.store.read.plumbing import read_connection
from webhooks.api.bounds import Forbidden, keep_to_own, require_own_connection
from webhooks.api.transactions import in_unit, reading
from webhooks.runtime import runtime

BEARER = "bearer"


class Unauthorized(CrossdockError):
    """No valid key."""

    code = "API-KEY-401"
    status = 401


class Uses:
    """Remembers which keys' use was noted lately, so that a read costs no write."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[UUID, float] = {}

    def due(self, key_id: UUID) -> bool:
        """Return whether this key's use should be noted now; says so once per interval."""
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(key_id, float("-inf")) < USE_NOTED_EVERY.total_seconds():
                return False
            self._noted[key_id] = now
            return True


_uses = Uses()


def authenticate() -> None:
    """Refuse a request without a valid key, or whose key lacks the scope its route asks for.

    Raises:
        Unauthorized: no key, or not a valid one.
        Forbidden: the scope is missing, or the route is about what is another connection's.
    """
    key = caller()
    view = current_app.view_functions.get(request.endpoint or "")
    scope: str | None = getattr(view, "scope", None)
    if scope is not None and not key.allows(scope):
        raise Forbidden(f"The key {key.name!r} lacks the scope {scope}.", fix="Use a key that has it.")
    if scope is not None and key.connection_id is not None:
        keep_to_own(key.name, key.connection_id, scope, kept=getattr(view, "keeps", False))


def caller() -> Key:
    """Return the key of the request, found once.

    Raises:
        Unauthorized: no key, or not a valid one.
    """
    if "crossdock_key" in g:
        known: Key = g.crossdock_key
        return known
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != BEARER or not token:
        raise Unauthorized("The request has no key.", fix="Send `Authorization: Bearer <key>`.")
    pepper = runtime().secret_key
    key = reading(lambda conn: find_key(conn, pepper, token.strip()))
    if key is None:
        raise Unauthorized("The key is not valid.", fix="It may be mistyped, revoked or past its end.")
    if _uses.due(key.id):
        in_unit(lambda unit: note_use(unit, key.id), actor=f"key:{key.name}")
    g.crossdock_key = key
    return key


def from_this_machine() -> bool:
    """Return whether the request comes from a loopback address and not through a proxy."""
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP")):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return request.remote_addr in ("", "localhost")


def asked_for(conn: Connection, name: str | None) -> UUID | None:
    """Return the connection stock is asked for: the one named, else the one of the key, else nobody's."""
    key = caller()
    if name and key.connection_id is not None:
        require_own_connection(conn, key.name, key.connection_id, name)
    return parse_id("connection", read_connection(conn, name)["id"]) if name else key.connection_id
