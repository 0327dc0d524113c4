"""The database engine: psycopg 3, one small pool per process, time-outs on every session."""

from __future__ import annotations

from typing import Any

import orjson
import psycopg
from psycopg.types.json import set_json_dumps, set_json_loads
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

SESSION = (
    "-c statement_timeout=30000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000"
    " -c timezone=UTC -c client_encoding=UTF8"
)


def met_another(error: DBAPIError) -> bool:
    """Return whether the transaction only failed because it met another one (class 40), so that it can be repeated."""
    return str(getattr(error.orig, "sqlstate", None) or "").startswith("40")


def _dumps(value: Any) -> str:
    from core.domain.payloads import dump

    return dump(value)


set_json_dumps(_dumps)
set_json_loads(orjson.loads)


# Every statement of the hot paths finds its rows by an index; a planner that last saw a table empty would rather read
# it all, and goes on doing so with a prepared statement while the table grows.
BY_INDEX = " -c enable_seqscan=off"


def open_engine(
    url: str, *, pool_size: int = 8, overflow: int = 8, wait_seconds: float = 5.0, reports: bool = False
) -> Engine:
    """Return an engine for one process; forked children must open their own.

    Args:
        url: `postgresql+psycopg://…`.
        pool_size: sessions kept open.
        overflow: sessions opened beyond that under load.
        wait_seconds: how long a caller waits for a session before it is an error.
        reports: whether whole tables may be read, as figures over months want.
    """
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=pool_size,
        max_overflow=overflow,
        pool_timeout=wait_seconds,
        pool_use_lifo=True,
        # Errors are logged; what people ordered and where they live is not.
        hide_parameters=True,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        connect_args={
            "options": SESSION if reports else SESSION + BY_INDEX,
            "connect_timeout": 5,
            "application_name": "crossdock",
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 10,
        },
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: psycopg.Connection[Any], _record: object) -> None:
        # Hot statements are few and repeated: prepare them at their second use.
        connection.prepare_threshold = 2

    return engine
