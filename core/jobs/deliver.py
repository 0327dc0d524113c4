"""Delivering: take a seat at a connection, then lane heads one after the other, each claimed under a lease.

What the connector raises decides what happens next (core.errors). Nothing is sent twice without asking first: after a
lost reply or a lost lease the partner is asked for our reference before anything is written again. While a breaker is
open, and its pause over, only the first seat claims: one write probes the partner, and the others wait for its answer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID, uuid4

import structlog
from sqlalchemy import text

from core.domain.ids import public_id
from core.domain.vocabulary import Mode, Write
from core.errors import ConnectorError, CrossdockError, Misconfigured, OutcomeUnknown, Rejected
from core.jobs.hub import Hub
from core.jobs.outcomes import Claimed, finish
from core.ports.connectors import Connector, Exchange, FindsByReference, Push, Receipt
from core.services.channel_stock import claim_changes
from core.services.connections import row_of
from core.store.bulk import as_json
from core.store.unit import Unit

log = structlog.get_logger()
PROBE_SEAT = 1
TAKE_SEAT = """
UPDATE seat SET holder = :me, held_until = clock_timestamp() + make_interval(secs => :lease)
WHERE tenant_id = :tenant AND connection_id = :connection AND n = (
    SELECT n FROM seat WHERE tenant_id = :tenant AND connection_id = :connection
      AND (held_until IS NULL OR held_until < clock_timestamp()) ORDER BY n LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING n
"""
KEEP_SEAT = """
UPDATE seat SET held_until = clock_timestamp() + make_interval(secs => :lease)
WHERE tenant_id = :tenant AND connection_id = :connection AND n = :n AND holder = :me
"""
LEAVE_SEAT = """
UPDATE seat SET holder = NULL, held_until = NULL
WHERE tenant_id = :tenant AND connection_id = :connection AND n = :n AND holder = :me
"""
CLAIM = """
WITH next AS (
    SELECT d.id, d.state AS was FROM delivery d
    WHERE d.tenant_id = :tenant AND d.connection_id = :connection AND d.state IN ('due', 'waiting', 'unknown')
      AND d.run_at <= clock_timestamp()
      AND NOT EXISTS (
          SELECT 1 FROM delivery o WHERE o.tenant_id = d.tenant_id AND o.connection_id = d.connection_id
            AND o.lane = d.lane AND o.seq < d.seq AND o.state IN ('due', 'waiting', 'sending', 'unknown'))
    ORDER BY d.priority, d.run_at LIMIT 1 FOR NO KEY UPDATE OF d SKIP LOCKED)
UPDATE delivery SET state = 'sending', attempts = attempts + 1, lease_token = :token,
       lease_until = clock_timestamp() + make_interval(secs => :lease)
FROM next WHERE delivery.tenant_id = :tenant AND delivery.id = next.id
RETURNING delivery.*, next.was
"""


def deliver(hub: Hub, connection_id: UUID, *, seconds: float = 10.0) -> int:
    """Deliver what is due at one connection until nothing is, or time is up; return how many were tried."""
    me = uuid4()
    place = {"me": me, "connection": connection_id, "lease": hub.pace.delivery_lease}
    with hub.store.begin() as unit:
        n = unit.conn.execute(text(TAKE_SEAT), {**place, "tenant": unit.tenant}).scalar_one_or_none()
        if n is None:
            return 0
        claimed = _claim(hub, unit, connection_id, n)
    tried, started = 0, time.monotonic()
    try:
        while claimed is not None:
            began = time.monotonic()
            result, exchanges = _send(claimed)
            took = round((time.monotonic() - began) * 1000)
            tried += 1
            with hub.store.begin() as unit:
                finish(hub, unit, claimed, result, exchanges, took)
                claimed = None
                kept = unit.conn.execute(text(KEEP_SEAT), {**place, "tenant": unit.tenant, "n": n}).rowcount
                if kept and time.monotonic() - started < seconds:
                    claimed = _claim(hub, unit, connection_id, n)
    finally:
        with hub.store.begin() as unit:
            unit.conn.execute(text(LEAVE_SEAT), {**place, "tenant": unit.tenant, "n": n})
    return tried


def _claim(hub: Hub, unit: Unit, connection_id: UUID, n: int) -> Claimed | None:
    connection = row_of(unit, connection_id)
    paused = connection.paused_until is not None and connection.paused_until > unit.now
    mode = Mode(connection.mode)
    probing = connection.breaker_opened > 0 and n != PROBE_SEAT
    if paused or probing or mode in (Mode.OFF, Mode.OBSERVE):
        return None
    token = uuid4()
    row = unit.conn.execute(
        text(CLAIM),
        {
            "tenant": unit.tenant,
            "connection": connection_id,
            "token": token,
            "lease": hub.pace.delivery_lease,
        },
    ).one_or_none()
    if row is None:
        return None
    payload = row.payload
    if row.kind == Write.PUSH_STOCK and not payload:
        # Stock is read when it is sent: the newest value wins, and a repeat sends what was claimed then.
        payload = claim_changes(unit, connection_id)
        unit.conn.execute(
            text("UPDATE delivery SET payload = CAST(:p AS json) WHERE tenant_id = :t AND id = :id"),
            {"p": as_json(payload), "t": unit.tenant, "id": row.id},
        )
    connector: Connector | None = None
    try:
        connector = hub.connector(unit, connection_id, connection)
    except CrossdockError as error:
        log.warning("delivery.connector_unusable", connection=connection.name, code=error.error_code)
    return Claimed(row, token, connector, mode, row.was == "unknown", payload)


def _send(claimed: Claimed) -> tuple[Receipt | CrossdockError, Sequence[Exchange]]:
    """Perform the write outside any transaction and return what came of it."""
    if claimed.mode is Mode.SHADOW:
        return Receipt(None, {"shadow": True}), ()
    if claimed.connector is None:
        return Misconfigured("The connector cannot be opened.", fix="See `crossdock doctor`."), ()
    if claimed.row.kind == Write.PUSH_STOCK and not claimed.payload["items"]:
        return Receipt(None, {"empty": True}), ()
    push = Push(Write(claimed.row.kind), public_id("delivery", claimed.row.id), claimed.payload, claimed.row.attempts)
    connector = claimed.connector
    result: Receipt | CrossdockError
    try:
        found = None
        if claimed.ask_first and isinstance(connector, FindsByReference):
            found = connector.find_by_reference(push)
        result = found if found is not None else getattr(connector, push.kind)(push)
    except ConnectorError as error:
        result = error
    except CrossdockError as error:
        result = Rejected(error.what, why=error.why, fix=error.fix, code=error.error_code)
    except Exception as error:
        log.exception("delivery.connector_failed", delivery=push.reference)
        result = OutcomeUnknown(
            f"The connector raised {type(error).__name__}; whether the write happened is not known.",
            fix="A fault in the connector: the log has the traceback.",
            code="OUT-CRASH-500",
        )
    try:
        exchanges: Sequence[Exchange] = connector.exchanges()
    except Exception:
        log.exception("delivery.exchanges_failed", delivery=push.reference)
        exchanges = ()
    return result, exchanges
