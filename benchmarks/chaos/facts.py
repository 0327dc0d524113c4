"""What is so after a run: read from the hub's tables and from the partners' own counters, judged nowhere here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from console.demo.control import Control
from core.domain.ids import public_id
from core.store.unit import Store

LIVE = "('open', 'auto_resolving', 'assigned', 'snoozed')"
ORDERS = f"""
SELECT c.name || ':' || o.external_id AS key, o.state, EXISTS (
    SELECT 1 FROM case_member m JOIN exception_case x ON x.tenant_id = m.tenant_id AND x.id = m.case_id
    WHERE m.tenant_id = o.tenant_id AND m.order_id = o.id AND m.resolved_at IS NULL AND x.state IN {LIVE}) AS excepted
FROM orders o JOIN connection c ON c.tenant_id = o.tenant_id AND c.id = o.connection_id
"""
MESSAGES = "SELECT state, count(*) AS n FROM message GROUP BY state"
DELIVERIES = """
SELECT d.id, d.kind, d.state, c.name AS connection, c.connector,
       coalesce(json_array_length(d.error -> 'data' -> 'fulfilled'), 0) AS partly FROM delivery d
JOIN connection c ON c.tenant_id = d.tenant_id AND c.id = d.connection_id WHERE d.kind <> 'push_stock'
"""
OVERSOLD = """
SELECT count(*) FROM stock_position
WHERE reserved + allocated > on_hand - safety + backorder_limit OR on_hand < 0 OR reserved < 0 OR allocated < 0
   OR (shortfall > 0 AND reserved + allocated < on_hand + backorder_limit) OR shortfall > on_hand
"""
LEDGER = """
SELECT count(*) FROM stock_position p
FULL JOIN (SELECT item_id, node_id, sum(on_hand) AS on_hand, sum(reserved) AS reserved, sum(allocated) AS allocated
           FROM stock_movement GROUP BY 1, 2) m USING (item_id, node_id)
WHERE (coalesce(p.on_hand, 0), coalesce(p.reserved, 0), coalesce(p.allocated, 0))
      IS DISTINCT FROM (coalesce(m.on_hand, 0), coalesce(m.reserved, 0), coalesce(m.allocated, 0))
"""
PROMISES = """
SELECT count(*) FROM stock_position p
LEFT JOIN (SELECT item_id, node_id, sum(quantity) FILTER (WHERE state = 'held') AS held,
                  sum(quantity) FILTER (WHERE state = 'allocated') AS taken FROM reservation GROUP BY 1, 2) r
     USING (item_id, node_id)
WHERE (p.reserved, p.allocated) IS DISTINCT FROM (coalesce(r.held, 0), coalesce(r.taken, 0))
"""
SUMS = """
SELECT count(*) FROM order_line WHERE canceled + shipped > quantity OR canceled < 0 OR shipped < 0
"""
# The first try of a write must come after the one before it in its lane was over; times are to the millisecond.
LANES = """
SELECT count(*) FROM (
    SELECT (SELECT min(a.started_at) FROM attempt a WHERE a.tenant_id = d.tenant_id AND a.delivery_id = d.id) AS began,
           max(d.finished_at) OVER (PARTITION BY d.connection_id, d.lane ORDER BY d.seq
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM delivery d WHERE d.state <> 'superseded'
) tries WHERE began < before - interval '2 milliseconds'
"""
SHELVES = """
SELECT c.name, sum(p.on_hand) AS units FROM stock_position p
JOIN node n ON n.tenant_id = p.tenant_id AND n.id = p.node_id
JOIN connection c ON c.tenant_id = n.tenant_id AND c.id = n.connection_id GROUP BY c.name
"""
SHIPPED = "SELECT coalesce(sum(quantity), 0) FROM shipment_line"
CASES = f"SELECT code, count(*) AS n FROM exception_case WHERE state IN {LIVE} GROUP BY code ORDER BY code"


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery, stock pushes left out: its public id, what it does, how it ended, and where.

    `partly` counts what a shop had done of it before it declined the rest.
    """

    reference: str
    kind: str
    state: str
    connection: str
    connector: str
    partly: int = 0


@dataclass(frozen=True, slots=True)
class Partner:
    """What a partner counted: effects by kind and key, and what it still has to do or to send."""

    effects: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    taken_twice: Iterable[str] = ()
    shelves: Decimal | None = None
    waiting: int = 0
    given_up: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a verdict is made of.

    Args:
        placed: orders whose webhooks the hub has acknowledged, as "connection:number".
        orders: order -> (state, whether an open exception stands for it).
        messages: state -> number.
        deliveries: all but stock pushes.
        oversold, ledger, promises, sums, lanes: rows that break the rule.
        shelves: units on hand by connection of the warehouse, as the hub has them.
        shipped: units the hub counts as shipped.
        cases: code -> open exceptions.
        partners: by connection.
    """

    placed: frozenset[str]
    orders: Mapping[str, tuple[str, bool]]
    messages: Mapping[str, int]
    deliveries: tuple[Sent, ...]
    oversold: int
    ledger: int
    promises: int
    sums: int
    lanes: int
    shelves: Mapping[str, Decimal]
    shipped: Decimal
    cases: Mapping[str, int]
    partners: Mapping[str, Partner]


def collect(store: Store, control: Control, placed: Iterable[str]) -> Facts:
    """Read everything; raises OperationalError while the database is away."""
    partners = {name: partner(control.state(name)) for name in control.urls}
    with store.read() as conn:
        return Facts(
            placed=frozenset(placed),
            orders={row.key: (row.state, row.excepted) for row in conn.execute(text(ORDERS))},
            messages={row.state: row.n for row in conn.execute(text(MESSAGES))},
            deliveries=tuple(
                Sent(public_id("delivery", row.id), row.kind, row.state, row.connection, row.connector, row.partly)
                for row in conn.execute(text(DELIVERIES))
            ),
            oversold=_count(conn, OVERSOLD),
            ledger=_count(conn, LEDGER),
            promises=_count(conn, PROMISES),
            sums=_count(conn, SUMS),
            lanes=_count(conn, LANES),
            shelves={row.name: row.units for row in conn.execute(text(SHELVES))},
            shipped=conn.execute(text(SHIPPED)).scalar_one(),
            cases={row.code: row.n for row in conn.execute(text(CASES))},
            partners=partners,
        )


def _count(conn: Connection, sql: str) -> int:
    return int(conn.execute(text(sql)).scalar_one())


def partner(state: Mapping[str, Any]) -> Partner:
    """Return what a partner's state endpoint says, in the words used here."""
    webhooks = state["webhooks"]
    chance = {name: webhooks[name] for name in ("duplicated", "reordered") if name in webhooks}
    return Partner(
        effects=state["effects"],
        taken_twice=tuple(state.get("taken_twice", ())),
        shelves=Decimal(str(state["on_shelves"])) if "on_shelves" in state else None,
        waiting=webhooks["waiting"] + state["work_waiting"],
        given_up=webhooks.get("given_up", 0),
        faults={**state["fates"], **chance},
    )
