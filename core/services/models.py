"""Versions of the transit model: trained as challengers, promoted when they win, kept with what they rest on."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

import numpy as np
from sqlalchemy import insert, select, update

from core.domain.cases import MODEL_DRIFT
from core.domain.ids import public_id, uuid7
from core.domain.payloads import dump
from core.errors import Conflict, NotFound, Refused
from core.intelligence.boosted import FEATURES, fit_boosted
from core.intelligence.challenge import Verdict, compare, pinball
from core.intelligence.conformal import RIPE_DAYS
from core.intelligence.lanes import Floats, lane_name
from core.intelligence.transit import TransitModel, fit_lanes
from core.services import audit
from core.services.cases import settle_members
from core.services.learning import TRANSIT, Seen, correct_transit, next_version, read_seen
from core.services.promising_facts import read_transit
from core.store import schema as t
from core.store.unit import Unit

ENGINES = ("lanes", "boosted")
LANE_FEATURES = ("countries", "regions", "carrier", "service", "km")
HISTORY = timedelta(days=730)
WINDOW_DAYS = 14.0
# Fewer arrivals cannot tell a better model from luck.
LEAST_OUTCOMES = 200
RETRAIN = timedelta(days=7)
BY_SCHEDULE = "schedule"


def train_transit(unit: Unit, engine: str, actor: str) -> UUID:
    """Train a challenger on all outcomes, compare it with the champion, and return its id.

    Each of the last two windows of `WINDOW_DAYS` is predicted by a model of the engine trained on what had arrived
    before it began; what is stored is then trained on everything.

    Args:
        unit: the running transaction.
        engine: one of `ENGINES`.
        actor: who asked for it.

    Raises:
        Conflict: too few parcels have arrived.
        Misconfigured: the engine is not installed.
    """
    every = read_seen(unit, unit.now - HISTORY)
    seen = _ripe(every)
    window = np.where(seen.ages < RIPE_DAYS + WINDOW_DAYS, 1, 0)
    tested = np.flatnonzero(seen.ages < RIPE_DAYS + 2 * WINDOW_DAYS)
    if len(seen.trips) - len(tested) < LEAST_OUTCOMES or len(set(window[tested])) < 2:
        raise Conflict(
            f"Too few parcels to train on: of {int(every.arrived.sum())} that have arrived {len(seen.trips)} left at"
            f" least {RIPE_DAYS:.0f} days ago, by when slow ones have arrived too, and {len(seen.trips) - len(tested)}"
            f" left more than {RIPE_DAYS + 2 * WINDOW_DAYS:.0f} days ago.",
            why=f"At least {LEAST_OUTCOMES} that left more than {RIPE_DAYS + 2 * WINDOW_DAYS:.0f} days ago are learned"
            f" from, and some of each of the two windows of {WINDOW_DAYS:.0f} days since are needed to compare.",
            fix="Wait for more and older outcomes; the rule with its correction is used meanwhile.",
            code="MODEL-DATA-409",
        )
    verdict = _challenge(unit, seen, engine, window, tested)
    model = _fit(engine, seen, np.arange(len(seen.trips)))
    content = model.document()
    model_id = uuid7()
    unit.conn.execute(
        insert(t.model_version).values(
            tenant_id=unit.tenant,
            id=model_id,
            kind=TRANSIT,
            version=next_version(unit),
            engine=engine,
            state="challenger",
            content_hash=hashlib.sha256(dump(content).encode()).hexdigest(),
            content=content,
            data_from=min(seen.left),
            data_to=max(seen.left),
            outcomes=len(seen.trips),
            features=list(FEATURES if engine == "boosted" else LANE_FEATURES),
            metrics={"verdict": asdict(verdict), "tested": len(tested)},
        )
    )
    audit.record(unit, "model.train", public_id("model", model_id), {"engine": engine, "by": actor})
    unit.event("model.trained", "model", model_id, {"engine": engine, "won": verdict.won})
    return model_id


def promote(unit: Unit, model_id: UUID, approved_by: str) -> None:
    """Make a challenger the champion and correct it at once; the champion so far is retired, set aside or not.

    Raises:
        NotFound: there is no such version.
        Conflict: it is no challenger.
        Refused: it has not won.
    """
    m = t.model_version.c
    row = unit.conn.execute(
        select(m.id, m.state, m.metrics, m.version, m.engine).where(m.tenant_id == unit.tenant, m.id == model_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no model {public_id('model', model_id)}.")
    if row.state != "challenger":
        raise Conflict(f"The model is {row.state} and no challenger.", code="MODEL-STATE-409")
    verdict = row.metrics["verdict"]
    if not verdict["won"]:
        raise Refused(
            "The challenger has not won, so it does not take over.",
            why="; ".join(verdict["reasons"]),
            fix="Train again when there are more outcomes.",
            code="MODEL-WORSE-403",
        )
    retired = unit.conn.execute(
        update(t.model_version)
        .where(m.tenant_id == unit.tenant, m.kind == TRANSIT, m.state.in_(("champion", "set_aside")))
        .values(state="retired")
        .returning(m.id)
    ).scalars()
    settle_members(unit, "model", list(retired), codes=[MODEL_DRIFT.code])
    unit.conn.execute(
        update(t.model_version)
        .where(m.tenant_id == unit.tenant, m.id == model_id)
        .values(state="champion", approved_by=approved_by, promoted_at=unit.now)
    )
    correct_transit(unit)
    audit.record(unit, "model.promote", public_id("model", model_id), {"by": approved_by})
    unit.event("model.promoted", "model", model_id, {"engine": row.engine, "version": row.version, "by": approved_by})


def retrain(unit: Unit) -> int:
    """Train lane quantiles anew once a week and promote them when they win; return 1 when something was trained."""
    m = t.model_version.c
    newest = unit.conn.execute(
        select(m.created_at).where(m.tenant_id == unit.tenant, m.kind == TRANSIT).order_by(m.version.desc()).limit(1)
    ).scalar_one_or_none()
    if newest is None or unit.now - newest < RETRAIN:
        return 0
    try:
        model_id = train_transit(unit, "lanes", BY_SCHEDULE)
    except Conflict:
        return 0  # too few outcomes yet: the rule goes on
    metrics = unit.conn.execute(select(m.metrics).where(m.tenant_id == unit.tenant, m.id == model_id)).scalar_one()
    if metrics["verdict"]["won"]:
        promote(unit, model_id, BY_SCHEDULE)
    return 1


def _ripe(seen: Seen) -> Seen:
    """Return the parcels that arrived and left long enough ago for slow ones to have arrived too, oldest first."""
    keep = np.flatnonzero(seen.arrived & (seen.ages >= RIPE_DAYS))[::-1]
    return Seen(
        [seen.trips[index] for index in keep],
        seen.ages[keep],
        seen.days[keep],
        seen.arrived[keep],
        [seen.left[index] for index in keep],
    )


def _challenge(unit: Unit, seen: Seen, engine: str, window: np.ndarray, tested: np.ndarray) -> Verdict:
    champion = read_transit(unit.conn, unit.tenant, None).model
    losses: dict[int, Floats] = {}
    for each in (0, 1):
        asked = tested[window[tested] == each]
        begins = seen.ages[asked].max()
        # What had arrived when the window began: its age then is its age now less the window's.
        known = np.flatnonzero(seen.ages - seen.days > begins)
        said = _fit(engine, seen, known).log_days([seen.trips[index] for index in asked])
        losses |= dict(zip(asked.tolist(), pinball(np.log(seen.days[asked]), said), strict=True))
    before = pinball(np.log(seen.days[tested]), champion.log_days([seen.trips[index] for index in tested]))
    lanes = [lane_name(seen.trips[index].from_country, seen.trips[index].to_country) for index in tested]
    return compare(before, np.array([losses[index] for index in tested.tolist()]), window[tested].tolist(), lanes)


def _fit(engine: str, seen: Seen, indexes: np.ndarray) -> TransitModel:
    trips, days = [seen.trips[index] for index in indexes], seen.days[indexes]
    return fit_boosted(trips, days) if engine == "boosted" else fit_lanes(trips, days)
