"""Draining the inbox: claim a batch under a lease, normalize it, apply it in one transaction.

One bad message stops itself only: what cannot be read is quarantined, and when a batch fails as a whole its messages
are applied one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError, OperationalError

from core.domain.ids import public_id
from core.domain.vocabulary import DocumentType
from core.errors import Conflict, CrossdockError, InputError, NotFound
from core.jobs.answering import owe_answers
from core.jobs.dividing import divide
from core.jobs.hub import Hub
from core.jobs.reading import Read, crash, doubts, fail, normalize
from core.jobs.repeating import apply_again, comes_again
from core.jobs.unpacking import is_packed, keep, unpack
from core.ports.connectors import Connector
from core.services.applying import Applied, apply_orders, apply_other, apply_reports, apply_tracking
from core.services.cases import open_cases
from core.services.facts import Facts
from core.services.ordering import Incoming
from core.services.parcel_finding import Fact
from core.services.quarantining import quarantined
from core.services.reports import Report
from core.store.bulk import as_json
from core.store.engine import met_another
from core.store.unit import Unit

log = structlog.get_logger()
Apply = Callable[[Hub, Unit, Facts, Sequence[Read]], None]
# Messages taken up this often without an end are taken up alone, so that one that kills workers kills no neighbor.
SUSPECT = 3
TRIES = 3
CLAIM = """
UPDATE message SET lease_until = clock_timestamp() + make_interval(secs => :lease), lease_token = :token,
       attempts = attempts + 1
WHERE tenant_id = :tenant AND id = ANY(ARRAY(
    SELECT id FROM message
    WHERE tenant_id = :tenant AND state IN ('received', 'normalized') AND run_at <= clock_timestamp()
      AND (lease_until IS NULL OR lease_until < clock_timestamp())
      AND (attempts >= :suspect AND state = 'received') = :suspects
    ORDER BY run_at LIMIT :most FOR NO KEY UPDATE SKIP LOCKED))
RETURNING id, connection_id, topic, body, content_type, headers, received_at, occurred_at, attempts, correlation_id,
          via
"""
FINISH = """
UPDATE message m SET state = d.state, outcome = d.outcome, order_id = coalesce(d.order_id, m.order_id),
       error = d.error::json, run_at = d.run_at, lease_until = NULL, lease_token = NULL,
       finished_at = CASE WHEN d.run_at IS NULL THEN clock_timestamp() END
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::uuid[], %b::text[], %b::timestamptz[])
     AS d(id, state, outcome, order_id, error, run_at)
