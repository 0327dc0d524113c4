"""Waves over HTTP: tried, run, listed and shown."""

import pytest

from core.store.unit import Store
from tests.core.waiting import contested, open_works, waiting_world
from tests.core.world import World
from tests.webhooks.conftest import Client, code_of


@pytest.fixture
def world(store: Store) -> World:
    """A company whose work waits."""
    return waiting_world(store, {("A", "HAM"): 1, ("A", "LYS"): 1})


def test_a_wave_is_tried_run_and_shown(api: Client, world: World) -> None:
    assert api.post("/waves", {}).get_json()["id"] is None  # nothing waits
    contested(world)
    tried = api.post("/waves", {"dry_run": True}).get_json()
    assert (tried["id"], tried["orders"], tried["changed"], tried["cause"]) == (None, 2, 2, "asked")
    assert open_works(world)["#1001"] == [("HAM", "planned")]
    assert api.get("/waves").get_json()["data"] == []
    done = api.post("/waves", {}).get_json()
    assert (done["saved"], done["moves"], done["gap_percent"]) == (tried["saved"], tried["moves"], 0.0)
    assert open_works(world)["#1001"] == [("LYS", "planned")]
    [listed] = api.get("/waves?cause=asked").get_json()["data"]
    assert (listed["id"], listed["changed"], listed["saved"], listed["actor"]) == (
        done["id"], 2, done["saved"], "key:test",
    )  # fmt: skip
    shown = api.get(f"/waves/{done['id']}").get_json()
    assert {name: shown[name] for name in listed} == listed
    assert (shown["moves"], shown["skipped"], shown["refused"]) == (done["moves"], [], [])
    [waiting] = [each for each in api.get("/fulfillment-orders").get_json()["data"] if each["state"] == "planned"][:1]
    assert (waiting["release_at"] is not None, waiting["released_at"]) == (True, None)
    assert world.one("SELECT count(*) AS n FROM audit_entry WHERE action = 'wave.asked'").n == 1


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/waves", {"seconds": 300}, (422, "INPUT-INVALID-400")),
        ("/waves", {"orders": 0}, (422, "INPUT-INVALID-400")),
    ],
)
def test_what_does_not_fit_is_refused(api: Client, path: str, body: dict[str, int], expected: tuple[int, str]) -> None:
    assert code_of(api.post(path, body)) == expected


def test_there_is_no_wave_of_that_name(api: Client) -> None:
    assert code_of(api.get("/waves/wav_00000000000000000000000000000000")) == (404, "HUB-MISSING-404")
    assert code_of(api.get("/waves?cause=boredom")) == (422, "INPUT-INVALID-400")
