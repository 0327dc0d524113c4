"""Facts that change rarely: read again when somebody wrote them, and with one statement when nobody did."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, text

from config.settings import Promising
from core.services.catalog import upsert_node
from core.services.connections import add_connection
from core.services.disruptions import add_disruption, change_node, end_disruption
from core.services.facts import Facts, FactsCache, read_facts
from core.services.geography import finish_places, write_places
from core.services.merchandise import write_markdowns
from core.services.nodehours import set_calendar
from core.services.policies import draft
from core.services.tariffs import write_service
from core.store.unit import Store, Unit
from tests.core.world import World

WEEK = [{"opens": "06:00", "closes": "07:00"}] * 7
AREA = {"latitude": 45.8, "longitude": 4.8, "km": 10.0}


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """Yield a list of the statements sent meanwhile."""
    sent: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(world.store.engine, "before_cursor_execute", note)
    yield sent
    event.remove(world.store.engine, "before_cursor_execute", note)


def read(world: World, before: Facts | None = None) -> Facts:
    with world.store.read() as conn:
        return read_facts(conn, world.partners, 1, None, before)


def test_nothing_new_is_one_statement(world: World) -> None:
    with world.store.begin() as unit:
        set_calendar(unit, world.nodes["HAM"], WEEK, 30, [])
    first = read(world)
    with statements(world) as sent:
        again = read(world, first)
    assert len(sent) == 1
    assert (again.nodes, again.connections, again.policies) == (first.nodes, first.connections, first.policies)
    assert again.promising == first.promising
    with statements(world) as sent:
        read(world)
    assert len(sent) > 6


def node_off(unit: Unit, world: World) -> None:
    change_node(unit, "HAM", {"active": False})


def capacity(unit: Unit, world: World) -> None:
    upsert_node(unit, {"code": "HAM", "shipment_cost": Decimal("2.5")})


def connection(unit: Unit, world: World) -> None:
    add_connection(unit, world.partners, world.hub.box, name="second", connector="shop")


def mode(unit: Unit, world: World) -> None:
    unit.conn.execute(text("UPDATE connection SET mode = 'off' WHERE name = 'erp'"))


def gone(unit: Unit, world: World) -> None:
    unit.conn.execute(text("DELETE FROM connection WHERE name = 'erp'"))


def hours(unit: Unit, world: World) -> None:
    set_calendar(unit, world.nodes["HAM"], WEEK, 30, [])


def shut(unit: Unit, world: World) -> None:
    add_disruption(unit, {"label": "storm", "area": AREA})


def policy(unit: Unit, world: World) -> None:
    draft(unit, "express", {"most_nodes": 1}, None)
    unit.conn.execute(text("UPDATE policy SET state = 'active', active_from = now() WHERE name = 'express'"))


def rates(unit: Unit, world: World) -> None:
    write_service(unit, {"carrier": "nordpost", "service": "parcel"})


def points(unit: Unit, world: World) -> None:
    place = {"country": "DE", "postal_code": "24103", "place": "Kiel", "latitude": 54.3, "longitude": 10.1}
    write_places(unit, [place])
    finish_places(unit, {"DE"})


def markdown(unit: Unit, world: World) -> None:
    write_markdowns(unit, [{"sku": "A", "node": "HAM", "units": Decimal(1), "benefit": Decimal(2)}])


SHOWN: dict[Callable[[Unit, World], None], Callable[[Facts, World], Any]] = {
    node_off: lambda facts, world: facts.nodes[world.nodes["HAM"]].active,
    capacity: lambda facts, world: facts.nodes[world.nodes["HAM"]].shipment_cost,
    connection: lambda facts, world: len(facts.connections),
    mode: lambda facts, world: facts.connections[world.erp].mode,
    gone: lambda facts, world: world.erp in facts.connections,
    hours: lambda facts, world: facts.promising.calendars[world.nodes["HAM"]].handling,
    shut: lambda facts, world: len(facts.routing.shut.get(world.nodes["LYS"], ())) > 0,
    policy: lambda facts, world: [each.name for each in facts.policies],
    rates: lambda facts, world: len(facts.routing.tariff.services),
    points: lambda facts, world: facts.routing.places is None,
    markdown: lambda facts, world: facts.routing.marked_down,
}


@pytest.mark.parametrize("change", SHOWN, ids=lambda change: change.__name__)
def test_what_another_process_writes_is_read_again(world: World, change: Callable[[Unit, World], None]) -> None:
    cache, shown = FactsCache(world.partners, Promising()), SHOWN[change]
    with world.store.read() as conn:
        before = cache.get(conn, 1)
    was = shown(before, world)
    with world.store.begin() as unit:
        change(unit, world)
        with world.store.read() as conn:
            assert shown(read_facts(conn, world.partners, 1, None, before), world) == was  # not before it is committed
    after = read(world, before)
    assert shown(after, world) != was
    assert shown(after, world) == shown(read(world), world)


def test_what_was_taken_back_was_never_there(world: World) -> None:
    found = [read(world)]

    def fail() -> None:
        with world.store.begin() as unit:
            change_node(unit, "HAM", {"active": False})
            found.append(read_facts(unit.conn, world.partners, 1, None, found[0]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert found[1].nodes[world.nodes["HAM"]].active is False
    assert read(world, found[1]).nodes[world.nodes["HAM"]].active is True


def test_an_area_that_is_shut_or_opened_is_seen_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.services.facts.time.monotonic", lambda: 100.0)
    cache = FactsCache(world.partners)

    def seen() -> Any:
        with world.store.read() as conn:
            return SHOWN[shut](cache.get(conn, 1), world)

    assert seen() is False
    with world.store.begin() as unit:
        disruption = add_disruption(unit, {"label": "storm", "area": AREA})
        assert seen() is False  # not before it is committed
    assert seen() is True
    with world.store.begin() as unit:
        end_disruption(unit, disruption)
    assert seen() is False


def test_a_picture_is_as_old_as_the_interval_at_most(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("core.services.facts.time.monotonic", lambda: clock[0])
    cache = FactsCache(world.partners)
    with world.store.read() as conn:
        assert cache.get(conn, 1).nodes[world.nodes["HAM"]].active is True
    with world.store.begin() as unit:
        change_node(unit, "HAM", {"active": False})
    with world.store.read() as conn, statements(world) as sent:
        clock[0] += 0.9
        assert cache.get(conn, 1).nodes[world.nodes["HAM"]].active is True
        assert sent == []
        clock[0] += 0.2
        assert cache.get(conn, 1).nodes[world.nodes["HAM"]].active is False
        clock[0] += 1.1
        sent.clear()
        cache.get(conn, 1)
        assert len(sent) == 1
