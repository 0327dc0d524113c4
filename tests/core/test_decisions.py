"""The decision store: few bytes, made again to the byte, one altered byte named."""

import random
from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text

from core.domain.ids import uuid7
from core.domain.packing import Corrupt, pack, unpack
from core.domain.policies import Traits, traits_of
from core.domain.seals import altered, seal
from core.routing import record
from core.routing.optimizer import solve
from core.routing.problem import Demand, Destination, NodeFacts, Policy, Problem, Service, StockTier
from core.services.recording import SEALED
from core.services.redeciding import Verdict, pieces, verify_pieces
from core.services.sharing import shared_out
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def verified(world: World) -> Verdict:
    with world.store.read() as conn:
        return verify_pieces(conn, pieces(conn, None, None))


def placed(world: World, number: int) -> None:
    dice = random.Random(7)
    for _ in range(number):
        lines = {sku: dice.randint(1, 4) for sku in dice.sample("ABC", dice.randint(1, 3))}
        world.send("order", world.order(lines))
    world.drain()


def a_problem(dice: random.Random) -> Problem:
    """A problem that uses every field there is."""
    nodes = [
        NodeFacts(uuid7(), f"N{at}", dice.choice([None, 50.5 + at]), 9.25, "DE", 40_000 + at, 5_000, 2_000, at != 3)
        for at in range(5)
    ]
    items = [uuid7() for _ in range(3)]
    demands = [Demand(uuid7(), item, Decimal(dice.randint(1, 5)), 100_000, 250) for item in items]
    demands.append(Demand(uuid7(), items[0], Decimal("1.50")))
    stock = {(item, node.id): Decimal(dice.randint(0, 6)) for item in items for node in nodes}
    services = [
        Service("std", 30_000, 1_000, 10, 0.07, 400, 30, {items[0]: "dangerous"}),
        Service("fast", 60_000, excluded="past its cut-off"),
    ]
    return Problem(
        demands,
        nodes,
        stock,
        Destination("DK", 55.25, 12.5),
        True,
        Policy("careful@3", 4, 500, 1_000, 2_000, {"way": 150, "handling": 50}, 200),
        {nodes[4].id: "rejected: full"},
        {nodes[0].id: services, nodes[1].id: [Service("std", 20_000)]},
        {(items[0], nodes[0].id): [StockTier(Decimal(2), -500, "aging"), StockTier(Decimal(3), 0)]},
        {nodes[0].id: Decimal("12.5")},
        {nodes[0].id: 0.75},
        {(items[1], nodes[1].id): "frozen"},
        2,
    )


def test_a_problem_comes_back_from_its_documents_whole() -> None:
    for number in range(50):
        problem = a_problem(random.Random(number))
        # One node is otherwise for this order alone: its services cover the way.
        known = [replace(problem.nodes[0], distance_cost=77), *problem.nodes[1:]]
        shared = orjson.loads(orjson.dumps(record.shared_of(known, problem.policy)))
        inputs = orjson.loads(orjson.dumps(record.inputs_of(problem, known)))
        assert inputs["nodes"] == [[0, {"distance_cost": 2_000}]]
        again = record.problem_of(record.shared_from(shared), inputs)
        for each in fields(Problem):
            assert getattr(again, each.name) == getattr(problem, each.name), each.name
        assert solve(again) == solve(problem)


def test_every_field_of_a_problem_is_used_by_the_one_that_is_tried() -> None:
    # A field that is added later must be recorded too: give it a value in `a_problem`, and this test will say so.
    problem = a_problem(random.Random(1))
    empty = Problem([], [], {}, Destination(None), False, Policy(), {})
    assert [each.name for each in fields(Problem) if getattr(problem, each.name) == getattr(empty, each.name)] == []
    for thing, plain in (
        (problem.policy, Policy()),
        (problem.demands[0], Demand(UUID(int=0), UUID(int=0), Decimal(0))),
        (problem.nodes[3], NodeFacts(UUID(int=0), "", 0.0, 0.0, "", 0, 0, 0)),
        (problem.destination, Destination(None)),
    ):
        same = [each.name for each in fields(thing) if getattr(thing, each.name) == getattr(plain, each.name)]
        assert same == [], thing
    offered = [each for services in problem.services.values() for each in services]
    plain_service = Service("", 0)
    for each in fields(Service):
        assert any(getattr(one, each.name) != getattr(plain_service, each.name) for one in offered), each.name


def test_traits_come_back_from_their_document() -> None:
    for traits in (
        Traits(),
        Traits("b2b", "shop", Decimal("12.50"), "EUR", ("tier:gold", "x"), "express", Decimal("0"), False),
    ):
        assert traits_of(orjson.loads(orjson.dumps(traits.as_json()))) == traits


