"""Models are watched: a planted shift is found, false alarms are rare, what drifted is set aside until it fits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, text

from core.domain.ids import uuid7
from core.intelligence.drifting import at_most, choice_of, judge, kolmogorov, look
from core.intelligence.lanes import Trip
from core.services.learning import correct_transit
from core.services.model_watch import watch_models
from core.services.models import promote, train_transit
from core.services.promising_facts import read_transit
from core.services.redeciding import pieces, verify_pieces
from core.store import schema as t
from core.store.read.page import Slice
from core.store.read.promises import list_models
from core.store.unit import Store
from tests.core.carriers import change
from tests.core.test_learning import add_outcomes, do
from tests.core.world import World

LANES = [Trip(carrier, None, "DE", "200", to, "800", km, 0)
         for carrier in ("dhl", "gls") for to in ("DE", "DK") for km in (100, 300, 700)]  # fmt: skip
SHIFTED = Trip("new", None, "DE", "200", "PL", "00", 1_200, 0)


def drawn(chance: np.random.Generator, number: int) -> list[Trip]:
    return [LANES[at] for at in chance.integers(0, len(LANES), number)]


def test_distances_and_their_chances_are_those_of_the_books() -> None:
    assert kolmogorov(np.arange(3.0), np.arange(3.0) + 3)[0] == 1.0
    first = np.arange(100.0)
    distance, p = kolmogorov(first, first + 23)
    assert (distance, p) == (pytest.approx(0.23), pytest.approx(0.0082, abs=1e-4))
    assert kolmogorov(first, first) == (0.0, 1.0)
    assert at_most(8, 10, 0.9) == pytest.approx(1 - 0.9**10 - 10 * 0.9**9 * 0.1)
    assert at_most(10, 10, 0.9) == 1


def test_false_alarms_are_no_more_than_stated() -> None:
    alarms = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        kept = int(chance.binomial(400, 0.9))
        found = look(drawn(chance, 800), drawn(chance, 400), 0.9, kept, 400)
        alarms += judge(found.document())[0] == "drifted"
    assert alarms <= 2  # 1 % of 200


@pytest.mark.parametrize("seed", range(10))
def test_a_planted_shift_of_inputs_is_found(seed: int) -> None:
    chance = np.random.default_rng(seed)
    recent = [SHIFTED if chance.random() < 0.15 else trip for trip in drawn(chance, 1_000)]
    verdict, reasons = judge(look(drawn(chance, 1_000), recent, 0.9, 900, 1_000).document())
    assert verdict == "drifted"
    assert any(reason.startswith("lane is distributed otherwise") for reason in reasons)


@pytest.mark.parametrize("seed", range(10))
def test_planted_errors_are_found(seed: int) -> None:
    chance = np.random.default_rng(seed)
    kept = int(chance.binomial(300, 0.78))
    verdict, [reason] = judge(look(drawn(chance, 300), drawn(chance, 300), 0.9, kept, 300).document())
    assert (verdict, reason) == ("drifted", f"{kept / 300:.0%} of 300 promises were kept, and 90% were said")


def test_what_is_sure_and_small_is_no_drift_and_few_parcels_tell_nothing() -> None:
    chance = np.random.default_rng(3)
    recent = [SHIFTED if at < 160 else trip for at, trip in enumerate(drawn(chance, 2_000))]
    assert (
        kolmogorov(*(np.array([float(trip.km or 0) for trip in side]) for side in (drawn(chance, 2_000), recent)))[1]
        < 0.001
    )
    assert judge(look(drawn(chance, 2_000), recent, 0.9, 18_000, 20_000).document()) == ("fits", [])
    assert judge(look(drawn(chance, 2_000), drawn(chance, 2_000), 0.9, 17_700, 20_000).document()) == ("fits", [])
    assert judge(look(drawn(chance, 2_000), [SHIFTED] * 99, 0.9, 0, 99).document()) == ("few", [])


def test_only_a_champion_is_set_aside_and_only_what_fits_comes_back() -> None:
    drifted = look(LANES * 10, [SHIFTED] * 120, 0.9, 100, 100).document()
    fits = look(LANES * 10, LANES * 10, 0.9, 90, 100).document()
    few = look(LANES * 10, LANES * 10, 0.9, 9, 10).document()
    actions = {
        (state, fall_back, name): choice_of({"model": "lanes@2", "state": state, "fall_back": fall_back, "look": seen})[
            "action"
        ]
        for state in ("champion", "set_aside")
        for fall_back in (True, False)
        for name, seen in (("drifted", drifted), ("fits", fits), ("few", few))
    }
    assert {each for each, action in actions.items() if action == "set_aside"} == {("champion", True, "drifted")}
    assert {each for each, action in actions.items() if action == "restore"} == {
        ("set_aside", True, "fits"), ("set_aside", False, "fits"),
    }  # fmt: skip


@pytest.fixture
def world(store: Store) -> World:
    """A hub whose champion is a trained model, in use for twelve days."""
    made = World(store)
    add_outcomes(made, 900, factor=2.5, span=300)
    do(made, correct_transit)
    do(made, promote, do(made, train_transit, "lanes", "test"), "test")
    change(made, "UPDATE model_version SET promoted_at = promoted_at - interval '12 days' WHERE state = 'champion'")
    return made


def add_promised(world: World, number: int, kept: int) -> None:
    """Write parcels that left in the last ten days, the first of which kept the promise they had."""
    now = datetime.now(UTC)
    rows = []
    for index in range(number):
        left = now - timedelta(days=10 - 8 * index / number)
        came = left + timedelta(days=1)
        rows.append(
            {
                "tenant_id": 1, "shipment_id": uuid7(), "order_id": uuid7(), "node_id": world.nodes["HAM"],
                "carrier": "DHL", "from_country": "DE", "from_postal": "20095", "to_country": "DE",
                "to_postal": "80331", "km": 600, "state": "delivered", "ship_at": left, "shipped_at": left,
                "delivered_at": came, "settled_at": came,
                "due_90": came + timedelta(hours=1 if index < kept else -1),
            }
        )  # fmt: skip
    with world.store.begin() as unit:
        unit.conn.execute(insert(t.outcome), rows)


def watch(world: World, **more: Any) -> dict[str, str]:
    """Take a look now and return the states of the versions."""
    change(world, "UPDATE model_version SET watched_at = NULL")
    with world.store.begin(actor="relay") as unit:
        watch_models(unit, **more)
    with world.store.read() as conn:
        return {each["model"]: each["state"] for each in list_models(conn, Slice()).data}


def in_use(world: World) -> str:
    with world.store.read() as conn:
        return read_transit(conn, 1, None).version


def case(world: World) -> Any:
    return world.one("SELECT * FROM exception_case WHERE code = 'MODEL-DRIFT-001'")


def test_a_model_with_too_few_parcels_stays_and_is_looked_at_once_a_day(world: World) -> None:
    assert watch(world) == {"rules@1": "retired", "lanes@2": "champion"}
    row = world.one("SELECT watch FROM model_version WHERE state = 'champion'")
    assert (row.watch["verdict"], row.watch["due"]) == ("few", 0)
    assert world.all("SELECT id FROM decision") == []
    with world.store.begin(actor="relay") as unit:
        assert watch_models(unit) == 0
        unit.conn.execute(text("UPDATE model_version SET watched_at = watched_at - interval '1 day'"))
        assert watch_models(unit) == 1


def test_a_model_that_drifted_is_set_aside_for_the_rule_and_comes_back(world: World) -> None:
    add_promised(world, 200, 150)
    assert watch(world) == {"rules@1": "retired", "lanes@2": "set_aside", "rules@3": "champion"}
    assert in_use(world) == "rules@3"
    opened = case(world)
    assert (opened.state, opened.title) == ("open", "The transit model lanes@2 does not fit any more")
    assert "75% of 200 promises were kept, and 90% were said; the rule stands in for it." in opened.sentence
    [event] = world.all("SELECT data FROM event WHERE type = 'model.set_aside'")
    assert event.data["model"] == "lanes@2"
    [decision] = world.all("SELECT kind, policy, choice, order_id, actor FROM decision")
    assert (decision.kind, decision.policy, decision.order_id, decision.actor) == ("model", "lanes@2", None, "relay")
    assert decision.choice["action"] == "set_aside"
    # What came lately is what it would have promised again.
    change(world, "DELETE FROM outcome WHERE due_90 IS NOT NULL")
    assert watch(world)["lanes@2"] == "set_aside"  # too few to tell
    add_outcomes(world, 800, factor=2.5, span=13.9, until=0.1)
    assert watch(world) == {"rules@1": "retired", "lanes@2": "champion", "rules@3": "retired"}
    assert in_use(world) == "lanes@2"
    assert case(world).state == "superseded"
    assert [row.choice["action"] for row in world.all("SELECT choice FROM decision ORDER BY id")] == [
        "set_aside", "restore",
    ]  # fmt: skip
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'model.restored'").n == 1


def test_the_decision_comes_out_again_and_one_that_was_altered_is_named(world: World) -> None:
    add_promised(world, 200, 150)
    watch(world)
    with world.store.read() as conn:
        verdict = verify_pieces(conn, pieces(conn, None))
    assert (verdict.decisions, verdict.agree, verdict.differ) == (1, 1, [])
    change(world, "UPDATE decision SET choice = replace(choice::text, 'set_aside', 'set_asid3')::json")
    with world.store.read() as conn:
        [difference] = verify_pieces(conn, pieces(conn, None)).differ
    assert (difference.field, difference.how) == ("choice", "was altered")


def test_the_switch_leaves_a_model_in_use_and_tells_of_it(world: World) -> None:
    add_promised(world, 200, 150)
    assert watch(world, fall_back=False) == {"rules@1": "retired", "lanes@2": "champion"}
    assert "promises still rest on it" in case(world).sentence
    assert world.all("SELECT id FROM decision") == []
    change(world, "UPDATE outcome SET due_90 = delivered_at + interval '1 h' WHERE due_90 IS NOT NULL")
    assert watch(world)["lanes@2"] == "champion"
    assert case(world).state == "superseded"


def test_a_challenger_that_wins_ends_the_waiting(world: World) -> None:
    add_promised(world, 200, 150)
    watch(world)
    do(world, promote, do(world, train_transit, "lanes", "test"), "test")
    with world.store.read() as conn:
        states = {each["model"]: each["state"] for each in list_models(conn, Slice()).data}
    assert states == {"rules@1": "retired", "lanes@2": "retired", "rules@3": "retired", "lanes@4": "champion"}
    assert case(world).state == "superseded"
