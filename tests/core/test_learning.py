"""Outcomes teach: corrections, challengers, promotion, scores and the report of what was kept, on a real database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, text

from core.domain.ids import uuid7
from core.errors import Conflict, NotFound, Refused
from core.intelligence.lanes import LEVELS, Lane, make_trip
from core.intelligence.odds import level_days
from core.intelligence.transit import rule_days
from core.services.learning import correct_transit
from core.services.models import promote, retrain, train_transit
from core.services.promising_facts import read_transit
from core.services.scoring import refresh_scores
from core.store import schema as t
from core.store.read.calibration import read_calibration
from core.store.read.page import Slice
from core.store.read.promises import list_models, list_scores
from core.store.unit import Store
from tests.core.world import World

LANE = Lane("DE", "20095", "DE", "80331", 600.0)
RULE = rule_days(make_trip("dhl", None, LANE, datetime(2026, 11, 16, tzinfo=UTC)))


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def add_outcomes(
    world: World,
    count: int,
    *,
    factor: float = 1.5,
    carrier: str = "DHL",
    span: float = 60.0,
    until: float = 15.0,
    seed: int = 1,
    **more: Any,
) -> None:
    """Write parcels that left between `span` and `until` days ago and took the rule's days times a factor."""
    chance = np.random.default_rng(seed)
    now = datetime.now(UTC)
    rows = []
    for age in np.linspace(span, until, count):
        left = now - timedelta(days=float(age))
        days = RULE * factor * float(np.exp(chance.normal(0, 0.42)))
        arrived = left + timedelta(days=days)
        if arrived > now:
            continue
        rows.append(
            {
                "tenant_id": 1, "shipment_id": uuid7(), "order_id": uuid7(), "node_id": world.nodes["HAM"],
                "carrier": carrier, "from_country": "DE", "from_postal": "20095", "to_country": "DE",
                "to_postal": "80331", "km": 600, "state": "delivered", "ship_at": left, "shipped_at": left,
                "delivered_at": arrived, "settled_at": arrived, **more,
            }
        )  # fmt: skip
    with world.store.begin() as unit:
        unit.conn.execute(insert(t.outcome), rows)


def do(world: World, work: Any, *given: Any) -> Any:
    with world.store.begin(actor="test") as unit:
        return work(unit, *given)


def test_nothing_is_corrected_before_enough_parcels_arrived(world: World) -> None:
    add_outcomes(world, 20)
    assert do(world, correct_transit) == 0
    assert world.one("SELECT count(*) AS n FROM model_version").n == 0


def test_outcomes_correct_the_rule_and_promises_follow(world: World) -> None:
    add_outcomes(world, 800)
    found = do(world, correct_transit)
    row = world.one("SELECT * FROM model_version")
    assert (row.engine, row.version, row.state, row.correction["outcomes"]) == ("rules", 1, "champion", found)
    with world.store.read() as conn:
        transit = read_transit(conn, 1, None)
        again = read_transit(conn, 1, transit)
    assert again is transit
    said = transit.log_days(make_trip("DHL", None, LANE, datetime.now(UTC)))
    assert level_days(said, 0.5) == pytest.approx(1.5 * RULE, rel=0.1)
    assert transit.version == "rules@1"
    do(world, correct_transit)
    with world.store.read() as conn:
        newer = read_transit(conn, 1, transit)
    assert newer is not transit
    assert newer.model is transit.model


