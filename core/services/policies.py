"""Versions of policies: written, simulated, approved by a second person, activated at a time, rolled back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, text, update

from core.domain.ids import public_id, uuid7
from core.domain.payloads import jsonable
from core.domain.policies import POLICY, PolicyState, check_name, check_policy
from core.errors import Conflict, InputError, Refused
from core.services import audit
from core.services.trials import check_simulation
from core.store import schema as t
from core.store.read.policies import policy_row
from core.store.unit import Unit

Json = dict[str, Any]
_p = t.policy.c
# Two people who change versions of one policy wait for each other; the second half of an advisory lock.
NAME_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('policy:' || :name))")
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
    unit.conn.execute(NAME_LOCK, {"name": name})
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
            comments=_said(unit, [], "wrote it", comment),
        )
    )
    _tell(unit, "drafted", policy_id, f"{name}@{number}", {"comment": comment})
    return policy_id


def approve(unit: Unit, name: str, comment: str | None = None) -> UUID:
    """Approve a draft in the name of a person who did not write it, and return its id.

    Raises:
        NotFound: there is no such version.
        IllegalTransition: it is no draft.
        Refused: the author approves.
    """
    row = _locked(unit, name)
    state = POLICY.advance(row.state, "approve")
    if row.author == unit.actor:
        raise Refused(
            f"{unit.actor} wrote {row.name}@{row.number} and cannot approve it.",
            fix="Ask a second person.",
            code="POLICY-SELF-403",
        )
    _write(unit, row, "approved it", comment, state=state, approver=unit.actor)
    _tell(unit, "approved", row.id, f"{row.name}@{row.number}", {"comment": comment, "author": row.author})
    return UUID(str(row.id))


def keep_simulation(unit: Unit, name: str, found: Mapping[str, Any]) -> UUID:
    """Store the report of a simulation with its version, and return the version's id."""
    row = _locked(unit, name)
    _write(unit, row, None, None, simulation=jsonable(found), simulated_at=unit.now)
    kept = {each: found[each] for each in ("since", "orders", "passed")}
    _tell(unit, "simulated", row.id, f"{row.name}@{row.number}", kept)
    return UUID(str(row.id))


def activate(unit: Unit, name: str, at: datetime | None = None, comment: str | None = None) -> UUID:
    """Put an approved version in force, now or at a time to come, and return its id.

    Its last simulation must have passed, be recent, and cover enough of the past.

    Raises:
        NotFound: there is no such version.
        IllegalTransition: it is not approved.
        InputError: the time is past.
        Refused: it was not simulated, too long ago, over too little, or a guardrail does not hold.
    """
    row = _locked(unit, name)
    state = POLICY.advance(row.state, "activate")
    if at is not None and at < unit.now - JUST_NOW:
        raise InputError(
            f"{at:%Y-%m-%d %H:%M} UTC is past: no order of then is decided again.",
            fix="Say a time to come, or none to put it in force now.",
            code="POLICY-TIME-422",
            errors=[{"path": "at", "reason": "is past"}],
        )
    check_simulation(row, unit.now)
    title, planned = f"{row.name}@{row.number}", row.active_from
    if at is not None and at > unit.now:
        moved = f" instead of at {planned.isoformat()}" if planned not in (None, at) else ""
        _write(unit, row, f"set it to begin at {at.isoformat()}{moved}", comment, active_from=at)
        _tell(unit, "scheduled", row.id, title, {"active_from": at, "instead_of_time": planned, "comment": comment})
        return UUID(str(row.id))
    before = _retire_others(unit, row)
    moved = f", not at {planned.isoformat()}" if planned is not None else ""
    _write(unit, row, f"activated it{_instead(before)}{moved}", comment, state=state, active_from=unit.now)
    told = {"instead_of": before, "instead_of_time": planned, "comment": comment}
    _tell(unit, "activated", row.id, title, told)
    return UUID(str(row.id))


def restore(unit: Unit, name: str, comment: str | None = None) -> UUID:
    """Put a retired version in force that was approved once, such as one that was rolled back, and return its id.

    Its last simulation must have passed, be recent, and cover enough of the past, as for one that is activated.

    Raises:
        NotFound: there is no such version.
        IllegalTransition: it is not retired.
        Refused: nobody approved it, or its simulation does not let it be activated.
    """
    row = _locked(unit, name)
    state = POLICY.advance(row.state, "restore")
    title = f"{row.name}@{row.number}"
    if row.approver is None:
        raise Refused(
            f"{title} was given up before anybody approved it.",
            fix="Write what it says as a new version, and have that approved.",
            code="POLICY-RESTORE-403",
        )
    check_simulation(row, unit.now)
    before = _retire_others(unit, row)
    _write(unit, row, f"put it back in force{_instead(before)}", comment, state=state, active_from=unit.now)
    _tell(unit, "activated", row.id, title, {"instead_of": before, "restored": True, "comment": comment})
    return UUID(str(row.id))


