"""What a buyer fetches: made ready at its node, promised to be ready there, and over when it is handed out."""

from decimal import Decimal

import pytest

from core.domain.documents import check_document
from core.domain.ids import public_id
from core.services.promise_watch import watch_promises
from core.services.promising import Wanted, offer
from core.services.reports import ship
from core.store.unit import Store
from tests.core.carriers import change, ordered, rates, services
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    """HAM and LYS both have all of A, and parcels have a price."""
    found = World(store, {("A", "HAM"): 9, ("A", "LYS"): 9})
    services(found, {"carrier": "nordpost", "service": "parcel", "transit_days": {"*": 2}})
    rates(found, {"carrier": "nordpost", "service": "parcel", "price": "3.20"})
    return found


def test_a_pickup_costs_no_way_is_promised_as_ready_and_ends_when_it_is_handed_out(world: World) -> None:
    far = {"name": "Ada", "line1": "Weg 1", "city": "Sydney", "postal_code": "2000", "country": "AU"}
    change(world, "UPDATE node SET distance_cost = 1, postal_code = '69001' WHERE code = 'LYS'")
    for address in (far, None):
        [work], decision = ordered(world, {"A": 1}, pickup_node="LYS", ship_to=address)
        [row] = [each for each in decision.candidates if each["chosen"]]
        assert (row["node"], row["km"], "way" in row["terms"], "rate" in row["terms"]) == ("LYS", 0, False, False)
        values = {"o": work.order_id}
        part = world.one("SELECT * FROM promise_part WHERE order_id = :o", **values)
        promise = world.one("SELECT * FROM promise WHERE order_id = :o", **values)
        assert (promise.due_at, promise.due_95, promise.to_country) == (part.ship_at, part.ship_at, "FR")
        if address is None:
            with world.store.begin() as unit:
                hand_out = {"fulfillment": public_id("fulfillment", work.id), "external_id": "H1"}
                ship(unit, world.hub.facts.get(unit.conn, 1), check_document("shipment", hand_out), refuse=True)
            parcel = world.one("SELECT * FROM shipment")
            assert (parcel.state, parcel.delivered_at) == ("delivered", parcel.shipped_at)
            assert world.one("SELECT phase FROM orders WHERE id = :o", **values).phase == "delivered"
            with world.store.begin() as unit:
                watch_promises(unit, world.hub.facts.get(unit.conn, 1))
            assert world.one("SELECT state FROM promise WHERE order_id = :o", **values).state == "kept"
            assert world.all("SELECT * FROM outcome") == []  # nothing to learn of ways
    assert world.all("SELECT * FROM hold") == []


def test_an_offer_for_a_pickup_is_about_being_ready_and_is_what_its_order_gets(world: World) -> None:
    with world.store.begin() as unit:
        terms = {"pickup_node": "LYS"}
        made = offer(unit, world.hub.facts.get(unit.conn, 1), [Wanted("A", Decimal(1))], "AU", "2000", asked=terms)
    [work], _ = ordered(world, {"A": 1}, pickup_node="LYS", promise=public_id("promise", made), ship_to=None)
    promise = world.one("SELECT * FROM promise")
    part = world.one("SELECT * FROM promise_part")
    assert (promise.id, promise.order_id, promise.state) == (made, work.order_id, "standing")
    assert (promise.due_at, promise.due_95) == (part.ship_at, part.ship_at)


def test_a_pickup_that_waits_for_its_buyer_is_not_late_and_one_nobody_made_ready_is(world: World) -> None:
    ordered(world, {"A": 1}, pickup_node="LYS")
    change(world, "UPDATE promise SET due_at = due_at - interval '30 days', watch_at = now()")
    change(world, "UPDATE promise_part SET ship_at = ship_at - interval '30 days'")
    change(world, "UPDATE fulfillment_order SET state = 'picking'")
    for state, found in (("picking", ("standing", [])), ("released", ("late", ["LYS has not made it ready"]))):
        change(world, "UPDATE fulfillment_order SET state = :s", s=state)
        change(world, "UPDATE promise SET watch_at = now()")
        with world.store.begin() as unit:
            watch_promises(unit, world.hub.facts.get(unit.conn, 1))
        told = [row.evidence["detail"] for row in world.all("SELECT evidence FROM exception_case")]
        assert (world.one("SELECT state FROM promise").state, told) == found
