"""The watch over promises: how likely each is to break as things stand, a case when that is likely, and its end.

A parcel that left is late with the chance the transit model gives it, knowing how long it has been on its way; work
that has not left could leave at the node's next moment at best, and units that no node works on come from nowhere as
things stand (`core.services.promise_chances`). A promise counts as late a day after its time even when nothing has
arrived, so that what never arrives is no success; only of parcels no carrier ever told anything about it is not known,
and they count neither way. What a buyer fetches is promised to be ready: handing it out ends the promise.

Work that its node is asked to give back is the node's until it answers. What is to go elsewhere leaves no sooner for
that, so it counts as all work does. What its buyer wants no more (`unwanted`) makes nothing late and nobody hurry;
where that is all there is, risk and case stay as they are until the answer: the promise is void then, or work goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.cases import PROMISE_RISK
from core.domain.ids import public_id
from core.domain.payloads import jsonable
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.facts import Facts
from core.services.parcels import ENDED, FAILED
from core.services.promise_chances import AT_HAND, Chance, Chances, of_lost, of_missing
from core.services.promises import GRACE
from core.store.locks import lock_orders_to_watch
from core.store.unit import Unit

# How long before it is reported as sent a parcel may be there, as nodes report late; how late one may be unnoticed.
EARLIEST = timedelta(days=1)
OVERDUE = timedelta(days=1)
# Between two looks at a promise nothing happens to: a quarter of what is left, within these.
SOONEST, LATEST = timedelta(minutes=15), timedelta(hours=12)
# What is sourced within the first is not missing yet; how it went is looked at after the second at the latest.
SOURCED_WITHIN, AFTER_SOURCING = timedelta(seconds=5), timedelta(minutes=1)
BATCH = 200
NOTHING_LEFT = Chance(0.0, "nothing", "no parcel is under way")
DUE = """
SELECT p.id, p.order_id, p.state, p.due_at, p.risk, p.version, o.state AS order_state, o.phase, o.total,
       o.body->>'pickup_node' AS pickup, l.open > r.worked AS missing,
       o.state IN ('accepted', 'in_progress') AND o.sourcing_at <= %s AS sourced_next
FROM promise p JOIN orders o ON o.tenant_id = p.tenant_id AND o.id = p.order_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity - canceled - shipped), 0) AS open FROM order_line
    WHERE tenant_id = o.tenant_id AND order_id = o.id AND ships
) l
CROSS JOIN LATERAL (  -- what waits for supply that has not come rests on nothing that is there
    SELECT coalesce(sum(a.quantity / a.per_unit), 0) AS worked FROM reservation a
    JOIN fulfillment_order f ON f.tenant_id = a.tenant_id AND f.id = a.fulfillment_id
    WHERE a.tenant_id = o.tenant_id AND a.order_id = o.id AND a.state = 'allocated' AND NOT a.follows
      AND NOT (f.state = 'planned' AND f.release_at IS NULL)
) r
WHERE p.tenant_id = %s AND p.order_id = ANY(%s::uuid[]) ORDER BY p.watch_at
"""
# What is still to come of these orders: parcels under way, and work that has not all left.
PARCELS = """
SELECT s.order_id, s.node_id, s.carrier, s.service, s.state, s.shipped_at, s.delivered_at, p.from_country,
       p.from_postal, p.to_country, p.to_postal, p.km, p.ship_at,
       EXISTS (SELECT 1 FROM tracking_event e WHERE e.tenant_id = s.tenant_id AND e.shipment_id = s.id) AS tracked
FROM shipment s
LEFT JOIN promise_part p ON p.tenant_id = s.tenant_id AND p.fulfillment_id = s.fulfillment_id
WHERE s.tenant_id = %s AND s.order_id = ANY(%b::uuid[]) AND s.state <> 'voided'
"""
WORK = """
SELECT f.order_id, f.node_id, f.state, p.carrier, p.from_country, p.from_postal, p.to_country, p.to_postal, p.km,
       p.ship_at, f.state = 'canceling' AND EXISTS (
           SELECT 1 FROM change_set c
           JOIN fulfillment_line l ON l.tenant_id = c.tenant_id AND l.fulfillment_id = f.id
           WHERE c.tenant_id = f.tenant_id AND c.order_id = f.order_id AND c.kind = 'cancel' AND c.state = 'requested'
             AND c.changes->'lines'->>replace(l.line_id::text, '-', '') IS NOT NULL) AS unwanted
