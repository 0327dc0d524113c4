"""The side door of a simulated partner: counters, faults and commands, none of it part of the partner's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.sdk.simulation.server import SimRequest, SimResponse

if TYPE_CHECKING:
    from connectors.sdk.simulator import Simulator

CONTROL = "/_sim/"


def control(simulator: Simulator, request: SimRequest) -> SimResponse:
    """Answer `GET /_sim/state`, `POST /_sim/faults` and `POST /_sim/<command>`."""
    name = request.path.removeprefix(CONTROL)
    try:
        if request.method == "GET" and name == "state":
            return SimResponse(200, state(simulator))
        if request.method != "POST":
            return SimResponse(405, {"error": "GET state, POST faults, POST <command>"})
        body = request.json() if request.body else {}
        if name == "faults":
            simulator.faults = simulator.faults.changed(body)
            return SimResponse(200, {"faults": {each: getattr(simulator.faults, each) for each in body}})
        with simulator.books.together():
            return SimResponse(200, {"result": simulator.command(name, body)})
    except KeyError as error:
        return SimResponse(404, {"error": f"There is nothing called {error}."})
    except (ValueError, TypeError) as error:
        return SimResponse(422, {"error": str(error)})


def state(simulator: Simulator) -> dict[str, Any]:
    """Return all counters."""
    with simulator.lock:
        found = {
            "connector": simulator.manifest.id,
            "effects": {kind: dict(keys) for kind, keys in simulator.effects.items()},
            "totals": {kind: sum(keys.values()) for kind, keys in simulator.effects.items()},
            "doubles": simulator.doubles,
            "repeats": dict(simulator.repeats),
            "calls": dict(simulator.calls),
            "fates": dict(simulator.fates),
            **simulator.details(),
        }
    webhooks = simulator.webhooks
    found["webhooks"] = {"waiting": webhooks.waiting, "topics": dict(webhooks.topics), **webhooks.counts}
    found["work_waiting"] = simulator.timer.waiting
    found["broken"] = list(simulator.timer.broken)
    return found