def test_packed_text_comes_back_and_damage_is_told() -> None:
    dice = random.Random(3)
    for size in (0, 1, 40, 5_000):
        plain = bytes(dice.randrange(256) for _ in range(size)) + b'"reason":"chosen"' * (size // 50)
        packed = pack(plain)
        assert unpack(packed) == plain
        with pytest.raises(Corrupt):
            unpack(packed[:-1])
        with pytest.raises(Corrupt):
            unpack(packed + b"x")
    assert unpack(b"\x00{}") == b"{}"
    with pytest.raises(Corrupt):
        unpack(b"\x09{}")


def test_every_single_altered_byte_is_named() -> None:
    row = [b"dec", b"", b"some longer field", b"\x00\xff"]
    kept = seal(row)
    assert altered(row, kept) is None
    for at, value in enumerate(row):
        for place in range(len(value)):
            for bit in range(8):
                wrong = bytearray(value)
                wrong[place] ^= 1 << bit
                assert altered([*row[:at], bytes(wrong), *row[at + 1 :]], kept) == [at]
    for place in range(len(kept)):
        damaged = bytearray(kept)
        damaged[place] ^= 1
        assert altered(row, bytes(damaged)) == []
    assert altered([b"de", b"c", *row[2:]], kept) == [0, 1]


def test_decisions_of_orders_are_made_again_to_the_byte(world: World) -> None:
    placed(world, 40)
    world.send("order", world.order({"A": 500}))
    world.drain()
    number = world.one("SELECT count(*) AS n FROM decision").n
    assert number >= 41
    found = verified(world)
    assert (found.decisions, found.agree, found.older, found.differ) == (number, number, 0, [])
    assert world.one("SELECT count(*) AS n FROM decision_basis").n == 1


def test_two_processes_find_what_one_finds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    placed(world, 20)
    monkeypatch.setattr("core.services.redeciding.PIECE", 2)
    with world.store.read() as conn:
        wanted = pieces(conn, None, None)
        assert len(pieces(conn, None, 5)) == 3
    assert len(wanted) == 10
    shares = shared_out(world.store.engine, verify_pieces, wanted, processes=2)
    assert [(each.decisions, each.agree) for each in shares] == [(10, 10), (10, 10)]


def one_byte(value: bytes) -> bytes:
    at = len(value) // 2
    return value[:at] + bytes((value[at] ^ 1,)) + value[at + 1 :]


@pytest.mark.parametrize("column", [name for name in SEALED if name not in ("id", "order", "at", "duration_us")])
def test_an_altered_byte_of_a_decision_is_named(world: World, column: str) -> None:
    placed(world, 3)
    row = world.all("SELECT *, choice::text AS choice FROM decision ORDER BY id")[1]
    value = getattr(row, column)
    wrong: Any = one_byte(value) if isinstance(value, bytes) else one_byte(value.encode()).decode()
    if column == "choice":
        wrong = value.replace('"2"', '"3"').replace('"cost":', '"cost":1', 1)
    change(world, f"UPDATE decision SET {column} = :wrong WHERE id = :id", wrong=wrong, id=row.id)
    found = verified(world)
    assert (found.decisions, found.agree) == (3, 2)
    assert [(each.id, each.field, each.how) for each in found.differ] == [(row.id, column, "was altered")]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("UPDATE decision SET duration_us = duration_us + 1 WHERE id = :id", "duration_us"),
        ("UPDATE decision SET at = at + interval '1 microsecond' WHERE id = :id", "at"),
        ("UPDATE decision SET order_id = '00000000-0000-0000-0000-000000000001' WHERE id = :id", "order"),
        ("UPDATE decision SET seal = set_byte(seal, 3, get_byte(seal, 3) # 1) WHERE id = :id", "seal"),
        ("UPDATE decision SET seal = NULL WHERE id = :id", "seal"),
    ],
)
def test_other_altered_fields_are_named(world: World, statement: str, name: str) -> None:
    placed(world, 3)
    [_, chosen, _] = world.all("SELECT id FROM decision ORDER BY id")
    change(world, statement, id=chosen.id)
    assert [(each.id, each.field) for each in verified(world).differ] == [(chosen.id, name)]


@pytest.mark.parametrize("how", [one_byte, lambda _: pack(b'{"engine":1}')])
def test_an_altered_basis_is_named_by_every_decision_that_stands_on_it(
    world: World, how: Callable[[bytes], bytes]
) -> None:
    placed(world, 3)
    body = world.one("SELECT body FROM decision_basis").body
    change(world, "UPDATE decision_basis SET body = :body", body=how(body))
    found = verified(world)
    assert (found.agree, [each.field for each in found.differ]) == (0, ["basis"] * 3)


def test_a_solver_that_decides_otherwise_is_told_by_field(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    placed(world, 3)
    monkeypatch.setattr("core.services.redeciding.solve", lambda problem: solve(problem_without_first_node(problem)))
    found = verified(world)
    assert found.agree < 3
    assert {each.how for each in found.differ} == {"comes out differently today"}
    monkeypatch.setattr(record, "ENGINE", record.ENGINE + 1)
    again = verified(world)
    assert (again.older, again.differ) == (3, [])


def problem_without_first_node(problem: Problem) -> Problem:
    return replace(problem, excluded={problem.nodes[0].id: "gone"})


def test_a_decision_takes_few_bytes(world: World) -> None:
    placed(world, 30)
    row = world.one(
        "SELECT avg(pg_column_size(inputs)) AS inputs, avg(pg_column_size(candidates)) AS candidates,"
        " avg(pg_column_size(choice)) AS choice, avg(pg_column_size(seal)) AS seal FROM decision"
    )
    assert row.inputs + row.candidates + row.choice + row.seal < 600


def change(world: World, statement: str, **values: Any) -> None:
    with world.store.begin() as unit:
        unit.conn.execute(text(statement), values)
