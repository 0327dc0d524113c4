"""The one door: raw messages are stored once, durably, before anybody is told that they were accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from core.domain.ids import uuid7
from core.domain.vocabulary import Via
from core.ports.connectors import InboundRecord
from core.services.combining import Combiner
from core.store.unit import DEFAULT_TENANT, INTAKE, Store

# One statement for any number of messages: a key seen before leaves its row, and tells us the first id.
ACCEPT = """
WITH given AS (
    SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::json[],
                         %b::bytea[], %b::text[], %b::text[])
        AS g(id, connection_id, topic, dedupe_key, source_id, occurred_at, headers, body, content_type, via)
), stored AS (
    INSERT INTO message (tenant_id, id, connection_id, topic, dedupe_key, source_id, occurred_at, headers, body,
                         content_type, via, run_at, correlation_id)
    SELECT %s, id, connection_id, topic, dedupe_key, source_id, occurred_at, headers, body, content_type, via,
           clock_timestamp(), id
    FROM given ORDER BY connection_id, dedupe_key
    ON CONFLICT (tenant_id, connection_id, dedupe_key) DO UPDATE SET repeats = message.repeats + 1
    RETURNING id, connection_id, dedupe_key, (xmax <> 0) AS duplicate, CASE WHEN xmax <> 0 THEN sha256(body) END AS kept
)
SELECT id, connection_id, dedupe_key, duplicate, kept FROM stored
"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The message a record became: the first one when it had been received before.

    Attributes:
        message_id: of the message.
        duplicate: whether a record of its key had been received before.
        differs: whether that one had other bytes.
    """

    message_id: UUID
    duplicate: bool
    differs: bool = False


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
    found = {(row.connection_id, row.dedupe_key): row for row in rows}
    answers = []
    for index, (connection_id, record, _) in enumerate(records):
        row, original = found[connection_id, record.dedupe_key], first[connection_id, record.dedupe_key]
        if row.duplicate:
            differs = sha256(record.body).digest() != bytes(row.kept)
        else:
            differs = record.body != records[original][1].body
        answers.append(Accepted(row.id, row.duplicate or original != index, differs))
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


class IntakeCombiner:
    """The web door's way in: one commit for all requests that wait for one."""

    def __init__(self, store: Store, *, most: int = 200) -> None:
        intake = Intake(store)

        def work(batch: Sequence[tuple[UUID, InboundRecord]]) -> list[Accepted]:
            return intake.accept_all([(connection_id, record, Via.WEBHOOK) for connection_id, record in batch])

        what, fix = "The message could not be stored.", "Send it again; a message that was kept is known by its id."
        self._combiner = Combiner(work, what, "INTAKE-STORE-503", fix=fix, most=most)

    def accept_one(self, connection_id: UUID, record: InboundRecord) -> Accepted:
        """Store one record durably and return its message.

        Raises:
            Unavailable: the database could not store it, or its answer was lost; the sender should try again.
        """
        return self._combiner.call((connection_id, record))
