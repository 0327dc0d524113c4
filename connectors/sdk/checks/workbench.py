"""Opens a connector against a scripted partner on loopback, and watches everything it says for secrets."""

from __future__ import annotations

import base64
import logging
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from connectors.sdk.checks.goldens import Goldens, Outgoing, Step
from connectors.sdk.manifest import Manifest, Setting
from connectors.sdk.simulation.server import Server, SimRequest, SimResponse
from core.domain.vocabulary import Mode, Write
from core.ports.connectors import ConnectionConfig, Push

if TYPE_CHECKING:
    from connectors.sdk.base import BaseConnector

# Small enough that a time-out and a body too large are quick to provoke.
TIMEOUT = 3.0
SHORT_TIMEOUT = 0.15
MAX_BODY = 262_144
CANARY = "canary-of-{name}-9b41c7e2"
CONNECTION = UUID("0190f3c2-a4b0-7c1e-8d3f-5a6b7c8d9eff")
Script = Sequence[SimResponse | Callable[[SimRequest], SimResponse]]


class Partner:
    """Answers requests in turn as scripted, and remembers them."""

    def __init__(self) -> None:
        self.requests: list[SimRequest] = []
        self._script: list[SimResponse | Callable[[SimRequest], SimResponse]] = []
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), self._answer)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name="scripted-partner"
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def play(self, script: Script) -> None:
        """Set the answers to come and forget past requests."""
        with self._lock:
            self._script, self.requests = list(script), []

    def stop(self) -> None:
        """Stop answering; connections are refused from now on."""
        self._server.stop()
        self._thread.join(timeout=5)

    def _answer(self, request: SimRequest) -> SimResponse:
        with self._lock:
            self.requests.append(request)
            answer = self._script.pop(0) if self._script else None
        if answer is None:
            return SimResponse(500, {"error": {"code": "UNSCRIPTED", "message": "No further request was expected."}})
        return answer(request) if callable(answer) else answer


class Workbench(AbstractContextManager["Workbench"]):
    """A connector under test.

    Args:
        manifest: of the connector; its time-out and body limit are made small.
        kind: its class.
    """

    def __init__(self, manifest: Manifest, kind: type[BaseConnector]) -> None:
        self.manifest = replace(manifest, limits={**manifest.limits, "timeout": TIMEOUT, "max_body": MAX_BODY})
        self.kind = kind
        self.goldens = Goldens(manifest)
        self.secrets = {each.name: canary(manifest, each) for each in manifest.settings if each.secret}
        # Every text the connector showed: exchanges, errors, representations, log lines.
        self.shown: list[tuple[str, str]] = []
        self._partner: Partner | None = None
        self._open: list[BaseConnector] = []
        self._handler = Listener(self.shown)

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._level = root.level
        root.addHandler(self._handler)
        root.setLevel(logging.DEBUG)
        return self

    def __exit__(self, *error: object) -> None:
        root = logging.getLogger()
        root.removeHandler(self._handler)
        root.setLevel(self._level)
        for each in self._open:
            each.close()
        if self._partner is not None:
            self._partner.stop()

    @property
    def wired(self) -> bool:
        """Whether the connector talks HTTP to an address in its settings."""
        return any(each.type == "url" for each in self.manifest.settings)

    @property
    def partner(self) -> Partner:
        """The scripted partner, started when first needed."""
        if self._partner is None:
            self._partner = Partner()
        return self._partner

    def config(self, url: str | None = None, previous: Mapping[str, str] | None = None) -> ConnectionConfig:
        """Return a connection with invented settings.

        Args:
            url: the partner's address; the scripted one's by default.
            previous: secrets of a rotation window.
        """
        given = self.goldens.settings()
        settings: dict[str, Any] = {}
        for each in self.manifest.settings:
            if each.secret:
                continue
            if each.name in given:
                settings[each.name] = with_url(given[each.name], url or self.url)
            elif each.type == "url":
                settings[each.name] = url or self.url
            elif each.required and each.default is None:
                settings[each.name] = example(each)
        return ConnectionConfig(
            CONNECTION, "suite", self.manifest.id, Mode.LIVE, settings, self.secrets, dict(previous or {})
        )

    @property
    def url(self) -> str:
        """The scripted partner's address; a name that is never called when the connector talks to none."""
        return self.partner.url if self.wired else "http://127.0.0.1:9"

    def open(
        self, url: str | None = None, previous: Mapping[str, str] | None = None, *, impatient: bool = False
    ) -> BaseConnector:
        """Return the connector, opened; an impatient one has a very short time-out."""
        manifest = self.manifest
        if impatient:
            manifest = replace(manifest, limits={**manifest.limits, "timeout": SHORT_TIMEOUT})
        connector = self.kind(self.config(url, previous), manifest, manifest.folder)
        self._open.append(connector)
        self.shown.append(("repr of the connector", repr(connector)))
        return connector

    def watch(self, connector: BaseConnector, act: Callable[[], Any]) -> Any:
        """Do something with a connector and keep what it showed."""
        try:
            return act()
        except Exception as error:
            self.shown.append(("error", f"{error!r} {error} {getattr(error, 'data', '')}"))
            self.shown.append(("traceback", "".join(traceback.format_exception(error))))
            raise
        finally:
            for each in connector.exchanges():
                self.shown.append(("exchange", repr(each)))
            if "http" in connector.__dict__:
                self.shown.append(("repr of the session", repr(connector.http)))

    def do(self, connector: BaseConnector, verb: str, given: Any) -> Any:
        """Call a verb of the connector and keep what it showed."""
        return self.watch(connector, lambda: getattr(connector, verb)(given))

    def leaks(self) -> list[str]:
        """Return where a secret was shown."""
        return sorted({where for where, text in self.shown for secret in self.secrets.values() if secret in text})


class Listener(logging.Handler):
    """Keeps every log line."""

    def __init__(self, shown: list[tuple[str, str]]) -> None:
        super().__init__(logging.DEBUG)
        self._shown = shown

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self._shown.append((f"log of {record.name}", record.getMessage()))


def canary(manifest: Manifest, setting: Setting) -> str:
    """Return a secret that would be noticed anywhere; in the form a Standard Webhooks key has, where it is one."""
    value = CANARY.format(name=setting.name)
    hook = manifest.webhook
    if hook is not None and hook.scheme == "standard-webhooks" and hook.secret == setting.name:
        return "whsec_" + base64.b64encode(value.encode()).decode()
    return value


def example(setting: Setting) -> Any:
    """Return a value that fits a setting."""
    if setting.type == "choice":
        return setting.choices[0]
    plain: dict[str, Any] = {"integer": 1, "number": "1", "boolean": False, "json": {}}
    return plain.get(setting.type, f"example-{setting.name.replace('_', '-')}")


def with_url(value: Any, url: str) -> Any:
    """Return a setting with the partner's address in place of `{url}`."""
    if isinstance(value, str):
        return value.replace("{url}", url)
    if isinstance(value, dict):
        return {name: with_url(inner, url) for name, inner in value.items()}
    return value


def answers(steps: Sequence[Step]) -> list[SimResponse | Callable[[SimRequest], SimResponse]]:
    """Return the answers of a golden's steps."""
    return [SimResponse(step.status, step.body, step.headers) for step in steps]


def given_to(golden: Outgoing) -> Any:
    """Return what a golden's verb is called with: its write, or an empty cursor."""
    return push_of(golden.verb, golden.given) if golden.verb in set(Write) else {}


def push_of(verb: str, given: Mapping[str, Any]) -> Push:
    """Return the write of a golden."""
    return Push(Write(verb), given["reference"], given["payload"])
