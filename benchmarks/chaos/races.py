"""200 clients at once for 50 units of one item, in several seeds: by soft reservation and by orders."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from benchmarks.common import fresh_database, open_bench_hub, rng
from core.jobs.hub import Hub
from core.services import catalog
from core.services.reserving import ReservationCombiner, Wanted
from core.services.stock import set_on_hand

CLIENTS, UNITS, PROCESSES = 200, 50, 4


def sell_out(seeds: Iterable[int]) -> dict[str, Any]:
    """Run the race once per seed and return how many got a unit each time."""
    with fresh_database() as url:
        hub = open_bench_hub(url, pool=8)
        sold = [_race(hub, seed) for seed in seeds]
        hub.store.engine.dispose()
    return {"clients": CLIENTS, "units": UNITS, "sold": sold, "good": all(each == UNITS for each in sold)}


def _race(hub: Hub, seed: int) -> int:
    dice = rng(seed)
    with hub.store.begin() as unit:
        [item] = catalog.upsert_items(unit, [{"sku": f"RACE-{seed}", "title": "Race"}], None).values()
        nodes = [catalog.upsert_node(unit, {"code": f"R{seed}-{n}", "name": "Race", "country": "DE"}) for n in range(2)]
        share = dice.randint(0, UNITS)
        levels = {(item, nodes[0]): Decimal(share), (item, nodes[1]): Decimal(UNITS - share)}
        set_on_hand(unit, levels, None, "receipt")
    doors = [ReservationCombiner(hub.store, most=dice.choice((1, 7, 200))) for _ in range(PROCESSES)]
    got: list[bool] = []
    _together(CLIENTS, lambda place, own: got.append(_buy(doors[place % PROCESSES], item, nodes, own)), dice)
    with hub.store.read() as conn:
        books = conn.execute(
            text("SELECT sum(reserved) FROM stock_position WHERE item_id = :i AND reserved <= on_hand"), {"i": item}
        ).scalar_one()
    return int(books) if books == sum(got) else -1


def _buy(door: ReservationCombiner, item: Any, nodes: list[Any], dice: random.Random) -> bool:
    """Try one node after the other, as a checkout would."""
    dice.shuffle(nodes := list(nodes))
    return any(door.reserve(Wanted({(item, node): Decimal(1)})).group_id for node in nodes)


def _together(number: int, act: Callable[[int, random.Random], object], dice: random.Random) -> None:
    begin = threading.Barrier(number)

    def run(place: int, own: random.Random) -> None:
        begin.wait()
        act(place, own)

    threads = [threading.Thread(target=run, args=(place, rng(dice.random()))) for place in range(number)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