def test_a_challenger_is_trained_wins_and_is_promoted(world: World) -> None:
    add_outcomes(world, 900, factor=2.5, span=300)
    do(world, correct_transit)
    model_id = do(world, train_transit, "lanes", "test")
    row = world.one("SELECT * FROM model_version WHERE id = :id", id=model_id)
    verdict = row.metrics["verdict"]
    assert (row.state, row.version, row.engine, len(row.content_hash)) == ("challenger", 2, "lanes", 64)
    assert verdict["won"] is True
    assert verdict["gain"] > 0.2
    assert row.outcomes > 800
    assert row.data_from < row.data_to
    do(world, promote, model_id, "user:ada@example.com")
    with world.store.read() as conn:
        found = list_models(conn, Slice()).data
    assert [(each["model"], each["state"], each["approved_by"]) for each in found] == [
        ("lanes@2", "champion", "user:ada@example.com"),
        ("rules@1", "retired", "rule"),
    ]
    assert found[0]["correction"]["outcomes"] > 100
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'model.promoted'").n == 1
    with pytest.raises(Conflict, match="champion and no challenger"):
        do(world, promote, model_id, "test")
    # The same again is no better than itself.
    second = do(world, train_transit, "lanes", "test")
    with pytest.raises(Refused, match="has not won") as refused:
        do(world, promote, second, "test")
    assert refused.value.error_code == "MODEL-WORSE-403"
    assert world.one("SELECT engine, version FROM model_version WHERE state = 'champion'").version == 2


def test_training_needs_outcomes_and_the_model_named_must_exist(world: World) -> None:
    add_outcomes(world, 100, span=300)
    with pytest.raises(Conflict, match="Too few parcels to train on") as found:
        do(world, train_transit, "lanes", "test")
    assert found.value.error_code == "MODEL-DATA-409"
    # 100 of 300 days, evenly: what left lately counts as arrived and is not learned from yet.
    assert "left at least 20 days ago" in str(found.value)
    assert "of 100 that have arrived 9" in str(found.value)
    with pytest.raises(NotFound):
        do(world, promote, uuid7(), "test")
    assert world.one("SELECT count(*) AS n FROM model_version").n == 0


def test_the_schedule_retrains_once_a_week_and_promotes_what_wins(world: World) -> None:
    assert do(world, retrain) == 0
    add_outcomes(world, 900, factor=2.5, span=300)
    do(world, correct_transit)
    assert do(world, retrain) == 0  # the rule is of today
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE model_version SET created_at = created_at - interval '8 days'"))
    assert do(world, retrain) == 1
    row = world.one("SELECT engine, approved_by FROM model_version WHERE state = 'champion'")
    assert (row.engine, row.approved_by) == ("lanes", "schedule")


def test_a_champion_whose_engine_is_missing_is_stood_in_for_by_the_rule_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:

    add_outcomes(world, 40)
    do(world, correct_transit)
    with world.store.begin() as unit:
        unit.conn.execute(
            text('UPDATE model_version SET engine = \'boosted\', content = \'{"texts": ["x"], "words": {}}\'')
        )

    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr("importlib.import_module", missing)
    with world.store.read() as conn:
        transit = read_transit(conn, 1, None)
    assert transit.version == "rules"
    assert transit.failed == "Boosted transit models need LightGBM, which is not installed."
    before = world.one("SELECT corrected_at FROM model_version").corrected_at
    assert do(world, correct_transit) == 0
    assert world.one("SELECT corrected_at FROM model_version").corrected_at == before


def scores(world: World, **wanted: Any) -> dict[tuple[str, str | None, str], dict[str, Any]]:
    do(world, refresh_scores)
    with world.store.read() as conn:
        found = list_scores(conn, Slice(limit=200), **wanted).data
    return {(each["name"], each["part"], each["measure"]): each for each in found}


