"""What jobs work with: one object per process, made where parts are wired together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from config.settings import Orders, Promising, Waves
from core.ports.connectors import ConnectionConfig, Connector, Connectors
from core.ports.partners import UsesBook
from core.services.connections import config_of, row_of
from core.services.edi_outgoing import InterchangeBook
from core.services.facts import FactsCache
from core.services.secretbox import SecretBox
from core.services.sscc import Numbers
from core.services.witness import FileWitness, Witness
from core.store.unit import Store, Unit


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things are tried, in seconds unless said otherwise.

    Attributes:
        intake_batch: messages per transaction.
        intake_lease: how long a claimed message is left to its worker.
        delivery_lease: the same for an outgoing write; longer than any connector's time-out.
        schedule: waits between attempts of a delivery; when they are spent it is dead.
        breaker: first pause of a connection whose calls keep failing; doubled up to 15 minutes.
        unknown_tries: how often a report about something not yet known is tried before it is quarantined.
    """

    intake_batch: int = 100
    intake_lease: float = 8.0
    delivery_lease: float = 30.0
    schedule: Sequence[float] = (5, 30, 120, 600, 1800, 7200, 18000, 36000, 36000)
    breaker: float = 30.0
    unknown_tries: int = 8


@dataclass(slots=True)
class Hub:
    """The store, the connectors and the pace of one process."""

    store: Store
    connectors: Connectors
    box: SecretBox
    pace: Pace = field(default_factory=Pace)
    promising: Promising = field(default_factory=Promising)
    orders: Orders = field(default_factory=Orders)
    waves: Waves = field(default_factory=Waves)
    witness: Witness | None = None
    # Where files remember how far the control numbers of each connection have got; None where nothing does.
    control_numbers: Path | None = None
    facts: FactsCache = field(init=False)
    numbers: Numbers = field(init=False)
    _open: threading.local = field(default_factory=threading.local)

    def __post_init__(self) -> None:
        """Make the cache of facts and what hands out package numbers."""
        self.numbers = Numbers(self.store, self.witness)
        self.facts = FactsCache(self.connectors, self.promising, self.orders)

    def connector(self, unit: Unit, connection_id: UUID, row: Row[Any] | None = None) -> Connector:
        """Return this thread's connector object for a connection, made anew when the connection has changed.

        `row` is the connection's, where the caller has just read it.

        Raises:
            Misconfigured: connector, settings or secrets do not fit.
        """
        row = row or row_of(unit, connection_id)
        return self._cached(connection_id, (row.version, row.mode), lambda: config_of(row, self.box, unit.now))

    def _cached(self, connection_id: UUID, version: object, config: Callable[[], ConnectionConfig]) -> Connector:
        held: dict[UUID, tuple[object, Connector]] = self._open.__dict__.setdefault("held", {})
        known = held.get(connection_id)
        if known is not None and known[0] == version:
            return known[1]
        if known is not None:
            known[1].close()
            del held[connection_id]
        connector = self.connectors.open(config())
        if isinstance(connector, UsesBook):
            kept = self.control_numbers
            witness = None if kept is None else FileWitness(kept / f"{connection_id.hex}.json")
            connector.book = InterchangeBook(self.store, connection_id, witness)
        held[connection_id] = (version, connector)
        return connector
