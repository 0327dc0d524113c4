"""`crossdock wave`: waiting work planned again together."""

import pytest

from core.store.unit import Store
from tests.cli.conftest import Crossdock
from tests.core.carriers import change
from tests.core.waiting import contested, open_works, waiting_world
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    """A company whose work waits, in the database the command line finds."""
    return waiting_world(store, {("A", "HAM"): 1, ("A", "LYS"): 1})


def test_a_wave_is_tried_run_listed_shown_and_verified(world: World, crossdock: Crossdock) -> None:
    nothing = crossdock("wave", "run")
    assert (nothing.code, nothing.out) == (0, "No work waits that a wave may plan again.\n")
    contested(world)
    tried = crossdock("wave", "run", "--dry-run", "--json").one
    assert (tried["dry_run"], tried["id"], tried["changed"]) == (True, None, 2)
    said = crossdock("wave", "run", "--dry-run")
    assert "Would be done: 2 of 2 orders change: " in said.out
    assert "#1001   HAM   LYS" in said.out
    assert open_works(world)["#1001"] == [("HAM", "planned")]
    done = crossdock("wave", "run", "--json").one
    assert {**done, "id": None, "dry_run": True} == tried
    assert open_works(world)["#1001"] == [("LYS", "planned")]
    [listed] = crossdock("wave", "list", "--json").rows
    shown = crossdock("wave", "show", done["id"], "--json").one
    assert (listed["id"], shown["moves"]) == (done["id"], done["moves"])
    assert crossdock("wave", "list", "--cause", "cutoff", "--json").rows == []
    verified = crossdock("decisions", "verify", "--json").one
    assert (verified["decisions"], verified["agree"], verified["waves"], verified["waves_agree"]) == (4, 4, 1, 1)
    assert "1 of 1 waves are whole, keep every promise and cost no more." in crossdock("decisions", "verify").out
    change(world, "UPDATE wave SET changed = 1")
    altered = crossdock("decisions", "verify", "--json")
    assert (altered.code, altered.one["waves_agree"]) == (1, 0)
    assert altered.one["differ"] == [{"id": done["id"], "field": "changed", "how": "was altered"}]
    assert f"crossdock wave show {done['id']}" in crossdock("decisions", "verify").err


def test_there_is_no_wave_of_that_name(crossdock: Crossdock) -> None:
    missing = crossdock("wave", "show", "wav_00000000000000000000000000000000", "--json")
    assert (missing.code, missing.one["error"]["code"]) == (4, "HUB-MISSING-404")
