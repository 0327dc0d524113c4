"""How work that was planned leaves its node: its service, and its days."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from core.services.affected import Affected
from core.services.offers import Leg


def code_of(work: Affected | Row[Any]) -> str | None:
    """Return the code of the service a work leaves by, None when none was chosen."""
    return None if work.service is None else f"{work.carrier}/{work.service}"


def leg_of(work: Affected | Row[Any]) -> Leg:
    """Return how a work leaves: by what, and its days."""
    return Leg(work.carrier, work.service, work.ship_on, work.arrive_on)
