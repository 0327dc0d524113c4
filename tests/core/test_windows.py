"""Windows of orders: work waits until it may leave, and what cannot keep its days is said."""

from datetime import date, timedelta
from typing import Any

import pytest

from core.domain.cases import WINDOW
from core.services.releasing import release_due
from core.store.unit import Store
from tests.core.carriers import change, ordered, rates, services
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 20})


def carrier(world: World) -> None:
    services(world, {"carrier": "Nordpost", "service": "parcel", "transit_days": {"*": 2}})
    rates(world, {"carrier": "Nordpost", "service": "parcel", "to_country": "DE", "price": "4.20"})


def in_days(days: int) -> date:
    return now().date() + timedelta(days=days)


def workday(days: int) -> date:
    """Return a day so far ahead, moved to the Wednesday of its week."""
    day = in_days(days)
    return day + timedelta(days=2 - day.weekday())


def placed(world: World, **windows: date) -> Any:
    [work], _ = ordered(world, {"A": 2}, **{name: day.isoformat() for name, day in windows.items()})
    return work


@pytest.mark.parametrize("name", ["ship_not_before", "requested_ship_date"])
@pytest.mark.parametrize("ahead", [20, 90])
def test_work_waits_until_it_may_leave(world: World, name: str, ahead: int) -> None:
    first = workday(ahead)
    work = placed(world, **{name: first})
    assert (work.state, work.ship_on) == ("planned", first)
    assert timedelta(0) <= first - work.release_at.date() <= timedelta(days=1)
    assert world.one("SELECT allocated FROM stock_position WHERE allocated > 0").allocated == 2
    assert world.one("SELECT count(*) AS n FROM delivery WHERE kind = 'push_fulfillment_order'").n == 0
    with world.store.begin() as unit:
        assert release_due(unit, world.hub.facts.get(unit.conn, 1)) == 0
    change(world, "UPDATE fulfillment_order SET release_at = now()")
    with world.store.begin() as unit:
        assert release_due(unit, world.hub.facts.get(unit.conn, 1)) == 1
    assert world.work()[0].state == "released"
    assert world.one("SELECT count(*) AS n FROM delivery WHERE kind = 'push_fulfillment_order'").n == 1
    world.check_books()


def test_a_window_that_has_begun_holds_nothing_back(world: World) -> None:
    work = placed(world, ship_not_before=in_days(-3), deliver_not_before=in_days(-3))
    assert (work.state, work.release_at) == ("released", None)


def test_what_may_not_arrive_earlier_leaves_so_many_days_before(world: World) -> None:
    carrier(world)
    first = workday(20)
    work = placed(world, deliver_not_before=first)
    assert (work.state, work.ship_on, work.arrive_on) == ("planned", first - timedelta(days=2), first)


def test_without_days_on_the_way_it_leaves_when_it_may_arrive(world: World) -> None:
    first = workday(20)
    assert placed(world, deliver_not_before=first).ship_on == first


def test_a_last_day_that_cannot_be_kept_is_said_and_ends_by_a_plan_that_keeps_it(world: World) -> None:
    carrier(world)
    last = in_days(-1)
    work = placed(world, deliver_not_after=last, ship_not_after=last)
    assert work.state == "released"  # late is better than never
    case = world.one("SELECT code, sentence, state FROM exception_case")
    assert (case.code, case.state) == (WINDOW.code, "open")
    assert f"leaves HAM on {work.ship_on}, asked for by {last}" in case.sentence
    assert f"arrives from HAM on {work.arrive_on}, asked for by {last}" in case.sentence


def test_a_window_that_is_kept_opens_nothing(world: World) -> None:
    carrier(world)
    placed(world, deliver_not_after=in_days(20), ship_not_after=in_days(20))
    assert world.all("SELECT code FROM exception_case") == []
