"""The unit of work: one transaction, who acts and why, the events it writes and the queues it wakes.

Everything that belongs together commits here at once: state, history, stock movements, outgoing deliveries
(invariant 4). Wake-ups are sent after the commit and carry no data, so losing one costs only the sweep interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from core.domain.payloads import dump
from core.store.direct import driver

Result = TypeVar("Result")
READS = 3
DEFAULT_TENANT = 1
INTAKE, ORDERS, DELIVERIES, SCHEDULE = "intake", "orders", "deliveries", "schedule"
SIMULATIONS = "simulations"
CLOCK = text("SELECT clock_timestamp()")
BEGAN = text("SELECT transaction_timestamp()")
EVENT_COLUMNS = ("type", "subject", "subject_id", "order_id", "data", "actor", "cause", "correlation_id")
WRITE_EVENTS = """
INSERT INTO event (tenant_id, type, subject, subject_id, order_id, data, actor, cause, correlation_id)
SELECT %s, * FROM unnest(%b::text[], %b::text[], %b::uuid[], %b::uuid[], %b::json[], %b::text[], %b::text[],
                         %b::uuid[])
"""


@dataclass(slots=True)
class Unit:
    """One running transaction.

    Attributes:
        conn: the database session inside the transaction.
        actor: who acts: `hub`, `connection:NAME`, `user:EMAIL`, `key:NAME`.
        cause: what led to it, as a public id, for the history.
        reasons: cause and correlation by order, where one transaction does several orders' work.
        began: the database's clock when the transaction began, once it was asked; read it as `now`.
    """

    conn: Connection
    actor: str = "hub"
    cause: str | None = None
    correlation: UUID | None = None
    tenant: int = DEFAULT_TENANT
    reasons: dict[UUID, tuple[str | None, UUID | None]] = field(default_factory=dict)
    _events: list[dict[str, Any]] = field(default_factory=list)
    wakes: set[str] = field(default_factory=set)
    began: datetime | None = None

    @property
    def now(self) -> datetime:
        """The database's clock when the transaction began; asking costs a round trip the first time."""
        if self.began is None:
            self.began = self.conn.execute(BEGAN).scalar_one()
        return self.began

    def event(
        self,
        kind: str,
        subject: str,
        subject_id: UUID,
        data: Mapping[str, Any] | None = None,
        *,
        order_id: UUID | None = None,
        owing_to: UUID | None = None,
    ) -> None:
        """Note an event (`order.accepted`); written in one statement when the unit ends.

        Args:
            kind: what happened.
            subject: what kind of thing it happened to.
            subject_id: which one.
            data: what else is to be known.
            order_id: the order it belongs to.
            owing_to: the order whose reason it shares, of an event that belongs to none.
        """
        cause, correlation = self.reason_for(order_id or owing_to)
        self._events.append(
            {
                "type": kind,
                "subject": subject,
                "subject_id": subject_id,
                "order_id": order_id,
                "data": data or {},
                "actor": self.actor,
                "cause": cause,
                "correlation_id": correlation,
            }
        )

    def reason_for(self, order_id: UUID | None) -> tuple[str | None, UUID | None]:
        """Return cause and correlation of what is done to an order: its own, or else the transaction's."""
        own = self.reasons.get(order_id) if order_id else None
        return own or (self.cause, self.correlation)

    def wake(self, *queues: str) -> None:
        """Ask for these queues to be looked at once the commit is done."""
        self.wakes.update(queues)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Run a part that may fail alone: its rows, events and wake-ups vanish when the block raises."""
        kept, wakes = len(self._events), set(self.wakes)
        try:
            with self.conn.begin_nested():
                yield
        except BaseException:
            del self._events[kept:]
            self.wakes = wakes
            raise

    def flush_events(self) -> None:
        """Write the events noted so far."""
        if self._events:
            columns = [[event[name] for event in self._events] for name in EVENT_COLUMNS]
            columns[4] = [dump(data) for data in columns[4]]
            self.conn.exec_driver_sql(WRITE_EVENTS, (self.tenant, *columns))
            self._events = []


class Store:
    """The way into the database for services and jobs.

    Args:
        engine: an engine of this process.
        wake: called with queue names after each commit that asked for it; must not block and must not raise.
    """

    def __init__(self, engine: Engine, wake: Callable[[set[str]], None] = lambda _queues: None) -> None:
        self.engine = engine
        self._wake = wake

    @contextmanager
    def begin(self, *, actor: str = "hub", cause: str | None = None, correlation: UUID | None = None) -> Iterator[Unit]:
        """Open a unit of work; it commits at the end of the block or rolls back when the block raises."""
        with self.engine.begin() as conn:
            unit = Unit(conn, actor, cause, correlation)
            yield unit
            unit.flush_events()
        if unit.wakes:
            self._wake(unit.wakes)

    @contextmanager
    def at_once(self, *, actor: str = "hub", cause: str | None = None) -> Iterator[Unit]:
        """Open a unit whose every statement is a transaction of its own; it notes no events."""
        with self.engine.connect() as conn:
            # Asked of SQLAlchemy it costs three times as much, and this is for the hot paths.
            session = driver(conn)
            session.autocommit = True
            try:
                yield Unit(conn, actor, cause)
            finally:
                if not session.closed:
                    session.autocommit = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a session for reading only."""
        with self.engine.connect() as conn:
            yield conn
            # Of nothing: after a rollback the driver forgets its prepared statements, and each is planned anew.
            conn.commit()

    def reading(self, work: Callable[[Connection], Result]) -> Result:
        """Run work that only reads and return its result, again when its session turns out to be dead.

        Each statement sees what is committed when it begins, as in `read`, and needs no round trips to begin and end.
        """
        for left in reversed(range(READS)):
            try:
                with self.at_once() as unit:
                    return work(unit.conn)
            except DBAPIError as error:
                if not (left and error.connection_invalidated):
                    raise
        raise AssertionError("the last try returns or raises")
