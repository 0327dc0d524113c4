"""Units of work of requests, begun again when it is certain that nothing of them was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from core.domain.ids import uuid7
from core.store.unit import Unit
from webhooks.runtime import runtime

Result = TypeVar("Result")
TRIES = 3


def in_unit(work: Callable[[Unit], Result], *, actor: str) -> Result:
    """Run work in one transaction and return its result once that is committed.

    A deadlock, and a session found dead before the commit was sent, leave nothing behind: the work is done again.
    """
    for attempt in range(1, TRIES + 1):
        finished = False
        try:
            with runtime().store.begin(actor=actor, correlation=uuid7()) as unit:
                result = work(unit)
                finished = True
        except DBAPIError as error:
            harmless = isinstance(error.orig, DeadlockDetected | SerializationFailure)
            lost_before_commit = error.connection_invalidated and not finished
            if attempt == TRIES or not (harmless or lost_before_commit):
                raise
        else:
            return result
    raise AssertionError("unreachable")


class _TakenBack(Exception):
    """Ends a preview."""


def previewed(unit: Unit, work: Callable[[], Result]) -> Result:
    """Run work, take everything it did back, and return what it would have answered."""
    shown: list[Result] = []
    try:
        with unit.savepoint():
            shown.append(work())
            raise _TakenBack
    except _TakenBack:
        return shown[0]


def reading(work: Callable[[Connection], Result]) -> Result:
    """Run work in a session that only reads, again when the session turns out to be dead."""
    return runtime().store.reading(work)
