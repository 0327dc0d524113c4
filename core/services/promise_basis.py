"""What a promise rests on: told with it, and recent enough or nothing is promised."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from core.domain.payloads import jsonable
from core.errors import Conflict
from core.services.expecting import Expected
from core.services.facts import Facts


def basis(facts: Facts, counted: datetime | None = None) -> dict[str, Any]:
    """Return what a promise made now rests on, as it is stored with it."""
    transit = facts.promising.transit
    return {
        "model": transit.version,
        "corrected_at": jsonable(transit.corrected_at),
        "outcomes": transit.correction.outcomes,
        "stock_counted_at": jsonable(counted),
    }


def require_fresh_model(facts: Facts, now: datetime) -> None:
    """Go on only when the transit model was corrected recently enough.

    Raises:
        Conflict: it was not.
    """
    at, hours = facts.promising.transit.corrected_at, facts.promising.terms.model_hours
    if at is not None and now - at > timedelta(hours=hours):
        raise Conflict(
            f"No promise: the transit times were corrected last at {at:%Y-%m-%d %H:%M} UTC, more than {hours:g} h ago.",
            why="The relay corrects them every hour while it runs.",
            fix="See that the relay runs (`crossdock status`), or raise promising.model_hours.",
            code="PROMISE-STALE-409",
        )


def require_a_way(parts: Collection[Expected]) -> None:
    """Go on only when somebody knows when each part can get to where it goes.

    Raises:
        Conflict: it goes into an area that is shut for nobody knows how long.
    """
    for each in parts:
        if each.shut is not None:
            to = " ".join(filter(None, (each.lane.to_country, each.lane.to_postal)))
            raise Conflict(
                f"No promise: {to} lies in an area that is shut, and nobody has said until when ({each.shut}).",
                why="What is sent there waits until the area is open again.",
                fix="End the disruption, or say when it ends.",
                code="PROMISE-SHUT-409",
            )
