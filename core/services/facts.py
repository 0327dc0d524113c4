"""Facts that change rarely, read once in a while per process: nodes, connections, what each can do, policies."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from config.settings import Orders, Promising
from core.domain.calendars import Calendar
from core.domain.vocabulary import Mode, Write
from core.ports.connectors import Connectors
from core.routing.problem import NodeFacts
from core.services.calendars import read_calendars
from core.services.inforce import InForce, read_in_force
from core.services.promising_facts import PromisingFacts, Transit, promising_facts, read_transit
from core.services.routing_facts import Disruption, RoutingFacts, read_disruptions, read_routing
from core.services.stamps import Stamps, read_shut, read_stamps
from core.services.tariffs import scaled
from core.store import schema as t

# A connection added or a rate changed is seen by every process within this time; an area that is shut at once, and so
# is a node that is off, which has nothing to give (`core.store.read.shelves`).
FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """What the core may know of a connection: never its secrets."""

    id: UUID
    name: str
    connector: str
    kind: str
    mode: Mode
    capabilities: frozenset[str]

    def takes(self, write: Write) -> bool:
        """Return whether this connection is switched on and can perform the write."""
        return self.mode in (Mode.LIVE, Mode.SHADOW) and str(write) in self.capabilities


@dataclass(frozen=True, slots=True)
class Rows:
    """What was read for a picture, and the stamps it was read under.

    Args:
        stamps: of what follows.
        nodes, connections: rows of these tables.
        calendars: by node.
        disruptions: those that are not over.
        policies: those in force.
        transit: the model promises rest on.
    """

    stamps: Stamps
    nodes: Sequence[Row[Any]]
    connections: Sequence[Row[Any]]
    calendars: Mapping[UUID, Calendar]
    disruptions: Sequence[Disruption]
    policies: tuple[InForce, ...]
    transit: Transit


@dataclass(frozen=True, slots=True)
class Facts:
    """One consistent picture of nodes, connections, policies in force (first asked first), and what routing needs.

    Attributes:
        double_hours: within how many hours the same order by another connection is held; 0 never.
        most_units: what a line asks for at most before its order is held, where terms say nothing else; 0 any number.
        rows: what it was made of, for the next picture; None where it was made of nothing that was read.
    """

    nodes: Mapping[UUID, NodeFacts]
    node_connections: Mapping[UUID, UUID | None]
    connections: Mapping[UUID, ConnectionFacts]
    routing: RoutingFacts
    policies: Sequence[InForce] = ()
    promising: PromisingFacts = field(default_factory=PromisingFacts)
    double_hours: float = 24.0
    most_units: Decimal = Decimal(0)
    rows: Rows | None = None

    @property
    def codes(self) -> frozenset[str]:
        """Return the codes of all nodes."""
        return frozenset(node.code for node in self.nodes.values())

    def takers(self, write: Write, *, kinds: tuple[str, ...] = ()) -> list[ConnectionFacts]:
        """Return the connections that take this write, of the given kinds when any are named."""
        return [each for each in self.connections.values() if each.takes(write) and (not kinds or each.kind in kinds)]


def read_facts(
    conn: Connection,
    connectors: Connectors,
    tenant: int,
    terms: Promising | None = None,
    before: Facts | None = None,
    orders: Orders | None = None,
) -> Facts:
    """Read the picture from the database; parts nobody has written since are taken from the one before.

    Where nothing was written that is one statement, and another one now and then where capacity is limited.

    Args:
        conn: a session.
        connectors: what is installed.
        tenant: whose.
        terms: what promises may rest on.
        before: the picture read last.
        orders: when orders are held.
    """
    orders = orders or Orders()
    rows = _read_rows(conn, tenant, before.rows if before else None)
    stamps = rows.stamps
    routing = read_routing(conn, tenant, rows.nodes, rows.disruptions, stamps, before.routing if before else None)
    kinds = connectors.kinds()
    return Facts(
        nodes={
            row.id: NodeFacts(
                row.id,
                row.code,
                row.latitude,
                row.longitude,
                row.country,
                scaled(row.shipment_cost),
                scaled(row.unit_cost),
                scaled(row.distance_cost),
                row.id not in routing.closed,
            )
            for row in rows.nodes
        },
        node_connections={row.id: row.connection_id for row in rows.nodes},
        connections={
            row.id: ConnectionFacts(
                row.id,
                row.name,
                row.connector,
                kinds.get(row.connector, "unknown"),
                Mode(row.mode),
                connectors.capabilities(row.connector),
            )
            for row in rows.connections
        },
        routing=routing,
        policies=rows.policies,
        promising=promising_facts(terms or Promising(), rows.nodes, rows.calendars, rows.transit),
        double_hours=orders.double_hours,
        most_units=Decimal(orders.most_units),
        rows=rows,
    )


def _read_rows(conn: Connection, tenant: int, old: Rows | None) -> Rows:
    """Read what has changed since; all of it where nothing was read before."""
    new = read_stamps(conn, tenant)
    same = {each.name for each in fields(Stamps) if old and getattr(old.stamps, each.name) == getattr(new, each.name)}
    n, c = t.node.c, t.connection.c
    nodes = (
        old.nodes
        if old and "nodes" in same
        else conn.execute(select(t.node).where(n.tenant_id == tenant).order_by(n.code)).all()
    )
    return Rows(
        new,
        nodes,
        old.connections
        if old and "connections" in same
        else conn.execute(select(t.connection).where(c.tenant_id == tenant)).all(),
        old.calendars if old and {"nodes", "weeks", "closures"} <= same else read_calendars(conn, tenant, nodes),
        old.disruptions if old and "disruptions" in same else read_disruptions(conn, tenant, new.now),
        old.policies if old and "policies" in same else read_in_force(conn, tenant),
        old.transit if old and "model" in same else read_transit(conn, tenant, old.transit if old else None),
    )


class FactsCache:
    """The picture, read again when it is older than `FRESH_SECONDS`, or when an area was shut or opened since."""

    def __init__(
        self, connectors: Connectors, promising: Promising | None = None, orders: Orders | None = None
    ) -> None:
        self._connectors = connectors
        self._orders = orders or Orders()
        self._terms = promising
        self._lock = threading.Lock()
        self._read_at: dict[int, float] = {}
        self._facts: dict[int, Facts] = {}

    def get(self, conn: Connection, tenant: int) -> Facts:
        """Return the picture, at most `FRESH_SECONDS` old, and never older than a disruption."""
        shut = read_shut(conn, tenant)
        with self._lock:
            before = self._facts.get(tenant)
            old = time.monotonic() - self._read_at.get(tenant, float("-inf")) > FRESH_SECONDS
            if old or before is None or before.rows is None or before.rows.stamps.disruptions != shut:
                self._facts[tenant] = read_facts(conn, self._connectors, tenant, self._terms, before, self._orders)
                self._read_at[tenant] = time.monotonic()
            return self._facts[tenant]
