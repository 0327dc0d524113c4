"""A whole hub as a person starts it: up, used by every command that needs it running, stopped without a trace."""

import http.client
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from console.servers.state import State, read_state
from tests.servers.hubs import gone, until

ROOT = Path(__file__).resolve().parents[2]
CROSSDOCK = [sys.executable, "-P", "-m", "console.cli.main"]


class Running:
    """A hub started by `crossdock up` in a process of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSDOCK_")}
        self.env = {**kept, "CROSSDOCK_DATA_DIR": str(data), "CROSSDOCK_CLI_SECRET_ACCESS_TOKEN": "shpat_invented",
                    "CROSSDOCK_CLI_SECRET_WEBHOOK_SECRET": "hush"}  # fmt: skip
        self.output, self.errors = data.with_suffix(".out"), data.with_suffix(".err")
        with self.output.open("w") as out, self.errors.open("w") as err:
            self.process = subprocess.Popen(
                [*CROSSDOCK, "up", "--port", "0", "--workers", "1", "--json"],
                cwd=data.parent, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
        until(lambda: self.output.read_text() or self.process.poll() is not None, 90)
        assert self.process.poll() is None, self.errors.read_text()
        self.told: dict[str, Any] = json.loads(self.output.read_text())

    @property
    def state(self) -> State:
        """Who runs as what."""
        found = read_state(self.data)
        assert found is not None
        return found

    def call(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run another command beside it."""
        return subprocess.run(
            [*CROSSDOCK, *words], cwd=self.data.parent, env=self.env, input=stdin, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    def rows(self, *words: str) -> list[dict[str, Any]]:
        """The JSON lines of a command that must succeed."""
        done = self.call(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Ask its web server."""
        host, _, port = self.told["url"].removeprefix("http://").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def processes(self) -> list[psutil.Process]:
        """All of its processes."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]


@pytest.fixture(scope="module")
def hub() -> Iterator[Running]:
    """A running hub with a shop connection."""
    with tempfile.TemporaryDirectory(prefix="crossdock-up-", ignore_cleanup_errors=True) as folder:
        running = Running(Path(folder) / "data")
        try:
            added = running.call(
                "connection", "add", "shop", "--connector", "shopify", "--set", "shop_domain=fjord.myshopify.com",
                "--set", "location_id=1", "--set", "base_url=http://127.0.0.1:9",
            )  # fmt: skip
            assert added.returncode == 0, added.stderr
            yield running
        finally:
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGINT)
                running.process.wait(60)


def test_it_answers_and_is_ready(hub: Running) -> None:
    assert hub.get("/healthz")[0] == 200
    assert hub.get("/readyz")[0] == 200
    assert hub.get("/")[0] == 302
    assert hub.get("/api/v1/orders")[0] == 401
    assert set(hub.told["parts"]) == {"postgres", "redis", "web", "worker-1", "relay"}


def test_the_first_start_makes_a_key_and_a_password_nobody_else_can_read(hub: Running) -> None:
    key_file, password_file = Path(hub.told["key_file"]), Path(hub.told["password_file"])
    assert [file.stat().st_mode & 0o777 for file in (key_file, password_file)] == [0o600, 0o600]
    status, body = hub.get("/api/v1/orders", Authorization=f"Bearer {key_file.read_text().strip()}")
    assert (status, json.loads(body)["data"]) == (200, [])
    said = hub.errors.read_text() + hub.output.read_text()
    assert key_file.read_text().strip() not in said
    assert password_file.read_text().splitlines()[1] not in said


def test_a_stream_that_was_left_gives_its_place_to_the_next(hub: Running) -> None:
    """Many more than there are places, each read and left, as by somebody who clicks through the pages."""
    host, _, port = hub.told["url"].removeprefix("http://").partition(":")
    key = Path(hub.told["key_file"]).read_text().strip()
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
    statuses = []
    for _ in range(14):
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", "/api/v1/events", headers=headers)
        answer = connection.getresponse()
        assert answer.readline() == b"retry: 2000\n"
        statuses.append(answer.status)
        answer.close()
        connection.close()
    assert statuses == [200] * 14


def test_status_and_doctor_find_it_whole(hub: Running) -> None:
    until(lambda: hub.call("status").returncode == 0)
    [found] = hub.rows("status")
    assert (found["running"], found["ok"], found["relay_leads"]) == (True, True, True)
    assert found["url"] == hub.told["url"]
    assert {part["name"]: part["restarts"] for part in found["parts"]} == dict.fromkeys(hub.told["parts"], 0)
    assert {row["check"]: row["status"] for row in hub.rows("doctor")}["redis"] == "ok"


def test_a_signed_order_goes_through_the_true_door_and_a_wrong_one_does_not(hub: Running) -> None:
    [sent] = hub.rows("trigger", "shop/orders.create")
    assert (200 <= sent["status"] < 300, sent["duplicate"]) == (True, False)
    until(lambda: hub.rows("messages", "list")[0]["state"] == "applied")
    first, second = hub.rows("trigger", "shop/orders/create", "--duplicate")
    assert (second["message_id"], second["duplicate"]) == (first["message_id"], True)
    numbered = hub.rows("trigger", "shop/orders/create", "--times", "3", "--set", "name=#N{n}", "--rate", "50")
    assert len({each["message_id"] for each in numbered}) == 3
    until(lambda: {each["number"] for each in hub.rows("orders", "list")} >= {"#N1", "#N2", "#N3"})
    [wrong] = hub.rows("trigger", "shop/orders.create", "--bad-signature")
    assert (wrong["status"], wrong["code"]) == (401, "HOOK-SIGNATURE-401")
    late = hub.call("trigger", "shop/orders.create", "--late", "7d", "--json")
    assert (late.returncode, json.loads(late.stdout)["code"]) == (0, "HOOK-STALE-401")
    unknown = hub.call("trigger", "shop/no.such", "--json")
    assert (unknown.returncode, json.loads(unknown.stdout)["error"]["code"]) == (4, "HUB-MISSING-404")
    assert hub.call("trigger", "shop").returncode == 2
    nobody = hub.call("trigger", "shop/orders.create", "--url", "http://127.0.0.1:1", "--json")
    assert (nobody.returncode, json.loads(nobody.stdout)["error"]["code"]) == (3, "CLI-DOOR-503")


def test_the_tutorial_goes_as_it_says(hub: Running) -> None:
    """Every file is written and every command run as docs/tutorial.md has it, by a shell, in the hub's folder."""
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"^```(?:csv|json) (\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        (hub.data.parent / name).write_text(text)
    (hub.data.parent / ".crossdock").symlink_to(hub.data)
    blocks = re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert blocks[0] == "$ crossdock up\n"
    lines = [line.removeprefix("$ ") for block in blocks[1:] for line in block.splitlines()]
    script = "\n".join(["set -euo pipefail", f'crossdock() {{ {shlex.join(CROSSDOCK)} "$@"; }}', *lines])
    script = script.replace("http://127.0.0.1:8700", hub.told["url"]).replace("curl -sS", "curl -sS --fail-with-body")
    done = subprocess.run(
        ["bash", "-c", script], cwd=hub.data.parent, env=hub.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = (hub.rows("orders", "show", number)[0] for number in ("#5001", "#5002"))
    assert (first["connection"], first["phase"], second["phase"]) == ("api", "shipped", "backordered")
    assert [line["shipped"] for line in first["lines"]] == ["2", "1"]
    assert [case["code"] for case in hub.rows("exceptions", "list")].count("STOCK-OUT-001") == 1
    [message] = [each for each in hub.rows("messages", "list") if each["via"] == "api" and each["order"] == first["id"]]
    replayed = hub.call("messages", "replay", message["id"], "--yes")
    assert replayed.returncode == 0, replayed.stderr
    until(lambda: hub.rows("messages", "show", message["id"])[0]["state"] == "duplicate")


def test_events_stream_through_the_web_server(hub: Running) -> None:
    key = Path(hub.told["key_file"]).read_text().strip()
    host, _, port = hub.told["url"].removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    try:
        connection.request(
            "GET", "/api/v1/events", headers={"Accept": "text/event-stream", "Authorization": f"Bearer {key}"}
        )
        answer = connection.getresponse()
        assert answer.status == 200
        assert hub.call("connection", "pause", "shop", "--until", "1s").returncode == 0
        line = b""
        while not line.startswith(b"event:"):
            line = answer.readline()
            assert line, "the stream ended"
        assert line == b"event: connection.paused\n"
    finally:
        connection.close()


def test_a_killed_web_process_comes_back(hub: Running) -> None:
    parent = hub.state.parts["web"].pid
    assert parent is not None
    [worker] = psutil.Process(parent).children()
    worker.kill()
    until(lambda: gone(worker))
    until(lambda: [each.pid for each in psutil.Process(parent).children()] not in ([], [worker.pid]))
    until(lambda: _answers(hub))
    assert hub.state.parts["web"].pid == parent
    [worker] = psutil.Process(parent).children()
    psutil.Process(parent).kill()
    until(lambda: gone(worker))
    until(lambda: _answers(hub))
    assert hub.state.parts["web"].restarts == 1


def _answers(hub: Running) -> bool:
    try:
        return hub.get("/readyz")[0] == 200
    except OSError:
        return False


def test_a_second_hub_on_the_same_folder_or_port_is_told_who_has_it(hub: Running) -> None:
    second = hub.call("up", "--port", "0", "--json")
    assert (second.returncode, json.loads(second.stdout)["error"]["code"]) == (1, "SERVER-DATA-002")
    port = hub.told["url"].rpartition(":")[2]
    taken = hub.call("up", "--port", port, "--data", "elsewhere", "--json")
    assert (taken.returncode, json.loads(taken.stdout)["error"]["code"]) == (1, "SERVER-PORT-001")


def test_ctrl_c_stops_everything_and_leaves_nothing(hub: Running) -> None:
    processes = hub.processes()
    assert len(processes) >= 6
    hub.process.send_signal(signal.SIGINT)
    assert hub.process.wait(60) == 0
    assert [each for each in processes if not gone(each)] == []
    assert read_state(hub.data) is None
    assert hub.errors.read_text().endswith("Stopped.\n")
    down = hub.call("status", "--json")
    assert (down.returncode, json.loads(down.stdout)["error"]["code"]) == (3, "HUB-DOWN-503")
