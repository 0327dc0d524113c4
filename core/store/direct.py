"""Statements given to the driver itself, for the hot paths: SQLAlchemy's way to it costs more than the way beyond."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def driver(conn: Connection) -> psycopg.Connection[Any]:
    """Return the psycopg connection under a SQLAlchemy one."""
    found = conn.connection.driver_connection
    assert isinstance(found, psycopg.Connection)
    return found


def run(conn: Connection, statement: str, values: Mapping[str, Any]) -> psycopg.Cursor[Any]:
    """Run a statement and return its cursor.

    Raises:
        DBAPIError: what SQLAlchemy raises for the same error.
    """
    with as_sqlalchemy(conn):
        return driver(conn).execute(statement, values)


@contextmanager
def as_sqlalchemy(conn: Connection) -> Iterator[None]:
    """Turn the driver's errors in the block into those SQLAlchemy raises, as callers know no others."""
    try:
        yield
    except psycopg.Error as error:
        if driver(conn).closed:
            # Told so by a statement of its own, it raises, and gives up the other sessions of the same server too.
            conn.exec_driver_sql("SELECT 1")
        raise DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True) from error
