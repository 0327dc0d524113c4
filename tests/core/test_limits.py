"""A changed limit of backorders holds at once for the positions an item has, as far as promises allow."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.services.canceling import cancel_order
from core.services.catalog import upsert_items
from core.services.limits import check_limits, follow_limits
from core.services.supplying import expect_supply
from core.store.read.stock import read_availability
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 0, ("A", "LYS"): 0, ("B", "HAM"): 0})


def limit(world: World, units: int, **more: Any) -> None:
    with world.store.begin(actor="test") as unit:
        upsert_items(unit, [{"sku": "A", "backorder_limit": Decimal(units), **more}])


def shown(world: World) -> tuple[str, str, list[str]]:
    """Return the item's limit, what may be promised of it, and that at each node."""
    with world.store.read() as conn:
        [found] = read_availability(conn, ["A"])
    return found["backorder_limit"], found["promisable"], [each["promisable"] for each in found["nodes"]]


def place(world: World, units: int) -> str:
    world.send("order", world.order({"A": units}, partial_shipment_allowed=False))
    world.drain()
    return str(world.one("SELECT phase FROM orders ORDER BY id DESC").phase)


def check(world: World) -> None:
    world.check_books()
    assert (
        world.all(
            "SELECT 1 FROM stock_position p LEFT JOIN (SELECT item_id, node_id, sum(safety) AS s,"
            " sum(backorder_limit) AS b FROM stock_movement GROUP BY 1, 2) m USING (item_id, node_id)"
            " WHERE (p.safety, p.backorder_limit) IS DISTINCT FROM (coalesce(m.s, 0), coalesce(m.b, 0))"
        )
        == []
    )


def cases(world: World) -> list[tuple[str, str]]:
    return [(row.code, row.state) for row in world.all("SELECT code, state FROM exception_case ORDER BY id")]


def test_a_limit_raised_or_lowered_holds_at_once(world: World) -> None:
    limit(world, 5)
    assert shown(world) == ("5", "10", ["5", "5"])
    assert place(world, 5) == "releasing"
    limit(world, 7)
    all_nodes, whole, each = shown(world)
    assert (all_nodes, whole, sorted(each)) == ("7", "9", ["2", "7"])
    limit(world, 5)
    limit(world, 5, title="Renamed")
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "title": "Not said"}])
    assert shown(world)[:2] == ("5", "5")
    assert cases(world) == []
    check(world)


def test_a_limit_below_what_is_promised_keeps_the_promise_and_says_so(world: World) -> None:
    limit(world, 5)
    assert place(world, 4) == "releasing"
    limit(world, 1)
    assert shown(world)[:2] == ("1", "1")
    assert cases(world) == [("STOCK-LIMIT-001", "open")]
    assert world.one("SELECT evidence FROM exception_case").evidence["over"] == "3"
    assert place(world, 2) == "backordered"
    check(world)
    with world.store.begin() as unit:
        assert follow_limits(unit) == 0
        cancel_order(unit, world.hub.facts.get(unit.conn, 1), world.one(FIRST).id)
    with world.store.begin() as unit:
        assert (follow_limits(unit), follow_limits(unit), check_limits(unit)) == (1, 0, 0)
    assert shown(world) == ("1", "2", ["1", "1"])
    assert ("STOCK-LIMIT-001", "superseded") in cases(world)
    check(world)


def test_what_is_promised_of_supply_stays_beside_the_limit(world: World) -> None:
    with world.store.begin() as unit:
        expect_supply(unit, sku="A", node="HAM", reference="PO-1", quantity=Decimal(9), promisable=Decimal(3))
    limit(world, 2)
    assert shown(world) == ("2", "7", ["5", "2"])
    limit(world, 0)
    assert shown(world) == ("0", "3", ["3", "0"])
    check(world)


def test_a_limit_that_was_written_past_the_hub_is_found(world: World) -> None:
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE item SET backorder_limit = 3 WHERE sku = 'A'"))
        assert (check_limits(unit), check_limits(unit)) == (2, 0)
    assert shown(world) == ("3", "6", ["3", "3"])


FIRST = "SELECT id FROM orders ORDER BY id LIMIT 1"
