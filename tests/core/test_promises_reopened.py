"""Orders into an area that was shut for nobody knew how long are promised when it opens."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.domain.ids import public_id
from core.domain.vocabulary import HoldKind
from core.services.holds import place_hold, release_hold
from core.services.promising import Wanted, offer
from core.store.unit import Store
from tests.core.carriers import change, ordered, places
from tests.core.test_promises_at_risk import opened, placed, shut, swept, switched
from tests.core.world import World, now

# Where the buyer of `World.order` lives.
KIEL: dict[str, Any] = {"country": "DE", "prefixes": ["24"]}


@pytest.fixture
def world(store: Store) -> World:
    """Five units of A in Hamburg."""
    world = World(store, {("A", "HAM"): 5})
    placed(world)
    return world


def refused(world: World) -> list[str]:
    return [row.data["why"] for row in world.all("SELECT data FROM event WHERE type = 'promise.refused' ORDER BY seq")]


def unpromised(world: World) -> Any:
    """Shut the area of an order's buyer for nobody knows how long, and return its work and the disruption."""
    flood = shut(world, days=None, **KIEL)
    swept(world)
    [work], _ = ordered(world, {"A": 2})
    assert swept(world) is None
    assert "nobody has said until when" in refused(world)[0]
    return work, flood


def test_an_order_is_promised_when_its_area_opens(world: World) -> None:
    work, flood = unpromised(world)
    far = world.one("SELECT due_90 FROM promise_part").due_90
    opened(world, flood)
    found = swept(world)
    assert (found.state, found.order_id, found.risk) == ("standing", work.order_id, pytest.approx(0.1))
    assert now() < found.due_at < far - timedelta(days=30)
    assert world.one("SELECT fulfillment_id, due_90 FROM promise_part") == (work.id, found.due_90)
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'promise.made'").n == 1
    version = found.version
    assert swept(world).version == version
    assert len(refused(world)) == 1


def test_an_area_that_gets_an_end_is_promised_for_after_it(world: World) -> None:
    _, flood = unpromised(world)
    change(world, "UPDATE disruption SET ends_at = clock_timestamp() + interval '20 days' WHERE id = :d", d=flood)
    assert swept(world).due_at > now() + timedelta(days=20)


def test_an_order_that_waits_since_its_day_leaves_on_the_next(world: World) -> None:
    _, flood = unpromised(world)
    change(world, "UPDATE fulfillment_order SET ship_on = current_date - 30, arrive_on = current_date - 28")
    opened(world, flood)
    assert swept(world).due_at > now()
    assert world.one("SELECT ship_at FROM promise_part").ship_at > now()


def test_another_area_that_is_shut_still_hinders_it_and_is_said_once(world: World) -> None:
    _, flood = unpromised(world)
    strike = shut(world, days=None, country="DE", prefixes=["241"])
    swept(world)
    opened(world, flood)
    assert swept(world) is None
    assert swept(world) is None
    change(world, "UPDATE disruption SET label = 'strike' WHERE id = :d", d=strike)
    assert len(refused(world)) == 1
    opened(world, strike)
    assert swept(world).state == "standing"


def test_what_hinders_it_otherwise_is_said(world: World) -> None:
    _, flood = unpromised(world)
    change(world, "UPDATE stock_position SET counted_at = clock_timestamp() - interval '99 days'")
    opened(world, flood)
    assert swept(world) is None
    assert [("shut" in why, "was counted last" in why) for why in refused(world)] == [(True, False), (False, True)]


def test_one_that_somebody_works_on_is_promised_in_the_next_sweep(world: World) -> None:
    _, flood = unpromised(world)
    opened(world, flood)
    with world.store.begin() as unit:
        unit.conn.execute(text("SELECT 1 FROM orders FOR UPDATE"))
        assert swept(world) is None
    assert swept(world).state == "standing"


def test_one_that_is_decided_by_what_was_known_before_is_found_by_the_sweep_after(world: World) -> None:
    flood = shut(world, days=None, **KIEL)
    swept(world)
    before = world.facts
    opened(world, flood)
    assert swept(world) is None
    world.hub.facts._read_at.clear()
    kept = world.hub.facts.get
    world.hub.facts.get = lambda *_: before  # type: ignore[method-assign]
    ordered(world, {"A": 2})
    world.hub.facts.get = kept  # type: ignore[method-assign]
    assert len(refused(world)) == 1
    assert swept(world).state == "standing"


def test_one_on_hold_is_promised_when_it_is_let_go_on(world: World) -> None:
    work, flood = unpromised(world)
    with world.store.begin(actor="test") as unit:
        hold = place_hold(unit, world.facts, work.order_id, HoldKind.MANUAL, "wait")
    opened(world, flood)
    assert swept(world) is None
    with world.store.begin(actor="test") as unit:
        release_hold(unit, work.order_id, hold)
    world.drain()
    assert swept(world).state == "standing"


def test_one_of_which_units_are_missing_or_some_have_left_is_not(world: World) -> None:
    flood = shut(world, days=None, **KIEL)
    swept(world)
    [work], _ = ordered(world, {"A": 3})
    ordered(world, {"A": 4})
    left = {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}", "carrier": "DHL", "tracking_number": "T1"}
    world.send("shipment", {**left, "lines": [{"sku": "A", "quantity": "1"}]}, world.wms)
    world.drain()
    phases = {row.phase for row in world.all("SELECT phase FROM orders")}
    assert phases == {"partly_shipped", "backordered"}
    opened(world, flood)
    assert swept(world) is None


def test_a_node_that_is_off_hinders_it_until_it_is_on(world: World) -> None:
    _, flood = unpromised(world)
    switched(world, active=False)
    opened(world, flood)
    assert swept(world) is None
    switched(world, active=True)
    assert swept(world).state == "standing"


@pytest.mark.parametrize("days", [0, 60])
def test_one_that_names_an_offer_which_does_not_hold_is_told_the_date_that_does(world: World, days: int) -> None:
    with world.store.begin() as unit:
        made = offer(unit, world.facts, [Wanted("A", Decimal(1))], "DE", "24103")
        unit.conn.execute(text("UPDATE promise SET due_at = due_at - interval '2 days'"))
    flood = shut(world, days=None, **KIEL)
    swept(world)
    ordered(world, {"A": 2}, promise=public_id("promise", made))
    [case] = world.all("SELECT sentence, state FROM exception_case WHERE code = 'PROMISE-OFFER-001'")
    assert ("has no promise" in case.sentence, case.state) == (True, "open")
    strike = shut(world, days=None, country="DE", prefixes=["241"])
    opened(world, flood)
    assert swept(world) is None
    # What was told is kept after all where it was late enough.
    change(world, "UPDATE promise SET due_at = due_at + :days", days=timedelta(days=days))
    opened(world, strike)
    found = swept(world)
    [case] = world.all("SELECT sentence, state FROM exception_case WHERE code = 'PROMISE-OFFER-001'")
    if days:
        assert case.state == "superseded"
    else:
        assert (f"is promised for {found.due_at:%Y-%m-%d %H:%M} UTC" in case.sentence, case.state) == (True, "open")
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'promise.offer_refused'").n == 2


def test_a_circle_around_the_buyer_counts_too(world: World) -> None:
    places(world, ("DE", "24103", 54.32, 10.13), ("DE", "20095", 53.55, 10.0))
    flood = shut(world, days=None, latitude=54.3, longitude=10.1, km=5.0)
    ordered(world, {"A": 2})
    assert swept(world) is None
    opened(world, flood)
    found = swept(world)
    assert found.state == "standing"
    assert world.one("SELECT km FROM promise_part").km > 50
