"""Versions of policies: written, simulated, approved by a second person, activated at a time, rolled back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, text

from core.domain.ids import public_id, uuid7
from core.domain.payloads import jsonable
from core.domain.policies import POLICY, PolicyState, check_name, check_policy
from core.errors import Conflict, InputError, Refused
from core.services.inforce import read_in_force
from core.services.policy_log import LOCK, check_alone, locked, said, tell, unschedule, write
from core.services.takeovers import titles
from core.services.trials import ACTIVATE, check_simulation
from core.services.undoing import check_retired, check_undone
from core.store import schema as t
from core.store.read.policies import policy_row
from core.store.unit import Unit

Json = dict[str, Any]
_p = t.policy.c
# A time that was "now" when it was sent is not past when it arrives.
JUST_NOW = timedelta(minutes=1)
DUE = text("""
SELECT id, name FROM policy WHERE tenant_id = :t AND state = 'approved' AND active_from <= clock_timestamp()
ORDER BY name, active_from, number
""")


def draft(unit: Unit, name: str, document: Any, comment: str | None = None) -> UUID:
    """Store a new version as a draft and return its id; a version never changes afterwards.

    Args:
        unit: the running transaction; its actor is the author.
        name: of the policy; the version gets the next number.
        document: what it says (core.domain.policies.PolicySchema).
        comment: why.

    Raises:
        InputError: the name or the document does not fit.
    """
    checked = check_policy(document)
    check_name(name)
    unit.conn.execute(LOCK)
    newest = unit.conn.execute(
        select(_p.number).where(_p.tenant_id == unit.tenant, _p.name == name).order_by(_p.number.desc()).limit(1)
    ).scalar_one_or_none()
    policy_id, number = uuid7(), (newest or 0) + 1
    unit.conn.execute(
        insert(t.policy).values(
            tenant_id=unit.tenant,
            id=policy_id,
            name=name,
            number=number,
            # With every default spelled out, so that a later default changes no version.
            document=jsonable(checked),
            author=unit.actor,
            comments=said(unit, [], "wrote it", comment),
        )
    )
    tell(unit, "drafted", policy_id, f"{name}@{number}", {"comment": comment})
    return policy_id


def approve(unit: Unit, name: str, comment: str | None = None) -> UUID:
    """Approve a draft in the name of a person who did not write it, and return its id.

    Raises:
        NotFound: there is no such version.
        IllegalTransition: it is no draft.
        Refused: the author approves.
    """
    row = locked(unit, name)
    state = POLICY.advance(row.state, "approve")
    if row.author == unit.actor:
        raise Refused(
            f"{unit.actor} wrote {row.name}@{row.number} and cannot approve it.",
            fix="Ask a second person.",
            code="POLICY-SELF-403",
        )
    write(unit, row, "approved it", comment, state=state, approver=unit.actor)
    tell(unit, "approved", row.id, f"{row.name}@{row.number}", {"comment": comment, "author": row.author})
    return UUID(str(row.id))


def keep_simulation(unit: Unit, name: str, found: Mapping[str, Any]) -> UUID:
    """Store the report of a simulation with its version, and return the version's id."""
    row = locked(unit, name)
    write(unit, row, None, None, simulation=jsonable({**found, "by": unit.actor}), simulated_at=unit.now)
    kept = {each: found.get(each) for each in ("change", "since", "orders", "passed")}
    tell(unit, "simulated", row.id, f"{row.name}@{row.number}", kept)
    return UUID(str(row.id))


def activate(unit: Unit, name: str, at: datetime | None = None, comment: str | None = None) -> UUID:
    """Put an approved version in force, now or at a time to come, and return its id.

    Its last simulation must have passed, be recent, and cover enough of the past.

    Raises:
        NotFound: there is no such version.
        IllegalTransition: it is not approved.
        InputError: the time is past.
        Conflict: another version is set to begin at a time to come, and this one shall be too.
        Refused: it was not simulated, too long ago, over too little, while other policies were in force, or a guardrail
            does not hold.
    """
    row = locked(unit, name)
    state = POLICY.advance(row.state, "activate")
    if at is not None and at < unit.now - JUST_NOW:
        raise InputError(
            f"{at:%Y-%m-%d %H:%M} UTC is past: no order of then is decided again.",
            fix="Say a time to come, or none to put it in force now.",
            code="POLICY-TIME-422",
            errors=[{"path": "at", "reason": "is past"}],
        )
    later = at is not None and at > unit.now
    check_simulation(unit.conn, row, unit.now, ACTIVATE, later=later)
    title, planned = f"{row.name}@{row.number}", row.active_from
    if at is not None and later:
        check_alone(unit, row)
        moved = f" instead of at {planned.isoformat()}" if planned not in (None, at) else ""
        write(unit, row, f"set it to begin at {at.isoformat()}{moved}", comment, active_from=at)
        tell(unit, "scheduled", row.id, title, {"active_from": at, "instead_of_time": planned, "comment": comment})
        return UUID(str(row.id))
    held, before = _titles(unit), _retire_others(unit, row)
    moved = f", not at {planned.isoformat()}" if planned is not None else ""
    did = f"activated it{_instead(before)}{moved}"
    write(unit, row, did, comment, held, state=state, active_from=unit.now)
    unschedule(unit, title)
    told = {"instead_of": before, "instead_of_time": planned, "comment": comment}
    tell(unit, "activated", row.id, title, told)
    return UUID(str(row.id))