def test_carriers_are_scored_by_their_parcels(world: World) -> None:
    now = datetime.now(UTC)
    due: dict[str, Any] = {f"due_{round(100 * level)}": now + timedelta(days=1) for level in LEVELS}
    early: dict[str, Any] = {name: now - timedelta(days=300) for name in due}
    add_outcomes(world, 200, factor=0.5, carrier="GOOD", **due)
    add_outcomes(world, 200, factor=1.0, carrier="BAD", **early)
    add_outcomes(world, 2, factor=0.5, carrier="New", **early)
    found = scores(world)
    good, bad, new = (found[name, None, "on_time"] for name in ("good", "bad", "new"))
    assert good["value"] > 0.85
    assert bad["value"] < 0.25
    assert (good["outcomes"], new["outcomes"]) == (found["good", None, "days"]["outcomes"], 2)
    # Two late parcels say little: the newcomer stays near what is usual.
    assert new["prior"] == good["prior"] == bad["prior"]
    assert 0 < new["prior"] - new["value"] < 0.05
    assert found["good", None, "days"]["value"] < found["bad", None, "days"]["value"]
    assert ("good", "lane DE>DE", "on_time") in found
    assert good["weight"] < good["outcomes"]


def test_an_outcome_counts_half_after_its_half_life(world: World) -> None:
    add_outcomes(world, 1, factor=0.1, span=50)
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE outcome SET settled_at = clock_timestamp() - interval '45 days'"))
    assert scores(world)["dhl", None, "lost"]["weight"] == 0.5


def test_nodes_are_scored_by_the_work_they_were_given(world: World) -> None:
    for _ in range(3):
        world.send("order", world.order({"B": 1}))
    world.drain()
    first, second, third = world.work()
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE fulfillment_order SET state = 'rejected' WHERE id = :id"), {"id": first.id})
        unit.conn.execute(text("UPDATE fulfillment_order SET state = 'shipped' WHERE id = :id"), {"id": second.id})
        unit.conn.execute(
            insert(t.shipment).values(
                tenant_id=1, id=uuid7(), order_id=second.order_id, fulfillment_id=second.id, node_id=second.node_id,
                number="S", external_id="S", state="handed_over", shipped_at=second.released_at + timedelta(hours=6),
            )
        )  # fmt: skip
    found = scores(world, subject=["node"])
    accepted = found["HAM", None, "accepted"]
    usual = (1 + 0.98 * 40) / 42
    assert accepted["outcomes"] == 2  # the third has not been answered
    assert third.state == "released"
    assert accepted["value"] == pytest.approx((1 + usual * 40) / 42, abs=1e-3)
    assert found["HAM", None, "hours"]["value"] < 24
    assert found["HAM", None, "short"]["value"] < 0.02


def test_the_report_says_what_was_kept_by_carrier_lane_and_node(world: World) -> None:
    now = datetime.now(UTC)
    late, early = now + timedelta(days=1), now - timedelta(days=300)
    add_outcomes(world, 10, factor=0.1, carrier="A", due_50=early, due_80=late, due_90=late, due_95=late)
    add_outcomes(world, 5, factor=0.1, carrier="B", due_50=early, due_80=early, due_90=early, due_95=late)
    add_outcomes(world, 7, factor=0.1, carrier="C")  # never promised: not in the report
    with world.store.read() as conn:
        found = read_calibration(conn, now - timedelta(days=400))
        nothing = read_calibration(conn, now + timedelta(days=1))
    a, b = (world.one("SELECT count(*) AS n FROM outcome WHERE carrier = :c", c=name).n for name in "AB")
    kept = [0, a / (a + b), a / (a + b), 1]
    assert [level["kept"] for level in found["parcels"]["levels"]] == [round(each, 4) for each in kept]
    assert [level["said"] for level in found["parcels"]["levels"]] == list(LEVELS)
    assert {each["name"]: [level["kept"] for level in each["levels"]] for each in found["carriers"]} == {
        "a": [0, 1, 1, 1],
        "b": [0, 0, 0, 1],
    }
    assert [(each["name"], each["promises"]) for each in found["lanes"]] == [("DE>DE", a + b)]
    assert [(each["name"], each["promises"]) for each in found["nodes"]] == [("HAM", a + b)]
    assert all(level["low"] < level["high"] for level in found["parcels"]["levels"])
    assert nothing["parcels"] == {
        "promises": 0,
        "levels": [{"said": level, "kept": None, "low": None, "high": None} for level in LEVELS],
    }
