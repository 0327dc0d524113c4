"""Nodes' reports in batches: they share a transaction, a bad one stops itself only, and their order is kept."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from core.domain.ids import public_id
from core.jobs.intake import drain_messages
from core.services import reports
from core.services.canceling import cancel_order
from core.services.reserving import Wanted, release_group, reserve_many
from core.services.shipping import write_shipments
from core.services.steps import Step
from core.store.engine import open_engine
from core.store.unit import Store, Unit
from tests.core.test_intake import in_threads, later
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {(sku, "HAM"): 500 for sku in "ABC"})


def works(world: World, *orders: dict[str, int]) -> list[Any]:
    """Take orders in and return the work of each."""
    for lines in orders:
        world.send("order", world.order(lines))
    world.drain()
    return list(world.work())


def parcel(world: World, work: Any, name: str, **lines: int) -> UUID:
    """Store a report that units of a work left; all that is open without lines."""
    named = [{"sku": sku, "quantity": str(units)} for sku, units in lines.items()]
    body = {"external_id": name, "fulfillment": public_id("fulfillment", work.id)}
    return world.send("shipment", {**body, "lines": named} if named else body, world.wms)


def say(world: World, work: Any, status: str, **more: Any) -> UUID:
    """Store a node's word on its work."""
    body = {"fulfillment": public_id("fulfillment", work.id), "status": status, **more}
    return world.send("fulfillment_update", body, world.wms)


def transactions(world: World, table: str) -> int:
    """Return in how many transactions the rows of a table were written."""
    found: int = world.one(f"SELECT count(DISTINCT xmin::text) AS n FROM {table}").n
    return found


def states(world: World, messages: Sequence[UUID]) -> list[str]:
    rows = world.all("SELECT state FROM message WHERE id = ANY(:ids) ORDER BY id", ids=list(messages))
    return [row.state for row in rows]


def test_reports_about_different_orders_share_one_transaction_and_few_statements(world: World) -> None:
    found = works(world, *[{"A": 1 + place % 3, "B": 1} for place in range(20)])
    sent = [parcel(world, work, f"S{place}") for place, work in enumerate(found)]
    statements: list[str] = []
    event.listen(
        world.store.engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: statements.append(statement)
    )
    assert drain_messages(world.hub) == 20
    assert states(world, sent) == ["applied"] * 20
    assert (transactions(world, "shipment"), transactions(world, "shipment_line")) == (1, 1)
    # One message at a time took thirty statements; the number does not grow with the batch.
    assert len(statements) < 40
    assert world.one("SELECT count(*) AS n FROM orders WHERE state = 'completed' AND phase = 'shipped'").n == 20
    world.check_books()


def test_each_order_keeps_its_own_cause_and_correlation(world: World) -> None:
    found = works(world, {"A": 1}, {"A": 2}, {"B": 3})
    first, second, third = (
        parcel(world, found[0], "S1"),
        parcel(world, found[1], "S2"),
        say(world, found[2], "rejected"),
    )
    world.drain()
    for work, message in zip(found, (first, second, third), strict=True):
        why = (public_id("message", message), message)
        told = world.all(
            "SELECT type, cause, correlation_id FROM event WHERE order_id = :o AND cause LIKE 'msg_%'"
            " AND type <> 'order.received' AND type NOT LIKE 'order.a%' ORDER BY seq",
            o=work.order_id,
        )
        happened = ["fulfillment.rejected"] if message == third else ["fulfillment.shipped", "order.completed"]
        assert [row.type for row in told][: len(happened)] == happened
        assert {(row.cause, row.correlation_id) for row in told[: len(happened)]} == {why}
        moved = world.all(
            "SELECT cause FROM stock_movement WHERE order_id = :o AND kind IN ('ship', 'release')", o=work.order_id
        )
        assert [row.cause for row in moved] == [why[0]]
        pushes = world.all(
            "SELECT correlation_id FROM delivery WHERE order_id = :o AND kind = 'push_shipment'", o=work.order_id
        )
        assert [row.correlation_id for row in pushes] == ([] if message == third else [message, message])


