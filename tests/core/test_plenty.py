"""Reserving with one statement where there is plenty: as request by request, or nothing at all."""

import random
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from core.services import reserving
from core.services.protecting import set_rule
from core.services.reserving import Granted, ReservationCombiner, Wanted, reserve_many, reserve_plenty
from core.store.direct import run
from core.store.unit import Store
from tests.core.world import World

WRITTEN = """
SELECT item_id, node_id, connection_id, quantity, lot, state, tenant_id, order_id, per_unit, follows,
       round(extract(epoch FROM expires_at - created_at) / 60) AS minutes FROM reservation
ORDER BY group_id, item_id, node_id
"""
LEDGER = "SELECT item_id, node_id, kind, reserved, allocated, on_hand, cause, actor FROM stock_movement ORDER BY id"
POSITIONS = "SELECT item_id, node_id, reserved, version FROM stock_position ORDER BY item_id, node_id"
TOLD = "SELECT connection_id, item_id FROM listing WHERE dirty_at IS NOT NULL ORDER BY connection_id, item_id"


class Undone(Exception):
    """Ends a transaction whose writes are not to stay."""


@pytest.fixture
def world(store: Store) -> World:
    """Ten units of A and B, and C that a rule protects, at two nodes; D is nowhere."""
    world = World(store, {(sku, node): 10 for sku in "ABC" for node in ("HAM", "LYS")})
    with store.begin() as unit:
        set_rule(unit, connection="shop", kind="cap", quantity=Decimal(5), sku="C")
    return world


def state(conn: Any) -> list[list[Any]]:
    return [list(map(tuple, conn.exec_driver_sql(query))) for query in (WRITTEN, LEDGER, POSITIONS, TOLD)]


def one_by_one(world: World, wanted: list[Wanted]) -> tuple[list[Granted], list[list[Any]]]:
    """What `reserve_many` answers and writes; nothing of it stays."""
    try:
        with world.store.begin() as unit:
            answers = reserve_many(unit, wanted)
            after = state(unit.conn)
            raise Undone
    except Undone:
        return answers, after


def at_once(world: World, wanted: list[Wanted]) -> list[Granted] | None:
    with world.store.at_once() as unit:
        return reserve_plenty(unit, wanted)


def test_what_is_granted_and_written_is_the_same_as_request_by_request(world: World) -> None:
    dice = random.Random(11)
    keys = [(world.items[sku], node) for sku in "AB" for node in world.nodes.values()]
    guarded = [(world.items["C"], node) for node in world.nodes.values()]
    seen = {True: 0, False: 0}
    for _ in range(40):
        wanted = [
            Wanted(
                {key: Decimal(dice.randint(1, 2)) for key in dice.sample(keys, dice.randint(1, 2))},
                dice.choice((60.0, 900.0)),
                dice.choice((None, world.shop)),
            )
            for _ in range(dice.randint(1, 2))
        ]
        if dice.random() < 0.2:
            wanted.append(Wanted({dice.choice(guarded): Decimal(1)}))
        with world.store.read() as conn:
            before = state(conn)
        answers, after = one_by_one(world, wanted)
        plenty = all(each.group_id for each in answers) and not any(key in guarded for w in wanted for key in w.units)
        granted = at_once(world, wanted)
        with world.store.read() as conn:
            assert state(conn) == (after if plenty else before)
        assert (granted is not None) == plenty
        assert granted is None or len({each.group_id for each in granted}) == len(wanted)
        seen[plenty] += 1
    assert min(seen.values()) >= 5
    world.check_books()


@pytest.mark.parametrize(("sku", "units"), [("A", 11), ("C", 1), ("D", 1)])
def test_where_something_is_short_protected_or_nowhere_nothing_is_written_or_locked(
    world: World, sku: str, units: int
) -> None:
    if sku == "D":
        world.items["D"] = world.nodes["HAM"]  # an id no item has
    keys = [(world.items["B"], world.nodes["HAM"]), (world.items[sku], world.nodes["HAM"])]
    with world.store.read() as conn:
        before = state(conn)
    with world.store.at_once() as unit:
        assert reserve_plenty(unit, [Wanted({keys[0]: Decimal(1)}), Wanted({keys[1]: Decimal(units)})]) is None
        assert reserve_plenty(unit, [Wanted({})]) is None
        with world.store.begin() as other:
            other.conn.exec_driver_sql("SELECT 1 FROM stock_position FOR UPDATE NOWAIT")
    with world.store.read() as conn:
        assert state(conn) == before


def test_a_caller_is_granted_at_once_or_request_by_request_and_plenty_is_hoped_for_ever_more_rarely(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hoped: list[bool] = []

    def watched(unit: Any, wanted: Any) -> Any:
        answers = reserve_plenty(unit, wanted)
        hoped.append(answers is not None)
        return answers

    monkeypatch.setattr(reserving, "reserve_plenty", watched)
    door = ReservationCombiner(world.store)
    a, c = ((world.items[sku], world.nodes["HAM"]) for sku in "AC")
    assert [door.reserve(Wanted({a: Decimal(1)})).group_id is not None for _ in range(3)] == [True] * 3
    assert hoped == [True] * 3
    short = door.reserve(Wanted({a: Decimal(9)}))
    assert (short.group_id, short.missing) == (None, {a: Decimal(2)})
    assert [door.reserve(Wanted({c: Decimal(1)}, 900, world.shop)).group_id is not None for _ in range(7)] == (
        [True] * 5 + [False] * 2
    )
    # A pause of one after the first that failed, and of three after the second.
    assert hoped == [True] * 3 + [False] * 3
    with world.store.read() as conn:
        causes = {row.actor for row in conn.exec_driver_sql("SELECT actor FROM stock_movement WHERE kind = 'reserve'")}
    assert causes == {"hub"}
    world.check_books()


def test_errors_of_the_driver_are_those_that_callers_know(world: World) -> None:
    key = world.items["A"], world.nodes["HAM"]
    with pytest.raises(IntegrityError, match="positive"), world.store.at_once() as unit:
        reserve_plenty(unit, [Wanted({key: Decimal(0)})])
    with world.store.begin() as unit:
        pid = run(unit.conn, "SELECT pg_backend_pid()", {}).fetchall()[0][0]
        with world.store.at_once() as other:
            assert run(other.conn, "SELECT pg_terminate_backend(%(pid)s, 60000)", {"pid": pid}).fetchall() == [(True,)]
        with pytest.raises(OperationalError):
            run(unit.conn, "SELECT 1", {})
        assert unit.conn.invalidated
        unit.conn.rollback()
    with world.store.begin() as unit:
        assert reserve_many(unit, [Wanted({key: Decimal(1)})])[0].group_id is not None


def test_now_is_when_the_transaction_began_whenever_it_is_asked(world: World) -> None:
    with world.store.begin() as unit:
        began, later = unit.conn.exec_driver_sql("SELECT transaction_timestamp(), clock_timestamp()").one()
        assert unit.now == unit.now == began < later