FROM fulfillment_order f
JOIN promise_part p ON p.tenant_id = f.tenant_id AND p.fulfillment_id = f.id
WHERE f.tenant_id = %s AND f.order_id = ANY(%b::uuid[])
  AND f.state IN ('planned', 'released', 'on_hold', 'acknowledged', 'picking', 'partly_shipped', 'canceling')
"""
MEMBERS = """
SELECT m.subject_id, c.fingerprint FROM case_member m
JOIN exception_case c ON c.tenant_id = m.tenant_id AND c.id = m.case_id
WHERE m.tenant_id = %s AND m.subject = 'order' AND m.subject_id = ANY(%s::uuid[]) AND m.resolved_at IS NULL
  AND c.code = %s
"""
WRITE = """
UPDATE promise p SET state = d.state, risk = d.risk, watch_at = d.watch_at, delivered_at = d.delivered_at,
       settled_at = coalesce(p.settled_at, d.settled_at), version = p.version + 1
FROM unnest(%b::uuid[], %b::int[], %b::text[], %b::float8[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[])
     AS d(id, version, state, risk, watch_at, delivered_at, settled_at)
WHERE p.tenant_id = %s AND p.id = d.id AND p.version = d.version
RETURNING p.id
"""


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at one promise found."""

    state: str
    risk: float
    watch_at: datetime | None
    delivered_at: datetime | None = None
    settled_at: datetime | None = None
    cause: Opened | None = None
    # Whether its case stays as it is, whatever it is about.
    waits: bool = False


def watch_promises(unit: Unit, facts: Facts) -> int:
    """Look at the promises that are due for it and return how many; open and end cases as their chances ask."""
    # A promise is written under its order's lock by everybody; orders others work on are looked at the next time.
    orders = lock_orders_to_watch(unit, BATCH)
    if not orders:
        return 0
    rows = unit.conn.exec_driver_sql(DUE, (unit.now + SOURCED_WITHIN, unit.tenant, orders)).all()
    parcels = unit.conn.exec_driver_sql(PARCELS, (unit.tenant, orders)).all()
    works = unit.conn.exec_driver_sql(WORK, (unit.tenant, orders)).all()
    chances = Chances(unit, facts, [*parcels, *works])
    sent, open_works = _by_order(parcels), _by_order(works)
    looks = [
        (row, _look(unit, facts, chances, row, sent.get(row.order_id, []), open_works.get(row.order_id, [])))
        for row in rows
    ]
    written = _write(unit, looks)
    # What changed while it was looked at is due again and looked at the next time.
    looks = [(row, look) for row, look in looks if row.id in written]
    open_cases(unit, [look.cause for _, look in looks if look.cause is not None])
    calm = [row.order_id for row, look in looks if look.cause is None and _is_calm(look)]
    settle_members(unit, "order", calm, codes=[PROMISE_RISK.code])
    _leave_others(unit, {row.order_id: look.cause.fingerprint for row, look in looks if look.cause is not None})
    for row, look in looks:
        _tell(unit, facts, row, look)
    return len(rows)


def _leave_others(unit: Unit, marks: Mapping[UUID, str]) -> None:
    """Take orders whose promises are at risk for another reason than before out of the cases of that one."""
    if not marks:
        return
    left: dict[str, list[UUID]] = {}
    for row in unit.conn.exec_driver_sql(MEMBERS, (unit.tenant, list(marks), PROMISE_RISK.code)):
        if row.fingerprint != marks[row.subject_id]:
            left.setdefault(row.fingerprint, []).append(row.subject_id)
    for mark in sorted(left):
        settle_members(unit, "order", left[mark], fingerprints=[mark])


def _by_order(rows: Sequence[Row[Any]]) -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.order_id, []).append(row)
    return found


def _is_calm(look: _Look) -> bool:
    """Return whether nothing is left to be done: a late promise stays a case until the goods are there."""
    return look.watch_at is None or (look.state == "standing" and not look.waits)


