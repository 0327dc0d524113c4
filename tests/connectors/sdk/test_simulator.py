"""Simulated partners: they count truly, fail as told, stay up under load, and sign what they send."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import orjson
import pytest
import requests

from connectors.rest_wms.simulator import Partner as Warehouse
from connectors.sdk import webhook as proof
from connectors.sdk.simulation.faults import Faults
from connectors.sdk.simulation.server import Server, SimRequest, SimResponse
from connectors.sdk.simulator import Simulator
from core.ports.connectors import WebhookRequest

SECRETS = {"api_key": "sim-api-key-0001", "webhook_secret": "sim-webhook-key-0001"}
AUTH = {"Authorization": "Bearer sim-api-key-0001"}


class Counting(Simulator):
    """Counts what it is asked to."""

    folder: ClassVar[Path] = Warehouse.folder

    def handle(self, request: SimRequest) -> SimResponse:
        self.effect("thing", request.query["key"])
        return SimResponse(201, {"done": True, "padding": "x" * 100})


class Receiver:
    """Takes webhooks, and refuses the first few when told to."""

    def __init__(self) -> None:
        self.taken: list[SimRequest] = []
        self.refuse = 0
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", 0), self.answer)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/webhooks/north"

    def answer(self, request: SimRequest) -> SimResponse:
        with self.lock:
            if self.refuse:
                self.refuse -= 1
                return SimResponse(503)
            self.taken.append(request)
        return SimResponse(200)

    def events(self) -> Counter[str]:
        return Counter(each.headers["x-wms-event"] for each in self.taken)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.stop()


def outcome(url: str) -> int | None:
    """Return the status of a call, None when the reply was lost."""
    try:
        with requests.post(url, headers=AUTH, timeout=5) as response:
            return response.status_code
    except requests.RequestException:
        return None


def test_sixteen_clients_on_kept_connections_lose_nothing() -> None:
    with Counting(secrets=SECRETS) as partner:
        failed: list[object] = []

        def client(number: int) -> None:
            with requests.Session() as session:
                for each in range(50):
                    answer = session.post(f"{partner.url}/a?key={number}-{each}", headers=AUTH, timeout=10)
                    if answer.status_code != 201 or not answer.json()["done"]:
                        failed.append(answer)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert failed == []
        assert partner.total == 800
        assert partner.doubles == {}
        assert len(partner.effects["thing"]) == 800


@pytest.mark.parametrize(
    ("fault", "statuses", "effects"),
    [
        ({"drop": 1.0}, None, 1),
        ({"cut": 1.0}, None, 1),
        ({"error": 1.0}, 500, 1),
        ({"unavailable": 1.0}, 503, 0),
        ({"rate_limit": 1.0}, 429, 0),
        ({"schema_change": 1.0}, 201, 1),
    ],
)
def test_each_fault_has_its_effect_or_none(fault: dict[str, float], statuses: int | None, effects: int) -> None:
    with Counting(secrets=SECRETS, faults=Faults().changed(fault)) as partner:
        assert outcome(f"{partner.url}/a?key=k") == statuses
        assert partner.total == effects
        assert sum(partner.fates.values()) == 1


def test_the_same_seed_makes_the_same_faults() -> None:
    fates = []
    for _ in range(2):
        with Counting(secrets=SECRETS, seed=7, faults=Faults(drop=0.3, rate_limit=0.3)) as partner:
            fates.append([outcome(f"{partner.url}/a?key={each}") for each in range(20)])
    assert fates[0] == fates[1]
    assert {None, 201, 429} == set(fates[0])


def test_a_double_effect_is_counted() -> None:
    with Counting(secrets=SECRETS) as partner:
        for _ in range(2):
            outcome(f"{partner.url}/a?key=same")
        assert partner.doubles == {"thing": ["same"]}
        state = requests.get(f"{partner.url}/_sim/state", timeout=5).json()
        assert state["doubles"] == {"thing": ["same"]}
        assert state["totals"] == {"thing": 2}


def test_a_wrong_credential_does_nothing() -> None:
    with Counting(secrets=SECRETS) as partner:
        for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "sim-api-key-0001"}):
            assert requests.post(f"{partner.url}/a?key=k", headers=headers, timeout=5).status_code == 401
        assert partner.total == 0


def test_the_side_door_changes_faults_and_refuses_nonsense() -> None:
    with Counting(secrets=SECRETS) as partner:
        door = f"{partner.url}/_sim/"
        assert requests.post(door + "faults", json={"drop": 0.5}, timeout=5).json() == {"faults": {"drop": 0.5}}
        assert partner.faults.drop == 0.5
        for body in ({"dropp": 1}, {"drop": -1}, {"drop": True}, {"drop": "1"}):
            assert requests.post(door + "faults", json=body, timeout=5).status_code == 422
        assert requests.post(door + "nothing", json={}, timeout=5).status_code == 404
        assert requests.put(door + "state", timeout=5).status_code == 405


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValueError, match="speed is no option"):
        Warehouse(secrets=SECRETS, options={"speed": 1})


def test_events_are_signed_and_repeated_until_they_are_taken(receiver: Receiver) -> None:
    receiver.refuse = 3
    with Counting(secrets=SECRETS, webhook_url=receiver.url) as partner:
        table = partner.manifest.webhook
        assert table is not None
        for number in range(5):
            partner.emit("stock.counted", {"number": number}, lane="one")
        assert partner.settle()
    assert sorted(orjson.loads(each.body)["number"] for each in receiver.taken) == [0, 1, 2, 3, 4]
    assert set(receiver.events().values()) == {1}
    for each in receiver.taken:
        request = WebhookRequest(each.headers, each.body, datetime.now(UTC))
        proof.verify(table, request, [SECRETS["webhook_secret"]])


def test_a_lane_keeps_its_order_until_a_fault_shuffles_it(receiver: Receiver) -> None:
    with Counting(secrets=SECRETS, webhook_url=receiver.url) as partner:
        for number in range(30):
            partner.emit("stock.counted", {"number": number}, lane="one")
        assert partner.settle()
        assert [orjson.loads(each.body)["number"] for each in receiver.taken] == list(range(30))
        receiver.taken.clear()
        partner.faults = Faults(reorder=0.5, reorder_seconds=0.2, duplicate=0.5)
        for number in range(30):
            partner.emit("stock.counted", {"number": number}, lane="one")
        assert partner.settle()
        counts = partner.webhooks.counts
    numbers = [orjson.loads(each.body)["number"] for each in receiver.taken]
    assert numbers != sorted(numbers)
    assert set(numbers) == set(range(30))
    assert len(numbers) == 30 + counts["duplicated"]
    # A duplicate is the same event in another delivery.
    assert len({each.headers["x-wms-delivery"] for each in receiver.taken}) == len(numbers)
    assert len(receiver.events()) == 30


def test_a_step_that_breaks_shows_in_the_state() -> None:
    with Counting(secrets=SECRETS) as partner:
        done = threading.Event()
        partner.later(0.0, lambda: 1 / 0)
        partner.later(0.0, done.set)
        assert partner.settle()
        assert done.is_set()
        assert "ZeroDivisionError" in partner.state()["broken"][0]


def test_it_runs_as_a_process_and_ends_when_told() -> None:
    environment = {**os.environ, "CROSSDOCK_SIM_SECRETS": orjson.dumps(SECRETS).decode()}
    arguments = ["rest-wms", "--fault", "rate_limit=1", "--option", "warehouse=NORTH", "--seed", "3"]
    process = subprocess.Popen(
        [sys.executable, "-m", "connectors.sdk.simulator", *arguments],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = orjson.loads(process.stdout.readline())["url"]
        assert outcome(f"{url}/v1/fulfillments") == 429
        requests.post(f"{url}/_sim/faults", json={"rate_limit": 0}, timeout=5)
        assert requests.get(f"{url}/v1/ping", headers=AUTH, timeout=5).json()["warehouse"] == "NORTH"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize("arguments", [["nobody"], ["rest-wms", "--option", "x=1"], ["rest-wms", "--fault", "x=1"]])
def test_a_process_that_cannot_begin_says_why(arguments: list[str]) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "connectors.sdk.simulator", *arguments], capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert arguments[-1].partition("=")[0] in found.stderr


def test_a_request_without_sane_length_is_refused() -> None:
    with (
        Counting(secrets=SECRETS) as partner,
        socket.create_connection(("127.0.0.1", int(partner.url[-5:].strip(":")))) as raw,
    ):
        raw.sendall(b"POST /a?key=k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        answer = raw.recv(100)
        raw.close()
        assert answer.startswith(b"HTTP/1.1 411 ")
        assert partner.total == 0
