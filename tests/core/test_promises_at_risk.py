"""What a standing promise rests on is gone: its risk and its case say so at once, and end when it is back."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.services import stock
from core.services.canceling import cancel_order
from core.services.disruptions import add_disruption, change_node, end_disruption
from core.services.promise_outages import look_at_outages
from core.services.promise_watch import watch_promises
from core.services.recalling import recall_work
from core.store.unit import Store
from tests.core.carriers import change, forget, ordered, places
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    """Five units of A, at one node."""
    return World(store, {("A", "HAM"): 5})


def swept(world: World) -> Any:
    """Do what the relay does within seconds, without letting any time pass, and return the promise."""
    forget(world)
    with world.store.begin(actor="relay") as unit:
        facts = world.hub.facts.get(unit.conn, unit.tenant)
        look_at_outages(unit, facts)
        watch_promises(unit, facts)
    return world.one("SELECT * FROM promise WHERE order_id IS NOT NULL")


def cases(world: World) -> list[tuple[str, str]]:
    return [
        (row.title, row.state)
        for row in world.all("SELECT title, state FROM exception_case WHERE code = 'PROMISE-RISK-001' ORDER BY id")
    ]


def switched(world: World, **changes: Any) -> None:
    with world.store.begin(actor="test") as unit:
        change_node(unit, "HAM", changes)


def shut(world: World, days: float | None = 20, carrier: str | None = None, **area: Any) -> Any:
    with world.store.begin(actor="test") as unit:
        body = {"label": "flood", "area": area or {"country": "DE", "prefixes": ["2"]}, "carrier": carrier}
        return add_disruption(unit, {**body, "ends_at": None if days is None else unit.now + timedelta(days=days)})


def opened(world: World, disruption: Any) -> None:
    with world.store.begin(actor="test") as unit:
        end_disruption(unit, disruption)


def placed(world: World) -> None:
    """Give both nodes and the buyer a postcode: the node is in Hamburg, the buyer in Kiel."""
    change(world, "UPDATE node SET postal_code = CASE code WHEN 'HAM' THEN '20095' ELSE '69001' END")


def test_an_order_of_which_the_only_node_rejects_its_work_is_at_risk_until_stock_is_found(world: World) -> None:
    [work], _ = ordered(world, {"A": 2})
    assert swept(world).risk == pytest.approx(0.1)
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": "rejected"}, world.wms)
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "backordered"
    found = swept(world)
    assert (found.state, found.risk) == ("standing", 1.0)
    assert cases(world) == [("Promises at risk: no node has stock for all units", "open")]
    with world.store.begin() as unit:
        stock.set_on_hand(unit, {(world.items["A"], world.nodes["LYS"]): Decimal(9)}, None, "receipt")
        unit.conn.execute(text("UPDATE orders SET sourcing_at = clock_timestamp()"))
    world.drain()
    assert swept(world).risk < 0.9
    assert ("Promises at risk: no node has stock for all units", "open") not in cases(world)


def test_units_that_are_about_to_be_sourced_are_not_missing_yet(world: World) -> None:
    ordered(world, {"A": 2})
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE reservation SET state = 'released'"))
        unit.conn.execute(text("UPDATE fulfillment_order SET state = 'rejected'"))
        unit.conn.execute(text("UPDATE orders SET sourcing_at = clock_timestamp()"))
        unit.conn.execute(text("UPDATE promise SET watch_at = clock_timestamp()"))
    found = swept(world)
    assert found.risk == pytest.approx(0.1)
    assert found.watch_at <= now() + timedelta(minutes=1)
    assert cases(world) == []


def test_an_order_raised_above_the_stock_is_at_risk(world: World) -> None:
    body = world.order({"A": 2})
    world.send("order", body)
    world.drain()
    assert swept(world).state == "standing"
    line = {**body["lines"][0], "quantity": "9"}
    world.send("order", {**body, "lines": [line], "totals": {"grand": "90"}, "source_version": 2})
    world.drain()
    assert world.one("SELECT quantity FROM order_line").quantity == 9
    assert swept(world).risk == 1.0
    assert cases(world) == [("Promises at risk: no node has stock for all units", "open")]


def test_a_node_that_is_off_sends_nothing_until_it_is_on_again(world: World) -> None:
    ordered(world, {"A": 2})
    before = swept(world)
    switched(world, active=False, off_reason="fire")
    assert swept(world).risk == 1.0
    assert cases(world) == [("Promises at risk: HAM sends nothing (switched off: fire)", "open")]
    switched(world, active=True)
    assert swept(world).risk == pytest.approx(before.risk, abs=0.1)
    assert cases(world)[0][1] == "superseded"
    version = world.one("SELECT version FROM promise").version
    assert swept(world).version == version  # nothing has changed, so nothing is looked at


def test_a_node_that_is_off_until_a_moment_sends_from_then_on(world: World) -> None:
    ordered(world, {"A": 2})
    before = swept(world)
    switched(world, off_until=now() + timedelta(minutes=1))
    short = swept(world)
    assert short.version > before.version
    assert short.risk < 1.0
    switched(world, off_until=now() + timedelta(days=30))
    assert swept(world).risk == 1.0


def test_a_shut_area_puts_what_leaves_it_at_risk(world: World) -> None:
    placed(world)
    ordered(world, {"A": 2})
    swept(world)
    flood = shut(world, country="DE", prefixes=["20"])
    assert swept(world).risk == 1.0
    assert cases(world) == [("Promises at risk: HAM sends nothing (disruption: flood)", "open")]
    opened(world, flood)
    assert swept(world).risk < 0.2
    assert cases(world)[0][1] == "superseded"


def test_a_shut_destination_puts_work_and_parcels_at_risk_until_it_is_open(world: World) -> None:
    placed(world)
    [work], _ = ordered(world, {"A": 2})
    before = swept(world)
    flood = shut(world, country="DE", prefixes=["24"])
    assert swept(world).risk == 1.0
    assert cases(world) == [("Promises at risk: DE 24103 cannot be reached (disruption: flood)", "open")]
    left = {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}", "carrier": "DHL", "tracking_number": "T1"}
    world.send("shipment", {**left, "occurred_at": now().isoformat()}, world.wms)
    world.drain()
    assert swept(world).risk == 1.0
    opened(world, flood)
    assert swept(world).risk < 0.5
    assert cases(world)[0][1] == "superseded"
    assert before.due_at == world.one("SELECT due_at FROM promise").due_at


def test_a_shut_destination_that_opens_before_a_promise_is_due_leaves_it_its_chance(world: World) -> None:
    placed(world)
    ordered(world, {"A": 2})
    change(world, "UPDATE promise SET due_at = due_at + interval '60 days'")
    shut(world, days=3, country="DE", prefixes=["24"])
    assert swept(world).risk < 0.1
    assert cases(world) == []


def test_a_circle_around_the_buyer_and_a_carriers_area_count_too(world: World) -> None:
    places(world, ("DE", "24103", 54.32, 10.13), ("DE", "20095", 53.55, 10.0))
    ordered(world, {"A": 2})
    swept(world)
    strike = shut(world, latitude=54.3, longitude=10.1, km=5.0)
    assert swept(world).risk == 1.0
    opened(world, strike)
    assert swept(world).risk < 0.2


def test_orders_that_somebody_works_on_are_looked_at_in_the_next_sweep(world: World) -> None:
    ordered(world, {"A": 1})
    ordered(world, {"A": 1})
    swept(world)
    switched(world, active=False)
    with world.store.begin() as unit:
        unit.conn.execute(text("SELECT 1 FROM orders WHERE number = '#1001' FOR UPDATE"))
        swept(world)
        risks = "SELECT p.risk FROM promise p JOIN orders o ON o.id = p.order_id ORDER BY o.number"
        assert [row.risk < 0.2 for row in world.all(risks)] == [True, False]
    swept(world)
    assert [row.risk for row in world.all(risks)] == [1.0, 1.0]
    assert world.one("SELECT value->'missed' AS missed FROM setting WHERE name = 'promises.outages'").missed == []


def asked_back(world: World) -> Any:
    """Have an order's node told of its work and asked to stop, and return the work."""
    [work], _ = ordered(world, {"A": 2})
    world.deliver(world.wms)
    with world.store.begin(actor="test") as unit:
        recall_work(unit, world.facts, work.order_id, "goes elsewhere")
        unit.conn.execute(text("UPDATE promise SET watch_at = clock_timestamp()"))
    assert world.work()[0].state == "canceling"
    return work


