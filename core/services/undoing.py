"""Taking a policy out of force: undoing the last change is free, and anything else needs the proof of an activation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from core.domain.policies import check_policy
from core.errors import Refused
from core.services.inforce import InForce, in_force_of, ordered, read_in_force
from core.services.takeovers import title, unproven
from core.services.trials import RETIRE, check_simulation
from core.store.unit import Unit


def check_undone(unit: Unit, now: Row[Any] | None, before: Row[Any]) -> None:
    """Refuse a rollback by which a policy would get orders it was never compared over.

    Args:
        unit: the running transaction, in which no other changes policies.
        now: the version that is in force, None when none of the name is.
        before: the version that would come back.

    Raises:
        Refused: it would.
    """
    back = _policy(before)
    why = _why(unit, before if now is None else now, now, back)
    if why is not None:
        raise Refused(
            f"{title(back)} cannot come back without a simulation.",
            why=f"Other policies have changed since: {why}.",
            fix=f"Run `crossdock policy simulate {title(back)}`, then `crossdock policy restore {title(back)}`.",
            code="POLICY-SIMULATION-403",
        )


def check_retired(unit: Unit, row: Row[Any]) -> None:
    """Refuse that a version in force is retired where that undoes more than it did, unless two people have proof.

    Raises:
        Refused: it was not simulated or breaks a guardrail, or who had it simulated retires it.
    """
    if _why(unit, row, row, None) is None:
        return
    check_simulation(unit.conn, row, unit.now, RETIRE)
    if row.simulation["by"] == unit.actor:
        raise Refused(
            f"{unit.actor} had it simulated that {_title(row)} is retired, and cannot retire it.",
            fix="Ask a second person.",
            code="POLICY-SELF-403",
        )


def _why(unit: Unit, noted: Row[Any], leaving: Row[Any] | None, back: InForce | None) -> str | None:
    held = read_in_force(unit.conn, unit.tenant)
    gone = next((each for each in held if leaving is not None and title(each) == _title(leaving)), None)
    after = [each for each in held if each is not gone]
    return unproven(_noted(noted, gone is None), held, ordered([*after, back] if back else after), gone, back)


def _noted(row: Row[Any], retired: bool) -> list[str] | None:
    """Return what was in force before a version began or, where it is `retired`, ended; None when it was not noted."""
    noted = (each["in_force"] for each in reversed(row.comments) if "in_force" in each)
    return next((each for each in noted if (_title(row) in each) == retired), None)


def _title(row: Row[Any]) -> str:
    return f"{row.name}@{row.number}"


def _policy(row: Row[Any]) -> InForce:
    return in_force_of(row.name, row.number, check_policy(row.document))
