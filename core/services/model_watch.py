"""The watch over the transit model: one that drifted is set aside for the rule, with a case, and back when it fits.

A look is taken once a day. The champion is judged by the promises made by it that fell due lately; one that is set
aside by what it would have promised. Each change is a decision that can be made again from what it was made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Row, select, text, update

from core.domain.cases import MODEL_DRIFT
from core.domain.ids import public_id, uuid7
from core.errors import CrossdockError
from core.intelligence.conformal import read_correction
from core.intelligence.drifting import Look, choice_of, look
from core.intelligence.lanes import LEVEL_AT, LEVELS, Trip
from core.services import audit
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.learning import TRANSIT, WAYS, correct_transit, trip_of
from core.services.promising_facts import read_model
from core.services.recording import MODEL, Choice, record_choice
from core.store import schema as t
from core.store.unit import Unit

TOLD = {"set_aside": "set_aside", "restore": "restored"}
EVERY = timedelta(days=1)
WINDOW = timedelta(days=14)
# Parcels compared on each side; more would not move a distance.
MOST = 2_000
SAID = 0.9
AT = LEVEL_AT[LEVELS.index(SAID)]
# Parcels that left in a time, newest first; what is under way and never told of tells nothing by not arriving.
LEFT = text(
    f"""
    SELECT * FROM (
        SELECT ship_at, delivered_at, due_90, {WAYS} FROM outcome
        WHERE tenant_id = :t AND ship_at >= :since AND ship_at <= :until
        UNION ALL
        SELECT p.ship_at, NULL, p.due_90, s.carrier, s.service, p.from_country, p.from_postal, p.to_country,
               p.to_postal, p.km
        FROM promise_part p JOIN shipment s ON s.tenant_id = p.tenant_id AND s.fulfillment_id = p.fulfillment_id
        WHERE p.tenant_id = :t AND p.ship_at >= :since AND p.ship_at <= :until
          AND s.state NOT IN ('delivered', 'lost', 'returned_to_sender', 'voided')
          AND EXISTS (SELECT 1 FROM tracking_event e WHERE e.tenant_id = s.tenant_id AND e.shipment_id = s.id)
    ) parcels ORDER BY ship_at DESC LIMIT :most
    """  # noqa: S608 - the interpolated text is a constant
)


def watch_models(unit: Unit, *, fall_back: bool = True) -> int:
    """Look at the model in use and the one that is set aside, once a day, and return how many were looked at.

    Args:
        unit: the running transaction.
        fall_back: whether a model that drifted is set aside; else only its case is opened.
    """
    m = t.model_version.c
    rows = unit.conn.execute(
        select(t.model_version).where(
            m.tenant_id == unit.tenant,
            m.kind == TRANSIT,
            m.engine != "rules",
            m.state.in_(("champion", "set_aside")),
            (m.watched_at.is_(None)) | (m.watched_at <= unit.now - EVERY),
        )
    ).all()
    for row in rows:
        _look_at(unit, row, fall_back)
    return len(rows)


def _look_at(unit: Unit, row: Row[Any], fall_back: bool) -> None:
    found = _found(unit, row).document()
    model = f"{row.engine}@{row.version}"
    inputs = {"model": model, "state": row.state, "fall_back": fall_back, "look": found}
    choice = choice_of(inputs)
    seen = {"verdict": choice["verdict"], "reasons": choice["reasons"], **found}
    _write(unit, row.id, watch=seen, watched_at=unit.now)
    if choice["verdict"] == "drifted":
        _open_case(unit, row, choice, fall_back)
    elif choice["verdict"] == "fits":
        settle_members(unit, "model", [row.id], codes=[MODEL_DRIFT.code])
    if choice["action"] == "keep":
        return
    if choice["action"] == "set_aside":
        _write(unit, row.id, state="set_aside")
    else:
        m = t.model_version.c
        unit.conn.execute(
            update(t.model_version)
            .where(m.tenant_id == unit.tenant, m.kind == TRANSIT, m.state == "champion")
            .values(state="retired")
        )
        _write(unit, row.id, state="champion", promoted_at=unit.now)
    record_choice(unit, Choice(uuid7(), MODEL, model, inputs, choice))
    correct_transit(unit)  # what is in use now is corrected at once
    told = {"model": model, "reasons": choice["reasons"]}
    audit.record(unit, f"model.{TOLD[choice['action']]}", public_id("model", row.id), told)
    unit.event(f"model.{TOLD[choice['action']]}", "model", row.id, told)


def _open_case(unit: Unit, row: Row[Any], choice: Mapping[str, Any], fall_back: bool) -> None:
    now = "the rule stands in for it" if fall_back or row.state == "set_aside" else "promises still rest on it"
    evidence = {"model": choice["model"], "detail": "; ".join(choice["reasons"]), "now": now}
    member = Member("model", row.id)
    open_cases(unit, [Opened(MODEL_DRIFT, f"{MODEL_DRIFT.code}:{row.id.hex}", evidence, [member])])


def _found(unit: Unit, row: Row[Any]) -> Look:
    recent = _left(unit, unit.now - WINDOW, unit.now)
    learned = _left(unit, row.data_from, row.data_to)
    trips = [trip_of(each) for each in recent]
    if row.state == "champion":  # what was promised by it
        dues = [each.due_90 if each.ship_at >= row.promoted_at else None for each in recent]
    else:
        dues = _would_promise(row, recent, trips)
    due = [(each, at) for each, at in zip(recent, dues, strict=True) if at is not None and at <= unit.now]
    kept = sum(each.delivered_at is not None and each.delivered_at <= at for each, at in due)
    return look([trip_of(each) for each in learned], trips, SAID, kept, len(due))


def _would_promise(row: Row[Any], parcels: Sequence[Row[Any]], trips: Sequence[Trip]) -> list[datetime | None]:
    """Return by when a model would have promised parcels, with the correction it had when it was set aside."""
    if not trips:
        return []
    try:
        said = read_model(row.engine, row.content).log_days(trips)
    except CrossdockError:  # its engine is not installed here: it cannot come back
        return [None] * len(trips)
    days = np.exp(read_correction(row.correction).apply(said)[:, AT])
    return [each.ship_at + timedelta(days=float(day)) for each, day in zip(parcels, days, strict=True)]


def _left(unit: Unit, since: datetime, until: datetime) -> Sequence[Row[Any]]:
    return unit.conn.execute(LEFT, {"t": unit.tenant, "since": since, "until": until, "most": MOST}).all()


def _write(unit: Unit, model_id: UUID, **values: Any) -> None:
    m = t.model_version.c
    unit.conn.execute(update(t.model_version).where(m.tenant_id == unit.tenant, m.id == model_id).values(**values))
