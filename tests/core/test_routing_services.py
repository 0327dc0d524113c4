"""Orders are routed over carriers' services: price, weight, level, limits of the day, what must not be carried."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.domain.calendars import Calendar, local_day, next_ship_moment
from core.domain.documents import check_document
from core.errors import InputError, NotFound
from core.routing.problem import Policy
from core.routing.terms import arrival
from core.services.inforce import InForce
from core.services.rerouting import decided, of_order
from core.services.submit import submit_order
from core.services.whatif import scenario_of
from core.store.unit import Store
from tests.core.carriers import change, ordered, rates, reason, services
from tests.core.world import World, now

POST = {"carrier": "nordpost", "service": "parcel", "transit_days": {"*": 2}, "on_time": "0.95"}
FAST = {"carrier": "nordpost", "service": "express", "level": "express", "transit_days": {"*": 1}}


@pytest.fixture
def world(store: Store) -> World:
    """HAM and LYS both have all of A; parcels from LYS are cheaper to Denmark, from HAM to Germany."""
    found = World(store, {(sku, node): 50 for sku in "ABC" for node in ("HAM", "LYS")})
    change(found, "UPDATE item SET weight_g = 400")
    services(found, POST, FAST)
    rates(
        found,
        {**way("parcel", "DE", "DE"), "up_to_g": 1000, "price": "3.20"},
        {**way("parcel", "DE", "DE"), "up_to_g": 5000, "price": "5.10"},
        {**way("parcel", "FR", "DE"), "price": "7.00"},
        {**way("parcel", "DE", "DK"), "price": "9.00"},
        {**way("parcel", "FR", "DK"), "price": "6.50", "per_kg": "0.50"},
        {**way("express", "DE", "DE"), "price": "11.00"},
    )
    return found


def way(service: str, start: str, end: str) -> dict[str, str]:
    return {"carrier": "nordpost", "service": service, "from_country": start, "to_country": end}


def home(country: str = "DE") -> dict[str, str]:
    return {"name": "Ada", "line1": "Weg 1", "city": "Stadt", "postal_code": "24103", "country": country}


def test_the_cheapest_service_is_taken_and_kept_with_the_work(world: World) -> None:
    [work], decision = ordered(world, {"A": 2})
    leaves = leaves_on()
    assert (work.code, work.carrier, work.service) == ("HAM", "nordpost", "parcel")
    assert (work.ship_on, work.arrive_on) == (leaves, arrival(leaves, 2))
    [row] = [each for each in decision.candidates if each["chosen"]]
    # 4.00 for the shipment at the node, 3.20 for a parcel of 800 g, 0.50 handling a unit: no way beside the rate
    assert row["terms"] == {"shipment": 40000, "rate": 32000, "handling": 10000}
    assert decision.choice["cost"] == 82000


def test_the_work_tells_its_node_carrier_service_and_days(world: World) -> None:
    [work], _ = ordered(world, {"A": 2})
    world.deliver()
    [push] = world.partners.partners["wms"].order
    sent = push.payload["fulfillment"]
    assert (sent["carrier"], sent["service"], sent["pickup"]) == ("nordpost", "parcel", False)
    assert (sent["ship_on"], sent["arrive_on"]) == (work.ship_on.isoformat(), work.arrive_on.isoformat())


def test_weight_decides_the_step_of_the_rate(world: World) -> None:
    _, decision = ordered(world, {"A": 3})
    [row] = [each for each in decision.candidates if each["chosen"]]
    assert (row["node"], row["terms"]["rate"]) == ("HAM", 51000)  # 1,200 g


def test_what_is_too_heavy_for_one_parcel_goes_in_several(world: World) -> None:
    _, decision = ordered(world, {"A": 20})
    [row] = [each for each in decision.candidates if each["node"] == "HAM" and each.get("service") == "nordpost/parcel"]
    assert row["terms"]["rate"] == 2 * 51000  # 8 kg, at most 5 kg each


def test_the_price_per_kilogram_counts(world: World) -> None:
    [work], decision = ordered(world, {"A": 5}, ship_to=home("DK"))
    assert work.code == "LYS"
    assert reason(decision, "HAM", "nordpost/express") == "has no rate for this way"
    [row] = [each for each in decision.candidates if each["chosen"]]
    assert (row["terms"]["rate"], row["terms"]["carriage"]) == (65000, 5 * 2000)  # 400 g at 0.50 a kg is 0.20 a unit


def test_an_express_order_takes_express_and_only_where_there_is_a_rate(world: World) -> None:
    [work], decision = ordered(world, {"A": 1}, service_level="Express")
    assert (work.code, work.service) == ("HAM", "parcel")
    services(world, {**POST, "level": "standard"})
    [work], decision = ordered(world, {"A": 1}, service_level="Express")
    assert (work.code, work.service, work.arrive_on) == ("HAM", "express", arrival(leaves_on(), 1))
    assert reason(decision, "HAM", "nordpost/parcel") == "is standard, and express was asked for"
    assert reason(decision, "LYS", "nordpost/express") == "has no rate for this way"


def test_a_level_nobody_offers_does_not_stop_the_order(world: World) -> None:
    services(world, {**POST, "level": "standard"})
    [work], _ = ordered(world, {"A": 1}, service_level="same-day drone")
    assert work.service == "parcel"


def test_a_country_without_rates_waits_with_the_reason(world: World) -> None:
    work, decision = ordered(world, {"A": 1}, ship_to=home("PL"))
    assert work == []
    assert reason(decision, "HAM", "nordpost/parcel") == "has no rate for this way"
    assert world.one("SELECT state FROM orders").state == "accepted"


def test_a_full_day_sends_the_next_order_elsewhere_and_a_full_company_to_the_next_day(world: World) -> None:
    change(world, "UPDATE node SET capacity_per_day = 1")
    first, _ = ordered(world, {"A": 1})
    second, decision = ordered(world, {"A": 1})
    third, _ = ordered(world, {"A": 1})
    day = leaves_on()
    assert [(w.code, w.ship_on) for w in (*first, *second)] == [("HAM", day), ("LYS", day)]
    assert reason(decision, "HAM") == f"full on {day}: 1 of 1 fulfillment orders"
    assert [(w.code, w.ship_on) for w in third] == [("HAM", arrival(day, 1))]


def test_nothing_leaves_a_node_whose_capacity_is_0_or_by_a_service_that_fetches_0(world: World) -> None:
    change(world, "UPDATE node SET capacity_per_day = 0 WHERE code = 'HAM'")
    [work], decision = ordered(world, {"A": 1})
    assert (work.code, reason(decision, "HAM")) == ("LYS", "takes no orders: its capacity is 0 a day")
    services(world, {**POST, "pickup_limit": 0}, {**FAST, "pickup_limit": 0})
    none, decision = ordered(world, {"A": 1})
    assert (none, reason(decision, "LYS", "nordpost/parcel")) == ([], "fetches nothing: its limit is 0 parcels")
    change(world, "UPDATE node SET capacity_per_day = 0")
    for wish in ({}, {"deliver_not_before": (now().date() + timedelta(days=90)).isoformat()}):
        none, decision = ordered(world, {"A": 1}, **wish)
        assert (none, reason(decision, "LYS")) == ([], "takes no orders: its capacity is 0 a day")


def test_an_order_tried_with_a_capacity_of_0_leaves_from_nowhere(world: World) -> None:
    ordered(world, {"A": 1})
    order = world.one("SELECT id FROM orders").id
    with world.store.begin() as unit:
        facts = world.hub.facts.get(unit.conn, 1)
        tried = {
            words: decided(of_order(unit, facts, order, scenario), scenario)
            for words in ("node.HAM.capacity=0 node.LYS.capacity=0", "node.HAM.capacity=0")
            for scenario in [scenario_of(unit.conn, words.split(), 1)]
        }
    nothing, elsewhere = tried.values()
    assert (nothing["assignments"], nothing["short"]) == ([], {"A": "1"})
    assert [each["node"] for each in elsewhere["assignments"]] == ["LYS"]


def test_a_full_pickup_is_passed_over(world: World) -> None:
    services(world, {**POST, "pickup_limit": 1})
    ordered(world, {"A": 1})
    [work], decision = ordered(world, {"A": 1})
    assert work.code == "LYS"
    assert reason(decision, "HAM", "nordpost/parcel") == f"its pick-up on {leaves_on()} is full"


def test_a_day_asked_for_keeps_slow_services_out_and_late_is_better_than_never(world: World) -> None:
    services(world, {**FAST, "level": None})
    tomorrow = arrival(leaves_on(), 1)
    [work], decision = ordered(world, {"A": 1}, requested_delivery_date=tomorrow.isoformat())
    assert (work.service, work.arrive_on) == ("express", tomorrow)
    assert reason(decision, "HAM", "nordpost/parcel") == f"arrives on {arrival(leaves_on(), 2)}, later than asked for"
    today = (now().date() - timedelta(days=1)).isoformat()
    [work], _ = ordered(world, {"A": 1}, requested_delivery_date=today)
    assert work.service == "parcel"


def test_dangerous_and_frozen_goods_go_only_where_they_may(world: World) -> None:
    change(world, """UPDATE item SET attributes = '{"hazmat": true}' WHERE sku = 'A'""")
    change(world, """UPDATE item SET attributes = '{"storage": "frozen"}' WHERE sku = 'B'""")
    work, decision = ordered(world, {"A": 1})
    assert work == []
    assert reason(decision, "HAM", "nordpost/parcel") == "HAM takes no dangerous goods"
    change(world, """UPDATE node SET attributes = '{"hazmat": true, "storage": ["frozen"]}' WHERE code = 'LYS'""")
    work, decision = ordered(world, {"A": 1, "B": 1})
    assert work == []
    assert reason(decision, "LYS", "nordpost/parcel") == (
        "nordpost/parcel has no frozen storage; nordpost/parcel takes no dangerous goods"
    )
    services(world, {**POST, "hazmat": True, "storage": ["frozen"]})
    [work], _ = ordered(world, {"A": 1, "B": 1})
    assert (work.code, work.service) == ("LYS", "parcel")


def test_a_pickup_is_made_where_the_buyer_comes_and_pays_no_rate(world: World) -> None:
    [work], decision = ordered(world, {"A": 1}, pickup_node="LYS")
    assert (work.code, work.carrier) == ("LYS", None)
    assert reason(decision, "HAM") == "the buyer picks it up at LYS"
    world.deliver()
    assert world.partners.partners["wms"].order[-1].payload["fulfillment"]["pickup"] is True


def test_a_pickup_at_no_node_is_held(world: World) -> None:
    work, _ = ordered(world, {"A": 1}, pickup_node="NOWHERE")
    assert work == []
    [hold] = world.all("SELECT kind, detail FROM hold")
    assert (hold.kind, hold.detail) == ("unmapped_code", "pickup_node 'NOWHERE' is no node")


def test_a_service_is_for_the_nodes_and_channels_it_names(world: World) -> None:
    services(world, {**POST, "nodes": ["LYS"], "connections": ["shop"]})
    [work], decision = ordered(world, {"A": 1})
    assert (work.code, work.service) == ("LYS", "parcel")
    services(world, {**POST, "nodes": [], "connections": ["erp"]})
    [work], decision = ordered(world, {"A": 1})
    assert work.service == "express"  # rather than nothing at all
    assert reason(decision, "HAM", "nordpost/parcel") == "is not offered to this channel"


def test_the_most_exact_rate_holds_and_the_newest_of_two(world: World) -> None:
    rates(
        world,
        {**way("parcel", "DE", "DE"), "to_postal": "24", "price": "8.00", "zone": "island"},
        {**way("parcel", "FR", "DE"), "price": "6.90", "valid_from": "2026-01-01"},
        {**way("parcel", "FR", "DE"), "price": "0.10", "valid_from": "2999-01-01"},
    )
    services(world, {**POST, "transit_days": {"island": 4, "*": 2}})
    [work], decision = ordered(world, {"A": 1})
    found = {
        row["node"]: row["terms"]["rate"] for row in decision.candidates if row.get("service") == "nordpost/parcel"
    }
    assert found == {"HAM": 80000, "LYS": 69000}
    assert (work.code, work.arrive_on) == ("LYS", arrival(leaves_on(), 2))
    [work], _ = ordered(world, {"A": 1}, ship_to={**home(), "postal_code": "10115"})
    assert work.code == "HAM"


def test_rates_of_unknown_services_and_of_another_currency_are_refused(world: World) -> None:
    before = world.one("SELECT count(*) AS n FROM rate").n
    with pytest.raises(NotFound, match="no service 'air' of 'nordpost'"):
        rates(world, {**way("air", "DE", "DE"), "price": "1"})
    with pytest.raises(InputError) as refused:
        rates(world, {**way("parcel", "DE", "DE"), "price": "1", "currency": "SEK"})
    assert refused.value.error_code == "RATE-CURRENCY-422"
    assert world.one("SELECT count(*) AS n FROM rate").n == before


def leaves_on() -> date:
    """Return the day work released now leaves: nodes of these tests work by UTC, Monday to Friday until 17:00."""
    moment = next_ship_moment(Calendar(), now())
    assert moment is not None
    return local_day(Calendar(), moment)


def test_a_policy_that_minds_lateness_pays_for_the_more_punctual_carrier(world: World) -> None:
    services(world, {**POST, "on_time": "0.50"}, {**FAST, "level": None, "on_time": "1"})
    [work], _ = ordered(world, {"A": 1})
    assert work.service == "parcel"
    facts = replace(world.facts, policies=(InForce("punctual", 1, Policy(version="punctual@1", late_penalty=20_000)),))
    document = world.order({"A": 1})
    with world.store.begin() as unit:
        submit_order(unit, facts, world.shop, check_document("order", document), b"{}")
    work = world.work()[-1]
    # Half of the parcels late at twice the goods' 10.00 is 10.00: more than the 7.80 that express costs more.
    assert (work.carrier, work.service) == ("nordpost", "express")
