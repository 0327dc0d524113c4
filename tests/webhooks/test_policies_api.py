"""Policies over the API: the way of a version, by two keys."""

from typing import Any

import pytest
from flask import Flask

from core.jobs.simulations import run_simulation
from core.services import simulations
from core.services.access import create_key
from core.store.unit import Store
from tests.core.world import World
from tests.webhooks.conftest import SECRET, Client, client_with, code_of


def key_named(app: Flask, store: Store, name: str, *scopes: str) -> Client:
    with store.begin() as unit:
        _, token = create_key(unit, SECRET, name, scopes)
    return Client(app, token)


@pytest.fixture
def ada(app: Flask, world: World) -> Client:
    return key_named(app, world.store, "ada", "policies:write")


@pytest.fixture
def bo(app: Flask, world: World) -> Client:
    return key_named(app, world.store, "bo", "policies:write", "events:read")


@pytest.fixture
def order(api: Client, world: World) -> dict[str, Any]:
    found: dict[str, Any] = api.post("/orders", {**world.order({"A": 2}), "connection": "shop"}).get_json()
    return found


def test_a_version_goes_its_way(ada: Client, bo: Client, order: dict[str, Any]) -> None:
    made = ada.post("/policies", {"name": "cheapest", "document": {"most_nodes": 2}, "comment": "fewer parcels"})
    policy = made.get_json()
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/policies/cheapest@2")
    assert (policy["policy"], policy["state"], policy["author"]) == ("cheapest@2", "draft", "key:ada")
    assert policy["document"]["most_nodes"] == 2
    path = f"/policies/{policy['id']}"
    assert ada.get(path).get_json() == policy == ada.get("/policies/cheapest@2").get_json()
    assert code_of(ada.post(f"{path}/approve")) == (403, "POLICY-SELF-403")
    stale = {"If-Match": '"v7"'}
    assert code_of(bo.post(f"{path}/approve", headers=stale)) == (412, "HUB-VERSION-412")
    assert bo.post(f"{path}/approve", {"comment": "good"}).get_json()["approver"] == "key:bo"
    assert code_of(bo.post(f"{path}/activate")) == (403, "POLICY-SIMULATION-403")
    tried = bo.post(f"{path}/simulate").get_json()
    assert (tried["passed"], tried["simulation"]["orders"]) == (True, 1)
    assert bo.get(f"{path}/diff").get_json() == {
        "policy": "cheapest@2", "against": "cheapest@1",
        "differences": [{"path": "most_nodes", "before": 3, "after": 2}],
    }  # fmt: skip
    assert bo.post(f"{path}/activate").get_json()["state"] == "active"
    assert {each["policy"]: each["state"] for each in bo.get("/policies").get_json()["data"]} == {
        "cheapest@1": "retired", "cheapest@2": "active",
    }  # fmt: skip
    assert [each["policy"] for each in bo.get("/policies?state=retired").get_json()["data"]] == ["cheapest@1"]
    [event] = bo.get("/events?type=policy.activated").get_json()["data"]
    assert (event["subject_id"], event["data"]["policy"], event["actor"]) == (policy["id"], "cheapest@2", "key:bo")
    assert bo.post("/policies/cheapest/rollback", {"comment": "no"}).get_json()["policy"] == "cheapest@1"
    assert code_of(bo.post("/policies/cheapest/rollback")) == (409, "POLICY-ROLLBACK-409")
    assert code_of(bo.post(f"{path}/retire")) == (409, "STATE-MOVE-409")
    again = bo.post(f"{path}/restore", {"comment": "yes"}).get_json()
    assert (again["state"], again["comments"][-1]["did"]) == ("active", "put it back in force instead of cheapest@1")
    assert code_of(bo.post(f"{path}/activate", {"at": "2020-01-01T00:00:00Z"})) == (409, "STATE-MOVE-409")


def test_a_large_simulation_is_a_job(
    ada: Client, order: dict[str, Any], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert order["state"] == "in_progress"
    monkeypatch.setattr(simulations, "AT_ONCE", 0)
    ada.post("/policies", {"name": "cheapest", "document": {"most_nodes": 2}})
    asked = ada.post("/policies/cheapest@2/simulate", {"carry_stock": False})
    running = asked.get_json()["simulating"]
    path = f"/policies/cheapest@2/simulations/{running['id']}"
    assert (asked.status_code, asked.headers["Location"]) == (202, f"/api/v1{path}")
    assert ada.get(path).get_json() == running
    assert (running["state"], running["carry_stock"]) == ("queued", False)
    assert code_of(ada.get(path.replace("@2", "@1")))[0] == 404
    assert code_of(ada.get("/policies/cheapest@2/simulations/sim_1"))[0] == 404
    run_simulation(world.hub)
    done = ada.get(path).get_json()
    assert (done["state"], done["progress"], done["report"]["orders"]) == ("done", 1, 1)
    assert done["report"]["stock"]["carried"] is False
    assert ada.get("/policies/cheapest@2").get_json()["simulation"] == done["report"]


def test_a_time_to_come_is_kept(ada: Client, bo: Client, order: dict[str, Any]) -> None:
    path = f"/policies/{ada.post('/policies', {'name': 'gold', 'document': {'priority': 1}}).get_json()['id']}"
    bo.post(f"{path}/approve")
    bo.post(f"{path}/simulate", {"since": "2026-01-01T00:00:00Z"})
    later = bo.post(f"{path}/activate", {"at": "2099-01-01T00:00:00Z"}).get_json()
    assert (later["state"], later["active_from"]) == ("approved", "2099-01-01T00:00:00Z")
    assert bo.post(f"{path}/retire").get_json()["active_from"] is None


def test_what_does_not_fit_is_refused(ada: Client, app: Flask, world: World) -> None:
    for body in (
        {"name": "cheapest"},
        {"name": "No Name", "document": {}},
        {"name": "cheapest", "document": {"weights": {"hope": 1}}},
        {"name": "cheapest", "document": {"most_nodes": "2"}},
    ):
        assert ada.post("/policies", body).status_code == 422, body
    assert code_of(ada.get("/policies/nobody")) == (404, "POLICY-MISSING-404")
    assert len(ada.get("/policies").get_json()["data"]) == 1
    reader = client_with(app, world.store, "policies:read")
    assert code_of(reader.post("/policies", {"name": "x", "document": {}})) == (403, "API-SCOPE-403")
    assert reader.get("/policies").status_code == 200
