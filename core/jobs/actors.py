"""The Dramatiq actors: each hint says where to look, the work itself is claimed in PostgreSQL.

A hint that is late, doubled or lost does no harm, so Dramatiq's own retries, results and delays are not used.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

import dramatiq
import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoSession

from core.jobs.brokers import make_broker
from core.jobs.deliver import deliver
from core.jobs.hub import Hub
from core.jobs.intake import drain_messages
from core.jobs.schedule import poll
from core.jobs.simulations import run_simulation
from core.jobs.waves import run_due_wave
from core.services.resourcing import source_due

log = structlog.get_logger()
BUSY_SECONDS = 10.0
# A queue without hints is asked this often in the end; one that had a hint just now, a few milliseconds later. Asking
# each of five queues, and one beside each for later, every 50 ms cost an idle worker an eighth of a core.
IDLE_POLL_MS = 200


def declare(broker: dramatiq.Broker, hub: Hub | None) -> dict[str, dramatiq.Actor[..., Any]]:
    """Declare the actors on a broker; the relay declares them without a hub, only to send hints."""

    def needs_hub() -> Hub:
        if hub is None:
            raise RuntimeError("This process only sends hints; it has no hub to work with.")
        return hub

    # One drain a process: a second one would only fight for the interpreter and the same stock rows.
    draining, sourcing, trying = threading.Lock(), threading.Lock(), threading.Lock()

    def intake() -> None:
        """Drain the inbox until it is empty."""
        _until_done(draining, lambda: drain_messages(needs_hub()))

    def orders() -> None:
        """Source orders until none is due."""

        def once() -> int:
            with needs_hub().store.begin() as unit:
                return source_due(unit, needs_hub().facts.get(unit.conn, unit.tenant), needs_hub().pace.intake_batch)

        _until_done(sourcing, once)

    def deliveries(connection_id: str) -> None:
        """Deliver what is due at one connection."""
        deliver(needs_hub(), UUID(connection_id), seconds=BUSY_SECONDS)

    def schedule(connection_id: str, name: str) -> None:
        """Poll one connection."""
        poll(needs_hub(), UUID(connection_id), name)

    def simulations() -> None:
        """Try versions of policies that were asked for."""
        _until_done(trying, lambda: run_simulation(needs_hub()))

    def waves() -> None:
        """Plan waiting work again together."""
        run_due_wave(needs_hub())

    functions: list[Callable[..., None]] = [intake, orders, deliveries, schedule, simulations, waves]
    return {
        function.__name__: dramatiq.actor(broker=broker, queue_name=function.__name__)(_calm(function))
        for function in functions
    }


def _calm(work: Callable[..., None]) -> Callable[..., None]:
    """Return the work with a database that is away told of in one line; the relay hints again."""

    @wraps(work)
    def run(*arguments: Any) -> None:
        try:
            work(*arguments)
        except (OperationalError, NoSession) as error:
            log.warning(
                "worker.database_away", work=work.__name__, error=type(getattr(error, "orig", None) or error).__name__
            )

    return run


def _until_done(alone: threading.Lock, once: Callable[[], int]) -> None:
    if not alone.acquire(blocking=False):
        return
    try:
        started = time.monotonic()
        while once() and time.monotonic() - started < BUSY_SECONDS:
            pass
    finally:
        alone.release()


def run_worker(hub: Hub, broker_url: str, *, threads: int = 8) -> None:
    """Work until SIGTERM or SIGINT.

    Args:
        hub: what the actors work with.
        broker_url: where hints come from.
        threads: jobs at once in this process.
    """
    broker = make_broker(broker_url)
    declare(broker, hub)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    while not stopping.is_set():
        worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=IDLE_POLL_MS)
        try:
            worker.start()
        except Exception as error:  # noqa: BLE001 - the broker is away: nothing is lost, we only have to come back
            log.warning("worker.no_broker", error=type(error).__name__)
            stopping.wait(1.0)
            continue
        log.info("worker.started", threads=threads)
        stopping.wait()
        worker.stop(timeout=8_000)
    broker.close()
