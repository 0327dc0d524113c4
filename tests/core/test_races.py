"""Many at once for the same units: exactly what is there is sold, nobody waits in a circle, the books agree."""

import random
from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import text

from core.errors import Conflict
from core.jobs.intake import drain_messages
from core.services.canceling import cancel_order
from core.services.reserving import (
    Granted,
    ReservationCombiner,
    Wanted,
    expire_reservations,
    release_group,
    reserve_many,
)
from core.services.resourcing import source_due
from core.services.stock import set_on_hand
from core.store.engine import open_engine
from core.store.unit import Store
from tests.core.test_intake import in_threads, later
from tests.core.world import World

CLIENTS, UNITS = 200, 50


def sums(world: World) -> tuple[int, int, int]:
    row = world.one("SELECT sum(on_hand) AS h, sum(reserved) AS r, sum(allocated) AS a FROM stock_position")
    return int(row.h), int(row.r), int(row.a)


@pytest.mark.parametrize("processes", [1, 4])
def test_200_clients_for_50_units_by_soft_reservation(store: Store, processes: int) -> None:
    world = World(store, {("A", "HAM"): UNITS})
    key = world.items["A"], world.nodes["HAM"]
    doors = [ReservationCombiner(store) for _ in range(processes)]
    answers: list[Granted] = []
    in_threads(CLIENTS, lambda place: answers.append(doors[place % processes].reserve(Wanted({key: Decimal(1)}))))
    granted = [each for each in answers if each.group_id]
    assert len(answers) == CLIENTS
    assert len(granted) == len({each.group_id for each in granted}) == UNITS
    assert all(each.missing == {key: 1} for each in answers if not each.group_id)
    assert sums(world) == (UNITS, UNITS, 0)
    world.check_books()


def test_200_clients_for_50_units_each_in_a_transaction_of_its_own(store: Store) -> None:
    world = World(store, {("A", "HAM"): UNITS})
    key = world.items["A"], world.nodes["HAM"]
    granted: list[bool] = []

    def client(place: int) -> None:
        for _ in range(place, CLIENTS, 8):
            with store.begin() as unit:
                granted.extend(each.group_id is not None for each in reserve_many(unit, [Wanted({key: Decimal(1)})]))

    in_threads(8, client)
    assert (len(granted), sum(granted)) == (CLIENTS, UNITS)
    assert sums(world) == (UNITS, UNITS, 0)
    world.check_books()


def test_200_orders_for_50_units(store: Store) -> None:
    world = World(store, {("A", "HAM"): 30, ("A", "LYS"): 20})
    for _ in range(CLIENTS):
        world.send("order", world.order({"A": 1}))

    def work(place: int) -> None:
        while drain_messages(world.hub, 10 + place):
            pass

    in_threads(4, work)
    for _ in range(5):
        later(world)
        world.drain()
    phases = dict(world.all("SELECT phase, count(*) FROM orders GROUP BY phase"))  # type: ignore[arg-type]
    assert phases == {"releasing": UNITS, "backordered": CLIENTS - UNITS}
    assert sums(world) == (UNITS, 0, UNITS)
    assert world.one("SELECT count(*) AS n FROM fulfillment_order").n == UNITS
    world.check_books()


def test_orders_and_soft_reservations_share_the_last_units(store: Store) -> None:
    world = World(store, {("A", "HAM"): UNITS})
    key = world.items["A"], world.nodes["HAM"]
    for _ in range(60):
        world.send("order", world.order({"A": 1}))
    door = ReservationCombiner(store)
    granted: list[Granted] = []

    def work(place: int) -> None:
        if place < 2:
            while drain_messages(world.hub, 7):
                pass
        else:
            granted.extend(door.reserve(Wanted({key: Decimal(1)})) for _ in range(5))

    in_threads(12, work)
    for _ in range(5):
        later(world)
        world.drain()
    on_hand, reserved, allocated = sums(world)
    assert (on_hand, reserved + allocated) == (UNITS, UNITS)
    assert reserved == sum(each.group_id is not None for each in granted)
    world.check_books()


