"""The relay: says what is due. It listens for wake-ups, sweeps, and hands hints to the broker; one leader, any number.

It holds no facts: if it dies, the next leader reads the same tables. If the broker (Redis, RabbitMQ) is away it goes on
trying; if it was flushed the next sweep puts the hints in again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoSession

from core.jobs.actors import declare
from core.jobs.brokers import AWAY, make_broker, waiting
from core.jobs.certificates import watch_certificates
from core.jobs.hub import Hub
from core.jobs.schedule import expire_leases, forget_old, watchdog
from core.jobs.wake import CHANNEL, plain_url
from core.jobs.waves import wave_due
from core.services import transport_receipts
from core.services.advice_clock import watch_advices
from core.services.aging import age_stock
from core.services.arrivals import release_arrived
from core.services.backorders import wake_backorders
from core.services.cases import wake_snoozed
from core.services.channel_stock import plan_pushes
from core.services.disruptions import end_outages
from core.services.drift import end_doubts
from core.services.edi_states import watch_answers
from core.services.learning import correct_transit
from core.services.limits import check_limits, follow_limits
from core.services.line_meanings import end_known_skus
from core.services.model_watch import watch_models
from core.services.models import retrain
from core.services.policies import activate_due
from core.services.promise_outages import look_at_outages
from core.services.promise_watch import watch_promises
from core.services.protecting import tell_protection
from core.services.redating import look_at_calendars
from core.services.releasing import release_due
from core.services.reserving import expire_reservations
from core.services.scoring import refresh_scores
from core.services.trade_due import settle_due
from core.store.engine import met_another
from core.store.unit import Unit

log = structlog.get_logger()
LEADER_LOCK = 0x72656C6179
# How long a broker that hangs may keep the chores waiting.
BROKER_SECONDS = 0.5
# A wave that is due is asked for again this often until it has run, so that one that fails does not keep a worker.
WAVE_LOOK = 15.0
# Hints waiting in one queue beyond this are enough.
MOST_HINTS = 64
DUE_MESSAGES = """
SELECT count(*) FROM (SELECT 1 FROM message WHERE tenant_id = :t AND state IN ('received', 'normalized')
  AND run_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until < clock_timestamp()) LIMIT 400) due
"""
DUE_ORDERS = """
SELECT count(*) FROM (SELECT 1 FROM orders WHERE tenant_id = :t AND sourcing_at <= clock_timestamp() LIMIT 400) due
"""
DUE_DELIVERIES = """
SELECT c.id, least(d.due, s.free) AS hints FROM connection c
CROSS JOIN LATERAL (
    SELECT count(*) AS due FROM (
        SELECT 1 FROM delivery WHERE tenant_id = c.tenant_id AND connection_id = c.id
          AND state IN ('due', 'waiting', 'unknown') AND run_at <= clock_timestamp() LIMIT 16) waiting) d
CROSS JOIN LATERAL (
    SELECT count(*) AS free FROM seat WHERE tenant_id = c.tenant_id AND connection_id = c.id
      AND (n = 1 OR c.breaker_opened = 0) AND (held_until IS NULL OR held_until < clock_timestamp())) s
WHERE c.tenant_id = :t AND c.mode IN ('live', 'shadow')
  AND (c.paused_until IS NULL OR c.paused_until <= clock_timestamp()) AND d.due > 0 AND s.free > 0
"""
DUE_POLLS = """
SELECT connection_id, name FROM cursor WHERE tenant_id = :t AND next_at <= clock_timestamp()
  AND (lease_until IS NULL OR lease_until < clock_timestamp()) LIMIT 50
