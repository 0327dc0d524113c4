"""Connections as the webhook door needs them: found by name in memory, at most a second old, connector objects kept."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, select
from sqlalchemy.exc import SQLAlchemyError

from core.domain.vocabulary import Mode
from core.errors import CrossdockError, NotFound, Unavailable
from core.ports.connectors import Connector, Connectors
from core.ports.webhooks import AnswersCalls, HasWebhookTerms, WebhookTerms
from core.services.connections import ROTATION, config_of
from core.services.secretbox import SecretBox
from core.store import schema as t
from core.store.unit import CLOCK, DEFAULT_TENANT, Store

# A change of a connection is seen by the door within this time …
FRESH_SECONDS = 1.0
# … and a new name at once, but nobody can make us ask the database more often than this by inventing names.
MISS_SECONDS = 0.05
# After the database failed to answer, callers are told so without asking it again for this long.
AWAY_SECONDS = 0.5

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Account:
    """One connection that takes webhooks, with its connector opened; None when it cannot be."""

    id: UUID
    name: str
    stamp: tuple[Any, ...]
    max_body: int
    connector: Connector | None
    terms: WebhookTerms = field(default_factory=WebhookTerms)


class Accounts:
    """The connections of this installation by name.

    Args:
        store: the database.
        connectors: what is installed.
        box: opens the connections' secrets.
        max_body: bytes no call may exceed, whatever its connector allows.
        max_exchange: bytes no call may exceed of a protocol that carries files.
    """

    def __init__(self, store: Store, connectors: Connectors, box: SecretBox, max_body: int, max_exchange: int) -> None:
        self._store = store
        self._connectors = connectors
        self._box = box
        self._max_body = max_body
        self._max_exchange = max_exchange
        self._lock = threading.Lock()
        self._by_name: dict[str, Account] = {}
        self._read_at = float("-inf")
        self._failed_at = float("-inf")

    def get(self, name: str) -> Account:
        """Return the connection of this name.

        Raises:
            NotFound: there is none, or it is switched off.
            Unavailable: the database could not be asked.
        """
        age = time.monotonic() - self._read_at
        if age > FRESH_SECONDS or (name not in self._by_name and age > MISS_SECONDS):
            self._refresh(self._read_at)
        account = self._by_name.get(name)
        if account is None:
            raise NotFound("There is no such connection.", code="HOOK-UNKNOWN-404")
        return account

    def knows(self, name: str) -> bool:
        """Return whether a connection of this name was there when last looked."""
        return name in self._by_name

    def close(self) -> None:
        """Give back what the connectors hold."""
        with self._lock:
            for account in self._by_name.values():
                if account.connector is not None:
                    account.connector.close()
            self._by_name = {}
            self._read_at = float("-inf")

    def _refresh(self, seen: float) -> None:
        with self._lock:
            if self._read_at != seen:  # somebody else has just read it
                return
            if time.monotonic() - self._failed_at < AWAY_SECONDS:
                raise _away(None)
            try:
                self._by_name = self._read()
            except SQLAlchemyError as error:
                self._failed_at = time.monotonic()
                raise _away(error) from error
            self._read_at = time.monotonic()

    def _read(self) -> dict[str, Account]:
        c = t.connection.c
        with self._store.read() as conn:
            now = conn.execute(CLOCK).scalar_one()
            rows = conn.execute(select(t.connection).where(c.tenant_id == DEFAULT_TENANT, c.mode != str(Mode.OFF)))
            found = {row.name: self._current(row, now) for row in rows}
        for name, account in self._by_name.items():
            if account is not found.get(name) and account.connector is not None:
                account.connector.close()
        return found

    def _current(self, row: Row[Any], now: datetime) -> Account:
        known = self._by_name.get(row.name)
        # The end of a rotation window changes no row, so that it is under way stands in the stamp.
        rotating = row.secrets_rotated_at is not None and now - row.secrets_rotated_at < ROTATION
        stamp = (row.id, row.version, row.connector, rotating)
        return known if known is not None and known.stamp == stamp else self._open(row, stamp, now)

    def _open(self, row: Row[Any], stamp: tuple[Any, ...], now: datetime) -> Account:
        """Open one connection; one that cannot be opened must not cost the others their door."""
        try:
            connector = self._connectors.open(config_of(row, self._box, now))
            carries_files = isinstance(connector, AnswersCalls) and connector.answers_calls
            most = self._max_exchange if carries_files else self._max_body
            limit = int(min(most, self._connectors.limits(row.connector).get("max_body", most)))
        except CrossdockError as error:
            log.warning("connection_unusable", connection=row.name, code=error.error_code, why=error.what)
            return Account(row.id, row.name, stamp, self._max_body, None)
        terms = connector.webhook_terms if isinstance(connector, HasWebhookTerms) else WebhookTerms()
        return Account(row.id, row.name, stamp, limit, connector, terms)


def _away(error: Exception | None) -> Unavailable:
    return Unavailable(
        "The hub cannot look up the connection now.",
        why=type(error).__name__ if error else None,
        fix="Send it again.",
        code="HOOK-STORE-503",
    )
