"""Outgoing writes under lost leases, in lanes and seats, through pauses and modes."""

import threading
from collections.abc import Sequence
from uuid import uuid4

import pytest
from sqlalchemy import text

from core.domain.vocabulary import Mode, Write
from core.errors import (
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Transient,
)
from core.jobs.deliver import deliver
from core.jobs.schedule import expire_leases
from core.ports.connectors import Push, Receipt
from core.services import connections
from core.store.unit import Store
from tests.core.world import World
from tests.core.writes import (
    attempts,
    case,
    connection,
    during,
    held_up,
    later,
    lose_leases,
    partner,
    row,
    script,
    sent,
    slow_world,
    states,
    write,
)


@pytest.fixture
def world(store: Store) -> World:
    return slow_world(store)


# -- leases


def test_a_lost_lease_is_looked_up_and_the_late_finisher_is_not_heard(world: World) -> None:
    write(world, 1)
    others: list[int] = []

    def lose_and_finish_elsewhere() -> None:
        assert lose_leases(world) == 1
        assert states(world) == ["unknown"]
        others.append(deliver(world.hub, world.erp))

    during(world, "erp", lose_and_finish_elsewhere, then=Rejected("Too slow."))
    assert world.deliver(world.erp) == 1
    assert others == [1]
    found = row(world)
    assert (found.state, found.attempts, found.outcome) == ("delivered", 2, "delivered")
    assert [len(pushes) for pushes in partner(world).effects.values()] == [1]
    assert case(world) is None
    assert sorted(attempts(world)) == [(1, "dead"), (2, "delivered")]


def test_a_worker_killed_before_the_write_leaves_it_to_another(world: World) -> None:
    write(world, 1)
    vars(partner(world)).update(push_order=_die)
    with pytest.raises(KeyboardInterrupt):
        world.deliver(world.erp)
    del vars(partner(world))["push_order"]
    assert states(world) == ["sending"]
    assert world.deliver(world.erp) == 0
    assert lose_leases(world) == 1
    assert world.deliver(world.erp) == 1
    assert states(world) == ["delivered"]
    assert sent(world) == [1]


def _die(_push: Push) -> Receipt:
    raise KeyboardInterrupt


def test_a_lease_that_still_runs_is_left_alone(world: World) -> None:
    write(world, 1)

    def nobody_else() -> None:
        with world.store.begin() as unit:
            assert expire_leases(unit) == 0
        assert deliver(world.hub, world.erp) == 0

    during(world, "erp", nobody_else)
    assert world.deliver(world.erp) == 1
    assert (states(world), sent(world)) == (["delivered"], [1])


# -- lanes


