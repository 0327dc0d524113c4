"""Rows of policies as they are changed: one change at a time, each with who did it, its event and its audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, update

from core.domain.payloads import jsonable
from core.domain.policies import PolicyState
from core.errors import Conflict
from core.services import audit
from core.store import schema as t
from core.store.read.policies import policy_row
from core.store.unit import Unit

Json = dict[str, Any]
_p = t.policy.c
# People who change policies wait for each other: the proof of one's change knows nothing of what another puts in force.
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('policy:'))")


def locked(unit: Unit, name: str) -> Row[Any]:
    """Return the row of a version while no other transaction changes policies.

    Raises:
        NotFound: there is no such version.
    """
    unit.conn.execute(LOCK)
    return policy_row(unit.conn, name, unit.tenant)


def write(
    unit: Unit, row: Row[Any], did: str | None, comment: str | None, held: list[str] | None = None, /, **values: Any
) -> None:
    """Change columns of a version.

    Args:
        unit: the running transaction.
        row: the version.
        did: what was done, as the history of the version says it; None notes nothing.
        comment: why.
        held: the versions that were in force before, where this changes them; undoing goes by it.
        values: the columns.
    """
    if did is not None:
        values["comments"] = said(unit, row.comments, did, comment)
        if held is not None:
            values["comments"][-1]["in_force"] = held
    unit.conn.execute(
        update(t.policy).where(_p.tenant_id == unit.tenant, _p.id == row.id).values(version=_p.version + 1, **values)
    )


def said(unit: Unit, before: list[Json], did: str, comment: str | None) -> list[Json]:
    """Return the history of a version with one more entry."""
    return [*before, jsonable({"at": unit.now, "actor": unit.actor, "did": did, "text": comment})]


def tell(unit: Unit, verb: str, policy_id: UUID, title: str, detail: Mapping[str, Any]) -> None:
    """Write the event and the audit entry of a change; the audit entry is the last thing a unit does."""
    kept = jsonable({name: value for name, value in detail.items() if value is not None})
    unit.event(f"policy.{verb}", "policy", policy_id, {"policy": title, **kept})
    audit.record(unit, f"policy.{verb}", title, kept)


def check_alone(unit: Unit, row: Row[Any]) -> None:
    """Refuse a second version that shall begin at a time to come: the proof of neither knows of the other.

    Raises:
        Conflict: another has a time.
    """
    for other in _scheduled(unit):
        if other.id != row.id:
            raise Conflict(
                f"{other.name}@{other.number} begins at {other.active_from.isoformat()}.",
                why="A version is simulated over the policies that are in force, and those change then.",
                fix=f"Activate this one after that, or retire {other.name}@{other.number} first.",
                code="POLICY-TIME-409",
            )


def unschedule(unit: Unit, cause: str) -> None:
    """Take back the time of a version that was to begin later: it was simulated over policies that have changed now."""
    for row in _scheduled(unit):
        write(unit, row, f"lost its time {row.active_from.isoformat()}: {cause} changed", None, active_from=None)
        detail = {"because": cause, "active_from": row.active_from}
        tell(unit, "unscheduled", row.id, f"{row.name}@{row.number}", detail)


def _scheduled(unit: Unit) -> list[Row[Any]]:
    found = select(t.policy).where(
        _p.tenant_id == unit.tenant, _p.state == PolicyState.APPROVED, _p.active_from > unit.now
    )
    return list(unit.conn.execute(found.order_by(_p.active_from)))
