"""Timers: polls, expiry, backorders, snoozes and the watchdog; each safe to run twice or by two at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text, update

from core.domain.cases import STUCK
from core.domain.vocabulary import Mode, Via
from core.errors import ConnectorError, CrossdockError, Misconfigured, RateLimited
from core.jobs.hub import Hub
from core.ports.connectors import Page
from core.services import connections
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.intake import store_records
from core.store import schema as t
from core.store.unit import INTAKE, Unit

log = structlog.get_logger()
POLL_LEASE = 120
MOST_PAGES = 200
VERB = {poll: verb for verb, poll in connections.POLLS.items()}
CLAIM_POLL = """
UPDATE cursor SET lease_until = clock_timestamp() + make_interval(secs => :lease)
WHERE tenant_id = :tenant AND connection_id = :connection AND name = :name AND next_at <= clock_timestamp()
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING value, interval_seconds
"""


def poll(hub: Hub, connection_id: UUID, name: str) -> int:
    """Fetch everything new since the cursor and store it; return how many records came.

    Cursor and messages commit together, page by page, so that a kill between pages repeats at most one page.
    """
    with hub.store.begin() as unit:
        row = unit.conn.execute(
            text(CLAIM_POLL),
            {"tenant": unit.tenant, "connection": connection_id, "name": name, "lease": POLL_LEASE},
        ).one_or_none()
        if row is None:
            return 0
        config = connections.row_of(unit, connection_id)
        idle = config.mode == Mode.OFF or (config.paused_until is not None and config.paused_until > unit.now)
        try:
            connector: Any = None if idle else hub.connector(unit, connection_id, config)
        except CrossdockError as error:
            _end(unit, connection_id, name, row.interval_seconds, error)
            return 0
        if idle:
            _end(unit, connection_id, name, row.interval_seconds, None)
            return 0
    try:
        if name == "files":
            stored = _take_files(hub, connection_id, connector)
        else:
            stored = _take_pages(hub, connection_id, name, connector, row.value)
    except CrossdockError as error:
        with hub.store.begin() as unit:
            _end(unit, connection_id, name, row.interval_seconds, error)
            if isinstance(error, Misconfigured):
                connections.pause_with_case(unit, connection_id, error.error_code, error.what)
        return 0
    with hub.store.begin() as unit:
        _end(unit, connection_id, name, row.interval_seconds, None)
    return stored


def _take_pages(hub: Hub, connection_id: UUID, name: str, connector: Any, cursor: dict[str, Any]) -> int:
    stored = 0
    for _ in range(MOST_PAGES):
        page: Page = getattr(connector, VERB[name])(cursor)
        connector.exchanges()
        with hub.store.begin() as unit:
            accepted = store_records(unit.conn, [(connection_id, each, Via.POLL) for each in page.records])
            cursor = dict(page.cursor)
            unit.conn.execute(
                update(t.cursor)
                .where(
                    t.cursor.c.tenant_id == unit.tenant,
                    t.cursor.c.connection_id == connection_id,
                    t.cursor.c.name == name,
                )
                .values(value=cursor, lease_until=unit.now + timedelta(seconds=POLL_LEASE))
            )
            fresh = sum(not each.duplicate for each in accepted)
            if fresh:
                unit.wake(INTAKE)
        stored += fresh
        if not page.more:
            break
    return stored


def _take_files(hub: Hub, connection_id: UUID, connector: Any) -> int:
    """Store the records of claimed files; the files are archived only after the last commit."""
    stored, batch = 0, []
    try:
        for record in connector.claim_files():
            batch.append((connection_id, record, Via.FILE))
            if len(batch) >= 500:
                stored += _store_batch(hub, batch)
                batch = []
        stored += _store_batch(hub, batch)
    except BaseException:
        connector.settle_files(False)
        raise
    connector.settle_files(True)
    return stored


def _store_batch(hub: Hub, batch: list[Any]) -> int:
    if not batch:
        return 0
    with hub.store.begin() as unit:
        accepted = store_records(unit.conn, batch)
        unit.wake(INTAKE)
    return sum(not each.duplicate for each in accepted)


def _end(unit: Unit, connection_id: UUID, name: str, interval: int, error: CrossdockError | None) -> None:
    wait = float(interval)
    if isinstance(error, RateLimited) and error.retry_after:
        wait = max(error.retry_after, 1.0)
    elif isinstance(error, ConnectorError):
        wait = min(wait, 60.0)
    unit.conn.execute(
        update(t.cursor)
        .where(
            t.cursor.c.tenant_id == unit.tenant,
            t.cursor.c.connection_id == connection_id,
            t.cursor.c.name == name,
        )
        .values(
            next_at=unit.now + timedelta(seconds=wait),
            lease_until=None,
            finished_at=unit.now,
            error=error.as_dict() if error else None,
        )
    )
    if error:
        log.warning("poll.failed", poll=name, connection=str(connection_id), code=error.error_code)


STUCK_ORDERS = """
SELECT o.id, o.number, o.external_id, o.state, o.total FROM orders o
WHERE o.tenant_id = :tenant AND o.state NOT IN ('completed', 'canceled')
  AND o.updated_at < clock_timestamp() - interval '60 seconds'
  AND o.sourcing_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.tenant_id = o.tenant_id AND d.order_id = o.id
                  AND d.state IN ('due', 'waiting', 'sending', 'unknown'))
  AND NOT EXISTS (SELECT 1 FROM case_member m JOIN exception_case c ON c.tenant_id = m.tenant_id AND c.id = m.case_id
                  WHERE m.tenant_id = o.tenant_id AND m.order_id = o.id AND m.resolved_at IS NULL
                    AND c.state IN ('open', 'auto_resolving', 'assigned', 'snoozed'))
  AND NOT EXISTS (SELECT 1 FROM fulfillment_order f WHERE f.tenant_id = o.tenant_id AND f.order_id = o.id
                  AND f.state IN ('planned', 'released', 'on_hold', 'acknowledged', 'picking', 'partly_shipped',
                                  'canceling')
                  AND (f.updated_at > clock_timestamp() - make_interval(hours => :patience)
                       OR (f.state = 'planned' AND f.release_at > clock_timestamp())))
  AND NOT EXISTS (SELECT 1 FROM reservation r
                  JOIN stock_position p ON p.tenant_id = r.tenant_id AND p.item_id = r.item_id
                   AND p.node_id = r.node_id AND p.reserved + p.allocated > p.on_hand - p.safety
                  JOIN supply s ON s.tenant_id = r.tenant_id AND s.item_id = r.item_id AND s.node_id = r.node_id
                   AND s.state IN ('expected', 'in_transit') AND s.promisable > 0
                   AND s.expected_at > clock_timestamp() - make_interval(hours => :patience)
                  WHERE r.tenant_id = o.tenant_id AND r.order_id = o.id AND r.state = 'allocated')
