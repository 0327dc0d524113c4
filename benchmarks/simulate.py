"""A policy tried over recorded orders: 30,000 decided again, stock carried on or alone; stored decisions verified.

Decisions are recorded as sourcing records them, for invented orders of one to four lines at five nodes, under a policy
that may split nothing. The planted better policy may split, the planted worse one forgets what the way costs; their
reports, and how long they took, are printed with the bytes a decision takes and how many agree when made again. An
order ends, and its units are there again, when a thousand more were decided; nine parcels in ten kept their promise.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from benchmarks.common import NODES, count, fresh_database, open_bench_hub, report, rng
from benchmarks.running import forget_environment, sizes, time_limit
from core.domain.ids import uuid7
from core.domain.policies import Traits
from core.domain.shelf import Key
from core.jobs.hub import Hub
from core.routing.optimizer import solve
from core.routing.problem import Demand, Destination, NodeFacts, Policy, Problem
from core.services import policies, trials
from core.services.recording import Decided, record_decisions
from core.services.redeciding import Verdict, pieces, verify_pieces
from core.services.sharing import shared_out

BATCH = 500
ITEMS = 400
COUNTRIES = ("DE", "DE", "DE", "NL", "DK", "SE", "PL", "FR", "AT", "BE")
BYTES = """
SELECT avg(pg_column_size(inputs)) AS inputs, avg(pg_column_size(candidates)) AS candidates,
       avg(pg_column_size(choice)) AS choice, avg(pg_column_size(d.*)) AS whole FROM decision d
"""
OPEN_ORDERS = 1_000
NONE = Decimal(0)
Stock = dict[Key, Decimal]
ORDERS = """
INSERT INTO orders (tenant_id, id, connection_id, external_id, state, placed_at, currency, body, completed_at)
SELECT 1, order_id, gen_random_uuid(), order_id::text, 'completed', at, 'EUR', '{}',
       lead(at, %(open)s) OVER (ORDER BY id)
FROM decision
"""
OUTCOMES = """
INSERT INTO outcome (tenant_id, shipment_id, order_id, node_id, to_country, state, ship_at, shipped_at, delivered_at,
                     due_90, settled_at)
SELECT 1, gen_random_uuid(), order_id, n.id, 'DE', 'delivered', at, at, at,
       at + CASE WHEN random() < 0.9 THEN 1 ELSE -1 END * interval '1 hour', at
FROM decision JOIN node n ON n.code = choice->'assignments'->0->>1
"""
NODE = "INSERT INTO node (tenant_id, id, code, name, country) VALUES (1, %s, %s, %s, %s)"
TRIED: dict[str, dict[str, Any]] = {
    "better": {"most_nodes": 3},
    "worse": {"most_nodes": 1, "weights": {"way": 0}},
}


def stocked(chance: random.Random, nodes: list[NodeFacts], items: list[UUID]) -> Stock:
    """Return what lies where; a node has an item in three of four cases, and then enough in most."""
    return {
        (item, node.id): Decimal(chance.choice((1, 2, 40, 400)))
        for item in items
        for node in nodes
        if chance.random() < 0.75
    }


def invent(
    chance: random.Random, nodes: list[NodeFacts], items: list[UUID], recorded: Policy, shelf: Mapping[Key, Decimal]
) -> Problem:
    """Return one order's problem with what is left of its items."""
    chosen = chance.sample(items, chance.choice((1, 1, 2, 2, 3, 4)))
    stock = {
        (item, node.id): shelf[item, node.id]
        for item in chosen
        for node in nodes
        if shelf.get((item, node.id), NONE) > 0
    }
    demands = [Demand(uuid7(), item, Decimal(chance.choice((1, 1, 1, 2, 3)))) for item in chosen]
    return Problem(demands, nodes, stock, Destination(chance.choice(COUNTRIES)), True, recorded, {})


