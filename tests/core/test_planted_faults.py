"""Faults planted in the ways of stock: the rules that random histories are judged by see each of them."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.services import allocations, moving, reports, reserving, stock
from core.services.canceling import cancel_order
from core.services.reserving import Wanted, reserve_many
from core.services.stock import adjust_stock
from core.store.bulk import copy_rows
from core.store.moves import move_stock
from core.store.unit import Store
from tests.core import stock_rules
from tests.core.world import World, now

ZERO = Decimal(0)
Patch = pytest.MonkeyPatch


def order(world: World, lines: dict[str, int], *, deliver: bool = False) -> Any:
    """Take an order in and return the work it became."""
    world.send("order", world.order(lines))
    world.drain()
    if deliver:
        world.deliver()
    return world.one("SELECT id, order_id FROM fulfillment_order ORDER BY created_at DESC, id DESC LIMIT 1")


def checkouts(world: World) -> None:
    """A checkout is left."""
    key = world.items["A"], world.nodes["HAM"]
    with world.store.begin() as unit:
        [granted] = reserve_many(unit, [Wanted({key: Decimal(2)})])
    assert granted.group_id is not None
    assert stock_rules.give_back(world, granted.group_id)


def cancellations(world: World) -> None:
    """An order is canceled before its node knows of it."""
    work = order(world, {"A": 2})
    with world.store.begin() as unit:
        assert cancel_order(unit, world.hub.facts.get(unit.conn, 1), work.order_id)["state"] == "canceled"


def shipments(world: World) -> None:
    """Work leaves in two parcels."""
    work = order(world, {"A": 4}, deliver=True)
    for name in ("S1", "S2"):
        lines = [{"sku": "A", "quantity": "2" if name == "S1" else "1"}]
        world.send(
            "shipment", {"external_id": name, "fulfillment": f"ful_{work.id.hex}", "lines": lines}, world.wms
        )  # fmt: skip
        world.drain()
        stock_rules.check_stock(world)
    assert world.one("SELECT count(*) AS n FROM shipment").n == 2


def counts(world: World) -> None:
    """A node counts where units are kept back: enough, less than is kept back, less than is promised, enough again."""
    with world.store.begin() as unit:
        adjust_stock(unit, "A", "HAM", delta=ZERO, safety=Decimal(3), reason="keep some back")
    order(world, {"A": 4})
    start = now()
    for place, units in enumerate((9, 6, 2, 12)):
        stock_rules.count(world, "A", "HAM", units, start + timedelta(milliseconds=place))
        stock_rules.check_stock(world)


def promises_not_found(world: World) -> None:
    """A node counts less than a checkout and an order were promised; both are given up."""
    work = order(world, {"A": 4})
    key = world.items["A"], world.nodes["HAM"]
    with world.store.begin() as unit:
        [granted] = reserve_many(unit, [Wanted({key: Decimal(5)})])
    stock_rules.count(world, "A", "HAM", 2, now())
    assert granted.group_id is not None
    assert stock_rules.give_back(world, granted.group_id)
    stock_rules.check_stock(world)
    with world.store.begin() as unit:
        cancel_order(unit, world.hub.facts.get(unit.conn, 1), work.order_id)


def splits(world: World) -> None:
    """Work is cut in two, and made one again."""
    work = order(world, {"A": 4, "B": 2})
    assert stock_rules.split(world, work.id, "A", 1)
    halves = world.all("SELECT id FROM fulfillment_order WHERE state NOT IN ('canceled') ORDER BY id")
    assert stock_rules.merge(world, [half.id for half in halves])


def moves(world: World) -> None:
    """Work goes to another node."""
    work = order(world, {"A": 3})
    assert stock_rules.move(world, work.id, "LYS")


WAYS = (checkouts, cancellations, shipments, counts, promises_not_found, splits, moves)


def leave_positions_of_checkouts(patch: Patch) -> None:
    patch.setattr(
        reserving, "move_stock",
        lambda unit, deltas, do=move_stock: do(unit, {k: d for k, d in deltas.items() if d[1] > 0}),
    )  # fmt: skip


def leave_positions_of_orders(patch: Patch) -> None:
    patch.setattr(
        allocations, "move_stock",
        lambda unit, deltas, do=move_stock: do(unit, {k: d for k, d in deltas.items() if d[0]}),
    )  # fmt: skip


def ship_what_stays_allocated(patch: Patch) -> None:
    patch.setattr(
        allocations, "move_stock",
        lambda unit, deltas, do=move_stock: do(
            unit, {k: (d[0], d[1], ZERO if d[0] else d[2]) for k, d in deltas.items()}
        ),
    )  # fmt: skip


def ship_what_stays_allocated_in_ledger_and_position(patch: Patch) -> None:
    """A fault that agrees with itself: only the rows of the promise tell."""
    ship_what_stays_allocated(patch)
    copy = copy_rows

    def copied(unit: Any, table: Any, columns: Any, rows: Any) -> None:
        if table.name == "stock_movement":
            rows = [(*row[:4], ZERO if row[3] else row[4], *row[5:]) for row in rows]
        copy(unit, table, columns, rows)

    patch.setattr(allocations, "copy_rows", copied)


def forget_safety(patch: Patch) -> None:
    misfit(patch, lambda _position, fit: (fit[0], ZERO, *fit[2:]))


def keep_the_safety_of_before(patch: Patch) -> None:
    misfit(patch, lambda position, fit: (fit[0], min(position.safety, fit[1]), *fit[2:]))


def forget_the_shortfall(patch: Patch) -> None:
    misfit(patch, lambda _position, fit: (*fit[:3], ZERO))


def sell_what_a_checkout_gave_back_and_was_not_found(patch: Patch) -> None:
    patch.setattr(reserving, "settle", lambda *_given: None)


def sell_what_an_order_gave_back_and_was_not_found(patch: Patch) -> None:
    patch.setattr(allocations, "settle", lambda *_given: None)


def misfit(patch: Patch, wrong: Callable[[Any, Any], Any]) -> None:
    """Make of a counted position something else than what fits it."""
    fit = stock._fit
    patch.setattr(stock, "_fit", lambda position, *given: wrong(position, fit(position, *given)))


def lose_a_unit(patch: Patch) -> None:
    withdrawn = moving._withdrawn

    def less(*given: Any) -> dict[Any, Decimal]:
        units = withdrawn(*given)
        most = max(units, key=lambda line: units[line])
        return {line: number - (line == most) for line, number in units.items()}

    patch.setattr(moving, "_withdrawn", less)


def use_up_twice(patch: Patch) -> None:
    once = allocations.end_allocations

    def twice(*given: Any) -> Any:
        used = once(*given)
        once(*given)
        return used

    patch.setattr(reports, "end_allocations", twice)


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_keeps_the_rules(world: World, way: Callable[[World], None]) -> None:
    way(world)
    stock_rules.check_stock(world)


@pytest.mark.parametrize(
    ("plant", "way"),
    [
        (leave_positions_of_checkouts, checkouts),
        (leave_positions_of_orders, cancellations),
        (ship_what_stays_allocated, shipments),
        (ship_what_stays_allocated_in_ledger_and_position, shipments),
        (forget_safety, counts),
        (keep_the_safety_of_before, counts),
        (forget_the_shortfall, counts),
        (sell_what_a_checkout_gave_back_and_was_not_found, promises_not_found),
        (sell_what_an_order_gave_back_and_was_not_found, promises_not_found),
        (lose_a_unit, splits),
        (lose_a_unit, moves),
        (use_up_twice, shipments),
    ],
)
def test_a_planted_fault_is_seen(
    world: World, monkeypatch: Patch, plant: Callable[[Patch], None], way: Callable[[World], None]
) -> None:
    plant(monkeypatch)

    def judged() -> None:
        way(world)
        stock_rules.check_stock(world)

    with pytest.raises(AssertionError) as seen:
        judged()
    assert "stock_rules.py" in str(seen.traceback[-1].path) or "world.py" in str(seen.traceback[-1].path)