def test_bad_reports_of_a_batch_stop_themselves_only(world: World) -> None:
    found = works(world, {"A": 1}, {"A": 2}, {"A": 3}, {"B": 4}, {"C": 5})
    parcel(world, found[4], "S5")
    world.drain()
    good = [parcel(world, found[0], "S1"), parcel(world, found[3], "S4")]
    no_line = parcel(world, found[1], "S2", C=1)
    too_many = parcel(world, found[2], "S3", A=7)
    again = parcel(world, found[4], "S5")
    unknown = world.send("shipment", {"external_id": "S9", "fulfillment": f"ful_{'0' * 32}"}, world.wms)
    assert drain_messages(world.hub) == 6
    assert states(world, good) == ["applied", "applied"]
    assert states(world, [no_line, too_many, again, unknown]) == ["quarantined", "applied", "duplicate", "normalized"]
    [row] = world.all("SELECT error FROM message WHERE id = :id", id=no_line)
    assert row.error["code"] == "SHIP-LINE-422"
    # The good ones and the one of which a part was too many left together.
    assert world.one("SELECT count(DISTINCT xmin::text) AS n FROM shipment WHERE external_id <> 'S5'").n == 1
    sums = world.all("SELECT sum(shipped) AS n FROM order_line GROUP BY order_id ORDER BY 1")
    assert [int(row.n) for row in sums] == [0, 1, 3, 4, 5]
    [case] = world.all("SELECT evidence FROM exception_case WHERE code = 'SHIP-SURPLUS-001'")
    assert (case.evidence["external_id"], case.evidence["units"]) == ("S3", "4 units")
    world.check_books()


def test_a_fault_nobody_foresaw_costs_only_the_report_that_has_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = works(world, {"A": 1}, {"A": 2}, {"B": 3})
    write = write_shipments

    def faulty(unit: Unit, steps: Sequence[Step]) -> None:
        write(unit, steps)
        if any(step.document["external_id"] == "BAD" for step in steps):
            raise RuntimeError("a fault")

    monkeypatch.setattr(reports, "write_shipments", faulty)
    sent = [parcel(world, work, name) for work, name in zip(found, ("S1", "BAD", "S3"), strict=True)]
    later_word = say(world, found[1], "short", lines=[{"sku": "A", "quantity": "1"}])
    assert drain_messages(world.hub) == 4
    assert states(world, [*sent, later_word]) == ["applied", "quarantined", "applied", "applied"]
    [row] = world.all("SELECT error FROM message WHERE state = 'quarantined'")
    assert row.error["code"] == "MSG-CRASH-500"
    lines = world.all("SELECT shipped, canceled FROM fulfillment_line ORDER BY quantity")
    assert [(int(row.shipped), int(row.canceled)) for row in lines] == [(1, 0), (0, 1), (3, 0)]
    world.check_books()


def test_a_batch_that_fails_as_a_whole_is_done_one_by_one_before_what_came_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = works(world, {"A": 2}, {"B": 3})
    write: Callable[..., None] = write_shipments
    sizes: list[int] = []

    def faulty(unit: Unit, steps: Sequence[Step]) -> None:
        sizes.append(len(steps))
        if len(steps) > 1:
            raise RuntimeError("a fault")
        write(unit, steps)

    monkeypatch.setattr(reports, "write_shipments", faulty)
    sent = [parcel(world, first, "S1"), parcel(world, second, "S2")]
    sent += [say(world, first, "short", lines=[{"sku": "A", "quantity": "1"}])]
    assert drain_messages(world.hub) == 3
    assert (states(world, sent), sizes) == (["applied"] * 3, [2, 1, 1, 0])
    # The short came when all had left: had it been applied before, one of the two would not have.
    lines = world.all("SELECT shipped, canceled FROM fulfillment_line ORDER BY quantity")
    assert [(int(row.shipped), int(row.canceled)) for row in lines] == [(2, 0), (3, 0)]
    world.check_books()


