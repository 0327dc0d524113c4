"""The pure part of promises: lane quantiles, corrections by outcomes, chances, scores, champion and challenger."""

from datetime import UTC, datetime
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.intelligence.boosted import fit_boosted, read_boosted
from core.intelligence.challenge import compare, pinball
from core.intelligence.conformal import Correction, correct, read_correction
from core.intelligence.lanes import LEVEL_AT, LEVELS, QUANTILES, Lane, Trip, make_trip
from core.intelligence.odds import arrived_by, due_days, last_of, late, level_days
from core.intelligence.scores import shrink, shrink_mean, wilson
from core.intelligence.transit import PRIOR, RULES, SPREAD, fit_lanes, read_lanes, rule_days

MONDAY = datetime(2026, 11, 16, 16, tzinfo=UTC)
HOME = make_trip("DHL", "parcel", Lane("DE", "20095", "DE", "80331", 600.0), MONDAY)
ABROAD = make_trip(None, None, Lane("DE", "20095", "SE", None), MONDAY)
ROW = RULES.log_days([HOME])[0]
NONE_KEPT = np.empty((0, len(LEVELS)))


def test_a_trip_is_coarse_enough_to_be_computed_once() -> None:
    other = make_trip(" dhl ", "Parcel", Lane("DE", "20099", "DE", "80 33-9", 610.0), MONDAY)
    assert other == HOME
    assert (HOME.carrier, HOME.service, HOME.from_area, HOME.to_area, HOME.km, HOME.weekday) == (
        "dhl", "parcel", "200", "803", 600, 0,
    )  # fmt: skip
    assert (ABROAD.carrier, ABROAD.to_area, ABROAD.km) == (None, "", None)


def test_the_rule_is_base_distance_and_border() -> None:
    assert rule_days(HOME) == 1 + 600 / 500
    assert rule_days(ABROAD) == 1 + 1_000 / 500 + 1
    assert np.exp(ROW[list(LEVEL_AT)]).round(2).tolist() == [2.2, 3.13, 3.77, 4.39]


def test_a_lane_leaves_the_rule_as_outcomes_come() -> None:
    assert fit_lanes([], np.array([])) is RULES
    twice = 2 * rule_days(HOME)
    few = fit_lanes([HOME], np.array([twice])).log_days([HOME])[0] - log(rule_days(HOME))
    many = fit_lanes([HOME] * 2_000, np.full(2_000, twice)).log_days([HOME])[0] - log(rule_days(HOME))
    assert few[5] < 0.2 * log(2)
    assert many[5] == pytest.approx(log(2), abs=0.001)
    all_row = (1 * log(2) + PRIOR * SPREAD) / (1 + PRIOR)
    table = fit_lanes([HOME], np.array([twice]))
    assert table.rows["all"] == pytest.approx(all_row)
    assert read_lanes(table.document()).log_days([HOME])[0] == pytest.approx(table.log_days([HOME])[0], abs=1e-5)


def test_a_carrier_has_its_own_quantiles_and_an_unknown_one_those_of_the_lane() -> None:
    lane = Lane("DE", "20095", "DE", "80331", 600.0)
    quick, slow, new = (make_trip(name, None, lane, MONDAY) for name in ("quick", "slow", "new"))
    table = fit_lanes([quick] * 500 + [slow] * 500, np.array([1.0] * 500 + [4.0] * 500))
    days = np.exp(table.log_days([quick, slow, new])[:, 5])
    assert days[0] < 1.1
    assert days[1] > 3.8
    assert days[0] < days[2] < days[1]


@pytest.fixture(scope="module")
def deliveries() -> tuple[list[Trip], np.ndarray]:
    chance = np.random.default_rng(1)
    ends = [("20095", "80331", 2.0), ("20095", "10115", 1.0), ("01067", "80331", 6.0)]
    picked = [ends[index] for index in chance.integers(0, 3, 600)]
    trips = [make_trip("dhl", None, Lane("DE", one, "DE", other), MONDAY) for one, other, _ in picked]
    return trips, np.array([days for *_, days in picked]) * np.exp(chance.normal(0, 0.2, 600))


