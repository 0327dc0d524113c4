"""What a channel shows against what it was told: sales come first, drift is what they do not explain."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.jobs.relay import Relay
from core.services.catalog import upsert_items
from core.services.channel_stock import plan_pushes
from core.services.drift import GRACE_SECONDS, end_doubts
from core.services.stock import set_on_hand
from core.store.unit import Store
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    """A shop that has been told 20 of A, 10 of B and 10 of C."""
    found = World(store)
    push(found)
    assert told(found) == {"A": 20, "B": 10, "C": 10}
    return found


def push(world: World) -> None:
    with world.store.begin() as unit:
        plan_pushes(unit, world.hub.facts.get(unit.conn, 1))
    world.deliver(world.shop)


def told(world: World) -> dict[str, Any]:
    rows = world.all("SELECT sku, pushed_quantity AS n FROM listing JOIN item i ON i.id = item_id ORDER BY 1")
    return {row.sku: row.n for row in rows}


def shows(world: World, sku: str, units: int, **more: Any) -> str:
    body = {"as_of": now().isoformat(), "items": [{"scheme": "variant", "code": f"v{sku}", "available": str(units)}]}
    world.send("channel_stock", {**body, **more})
    world.drain()
    return str(world.one("SELECT outcome FROM message ORDER BY received_at DESC LIMIT 1").outcome)


def overdue(world: World) -> int:
    """Let the grace time pass and return how much drift is found."""
    with world.store.begin() as unit:
        unit.conn.execute(
            text(
                "UPDATE listing SET doubted_at = doubted_at - make_interval(secs => :s),"
                " pushed_at = pushed_at - make_interval(secs => :s)"
            ),
            {"s": GRACE_SECONDS},
        )
    with world.store.begin() as unit:
        return end_doubts(unit, world.hub.facts.get(unit.conn, 1))


def cases(world: World) -> list[tuple[str, str]]:
    return [
        (row.state, row.sentence.split(". ")[0])
        for row in world.all("SELECT state, sentence FROM exception_case WHERE code = 'STOCK-DRIFT-001'")
    ]


def doubts(world: World) -> list[str]:
    rows = world.all("SELECT sku FROM listing JOIN item i ON i.id = item_id WHERE doubted_at IS NOT NULL ORDER BY 1")
    return [row.sku for row in rows]


def due(world: World) -> int:
    return int(world.one("SELECT count(*) AS n FROM listing WHERE dirty_at IS NOT NULL").n)


def test_a_sale_the_hub_has_not_heard_of_is_no_drift_and_not_sold_twice(world: World) -> None:
    assert shows(world, "A", 17) == "0 agree, 1 in doubt, 0 drifted"
    assert (cases(world), due(world), doubts(world)) == ([], 0, ["A"])
    world.send("order", world.order({"A": 3}))
    world.drain()
    push(world)
    assert told(world)["A"] == 17
    assert doubts(world) == []
    assert overdue(world) == 0
    assert cases(world) == []


def test_a_sale_that_comes_before_a_push_of_more_sales_is_no_drift(world: World) -> None:
    shows(world, "A", 19)
    for _ in range(2):
        world.send("order", world.order({"A": 1}))
    world.drain()
    push(world)
    assert (told(world)["A"], doubts(world)) == (18, [])
    # A cancellation in the shop puts one back before the hub hears of it: told again, no case.
    assert shows(world, "A", 19) == "0 agree, 1 in doubt, 0 drifted"
    assert cases(world) == []


def test_less_that_no_order_explains_within_the_grace_time_is_drift(world: World) -> None:
    shows(world, "A", 15)
    shows(world, "B", 9)
    with world.store.begin() as unit:
        assert end_doubts(unit, world.hub.facts.get(unit.conn, 1)) == 0
    assert shows(world, "B", 10) == "1 agree, 0 in doubt, 0 drifted"
    assert overdue(world) == 1
    assert cases(world) == [("open", "A: told 20, shows 15")]
    assert (doubts(world), due(world)) == ([], 1)
    push(world)
    assert shows(world, "A", 20) == "1 agree, 0 in doubt, 0 drifted"
    assert cases(world) == [("superseded", "A: told 20, shows 15")]


def test_units_of_orders_that_are_held_explain_what_is_missing(world: World) -> None:
    held = world.order({"A": 3}, totals={"grand": "999"})
    world.send("order", held)
    world.drain()
    assert world.one("SELECT state FROM orders").state == "held"
    shows(world, "A", 17)
    assert overdue(world) == 0
    assert (cases(world), doubts(world), due(world)) == ([], [], 0)
    shows(world, "A", 16)
    assert overdue(world) == 1
    assert cases(world) == [("open", "A: told 20, shows 16")]


def test_kits_that_wait_for_a_component_explain_what_is_missing(world: World) -> None:
    gift = {"sku": "GIFT", "references": [{"scheme": "variant", "code": "vGIFT"}]}
    parts = [{"sku": "A", "units": Decimal(2)}, {"sku": "B", "units": Decimal(1)}]
    with world.store.begin() as unit:
        upsert_items(unit, [{**gift, "components": parts}], world.shop)
    world.send("order", world.order({"GIFT": 6}))
    world.drain()
    assert world.one("SELECT sum(quantity / per_unit) AS n FROM reservation WHERE NOT follows").n == 5
    with world.store.begin() as unit:
        set_on_hand(unit, {(world.items["A"], world.nodes["HAM"]): Decimal(20)}, None, "receipt")
    push(world)
    # Five are promised and one waits: the shop, which has sold it, shows one less.
    told_units = int(told(world)["GIFT"])
    shows(world, "GIFT", told_units - 1)
    assert overdue(world) == 0
    shows(world, "GIFT", told_units - 2)
    assert overdue(world) == 1


def test_orders_of_another_channel_explain_nothing(world: World) -> None:
    world.send("order", world.order({"A": 3}, totals={"grand": "999"}), world.erp)
    world.drain()
    shows(world, "A", 17)
    assert overdue(world) == 1


def test_more_is_told_again_at_once_and_drift_when_it_shows_more_even_then(world: World) -> None:
    assert shows(world, "A", 25) == "0 agree, 1 in doubt, 0 drifted"
    assert (cases(world), due(world)) == ([], 1)
    assert shows(world, "A", 26) == "0 agree, 0 in doubt, 0 drifted"  # being told again: nothing to say yet
    push(world)
    assert doubts(world) == ["A"]
    assert shows(world, "A", 25) == "0 agree, 0 in doubt, 1 drifted"
    assert cases(world) == [("open", "A: told 20, shows 25")]
    assert (doubts(world), due(world)) == ([], 1)


def test_less_that_becomes_more_is_told_again(world: World) -> None:
    shows(world, "A", 19)
    assert due(world) == 0
    shows(world, "A", 21)
    assert due(world) == 1


def test_the_echo_of_a_push_may_come_before_its_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(
        "stock", {"node": "HAM", "as_of": now().isoformat(), "items": [{"sku": "A", "on_hand": "15"}]}, world.wms
    )
    world.drain()
    shop = world.partners.partners["shop"]
    answer = type(shop)._write

    def echo(push: Any) -> Any:
        assert shows(world, "A", 25) == "0 agree, 1 in doubt, 0 drifted"
        return answer(shop, push)

    monkeypatch.setattr(shop, "push_stock", echo, raising=False)
    push(world)
    assert told(world)["A"] == 25
    assert doubts(world) == []
    monkeypatch.undo()
    push(world)
    assert shows(world, "A", 25) == "1 agree, 0 in doubt, 0 drifted"
    assert cases(world) == []


def test_what_was_said_before_it_was_told_says_nothing(world: World) -> None:
    before = (now() - timedelta(seconds=60)).isoformat()
    assert shows(world, "A", 3, as_of=before) == "0 agree, 0 in doubt, 0 drifted"
    assert doubts(world) == []


def test_a_doubt_is_as_old_as_its_first_look(world: World) -> None:
    shows(world, "A", 19)
    first = world.one("SELECT doubted_at FROM listing WHERE doubted_at IS NOT NULL").doubted_at
    shows(world, "A", 18)
    row = world.one("SELECT doubted_at, shown_quantity FROM listing WHERE doubted_at IS NOT NULL")
    assert (row.doubted_at, row.shown_quantity) == (first, 18)


def test_the_relay_looks_after_doubts(world: World, db_url: str) -> None:
    shows(world, "A", 15)
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE listing SET doubted_at = doubted_at - interval '1 day', pushed_at = NULL"))
        unit.conn.execute(text("UPDATE listing SET pushed_at = doubted_at"))
    [chore] = [each for each in Relay(world.hub, db_url, "redis://127.0.0.1:1")._chores if each.name == "drift"]
    with world.store.begin() as unit:
        assert chore.run(unit) == 1
    assert cases(world) == [("open", "A: told 20, shows 15")]
