"""When waves run: every so often while work waits, a last time before a cut-off, and in a worker, one at a time."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.jobs.relay import Relay
from core.jobs.waves import LEAD, run_due_wave, wave_due
from core.services import waving
from core.services.nodehours import set_calendar
from core.services.releasing import MARGIN
from core.store.unit import Store
from tests.core.carriers import change, forget, ordered
from tests.core.waiting import contested, in_force, open_works, waiting_world
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return waiting_world(store, {("A", "HAM"): 1, ("A", "LYS"): 1})


def due(world: World, every: float = 5.0, at: datetime | None = None) -> str | None:
    with world.store.begin() as unit:
        unit.began = at
        return wave_due(unit, world.hub.facts.get(unit.conn, 1), every)


def test_a_wave_is_due_while_work_waits_and_not_again_for_a_while(world: World) -> None:
    assert due(world) is None
    contested(world)
    assert (due(world), due(world, every=0)) == ("schedule", None)
    found = run_due_wave(world.hub)
    assert found is not None
    assert (found["cause"], found["changed"]) == ("schedule", 2)
    assert (due(world), run_due_wave(world.hub)) == (None, None)
    assert due(world, at=now() + timedelta(minutes=6)) == "schedule"
    change(world, "UPDATE wave SET at = at - interval '5 minutes'")
    assert due(world) == "schedule"


def test_a_last_wave_runs_before_a_cut_off(world: World) -> None:
    in_force(world, {"release_after_minutes": 6 * 60})
    soon = now() + timedelta(hours=2)
    if soon.date() != now().date():
        pytest.skip("midnight is near")
    with world.store.begin(actor="test") as unit:
        week = [{"opens": "00:00", "closes": f"{soon:%H:%M}"}] * 7
        for node in world.nodes.values():
            set_calendar(unit, node, week, 0, [])
    forget(world)
    [work], _ = ordered(world, {"A": 1})
    closes = soon.replace(second=0, microsecond=0)
    assert timedelta(0) <= closes - MARGIN - work.release_at < timedelta(minutes=1)
    run_due_wave(world.hub)
    last = closes - MARGIN - LEAD
    assert due(world, 600, last - timedelta(minutes=2)) is None
    assert due(world, 600, last + timedelta(minutes=1)) == "cutoff"
    change(world, "UPDATE wave SET at = :at", at=last + timedelta(minutes=1))
    assert due(world, 600, last + timedelta(minutes=2)) is None


def test_waiting_work_that_no_wave_may_touch_is_not_looked_at_all_the_time(world: World) -> None:
    ordered(world, {"A": 1})
    change(world, "UPDATE orders SET state = 'held'")
    found = run_due_wave(world.hub)
    assert found is not None
    assert (found["orders"], found["outside"]) == (0, {"is held": 1})
    assert due(world) is None


def test_another_wave_at_work_is_left_alone(world: World) -> None:
    from sqlalchemy import text

    contested(world)
    with world.store.begin() as unit:
        unit.conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('wave'), 1)"))
        assert run_due_wave(world.hub) is None
    assert open_works(world)["#1001"] == [("HAM", "planned")]


def test_a_wave_that_fails_is_a_case_until_one_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    contested(world)

    def fails(*_: Any) -> None:
        raise TypeError("'<' not supported between these")

    with monkeypatch.context() as broken:
        broken.setattr(waving, "search", fails)
        for _ in range(2):
            with pytest.raises(TypeError):
                run_due_wave(world.hub)
    [case] = world.all("SELECT * FROM exception_case")
    assert (case.code, case.state, case.severity) == ("WAVE-FAILED-001", "open", "high")
    assert "TypeError: '<' not supported between these" in case.sentence
    assert open_works(world) == {"#1001": [("HAM", "planned")], "#1002": [("LYS", "planned")]}
    found = run_due_wave(world.hub)
    assert (found is not None and found["changed"]) == 2
    assert world.one("SELECT state FROM exception_case").state == "superseded"


def test_the_relay_asks_for_due_waves_and_releases_what_is_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    contested(world)
    url = world.store.engine.url.render_as_string(hide_password=False)
    relay = Relay(world.hub, url, "redis://127.0.0.1:1/0")
    hints: list[Any] = []

    def hint(_: Relay, queue: str, number: int, *more: str) -> None:
        if number:
            hints.append((queue, *more))

    monkeypatch.setattr(Relay, "_hint", hint)
    relay._look()
    assert ("waves",) in hints
    hints.clear()
    relay._look()  # asked for already; the next look is a while off
    assert ("waves",) not in hints
    change(world, "UPDATE fulfillment_order SET release_at = clock_timestamp() - interval '1 second'")
    for chore in relay._chores:
        chore.next_at = 0.0
    relay._look()
    assert open_works(world) == {"#1001": [("HAM", "released")], "#1002": [("LYS", "released")]}
