"""Exception cases: one per cause (fingerprint) with all it stops as members; a cause that comes back reopens it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update

from core.domain.cause import Cause
from core.domain.hold_causes import CAUSE_OF_HOLD
from core.domain.ids import uuid7
from core.domain.states import CASE, LIVE_CASE
from core.domain.ways import NEEDED, OTHERS, Way
from core.errors import Conflict, InputError, NotFound
from core.store import schema as t
from core.store.bulk import as_json
from core.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Member:
    """One thing a case is about: `subject` is order, message, delivery, fulfillment, connection or position."""

    subject: str
    id: UUID
    order_id: UUID | None = None
    value: Decimal | None = None


@dataclass(slots=True)
class Opened:
    """A case to be opened, or joined when its cause has one."""

    cause: Cause
    fingerprint: str
    evidence: Mapping[str, Any]
    members: list[Member] = field(default_factory=list)
    connection_id: UUID | None = None
    node_id: UUID | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    # Ways out besides the recommended one, where they are not those of every case of the cause.
    others: Sequence[Way] | None = None
    # When it hurts, where that is known better than by the cause.
    deadline: datetime | None = None


UPSERT = """
INSERT INTO exception_case (tenant_id, id, code, class, severity, title, sentence, fingerprint, connection_id, node_id,
                            recommended, alternatives, evidence, deadline, first_seen, last_seen)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::json, %s::json, %s::json, %s, %s, %s)
ON CONFLICT (tenant_id, fingerprint) DO UPDATE
SET last_seen = excluded.last_seen, sentence = excluded.sentence, evidence = excluded.evidence,
    recommended = excluded.recommended, alternatives = excluded.alternatives, version = exception_case.version + 1,
    deadline = CASE WHEN exception_case.state = ANY(%s) THEN exception_case.deadline ELSE excluded.deadline END,
    state = CASE WHEN exception_case.state = ANY(%s) THEN exception_case.state ELSE 'open' END,
    resolved_at = NULL, resolution = NULL
RETURNING id, version, (SELECT old.state FROM exception_case old WHERE old.tenant_id = exception_case.tenant_id
                        AND old.fingerprint = exception_case.fingerprint) AS before
"""
JOIN = """
INSERT INTO case_member (tenant_id, case_id, subject, subject_id, order_id, value, since)
SELECT %s, %s, * FROM unnest(%s::text[], %s::uuid[], %s::uuid[], %s::numeric[], %s::timestamptz[])
ON CONFLICT (tenant_id, case_id, subject, subject_id) DO UPDATE SET resolved_at = NULL, value = excluded.value
"""


def open_cases(unit: Unit, opened: Sequence[Opened]) -> list[UUID]:
    """Open or join cases; in fingerprint order, because a case is a shared row."""
    merged: dict[str, Opened] = {}
    for each in opened:
        if each.fingerprint in merged:
            merged[each.fingerprint].members.extend(each.members)
        else:
            merged[each.fingerprint] = each
    return [_open(unit, merged[fingerprint]) for fingerprint in sorted(merged)]


def _open(unit: Unit, opened: Opened) -> UUID:
    cause, words = opened.cause, _Words(opened.evidence)
    live = [str(state) for state in LIVE_CASE]
    recommended = {
        "action": cause.action,
        "label": cause.label.format_map(words),
        "args": dict(opened.arguments),
        "confidence": cause.confidence,
        "fields": list(NEEDED.get(cause.action or "", ())),
    }
    others = OTHERS.get(cause.code, ()) if opened.others is None else opened.others
    row = unit.conn.exec_driver_sql(
        UPSERT,
        (
            unit.tenant,
            uuid7(),
            cause.code,
            cause.group,
            cause.severity,
            cause.title.format_map(words)[:300],
            cause.sentence.format_map(words)[:1000],
            opened.fingerprint,
            opened.connection_id,
            opened.node_id,
            as_json(recommended),
            as_json([each.as_json(opened.arguments) for each in others]),
            as_json(dict(opened.evidence)),
            opened.deadline or (unit.now + timedelta(hours=cause.hours) if cause.hours else None),
            unit.now,
            unit.now,
            live,
            live,
        ),
    ).one()
    members = {(each.subject, each.id): each for each in opened.members}.values()
    unit.conn.exec_driver_sql(
        JOIN,
        (
            unit.tenant,
            row.id,
            [each.subject for each in members],
            [each.id for each in members],
            [each.order_id for each in members],
            [each.value for each in members],
            [unit.now for _ in members],
        ),
    )
    if row.before not in LIVE_CASE:
        owing_to = next((each.order_id for each in opened.members if each.order_id), None)
        data = {"code": cause.code, "reopened": row.before is not None}
        unit.event("exception.opened", "case", row.id, data, owing_to=owing_to)
    return UUID(str(row.id))


class _Words(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "?"


SETTLE = """
UPDATE case_member m SET resolved_at = %(now)s
FROM exception_case c
WHERE m.tenant_id = %(tenant)s AND m.resolved_at IS NULL AND c.tenant_id = m.tenant_id AND c.id = m.case_id
  AND m.subject = %(subject)s AND m.subject_id = ANY(%(ids)s::uuid[])
  AND (%(codes)s::text[] IS NULL OR c.code = ANY(%(codes)s))
  AND (%(prints)s::text[] IS NULL OR c.fingerprint = ANY(%(prints)s))
RETURNING m.case_id, m.order_id
"""
CLOSE = """
UPDATE exception_case c SET state = %(state)s, resolved_at = %(now)s, resolution = %(resolution)s,
       version = version + 1
WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s::uuid[]) AND state = ANY(%(live)s)
  AND NOT EXISTS (SELECT 1 FROM case_member m WHERE m.tenant_id = c.tenant_id AND m.case_id = c.id
                  AND m.resolved_at IS NULL)
RETURNING id, code
"""


def settle_members(
    unit: Unit,
    subject: str,
    ids: Collection[UUID],
    *,
    codes: Collection[str] | None = None,
    fingerprints: Collection[str] | None = None,
) -> None:
    """Say that the cause is gone for these subjects; a case nobody is left in is superseded by itself."""
    if not ids:
        return
    rows = unit.conn.exec_driver_sql(
        SETTLE,
        {
            "tenant": unit.tenant,
            "now": unit.now,
            "subject": subject,
            "ids": list(ids),
            "codes": None if codes is None else list(codes),
            "prints": None if fingerprints is None else list(fingerprints),
        },
    ).all()
    if not rows:
        return
    closed = unit.conn.exec_driver_sql(
        CLOSE,
        {
            "tenant": unit.tenant,
            "now": unit.now,
            "ids": sorted({row.case_id for row in rows}),
            "live": [str(state) for state in LIVE_CASE],
            "state": "superseded",
            "resolution": "cause gone",
        },
    )
    last = {row.case_id: row.order_id for row in rows}
    for row in closed:
        data = {"code": row.code, "how": "cause gone"}
        unit.event("exception.resolved", "case", row.id, data, owing_to=last[row.id])


def move_case(
    unit: Unit,
    case_id: UUID,
    trigger: str,
    *,
    owner: str | None = None,
    until: datetime | None = None,
    resolution: str | None = None,
) -> dict[str, Any]:
    """Assign, snooze, resolve or dismiss a case and return its new state.

    Raises:
        NotFound: there is no such case.
        IllegalTransition: the case is not in a state that allows it.
        Conflict: to be closed while orders are still held for its cause.
        InputError: snoozed into the past, or given to nobody who may log in.
    """
    row = unit.conn.execute(
        text("SELECT id, code, state FROM exception_case WHERE tenant_id = :t AND id = :id FOR NO KEY UPDATE"),
        {"t": unit.tenant, "id": case_id},
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no exception exc_{case_id.hex}.")
    if trigger == "snooze" and (until is None or until <= unit.now):
        raise InputError("An exception is snoozed until a time to come.", fix="Give `until` as a later time.")
    state = CASE.advance(row.state, trigger)
    closing = state in ("resolved", "dismissed")
    if closing:
        _refuse_held(unit, case_id, row.code)
    if owner:
        _require_person(unit, owner)
    unit.conn.execute(
        update(t.exception_case)
        .where(t.exception_case.c.tenant_id == unit.tenant, t.exception_case.c.id == case_id)
        .values(
            state=state,
            owner=owner if owner is not None else t.exception_case.c.owner,
            snoozed_until=until,
            resolved_at=unit.now if closing else None,
            resolution=resolution,
            version=t.exception_case.c.version + 1,
        )
    )
    if closing:
        unit.event("exception.resolved", "case", case_id, {"code": row.code, "how": resolution or str(state)})
    return {"id": f"exc_{case_id.hex}", "state": str(state)}


HELD = """
SELECT o.number, o.external_id, count(*) OVER () AS orders FROM case_member m
JOIN orders o ON o.tenant_id = m.tenant_id AND o.id = m.order_id
WHERE m.tenant_id = :t AND m.case_id = :c AND m.resolved_at IS NULL AND EXISTS (
    SELECT 1 FROM hold h WHERE h.tenant_id = m.tenant_id AND h.order_id = m.order_id AND h.state = 'active'
      AND h.kind = ANY(:kinds))
ORDER BY o.id LIMIT 5
"""


def _refuse_held(unit: Unit, case_id: UUID, code: str) -> None:
    """Refuse to close a case whose orders would then wait with nobody to say for what."""
    kinds = [str(kind) for kind, cause in CAUSE_OF_HOLD.items() if cause.code == code]
    held = unit.conn.execute(text(HELD), {"t": unit.tenant, "c": case_id, "kinds": kinds}).all() if kinds else []
    if held:
        named = ", ".join(row.number or row.external_id for row in held)
        more = f" and {held[0].orders - len(held)} more" if held[0].orders > len(held) else ""
        raise Conflict(
            f"Orders are still held for this: {named}{more}.",
            why="Closed, nothing would say any more what they wait for.",
            fix="Apply the action, release the holds (`crossdock orders release ORDER`) or cancel the orders: "
            "the exception then closes by itself.",
            code="CASE-HELD-409",
        )


def _require_person(unit: Unit, owner: str) -> None:
    u = t.user_account.c
    known = unit.conn.execute(
        select(u.id).where(u.tenant_id == unit.tenant, u.email == owner.strip().lower(), u.active)
    ).one_or_none()
    if known is None:
        raise InputError(
            f"{owner[:80]!r} is nobody who may log in.",
            fix="Name somebody `crossdock user list` shows, by the e-mail address.",
            code="CASE-OWNER-422",
        )


def wake_snoozed(unit: Unit) -> int:
    """Bring cases back whose snooze is over and return how many."""
    return unit.conn.execute(
        text(
            "UPDATE exception_case SET state = 'open', snoozed_until = NULL, version = version + 1"
            " WHERE tenant_id = :t AND state = 'snoozed' AND snoozed_until <= clock_timestamp()"
        ),
        {"t": unit.tenant},
    ).rowcount
