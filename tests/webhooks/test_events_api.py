"""The event feed: every event once, in an order late commits cannot break, in pieces and live."""

import threading
from typing import Any

import orjson
from flask import Flask
from sqlalchemy import text

from core.domain.ids import uuid7
from core.store.unit import Store
from tests.core.world import World
from tests.webhooks.conftest import Client, code_of
from webhooks.runtime import EXTENSION


def follow(api: Client, query: str = "") -> list[dict[str, Any]]:
    """Read the feed to its end in pieces of three."""
    found, cursor = [], ""
    while True:
        page = api.get(f"/events?limit=3{query}{cursor}").get_json()
        found += page["data"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_the_feed_has_every_event_once(api: Client, world: World) -> None:
    order = api.post("/orders", {**world.order({"A": 1}), "connection": "shop"}).get_json()
    everything = follow(api)
    assert len({event["id"] for event in everything}) == len(everything)
    assert len(everything) == world.one("SELECT count(*) AS n FROM event").n
    own = follow(api, f"&order={order['id']}")
    assert [event["type"] for event in own][:2] == ["order.received", "order.accepted"]
    assert own == [event for event in everything if event["order"] == order["id"]]
    assert {event["type"] for event in follow(api, "&type=order.accepted,connection.added")} == {
        "order.accepted", "connection.added",
    }  # fmt: skip
    about = follow(api, f"&subject={order['id']}")
    assert {event["subject_id"] for event in about} == {order["id"]}
    resume = api.get("/events?limit=500").get_json()["resume_cursor"]
    assert api.get(f"/events?cursor={resume}").get_json()["data"] == []
    api.post(f"/orders/{order['id']}/cancel")
    later = api.get(f"/events?cursor={resume}").get_json()["data"]
    assert later
    assert not {event["id"] for event in later} & {event["id"] for event in everything}
    assert code_of(api.get("/events?subject=nothing"))[0] == 404
    assert code_of(api.get("/events?cursor=x")) == (422, "API-CURSOR-422")


def test_a_late_commit_is_not_skipped(api: Client, world: World, store: Store) -> None:
    resume = api.get("/events?limit=500").get_json()["resume_cursor"]
    with store.begin() as slow:
        slow.conn.execute(text("SELECT pg_current_xact_id()"))
        slow.event("slow.began", "order", uuid7())
        slow.flush_events()  # a number is taken, the commit comes late
        with store.begin() as quick:
            quick.event("quick.done", "order", uuid7())
        seen = api.get(f"/events?cursor={resume}").get_json()
        assert seen["data"] == []  # nothing is shown that something may still come before
    types = [event["type"] for event in api.get(f"/events?cursor={seen['resume_cursor']}").get_json()["data"]]
    assert sorted(types) == ["quick.done", "slow.began"]


class Listener:
    """Reads a live stream in a thread of its own."""

    def __init__(self, api: Client, headers: dict[str, str], query: str = "") -> None:
        given = {"Authorization": f"Bearer {api.token}", "Accept": "text/event-stream", **headers}
        self.answer = api.flask.get(f"/api/v1/events{query}", headers=given)
        assert self.answer.status_code == 200
        assert self.answer.mimetype == "text/event-stream"
        self.chunks = iter(self.answer.response)

    def events(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = []
        while len(found) < count:
            lines = bytes(next(self.chunks)).decode().splitlines()  # type: ignore[arg-type]
            fields = dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith(":"))
            if "data" in fields:
                event = orjson.loads(fields["data"])
                assert fields["event"] == event["type"]
                found.append((fields["id"], event))
        return found

    def close(self) -> None:
        self.answer.close()


def test_the_stream_is_live_and_resumes(api: Client, world: World, store: Store) -> None:
    def say(kind: str) -> None:
        with store.begin() as unit:
            unit.event(kind, "order", uuid7())

    stream = Listener(api, {})
    timer = threading.Timer(0.1, say, ("first.said",))
    timer.start()
    [(place, event)] = stream.events(1)
    assert event["type"] == "first.said"
    stream.close()
    timer.join()
    say("second.said")
    say("third.said")
    again = Listener(api, {"Last-Event-ID": place})
    assert [event["type"] for _, event in again.events(2)] == ["second.said", "third.said"]
    again.close()
    filtered = Listener(api, {"Last-Event-ID": place}, "?type=third.said")
    assert [event["type"] for _, event in filtered.events(1)] == ["third.said"]
    filtered.close()
    refused = api.get("/events", headers={"Accept": "text/event-stream", "Last-Event-ID": "yesterday"})
    assert code_of(refused) == (422, "EVENT-PLACE-422")


def test_streams_never_take_every_thread(api: Client, app: Flask, world: World) -> None:
    open_ = [Listener(api, {}) for _ in range(4)]  # half of the eight threads of the settings
    refused = api.get("/events", headers={"Accept": "text/event-stream"})
    assert code_of(refused) == (503, "EVENT-FULL-503")
    assert refused.headers["Retry-After"] == "2"
    open_[0].close()
    last = Listener(api, {})
    app.extensions[EXTENSION].runtime.stopping.set()
    assert [chunk for chunk in last.chunks if b"data:" in bytes(chunk)] == []  # type: ignore[arg-type]
    for each in (*open_[1:], last):
        each.close()
