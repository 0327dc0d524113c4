"""What goes into an area that is shut is promised for when it is open again, or not at all."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.errors import Conflict
from core.services.disruptions import add_disruption
from core.services.promising import Wanted, offer
from core.services.stoppages import Place, arriving
from core.store.unit import Store
from tests.core.carriers import change, forget, ordered, services
from tests.core.world import World, now

KIEL = {"country": "DE", "prefixes": ["24"]}


@pytest.fixture
def world(store: Store) -> World:
    world = World(store, {("A", "HAM"): 5})
    change(world, "UPDATE node SET postal_code = '20095' WHERE code = 'HAM'")
    return world


def shut(world: World, days: float | None, *, since: float = 0, **more: Any) -> None:
    with world.store.begin(actor="test") as unit:
        ends_at = None if days is None else unit.now + timedelta(days=days)
        body = {"label": "flood", "area": KIEL, "starts_at": unit.now + timedelta(days=since), "ends_at": ends_at}
        add_disruption(unit, {**body, **more})
    forget(world)


def offered(world: World, postal: str = "24103") -> Any:
    with world.store.begin() as unit:
        found = offer(unit, world.facts, [Wanted("A", Decimal(1))], "DE", postal)
    return world.one("SELECT * FROM promise WHERE id = :id", id=found)


def test_an_offer_into_a_shut_area_is_for_after_it_opens(world: World) -> None:
    before = offered(world)
    shut(world, 20)
    after = offered(world)
    opens = datetime.combine(now().date() + timedelta(days=21), time(), UTC)
    assert before.due_at < opens < after.due_50 < after.due_90
    # From then on it takes as long as it did before.
    [node] = before.lines[0]["nodes"]
    assert after.due_90 - opens == pytest.approx(
        before.due_90 - datetime.fromisoformat(node["ship_at"]), abs=timedelta(seconds=1)
    )
    assert after.lines[0]["nodes"] == before.lines[0]["nodes"]
    assert offered(world, "80331").due_90 < opens


def test_an_area_that_is_shut_only_after_a_parcel_is_there_changes_nothing(world: World) -> None:
    before = offered(world)
    shut(world, 60, since=40)
    assert offered(world).due_90 == before.due_90


def test_nothing_is_promised_into_an_area_that_is_shut_for_nobody_knows_how_long(world: World) -> None:
    shut(world, None)
    with pytest.raises(Conflict, match="DE 24103 lies in an area that is shut") as refused:
        offered(world)
    assert refused.value.error_code == "PROMISE-SHUT-409"
    [work], _ = ordered(world, {"A": 1})
    assert (work.code, work.state) == ("HAM", "released")
    assert world.one("SELECT count(*) AS n FROM promise").n == 0
    assert "flood" in world.one("SELECT data FROM event WHERE type = 'promise.refused'").data["why"]


def test_an_order_into_a_shut_area_is_promised_for_after_it_opens(world: World) -> None:
    shut(world, 20)
    ordered(world, {"A": 1})
    found = world.one("SELECT p.due_at, p.risk, r.ship_at, r.due_90 FROM promise p, promise_part r")
    assert found.due_at == found.due_90 > now() + timedelta(days=20)
    assert found.ship_at < now() + timedelta(days=5)


def test_areas_that_are_shut_one_after_the_other_are_waited_for_both(world: World) -> None:
    shut(world, 6, since=3)
    shut(world, 4)
    services(world, {"carrier": "Nordpost", "service": "parcel", "transit_days": {"*": 1}})
    shut(world, None, carrier="Nordpost", since=1)
    start = now()
    to, there = Place("DE", "24103"), start + timedelta(days=2)
    disruptions = world.facts.routing.disruptions
    found = arriving(disruptions, to, "DHL", start, there)
    assert found.at == datetime.combine(start.date() + timedelta(days=7), time(), UTC)
    assert arriving(disruptions, to, "Nordpost", start, there).at is None
    assert arriving(disruptions, Place("DE", "80331"), "Nordpost", start, there).at == start