def _look(
    unit: Unit, facts: Facts, reckoned: Chances, row: Row[Any], parcels: Sequence[Row[Any]], begun: Sequence[Row[Any]]
) -> _Look:
    if row.order_state == "canceled":  # by a hub that left this to the watch
        return _Look("void", 0.0, None, settled_at=unit.now)
    under_way = [each for each in parcels if each.state not in ENDED]
    failed = [each for each in parcels if each.state in FAILED]
    arrived = [each.delivered_at for each in parcels if each.state == "delivered"]
    if row.phase in ("delivered", "partly_returned", "returned") and arrived and not under_way and not failed:
        at = max(arrived)
        if any(each.delivered_at <= each.shipped_at - EARLIEST for each in parcels if each.shipped_at):
            # Nothing is there before it leaves: another parcel's fact, or another year's.
            return _Look("unknown", 0.0, None, at, unit.now)
        kept = at <= row.due_at
        if row.pickup and not kept and row.state != "late":
            # Whether it was ready when it was promised, or its buyer came later, nobody has said.
            return _Look("unknown", 0.0, None, at, unit.now)
        return _Look("kept" if kept else "late", float(not kept), None, at, unit.now)
    works = [each for each in begun if not each.unwanted]
    chances = [reckoned.of_parcel(each, row.due_at) for each in under_way]
    chances += [reckoned.of_work(each, row.due_at, fetched=bool(row.pickup)) for each in works]
    chances += [of_lost(each) for each in failed]
    if row.missing and not row.sourced_next:
        chances.append(of_missing(row))
    if not chances and begun:
        return _Look(row.state, row.risk, _next_look(unit.now, row.due_at, ()), waits=True)
    on_time = 1.0
    for chance in chances:
        on_time *= 1 - chance.late
    if not chances:
        # Nothing is under way and nothing is at work: units are about to be sourced again, or come back from a node.
        on_time = 0.0 if unit.now > row.due_at else 1 - row.risk
    risk = 1 - on_time
    waits = bool(row.pickup and works) and all(each.state in AT_HAND for each in works)
    overdue = unit.now > row.due_at + OVERDUE and not waits
    if overdue and under_way and not works and not failed and not any(each.tracked for each in under_way):
        return _Look("unknown", risk, None, settled_at=unit.now)
    cause = None
    if risk >= facts.promising.terms.risk or overdue:
        cause = _cause(row, max(chances, key=lambda each: each.late, default=NOTHING_LEFT), risk)
    next_look = _next_look(unit.now, row.due_at, works)
    if row.missing and row.sourced_next:
        next_look = min(next_look, unit.now + AFTER_SOURCING)
    return _Look(
        "late" if overdue else "standing", risk, next_look, settled_at=unit.now if overdue else None, cause=cause
    )


def _next_look(now: datetime, due_at: datetime, works: Sequence[Row[Any]]) -> datetime:
    pause = min(LATEST, max(SOONEST, abs(due_at - now) / 4))
    leaving: list[datetime] = [each.ship_at + GRACE for each in works if each.ship_at + GRACE > now]
    return min([now + pause, *leaving])


def _cause(row: Row[Any], worst: Chance, risk: float) -> Opened:
    """Return the case: one per node that has not sent, per carrier and lane that is slow, or per disruption."""
    return Opened(
        PROMISE_RISK,
        f"{PROMISE_RISK.code}:{worst.source.lower()}",
        {
            "detail": worst.detail, "source": worst.source, "risk": f"{risk:.0%}",
            "due": f"{row.due_at:%Y-%m-%d %H:%M} UTC",
        },
        [Member("order", row.order_id, row.order_id, row.total)],
        node_id=worst.node_id,
    )  # fmt: skip


def _write(unit: Unit, looks: Sequence[tuple[Row[Any], _Look]]) -> set[UUID]:
    rows = unit.conn.exec_driver_sql(
        WRITE,
        (
            [row.id for row, _ in looks],
            [row.version for row, _ in looks],
            [look.state for _, look in looks],
            [look.risk for _, look in looks],
            [look.watch_at for _, look in looks],
            [look.delivered_at for _, look in looks],
            [look.settled_at for _, look in looks],
            unit.tenant,
        ),
    )
    return {row.id for row in rows}


def _tell(unit: Unit, facts: Facts, row: Row[Any], look: _Look) -> None:
    """Note what has changed: kept, late, at risk, and out of danger again."""
    data = {"promise": public_id("promise", row.id), "due_at": jsonable(row.due_at), "risk": round(look.risk, 4)}
    if look.state != row.state:
        if look.state in ("kept", "late"):
            data["delivered_at"] = jsonable(look.delivered_at)
        unit.event(f"promise.{look.state}", "promise", row.id, data, order_id=row.order_id)
    elif look.cause is not None and row.risk < facts.promising.terms.risk:
        unit.event("promise.at_risk", "promise", row.id, data, order_id=row.order_id)