def test_reports_of_one_order_in_one_batch_keep_their_order(world: World) -> None:
    first, second = works(world, {"A": 5}, {"B": 2})
    sent = [
        say(world, first, "acknowledged", reference="W-1"),
        parcel(world, first, "S1", A=2),
        say(world, first, "short", lines=[{"sku": "A", "quantity": "1"}]),
        parcel(world, second, "T1"),
        parcel(world, first, "S2"),
        parcel(world, first, "S2"),
        say(world, first, "picking"),
    ]
    assert drain_messages(world.hub) == 7
    assert states(world, sent) == ["applied"] * 5 + ["duplicate", "applied"]
    [work] = world.all("SELECT state, reference FROM fulfillment_order WHERE id = :id", id=first.id)
    assert (work.state, work.reference) == ("shipped", "W-1")
    parcels = world.all(
        "SELECT s.external_id, l.quantity FROM shipment s JOIN shipment_line l ON l.shipment_id = s.id ORDER BY 1"
    )
    assert [(row.external_id, int(row.quantity)) for row in parcels] == [("S1", 2), ("S2", 2), ("T1", 2)]
    told = world.all(
        "SELECT type FROM event WHERE order_id = :o AND type LIKE 'fulfillment.%' ORDER BY seq", o=first.order_id
    )
    assert [row.type.removeprefix("fulfillment.") for row in told][-5:] == [
        "acknowledged", "shipped", "short", "shipped", "report_late",
    ]  # fmt: skip
    world.check_books()


def test_what_came_after_a_cancel_is_applied_after_it(world: World) -> None:
    first, second = works(world, {"A": 2}, {"A": 3})
    world.send("order_cancel", {"external_id": "X1"}, world.shop)
    parcel(world, first, "S1")
    parcel(world, second, "S2")
    assert drain_messages(world.hub) == 3
    # Nothing had been sent to the node, so the cancel took all units: what left is for a person to look after.
    assert [row.external_id for row in world.all("SELECT external_id FROM shipment")] == ["S2"]
    [case] = world.all("SELECT evidence FROM exception_case WHERE code = 'SHIP-SURPLUS-001'")
    assert (case.evidence["order"], case.evidence["state"]) == ("#1001", "canceled")
    world.check_books()


def test_two_reports_of_one_order_are_refused_as_a_batch(world: World) -> None:
    [work] = works(world, {"A": 3})
    named = {"fulfillment": public_id("fulfillment", work.id)}
    batch = [reports.Report({**named, "external_id": name}, True) for name in ("S1", "S2")]
    with pytest.raises(ValueError, match="about the same order"), world.store.begin() as unit:
        reports.apply_reports(unit, world.facts, batch)
    assert world.all("SELECT 1 FROM shipment") == []


def test_batches_cancels_and_reservations_of_the_same_positions_never_wait_in_a_circle(db_url: str) -> None:
    engine = open_engine(db_url, pool_size=10)
    store = Store(engine)
    world = World(store, {(sku, node): 400 for sku in "ABC" for node in ("HAM", "LYS")})
    baskets = [{"A": 1, "B": 2}, {"C": 1, "A": 2}, {"B": 1, "C": 3}, {"C": 2, "B": 1, "A": 1}]
    found = works(world, *[baskets[place % 4] for place in range(120)])
    for place, work in enumerate(found):
        if place % 5 == 0:
            say(world, work, "short" if place % 2 else "rejected")
        elif place % 7 != 0:
            parcel(world, work, f"S{place}")
    keys = [(item, node) for item in world.items.values() for node in world.nodes.values()]
    before = world.one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").deadlocks

    def work_off(place: int) -> None:
        if place < 3:
            while drain_messages(world.hub, 9 + 4 * place):
                pass
        elif place == 3:
            for order in found[::7]:
                with store.begin() as unit:
                    cancel_order(unit, world.facts, order.order_id, None, "asked")
        else:
            for turn in range(25):
                wanted = {keys[(place + turn + more) % len(keys)]: Decimal(1) for more in range(3)}
                with store.begin() as unit:
                    [granted] = reserve_many(unit, [Wanted(wanted, 900)])
                assert granted.group_id
                with store.begin() as unit:
                    release_group(unit, granted.group_id)

    in_threads(6, work_off)
    later(world)
    world.drain()
    after = world.one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").deadlocks
    assert after == before
    assert {row.state for row in world.all("SELECT state FROM message")} == {"applied"}
    shipped = sum(place % 5 != 0 and place % 7 != 0 for place in range(120))
    assert world.one("SELECT count(*) AS n FROM shipment").n == shipped
    world.check_books()
    engine.dispose()