def restore(unit: Unit, name: str, comment: str | None = None) -> UUID:
    """Put a retired version in force that was approved once, such as one that was rolled back, and return its id.

    Its last simulation must have passed, be recent, and cover enough of the past, as for one that is activated.

    Raises:
        NotFound: there is no such version.
        IllegalTransition: it is not retired.
        Refused: nobody approved it, or its simulation does not let it be activated.
    """
    row = locked(unit, name)
    state = POLICY.advance(row.state, "restore")
    title = f"{row.name}@{row.number}"
    if row.approver is None:
        raise Refused(
            f"{title} was given up before anybody approved it.",
            fix="Write what it says as a new version, and have that approved.",
            code="POLICY-RESTORE-403",
        )
    check_simulation(unit.conn, row, unit.now, ACTIVATE)
    held, before = _titles(unit), _retire_others(unit, row)
    write(unit, row, f"put it back in force{_instead(before)}", comment, held, state=state, active_from=unit.now)
    unschedule(unit, title)
    tell(unit, "activated", row.id, title, {"instead_of": before, "restored": True, "comment": comment})
    return UUID(str(row.id))


def _instead(before: str | None) -> str:
    return f" instead of {before}" if before else ""


def rollback(unit: Unit, name: str, comment: str | None = None) -> UUID:
    """Put the version back in force that was before the one that is, and return its id.

    Raises:
        NotFound: there is no such policy.
        Conflict: no version was in force before.
        Refused: other policies have changed since, and one would get orders it was never compared over.
    """
    name = name.partition("@")[0]
    policy_row(unit.conn, name, unit.tenant)
    # A version whose time has come is in force, though the relay may not have noted it yet.
    activate_due(unit)
    unit.conn.execute(LOCK)
    rows = unit.conn.execute(
        select(t.policy)
        .where(_p.tenant_id == unit.tenant, _p.name == name, _p.active_from <= unit.now)
        .order_by(_p.active_from.desc(), _p.number.desc())
    ).all()
    now = next((each for each in rows if each.state == PolicyState.ACTIVE), None)
    before = next((each for each in rows if each.state == PolicyState.RETIRED), None)
    if before is None:
        raise Conflict(
            f"No other version of {name} was in force before.",
            fix="See `crossdock policy list`.",
            code="POLICY-ROLLBACK-409",
        )
    check_undone(unit, now, before)
    if now is not None:
        # Without its time it counts as never in force, so that a second rollback goes further back.
        given_up = POLICY.advance(now.state, "retire")
        write(unit, now, "rolled it back", comment, state=given_up, active_from=None)
    restored = POLICY.advance(before.state, "restore")
    write(unit, before, "put it back in force", comment, state=restored, active_from=unit.now)
    unschedule(unit, f"{name}@{before.number}")
    taken = None if now is None else f"{name}@{now.number}"
    tell(unit, "activated", before.id, f"{name}@{before.number}", {"instead_of": taken, "rollback": True})
    return UUID(str(before.id))


def retire(unit: Unit, name: str, comment: str | None = None) -> UUID:
    """Take a version out: a draft or approved one is given up, one in force leaves its orders to the others.

    One in force needs the proof an activation needs, and a second person, unless that only undoes what put it in force.

    Raises:
        NotFound: there is no such version.
        IllegalTransition: it is retired already.
        Refused: other policies would get its orders, and no simulation shows that they may.
    """
    row = locked(unit, name)
    state = POLICY.advance(row.state, "retire")
    held = _titles(unit)
    leaves = f"{row.name}@{row.number}" in held
    if leaves:
        check_retired(unit, row)
    # A time that was set for it and never came does not count as having been in force.
    began = row.active_from if row.state == PolicyState.ACTIVE else None
    write(unit, row, "retired it", comment, held if leaves else None, state=state, active_from=began)
    if leaves:
        unschedule(unit, f"{row.name}@{row.number}")
    tell(unit, "retired", row.id, f"{row.name}@{row.number}", {"comment": comment})
    return UUID(str(row.id))


def activate_due(unit: Unit) -> int:
    """Put versions in force whose time has come, and return how many; sourcing uses them from that time anyway."""
    due = unit.conn.execute(DUE, {"t": unit.tenant}).all()
    done = 0
    for each in due:
        row = locked(unit, public_id("policy", each.id))
        if row.state != PolicyState.APPROVED or row.active_from is None:
            continue
        # What is in force in its stead is what was until its time came.
        before = _retire_others(unit, row)
        held = [each for each in _titles(unit) if each != f"{row.name}@{row.number}"]
        held += [before] if before else []
        write(unit, row, "its time came", None, held, state=POLICY.advance(row.state, "activate"))
        tell(unit, "activated", row.id, f"{row.name}@{row.number}", {"instead_of": before})
        done += 1
    return done


def _retire_others(unit: Unit, row: Row[Any]) -> str | None:
    """Take the version out that is in force under the same name, and return which it was."""
    others = unit.conn.execute(
        select(t.policy).where(
            _p.tenant_id == unit.tenant, _p.name == row.name, _p.id != row.id, _p.state == PolicyState.ACTIVE
        )
    ).all()
    for each in others:
        write(unit, each, None, None, state=POLICY.advance(each.state, "retire"))
    return f"{row.name}@{others[-1].number}" if others else None


def _titles(unit: Unit) -> list[str]:
    return titles(read_in_force(unit.conn, unit.tenant))