"""
DUE_SIMULATIONS = """
SELECT count(*) FROM simulation
WHERE tenant_id = :t AND (state = 'queued' OR state = 'running' AND lease_until < clock_timestamp())
"""


@dataclass(slots=True)
class _Chore:
    """Something done every so often, in a transaction of its own."""

    name: str
    every: float
    run: Callable[[Unit], int]
    next_at: float = 0.0


class Relay:
    """Sends hints for what is due, and does the small chores that need a clock.

    Args:
        hub: store and connectors.
        database_url: for the listening session.
        broker_url: where hints go.
        sweep: longest time between two looks, in seconds.
        watch: how often the watchdog runs, in seconds.
    """

    def __init__(
        self, hub: Hub, database_url: str, broker_url: str, *, sweep: float = 0.5, watch: float = 60.0
    ) -> None:
        self._hub = hub
        self._url = plain_url(database_url)
        self._broker = make_broker(broker_url, BROKER_SECONDS)
        self._actors = declare(self._broker, None)
        self._sweep = sweep
        self._stopping = threading.Event()
        self._wave = False
        self._chores = [
            _Chore("leases", 1.0, expire_leases),
            _Chore("stock_pushes", 0.3, lambda unit: plan_pushes(unit, hub.facts.get(unit.conn, unit.tenant))),
            _Chore("backorders", 1.0, wake_backorders),
            _Chore("reservations", 1.0, expire_reservations),
            _Chore("protection", 1.0, tell_protection),
            _Chore("outages", 1.0, end_outages),
            _Chore("known_skus", 1.0, lambda unit: end_known_skus(unit, hub.facts.get(unit.conn, unit.tenant))),
            _Chore("aging", 30.0, age_stock),
            _Chore("limits", 1.0, follow_limits),
            _Chore("all_limits", 300.0, check_limits),
            _Chore("snoozes", 5.0, wake_snoozed),
            _Chore("policies", 1.0, activate_due),
            _Chore("drift", 15.0, lambda unit: end_doubts(unit, hub.facts.get(unit.conn, unit.tenant))),
            _Chore("stoppages", 2.0, lambda unit: look_at_outages(unit, hub.facts.get(unit.conn, unit.tenant))),
            _Chore("promises", 2.0, lambda unit: watch_promises(unit, hub.facts.get(unit.conn, unit.tenant))),
            _Chore("papers", 1.0, lambda _: settle_due(hub.store, hub.facts, hub.numbers)),
            _Chore("receipts", 30.0, transport_receipts.alarm),
            _Chore("certificates", 3600.0, lambda unit: watch_certificates(hub, unit)),
            _Chore("answers", 5.0, watch_answers),
            _Chore("advice_clock", 5.0, lambda unit: watch_advices(unit, hub.facts.get(unit.conn, unit.tenant))),
            _Chore("releases", 1.0, lambda unit: release_due(unit, hub.facts.get(unit.conn, unit.tenant))),
            _Chore("arrivals", 1.0, lambda unit: release_arrived(unit, hub.facts.get(unit.conn, unit.tenant))),
            _Chore("calendars", 1.0, lambda unit: look_at_calendars(unit, hub.facts.get(unit.conn, unit.tenant))),
            _Chore("waves", WAVE_LOOK, self._look_for_wave),
            _Chore("watchdog", watch, watchdog),
            _Chore("transit", 3600.0, correct_transit),
            _Chore("scores", 3600.0, refresh_scores),
            _Chore("models", 86_400.0, retrain),
            _Chore("model_watch", 3600.0, lambda unit: watch_models(unit, fall_back=hub.promising.fall_back)),
            _Chore("housekeeping", 3600.0, forget_old),
        ]

    def stop(self) -> None:
        """End `run` after the current look."""
        self._stopping.set()

    def run(self) -> None:
        """Lead when nobody else does, until `stop`."""
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as session:
                    self._lead_if_free(session)
            except (psycopg.OperationalError, OperationalError, NoSession) as error:
                log.warning("relay.database_away", error=type(error).__name__)
                self._stopping.wait(0.5)
            except (psycopg.Error, SQLAlchemyError):
                log.exception("relay.failed")  # a fault of ours: say so, and go on with what works
                self._stopping.wait(0.5)
        self._broker.close()

    def _lead_if_free(self, session: psycopg.Connection[Any]) -> None:
        session.execute(f"LISTEN {CHANNEL}")
        leads = False
        while not self._stopping.is_set():
            if not leads:
                row = session.execute("SELECT pg_try_advisory_lock(%s)", (LEADER_LOCK,)).fetchone()
                leads = bool(row and row[0])
                if not leads:
                    self._stopping.wait(1.0)
                    continue
                log.info("relay.leads")
            self._look()
            for _ in session.notifies(timeout=self._sweep, stop_after=1):
                pass

    def _look(self) -> None:
        now = time.monotonic()
        for chore in self._chores:
            if now >= chore.next_at:
                chore.next_at = now + chore.every
                self._do(chore)
        with self._hub.store.read() as conn:
            due_messages = conn.execute(text(DUE_MESSAGES), {"t": 1}).scalar_one()
            due_orders = conn.execute(text(DUE_ORDERS), {"t": 1}).scalar_one()
            due_deliveries = conn.execute(text(DUE_DELIVERIES), {"t": 1}).all()
            due_polls = conn.execute(text(DUE_POLLS), {"t": 1}).all()
            due_simulations = conn.execute(text(DUE_SIMULATIONS), {"t": 1}).scalar_one()
        batch = self._hub.pace.intake_batch
        try:
            self._hint("intake", min(4, -(-due_messages // batch)))
            self._hint("orders", min(2, -(-due_orders // batch)))
            self._hint("simulations", min(1, due_simulations))
            for row in due_deliveries:
                self._hint("deliveries", row.hints, str(row.id))
            if self._wave:
                self._hint("waves", 1)
                self._wave = False
            for row in due_polls:
                self._hint("schedule", 1, str(row.connection_id), row.name)
        except AWAY as error:
            log.warning("relay.broker_away", error=type(error).__name__)

    def _look_for_wave(self, unit: Unit) -> int:
        """Note whether a wave is due; a worker runs it, since its search may take long."""
        facts = self._hub.facts.get(unit.conn, unit.tenant)
        self._wave = wave_due(unit, facts, self._hub.waves.every_minutes) is not None
        return int(self._wave)

    def _do(self, chore: _Chore) -> None:
        """Do a chore; one that fails is told of and costs neither the others nor the hints anything."""
        try:
            with self._hub.store.begin(actor="relay") as unit:
                done = chore.run(unit)
        except OperationalError as error:
            if not met_another(error):
                raise  # the database is away
            log.warning("relay.chore_met_another", chore=chore.name)  # it comes again
            return
        except Exception:
            log.exception("relay.chore_failed", chore=chore.name)
            return
        if done and chore.name in ("leases", "watchdog"):
            log.warning("relay.chore", chore=chore.name, done=done)

    def _hint(self, queue: str, number: int, *arguments: str) -> None:
        if number <= 0:
            return
        there = waiting(self._broker, queue)
        most = number if queue in ("intake", "orders", "simulations") else MOST_HINTS
        for _ in range(min(number, most - there)):
            self._actors[queue].send(*arguments)
