"""The rows the pipeline writes for an order, written by pgbench: what the database would allow a program without cost.

An order of two lines that the hub has just worked off is copied as a template, and pgbench inserts it again and again
into the hub's own tables with new identifiers, and updates as many messages, orders, positions and listings as the hub
does. One statement inserts all rows, so that round trips are as few as they can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Identity, Table, text

from benchmarks.pgbench import pgbench
from core.jobs.hub import Hub
from core.store import schema as t
from core.store.unit import Unit

LINES = 2
TEMPLATES: tuple[tuple[Table, str], ...] = (
    (t.orders, "id = :order"),
    (t.order_line, "order_id = :order"),
    (t.reservation, "order_id = :order"),
    (t.stock_movement, "order_id = :order"),
    (t.decision, "order_id = :order"),
    (t.fulfillment_order, "order_id = :order"),
    (t.fulfillment_line, "fulfillment_id IN (SELECT id FROM fulfillment_order WHERE order_id = :order)"),
    (t.delivery, "order_id = :order"),
    (t.event, "order_id = :order"),
)
TYPICAL = """
SELECT f.order_id FROM fulfillment_order f JOIN order_line l ON l.tenant_id = f.tenant_id AND l.order_id = f.order_id
GROUP BY f.order_id HAVING count(*) = :lines AND count(DISTINCT f.id) = 1 ORDER BY f.order_id DESC LIMIT 1
"""
# Rows of these belong to others than the order; every other identifier is a new one.
SHARED = frozenset({"connection_id", "item_id", "node_id"})
UNIQUE = frozenset({"external_id", "number", "lane", "dedupe"})
# Rows that exist and are updated, by number, each client in a range of its own: nobody waits for anybody.
NUMBERED = (
    "CREATE TABLE bench_message AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id FROM message",
    "CREATE TABLE bench_order AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id FROM orders",
    "CREATE TABLE bench_place AS SELECT row_number() OVER (ORDER BY item_id) - 1 AS n, item_id,"
    " min(node_id::text)::uuid AS node_id FROM stock_position GROUP BY item_id",
)
UPDATES = """
UPDATE message m SET lease_until = clock_timestamp(), attempts = 1, run_at = clock_timestamp()
FROM bench_message b WHERE b.n >= :first AND b.n < :last AND m.tenant_id = 1 AND m.id = b.id;
UPDATE message m SET lease_until = NULL, finished_at = clock_timestamp(), outcome = 'applied'
FROM bench_message b WHERE b.n >= :first AND b.n < :last AND m.tenant_id = 1 AND m.id = b.id;
UPDATE orders o SET updated_at = clock_timestamp(), version = o.version + 1
FROM bench_order b WHERE b.n >= :first AND b.n < :last AND o.tenant_id = 1 AND o.id = b.id;
UPDATE orders o SET updated_at = clock_timestamp(), version = o.version + 1
FROM bench_order b WHERE b.n >= :first AND b.n < :last AND o.tenant_id = 1 AND o.id = b.id;
UPDATE stock_position p SET allocated = p.allocated + 1, version = p.version + 1
FROM bench_place b WHERE b.n >= :from AND b.n < :to
 AND p.tenant_id = 1 AND p.item_id = b.item_id AND p.node_id = b.node_id;
UPDATE listing l SET dirty_at = clock_timestamp()
FROM bench_place b WHERE b.n >= :from AND b.n < :to AND l.tenant_id = 1 AND l.item_id = b.item_id;
"""


def write_the_same(hub: Hub, url: str, *, clients: int, batches: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """Return orders per second and latency of pgbench writing what the pipeline writes, for each size of transaction.

    Args:
        hub: whose database has orders that were just outboxed.
        url: of the database.
        clients: sessions at once, as many as the pipeline has workers.
        batches: orders per transaction.
        seconds: per measurement.
    """
    with hub.store.begin() as unit:
        rows = _prepare(unit)
        orders, places = (
            unit.conn.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in ("bench_order", "bench_place")
        )
    found = []
    for batch in batches:
        script = _script(batch, orders // clients, places // clients)
        figures = pgbench(url, script, clients=clients, seconds=seconds)
        figures["orders_per_second"] = round(figures.pop("per_second") * batch, 1)
        found.append({"orders_per_transaction": batch, "rows_inserted_per_order": rows, **figures})
    return found


def _script(batch: int, orders: int, places: int) -> str:
    """Return one transaction of so many orders; `orders` and `places` are each client's own to update."""
    touched = min(LINES * batch, places)
    return "\n".join(
        [
            f"\\set first :client_id * {orders} + random(0, {orders - batch})",
            f"\\set last :first + {batch}",
            f"\\set from :client_id * {places} + random(0, {places - touched})",
            f"\\set to :from + {touched}",
            "BEGIN;",
            _insert(batch) + ";",
            UPDATES.strip(),
            "COMMIT;",
        ]
    )


def _prepare(unit: Unit) -> int:
    """Copy the template and number the rows to update; return how many rows the template has."""
    unit.conn.execute(text("CREATE SCHEMA bench_template"))
    order: UUID = unit.conn.execute(text(TYPICAL), {"lines": LINES}).scalar_one()
    rows = 0
    for table, where in TEMPLATES:
        unit.conn.execute(
            text(f"CREATE TABLE bench_template.{table.name} AS SELECT * FROM {table.name} WHERE {where}"),
            {"order": order},
        )
        rows += unit.conn.execute(text(f"SELECT count(*) FROM bench_template.{table.name}")).scalar_one()
    for statement in NUMBERED:
        name = statement.split()[2]
        unit.conn.execute(text(statement))
        unit.conn.execute(text(f"ALTER TABLE {name} ADD PRIMARY KEY (n)"))
    return rows


def _insert(batch: int) -> str:
    """Return the statement that writes all rows of so many orders."""
    parts = [f"ids AS MATERIALIZED (SELECT uuidv7() AS new_order FROM generate_series(1, {batch}))"]
    for table, _ in TEMPLATES:
        values = {}
        for column in table.columns:
            name = column.name
            if isinstance(column.server_default, Identity) or name == "xid":
                continue
            if (table is t.orders and name == "id") or name == "order_id":
                values[name] = "ids.new_order"
            elif column.type.python_type is UUID and name not in SHARED:
                values[name] = f"CASE WHEN x.{name} IS NULL THEN NULL ELSE uuidv7() END"
            elif name in UNIQUE:
                values[name] = f"x.{name} || uuidv7()"
            else:
                values[name] = f"x.{name}"
        names = ", ".join(values)
        parts.append(
            f"{table.name}_rows AS (INSERT INTO {table.name} ({names})"
            f" SELECT {', '.join(values.values())} FROM ids CROSS JOIN bench_template.{table.name} x)"
        )
    return "WITH " + ",\n".join(parts) + "\nSELECT 1"