def test_boosters_learn_areas_and_come_back_from_text(deliveries: tuple[list[Trip], np.ndarray]) -> None:
    pytest.importorskip("lightgbm", reason="the extra `models` is not installed")
    model = fit_boosted(*deliveries)
    trips = deliveries[0][:50]
    said = model.log_days(trips)
    assert (np.diff(said, axis=1) >= 0).all()
    by_area = {trip.to_area + trip.from_area: exp(row[5]) for trip, row in zip(trips, said, strict=True)}
    assert {key: round(days) for key, days in by_area.items()} == {"803200": 2, "101200": 1, "803010": 6}
    assert (read_boosted(model.document()).log_days(trips) == said).all()
    assert fit_boosted(*deliveries).document() == model.document()


def test_a_correction_moves_quantiles_to_what_was_seen_and_a_handful_of_parcels_hardly() -> None:
    said = np.tile(ROW, (2_000, 1))
    chance = np.random.default_rng(2)
    seen = log(rule_days(HOME)) + 0.5 + chance.normal(0, 0.42, 2_000)
    arrived, ages = np.ones(2_000, dtype=bool), chance.uniform(0, 30, 2_000)
    found = correct(Correction(), said, seen, arrived, ages, NONE_KEPT)
    kept = (seen[:, None] <= found.apply(said)).mean(axis=0)
    assert kept[list(LEVEL_AT)] == pytest.approx(LEVELS, abs=0.02)
    assert found.outcomes == 2_000
    assert read_correction(found.document()).offsets == pytest.approx(found.offsets, abs=1e-6)
    few = correct(Correction(), said[:3], seen[:3], arrived[:3], ages[:3], NONE_KEPT)
    assert abs(few.offsets[5]) < 0.2
    assert correct(found, said[:0], seen[:0], arrived[:0], ages[:0], NONE_KEPT).offsets == found.offsets


def test_parcels_under_way_keep_the_quick_ones_from_standing_for_all() -> None:
    chance = np.random.default_rng(3)
    days = np.exp(log(4) + chance.normal(0, 0.4, 6_000))
    ages = chance.uniform(0.1, 8, 6_000)
    arrived = days <= ages
    seen = np.log(np.where(arrived, days, ages))
    said = np.tile(np.array([log(4) + 0.4 * each / 0.42 for each in SPREAD]), (6_000, 1))
    found = correct(Correction(), said, seen, arrived, ages, NONE_KEPT)
    assert abs(found.offsets[5]) < 0.05
    blind = correct(Correction(), said[arrived], seen[arrived], arrived[arrived], ages[arrived], NONE_KEPT)
    assert blind.offsets[5] < -0.1


def test_what_is_kept_too_rarely_raises_the_level_aimed_at_and_within_bounds() -> None:
    none, nothing = np.zeros((0, len(QUANTILES))), np.zeros(0)
    rare = correct(Correction(), none, nothing, nothing.astype(bool), nothing, np.zeros((10, len(LEVELS))))
    assert rare.adjusted == pytest.approx((0.0075, 0.012, 0.0135, 0.01425))
    often = correct(Correction(), none, nothing, nothing.astype(bool), nothing, np.ones((10, len(LEVELS))))
    assert often.adjusted == pytest.approx((-0.0075, -0.003, -0.0015, -0.00075))
    worst = correct(rare, none, nothing, nothing.astype(bool), nothing, np.zeros((5_000, len(LEVELS))))
    assert worst.adjusted == pytest.approx((0.1, 0.1, 0.06, 0.03))


def test_chances_meet_the_quantiles_and_have_tails() -> None:
    for level, index in zip(LEVELS, LEVEL_AT, strict=True):
        assert arrived_by(ROW, exp(ROW[index])) == pytest.approx(level)
        assert level_days(ROW, level) == pytest.approx(exp(ROW[index]))
    assert arrived_by(ROW, 0) == 0
    assert arrived_by(ROW, exp(ROW[0]) / 2) == pytest.approx(0.025)
    assert arrived_by(ROW, exp(ROW[-1]) * 2) == pytest.approx(1 - 0.025 / 8)


