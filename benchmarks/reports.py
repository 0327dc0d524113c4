"""What a shipment report costs: from accepted message to shipped order, one report a transaction and many.

Messages are a warehouse system's, read by the real connector and its map. Orders of one to four lines are taken in and
released first. One process applies the reports; what it and PostgreSQL use of the processor is measured, so that other
work on the machine matters little.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any
from uuid import UUID

import orjson
import psutil
import psycopg
from sqlalchemy import event, text

from benchmarks.common import count, report
from benchmarks.pipeline import OUTBOXED, company
from benchmarks.running import cpu_seconds, forget_environment, sizes, time_limit
from benchmarks.senders import TOPIC, order_bodies
from core.domain.vocabulary import Via
from core.jobs.hub import Hub
from core.jobs.intake import drain_messages
from core.ports.connectors import InboundRecord
from core.services.intake import Intake

WARMING = 20
"""Reports applied before anything is measured, in each way: statements are prepared by then."""


class Counted(psycopg.Cursor[Any]):
    """A cursor that counts the statements of all cursors: COPY as well, BEGIN and COMMIT not."""

    statements = 0

    def execute(self, *given: Any, **more: Any) -> Any:
        """Run one statement."""
        Counted.statements += 1
        return super().execute(*given, **more)

    def copy(self, *given: Any, **more: Any) -> Any:
        """Run one COPY."""
        Counted.statements += 1
        return super().copy(*given, **more)


def count_statements(hub: Hub) -> None:
    """Have every session of the hub opened from now on count its statements."""

    @event.listens_for(hub.store.engine, "connect")
    def _count(connection: psycopg.Connection[Any], _record: object) -> None:
        connection.cursor_factory = Counted

    hub.store.engine.dispose()


def release(hub: Hub, number: int) -> None:
    """Take orders in and work on them until all are with the warehouses."""
    shop = count(hub, "SELECT id FROM connection WHERE connector = 'shopify'")
    records = [InboundRecord(TOPIC, f"e{place}", body) for place, body in enumerate(order_bodies(number, 1))]
    Intake(hub.store).accept(shop, records, Via.WEBHOOK)
    while drain_messages(hub):
        pass
    assert count(hub, OUTBOXED) == number


def parcels(hub: Hub) -> list[tuple[UUID, bytes]]:
    """Return (connection, body) of a report for each work: all its units left in one parcel."""
    with hub.store.read() as conn:
        works = conn.execute(
            text(
                "SELECT f.id, f.connection_id, array_agg(l.id ORDER BY l.id) AS lines,"
                " array_agg(l.quantity ORDER BY l.id) AS units FROM fulfillment_order f"
                " JOIN fulfillment_line l ON l.fulfillment_id = f.id GROUP BY f.tenant_id, f.id ORDER BY f.id"
            )
        ).all()
    return [
        (
            work.connection_id,
            orjson.dumps(
                {
                    "fulfillment": {"id": f"W-F-{place}", "external_id": f"ful_{work.id.hex}"},
                    "shipment": {
                        "id": f"W-S-{place}",
                        "shipped_at": "2026-11-21T14:05:00Z",
                        "carrier": "Nordpost",
                        "service": "standard",
                        "tracking_number": f"NP{place:010d}W",
                        "lines": [
                            {"line_ref": f"fln_{line.hex}", "quantity": int(units)}
                            for line, units in zip(work.lines, work.units, strict=True)
                        ],
                        "packages": [{"sscc": f"{place:018d}", "tracking_number": f"NP{place:010d}W"}],
                    },
                }
            ),
        )
        for place, work in enumerate(works)
    ]


def apply(hub: Hub, bodies: list[tuple[UUID, bytes]], batch: int, name: str) -> dict[str, float]:
    """Store reports, apply them in batches, and return what one of them took."""
    records = [
        (connection, InboundRecord("shipment.created", f"{name}{place}", body), Via.WEBHOOK)
        for place, (connection, body) in enumerate(bodies)
    ]
    Intake(hub.store).accept_all(records)
    servers = [child.pid for child in psutil.Process(os.getpid()).children()]
    used, own, statements, began = cpu_seconds(servers), time.process_time(), Counted.statements, time.perf_counter()
    while drain_messages(hub, batch):
        pass
    took, number = time.perf_counter() - began, len(bodies)
    hub_ms, database_ms = (time.process_time() - own) * 1000 / number, (cpu_seconds(servers) - used) * 1000 / number
    return {
        "batch": batch,
        "reports": number,
        "reports_per_second": round(number / took, 1),
        "hub_cpu_ms": round(hub_ms, 2),
        "database_cpu_ms": round(database_ms, 2),
        "cpu_ms": round(hub_ms + database_ms, 2),
        "statements": round((Counted.statements - statements) / number, 2),
    }


def main(argv: list[str] | None = None) -> None:
    """Apply reports in each size of batch and print one JSON object."""
    parser = argparse.ArgumentParser(prog="crossdock bench reports", description=__doc__)
    parser.add_argument("--reports", type=int, default=500, help="reports per size of batch")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 10, 50, 100], help="messages per batch")
    options = sizes(parser, argv, reports=20, batches=[1, 10], limit=240)
    forget_environment()
    with time_limit(options.limit), company() as (hub, _):
        release(hub, (options.reports + WARMING) * len(options.batches))
        count_statements(hub)
        bodies = parcels(hub)
        found = []
        for batch in options.batches:
            warming, bodies = bodies[:WARMING], bodies[WARMING:]
            apply(hub, warming, batch, f"warm-{batch}-")
            mine, bodies = bodies[: options.reports], bodies[options.reports :]
            found.append(apply(hub, mine, batch, f"batch-{batch}-"))
        applied = count(hub, "SELECT count(*) FROM shipment")
    assert applied == (options.reports + WARMING) * len(options.batches)
    report("reports", series=found)


if __name__ == "__main__":
    main()
