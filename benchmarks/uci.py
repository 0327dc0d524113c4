"""The whole pipeline with the 541,909 order lines of a real web shop, reckoned up to the cent and the unit.

Raw messages are stored, read by the Shopify connector's maps, applied, reserved, routed over five nodes and outboxed to
warehouses, shop and ERP by worker processes; every fulfillment is then shipped by a warehouse's message, and what the
file says was canceled or came back follows as refunds. Nothing is sent: the outbox is where it ends. Then all that the
hub wrote is added up and compared with the file.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from benchmarks.common import count, fresh_database, open_bench_hub, report, seed_company
from benchmarks.uci_data import CORPUS, Business, order_body, read_lines, refund_body, sort_out
from benchmarks.uci_reckoning import reckon
from connectors.sdk.registry import Registry
from core.domain.ids import public_id
from core.domain.vocabulary import Via
from core.jobs.hub import Hub, Pace
from core.jobs.intake import drain_messages
from core.ports.connectors import InboundRecord
from core.services import catalog, connections, stock
from core.services.intake import Intake
from core.services.resourcing import source_due

SHOP = "shopify-eu"
# Parts of what is sold that each node has; the first two can serve any order together.
SHARES = {"RTM": Decimal("0.6"), "HAM": Decimal("0.5"), "MMA": Decimal("0.1"), "POZ": Decimal("0.1"),
          "LYS": Decimal("0.1")}  # fmt: skip
EPOCH = 1_500
LEFT = """
SELECT (SELECT count(*) FROM message WHERE state IN ('received', 'normalized'))
     + (SELECT count(*) FROM orders WHERE sourcing_at < clock_timestamp() + interval '1 minute')
"""
RELEASED = """
SELECT f.id, f.connection_id FROM fulfillment_order f
JOIN orders o ON o.tenant_id = f.tenant_id AND o.id = f.order_id
WHERE f.state = 'released' ORDER BY o.placed_at, f.id
"""


@dataclass(slots=True)
class Times:
    """Seconds spent on each kind of message, from the first one stored to the last one done."""

    orders: float = 0.0
    shipments: float = 0.0
    refunds: float = 0.0
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def open_hub(url: str) -> Hub:
    """A hub of this process; reports of what is not known are not tried again, because everything comes in order."""
    hub = open_bench_hub(url)
    hub.pace = Pace(intake_lease=120.0, unknown_tries=1)
    return hub


def work(url: str, stop: Any) -> None:
    """One worker process: process what is due until told to stop."""
    hub = open_hub(url)
    while not stop.is_set():
        if not once(hub):
            stop.wait(0.02)


def once(hub: Hub) -> int:
    """Process one batch and return how much was done."""
    done = drain_messages(hub)
    with hub.store.begin() as unit:
        return done + source_due(unit, hub.facts.get(unit.conn, unit.tenant))


def seed(hub: Hub, business: Business) -> dict[str, UUID]:
    """Write shop, warehouses, ERP, catalog and the stock that the year will need; return connection ids."""
    needed: dict[str, int] = defaultdict(int)
    titles: dict[str, str] = {}
    for sale in business.sales:
        for line in sale.lines:
            if line.goods:
                needed[line.code] += line.units
                titles.setdefault(line.code, line.title)
    for line in business.write_offs:
        needed[line.code] -= line.units
    found = seed_company(hub, sorted(needed), 0)
    with hub.store.begin() as unit:
        found["erp"] = connections.add_connection(
            unit, Registry(), hub.box, name="erp", connector="soap-erp", settings={"base_url": "http://127.0.0.1:9/erp"}
        )
        items = catalog.upsert_items(unit, [{"sku": sku, "title": titles.get(sku) or sku} for sku in needed])
        counts = {
            (items[sku], catalog.node_coded(unit, node)): Decimal(int(units * share) + 1)
            for sku, units in needed.items()
            for node, share in SHARES.items()
        }
        stock.set_on_hand(unit, counts, None, "receipt")
    return found


def run(url: str, business: Business, workers: int, tell: Callable[[str], None] = lambda _text: None) -> dict[str, Any]:
    """Drive all of it through the pipeline and return figures and reckoning.

    Args:
        workers: processes; 0 works in this one.
    """
    hub = open_hub(url)
    accounts = seed(hub, business)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    processes = [context.Process(target=work, args=(url, stop), daemon=True) for _ in range(workers)]
    for process in processes:
        process.start()
    try:
        times = _play(hub, business, accounts, workers, tell)
        _write_off(hub, business)
    finally:
        stop.set()
        for process in processes:
            process.join(timeout=60)
    reckoning = reckon(hub.store, business)
    hub.store.engine.dispose()
    total = times.orders + times.shipments + times.refunds
    return {
        "lines": business.read.lines,
        "orders": len(business.sales),
        "workers": workers,
        "seconds": {
            "orders": round(times.orders, 1),
            "shipments": round(times.shipments, 1),
            "refunds": round(times.refunds, 1),
            "all": round(total, 1),
        },
        "messages": dict(times.counts),
        "orders_per_second": round(len(business.sales) / times.orders, 1) if times.orders else None,
        "order_lines_per_second": round(business.sold.lines / times.orders, 1) if times.orders else None,
        "shipments_per_second": round(times.counts["shipments"] / times.shipments, 1) if times.shipments else None,
        **reckoning,
    }


def _play(hub: Hub, business: Business, accounts: dict[str, UUID], workers: int, tell: Callable[[str], None]) -> Times:
    times = Times()
    backs = iter(business.backs)
    back = next(backs, None)
    for start in range(0, len(business.sales), EPOCH):
        sales = business.sales[start : start + EPOCH]
        shop = accounts[SHOP]
        times.orders += _through(
            hub,
            [(shop, InboundRecord("orders/create", f"o{each.invoice}", order_body(each))) for each in sales],
            workers,
        )
        shipments = _shipments(hub)
        times.shipments += _through(hub, shipments, workers)
        # Orders are sorted by time, so what came back before the next epoch begins concerns orders up to here.
        last = start + EPOCH >= len(business.sales)
        until = None if last else business.sales[start + EPOCH].lines[0].at
        due = []
        while back is not None and (until is None or back.at < until):
            due.append((shop, InboundRecord("refunds/create", f"r{back.external_id}", refund_body(back))))
            back = next(backs, None)
        times.refunds += _through(hub, due, workers)
        for name, many in (("orders", sales), ("shipments", shipments), ("refunds", due)):
            times.counts[name] += len(many)
        tell(f"{min(start + EPOCH, len(business.sales)):,} of {len(business.sales):,} orders")
    return times


def _through(hub: Hub, records: Sequence[tuple[UUID, InboundRecord]], workers: int) -> float:
    """Store messages, wait until all are processed, and return the seconds that took."""
    intake, begun = Intake(hub.store), time.perf_counter()
    for start in range(0, len(records), 200):
        intake.accept_all([(connection, record, Via.WEBHOOK) for connection, record in records[start : start + 200]])
    while count(hub, LEFT):
        if not workers:
            once(hub)
        else:
            time.sleep(0.02)
    return time.perf_counter() - begun


def _shipments(hub: Hub) -> list[tuple[UUID, InboundRecord]]:
    """Return the warehouses' messages that everything released has been shipped."""
    with hub.store.read() as conn:
        rows = conn.execute(text(RELEASED)).all()
        now = conn.execute(text("SELECT clock_timestamp()")).scalar_one() - timedelta(seconds=1)
    return [
        (
            row.connection_id,
            InboundRecord(
                "shipment.created",
                f"s{row.id.hex}",
                orjson.dumps(
                    {
                        "fulfillment": {"external_id": public_id("fulfillment", row.id)},
                        "shipment": {
                            "id": f"S-{row.id.hex}",
                            "shipped_at": now.isoformat(),
                            "carrier": "Nordpost",
                            "tracking_number": f"NP{row.id.hex}",
                        },
                    }
                ),
            ),
        )
        for row in rows
    ]


