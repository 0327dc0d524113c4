"""The event feed: every event once, in an order no later commit can break.

A reader that follows the sequence numbers alone would miss an event whose transaction commits after a younger one. So
the feed is ordered by (transaction, number) and ends before the oldest transaction still running: what stands before
a place in it stands there for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, cast, func, select, text, tuple_
from sqlalchemy.types import BigInteger, Text

from core.errors import InputError
from core.store import schema as t
from core.store.read.owned import owned
from core.store.read.page import Json
from core.store.read.text import instant, ref
from core.store.read.timeline import subject_id
from core.store.tables.oversight import Xid8
from core.store.unit import DEFAULT_TENANT

_e = t.event.c


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the feed: everything up to it was read."""

    xid: int = 0
    seq: int = 0

    def __str__(self) -> str:
        return f"{self.xid}-{self.seq}"

    @classmethod
    def parse(cls, words: str) -> Place:
        """Return the place written as `xid-seq`, as the stream numbers its events.

        Raises:
            InputError: it is not written like that.
        """
        xid, dash, seq = words.partition("-")
        if dash and all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (xid, seq)):
            return cls(int(xid), int(seq))
        raise InputError(
            f"{words[:60]!r} is no place in the event feed.",
            fix="Send the last `id:` line of the stream as Last-Event-ID, or begin without one.",
            code="EVENT-PLACE-422",
        )


def read_events(
    conn: Connection,
    after: Place,
    limit: int,
    *,
    types: Sequence[str] = (),
    order_id: UUID | None = None,
    subject: UUID | None = None,
    own: UUID | None = None,
    tenant: int = DEFAULT_TENANT,
) -> list[tuple[Place, Json]]:
    """Return up to `limit` events after a place, each with its place; with `own` those of one connection."""
    place = tuple_(_e.xid, _e.seq)
    query = (
        select(t.event, cast(cast(_e.xid, Text), BigInteger).label("transaction"))
        .where(
            _e.tenant_id == tenant,
            place > tuple_(cast(cast(str(after.xid), Text), Xid8), cast(after.seq, BigInteger)),
            _e.xid < func.pg_snapshot_xmin(func.pg_current_snapshot()),
        )
        .order_by(_e.xid, _e.seq)
        .limit(limit)
    )
    if types:
        query = query.where(_e.type.in_(types))
    if order_id is not None:
        query = query.where(_e.order_id == order_id)
    if subject is not None:
        query = query.where(_e.subject_id == subject)
    if own is not None:
        query = query.where(owned(t.event, own))
    return [(Place(row.transaction, row.seq), _event(row)) for row in conn.execute(query)]


def end_of_feed(conn: Connection) -> Place:
    """Return the place after everything that can be read now."""
    xid = conn.execute(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1")).scalar_one()
    return Place(int(xid), 10**18 - 1)


def _event(row: Row[Any]) -> Json:
    return {
        "id": f"evt_{row.seq}",
        "type": row.type,
        "subject": row.subject,
        "subject_id": subject_id(row.subject, row.subject_id),
        "order": ref("order", row.order_id),
        "data": row.data,
        "actor": row.actor,
        "cause": row.cause,
        "correlation": None if row.correlation_id is None else str(row.correlation_id),
        "at": instant(row.at),
    }
