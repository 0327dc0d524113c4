"""Large simulations as jobs: asked for once, claimed, told of, begun anew when their worker is gone."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from core.domain.ids import public_id
from core.jobs import simulations as jobs
from core.jobs.simulations import run_simulation
from core.services import policies, simulations, trials
from core.services.simulations import ClaimLost, claim, end, go_on, simulate_or_ask
from core.store.read.policies import read_policy, read_simulation
from core.store.unit import Store
from tests.core.carriers import change
from tests.core.world import World


@pytest.fixture
def world(store: Store, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(simulations, "AT_ONCE", 2)
    monkeypatch.setattr(jobs, "TELL_SECONDS", 0.0)
    made = World(store, {("A", "HAM"): 100, ("A", "LYS"): 100})
    for _ in range(3):
        made.send("order", made.order({"A": 1}))
    made.drain()
    with store.begin(actor="user:ada") as unit:
        policies.draft(unit, "cheapest", {"most_nodes": 2})
    return made


def ask(world: World) -> UUID | None:
    with world.store.begin(actor="user:bo") as unit:
        return simulate_or_ask(unit, "cheapest@2", None)[1]


def shown(world: World, simulation: UUID) -> dict[str, Any]:
    with world.store.read() as conn:
        return read_simulation(conn, simulation)


def policy(world: World) -> dict[str, Any]:
    with world.store.read() as conn:
        return read_policy(conn, "cheapest@2")


def test_few_decisions_are_made_again_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulations, "AT_ONCE", 3)
    assert ask(world) is None
    assert policy(world)["simulation"]["orders"] == 3
    assert run_simulation(world.hub) == 0


def test_many_are_a_job_whose_report_is_kept_with_the_version(world: World) -> None:
    asked = ask(world)
    assert asked is not None
    assert ask(world) == asked
    waiting = shown(world, asked)
    assert (waiting["state"], waiting["progress"], waiting["actor"]) == ("queued", 0, "user:bo")
    assert policy(world)["simulating"] == waiting
    assert run_simulation(world.hub) == 1
    done = shown(world, asked)
    assert (done["state"], done["progress"], done["error"]) == ("done", 1, None)
    assert done["report"]["orders"] == 3
    kept = policy(world)
    assert (kept["simulating"], kept["simulation"]) == (None, done["report"])
    assert done["report"]["by"] == "user:bo"
    assert kept["passed"] is True
    [event] = world.all("SELECT actor, data FROM event WHERE type = 'policy.simulated'")
    assert (event.actor, event.data["orders"]) == ("user:bo", 3)
    assert run_simulation(world.hub) == 0


def test_progress_is_told_piece_by_piece(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ask(world)
    assert asked is not None
    told = []

    def watched(unit: Any, row: Any, done: int, pieces: int) -> None:
        go_on(unit, row, done, pieces)
        told.append((done, pieces))

    monkeypatch.setattr(jobs, "go_on", watched)
    run_simulation(world.hub)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_what_goes_wrong_is_kept_and_another_can_be_asked_for(world: World) -> None:
    first = ask(world)
    assert first is not None
    change(world, "UPDATE simulation SET since = clock_timestamp() + interval '1 day'")
    assert run_simulation(world.hub) == 1
    failed = shown(world, first)
    assert (failed["state"], failed["report"], failed["error"]["code"]) == ("failed", None, "POLICY-WINDOW-422")
    assert policy(world)["simulation"] is None
    assert ask(world) not in (None, first)


def test_a_simulation_whose_worker_is_gone_is_begun_anew_and_the_old_one_writes_nothing(world: World) -> None:
    asked = ask(world)
    assert asked is not None
    with world.store.begin() as unit:
        row = claim(unit)
        assert row is not None
        assert claim(unit) is None
    change(world, "UPDATE simulation SET lease_until = clock_timestamp() - interval '1 s'")
    assert run_simulation(world.hub) == 1
    before = shown(world, asked)
    with world.store.begin() as unit, pytest.raises(ClaimLost, match=public_id("simulation", asked)):
        go_on(unit, row, 1, 3)
    with world.store.begin() as unit, pytest.raises(ClaimLost):
        end(unit, row, {"orders": 0})
    assert shown(world, asked) == before
    assert policy(world)["simulation"]["orders"] == 3


def test_a_job_finds_what_a_request_finds(world: World) -> None:
    asked = ask(world)
    assert asked is not None
    run_simulation(world.hub)
    with world.store.begin() as unit:
        alone = trials.simulate(unit.conn, "cheapest@2", unit.now)
        assert unit.conn.execute(text("SELECT count(*) FROM simulation")).scalar_one() == 1
    whole = shown(world, asked)["report"]
    assert {name: whole[name] for name in alone if name not in ("since", "until")} == {
        name: value for name, value in alone.items() if name not in ("since", "until")
    }
