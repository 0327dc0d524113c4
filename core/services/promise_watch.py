"""The watch over promises: how likely each is to break as things stand, a case when that is likely, and its end.

A parcel that left is late with the chance the transit model gives it, knowing how long it has been on its way; work
that has not left could leave at the node's next moment at best. A promise counts as late a day after its time even when
nothing has arrived, so that what never arrives is no success; only of parcels no carrier ever told anything about it is
not known, and they count neither way. What a buyer fetches is promised to be ready: handing it out ends the promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.calendars import next_ship_moment
from core.domain.cases import PROMISE_RISK
from core.domain.ids import public_id
from core.domain.payloads import jsonable
from core.intelligence.lanes import DAY_SECONDS, Lane, lane_name, make_trip
from core.intelligence.odds import late
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.facts import Facts
from core.services.promises import GRACE
from core.store.locks import lock_orders_to_watch
from core.store.unit import Unit

OVERDUE = timedelta(days=1)
# Between two looks at a promise nothing happens to: a quarter of what is left, within these.
SOONEST, LATEST = timedelta(minutes=15), timedelta(hours=12)
BATCH = 200
# What a node picks for a buyer who comes is taken to be ready: the rest is up to him.
AT_HAND = ("picking", "partly_shipped")
DUE = """
SELECT p.id, p.order_id, p.state, p.due_at, p.risk, p.version, o.state AS order_state, o.phase, o.total,
       o.body->>'pickup_node' AS pickup
FROM promise p JOIN orders o ON o.tenant_id = p.tenant_id AND o.id = p.order_id
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
       p.ship_at
FROM fulfillment_order f
JOIN promise_part p ON p.tenant_id = f.tenant_id AND p.fulfillment_id = f.id
WHERE f.tenant_id = %s AND f.order_id = ANY(%b::uuid[])
  AND f.state IN ('planned', 'released', 'on_hold', 'acknowledged', 'picking', 'partly_shipped')
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


def watch_promises(unit: Unit, facts: Facts) -> int:
    """Look at the promises that are due for it and return how many; open and end cases as their chances ask."""
    # A promise is written under its order's lock by everybody; orders others work on are looked at the next time.
    orders = lock_orders_to_watch(unit, BATCH)
    if not orders:
        return 0
    rows = unit.conn.exec_driver_sql(DUE, (unit.tenant, orders)).all()
    parcels = _by_order(unit.conn.exec_driver_sql(PARCELS, (unit.tenant, orders)).all())
    works = _by_order(unit.conn.exec_driver_sql(WORK, (unit.tenant, orders)).all())
    looks = [(row, _look(unit, facts, row, parcels.get(row.order_id, []), works.get(row.order_id, []))) for row in rows]
    written = _write(unit, looks)
    # What changed while it was looked at is due again and looked at the next time.
    looks = [(row, look) for row, look in looks if row.id in written]
    open_cases(unit, [look.cause for _, look in looks if look.cause is not None])
    calm = [row.order_id for row, look in looks if look.cause is None and _is_calm(look)]
    settle_members(unit, "order", calm, codes=[PROMISE_RISK.code])
    for row, look in looks:
        _tell(unit, facts, row, look)
    return len(rows)


def _by_order(rows: Sequence[Row[Any]]) -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.order_id, []).append(row)
    return found


def _is_calm(look: _Look) -> bool:
    """Return whether nothing is left to be done: a late promise stays a case until the goods are there."""
    return look.watch_at is None or look.state == "standing"