def canceled(world: World, work: Any) -> None:
    """Have the buyer cancel all of it, which the node is asked for."""
    world.deliver(world.wms)
    with world.store.begin(actor="test") as unit:
        cancel_order(unit, world.facts, work.order_id)
        unit.conn.execute(text("UPDATE promise SET watch_at = clock_timestamp()"))
    assert world.one("SELECT state FROM orders").state == "canceling"


def answered(world: World, work: Any, status: str) -> None:
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": status}, world.wms)
    world.drain()


def test_work_that_is_to_go_elsewhere_is_at_risk_while_its_node_does_not_answer(world: World) -> None:
    work = asked_back(world)
    assert swept(world).risk < 0.2
    switched(world, active=False, off_reason="fire")
    assert swept(world).risk == 1.0
    assert cases(world) == [("Promises at risk: HAM sends nothing (switched off: fire)", "open")]
    switched(world, active=True)
    assert swept(world).risk < 0.2
    assert cases(world)[0][1] == "superseded"
    change(world, "UPDATE promise SET due_at = clock_timestamp() + interval '1 hour', watch_at = clock_timestamp()")
    assert swept(world).risk == 1.0
    assert ("Promises at risk: HAM has not said whether it gives it back", "open") in [
        (row.title, row.state)
        for row in world.all("SELECT 'Promises at risk: ' || (evidence->>'detail') AS title, state FROM exception_case")
    ]
    answered(world, work, "cancel_declined")
    assert world.work()[0].state == "picking"
    assert swept(world).state == "standing"