def _write_off(hub: Hub, business: Business) -> None:
    """Take the units that were damaged or lost off the shelves, as a person does: where there are enough of them."""
    for line in business.write_offs:
        left = -line.units
        with hub.store.begin(actor="benchmark") as unit:
            for node in SHARES:
                free = unit.conn.execute(
                    text(
                        "SELECT coalesce(max(p.on_hand - p.allocated - p.reserved), 0) FROM stock_position p"
                        " JOIN item i ON i.id = p.item_id JOIN node n ON n.id = p.node_id"
                        " WHERE i.sku = :sku AND n.code = :node"
                    ),
                    {"sku": line.code, "node": node},
                ).scalar_one()
                units = min(left, int(free))
                if units:
                    reason = f"{line.invoice} {line.title}"[:200]
                    stock.adjust_stock(unit, line.code, node, delta=Decimal(-units), reason=reason)
                    left -= units
        if left:
            raise SystemExit(f"{line.invoice}: {left} units of {line.code} are not there to be written off")


def main(argv: Sequence[str] | None = None) -> int:
    """Run it and print one JSON object; the exit code says whether everything was reckoned up."""
    parser = argparse.ArgumentParser(prog="crossdock bench uci", description=__doc__)
    parser.add_argument("--lines", type=int, help="only so many lines, to the end of an invoice [all]")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    options = parser.parse_args(argv)
    if not CORPUS.is_file():
        raise SystemExit(f"The data set is not at {CORPUS}.")
    business = sort_out(read_lines(most=options.lines))
    with fresh_database() as url:
        figures = run(url, business, options.workers, lambda said: print(said, file=sys.stderr, flush=True))
    report("uci", **figures)
    return 0 if figures["reconciled"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
