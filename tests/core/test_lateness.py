"""How likely a service is late for routing: its carrier's word at first, then what outcomes have taught."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from core.domain.calendars import Calendar, next_ship_moment
from core.domain.ids import uuid7
from core.intelligence.conformal import Correction
from core.intelligence.lanes import make_trip
from core.intelligence.odds import level_days
from core.intelligence.transit import RULES
from core.routing.problem import Demand, Destination
from core.services.expecting import lane_of, lateness_probability
from core.services.facts import Facts
from core.services.inforce import DEFAULT
from core.services.problems import Builder
from core.services.promising_facts import Transit
from core.services.sourcing import Sourced
from core.services.wishes import Wishes
from core.store.read.shelves import read_shelf
from core.store.unit import Store
from tests.core.carriers import rates, services
from tests.core.world import World

POST = {"carrier": "nordpost", "service": "parcel", "transit_days": {"*": 2}, "on_time": 0.85}
HOME = {"carrier": "nordpost", "service": "parcel", "from_country": "DE", "to_country": "DE", "up_to_g": 30_000,
        "price": "4.00", "zone": "home"}  # fmt: skip


# A policy that minds lateness: others are not told of it.
ASKING = replace(DEFAULT, policy=replace(DEFAULT.policy, late_penalty=1_000))


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def late_by(world: World, facts: Facts, days: int) -> float:
    """Return the chance the solver is told for a parcel from Hamburg that is wanted so many days from now."""
    with world.store.begin() as unit:
        demand = Demand(uuid7(), world.items["A"], Decimal(1))
        wishes = Wishes(postal_code="24103", deliver_by=unit.now.date() + timedelta(days=days))
        order = Sourced(uuid7(), "", world.shop, [demand], Destination("DE"), True, wishes=wishes)
        builder = Builder(unit, facts, [order], read_shelf(unit.conn, {world.items["A"]}, tenant=unit.tenant))
        built = builder.build(order, ASKING)
    [service] = built.problem.services[world.nodes["HAM"]]
    return service.late


def test_the_carriers_word_holds_until_enough_parcels_have_arrived(world: World) -> None:
    services(world, POST)
    rates(world, HOME)
    facts = world.facts
    assert late_by(world, facts, 12) == pytest.approx(0.15)
    few = replace(facts.promising, transit=Transit(RULES, Correction(outcomes=29)))
    assert late_by(world, replace(facts, promising=few), 12) == pytest.approx(0.15)


def test_outcomes_say_it_then_and_more_days_make_it_less_likely(world: World) -> None:
    services(world, POST)
    rates(world, HOME)
    facts = world.facts
    facts = replace(facts, promising=replace(facts.promising, transit=Transit(RULES, Correction(outcomes=30))))
    node, now = world.nodes["HAM"], datetime.now(UTC)
    leaves = next_ship_moment(Calendar(), now)
    assert leaves is not None
    lane = lane_of(facts, node, Destination("DE"), "24103")
    for days in (6, 12):
        end = datetime.combine(now.date() + timedelta(days=days + 1), time(), UTC)
        expected = lateness_probability(facts, "nordpost", "parcel", lane, leaves, end)
        assert late_by(world, facts, days) == pytest.approx(expected)
    assert late_by(world, facts, 6) > late_by(world, facts, 12) > 0


def test_the_chance_of_being_late_is_what_the_promise_leaves_open(world: World) -> None:
    facts = world.facts
    lane = lane_of(facts, world.nodes["HAM"], Destination("DE"), "24103")
    leaves = datetime(2026, 11, 16, 16, tzinfo=UTC)
    trip = make_trip(None, None, lane, leaves)
    for level in (0.5, 0.9):
        due = leaves + timedelta(days=level_days(RULES.log_days([trip])[0], level))
        assert lateness_probability(facts, None, None, lane, leaves, due) == pytest.approx(1 - level, abs=1e-4)
    assert lateness_probability(facts, None, None, lane, leaves, leaves - timedelta(hours=1)) == 1.0
