"""What the console is given when it is wired, and who is looking at the page under way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

from flask import abort, current_app, g, request

from config.settings import Orders
from console.web.sessions import Person
from core.ports.connectors import Connectors
from core.services.sscc import FileWitness, Numbers
from core.store.unit import DEFAULT_TENANT, Store, Unit
from webhooks.runtime import Runtime

EXTENSION = "crossdock_console"


@dataclass(frozen=True, slots=True)
class ConsoleServices:
    """The parts of the hub that the console stands on.

    Attributes:
        store: the way into the database.
        connectors: the connectors found, for the kinds of accounts and the canonical reading of messages.
        secret_key: signs the cookie that carries one-time notices; not the session.
        company: the merchant's name.
        secure_cookies: whether people reach the hub over HTTPS.
        stopping: set when the process goes down, so that streams end.
        risk: chance of being late from which on a promise is at risk.
        numbers: hands out package numbers; without it, the database's word alone counts.
        orders: when orders are held.
        streams: how many pages a process keeps a stream open for; each takes one of its threads, the others poll.
    """

    store: Store
    connectors: Connectors
    secret_key: str
    company: str = "Crossdock"
    secure_cookies: bool = False
    risk: float = 0.5
    streams: int = 2
    numbers: Numbers | None = None
    orders: Orders = field(default_factory=Orders)
    stopping: threading.Event = field(default_factory=threading.Event)
    tenant: int = DEFAULT_TENANT


def of_runtime(runtime: Runtime) -> ConsoleServices:
    """Return what the console needs of a web process's runtime."""
    return ConsoleServices(
        runtime.store,
        runtime.connectors,
        runtime.secret_key,
        company=runtime.settings.company,
        secure_cookies=runtime.settings.base_url.startswith("https://"),
        risk=runtime.settings.promising.risk,
        # Most threads are for webhooks and the API.
        streams=runtime.settings.web.threads // 4,
        stopping=runtime.stopping,
        orders=runtime.settings.orders,
        numbers=Numbers(runtime.store, FileWitness(runtime.settings.data_dir / "sscc.json")),
    )


def services() -> ConsoleServices:
    """Return the parts given to `create_console` for the app under way."""
    return cast(ConsoleServices, current_app.extensions[EXTENSION])


def me() -> Person:
    """Return who is signed in; pages that need nobody must not ask."""
    return cast(Person, g.console_person)


@contextmanager
def trial() -> Iterator[Unit]:
    """Give a unit of work of which nothing is kept: for looking what something would do."""
    with suppress(_OnlyLooking), services().store.begin(actor=me().actor) as unit:
        yield unit
        raise _OnlyLooking


class _OnlyLooking(Exception):
    """Ends a trial."""


def require_changes() -> None:
    """Refuse a change by someone who may only look."""
    if not me().may_change:
        abort(403, "Your role may look but not change anything.")


def wants_fragment() -> bool:
    """Return whether htmx asks, which takes its part out of the page."""
    return request.headers.get("HX-Request") == "true"
