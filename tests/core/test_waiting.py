"""Work that waits for a wave: nobody is told of it before its time, and it can still be changed like any other."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from core.domain.calendars import Calendar, latest_start
from core.domain.vocabulary import HoldKind
from core.errors import IllegalTransition
from core.services.canceling import cancel_order
from core.services.holds import place_hold, release_hold
from core.services.moving import hold_fulfillment, move_fulfillment, resume_fulfillment
from core.services.nodehours import set_calendar
from core.store.unit import Store
from tests.core.carriers import forget, ordered
from tests.core.waiting import in_force, open_works, released, time_has_come, waiting_world
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return waiting_world(store, {("A", "HAM"): 5, ("A", "LYS"): 5})


def pushes(world: World, kind: str = "push_fulfillment_order") -> int:
    return int(world.one("SELECT count(*) AS n FROM delivery WHERE kind = :k AND state <> 'superseded'", k=kind).n)


def kinds(world: World, fulfillment: Any) -> list[str]:
    rows = world.all("SELECT type FROM event WHERE subject_id = :f ORDER BY seq", f=fulfillment)
    return [row.type for row in rows]


def test_work_waits_and_its_node_is_told_when_its_time_comes(world: World) -> None:
    [work], _ = ordered(world, {"A": 2})
    assert (work.code, work.state, work.released_at) == ("HAM", "planned", None)
    assert timedelta(minutes=59) < work.release_at - now() <= timedelta(minutes=60)
    assert (pushes(world), released(world)) == (0, 0)
    assert pushes(world, "push_order") == 1  # the ERP knows of the order, not yet of its allocation
    assert time_has_come(world) == 1
    assert open_works(world) == {"#1001": [("HAM", "released")]}
    assert (pushes(world), pushes(world, "push_order")) == (1, 2)
    payload = world.one("SELECT payload FROM delivery WHERE kind = 'push_fulfillment_order'").payload["fulfillment"]
    assert payload["number"] == work.number
    assert [(line["sku"], line["quantity"]) for line in payload["lines"]] == [("A", "2")]
    assert kinds(world, work.id) == ["fulfillment.planned", "fulfillment.released"]
    assert (time_has_come(world), pushes(world)) == (0, 1)
    world.check_books()


def test_without_the_policy_nothing_waits(world: World) -> None:
    in_force(world, {})
    [work], _ = ordered(world, {"A": 1})
    assert (work.state, work.release_at, pushes(world)) == ("released", None, 1)


def test_what_the_buyer_fetches_does_not_wait(world: World) -> None:
    [work], _ = ordered(world, {"A": 1}, pickup_node="LYS")
    assert (work.code, work.state) == ("LYS", "released")


def test_work_never_waits_past_the_last_moment_it_can_begin() -> None:
    calendar = Calendar(cutoff=time(15))
    monday = datetime(2026, 11, 23, 9, tzinfo=UTC)
    leaves = datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert latest_start(calendar, monday, leaves, 30) == monday + timedelta(minutes=30)
    assert latest_start(calendar, monday, leaves, 600) == datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert latest_start(calendar, datetime(2026, 11, 23, 15, 1, tzinfo=UTC), leaves, 600) is None
    working = Calendar(cutoff=calendar.cutoff, handling=timedelta(hours=2))
    assert latest_start(working, monday, leaves, 600) == datetime(2026, 11, 23, 13, tzinfo=UTC)


def test_a_node_about_to_close_is_told_at_once(world: World) -> None:
    soon = now() + timedelta(minutes=8)
    if soon.date() != now().date():
        pytest.skip("midnight is near")
    week = [{"opens": "00:00", "closes": f"{soon:%H:%M}"}] * 7
    with world.store.begin(actor="test") as unit:
        set_calendar(unit, world.nodes["HAM"], week, 0, [])
    forget(world)
    [work], _ = ordered(world, {"A": 1})
    assert (work.code, work.state) == ("HAM", "released")


def test_waiting_work_is_canceled_with_its_order_and_nobody_hears_of_it(world: World) -> None:
    [work], _ = ordered(world, {"A": 2})
    with world.store.begin(actor="test") as unit:
        cancel_order(unit, world.hub.facts.get(unit.conn, 1), work.order_id, None, "changed my mind")
    assert (open_works(world), pushes(world), time_has_come(world)) == ({}, 0, 0)
    assert world.one("SELECT state FROM orders").state == "canceled"
    world.check_books()


def test_work_of_an_order_on_hold_waits_until_the_hold_ends(world: World) -> None:
    [work], _ = ordered(world, {"A": 1})
    facts = world.hub.facts
    with world.store.begin(actor="test") as unit:
        hold = place_hold(unit, facts.get(unit.conn, 1), work.order_id, HoldKind.MANUAL, "look at it")
    assert (time_has_come(world), pushes(world)) == (0, 0)
    with world.store.begin(actor="test") as unit:
        release_hold(unit, work.order_id, hold)
    assert (released(world), pushes(world)) == (1, 1)


def test_waiting_work_on_hold_goes_on_waiting_when_it_is_resumed(world: World) -> None:
    [work], _ = ordered(world, {"A": 1})
    name = f"ful_{work.id.hex}"
    with world.store.begin(actor="test") as unit:
        hold_fulfillment(unit, world.hub.facts.get(unit.conn, 1), name, "wrapping is out")
    assert (time_has_come(world), open_works(world)) == (0, {"#1001": [("HAM", "on_hold")]})
    with world.store.begin(actor="test") as unit:
        resume_fulfillment(unit, name)
    assert (open_works(world), pushes(world)) == ({"#1001": [("HAM", "planned")]}, 0)
    assert (time_has_come(world), pushes(world)) == (1, 1)


def test_a_person_ends_the_wait(world: World) -> None:
    [work], _ = ordered(world, {"A": 1})
    with world.store.begin(actor="test") as unit:
        resume_fulfillment(unit, f"ful_{work.id.hex}")
    assert (released(world), pushes(world)) == (1, 1)
    assert kinds(world, work.id) == ["fulfillment.planned", "fulfillment.wait_ended", "fulfillment.released"]
    with world.store.begin(actor="test") as unit, pytest.raises(IllegalTransition):
        resume_fulfillment(unit, f"ful_{work.id.hex}")


def test_what_a_person_gives_to_a_node_goes_there_at_once(world: World) -> None:
    [work], _ = ordered(world, {"A": 1})
    with world.store.begin(actor="test") as unit:
        move_fulfillment(unit, world.hub.facts.get(unit.conn, 1), f"ful_{work.id.hex}", "LYS")
    assert open_works(world) == {"#1001": [("LYS", "released")]}
    world.check_books()


def test_a_wait_of_days_is_no_order_that_stopped(world: World) -> None:
    from core.jobs.schedule import watchdog
    from tests.core.carriers import change

    in_force(world, {"release_after_minutes": 3 * 24 * 60})
    ordered(world, {"A": 1})
    world.deliver()
    change(world, "UPDATE fulfillment_order SET updated_at = clock_timestamp() - interval '2 days'")
    change(world, "UPDATE orders SET updated_at = clock_timestamp() - interval '2 days'")
    with world.store.begin() as unit:
        assert watchdog(unit) == 0
    change(world, "UPDATE fulfillment_order SET release_at = clock_timestamp() - interval '1 day'")
    with world.store.begin() as unit:
        assert watchdog(unit) == 1