def _instead(before: str | None) -> str:
    return f" instead of {before}" if before else ""


def rollback(unit: Unit, name: str, comment: str | None = None) -> UUID:
    """Put the version back in force that was before the one that is, and return its id.

    Raises:
        NotFound: there is no such policy.
        Conflict: no version was in force before.
    """
    name = name.partition("@")[0]
    policy_row(unit.conn, name, unit.tenant)
    # A version whose time has come is in force, though the relay may not have noted it yet.
    activate_due(unit)
    unit.conn.execute(NAME_LOCK, {"name": name})
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
    if now is not None:
        # Without its time it counts as never in force, so that a second rollback goes further back.
        given_up = POLICY.advance(now.state, "retire")
        _write(unit, now, "rolled it back", comment, state=given_up, active_from=None)
    restored = POLICY.advance(before.state, "restore")
    _write(unit, before, "put it back in force", comment, state=restored, active_from=unit.now)
    taken = None if now is None else f"{name}@{now.number}"
    _tell(unit, "activated", before.id, f"{name}@{before.number}", {"instead_of": taken, "rollback": True})
    return UUID(str(before.id))


def retire(unit: Unit, name: str, comment: str | None = None) -> UUID:
    """Take a version out: a draft or approved one is given up, one in force leaves its orders to the others.

    Raises:
        NotFound: there is no such version.
        IllegalTransition: it is retired already.
    """
    row = _locked(unit, name)
    state = POLICY.advance(row.state, "retire")
    # A time that was set for it and never came does not count as having been in force.
    began = row.active_from if row.state == PolicyState.ACTIVE else None
    _write(unit, row, "retired it", comment, state=state, active_from=began)
    _tell(unit, "retired", row.id, f"{row.name}@{row.number}", {"comment": comment})
    return UUID(str(row.id))


def activate_due(unit: Unit) -> int:
    """Put versions in force whose time has come, and return how many; sourcing uses them from that time anyway."""
    due = unit.conn.execute(DUE, {"t": unit.tenant}).all()
    done = 0
    for each in due:
        row = _locked(unit, public_id("policy", each.id))
        if row.state != PolicyState.APPROVED or row.active_from is None:
            continue
        before = _retire_others(unit, row)
        _write(unit, row, "its time came", None, state=POLICY.advance(row.state, "activate"))
        _tell(unit, "activated", row.id, f"{row.name}@{row.number}", {"instead_of": before})
        done += 1
    return done


def _locked(unit: Unit, name: str) -> Row[Any]:
    """Return the row of a version while no other transaction changes a version of its policy."""
    row = policy_row(unit.conn, name, unit.tenant)
    unit.conn.execute(NAME_LOCK, {"name": row.name})
    return policy_row(unit.conn, public_id("policy", row.id), unit.tenant)


def _retire_others(unit: Unit, row: Row[Any]) -> str | None:
    """Take the version out that is in force under the same name, and return which it was."""
    others = unit.conn.execute(
        select(t.policy).where(
            _p.tenant_id == unit.tenant, _p.name == row.name, _p.id != row.id, _p.state == PolicyState.ACTIVE
        )
    ).all()
    for each in others:
        _write(unit, each, None, None, state=POLICY.advance(each.state, "retire"))
    return f"{row.name}@{others[-1].number}" if others else None


def _write(unit: Unit, row: Row[Any], did: str | None, comment: str | None, **values: Any) -> None:
    if did is not None:
        values["comments"] = _said(unit, row.comments, did, comment)
    unit.conn.execute(
        update(t.policy).where(_p.tenant_id == unit.tenant, _p.id == row.id).values(version=_p.version + 1, **values)
    )


def _said(unit: Unit, before: list[Json], did: str, comment: str | None) -> list[Json]:
    return [*before, jsonable({"at": unit.now, "actor": unit.actor, "did": did, "text": comment})]


def _tell(unit: Unit, verb: str, policy_id: UUID, title: str, detail: Mapping[str, Any]) -> None:
    """Write the event and the audit entry of a change; the audit entry is the last thing a unit does."""
    kept = jsonable({name: value for name, value in detail.items() if value is not None})
    unit.event(f"policy.{verb}", "policy", policy_id, {"policy": title, **kept})
    audit.record(unit, f"policy.{verb}", title, kept)
