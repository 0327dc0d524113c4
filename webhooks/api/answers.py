"""What handlers of several routes have in common: act on the thing a path names, and answer with what it is then."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from core.domain.ids import parse_id
from core.store.unit import Unit

Handler = Callable[..., Any]


def shown_after(
    kind: str, read: Callable[[Connection, UUID, int], Any], *, part: str | None = None
) -> Callable[[Handler], Handler]:
    """Return the decorator of a handler that changes one thing: it gets its UUID, and the answer is the thing.

    Args:
        kind: of thing.
        read: shows it.
        part: the part of the path that names it, where that is another word than the kind.
    """

    def decorator(act: Handler) -> Handler:
        @wraps(act)
        def handler(unit: Unit, *given: Any, **parts: str) -> Any:
            found = parse_id(kind, parts[part or kind])
            act(unit, found, *given)
            return read(unit.conn, found, unit.tenant)

        return handler

    return decorator
