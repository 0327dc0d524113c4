"""A node's calendar changes while work waits there: what would leave otherwise is planned again, and nothing else."""

from datetime import date, time, timedelta
from typing import Any

import pytest

from core.domain.vocabulary import HoldKind
from core.services.catalog import upsert_node
from core.services.holds import place_hold
from core.services.nodehours import set_calendar, set_cutoff
from core.services.redating import look_at_calendars
from core.store.unit import Store
from tests.core.carriers import change, ordered
from tests.core.waiting import ALWAYS, in_force, open_works, time_has_come, waiting_world
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    """Work waits up to a day; nothing leaves today or tomorrow."""
    world = waiting_world(store, {("A", "HAM"): 5, ("A", "LYS"): 5}, release_after_minutes=1_440)
    change(world, "UPDATE node SET replan_at = NULL")
    return world


def closed(world: World, *days: int, node: str = "HAM") -> None:
    """Close a node on days from today on."""
    today = now().date()
    with world.store.begin(actor="user:mira") as unit:
        set_calendar(unit, world.nodes[node], ALWAYS, 0, [{"day": today + timedelta(days=each)} for each in days])


def looked(world: World) -> int:
    """Let everybody see what has changed, look at it, and return how many works were touched."""
    change(world, "UPDATE node SET replan_at = clock_timestamp() WHERE replan_at IS NOT NULL")
    with world.store.begin(actor="relay") as unit:
        return look_at_calendars(unit, world.hub.facts.get(unit.conn, unit.tenant))


def waiting(world: World) -> list[tuple[str, date, str]]:
    return [(row.code, row.ship_on, row.number) for row in world.work() if row.state == "planned"]


def marked(world: World) -> list[Any]:
    return [row.code for row in world.all("SELECT code FROM node WHERE replan_at IS NOT NULL ORDER BY code")]


def test_work_whose_day_is_gone_is_planned_again_with_its_promise(world: World) -> None:
    [work], _ = ordered(world, {"A": 2})
    today = now().date()
    assert (work.code, work.ship_on) == ("HAM", today + timedelta(days=2))
    change(world, "UPDATE promise SET watch_at = clock_timestamp() + interval '2 days'")
    closed(world, 0, 1, 2, 3)
    assert (marked(world), looked(world), marked(world)) == (["HAM"], 1, [])
    [(_, day, number)] = waiting(world)
    assert day == today + timedelta(days=4)
    assert number != work.number
    [again] = [row for row in world.work() if row.state == "planned"]
    assert again.release_at > now()
    assert world.one("SELECT ship_at::date AS day FROM promise_part WHERE fulfillment_id = :f", f=again.id).day == day
    promise = world.one("SELECT state, watch_at <= clock_timestamp() AS due FROM promise")
    assert (promise.state, promise.due) == ("standing", True)
    assert [row.type for row in world.all("SELECT type FROM event WHERE subject_id = :f ORDER BY seq", f=work.id)] == [
        "fulfillment.planned", "fulfillment.replanned",
    ]  # fmt: skip
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 2
    assert looked(world) == 0
    world.check_books()


def test_work_that_could_leave_sooner_is_planned_again(world: World) -> None:
    ordered(world, {"A": 1})
    closed(world, 0)
    assert looked(world) == 1
    [(node, day, _)] = waiting(world)
    assert (node, day) == ("HAM", now().date() + timedelta(days=1))
    world.check_books()


def test_a_change_that_changes_nothing_touches_nothing(world: World) -> None:
    ordered(world, {"A": 1})
    before = waiting(world)
    closed(world, 0, 1, 30)
    assert (looked(world), waiting(world), marked(world)) == (0, before, [])


def test_another_nodes_work_stays(world: World) -> None:
    ordered(world, {"A": 1})
    before = waiting(world)
    closed(world, 0, 1, 2, node="LYS")
    assert (looked(world), waiting(world)) == (0, before)


def test_an_earlier_cut_off_only_releases_earlier(world: World) -> None:
    in_force(world, {"release_after_minutes": 4_320})
    [work], _ = ordered(world, {"A": 1})
    with world.store.begin(actor="user:mira") as unit:
        set_cutoff(unit, world.nodes["HAM"], time(6))
    assert looked(world) == 1
    [row] = [row for row in world.work() if row.state == "planned"]
    assert (row.id, row.ship_on) == (work.id, work.ship_on)
    assert row.release_at < work.release_at
    # Ten minutes before six o'clock of its day, to the minute.
    last = world.one("SELECT (:day + time '05:50') AT TIME ZONE 'UTC' AS at", day=work.ship_on).at
    assert timedelta(0) <= last - row.release_at < timedelta(minutes=2)
    assert looked(world) == 0


def test_what_was_told_and_what_is_on_hold_stay_and_promises_are_looked_at(world: World) -> None:
    ordered(world, {"A": 1})
    assert time_has_come(world) == 1
    [held], _ = ordered(world, {"A": 1})
    with world.store.begin(actor="test") as unit:
        place_hold(unit, world.facts, held.order_id, HoldKind.MANUAL, "call the buyer")
    change(world, "UPDATE promise SET watch_at = clock_timestamp() + interval '2 days'")
    before = open_works(world)
    closed(world, 0, 1, 2, 3)
    assert (looked(world), open_works(world)) == (0, before)
    assert world.one("SELECT count(*) AS n FROM promise WHERE watch_at <= clock_timestamp()").n == 2


def test_a_node_that_never_works_again_gives_its_waiting_work_away(world: World) -> None:
    ordered(world, {"A": 5})
    with world.store.begin(actor="user:mira") as unit:
        set_calendar(unit, world.nodes["HAM"], [None] * 7, 0, [])
    assert looked(world) == 1
    assert [node for node, _, _ in waiting(world)] == ["LYS"]
    world.check_books()


def test_every_waiting_order_is_planned_again_and_no_unit_is_lost(world: World) -> None:
    for units in (1, 2, 1, 1):
        ordered(world, {"A": units})
    closed(world, 0, 1, 2)
    assert looked(world) == 4
    assert {day for node, day, _ in waiting(world) if node == "HAM"} == {now().date() + timedelta(days=3)}
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 5
    world.check_books()


def test_who_changes_a_calendar_is_in_the_audit_log_and_an_unchanged_cut_off_is_no_change(world: World) -> None:
    before = world.one("SELECT count(*) AS n FROM audit_entry").n
    closed(world, 3)
    for hour in (15, 15):
        with world.store.begin(actor="user:mira") as unit:
            set_cutoff(unit, world.nodes["HAM"], time(hour))
    entries = world.all("SELECT actor, action, subject, detail FROM audit_entry ORDER BY seq OFFSET :n", n=before)
    assert [tuple(entry)[:3] for entry in entries] == [("user:mira", "calendar.set", "HAM")] * 2
    assert entries[1].detail == {"cutoff": "15:00:00"}
    change(world, "UPDATE node SET replan_at = NULL")
    for cutoff in (time(15), time(14)):
        assert marked(world) == []
        with world.store.begin() as unit:
            upsert_node(unit, {"code": "HAM", "cutoff": cutoff})
    assert marked(world) == ["HAM"]
