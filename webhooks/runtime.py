"""What the web processes are given when they start: settings, the store, the connectors, the key."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from flask import current_app

from config.settings import Settings
from core.ports.connectors import Connectors
from core.store.unit import Store

EXTENSION = "crossdock"


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything a request may need that is not in the request.

    Attributes:
        settings: validated settings of this process.
        store: the database, with the wake-up for the queues.
        connectors: what is installed.
        secret_key: encrypts connection secrets, signs cursors, peppers API keys.
        redis_url: where live hints travel; None where the web process has no Redis.
        stopping: set when the process goes down, so that streams end.
    """

    settings: Settings
    store: Store
    connectors: Connectors
    secret_key: str = field(repr=False)
    redis_url: str | None = field(default=None, repr=False)
    stopping: threading.Event = field(default_factory=threading.Event)


def runtime() -> Runtime:
    """Return the runtime of the application that answers the current request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Runtime)
    return found