WHERE m.tenant_id = %s AND m.id = d.id AND m.lease_token = %s
"""


class LeaseLost(RuntimeError):
    """Another worker has taken the batch over; nothing of it was written here."""


def drain_messages(hub: Hub, most: int | None = None) -> int:
    """Process one batch of due messages and return how many were claimed."""
    token = uuid4()
    with hub.store.begin() as unit:
        values = {"tenant": unit.tenant, "token": token, "lease": hub.pace.intake_lease, "suspect": SUSPECT}
        most = most or hub.pace.intake_batch
        rows = (
            unit.conn.execute(text(CLAIM), {**values, "suspects": False, "most": most}).all()
            or unit.conn.execute(text(CLAIM), {**values, "suspects": True, "most": 1}).all()
        )
        if not rows:
            return 0
        connectors: dict[UUID, Connector | CrossdockError] = {}
        for connection_id in {row.connection_id for row in rows}:
            try:
                connectors[connection_id] = hub.connector(unit, connection_id)
            except CrossdockError as error:
                connectors[connection_id] = error
    rows = sorted(rows, key=lambda row: row.id)
    packed = [row for row in rows if is_packed(row, connectors[row.connection_id])]
    for row in packed:
        _take_in(hub, row, connectors[row.connection_id], token)
    reads = [normalize(row, connectors[row.connection_id]) for row in rows if row not in packed]
    divided = divide(hub, reads)
    rounds = [(_apply_tracking, divided.tracked), (_apply_reports, divided.rounds)]
    for apply, parts in ((_apply_orders, [divided.new]), *rounds):
        for part in parts:
            _apply_together(hub, apply, part, token)
    for read in divided.alone:
        _apply_alone(hub, read, token)
    return len(rows)


def _take_in(hub: Hub, row: Row[Any], connector: Any, token: UUID) -> None:
    """Unpack a file of interchanges and keep them; one that cannot be kept goes to quarantine."""
    read, found = unpack(row, connector)
    try:
        with hub.store.begin() as unit:
            keep(hub, unit, connector, read, found)
            _finish(unit, [read], token)
            _report(unit, hub.facts.get(unit.conn, unit.tenant), [read] if read.state == "quarantined" else [])
    except LeaseLost:
        log.warning("intake.lease_lost", messages=1)
    except OperationalError:
        raise  # the database is away, or another came first: the lease brings it back
    except Exception as error:
        log.exception("intake.take_in_failed", message=str(row.id))
        _apply(hub, [], [fail(Read(row), error if isinstance(error, CrossdockError) else crash(error))], token)


def _apply_together(hub: Hub, apply: Apply, reads: Sequence[Read], token: UUID) -> None:
    """Apply messages in one transaction, or one by one when that fails, before any that came after them."""
    try:
        if reads:
            _apply(hub, [apply], reads, token)
    except LeaseLost:
        log.warning("intake.lease_lost", messages=len(reads))
    except Exception as error:
        if isinstance(error, OperationalError) and not met_another(error):
            raise  # the database is away: the lease brings it back
        # One of them is at fault, or together they locked what another transaction locked the other way round.
        log.warning("intake.batch_failed", error=type(error).__name__, messages=len(reads))
        for read in reads:
            _apply_alone(hub, read, token)


def _apply(hub: Hub, ways: Sequence[Apply], reads: Sequence[Read], token: UUID) -> None:
    with hub.store.begin() as unit:
        facts = hub.facts.get(unit.conn, unit.tenant)
        for apply in ways:
            apply(hub, unit, facts, reads)
        _finish(unit, reads, token)
        owe_answers(hub, unit, reads)
        _report(unit, facts, [read for read in reads if read.state == "quarantined"])


def _apply_alone(hub: Hub, read: Read, token: UUID) -> None:
    try:
        for left in reversed(range(TRIES)):
            try:
                _apply(hub, [_apply_orders, _apply_others], [_fresh(read)], token)
            except OperationalError as error:
                if not (left and met_another(error)):
                    raise
            else:
                break
    except (OperationalError, LeaseLost):
        return  # the lease brings it back
    except Exception as error:  # this is the one
        log.exception("intake.apply_failed", message=str(read.row.id))
        failed = error if isinstance(error, CrossdockError) else crash(error)
        if isinstance(error, DBAPIError):
            failed = InputError(
                "The database refused what the message says.",
                why=str(error.orig).splitlines()[0][:300],
                fix="Look at the message's values; mend the map or the source, then replay.",
                code="MSG-STORE-422",
            )
        _apply(hub, [], [fail(Read(read.row), failed)], token)


def _fresh(read: Read) -> Read:
    """Return the message as it was after normalizing: applying it has left marks on it."""
    if read.documents:
        return Read(read.row, read.documents, notes=doubts(read.documents))
    return Read(read.row, (), read.state, read.outcome, None, read.error, read.later)


def _apply_orders(hub: Hub, unit: Unit, facts: Facts, reads: Sequence[Read]) -> None:
    batch, owners = [], []
    for read in reads:
        if comes_again(read):
            _apply_again(hub, unit, facts, read)
            continue
        for document in read.documents:
            if document.type is DocumentType.ORDER:
                row = read.row
                batch.append(Incoming(row.connection_id, document.body, document.holds, row.correlation_id))
                owners.append(read)
    for read, applied in zip(owners, apply_orders(unit, facts, batch), strict=True):
        _take(read, applied)


def _apply_again(hub: Hub, unit: Unit, facts: Facts, read: Read) -> None:
    try:
        with unit.savepoint():
            applied = apply_again(hub, unit, facts, read)
    except Conflict as error:
        fail(read, error)
        return
    if applied is not None:
        _take(read, applied)


def _apply_reports(hub: Hub, unit: Unit, facts: Facts, reads: Sequence[Read]) -> None:
    batch = []
    for read in reads:
        [document] = read.documents
        parcel, reason = document.type is DocumentType.SHIPMENT, (_cause(read), read.row.correlation_id)
        batch.append(Report(document.body, parcel, read.row.connection_id, reason=reason))
    for read, answer in zip(reads, apply_reports(unit, facts, batch), strict=True):
        if isinstance(answer, CrossdockError):
            _refuse(hub, read, answer)
        else:
            _take(read, answer)


def _apply_tracking(hub: Hub, unit: Unit, _facts: Facts, reads: Sequence[Read]) -> None:
    told = [
        Fact(read.documents[0].body, read.row.connection_id, (_cause(read), read.row.correlation_id)) for read in reads
    ]
    for read, answer in zip(reads, apply_tracking(unit, told), strict=True):
        if isinstance(answer, CrossdockError):
            _refuse(hub, read, answer)
        else:
            _take(read, answer)


def _apply_others(hub: Hub, unit: Unit, facts: Facts, reads: Sequence[Read]) -> None:
    for read in reads:
        unit.correlation, unit.cause = read.row.correlation_id, _cause(read)
        for document in read.documents:
            if document.type is DocumentType.ORDER:
                continue
            try:
                with unit.savepoint():
                    _take(read, apply_other(unit, facts, read.row.connection_id, document))
            except CrossdockError as error:
                _refuse(hub, read, error)
                break
        unit.correlation = unit.cause = None


def _cause(read: Read) -> str:
    return public_id("message", read.row.id)


def _refuse(hub: Hub, read: Read, error: CrossdockError) -> None:
    """Send a message to quarantine, or have it tried again: what it is about may still be on its way."""
    if isinstance(error, NotFound) and read.row.attempts < hub.pace.unknown_tries:
        read.state, read.error = "normalized", error
        read.later = timedelta(seconds=min(0.5 * 2**read.row.attempts, 60))
    else:
        fail(read, error)


def _take(read: Read, applied: Applied) -> None:
    read.state = {"duplicate": "duplicate", "stale": "duplicate", "ignored": "ignored"}.get(applied.outcome, "applied")
    read.order_id = applied.order_id or read.order_id
    if applied.note or applied.outcome != "applied":
        read.notes.append(applied.note or applied.outcome)
    read.outcome = "; ".join(read.notes)[:500] or None


def _finish(unit: Unit, reads: Sequence[Read], token: UUID) -> None:
    columns = [
        [read.row.id for read in reads],
        [read.state for read in reads],
        [read.outcome for read in reads],
        [read.order_id for read in reads],
        [as_json(read.error.as_dict()) if read.error else None for read in reads],
        [unit.now + read.later if read.later else None for read in reads],
    ]
    written = unit.conn.exec_driver_sql(FINISH, (*columns, unit.tenant, token)).rowcount
    if written != len(reads):
        raise LeaseLost


def _report(unit: Unit, facts: Facts, failed: Sequence[Read]) -> None:
    opened = []
    for read in failed:
        assert read.error is not None
        known = facts.connections.get(read.row.connection_id)
        name = known.name if known else "?"
        opened.append(quarantined(unit, read.row.id, read.row.connection_id, name, read.row.topic, read.error))
    open_cases(unit, opened)
