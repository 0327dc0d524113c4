"""Items written many at a time."""

from decimal import Decimal
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from sqlalchemy import event, text

from core.services.catalog import add_reference, resolve_skus, upsert_items, upsert_nodes
from core.store.engine import open_engine
from core.store.locks import mark_listings
from core.store.unit import Store
from tests.core.world import World

ITEM = "SELECT title, gtin, unit, price, currency, weight_g, backorder_limit, active, attributes, version FROM item"


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def write(world: World, *items: dict[str, Any], shop: bool = False) -> dict[str, Any]:
    with world.store.begin() as unit:
        return upsert_items(unit, items, world.shop if shop else None)


def test_what_an_item_does_not_say_stays_as_it_is(world: World) -> None:
    whole = {
        "sku": "N", "title": "Lamp", "gtin": "4006381333931", "unit": "MTR", "price": Decimal("9.90"),
        "currency": "DKK", "weight_g": 700, "backorder_limit": Decimal(5), "active": False,
        "attributes": {"color": "oak"},
    }  # fmt: skip
    first = write(world, {"sku": "M"}, whole)
    assert tuple(world.one(f"{ITEM} WHERE sku = 'M'")) == (None, None, "C62", None, None, None, 0, True, {}, 1)
    kept = ("Lamp", "4006381333931", "MTR", Decimal("9.90"), "DKK", 700, 5, False, {"color": "oak"})
    assert tuple(world.one(f"{ITEM} WHERE sku = 'N'")) == (*kept, 1)
    assert write(world, {"sku": "N", "title": None}, {"sku": "M", "title": "Mat"}) == first
    assert tuple(world.one(f"{ITEM} WHERE sku = 'N'")) == (*kept, 2)
    assert world.one(f"{ITEM} WHERE sku = 'M'").title == "Mat"
    write(world, {"sku": "N", "active": True, "backorder_limit": Decimal(0), "attributes": {}})
    row = world.one(f"{ITEM} WHERE sku = 'N'")
    assert (row.title, row.active, row.backorder_limit, row.attributes, row.version) == ("Lamp", True, 0, {}, 3)


def test_the_last_of_an_sku_or_code_given_twice_counts(world: World) -> None:
    twice = [{"scheme": "variant", "code": "v1"}]
    found = write(
        world, {"sku": "M", "title": "old", "references": twice}, {"sku": "N", "references": twice},
        {"sku": "M", "title": "new"}, shop=True,
    )  # fmt: skip
    assert world.one("SELECT title, version FROM item WHERE sku = 'M'") == ("new", 1)
    with world.store.begin() as unit:
        assert resolve_skus(unit, [(world.shop, "v1")]) == {(world.shop, "v1"): found["N"]}
        add_reference(unit, found["M"], "variant", "v1", world.shop)
        assert resolve_skus(unit, [(world.shop, "v1")]) == {(world.shop, "v1"): found["M"]}
    assert world.one("SELECT count(*) AS n FROM listing").n == 3 + 2


def test_many_items_take_as_many_statements_as_one(world: World) -> None:
    def statements(number: int, prefix: str) -> int:
        seen: list[str] = []
        event.listen(world.store.engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
        items = [
            {"sku": f"{prefix}{at}", "references": [{"scheme": "variant", "code": f"{prefix}{at}"}]}
            for at in range(number)
        ]
        write(world, *items, shop=True)
        return len([each for each in seen if "item" in each])

    assert statements(300, "N") == statements(1, "M") == 5


def test_two_imports_of_the_same_items_at_once_both_count(world: World) -> None:
    start = Barrier(2)
    names = [f"N{at:03d}" for at in range(200)]

    def work(order: list[str], **given: Any) -> None:
        start.wait()
        for _ in range(5):
            write(world, *({"sku": sku, **given} for sku in order), shop=True)

    threads = [
        Thread(target=work, args=(names,), kwargs={"title": "named"}),
        Thread(target=work, args=(names[::-1],), kwargs={"unit": "MTR"}),
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    rows = world.all("SELECT title, unit, version, count(*) AS n FROM item WHERE sku LIKE 'N%' GROUP BY 1, 2, 3")
    assert [tuple(row) for row in rows] == [("named", "MTR", 10, 200)]


def test_nodes_switched_together_do_not_meet_others_that_lock_listings(store: Store, db_url: str) -> None:
    # By code HAM is first, and what lies there is last in the order in which everybody locks listings.
    world = World(store, {("A", "LYS"): 5, ("B", "HAM"): 5})
    items = sorted(world.items[sku] for sku in "AB")
    assert items == [world.items["A"], world.items["B"]]
    with store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE listing SET dirty_at = NULL")
    engine = open_engine(db_url, pool_size=2)
    tick, failed = Event(), list[BaseException]()

    def mark() -> None:
        try:
            with Store(engine).begin() as unit:
                mark_listings(unit, items)
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            failed.append(error)

    other = Thread(target=mark)

    def meet(*call: Any) -> None:
        if "UPDATE listing" not in call[2] or other.ident is not None:
            return
        # The import has marked something: from here on the other transaction wants all, and waits.
        other.start()
        with engine.connect() as watching:
            waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                           " AND wait_event_type = 'Lock'")  # fmt: skip
            while other.is_alive() and not watching.execute(waiting).scalar_one():
                watching.rollback()
                tick.wait(0.01)

    event.listen(store.engine, "after_cursor_execute", meet)
    with store.begin() as unit:
        upsert_nodes(unit, [{"code": code, "active": False} for code in ("HAM", "LYS")])
    other.join(120)
    engine.dispose()
    assert failed == []
    assert world.one("SELECT count(*) AS n FROM listing WHERE dirty_at IS NULL").n == 1
    assert world.one("SELECT count(*) AS n FROM node_switch WHERE NOT active").n == 2