def _look(unit: Unit, facts: Facts, row: Row[Any], parcels: Sequence[Row[Any]], works: Sequence[Row[Any]]) -> _Look:
    if row.order_state == "canceled":
        return _Look("void", 0.0, None, settled_at=unit.now)
    under_way = [each for each in parcels if each.state not in ("delivered", "lost", "returned_to_sender")]
    failed = [each for each in parcels if each.state in ("lost", "returned_to_sender")]
    arrived = [each.delivered_at for each in parcels if each.state == "delivered"]
    if row.phase in ("delivered", "partly_returned", "returned") and arrived and not under_way and not failed:
        at = max(arrived)
        kept = at <= row.due_at
        if row.pickup and not kept and row.state != "late":
            # Whether it was ready when it was promised, or its buyer came later, nobody has said.
            return _Look("unknown", 0.0, None, at, unit.now)
        return _Look("kept" if kept else "late", float(not kept), None, at, unit.now)
    chances = [(_parcel_late(facts, unit.now, row, each), each) for each in under_way]
    chances += [(_work_late(facts, unit.now, row, each), each) for each in works]
    chances += [(1.0, each) for each in failed]
    on_time = 1.0
    for chance, _ in chances:
        on_time *= 1 - chance
    if not chances:
        # Nothing is under way and nothing is at work: units are being sourced again, or wait for stock.
        on_time = 0.0 if unit.now > row.due_at else 1 - row.risk
    risk = 1 - on_time
    waits = bool(row.pickup and works) and all(each.state in AT_HAND for each in works)
    overdue = unit.now > row.due_at + OVERDUE and not waits
    if overdue and under_way and not works and not failed and not any(each.tracked for each in under_way):
        return _Look("unknown", risk, None, settled_at=unit.now)
    cause = None
    if risk >= facts.promising.terms.risk or overdue:
        worst = max(chances, key=lambda each: each[0], default=(risk, None))[1]
        cause = _cause(facts, row, worst, risk)
    state = "late" if overdue else "standing"
    return _Look(
        state, risk, _next_look(unit.now, row.due_at, works), settled_at=unit.now if overdue else None, cause=cause
    )


def _parcel_late(facts: Facts, now: datetime, row: Row[Any], parcel: Row[Any]) -> float:
    # Of a parcel nobody tracks, not having heard means nothing.
    waited = (now - parcel.shipped_at).total_seconds() / DAY_SECONDS if parcel.tracked else 0.0
    return _chance(facts, parcel, parcel.carrier, parcel.service, parcel.shipped_at, row.due_at, waited)


def _work_late(facts: Facts, now: datetime, row: Row[Any], work: Row[Any]) -> float:
    if row.pickup and work.state in AT_HAND:
        return 0.0
    calendar = facts.promising.calendars.get(work.node_id)
    # Packed already or not: at best it leaves when the node's next parcels do.
    leaves = None if calendar is None else next_ship_moment(calendar, now, handling=timedelta(0))
    if leaves is None:
        return 1.0
    leaves = max(leaves, min(work.ship_at, row.due_at))
    if row.pickup:
        return float(leaves > row.due_at)
    return _chance(facts, work, work.carrier, None, leaves, row.due_at, 0.0)


def _chance(
    facts: Facts,
    way: Row[Any],
    carrier: str | None,
    service: str | None,
    leaves: datetime,
    due_at: datetime,
    waited: float,
) -> float:
    lane = Lane(way.from_country, way.from_postal, way.to_country, way.to_postal, way.km)
    log_days = facts.promising.transit.log_days(make_trip(carrier, service, lane, leaves))
    return late(log_days, (due_at - leaves).total_seconds() / DAY_SECONDS, max(waited, 0.0))


def _next_look(now: datetime, due_at: datetime, works: Sequence[Row[Any]]) -> datetime:
    pause = min(LATEST, max(SOONEST, abs(due_at - now) / 4))
    leaving: list[datetime] = [each.ship_at + GRACE for each in works if each.ship_at + GRACE > now]
    return min([now + pause, *leaving])


def _cause(facts: Facts, row: Row[Any], worst: Row[Any] | None, risk: float) -> Opened:
    """Return the case: one per node that has not sent, or per carrier and lane that is slow."""
    if worst is None:
        detail, source = "no parcel is under way", "nothing"
    elif hasattr(worst, "shipped_at"):
        lane = lane_name(worst.from_country, worst.to_country)
        source = f"{worst.carrier or 'a carrier'} {lane}"
        detail = f"{source} is {worst.state.replace('_', ' ')}"
    else:
        source = facts.promising.places[worst.node_id].code
        detail = f"{source} has not {'made it ready' if row.pickup else 'sent it'}"
    return Opened(
        PROMISE_RISK,
        f"{PROMISE_RISK.code}:{source.lower()}",
        {"detail": detail, "source": source, "risk": f"{risk:.0%}", "due": f"{row.due_at:%Y-%m-%d %H:%M} UTC"},
        [Member("order", row.order_id, row.order_id, row.total)],
        node_id=None if worst is None or hasattr(worst, "shipped_at") else worst.node_id,
    )


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
