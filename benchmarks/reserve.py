"""Soft reservations per second by `reserve_many`, as checkouts call it: many clients, one process, one combiner.

On one hot item and spread over many, with 1, 16 and 64 clients at once, each reserving again when it has its answer:
each in a thread of its own, and behind four storefronts that ask for all of theirs in one call (`gathered`), as
`POST /reservations/batch` does it. Beside it, in the same run: one caller who reserves in batches as large
(`without_callers`, what no hand-over between them could better), as many clients of the design's bare primitive
(`bare`, `bare_gathered`), and pgbench with the same writes uncombined: conditional UPDATE of the position, INSERT of
the reservation and of the ledger's row, one commit each. Then a hot item is sold out. Oversold, counted in the tables,
must be 0, and every answer given must be in the books.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from benchmarks.bare import Bare
from benchmarks.common import count, fresh_database, open_bench_hub, report, rng
from benchmarks.pgbench import pgbench
from benchmarks.running import forget_environment, latency, ratio, sizes, time_limit
from core.jobs.hub import Hub
from core.services import catalog
from core.services.reserving import Granted, ReservationCombiner, Wanted, reserve_plenty
from core.services.stock import set_on_hand

Place = tuple[UUID, UUID]
ONE = Decimal(1)
# How long each reservation took, and the seconds of all.
Load = tuple[list[float], float]
PLENTY = 1_000_000_000
# Servers that clients may stand behind.
STOREFRONTS = 4
SHELF = 5_000
# Positions by number, so that pgbench can pick one: 0 is the hot one.
NUMBERED = """
CREATE TABLE bench_place AS
SELECT row_number() OVER (ORDER BY i.sku <> 'HOT', i.sku) - 1 AS n, p.item_id, p.node_id
FROM stock_position p JOIN item i ON i.tenant_id = p.tenant_id AND i.id = p.item_id WHERE i.sku <> 'SHELF';
ALTER TABLE bench_place ADD PRIMARY KEY (n)
"""
BY_UPDATE = """
\\set n random({first}, {last})
WITH taken AS (
    UPDATE stock_position p SET reserved = p.reserved + 1, version = p.version + 1
    FROM bench_place b
    WHERE b.n = :n AND p.tenant_id = 1 AND p.item_id = b.item_id AND p.node_id = b.node_id
      AND p.on_hand - p.safety - p.reserved - p.allocated + p.backorder_limit >= 1
    RETURNING p.item_id, p.node_id
), kept AS (
    INSERT INTO reservation (id, group_id, item_id, node_id, quantity, state, expires_at)
    SELECT uuidv7(), uuidv7(), item_id, node_id, 1, 'held', clock_timestamp() + interval '15 minutes' FROM taken
)
INSERT INTO stock_movement (item_id, node_id, kind, reserved, actor)
SELECT item_id, node_id, 'reserve', 1, 'pgbench' FROM taken;
"""
OVERSOLD = """
SELECT count(*) FROM stock_position p
LEFT JOIN (SELECT item_id, node_id, sum(quantity) AS held FROM reservation WHERE state = 'held'
           GROUP BY item_id, node_id) r ON r.item_id = p.item_id AND r.node_id = p.node_id
WHERE p.reserved + p.allocated > p.on_hand OR p.reserved <> coalesce(r.held, 0)
"""
BOOKED = "SELECT sum(reserved) FROM stock_movement WHERE kind = 'reserve' AND actor <> 'pgbench'"


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object; exits 1 when anything was oversold."""
    parser = argparse.ArgumentParser(prog="crossdock bench reserve", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="per measurement")
    parser.add_argument("--runs", type=int, default=3, help="measurements of each; the median is reported")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64], help="callers at once")
    parser.add_argument("--items", type=int, default=10_000, help="items of the wide measurement")
    options = sizes(parser, argv, seconds=1, runs=1, clients=[1, 16], items=500, limit=240)
    forget_environment()
    with time_limit(options.limit), fresh_database() as url:
        hub = open_bench_hub(url)
        hot, wide, shelf = seed(hub, options.items)
        bare = Bare(url, options.items)
        figures: dict[str, Any] = {
            "hot": [series(hub, url, [hot], bare, clients, options) for clients in options.clients],
            "wide": [series(hub, url, wide, bare, clients, options) for clients in options.clients],
            "sell_out": sell_out(hub, shelf, max(options.clients)),
            "oversold": count(hub, OVERSOLD),
        }
        granted = sum(each["granted"] for each in [*figures["hot"], *figures["wide"], figures["sell_out"]])
        figures["lost"] = granted - int(count(hub, BOOKED))
        bare.close()
        hub.store.engine.dispose()
    report("reserve", items=options.items, **figures)
    if figures["oversold"] or figures["lost"] or figures["sell_out"]["granted"] != SHELF:
        raise SystemExit("the books do not fit the answers given")


def seed(hub: Hub, items: int) -> tuple[Place, list[Place], Place]:
    """Write one node with a hot item, many items and a short shelf; return their positions."""
    with hub.store.begin() as unit:
        node = catalog.upsert_node(unit, {"code": "HAM", "name": "Hamburg", "country": "DE"})
        skus = ["HOT", "SHELF", *[f"WIDE-{number:05}" for number in range(items)]]
        found = catalog.upsert_items(unit, [{"sku": sku, "title": sku} for sku in skus], None)
        levels = {(found[sku], node): Decimal(SHELF if sku == "SHELF" else PLENTY) for sku in skus}
        set_on_hand(unit, levels, None, "receipt")
        for statement in NUMBERED.split(";"):
            unit.conn.execute(text(statement))
    with hub.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))
    return (found["HOT"], node), [(found[sku], node) for sku in skus[2:]], (found["SHELF"], node)