def fill(hub: Hub, number: int, recorded: Policy) -> float:
    """Record so many decisions, and return microseconds each took to be written, solving included."""
    chance = rng(7)
    nodes = [
        NodeFacts(uuid7(), code, latitude, longitude, country, 40_000, 5_000, 4_000)
        for code, country, latitude, longitude in NODES
    ]
    items = [uuid7() for _ in range(ITEMS)]
    shelf, taken = stocked(chance, nodes, items), deque[Stock]()
    started = time.perf_counter()
    for first in range(0, number, BATCH):
        decided = []
        if len(taken) >= OPEN_ORDERS // BATCH:
            for key, units in taken.popleft().items():
                shelf[key] += units
        taken.append({})
        for _ in range(min(BATCH, number - first)):
            problem = invent(chance, nodes, items, recorded, shelf)
            traits = Traits("b2c", "shopify-eu", Decimal(chance.randint(10, 300)), "EUR")
            plan = solve(problem)
            for each in plan.assignments:
                key = each.item_id, each.node_id
                shelf[key] -= each.quantity
                taken[-1][key] = taken[-1].get(key, NONE) + each.quantity
            decided.append(Decided(uuid7(), "sourcing", uuid7(), problem, plan, 0, traits))
        with hub.store.begin() as unit:
            record_decisions(unit, decided, nodes)
    took = time.perf_counter() - started
    with hub.store.begin() as unit:
        for node in nodes:
            unit.conn.exec_driver_sql(NODE, (node.id, node.code, node.code, node.country))
        unit.conn.exec_driver_sql(ORDERS, {"open": OPEN_ORDERS})
        unit.conn.exec_driver_sql(OUTCOMES)
    return round(took / number * 1e6, 1)


def verify(hub: Hub, processes: int) -> dict[str, Any]:
    """Make every decision again, and return how many came out to the byte and how long it took."""
    found = Verdict()
    started = time.perf_counter()
    with hub.store.read() as conn:
        wanted = pieces(conn, None)
    for share in shared_out(hub.store.engine, verify_pieces, wanted, processes=processes):
        found.add(share)
    seconds = time.perf_counter() - started
    return {
        "decisions": found.decisions,
        "agree": found.agree,
        "differ": len(found.differ),
        "seconds": round(seconds, 2),
    }


def tried(hub: Hub, document: dict[str, Any], processes: int) -> dict[str, Any]:
    """Simulate a policy and return what decides, with the seconds it took, stock carried on and each order alone."""
    with hub.store.begin(actor="bench") as unit:
        policies.draft(unit, "cheapest", document)
    results: dict[str, Any] = {}
    names = (
        "orders", "moved", "stock", "cost_per_order", "promise_kept_percent", "split_percent", "short_percent",
        "guardrails", "passed",
    )  # fmt: skip
    for way, carry in (("alone", False), ("carried", True)):
        started, used = time.perf_counter(), time.process_time()
        with hub.store.begin(actor="bench") as unit:
            found = trials.simulate(
                unit.conn, "cheapest", unit.now, engine=hub.store.engine, processes=processes, carry=carry
            )
            policies.keep_simulation(unit, found["policy"], found)
        seconds, used = time.perf_counter() - started, time.process_time() - used
        results[way] = {"seconds": round(seconds, 2), "cpu": round(used, 2), **{name: found[name] for name in names}}
    return results


def main(argv: list[str] | None = None) -> None:
    """Record, verify, simulate, and print one JSON object."""
    parser = argparse.ArgumentParser(prog="crossdock bench simulate", description=__doc__)
    parser.add_argument("--orders", type=int, default=30_000, help="recorded decisions")
    parser.add_argument("--processes", type=int, default=2, help="processes that decide again")
    options = sizes(parser, argv, orders=1_000, limit=240)
    forget_environment()
    with time_limit(options.limit), fresh_database() as url:
        hub = open_bench_hub(url)
        recorded = fill(hub, options.orders, Policy(most_nodes=1))
        with hub.store.read() as conn:
            size = conn.exec_driver_sql(BYTES).one()
        verified = verify(hub, options.processes)
        results = {name: tried(hub, document, options.processes) for name, document in TRIED.items()}
        bases = count(hub, "SELECT count(*) FROM decision_basis")
        hub.store.engine.dispose()
    report(
        "simulate",
        orders=options.orders,
        processes=options.processes,
        record_us=recorded,
        bytes_per_decision={name: round(float(value)) for name, value in size._mapping.items()},
        shared_documents=bases,
        verify=verified,
        **results,
    )


if __name__ == "__main__":
    main()