def test_what_its_buyer_wants_no_more_makes_nothing_late_and_ends_no_case(world: World) -> None:
    [work], _ = ordered(world, {"A": 2})
    change(world, "UPDATE promise SET due_at = clock_timestamp() + interval '1 hour', watch_at = clock_timestamp()")
    before = swept(world)
    [case] = cases(world)
    assert (before.risk, case) == (1.0, ("Promises at risk: HAM has not sent it", "open"))
    canceled(world, work)
    assert (swept(world).risk, cases(world)) == (1.0, [case])
    change(world, "UPDATE promise SET due_at = due_at - interval '5 days', watch_at = clock_timestamp()")
    found = swept(world)
    assert (found.state, found.settled_at, cases(world)) == ("standing", None, [case])
    answered(world, work, "canceled")
    assert (swept(world).state, cases(world)) == ("void", [(case[0], "superseded")])


def test_it_is_late_when_the_node_had_gone_on_with_it(world: World) -> None:
    [work], _ = ordered(world, {"A": 2})
    canceled(world, work)
    change(world, "UPDATE promise SET due_at = due_at - interval '30 days', watch_at = clock_timestamp()")
    assert swept(world).state == "standing"
    answered(world, work, "cancel_declined")
    assert (world.one("SELECT state FROM orders").state, swept(world).state) == ("in_progress", "late")


def test_a_part_that_is_wanted_no_more_leaves_the_risk_to_the_others(store: Store) -> None:
    world = World(store)
    works, _ = ordered(world, {"B": 1, "C": 1})
    world.deliver(world.wms)
    [gone] = [work for work in works if work.code == "LYS"]
    line = world.one("SELECT line_id AS id FROM fulfillment_line WHERE fulfillment_id = :f", f=gone.id).id
    with world.store.begin(actor="test") as unit:
        cancel_order(unit, world.facts, gone.order_id, {line: Decimal(1)})
    switched(world, active=False)
    assert swept(world).risk == 1.0
    change(world, "UPDATE node SET active = (code = 'HAM')")
    found = swept(world)
    assert (found.risk < 0.2, {work.code: work.state for work in world.work()}["LYS"]) == (True, "canceling")