def series(
    hub: Hub, url: str, places: list[Place], bare: Bare, clients: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Measure one kind of load, ours and the others' in turn, and return the medians."""
    first, last = (0, 0) if len(places) == 1 else (1, len(places))
    script = BY_UPDATE.format(first=first, last=last)
    door = ReservationCombiner(hub.store)

    def ask(wanted: Sequence[Place]) -> bool:
        return door.reserve(Wanted({wanted[0]: ONE})).group_id is not None

    def ask_all(wanted: Sequence[Place]) -> bool:
        answers = door.reserve_all([Wanted({place: ONE}) for place in wanted])
        return all(isinstance(each, Granted) and each.group_id is not None for each in answers)

    numbers = range(first, last + 1)
    fronts = min(STOREFRONTS, clients)
    loads: dict[str, Callable[[int], Load]] = {
        "": lambda run: hammer(ask, places, clients, options.seconds, run),
        "gathered": lambda run: hammer(ask_all, places, fronts, options.seconds, run, clients // fronts),
        "bare": lambda run: hammer(bare.reserve, numbers, clients, options.seconds, run),
        "bare_gathered": lambda run: hammer(bare.reserve, numbers, fronts, options.seconds, run, clients // fronts),
    }
    runs: dict[str, list[Load]] = {name: [] for name in loads}
    theirs = []
    for run in range(options.runs):
        for name, load in loads.items():
            runs[name].append(load(run))
        theirs.append(pgbench(url, script, clients=clients, seconds=options.seconds))
    theirs.sort(key=lambda each: each["per_second"])
    limit = theirs[len(theirs) // 2]
    alone = in_batches(hub, places, clients, options.seconds)
    found = {name: rates(own) for name, own in runs.items()}
    ours = found[""]["per_second"]
    granted = sum(len(times) + 1 for times, _ in (*runs[""], *runs["gathered"])) + alone["granted"]
    return {
        "clients": clients,
        **found.pop(""),
        "granted": granted,
        "storefronts": fronts,
        **found,
        "without_callers": alone["per_second"],
        "ratio_to_bare": ratio(ours, found["bare"]["per_second"]),
        "pgbench": limit,
        "ratio_to_pgbench": ratio(ours, limit["per_second"]),
    }


def rates(runs: Sequence[Load]) -> dict[str, Any]:
    """Return reservations a second of each run, their median, and how long a client waited for its answer."""
    each = [round(len(times) / seconds, 1) for times, seconds in runs]
    return {
        "per_second": statistics.median(each), "runs": each, **latency([one for times, _ in runs for one in times])
    }  # fmt: skip


def hammer(
    reserve: Callable[[Sequence[Any]], bool],
    places: Sequence[Any],
    callers: int,
    seconds: float,
    seed: int,
    each: int = 1,
) -> Load:
    """Reserve one unit after the other in many threads; return how long each waited, and the seconds of all.

    Each run begins with one reservation that opens the session, and is not timed.

    Args:
        reserve: takes a unit at each of several places.
        places: drawn from by chance.
        callers: threads.
        seconds: how long.
        seed: of chance.
        each: clients behind a caller: it asks for a unit for each of them in one call.
    """
    reserve(places[:1])

    def client(number: int, times: list[float]) -> None:
        dice = rng(seed * 1000 + number)
        while (began := time.perf_counter()) < end:
            if not reserve([dice.choice(places) for _ in range(each)]):
                raise AssertionError("a shelf with plenty was said to be empty")
            times.extend([time.perf_counter() - began] * each)

    start = time.perf_counter()
    end = start + seconds
    found = _together(callers, client)
    return [one for times in found for one in times], time.perf_counter() - start


def in_batches(hub: Hub, places: list[Place], size: int, seconds: float) -> dict[str, float]:
    """Reserve in batches of one size from one thread; return how many units that were, and how many a second."""
    dice = rng(size)
    granted, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        wanted = [Wanted({dice.choice(places): ONE}) for _ in range(size)]
        with hub.store.at_once() as unit:
            if reserve_plenty(unit, wanted) is None:
                raise AssertionError("a shelf with plenty was said to be short")
        granted += size
    return {"granted": granted, "per_second": round(granted / (time.perf_counter() - start), 1)}


def sell_out(hub: Hub, place: Place, clients: int) -> dict[str, int]:
    """Let clients reserve until nothing is left; return how many units were granted of how many there were."""
    door = ReservationCombiner(hub.store)

    def client(_number: int, times: list[float]) -> None:
        while door.reserve(Wanted({place: ONE})).group_id is not None:
            times.append(0.0)

    return {"units": SHELF, "clients": clients, "granted": sum(map(len, _together(clients, client)))}


def _together(clients: int, act: Callable[[int, list[float]], None]) -> list[list[float]]:
    """Run a client in each of many threads and return what each noted; the first failure is raised."""
    with ThreadPoolExecutor(clients) as pool:
        notes: list[list[float]] = [[] for _ in range(clients)]
        for each in [pool.submit(act, number, note) for number, note in enumerate(notes)]:
            each.result()
    return notes


if __name__ == "__main__":
    main()
