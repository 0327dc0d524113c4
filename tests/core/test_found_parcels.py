"""A parcel that its carrier lost and finds: what counts is what is true in the end, and nobody is left untold."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.domain.ids import public_id
from core.services.promise_watch import watch_promises
from core.services.scoring import refresh_scores
from core.store.unit import Store
from tests.core.carriers import change
from tests.core.world import World

# The parcel left ten days ago; facts are told by the hour after that.
LEFT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)
BUYER = {"email": "ada@example.com"}


@pytest.fixture
def world(store: Store) -> World:
    """An order of two units of A, whose parcel left ten days ago and is due in the end."""
    world = World(store)
    order(world)
    [work] = world.work()
    shipped(world, work, "T1")
    return world


def order(world: World, lines: dict[str, int] | None = None, **more: Any) -> None:
    placed = (LEFT - timedelta(days=1)).isoformat()
    world.send("order", world.order(lines or {"A": 2}, **{"placed_at": placed, "buyer": BUYER, **more}))
    world.drain()


def shipped(world: World, work: Any, parcel: str) -> None:
    left = {"external_id": parcel, "fulfillment": public_id("fulfillment", work.id), "carrier": "DHL"}
    world.send("shipment", {**left, "tracking_number": parcel, "occurred_at": LEFT.isoformat()}, world.wms)
    world.drain()


def told(world: World, *facts: tuple[str, float], parcel: str = "T1") -> Any:
    """Have the carrier tell facts, each with its hour, in this order; return the shipment."""
    for status, hour in facts:
        at = (LEFT + timedelta(hours=hour)).isoformat()
        world.send("tracking", {"tracking_number": parcel, "status": status, "occurred_at": at}, world.wms)
        world.drain()
    return world.one("SELECT state, delivered_at, state_at FROM shipment WHERE tracking_number = :n", n=parcel)


def watched(world: World) -> Any:
    with world.store.begin(actor="relay") as unit:
        watch_promises(unit, world.facts)
    return world.one("SELECT * FROM promise WHERE order_id IS NOT NULL ORDER BY id")


def score(world: World, measure: str) -> Any:
    with world.store.begin(actor="relay") as unit:
        refresh_scores(unit)
    return world.one(
        "SELECT value, prior, outcomes FROM score WHERE subject = 'carrier' AND part = '' AND measure = :m", m=measure
    )


def refunded(world: World, **more: Any) -> None:
    body = {"external_id": "R1", "order_external_id": "X1", "amount": "20.00", "currency": "EUR", **more}
    at = (LEFT + timedelta(hours=60)).isoformat()
    world.send("refund", {"occurred_at": at, **body})
    world.drain()


def found_cases(world: World) -> list[Any]:
    return list(world.all("SELECT * FROM exception_case WHERE code = 'SHIP-FOUND-001' ORDER BY id"))


def test_a_lost_parcel_that_is_delivered_counts_as_delivered(world: World) -> None:
    change(world, "UPDATE promise SET due_at = due_at + interval '9 days'")
    assert told(world, ("in_transit", 1), ("lost", 50)).state == "lost"
    assert watched(world).risk == 1.0
    lost = score(world, "lost")
    assert lost.value > lost.prior
    case = world.one("SELECT title, state FROM exception_case")
    assert (case.title, case.state) == ("Promises at risk: DHL DE>DE is lost", "open")
    shipment = told(world, ("delivered", 100))
    assert (shipment.state, shipment.delivered_at) == ("delivered", LEFT + timedelta(hours=100))
    found = watched(world)
    assert (found.state, found.risk, found.watch_at, found.delivered_at) == ("kept", 0.0, None, shipment.delivered_at)
    assert world.one("SELECT state FROM exception_case").state == "superseded"
    assert (world.one("SELECT phase FROM orders").phase, world.one("SELECT delivered FROM order_line").delivered) == (
        "delivered", 2,
    )  # fmt: skip
    assert world.one("SELECT state, delivered_at FROM outcome") == ("delivered", shipment.delivered_at)
    lost = score(world, "lost")
    assert lost.value < lost.prior
    events = [row.type for row in world.all("SELECT type FROM event WHERE type LIKE 'shipment.%' ORDER BY xid, seq")]
    assert events[-3:] == ["shipment.lost", "shipment.found", "shipment.delivered"]
    assert found_cases(world) == []


def test_one_that_is_found_too_late_is_late_and_not_lost(world: World) -> None:
    change(world, "UPDATE promise SET due_at = :at", at=LEFT + timedelta(hours=60))
    told(world, ("lost", 50))
    assert (watched(world).state, watched(world).delivered_at) == ("late", None)
    told(world, ("delivered", 100))
    found = watched(world)
    assert (found.state, found.delivered_at, found.watch_at) == ("late", LEFT + timedelta(hours=100), None)
    assert score(world, "lost").value < score(world, "lost").prior


@pytest.mark.parametrize("status", ["handed_over", "in_transit", "out_for_delivery"])
def test_a_lost_parcel_that_moves_is_under_way_again(world: World, status: str) -> None:
    change(world, "UPDATE promise SET due_at = due_at + interval '30 days'")
    told(world, ("in_transit", 1), ("lost", 50))
    watched(world)
    assert told(world, (status, 100)).state == status
    assert world.all("SELECT 1 FROM outcome") == []
    found = watched(world)
    assert (found.state, found.risk < 0.5) == ("standing", True)
    assert world.one("SELECT state FROM exception_case").state == "superseded"
    assert told(world, ("lost", 150)).state == "lost"
    assert watched(world).risk == 1.0
    assert world.one("SELECT state FROM outcome").state == "lost"
    assert told(world, ("delivered", 200)).state == "delivered"
    assert watched(world).state == "kept"


@pytest.mark.parametrize("status", ["in_transit", "out_for_delivery", "delivered", "returned_to_sender"])
@pytest.mark.parametrize("hour", [20, 50])
def test_what_was_before_the_loss_changes_nothing(world: World, status: str, hour: float) -> None:
    assert told(world, ("lost", 50), (status, hour)).state == "lost"
    assert world.one("SELECT state FROM outcome").state == "lost"
    # Nor does it when the parcel is found, whatever its rank.
    assert told(world, ("in_transit", 100), ("out_for_delivery", 30), ("delivered", 40)).state == "in_transit"
    assert world.one("SELECT sum(delivered) AS units FROM order_line").units == 0


def test_a_disturbance_finds_nothing_and_what_went_back_stays_back(world: World) -> None:
    assert told(world, ("lost", 50), ("disturbed", 60)).state == "lost"
    assert told(world, ("returned_to_sender", 70)).state == "returned_to_sender"
    assert world.one("SELECT state FROM outcome").state == "returned_to_sender"
    assert told(world, ("delivered", 80)).state == "returned_to_sender"
    assert world.one("SELECT sum(delivered) AS units FROM order_line").units == 0


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ((("in_transit", 100), ("lost", 50)), "in_transit"),
        ((("out_for_delivery", 10), ("in_transit", 100), ("lost", 50)), "out_for_delivery"),
        ((("lost", 50), ("lost", 80), ("in_transit", 70)), "lost"),
        ((("lost", 80), ("lost", 50), ("in_transit", 70)), "lost"),
        ((("in_transit", 70), ("lost", 50), ("lost", 80)), "lost"),
        ((("delivered", 100), ("lost", 150)), "delivered"),
    ],
)
def test_facts_that_come_in_another_order_say_the_same(world: World, facts: Any, state: str) -> None:
    assert told(world, *facts).state == state


def test_a_corrected_time_of_delivery_still_counts_when_a_loss_was_told_after_it(world: World) -> None:
    told(world, ("delivered", 100), ("lost", 150))
    assert told(world, ("delivered", 90)).delivered_at == LEFT + timedelta(hours=90)


def test_what_was_told_when_nothing_could_find_it_counts_when_it_is_told_again(world: World) -> None:
    told(world, ("lost", 50))
    change(
        world,
        "INSERT INTO tracking_event (tenant_id, id, shipment_id, status, occurred_at)"
        " SELECT 1, gen_random_uuid(), id, 'delivered', :at FROM shipment",
        at=LEFT + timedelta(hours=100),
    )
    assert told(world, ("lost", 50)).state == "lost"
    assert told(world, ("delivered", 100)).state == "delivered"
    assert world.one("SELECT sum(delivered) AS units FROM order_line").units == 2
    assert told(world, ("delivered", 100)).state == "delivered"
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'shipment.found'").n == 1


def test_a_person_is_told_when_the_loss_was_refunded_meanwhile(world: World) -> None:
    told(world, ("lost", 50))
    refunded(world)
    refunds = world.all("SELECT * FROM refund")
    told(world, ("in_transit", 100))
    [case] = found_cases(world)
    assert (case.state, case.title) == ("open", "#1001: a parcel that was lost and made good is found")
    assert "says now that it is in transit" in case.sentence
    assert "20 EUR of the order were given back (R1" in case.sentence
    assert world.one("SELECT subject FROM case_member WHERE case_id = :c", c=case.id).subject == "fulfillment"
    told(world, ("delivered", 120))
    [case] = found_cases(world)
    assert "says now that it is delivered" in case.sentence
    assert (world.all("SELECT * FROM refund"), case.state) == (refunds, "open")
    assert watched(world).delivered_at == LEFT + timedelta(hours=120)


def test_a_refund_that_comes_while_a_found_parcel_moves_is_told_when_it_is_there(world: World) -> None:
    told(world, ("lost", 50), ("in_transit", 55))
    assert found_cases(world) == []
    refunded(world)
    told(world, ("delivered", 120))
    assert [case.state for case in found_cases(world)] == ["open"]


def test_what_a_person_has_settled_is_not_opened_again_by_the_next_scan(world: World) -> None:
    told(world, ("lost", 50))
    refunded(world)
    told(world, ("in_transit", 100))
    change(world, "UPDATE exception_case SET state = 'resolved' WHERE code = 'SHIP-FOUND-001'")
    told(world, ("out_for_delivery", 110), ("delivered", 120))
    assert [case.state for case in found_cases(world)] == ["resolved"]


@pytest.mark.parametrize("status", ["lost", "returned_to_sender"])
def test_one_that_is_lost_again_or_comes_back_leaves_nothing_to_settle(world: World, status: str) -> None:
    told(world, ("lost", 50))
    refunded(world)
    told(world, ("in_transit", 100), (status, 120))
    assert [case.state for case in found_cases(world)] == ["superseded"]


@pytest.mark.parametrize(("line", "told_of"), [("L1", 1), ("L2", 0)])
def test_a_refund_of_lines_is_told_where_the_parcel_has_them(world: World, line: str, told_of: int) -> None:
    order(world, {"B": 1, "C": 1})
    work = next(each for each in world.work() if each.code == "HAM" and each.state == "released")
    shipped(world, work, "T2")
    told(world, ("lost", 50), parcel="T2")
    part = {"external_id": line, "quantity": "1", "restock": "none", "amount": "10.00"}
    refunded(world, order_external_id="X2", amount="10.00", lines=[part])
    told(world, ("delivered", 100), parcel="T2")
    assert len(found_cases(world)) == told_of


def test_a_person_is_told_of_an_order_that_may_replace_the_lost_one(world: World) -> None:
    told(world, ("lost", 50))
    order(world, placed_at=(LEFT + timedelta(hours=55)).isoformat(), buyer={"email": "Ada@Example.com"})
    order(world, placed_at=(LEFT + timedelta(hours=55)).isoformat(), buyer={"email": "bob@example.com"})
    told(world, ("delivered", 100))
    [case] = found_cases(world)
    assert "the same buyer's #1002 has items of it and may replace it" in case.sentence
    assert "#1003" not in case.sentence
    assert [row.state for row in world.all("SELECT state FROM orders WHERE number <> '#1001'")] == ["in_progress"] * 2
