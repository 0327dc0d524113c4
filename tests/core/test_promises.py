"""Promises with the orders they are for: made when stock is taken, taken over from offers, watched, and settled."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.domain.calendars import Calendar, next_ship_moment
from core.domain.ids import public_id
from core.errors import Conflict, InputError
from core.intelligence.lanes import Lane, make_trip
from core.intelligence.odds import level_days
from core.intelligence.transit import RULES, rule_days
from core.services.facts import Facts
from core.services.moving import merge_fulfillments, move_fulfillment, split_fulfillment
from core.services.promise_watch import watch_promises
from core.services.promising import Wanted, offer
from core.services.promising_facts import PromisingFacts
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def promise(world: World) -> Any:
    return world.one("SELECT * FROM promise WHERE order_id IS NOT NULL")


def set_clock_back(world: World, **span: float) -> None:
    """Make everything that was promised and sent so much older, as if that time had gone by."""
    shift = timedelta(**span)
    with world.store.begin() as unit:
        for sql in (
            "UPDATE promise SET due_at = due_at - :s, due_50 = due_50 - :s, due_80 = due_80 - :s,"
            " due_90 = due_90 - :s, due_95 = due_95 - :s, made_at = made_at - :s, watch_at = watch_at - :s,"
            " stands_until = stands_until - :s",
            "UPDATE promise_part SET ship_at = ship_at - :s",
            "UPDATE shipment SET shipped_at = shipped_at - :s, state_at = state_at - :s",
        ):
            unit.conn.execute(text(sql), {"s": shift})


def watch(world: World) -> int:
    with world.store.begin(actor="relay") as unit:
        unit.conn.execute(text("UPDATE promise SET watch_at = clock_timestamp() WHERE watch_at IS NOT NULL"))
        return watch_promises(unit, world.facts)


def send_parcel(world: World, *statuses: str, at: datetime | None = None) -> None:
    [work] = world.work()
    world.send(
        "shipment",
        {
            "external_id": "S1",
            "fulfillment": public_id("fulfillment", work.id),
            "carrier": "DHL",
            "tracking_number": "T1",
            "occurred_at": (at or datetime.now().astimezone()).isoformat(),
        },
        world.wms,
    )
    world.drain()
    track(world, *statuses)


def track(world: World, *statuses: str) -> None:
    for status in statuses:
        world.send(
            "tracking",
            {"tracking_number": "T1", "status": status, "occurred_at": datetime.now().astimezone().isoformat()},
            world.wms,
        )
        world.drain()


def test_an_order_is_promised_with_its_stock_by_calendar_and_rule(world: World) -> None:
    world.send("order", world.order({"A": 2}))
    world.drain()
    found = promise(world)
    [part] = world.all("SELECT p.*, n.code FROM promise_part p JOIN node n ON n.id = p.node_id")
    leaves = next_ship_moment(Calendar(), found.made_at)
    assert leaves is not None
    trip = make_trip(None, None, Lane("DE", None, "DE", "24103", part.km), leaves)
    days = level_days(RULES.log_days([trip])[0], 0.9)
    assert (found.state, found.level, part.code) == ("standing", 0.9, "HAM")
    assert part.ship_at == leaves
    assert abs(found.due_at - (leaves + timedelta(days=days))) < timedelta(seconds=1)
    assert found.due_at == found.due_90 == part.due_90
    assert found.due_50 < found.due_80 < found.due_90 < found.due_95
    assert abs((found.due_50 - leaves) / timedelta(days=1) - rule_days(trip)) < 0.001
    assert found.basis["model"] == "rules"
    assert found.risk == pytest.approx(0.1)
    [event] = world.all("SELECT type, data FROM event WHERE type LIKE 'promise.%'")
    assert (event.type, event.data["promise"], event.data["probability"]) == (
        "promise.made",
        public_id("promise", found.id),
        0.9,
    )


def test_an_order_that_lacks_units_is_promised_when_the_last_are_found(world: World) -> None:
    world.send("order", world.order({"A": 2, "B": 11}))
    world.drain()
    assert world.one("SELECT count(*) AS n FROM promise").n == 0
    assert world.one("SELECT count(*) AS n FROM promise_part").n == 1
    with world.store.begin() as unit:
        from core.services import stock

        stock.set_on_hand(unit, {(world.items["B"], world.nodes["HAM"]): Decimal(20)}, None, "receipt")
        unit.conn.execute(text("UPDATE orders SET sourcing_at = clock_timestamp()"))
    world.drain()
    assert world.one("SELECT count(*) AS n FROM promise WHERE state = 'standing'").n == 1
    assert world.one("SELECT count(*) AS n FROM promise_part").n == 2


def test_an_order_is_held_to_the_offer_it_names_while_that_stands(world: World) -> None:
    with world.store.begin() as unit:
        first = offer(unit, world.facts, [Wanted("A", Decimal(2))], "DE", "24103", 0.95)
        second = offer(unit, world.facts, [Wanted("A", Decimal(2))], "DE", "24103", 0.95)
        unit.conn.execute(text("UPDATE promise SET stands_until = '2026-11-01T00:00Z' WHERE id = :id"), {"id": second})
    placed = datetime.now().astimezone().isoformat()
    world.send("order", world.order({"A": 2}, placed_at=placed, promise=public_id("promise", first)))
    world.send("order", world.order({"A": 1}, placed_at=placed, promise=public_id("promise", second)))
    world.send("order", world.order({"A": 1}, placed_at=placed, promise="prm_nonsense"))
    world.drain()
    rows = world.all(
        "SELECT p.id, p.state, p.level, o.number FROM promise p LEFT JOIN orders o ON o.id = p.order_id"
        " ORDER BY o.number NULLS LAST"
    )
    assert [(row.number, row.state, row.level) for row in rows] == [
        ("#1001", "standing", 0.95),
        ("#1002", "standing", 0.9),
        ("#1003", "standing", 0.9),
        (None, "offered", 0.95),
    ]
    assert (rows[0].id, rows[3].id) == (first, second)


def test_an_offer_says_when_from_where_and_until_when(world: World) -> None:
    with world.store.begin() as unit:
        found = offer(unit, world.facts, [Wanted("B", Decimal(2)), Wanted("C", Decimal(1))], "DE", "24103")
        now = unit.now
    row = world.one("SELECT * FROM promise WHERE id = :id", id=found)
    assert [(line["sku"], [each["node"] for each in line["nodes"]]) for line in row.lines] == [
        ("B", ["HAM"]),
        ("C", ["LYS"]),
    ]
    by_line = [[datetime.fromisoformat(each["at"]) for each in line["dates"]] for line in row.lines]
    # All of it is there later than each part with the same chance, and never later than the sum of both doubts.
    assert all(row.due_90 > line[2] for line in by_line)
    assert row.due_90 < max(line[3] for line in by_line)
    assert now < row.stands_until <= now + timedelta(minutes=30)
    assert (row.state, row.order_id, row.watch_at) == ("offered", None, None)


def test_an_offer_is_refused_when_stock_does_not_cover_it_and_changes_nothing(world: World) -> None:
    with pytest.raises(Conflict, match="stock does not cover") as found, world.store.begin() as unit:
        offer(unit, world.facts, [Wanted("A", Decimal(1)), Wanted("B", Decimal(11))], "DE", None)
    assert found.value.error_code == "PROMISE-STOCK-409"
    assert found.value.data["errors"] == [
        {"path": "lines.1", "reason": "1 of 11 units of B are at no node that can ship them"}
    ]
    with pytest.raises(InputError, match="not known"), world.store.begin() as unit:
        offer(unit, world.facts, [Wanted("Z", Decimal(1))], "DE", None)
    assert world.one("SELECT count(*) AS n FROM promise").n == 0


def test_an_offer_is_refused_when_the_count_it_needs_is_too_old(world: World) -> None:
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE stock_position SET counted_at = clock_timestamp() - interval '8 days'"))
    old = r"stock at (HAM|LYS) was counted last at .* more than 168 h ago"
    with pytest.raises(Conflict, match=old) as found, world.store.begin() as unit:
        offer(unit, world.facts, [Wanted("A", Decimal(1))], "DE", None)
    assert found.value.error_code == "PROMISE-STALE-409"
    with world.store.begin() as unit:
        unit.conn.execute(
            text("UPDATE stock_position SET counted_at = clock_timestamp() WHERE node_id = :n"),
            {"n": world.nodes["LYS"]},
        )
        offer(unit, world.facts, [Wanted("A", Decimal(1))], "DE", None)
    assert world.one("SELECT lines FROM promise").lines[0]["nodes"][0]["node"] == "LYS"


def test_an_order_is_sourced_and_not_promised_by_a_count_that_is_too_old(world: World) -> None:
    with world.store.begin() as unit:
        unit.conn.execute(
            text(
                "UPDATE stock_position SET counted_at = CASE WHEN item_id = :i"
                " THEN clock_timestamp() - interval '9 days' ELSE '2099-01-01T00:00Z'::timestamptz END"
            ),
            {"i": world.items["B"]},
        )
    for lines in ({"A": 1}, {"B": 1}, {"A": 1, "B": 1}):
        world.send("order", world.order(lines))
    world.drain()
    assert [work.code for work in world.work()] == ["HAM"] * 3
    found = world.one("SELECT p.basis, o.number FROM promise p JOIN orders o ON o.id = p.order_id")
    assert (found.number, found.basis["stock_counted_at"]) == ("#1001", "2099-01-01T00:00:00Z")
    refused = world.all(
        "SELECT o.number, e.data FROM event e JOIN orders o ON o.id = e.order_id WHERE e.type = 'promise.refused'"
        " ORDER BY o.number"
    )
    assert [row.number for row in refused] == ["#1002", "#1003"]
    assert all("stock at HAM was counted last at" in row.data["why"] for row in refused)


def test_nothing_is_promised_on_a_correction_that_is_too_old(world: World) -> None:
    with world.store.begin() as unit:
        unit.conn.execute(
            text(
                "INSERT INTO model_version (id, kind, version, engine, state, content_hash, content, features, metrics,"
                " corrected_at) VALUES (gen_random_uuid(), 'transit', 1, 'rules', 'champion', '', '{}', '[]', '{}',"
                " clock_timestamp() - interval '49 hours')"
            )
        )
    with pytest.raises(Conflict, match="transit times were corrected last") as found, world.store.begin() as unit:
        offer(unit, fresh(world), [Wanted("A", Decimal(1))], "DE", None)
    assert found.value.error_code == "PROMISE-STALE-409"
    world.send("order", world.order({"A": 1}))
    world.drain()
    assert len(world.work()) == 1
    assert world.one("SELECT count(*) AS n FROM promise").n == 0
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'promise.refused'").n == 1


def fresh(world: World) -> Facts:
    """The facts as a process sees them that starts now."""
    from core.services.facts import FactsCache

    world.hub.facts = FactsCache(world.partners)
    return world.facts  # type: ignore[no-any-return]


def test_a_promise_is_kept_when_the_last_parcel_comes_in_time(world: World) -> None:
    world.send("order", world.order({"A": 2}))
    world.drain()
    send_parcel(world, "in_transit", "delivered")
    assert watch(world) == 1
    found = promise(world)
    assert (found.state, found.risk, found.watch_at) == ("kept", 0.0, None)
    row = world.one("SELECT * FROM outcome")
    assert (row.state, row.carrier, row.from_country, row.to_country, row.due_90) == (
        "delivered", "DHL", "DE", "DE", found.due_90,
    )  # fmt: skip
    assert found.delivered_at == row.delivered_at
    assert world.one("SELECT count(*) AS n FROM exception_case").n == 0
    assert watch(world) == 0


def test_work_that_is_not_sent_puts_the_promise_at_risk_and_sending_it_ends_the_case(world: World) -> None:
    world.send("order", world.order({"A": 2}))
    world.drain()
    assert watch(world) == 1
    assert promise(world).risk < 0.2
    set_clock_back(world, days=4)
    watch(world)
    found = promise(world)
    assert (found.state, found.risk > 0.5) == ("standing", True)
    case = world.one("SELECT * FROM exception_case")
    assert (case.code, case.state, case.node_id, case.evidence["source"]) == (
        "PROMISE-RISK-001", "open", world.nodes["HAM"], "HAM",
    )  # fmt: skip
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'promise.at_risk'").n == 1
    send_parcel(world, "delivered")
    watch(world)
    state = "kept" if promise(world).due_at >= world.one("SELECT delivered_at FROM outcome").delivered_at else "late"
    assert promise(world).state == state
    assert world.one("SELECT state FROM exception_case").state == "superseded"


def test_a_promise_is_late_a_day_after_its_time_even_when_nothing_came(world: World) -> None:
    world.send("order", world.order({"A": 2}))
    world.drain()
    send_parcel(world, "in_transit")
    set_clock_back(world, days=15)
    watch(world)
    found = promise(world)
    assert (found.state, found.delivered_at, found.watch_at is None) == ("late", None, False)
    assert world.one("SELECT state FROM exception_case").state == "open"
    track(world, "delivered")
    watch(world)
    found = promise(world)
    assert (found.state, found.delivered_at is not None, found.watch_at) == ("late", True, None)
    assert world.one("SELECT state FROM exception_case").state == "superseded"
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'promise.late'").n == 1


def test_of_parcels_nobody_tracks_it_is_not_known(world: World) -> None:
    world.send("order", world.order({"A": 2}))
    world.drain()
    send_parcel(world)
    set_clock_back(world, days=15)
    watch(world)
    assert (promise(world).state, promise(world).watch_at) == ("unknown", None)
    assert world.one("SELECT count(*) AS n FROM outcome").n == 0


def test_a_canceled_order_has_no_promise_to_keep(world: World) -> None:
    world.send("order", world.order({"A": 2}))
    world.drain()
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE orders SET state = 'canceled'"))
    watch(world)
    assert (promise(world).state, promise(world).watch_at) == ("void", None)


def test_what_changes_during_a_look_is_not_written_over(world: World) -> None:
    world.send("order", world.order({"A": 2}))
    world.drain()
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE promise SET watch_at = clock_timestamp()"))
    facts = world.facts
    seen = Moved(facts.promising, world)
    with world.store.begin() as unit:
        assert watch_promises(unit, replace(facts, promising=seen)) == 1
    assert (promise(world).version, promise(world).watch_at <= datetime.now().astimezone()) == (2, True)
    assert watch(world) == 1
    assert promise(world).version == 3


class Moved:
    """Facts of promising whose first reading lets another transaction change the promise."""

    def __init__(self, given: PromisingFacts, world: World) -> None:
        self._given, self._world, self._done = given, world, False

    def __getattr__(self, name: str) -> Any:
        if not self._done:
            self._done = True
            with self._world.store.begin() as other:
                other.conn.execute(text("UPDATE promise SET version = version + 1"))
        return getattr(self._given, name)


def test_work_that_was_split_moved_or_merged_by_hand_has_its_part_of_the_promise(world: World) -> None:
    world.send("order", world.order({"A": 4}))
    world.drain()
    before = promise(world)
    [work] = world.work()
    with world.store.begin(actor="user:ada") as unit:
        facts, line = world.facts, [{"sku": "A", "quantity": Decimal(1)}]
        first, rest = split_fulfillment(unit, facts, public_id("fulfillment", work.id), line)
        [moved] = move_fulfillment(unit, facts, public_id("fulfillment", first), "LYS")
        [back] = move_fulfillment(unit, facts, public_id("fulfillment", moved), "HAM")
        merged = merge_fulfillments(unit, facts, [public_id("fulfillment", each) for each in (back, rest)])
    parts = {row.fulfillment_id: row for row in world.all("SELECT * FROM promise_part")}
    assert set(parts) == {work.id, first, rest, moved, back, merged}
    whole = (parts[work.id].node_id, parts[work.id].due_90)
    assert [(parts[each].node_id, parts[each].due_90) for each in (first, rest, back, merged)] == [whole] * 4
    assert (parts[moved].node_id, parts[moved].from_country) == (world.nodes["LYS"], "FR")
    assert parts[moved].due_90 > parts[work.id].due_90
    kept = promise(world)
    assert (kept.id, kept.due_at, kept.state) == (before.id, before.due_at, "standing")
    assert kept.watch_at < before.watch_at  # it is looked at again at once
