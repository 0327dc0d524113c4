"""Writing many things in batches: what one of them is refused for costs the others nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from console.cli.base import Session
from core.errors import CrossdockError
from core.jobs.hub import Hub
from core.store.unit import Unit

Piece = TypeVar("Piece")
Taken = TypeVar("Taken")


def in_pieces(
    session: Session,
    hub: Hub,
    batch: Sequence[Piece],
    write: Callable[[Unit, Sequence[Piece]], Taken],
    refuse: Callable[[Piece, str], None],
) -> Iterator[Taken]:
    """Write a batch in one transaction and yield what was taken; where that is refused, each piece in one of its own.

    Args:
        session: this call.
        hub: the hub.
        batch: what is written.
        write: writes some of it.
        refuse: is told the pieces that cannot be written, and why.
    """
    try:
        with session.changing(hub) as unit:
            taken = write(unit, batch)
    except OperationalError:
        raise  # the database is away: no row is to blame
    except (CrossdockError, DBAPIError) as error:
        if len(batch) == 1:
            refuse(batch[0], reason_of(error))
        else:
            for one in batch:
                yield from in_pieces(session, hub, [one], write, refuse)
    else:
        yield taken


def reason_of(error: CrossdockError | DBAPIError) -> str:
    """Return why a row was not taken."""
    if isinstance(error, DBAPIError):
        return f"the database refuses it: {str(error.orig).splitlines()[0]}"
    return error.what
