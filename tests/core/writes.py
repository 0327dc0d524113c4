"""Outgoing writes without orders around them: what deliveries and lanes are tested with."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from core.domain.vocabulary import Write
from core.errors import CrossdockError
from core.jobs.deliver import deliver
from core.jobs.schedule import expire_leases
from core.ports.connectors import Push, Receipt
from core.services.outbox import Outgoing, enqueue
from core.store.unit import Store
from tests.core.world import Partner, World


def slow_world(store: Store) -> World:
    """A world whose waits are long, so that each test says itself when the next try comes."""
    found = World(store)
    found.hub.pace = replace(found.hub.pace, schedule=(60, 600, 6000), breaker=60)
    return found


def write(
    world: World, *numbers: int, order: UUID | None = None, to: str = "erp", kind: Write = Write.PUSH_ORDER
) -> UUID:
    """Put writes into the lane of one order; the payload is the number."""
    order = order or uuid4()
    with world.store.begin() as unit:
        enqueue(unit, [Outgoing(getattr(world, to), kind, {"n": number}, order) for number in numbers])
    return order


def partner(world: World, name: str = "erp") -> Partner:
    return world.partners.partners[name]


def script(world: World, *steps: CrossdockError | str, to: str = "erp") -> None:
    partner(world, to).script.extend(steps)


def sent(world: World, to: str = "erp") -> list[int]:
    """The numbers of what had an effect, in order."""
    return [push.payload["n"] for push in partner(world, to).order]


def row(world: World) -> Any:
    return world.one("SELECT *, run_at - clock_timestamp() AS wait FROM delivery ORDER BY seq")


def states(world: World) -> list[str]:
    return [each.state for each in world.all("SELECT state FROM delivery ORDER BY seq")]


def attempts(world: World) -> list[tuple[int, str]]:
    return [(each.number, each.outcome) for each in world.all("SELECT number, outcome FROM attempt ORDER BY id")]


def connection(world: World, name: str = "erp") -> Any:
    return world.one("SELECT *, paused_until - clock_timestamp() AS pause FROM connection WHERE name = :n", n=name)


def case(world: World) -> tuple[str, str] | None:
    found = world.all("SELECT code, state FROM exception_case")
    assert len(found) <= 1
    return tuple(found[0]) if found else None


def later(world: World) -> None:
    """Let all waits and pauses with an end be over."""
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE delivery SET run_at = clock_timestamp() WHERE state IN ('waiting', 'unknown')"))
        unit.conn.execute(
            text("UPDATE connection SET paused_until = clock_timestamp() WHERE paused_until < now() + interval '1 day'")
        )


def lose_leases(world: World) -> int:
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE delivery SET lease_until = clock_timestamp() - interval '1 second'"))
        return expire_leases(unit)


def during(world: World, to: str, act: Callable[[], object], *, then: CrossdockError | None = None) -> None:
    """Have something happen after the effect of the next write and before its reply."""
    found = partner(world, to)
    write_ = type(found)._write

    def slow(push: Push) -> Receipt:
        del vars(found)["push_order"]
        receipt = write_(found, push)
        act()
        if then is not None:
            raise then
        return receipt

    vars(found).update(push_order=slow)


@contextmanager
def held_up(world: World, number: int) -> Iterator[list[int]]:
    """Have writes at the ERP wait at the partner; yields once `number` of them are there."""
    found = partner(world)
    go, inside, now_there, most = threading.Event(), threading.Semaphore(0), [0], [0]
    lock = threading.Lock()

    def slow(push: Push) -> Receipt:
        with lock:
            now_there[0] += 1
            most[0] = max(most[0], now_there[0])
        inside.release()
        assert go.wait(20)
        with lock:
            now_there[0] -= 1
        return type(found)._write(found, push)

    vars(found).update(push_order=slow)
    threads = [threading.Thread(target=deliver, args=(world.hub, world.erp)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for _ in range(number):
        assert inside.acquire(timeout=20)
    yield most
    go.set()
    for thread in threads:
        thread.join(20)