def test_a_lane_keeps_its_order_through_every_kind_of_failure(world: World) -> None:
    lanes = {write(world, *range(first, first + 5)): first for first in (10, 20, 30)}
    script(
        world,
        "ok", Transient("Away."), OutcomeUnknown("Cut."), OutcomeUnknown("Cut.", after=True), "ok",
        RateLimited("Slow."), Transient("Away."), "ok", OutcomeUnknown("Cut.", after=True),
    )  # fmt: skip
    for _ in range(12):
        world.deliver(world.erp)
        later(world)
    assert states(world) == ["delivered"] * 15
    for first in lanes.values():
        assert [number for number in sent(world) if number // 10 == first // 10] == list(range(first, first + 5))
    assert {len(pushes) for pushes in partner(world).effects.values()} == {1}


def test_a_failing_head_blocks_its_lane_and_no_other(world: World) -> None:
    blocked = write(world, 1, 2, 3)
    write(world, 11, 12)
    script(world, Transient("Away."))
    assert world.deliver(world.erp) == 3
    assert sent(world) == [11, 12]
    mine = world.all("SELECT state FROM delivery WHERE order_id = :o ORDER BY seq", o=blocked)
    assert [each.state for each in mine] == ["waiting", "due", "due"]
    later(world)
    assert world.deliver(world.erp) == 3
    assert sent(world) == [11, 12, 1, 2, 3]


def test_a_dead_head_lets_its_lane_go_on(world: World) -> None:
    write(world, 1, 2)
    script(world, Rejected("No."))
    assert world.deliver(world.erp) == 2
    assert states(world) == ["dead", "delivered"]
    assert sent(world) == [2]


def test_the_same_order_at_two_connections_is_two_lanes(world: World) -> None:
    order = write(world, 1)
    write(world, 2, order=order, to="wms", kind=Write.PUSH_FULFILLMENT_ORDER)
    script(world, Transient("Away."))
    assert world.deliver(world.erp, world.wms) == 2
    assert states(world) == ["waiting", "delivered"]


def test_what_customers_see_goes_first(world: World) -> None:
    order = write(world, 1)
    write(world, 2)
    write(world, 3, kind=Write.CANCEL_ORDER)
    write(world, 4, kind=Write.PUSH_SHIPMENT)
    write(world, 5, order=order, kind=Write.PUSH_SHIPMENT)
    world.deliver(world.erp)
    # 5 is urgent too, but 1 is before it in its lane.
    assert sent(world) == [4, 3, 1, 5, 2]


# -- seats


def test_seats_limit_how_many_writes_run_at_once(world: World) -> None:
    for number in range(9):
        write(world, number)
    with held_up(world, 2) as most:
        assert states(world).count("sending") == 2
        assert deliver(world.hub, world.erp) == 0
    assert most == [2]
    assert sorted(sent(world)) == list(range(9))
    assert states(world) == ["delivered"] * 9
    assert world.one("SELECT count(*) AS n FROM seat WHERE holder IS NOT NULL").n == 0


def test_a_lane_is_never_worked_on_by_two(world: World) -> None:
    write(world, *range(6))
    with held_up(world, 1):
        assert deliver(world.hub, world.erp) == 0
        assert states(world) == ["sending", *["due"] * 5]
    assert sent(world) == list(range(6))


def test_the_seat_of_a_dead_worker_is_free_again_when_its_lease_is_over(world: World) -> None:
    with world.store.begin() as unit:
        unit.conn.execute(
            text("UPDATE seat SET holder = :h, held_until = clock_timestamp() + interval '1 hour'"), {"h": uuid4()}
        )
    write(world, 1)
    assert world.deliver(world.erp) == 0
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE seat SET held_until = clock_timestamp() - interval '1 second'"))
    assert world.deliver(world.erp) == 1


# -- modes and pauses


def test_shadow_mode_writes_down_and_sends_nothing(world: World) -> None:
    with world.store.begin() as unit:
        connections.set_mode(unit, world.erp, Mode.SHADOW)
    write(world, 1)
    assert world.deliver(world.erp) == 1
    assert (row(world).state, row(world).outcome) == ("delivered", "shadow: not sent")
    assert sent(world) == []


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.OBSERVE])
def test_a_connection_that_is_off_sends_nothing_and_keeps_everything(world: World, mode: Mode) -> None:
    write(world, 1)
    with world.store.begin() as unit:
        connections.set_mode(unit, world.erp, mode)
    assert world.deliver(world.erp) == 0
    assert states(world) == ["due"]
    with world.store.begin() as unit:
        connections.set_mode(unit, world.erp, Mode.LIVE)
    assert world.deliver(world.erp) == 1
    assert sent(world) == [1]


def test_a_paused_connection_keeps_everything_in_order(world: World) -> None:
    with world.store.begin() as unit:
        connections.pause(unit, world.erp, "stock-taking")
    order = write(world, 1)
    write(world, 2, 3, order=order)
    assert world.deliver(world.erp) == 0
    with world.store.begin() as unit:
        connections.resume(unit, world.erp)
    assert world.deliver(world.erp) == 3
    assert sent(world) == [1, 2, 3]


def test_a_limit_does_not_shorten_a_pause_by_a_person(world: World) -> None:
    write(world, 1)

    def pause() -> None:
        with world.store.begin() as unit:
            connections.pause(unit, world.erp, "stock-taking")

    during(world, "erp", pause, then=RateLimited("Slow.", retry_after=5))
    world.deliver(world.erp)
    found = connection(world)
    assert (found.paused_until.year, found.pause_reason) == (9999, "stock-taking")


def test_a_failing_write_does_not_turn_a_pause_by_a_person_into_a_breaker(world: World) -> None:
    for number in range(4):
        write(world, number)
    script(world, *[Transient("Away.")] * 4)
    world.deliver(world.erp)
    write(world, 5)

    def pause() -> None:
        with world.store.begin() as unit:
            connections.pause(unit, world.erp, "stock-taking")

    during(world, "erp", pause, then=Transient("Away."))
    world.deliver(world.erp)
    found = connection(world)
    assert (found.paused_until.year, found.pause_reason) == (9999, "stock-taking")


def everything(world: World, threads: int) -> Sequence[int]:
    found: list[int] = []
    workers = [
        threading.Thread(target=lambda each=each: found.append(deliver(world.hub, each)))
        for _ in range(threads)
        for each in (world.erp, world.wms)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    return found


def test_many_workers_deliver_each_write_once_and_in_order(world: World) -> None:
    orders = [write(world, *range(n * 10, n * 10 + 4)) for n in range(12)]
    for n, order in enumerate(orders):
        write(world, *range(n * 10, n * 10 + 3), order=order, to="wms", kind=Write.PUSH_FULFILLMENT_ORDER)
    assert sum(everything(world, 3)) == 12 * 7
    assert set(states(world)) == {"delivered"}
    for to, each in (("erp", 4), ("wms", 3)):
        assert {len(pushes) for pushes in partner(world, to).effects.values()} == {1}
        for n in range(12):
            assert [x for x in sent(world, to) if x // 10 == n] == list(range(n * 10, n * 10 + each))
