"""Simulated partners: the real protocol on loopback, with faults on demand and effects counted.

A connector's `simulator.py` has `class Partner(Simulator)`. It runs in the tests' own process
(`with Partner(...) as partner`), or as one of its own:
`python -m connectors.sdk.simulator rest-wms --webhook-url http://127.0.0.1:8700/webhooks/north`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import orjson

from connectors.sdk import webhook as proof
from connectors.sdk.manifest import Manifest, load_manifest
from connectors.sdk.maps import load_module
from connectors.sdk.registry import Registry
from connectors.sdk.simulation.books import Books
from connectors.sdk.simulation.control import CONTROL, control, state
from connectors.sdk.simulation.credentials import carries_credential
from connectors.sdk.simulation.faults import Dice, Faults
from connectors.sdk.simulation.server import Server, SimRequest, SimResponse
from connectors.sdk.simulation.tally import Tally
from connectors.sdk.simulation.timer import Timer
from connectors.sdk.simulation.webhooks import WebhookSender
from core.ports.connectors import Push


class Simulator(Tally):
    """A partner on loopback; a subclass answers requests in `handle` and keeps its own records under `self.lock`.

    Args:
        host: to listen on.
        port: 0 takes a free one.
        seed: of all chance.
        faults: what goes wrong.
        webhook_url: where events go; None only counts them.
        secrets: the values of the manifest's secret settings, as in the connection.
        options: what the subclass understands, such as probabilities and delays.
        books: the file in which its records outlive it; None keeps them in memory alone.
    """

    folder: ClassVar[Path]
    # Option name -> default; others are refused.
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        faults: Faults | None = None,
        webhook_url: str | None = None,
        secrets: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        books: Path | None = None,
    ) -> None:
        unknown = sorted(set(options or {}) - set(self.defaults))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no option of this simulator: {', '.join(sorted(self.defaults))}")
        self.manifest: Manifest = load_manifest(self.folder)
        self.secrets = dict(secrets or {})
        self.options = {**self.defaults, **(options or {})}
        self.faults = faults or Faults()
        self.lock = threading.RLock()
        self.books = Books(books, self.lock)
        for _, changed in self.books.read("options"):
            self.options.update(changed)
        self._counted = dict(self.books.read("number"))
        # How often it was started before: chance must not repeat itself with every start.
        self.lives = self._counted.get("lives", 0)
        self.books.put("number", "lives", self.lives + 1)
        self.dice = Dice(seed + self.lives)
        self.count_on(self.books)
        # False spares replies to reads from being lost, so that a test can lose exactly the write's.
        self.fault_reads = True
        self._events = self._counted.get("events", 0)
        self.webhooks = WebhookSender(webhook_url, self.signed_headers, self.dice, lambda: self.faults, self.books)
        self.timer = Timer()
        self._server = Server((host, port), self._answer)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True, name="simulator"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.manifest.id} at {self.url}>"

    # -- for subclasses

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer an authorized request and do what it asks for."""
        raise NotImplementedError

    def is_write(self, request: SimRequest) -> bool:
        """Return whether a request changes something; override where the method does not tell."""
        return request.method not in {"GET", "HEAD"}

    def authorized(self, request: SimRequest) -> bool:
        """Return whether a request carries the credential of the manifest's `auth`; override for scheme `custom`."""
        return carries_credential(request, self.manifest.auth, self.options, self.secrets)

    def prepare(self, push: Push) -> None:
        """Make what a write needs to be there already; override where a write follows from an earlier one."""

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something after a while, as long as the simulator runs."""
        self.timer.later(seconds, lambda: self._step(act))

    def _step(self, act: Callable[[], object]) -> None:
        with self.books.together():
            act()

    def settle(self, seconds: float = 20.0) -> bool:
        """Wait until all work is done and every event was taken; return whether that came to be."""
        return self.timer.settle(seconds) and self.webhooks.settle(seconds)

    def emit(self, topic: str, document: Any, *, lane: str, after: float = 0.0, event: str | None = None) -> str:
        """Send an event to the hub; return its id.

        Args:
            document: bytes, or what JSON can hold.
            lane: events of one lane keep their order unless a fault shuffles them.
            after: seconds to wait.
        """
        with self.lock:
            self._events += 1
            self.books.put("number", "events", self._events)
            event = event or f"evt-{self._server.server_port}-{self._events}"
        body = document if isinstance(document, bytes) else orjson.dumps(self._aged(document))
        self.webhooks.emit(topic, body, event=event, lane=lane, after=after)
        return event

    def signed_headers(self, topic: str, body: bytes, delivery: str, event: str) -> Mapping[str, str]:
        """Return the headers of an authentic event; override for scheme `custom`."""
        table = self.manifest.webhook
        assert table is not None, "a partner without webhooks sends none"
        secret = self.secrets[table.secret or ""]
        now = datetime.now(UTC)
        return proof.sign(table, secret, body, topic=topic, identifier=delivery, event=event, at=now)

    def refusal(self, status: int, code: str, message: str) -> SimResponse:
        """Return an error as this partner words it; override for other protocols than JSON."""
        return SimResponse(status, {"error": {"code": code, "message": message}})

    def change_options(self, changed: Mapping[str, Any]) -> Mapping[str, Any]:
        """Behave otherwise from now on; return what was changed.

        Raises:
            ValueError: there is no such option.
        """
        unknown = sorted(set(changed) - set(self.defaults))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no option of this simulator")
        with self.lock:
            self.options.update(changed)
            self.books.put("options", ",".join(sorted(changed)), dict(changed))
        return changed

    def command(self, name: str, body: Any) -> Any:
        """Do what a test or the demo asks for through `POST /_sim/<name>`; return what JSON can hold.

        Raises:
            KeyError: there is no such command.
        """
        del body
        raise KeyError(name)

    def details(self) -> dict[str, Any]:
        """Return what the state endpoint says beyond the counters."""
        return {}

    # -- life

    @property
    def url(self) -> str:
        """Its base address."""
        host, port = str(self._server.server_address[0]), self._server.server_port
        return f"http://{host}:{port}"

    def start(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        self.webhooks.start()
        self.timer.start()
        return self

    def stop(self) -> None:
        """Stop serving and sending."""
        self.timer.stop()
        self.webhooks.stop()
        self._server.stop()
        self._thread.join(timeout=5)
        self.books.close()

    def discard(self) -> None:
        """Give the port back without having served."""
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def state(self) -> dict[str, Any]:
        """Return all counters, as `GET /_sim/state` does."""
        return state(self)

    # -- serving

    def _answer(self, request: SimRequest) -> SimResponse:
        if request.path.startswith(CONTROL):
            return control(self, request)
        with self.lock:
            self.calls[f"{request.method} {request.path.split('/', 3)[-1].split('/')[0]}"] += 1
        if not self.authorized(request):
            return self.refusal(401, "UNAUTHORIZED", "The credential is not good.")
        refused = self._refused_first()
        if refused is not None:
            return refused
        try:
            with self.books.together():
                response = self.handle(request)
        except (ValueError, KeyError, TypeError) as error:
            return self.refusal(400, "BAD_REQUEST", f"The request cannot be read: {type(error).__name__}: {error}")
        return self._spoiled(response, write=self.is_write(request))

    def _refused_first(self) -> SimResponse | None:
        """Return a refusal that comes before any effect."""
        faults = self.faults
        for fate, probability, status in (
            ("rate_limited", faults.rate_limit, 429),
            ("unavailable", faults.unavailable, 503),
        ):
            if self.dice.hits(probability):
                self._fate(fate)
                refusal = self.refusal(status, fate.upper(), "Later, please.")
                return replace(refusal, headers={**refusal.headers, "Retry-After": f"{faults.retry_after:g}"})
        return None

    def _spoiled(self, response: SimResponse, *, write: bool) -> SimResponse:
        """Return the reply as it will reach the client; the effect has happened by now."""
        faults = self.faults if write or self.fault_reads else Faults()
        delay = 0.0
        if self.dice.hits(faults.delay):
            self._fate("delayed")
            delay = faults.delay_seconds
        fate = "whole"
        if self.dice.hits(faults.drop):
            fate = "dropped"
        elif self.dice.hits(faults.cut):
            fate = "cut"
        elif self.dice.hits(faults.error):
            self._fate("error")
            return replace(self.refusal(500, "INTERNAL", "Something broke."), delay=delay)
        if fate != "whole":
            self._fate(f"{fate}_{'write' if write else 'read'}")
        return replace(response, body=self._aged(response.body), fate=fate, delay=delay)

    def _aged(self, body: Any) -> Any:
        """Return a document as the partner's next version would have it: with a field nobody asked for."""
        if isinstance(body, dict) and self.dice.hits(self.faults.schema_change):
            self._fate("schema_changed")
            return {**body, "field_of_next_version": {"unasked": True}}
        return body


def simulator_class(connector: str, registry: Registry | None = None) -> type[Simulator] | None:
    """Return the simulated partner of a connector, None when it has none."""
    folder = (registry or Registry()).folders.get(connector)
    if folder is None or not (folder / "simulator.py").is_file():
        return None
    found: type[Simulator] = load_module(folder, "simulator").Partner
    return found


if __name__ == "__main__":
    from connectors.sdk.simulation.command import main

    sys.exit(main())
