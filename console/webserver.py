"""The web server: granian around the application, and what it takes for a process to end well."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from config.logging import configure_logging
from config.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from webhooks.runtime import Runtime

BACKPRESSURE = 512
"""Requests one process takes in before it leaves them in the socket's backlog."""
WEB_GRACE = 6
"""Seconds requests under way get when the server stops."""
LOGS = {
    "handlers": {},
    "loggers": {
        "_granian": {"handlers": [], "level": "INFO", "propagate": True},
        "granian.access": {"handlers": [], "level": "INFO", "propagate": True},
    },
}
"""The server's own lines go through our formatter."""


def create_wsgi(settings: Settings) -> Flask:
    """Return the application for a web server's process, which it also prepares: logs, signals, its parent's death."""
    from console.wiring import create_app
    from webhooks.runtime import EXTENSION

    configure_logging(settings, "web")
    app = create_app(settings)
    _end_streams_when_stopped(app.extensions[EXTENSION].runtime)
    _die_with_parent()
    return app


def _end_streams_when_stopped(runtime: Runtime) -> None:
    """Set `stopping` on SIGTERM, whoever handles the signal: the interpreter writes each signal into this pipe."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def watch() -> None:
        while set(os.read(reader, 16)).isdisjoint({signal.SIGTERM, signal.SIGINT}):
            pass
        runtime.stopping.set()

    threading.Thread(target=watch, name="stopping", daemon=True).start()


def _die_with_parent() -> None:
    """A web process whose server process was killed must not keep the port."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(signal.SIGTERM), 0, 0, 0)


def run_web(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: with a database URL (`locate`).
    """
    configure_logging(settings, "web")
    make_server(settings).serve(target_loader=_Loader(settings), wrap_loader=False)


def make_server(settings: Settings) -> Any:
    """Return granian's server as every hub runs it; what it serves is given to its `serve`."""
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    return Server(
        "console.webserver:create_wsgi",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.web.processes,
        blocking_threads=settings.web.threads + _streams(settings),
        backpressure=BACKPRESSURE,
        # A killed process comes back while the socket stays open: callers wait instead of being refused.
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=WEB_GRACE,
        log_level=LogLevels.error,
        log_dictconfig=LOGS,
    )


def _streams(settings: Settings) -> int:
    """Return how many threads open event streams may hold, so that they are never taken from requests.

    The console keeps a quarter of the web threads' number open (console/web/context.py), the API's feed a half; beside
    those one client of each may wait for a place (webhooks/places.py).
    """
    return settings.web.threads // 4 + max(1, settings.web.threads // 2) + 2


class _Loader:
    """Makes the application inside a web process; a class, because a spawned process gets it pickled."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self) -> Flask:
        return create_wsgi(self._settings)