ORDER BY o.updated_at LIMIT 200
"""
# How long a node may be silent about work it has, and supply late that was promised, before the watchdog says so.
NODE_PATIENCE_HOURS = 24


def watchdog(unit: Unit) -> int:
    """Prove that no order has stopped in silence (invariant 6); open a case for each that has; return how many.

    An order that is not final must have a delivery due, a timer, work at a node that is not overdue, a case, or units
    promised of supply that has a day and is not overdue: no node ships what has not come.
    """
    rows = unit.conn.execute(text(STUCK_ORDERS), {"tenant": unit.tenant, "patience": NODE_PATIENCE_HOURS}).all()
    opened = [
        Opened(
            STUCK,
            f"{STUCK.code}:{row.state}",
            {"detail": f"{row.number or row.external_id} is {row.state}"},
            [Member("order", row.id, row.id, row.total)],
        )
        for row in rows
    ]
    open_cases(unit, opened)
    moving = (
        unit.conn.execute(
            text(
                """
                SELECT m.subject_id FROM case_member m
                JOIN exception_case c ON c.tenant_id = m.tenant_id AND c.id = m.case_id AND c.code = :code
                JOIN orders o ON o.tenant_id = m.tenant_id AND o.id = m.subject_id
                WHERE m.tenant_id = :t AND m.resolved_at IS NULL
                  AND (o.state IN ('completed', 'canceled') OR o.sourcing_at IS NOT NULL)
                """
            ),
            {"t": unit.tenant, "code": STUCK.code},
        )
        .scalars()
        .all()
    )
    settle_members(unit, "order", moving, codes=[STUCK.code])
    return len(rows)


def expire_leases(unit: Unit) -> int:
    """Give back deliveries whose worker is gone; they are looked up before anything is written again."""
    return unit.conn.execute(
        text(
            """
            UPDATE delivery SET state = 'unknown', run_at = clock_timestamp(), lease_until = NULL, lease_token = NULL,
                   outcome = 'the worker was lost while it was sending'
            WHERE tenant_id = :t AND id = ANY(ARRAY(
                SELECT id FROM delivery WHERE tenant_id = :t AND state = 'sending' AND lease_until < clock_timestamp()
                LIMIT 500 FOR NO KEY UPDATE SKIP LOCKED))
            """
        ),
        {"t": unit.tenant},
    ).rowcount


# Long enough for any sender to have given up on a request it repeats.
KEEP_ANSWERS_DAYS = 30


def forget_old(unit: Unit) -> int:
    """Delete stored answers nobody can ask for any more, and sessions that are over; return how many."""
    answers = unit.conn.execute(
        text(
            "DELETE FROM idempotency WHERE tenant_id = :t"
            " AND created_at < clock_timestamp() - make_interval(days => :d)"
        ),
        {"t": unit.tenant, "d": KEEP_ANSWERS_DAYS},
    ).rowcount
    sessions = unit.conn.execute(
        text("DELETE FROM login_session WHERE tenant_id = :t AND expires_at < clock_timestamp()"), {"t": unit.tenant}
    ).rowcount
    return answers + sessions