def test_the_longer_it_is_under_way_the_likelier_it_is_late() -> None:
    due = level_days(ROW, 0.9)
    assert late(ROW, due) == pytest.approx(0.1)
    assert late(ROW, due, level_days(ROW, 0.5)) == pytest.approx(0.2)
    assert late(ROW, due, due) == 1.0
    assert late(ROW, -1.0) == 1.0


def test_all_of_several_parcels_are_there_later_than_each() -> None:
    assert last_of([(1.0, ROW)], 0.9) == pytest.approx(1 + level_days(ROW, 0.9))
    both = last_of([(0.0, ROW), (0.0, ROW)], 0.9)
    assert arrived_by(ROW, both) ** 2 == pytest.approx(0.9, abs=1e-6)
    assert last_of([(0.0, ROW), (50.0, ROW)], 0.9) == pytest.approx(50 + level_days(ROW, 0.9), rel=1e-3)
    assert due_days([(0.0, ROW)]) == pytest.approx([level_days(ROW, level) for level in LEVELS])


@given(st.lists(st.floats(0, 5), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_a_higher_chance_is_never_promised_sooner(leaves: list[float]) -> None:
    found = due_days([(each, ROW) for each in leaves])
    assert list(found) == sorted(found)
    assert found[0] >= max(leaves)


def test_scores_are_drawn_to_what_is_usual_and_say_how_sure_they_are() -> None:
    nothing = shrink(0, 0, 0, 0.9)
    assert nothing.value == pytest.approx(0.9)
    assert (nothing.outcomes, nothing.weight, nothing.prior) == (0, 0, 0.9)
    some = shrink(30, 40, 55, 0.9)
    assert some.value == pytest.approx((30 + 0.9 * 40) / 80)
    assert some.low < some.value < some.high
    assert shrink_mean(log(8) * 40, 40, log(2)) == pytest.approx(log(4))
    assert wilson(0.5, 100) == pytest.approx((0.41885, 0.58115), abs=1e-5)
    assert wilson(0.9, 0) == (0.0, 1.0)


def loss(value: float, count: int = 400) -> np.ndarray:
    return np.full(count, value) + np.random.default_rng(4).normal(0, 0.01, count)


def test_a_challenger_wins_only_when_it_is_better_everywhere_that_matters() -> None:
    window, lanes = [0] * 200 + [1] * 200, ["DE>DE"] * 300 + ["DE>SE"] * 100
    won = compare(loss(1.0), loss(0.9), window, lanes)
    assert (won.won, won.reasons) == (True, ())
    assert won.gain == pytest.approx(0.1, abs=0.002)
    assert 0 < won.sure_gain <= won.gain
    small = compare(loss(1.0), loss(0.998), window, lanes)
    assert (small.won, len(small.reasons)) == (False, 1)
    one_window = compare(loss(1.0), np.concatenate([loss(1.05, 200), loss(0.5, 200)]), window, lanes)
    assert "it lost a window" in one_window.reasons[0]
    harm = compare(loss(1.0), np.concatenate([loss(0.5, 300), loss(1.1, 100)]), [0, 1] * 200, lanes)
    assert harm.reasons == ("DE>SE would get 10.1% worse, more than 2%",)
    assert harm.worst is not None
    assert harm.worst[0] == "DE>SE"


def test_pinball_loss_is_least_at_the_true_quantile() -> None:
    actual = np.array([1.0, 2.0, 3.0])
    exact = pinball(actual, np.tile(actual[:, None], (1, len(QUANTILES))))
    assert exact.tolist() == [0, 0, 0]
    assert pinball(np.array([1.0]), np.zeros((1, len(QUANTILES))))[0] == pytest.approx(np.mean(QUANTILES))
