"""The one door: raw messages are stored once, durably, before anybody is told that they were accepted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoSession

from core.domain.ids import uuid7
from core.domain.vocabulary import Via
from core.errors import Unavailable
from core.ports.connectors import InboundRecord
from core.store.unit import DEFAULT_TENANT, INTAKE, Store

# One statement for any number of messages: a key seen before leaves its row, and tells us the first id.
ACCEPT = """
WITH given AS (
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::json[],
                         %s::bytea[], %s::text[], %s::text[])
        AS g(id, connection_id, topic, dedupe_key, source_id, occurred_at, headers, body, content_type, via)
), stored AS (
    INSERT INTO message (tenant_id, id, connection_id, topic, dedupe_key, source_id, occurred_at, headers, body,
                         content_type, via, run_at, correlation_id)
    SELECT %s, id, connection_id, topic, dedupe_key, source_id, occurred_at, headers, body, content_type, via,
           clock_timestamp(), id
    FROM given ORDER BY connection_id, dedupe_key
    ON CONFLICT (tenant_id, connection_id, dedupe_key) DO UPDATE SET repeats = message.repeats + 1
    RETURNING id, connection_id, dedupe_key, (xmax <> 0) AS duplicate
)
SELECT id, connection_id, dedupe_key, duplicate FROM stored
"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The message a record became: the first one when it had been received before."""

    message_id: UUID
    duplicate: bool


def store_records(conn: Any, records: Sequence[tuple[UUID, InboundRecord, Via]]) -> list[Accepted]:
    """Insert records as messages in the caller's transaction, one answer per record, in order."""
    first: dict[tuple[UUID, str], int] = {}
    for index, (connection_id, record, _) in enumerate(records):
        first.setdefault((connection_id, record.dedupe_key), index)
    unique = [records[index] for index in first.values()]
    rows = conn.exec_driver_sql(
        ACCEPT,
        (
            [uuid7() for _ in unique],
            [connection_id for connection_id, _, _ in unique],
            [record.topic for _, record, _ in unique],
            [record.dedupe_key for _, record, _ in unique],
            [record.source_id for _, record, _ in unique],
            [record.occurred_at for _, record, _ in unique],
            [orjson.dumps(dict(record.headers)).decode() for _, record, _ in unique],
            [record.body for _, record, _ in unique],
            [record.content_type for _, record, _ in unique],
            [str(via) for _, _, via in unique],
            DEFAULT_TENANT,
        ),
    )
    found = {(row.connection_id, row.dedupe_key): Accepted(row.id, row.duplicate) for row in rows}
    answers = []
    for index, (connection_id, record, _) in enumerate(records):
        accepted = found[connection_id, record.dedupe_key]
        twin = first[connection_id, record.dedupe_key] != index
        answers.append(Accepted(accepted.message_id, True) if twin else accepted)
    return answers


class Intake:
    """Stores what was received and commits before it answers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def accept(self, connection_id: UUID, records: Sequence[InboundRecord], via: Via) -> list[Accepted]:
        """Store records of one connection in one transaction and return their messages in order."""
        return self.accept_all([(connection_id, record, via) for record in records])

    def accept_all(self, records: Sequence[tuple[UUID, InboundRecord, Via]]) -> list[Accepted]:
        """Store records of any connections in one transaction and return their messages in order."""
        if not records:
            return []
        with self._store.begin() as unit:
            answers = store_records(unit.conn, records)
            if not all(answer.duplicate for answer in answers):
                unit.wake(INTAKE)
        return answers


@dataclass(slots=True)
class _Waiting:
    connection_id: UUID
    record: InboundRecord
    done: threading.Event = field(default_factory=threading.Event)
    accepted: Accepted | None = None
    error: Exception | None = None


class IntakeCombiner:
    """Many requests, one commit: whoever comes while a commit is under way goes into the next one.

    A request thread that finds nobody committing takes all that wait, stores them in one transaction and wakes their
    threads, so that an idle door adds no delay and a busy one needs a fraction of the fsyncs.
    """

    def __init__(self, store: Store, *, most: int = 200) -> None:
        self._intake = Intake(store)
        self._most = most
        self._gate = threading.Lock()
        self._committing = threading.Lock()
        self._waiting: list[_Waiting] = []

    def accept_one(self, connection_id: UUID, record: InboundRecord) -> Accepted:
        """Store one record durably and return its message.

        Raises:
            Unavailable: the database could not store it; nothing was kept and the sender should try again.
        """
        mine = _Waiting(connection_id, record)
        with self._gate:
            self._waiting.append(mine)
        while not mine.done.is_set():
            with self._committing:
                if mine.done.is_set():
                    break
                with self._gate:
                    batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                self._commit(batch)
        if mine.accepted is None:
            raise Unavailable(
                "The message could not be stored.",
                why=type(mine.error).__name__ if mine.error else None,
                fix="Send it again; nothing was kept.",
                code="INTAKE-STORE-503",
            ) from mine.error
        return mine.accepted

    def _commit(self, batch: list[_Waiting]) -> None:
        try:
            answers = self._intake.accept_all([(each.connection_id, each.record, Via.WEBHOOK) for each in batch])
        except Exception as error:  # noqa: BLE001 - every waiting request must hear of it
            if len(batch) > 1 and not isinstance(error, OperationalError | NoSession):
                # One record the database cannot take must not cost its neighbors their acceptance.
                for each in batch:
                    self._commit([each])
                return
            for each in batch:
                each.error = error
        else:
            for each, answer in zip(batch, answers, strict=True):
                each.accepted = answer
        for each in batch:
            each.done.set()
