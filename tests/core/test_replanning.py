"""Outages, lost capacity and disruptions: who is concerned, what it would cost elsewhere, and what is then done."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.services.affected import Affected, Scope, find_affected
from core.services.disruptions import add_disruption, change_node, end_disruption
from core.services.facts import read_facts
from core.services.promise_watch import watch_promises
from core.services.replanning import Replan, apply_replans, compare, report
from core.services.rerouting import decided, of_order
from core.store.read.decisions import read_decision
from core.store.unit import Store
from tests.core.carriers import change, forget, ordered, places, rates, reason, services
from tests.core.waiting import in_force
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 30, ("A", "LYS"): 30, ("B", "HAM"): 30})


def looked_at(world: World, **scope: Any) -> tuple[list[Affected], list[Replan]]:
    with world.store.begin() as unit:
        facts = read_facts(unit.conn, world.partners, unit.tenant)
        affected = find_affected(unit.conn, facts, Scope(**scope))
        return affected, compare(unit, facts, affected)


def carried_out(world: World, replans: Sequence[Replan]) -> dict[str, int]:
    with world.store.begin() as unit:
        done = apply_replans(unit, read_facts(unit.conn, world.partners, unit.tenant), replans, "test")
    forget(world)
    world.drain()
    return done


def off(world: World, code: str, **changes: Any) -> None:
    with world.store.begin(actor="test") as unit:
        change_node(unit, code, {"active": False, **changes})
    forget(world)


def works(world: World) -> list[tuple[str, str]]:
    return [(work.code, work.state) for work in world.work()]


def test_an_outage_lists_compares_and_moves_what_nobody_was_told_of(world: World) -> None:
    ordered(world, {"A": 2})
    ordered(world, {"A": 1, "B": 1})
    off(world, "HAM")
    affected, replans = looked_at(world, node=world.nodes["HAM"])
    assert [(each.way, len(each.lines)) for each in affected] == [("moves", 1), ("moves", 2)]
    # From Hamburg 268.25 km, from Lyon 719.2 km, at 0.20 per 100 km; 4.00 a shipment and 0.50 a unit.
    assert [(each.before, each.after) for each in replans] == [(55365, 64384), (55365, 59384)]
    assert [{world.facts.nodes[node].code for node in each.legs} for each in replans] == [{"LYS"}, {"LYS"}]
    assert [sum(each.short.values()) for each in replans] == [0, 1]  # nobody else has B
    assert works(world) == [("HAM", "released")] * 2  # compared, not booked
    assert carried_out(world, replans) == {"moved": 2, "asked": 0, "stayed": 0}
    assert sorted(works(world)) == [("HAM", "canceled")] * 2 + [("LYS", "released")] * 2
    world.check_books()
    made = [row.id for row in world.all("SELECT id FROM decision ORDER BY at, id")]
    assert len(made) == 4
    with world.store.read() as conn:
        later = [read_decision(conn, each)["candidates"] for each in made[2:]]
    assert {row["reason"] for rows in later for row in rows if row["node"] == "HAM"} == {"switched off"}


def test_costs_are_money_whatever_the_policy_weighs_them_as(world: World) -> None:
    in_force(world, {"weights": {"shipment": 0, "way": 10}})
    ordered(world, {"A": 2})
    [row] = world.all("SELECT id, decision_id FROM orders")
    with world.store.begin() as unit:
        facts = read_facts(unit.conn, world.partners, unit.tenant)
        money = decided(of_order(unit, facts, row.id))
        decision = read_decision(unit.conn, row.decision_id)
    assert Decimal(money["weighed"]) < Decimal(money["cost"]) == Decimal(decision["cost"])
    event = world.one("SELECT data FROM event WHERE type = 'order.allocated'").data
    assert Decimal(event["cost"]) / 10_000 == Decimal(money["cost"])
    off(world, "HAM")
    affected, replans = looked_at(world, node=world.nodes["HAM"])
    found = report(world.facts, affected, replans)["orders"][0]
    assert Decimal(found["cost_before"]) == Decimal(money["cost"])
    assert Decimal(found["cost_after"]) > Decimal(found["cost_before"])


def test_work_of_a_node_that_works_stays_where_it_is(world: World) -> None:
    # The day is full with this very work, and the work is not in its own way.
    change(world, "UPDATE node SET capacity_per_day = 2")
    for units in (2, 3):
        ordered(world, {"A": units})
    before = [(work.id, work.code, work.state) for work in world.work()]
    affected, replans = looked_at(world, node=world.nodes["HAM"])
    found = report(world.facts, affected, replans)
    assert (found["affected"], found["moves"], found["asked"], found["stays"], found["orders"]) == (2, 0, 0, 2, [])
    assert (found["cost_before"], found["cost_after"], found["short"]) == ("0", "0", 0)
    assert [each["reason"] for each in found["staying"]] == ["would be planned just as it is"] * 2
    assert carried_out(world, replans) == {"moved": 0, "asked": 0, "stayed": 0}
    assert [(work.id, work.code, work.state) for work in world.work()] == before


def test_what_nobody_else_has_stays_and_makes_nothing_cheaper(world: World) -> None:
    ordered(world, {"B": 2})
    ordered(world, {"A": 1, "B": 1})
    ordered(world, {"A": 2})
    off(world, "HAM")
    affected, replans = looked_at(world, node=world.nodes["HAM"])
    found = report(world.facts, affected, replans)
    assert [row["number"] for row in found["orders"]] == ["#1002", "#1003"]
    assert [(row["number"], row["node"], row["reason"]) for row in found["staying"]] == [
        ("#1001", "HAM", "cannot be moved: no other node can ship any of it")
    ]
    assert (found["affected"], found["moves"], found["asked"], found["stays"], found["short"]) == (3, 2, 0, 1, 2)
    # #1002 leaves B behind, so only #1003 is compared.
    assert (found["cost_before"], found["cost_after"]) == ("5.5365", "6.4384")
    assert carried_out(world, replans) == {"moved": 2, "asked": 0, "stayed": 0}
    assert works(world)[0] == ("HAM", "released")
    world.check_books()


def test_a_node_that_was_told_is_asked_and_what_is_picked_stays(world: World) -> None:
    [told], _ = ordered(world, {"A": 1})
    [picking], _ = ordered(world, {"A": 1})
    world.deliver(world.wms)
    world.send("fulfillment_update", {"fulfillment": f"ful_{picking.id.hex}", "status": "picking"}, world.wms)
    world.drain()
    off(world, "HAM")
    affected, replans = looked_at(world, node=world.nodes["HAM"])
    assert {each.id: (each.way, each.reason) for each in affected} == {
        told.id: ("asked", "its node was told of it and must agree"),
        picking.id: ("stays", "is picking"),
    }
    assert carried_out(world, replans) == {"moved": 0, "asked": 1, "stayed": 0}
    assert sorted(works(world)) == [("HAM", "canceling"), ("HAM", "picking")]
    world.send("fulfillment_update", {"fulfillment": f"ful_{told.id.hex}", "status": "canceled"}, world.wms)
    world.drain()
    assert sorted(works(world)) == [("HAM", "canceled"), ("HAM", "picking"), ("LYS", "released")]
    world.check_books()


def test_an_outage_with_an_end_ends_by_itself(world: World) -> None:
    off(world, "HAM", active=True, off_until=now() + timedelta(hours=2), off_reason="inventory")
    [work], decision = ordered(world, {"A": 1})
    assert work.code == "LYS"
    assert reason(decision, "HAM").startswith("off until 20")
    assert reason(decision, "HAM").endswith(": inventory")
    change(world, "UPDATE node SET off_until = clock_timestamp() - interval '1 second'")
    [work], _ = ordered(world, {"A": 1})
    assert work.code == "HAM"


def test_what_is_over_a_lost_capacity_goes_the_newest_first(world: World) -> None:
    released = [ordered(world, {"A": 1})[0][0] for _ in range(4)]
    with world.store.begin(actor="test") as unit:
        change_node(unit, "HAM", {"capacity_per_day": 1})
    forget(world)
    affected, replans = looked_at(world, node=world.nodes["HAM"], over_capacity=True)
    assert [each.id for each in affected] == [work.id for work in released[1:]]
    assert all({world.facts.nodes[node].code for node in each.legs} == {"LYS"} for each in replans)
    carried_out(world, replans)
    assert sorted(works(world)) == [("HAM", "canceled")] * 3 + [("HAM", "released")] + [("LYS", "released")] * 3
    assert looked_at(world, node=world.nodes["HAM"], over_capacity=True) == ([], [])


def test_a_shut_area_stops_its_nodes_until_it_is_over(world: World) -> None:
    places(world, ("FR", "69001", 45.77, 4.83))
    ordered(world, {"A": 1})
    to_lyon = {"name": "Ada", "line1": "1 rue", "city": "Lyon", "postal_code": "69001", "country": "FR"}
    ordered(world, {"A": 1}, ship_to=to_lyon)
    with world.store.begin(actor="test") as unit:
        circle = {"latitude": 45.8, "longitude": 4.8, "km": 50.0}
        snow = add_disruption(unit, {"label": "snow", "area": circle, "ends_at": unit.now + timedelta(days=4)})
    forget(world)
    affected, replans = looked_at(world, disruption=snow)
    [found] = affected
    assert (found.way, world.facts.nodes[found.node_id].code) == ("moves", "LYS")
    [replan] = replans
    assert [world.facts.nodes[node].code for node in replan.legs] == ["HAM"]
    [work], decision = ordered(world, {"A": 1}, ship_to=to_lyon)
    assert (work.code, reason(decision, "LYS")) == ("HAM", "disruption: snow")
    change(world, "UPDATE stock_position p SET safety = on_hand - allocated FROM node n WHERE n.id = p.node_id"
                  " AND n.code = 'HAM'")  # fmt: skip
    [late], _ = ordered(world, {"A": 1}, ship_to=to_lyon)
    assert late.code == "LYS"
    assert late.ship_on > (now() + timedelta(days=4)).date()
    with world.store.begin(actor="test") as unit:
        end_disruption(unit, snow)
    forget(world)
    [work], _ = ordered(world, {"A": 1}, ship_to=to_lyon)
    assert (work.code, work.ship_on < late.ship_on) == ("LYS", True)


def test_a_carrier_that_is_out_in_an_area_is_passed_over_there(world: World) -> None:
    for carrier, price in (("nordpost", "3"), ("southpost", "5")):
        services(world, {"carrier": carrier, "service": "parcel", "transit_days": {"*": 1}})
        rates(world, {"carrier": carrier, "service": "parcel", "price": price})
    [before], _ = ordered(world, {"A": 1})
    with world.store.begin(actor="test") as unit:
        area = {"country": "DE", "prefixes": ["24"]}
        strike = add_disruption(unit, {"label": "strike", "area": area, "carrier": "nordpost"})
    forget(world)
    affected, replans = looked_at(world, disruption=strike)
    assert [(each.id, each.carrier, each.way) for each in affected] == [(before.id, "nordpost", "moves")]
    [replan] = replans
    assert [(leg.carrier, world.facts.nodes[node].code) for node, leg in replan.legs.items()] == [("southpost", "HAM")]
    assert replan.before is not None
    assert replan.after - replan.before == 20000
    [after], decision = ordered(world, {"A": 1})
    assert (after.code, after.carrier) == ("HAM", "southpost")
    assert reason(decision, "HAM", "nordpost/parcel") == "disruption: strike"
    elsewhere = {"name": "Ada", "line1": "Weg 1", "city": "Ulm", "postal_code": "89073", "country": "DE"}
    [work], _ = ordered(world, {"A": 1}, ship_to=elsewhere)
    assert work.carrier == "nordpost"


def test_goods_that_go_into_a_shut_area_are_listed_and_stay(world: World) -> None:
    ordered(world, {"A": 1})
    with world.store.begin(actor="test") as unit:
        flood = add_disruption(unit, {"label": "flood", "area": {"country": "DE", "prefixes": ["24"]}})
    affected, replans = looked_at(world, disruption=flood)
    assert [(each.way, each.reason) for each in affected] == [("stays", "goes into the area, wherever it is sent from")]
    assert replans == []


def test_days_are_compared_with_days_of_their_own_kind(world: World) -> None:
    """Work placed before there were services has no day of arrival: both are then what the hub expects."""
    ordered(world, {"A": 2})
    services(world, {"carrier": "Nordpost", "service": "parcel", "nodes": ["LYS"], "transit_days": {"*": 2}})
    rates(world, {"carrier": "Nordpost", "service": "parcel", "to_country": "DE", "price": "4.20"})
    off(world, "HAM")
    affected, replans = looked_at(world, node=world.nodes["HAM"])
    [leg] = replans[0].legs.values()
    assert leg.arrive_on is not None
    [row] = report(world.facts, affected, replans)["orders"]
    assert (row["dates"], row["date_before"] < row["date_after"], row["later"]) == ("expected", True, True)


def test_a_move_that_breaks_a_promise_says_so_before_and_is_what_the_watch_finds_after(world: World) -> None:
    ordered(world, {"A": 2})
    change(world, "UPDATE promise SET due_at = due_50, level = 0.5")
    due = world.one("SELECT due_at FROM promise").due_at
    off(world, "HAM")
    affected, replans = looked_at(world, node=world.nodes["HAM"])
    found = report(world.facts, affected, replans)
    [row] = found["orders"]
    # It leaves Lyon on the same day, and is longer on its way.
    assert (row["dates"], row["date_before"], row["due_at"]) == (
        "expected", due.date().isoformat(), due.isoformat().replace("+00:00", "Z"),
    )  # fmt: skip
    assert row["date_after"] > row["date_before"]
    assert (row["later"], row["at_risk"], found["later"], found["at_risk"]) == (True, True, 1, 1)
    carried_out(world, replans)
    with world.store.begin(actor="relay") as unit:
        watch_promises(unit, world.facts)
    assert world.one("SELECT risk FROM promise").risk == pytest.approx(row["promise_late"], abs=0.01)
    assert row["promise_late"] > 0.5


def test_a_move_that_leaves_units_behind_breaks_the_promise_and_one_without_promise_breaks_none(world: World) -> None:
    ordered(world, {"A": 1, "B": 1})
    ordered(world, {"A": 1})
    change(world, "DELETE FROM promise USING orders o WHERE o.id = order_id AND o.number = '#1002'")
    off(world, "HAM")
    affected, replans = looked_at(world, node=world.nodes["HAM"])
    short, bare = report(world.facts, affected, replans)["orders"]
    assert (short["number"], short["promise_late"], short["at_risk"], short["later"]) == ("#1001", 1.0, True, True)
    assert (bare["number"], bare["promise_late"], bare["at_risk"], bare["due_at"]) == ("#1002", None, False, None)
    assert bare["later"]