def test_random_baskets_never_wait_in_a_circle_and_the_books_are_exact(db_url: str) -> None:
    engine = open_engine(db_url, pool_size=8)
    store = Store(engine)
    world = World(store, {(sku, node): 400 for sku in "ABC" for node in ("HAM", "LYS")})
    keys = [(item, node) for item in world.items.values() for node in world.nodes.values()]
    deadlocks = world.one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").deadlocks

    def basket(dice: random.Random) -> dict[tuple[object, object], Decimal]:
        return {key: Decimal(dice.randint(1, 3)) for key in dice.sample(keys, dice.randint(1, len(keys)))}

    def reserve(dice: random.Random) -> None:
        with store.begin() as unit:
            answers = reserve_many(unit, [Wanted(basket(dice), 900) for _ in range(3)])  # type: ignore[arg-type]
        for each in answers:
            if each.group_id and dice.random() < 0.7:
                try:
                    with store.begin() as unit:
                        release_group(unit, each.group_id)
                except Conflict:
                    pass  # it has expired meanwhile

    def expire(dice: random.Random) -> None:
        with store.begin() as unit:
            unit.conn.execute(
                text("UPDATE reservation SET expires_at = clock_timestamp() WHERE id = ANY(ARRAY(SELECT id FROM"
                     " reservation WHERE state = 'held' ORDER BY id LIMIT :n FOR NO KEY UPDATE SKIP LOCKED))"),
                {"n": dice.randint(1, 5)},
            )  # fmt: skip
            expire_reservations(unit)

    def order(dice: random.Random) -> None:
        for _ in range(3):
            world.send(
                "order", world.order({sku: dice.randint(1, 2) for sku in dice.sample("ABC", dice.randint(1, 3))})
            )
        drain_messages(world.hub)

    def source(_dice: random.Random) -> None:
        with store.begin() as unit:
            source_due(unit, world.hub.facts.get(unit.conn, 1))

    def count(dice: random.Random) -> None:
        with store.begin() as unit:
            set_on_hand(unit, {key: Decimal(400) for key in dice.sample(keys, 3)}, None, "adjust")

    acts: list[Callable[[random.Random], None]] = [reserve, reserve, expire, order, order, source, count, reserve]

    def work(place: int) -> None:
        dice = random.Random(place)
        for _ in range(12):
            acts[(place + dice.randint(0, 2)) % len(acts)](dice)

    in_threads(8, work)
    for _ in range(5):
        later(world)
        world.drain()
    assert world.one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").deadlocks == deadlocks
    assert [row.state for row in world.all("SELECT DISTINCT state FROM message")] == ["applied"]
    world.check_books()
    engine.dispose()


def test_orders_of_several_works_end_beside_reservations_of_the_same_positions(db_url: str) -> None:
    engine = open_engine(db_url, pool_size=8)
    store = Store(engine)
    world = World(store, {("A", "HAM"): 40, ("A", "LYS"): 40, ("B", "HAM"): 40, ("C", "LYS"): 40})
    keys = [(world.items["A"], node) for node in world.nodes.values()]
    keys += [(world.items["B"], world.nodes["HAM"]), (world.items["C"], world.nodes["LYS"])]

    def cancel(place: int) -> None:
        for _ in range(12):
            world.send("order", world.order({"B": 1, "C": 1, "A": 1 + place}))
            drain_messages(world.hub)
        orders = world.all("SELECT id FROM orders WHERE state = 'in_progress' ORDER BY id")
        for order in orders[place::2]:
            with store.begin() as unit:
                cancel_order(unit, world.facts, order.id, None, "asked")

    def reserve(place: int) -> None:
        dice = random.Random(place)
        for _ in range(60):
            with store.begin() as unit:
                [answer] = reserve_many(unit, [Wanted({key: Decimal(1) for key in dice.sample(keys, 3)}, 900)])
            if answer.group_id:
                with store.begin() as unit:
                    release_group(unit, answer.group_id)

    # A deadlock would end one of them with an error.
    in_threads(6, lambda place: cancel(place) if place < 2 else reserve(place))
    assert world.one("SELECT sum(reserved) AS n FROM stock_position").n == 0
    world.check_books()
    engine.dispose()
