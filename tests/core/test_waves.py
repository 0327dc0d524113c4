"""Waves as a service: waiting work planned again together, never dearer, no promise broken, the books always right."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from core.domain.vocabulary import HoldKind
from core.errors import Conflict
from core.routing import waves
from core.routing.problem import Assignment
from core.routing.waves import Wave
from core.services import stock, wavesearch
from core.services.canceling import cancel_order
from core.services.holds import place_hold
from core.services.redeciding import pieces, verify_pieces
from core.services.wavekeeping import verify_waves
from core.store.read.decisions import read_decision
from core.store.unit import Store
from tests.core.carriers import change, ordered, rates, services
from tests.core.waiting import (
    BELGIUM,
    contested,
    in_force,
    open_works,
    released,
    time_has_come,
    waiting_world,
    wave,
    with_slack,
)
from tests.core.world import World, now

SWAPPED = {"#1001": [("LYS", "planned")], "#1002": [("HAM", "planned")]}
AS_IT_WAS = {"#1001": [("HAM", "planned")], "#1002": [("LYS", "planned")]}


@pytest.fixture
def world(store: Store) -> World:
    return waiting_world(store, {("A", "HAM"): 1, ("A", "LYS"): 1})


def order_id(world: World, number: str) -> UUID:
    found: UUID = world.one("SELECT id FROM orders WHERE number = :n", n=number).id
    return found


def meanwhile(monkeypatch: pytest.MonkeyPatch, what: Callable[[], object]) -> None:
    """Let something happen in another transaction after the search and before anything is applied."""
    real = waves.replan

    def searched(*pool: Any, **more: Any) -> Wave:
        found = real(*pool, **more)
        what()
        return found

    monkeypatch.setattr(wavesearch, "replan", searched)


def planted(monkeypatch: pytest.MonkeyPatch, plans: dict[UUID, Sequence[Assignment]]) -> None:
    """Let the search claim these plans are better."""
    real = waves.replan

    def searched(*pool: Any, **more: Any) -> Wave:
        found = real(*pool, **more)
        return replace(found, plans={**found.plans, **plans}, changed=tuple(plans), after=0, bound=0)

    monkeypatch.setattr(wavesearch, "replan", searched)


def test_the_unit_goes_where_its_absence_costs_most(world: World) -> None:
    contested(world)
    tried = wave(world, dry_run=True)
    assert (tried["id"], tried["changed"], open_works(world)) == (None, 2, AS_IT_WAS)
    found = wave(world)
    assert {**tried, "id": found["id"]} == found
    assert open_works(world) == SWAPPED
    assert (found["orders"], found["found"], found["changed"], found["finished"]) == (2, 2, 2, True)
    assert Decimal(found["saved"]) == Decimal(found["cost_before"]) - Decimal(found["cost_after"]) > Decimal("0.5")
    assert (found["bound"], found["gap_percent"]) == (found["cost_after"], 0.0)
    assert [(row["number"], row["from"][0]["node"], row["to"][0]["node"]) for row in found["moves"]] == [
        ("#1001", "HAM", "LYS"), ("#1002", "LYS", "HAM"),
    ]  # fmt: skip
    assert (found["skipped"], found["outside"], found["refused"]) == ([], {}, [])
    world.check_books()
    assert world.one("SELECT count(*) AS n FROM delivery WHERE kind = 'push_fulfillment_order'").n == 0
    assert time_has_come(world) == 2
    world.check_books()


def test_each_changed_order_has_a_decision_that_can_be_made_again_and_the_wave_is_kept_whole(world: World) -> None:
    contested(world)
    found = wave(world)
    [row] = world.all("SELECT id, decision_id FROM orders WHERE number = '#1002'")
    with world.store.read() as conn:
        decision = read_decision(conn, row.decision_id)
        verdict = verify_pieces(conn, pieces(conn, None))
        joint = verify_waves(conn, None)
    assert (decision["kind"], decision["choice"]["assignments"]) == ("wave", [[0, "HAM", "1"]])
    assert decision["inputs"]["wave"]["id"] == found["id"]
    assert decision["inputs"]["wave"]["before"] == [{"node": "LYS", "service": None, "units": "1"}]
    assert decision["inputs"]["wave"]["cost_before"] > decision["choice"]["cost"]
    assert {one["node"]: one["reason"] for one in decision["candidates"]} == {
        "HAM": "chosen", "LYS": "the wave gives its units to other orders",
    }  # fmt: skip
    assert (verdict.decisions, verdict.agree, verdict.differ) == (4, 4, [])
    assert (joint.decisions, joint.agree, joint.differ) == (1, 1, [])
    events = {each.type for each in world.all("SELECT type FROM event")}
    assert {"wave.ran", "order.replanned", "fulfillment.replanned"} <= events


def test_a_promise_without_room_keeps_an_order_where_it_would_come_first(world: World) -> None:
    ordered(world, {"A": 1}, ship_to=BELGIUM)
    ordered(world, {"A": 1})
    found = wave(world)
    assert (found["orders"], found["found"]) == (2, 0)  # from Lyon the first would be there minutes later
    assert found["bound"] == found["cost_before"]


def test_an_altered_wave_is_told_of(world: World) -> None:
    contested(world)
    wave(world)
    change(world, "UPDATE wave SET cost_before = cost_before + 1")
    with world.store.read() as conn:
        assert [(each.field, each.how) for each in verify_waves(conn, None).differ] == [("cost_before", "was altered")]


def test_promise_parts_follow_the_work(world: World) -> None:
    contested(world)
    wave(world)
    rows = world.all(
        "SELECT o.number, n.code FROM promise_part p JOIN fulfillment_order f ON f.id = p.fulfillment_id"
        " JOIN orders o ON o.id = p.order_id JOIN node n ON n.id = p.node_id WHERE f.state = 'planned' ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("#1001", "LYS"), ("#1002", "HAM")]
    assert world.one("SELECT count(*) AS n FROM promise").n == 2


def test_a_second_wave_changes_nothing(world: World) -> None:
    contested(world)
    wave(world)
    again = wave(world)
    assert (again["orders"], again["found"], again["changed"], again["saved"]) == (2, 0, 0, "0")
    assert open_works(world) == SWAPPED
    assert world.one("SELECT count(*) AS n FROM decision").n == 4


def test_an_empty_pool_is_no_wave(world: World) -> None:
    found = wave(world)
    assert (found["id"], found["orders"], found["moves"], found["cost_before"]) == (None, 0, [], "0")
    assert world.one("SELECT count(*) AS n FROM wave").n == 0


def test_a_search_without_time_keeps_todays_plans(world: World) -> None:
    contested(world)
    found = wave(world, seconds=0.0)
    assert (found["orders"], found["changed"], found["finished"]) == (2, 0, False)
    assert open_works(world) == AS_IT_WAS


def test_one_wave_runs_at_a_time(world: World) -> None:
    contested(world)
    with world.store.begin() as unit:
        unit.conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('wave'), 1)"))
        with pytest.raises(Conflict, match="Another wave runs"):
            wave(world)
    assert wave(world)["changed"] == 2


def cancel(world: World, number: str) -> None:
    with world.store.begin(actor="test") as unit:
        cancel_order(unit, world.hub.facts.get(unit.conn, 1), order_id(world, number), None, "no more")


def hold(world: World, number: str) -> None:
    with world.store.begin(actor="test") as unit:
        place_hold(unit, world.hub.facts.get(unit.conn, 1), order_id(world, number), HoldKind.MANUAL, "look")


def edit(world: World, number: str) -> None:
    change(world, "UPDATE orders SET version = version + 1 WHERE number = :n", n=number)


def release_one(world: World, number: str) -> None:
    change(
        world,
        "UPDATE fulfillment_order SET release_at = clock_timestamp() - interval '1 s' WHERE order_id = :o",
        o=order_id(world, number),
    )
    assert released(world) == 1


@pytest.mark.parametrize(
    ("what", "why", "left"),
    [
        (cancel, "is canceled now", {"#1002": [("LYS", "planned")]}),
        (hold, "is held now", AS_IT_WAS),
        (edit, "was changed in the meantime", AS_IT_WAS),
        (release_one, "has other work now", {**AS_IT_WAS, "#1001": [("HAM", "released")]}),
    ],
)
def test_what_happened_in_between_stays_and_so_does_what_needs_its_units(
    world: World, monkeypatch: pytest.MonkeyPatch, what: Any, why: str, left: dict[str, Any]
) -> None:
    contested(world)
    meanwhile(monkeypatch, lambda: what(world, "#1001"))
    found = wave(world)
    assert (found["found"], found["changed"], found["saved"], found["moves"]) == (2, 0, "0", [])
    assert {row["number"]: row["reason"] for row in found["skipped"]} == {
        "#1001": why, "#1002": "needs units of one that was changed",
    }  # fmt: skip
    assert open_works(world) == left
    world.check_books()


@pytest.mark.parametrize("beyond", [0, 5])
def test_units_somebody_else_took_first_are_not_moved_to(
    store: Store, monkeypatch: pytest.MonkeyPatch, beyond: int
) -> None:
    world = waiting_world(store, {("A", "LYS"): 1})
    ordered(world, {"A": 1})
    with store.begin(actor="test") as unit:
        stock.set_on_hand(unit, {(world.items["A"], world.nodes["HAM"]): Decimal(1)}, None, "receipt")
    # What may be promised beyond what is there is not moved to either.
    gone = "UPDATE stock_position SET safety = 1, backorder_limit = :beyond WHERE node_id = :n"
    meanwhile(monkeypatch, lambda: change(world, gone, beyond=beyond, n=world.nodes["HAM"]))
    found = wave(world)
    assert [row["reason"] for row in found["skipped"]] == ["somebody else took the units first"]
    assert open_works(world) == {"#1001": [("LYS", "planned")]}
    world.check_books()


def test_units_a_count_did_not_find_are_given_to_nobody(world: World) -> None:
    contested(world)
    with world.store.begin(actor="test") as unit:
        stock.count_stock(unit, {"node": "HAM", "as_of": now(), "items": [{"sku": "A", "on_hand": Decimal(0)}]})
    assert world.one("SELECT sum(shortfall) AS n FROM stock_position").n == 1
    for dry_run in (True, False):
        found = wave(world, dry_run=dry_run)
        assert (found["changed"], found["skipped"]) == (0, [])
        assert found["outside"] == {"has units that a count did not find": 1}
    assert open_works(world) == AS_IT_WAS
    world.check_books()


def test_groups_that_share_nothing_stand_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    world = waiting_world(store, {("A", "HAM"): 1, ("A", "LYS"): 1, ("B", "HAM"): 1, ("B", "LYS"): 1})
    contested(world)
    ordered(world, {"B": 1}, ship_to=BELGIUM)
    ordered(world, {"B": 1})
    with_slack(world)
    meanwhile(monkeypatch, lambda: edit(world, "#1001"))
    found = wave(world)
    assert [row["number"] for row in found["moves"]] == ["#1003", "#1004"]
    assert Decimal(found["saved"]) > 0
    assert open_works(world) == {**AS_IT_WAS, "#1003": [("LYS", "planned")], "#1004": [("HAM", "planned")]}
    world.check_books()


def fast_and_slow(world: World) -> None:
    """Hamburg has a fast and dear service, Lyon only a slow and cheap one."""
    services(
        world,
        {"carrier": "fast", "service": "day", "nodes": ["HAM"], "transit_days": {"*": 1}},
        {"carrier": "slow", "service": "week", "nodes": ["LYS"], "transit_days": {"*": 9}},
    )
    rates(
        world,
        {"carrier": "fast", "service": "day", "price": "9.00"},
        {"carrier": "slow", "service": "week", "price": "1.00"},
    )


def test_a_cheaper_plan_that_breaks_a_promise_is_not_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    world = waiting_world(store, {("A", "HAM"): 1})
    fast_and_slow(world)
    [work], _ = ordered(world, {"A": 1})
    assert (work.code, work.carrier) == ("HAM", "fast")
    with store.begin(actor="test") as unit:
        stock.set_on_hand(unit, {(world.items["A"], world.nodes["LYS"]): Decimal(1)}, None, "receipt")
    found = wave(world)
    assert (found["orders"], found["found"], found["changed"]) == (1, 0, 0)
    line = world.one("SELECT id, item_id FROM order_line")
    cheap = [Assignment(line.id, line.item_id, world.nodes["LYS"], Decimal(1), "slow/week")]
    # Even a search that says otherwise is not believed: it has the plan on its list and says it costs nothing.
    monkeypatch.setattr(wavesearch, "breaks_promise", lambda *_: False)
    planted(monkeypatch, {work.order_id: cheap})
    found = wave(world)
    assert found["refused"] == [f"order {work.order_id} breaks its promise"]
    assert (found["changed"], found["saved"]) == (0, "0")
    assert open_works(world) == {"#1001": [("HAM", "planned")]}
    world.check_books()
    # Without the promise in its way the same plan is taken.
    with_slack(world, 60)
    monkeypatch.undo()
    found = wave(world)
    assert (found["changed"], open_works(world)) == (1, {"#1001": [("LYS", "planned")]})
    assert found["moves"][0]["to"] == [{"node": "LYS", "service": "slow/week", "units": "1"}]


def test_a_dearer_plan_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    world = waiting_world(store, {("A", "HAM"): 2, ("A", "LYS"): 2})
    [work], _ = ordered(world, {"A": 1})
    line = world.one("SELECT id, item_id FROM order_line")
    planted(monkeypatch, {work.order_id: [Assignment(line.id, line.item_id, world.nodes["LYS"], Decimal(1))]})
    with_slack(world, 60)
    found = wave(world)
    assert [each for each in found["refused"] if "more than the" in each] != []
    assert (found["changed"], open_works(world)) == (0, {"#1001": [("HAM", "planned")]})


def test_parts_that_are_late_only_together_are_late(store: Store) -> None:
    world = waiting_world(store, {("A", "HAM"): 2, ("A", "LYS"): 1, ("B", "LYS"): 1})
    # Two nodes' parts are both there later than either: the promise of a whole parcel leaves no room for a split.
    [work], _ = ordered(world, {"A": 2})
    change(world, "UPDATE node SET shipment_cost = 0, unit_cost = 50 WHERE code = 'HAM'")
    change(world, "UPDATE node SET shipment_cost = 0, unit_cost = 0, distance_cost = 0 WHERE code = 'LYS'")
    assert world.one("SELECT due_at = due_90 AS same FROM promise").same
    # Alone each part would do.
    change(
        world,
        "UPDATE promise SET due_at = (SELECT max(p.due_90) FROM promise_part p) + interval '1 hour'",
    )
    change(world, "UPDATE node SET latitude = 53.5, longitude = 10.0, country = 'DE' WHERE code = 'LYS'")
    found = wave(world)
    assert (found["orders"], found["found"], found["changed"], found["refused"]) == (1, 0, 0, [])
    with_slack(world, 60)
    assert wave(world)["changed"] == 1
    assert open_works(world) == {"#1001": [("HAM", "planned"), ("LYS", "planned")]}
    assert work.code == "HAM"
    world.check_books()


def test_a_days_capacity_holds_for_the_whole_pool(store: Store) -> None:
    world = waiting_world(store, {("A", "HAM"): 5, ("A", "LYS"): 5})
    change(world, "UPDATE node SET capacity_per_day = 1 WHERE code = 'HAM'")
    ordered(world, {"A": 1}, ship_to=BELGIUM)
    ordered(world, {"A": 1})
    ordered(world, {"A": 1})
    assert [works[0][0] for works in open_works(world).values()].count("HAM") == 1
    with_slack(world, 60)
    wave(world)
    assert [works[0][0] for works in open_works(world).values()].count("HAM") == 1
    assert open_works(world)["#1001"] == [("LYS", "planned")]
    world.check_books()


def test_what_a_wave_must_not_touch_stays_out_and_is_counted(store: Store) -> None:
    world = waiting_world(store, {("A", "HAM"): 4, ("A", "LYS"): 1, ("C", "LYS"): 9})
    for _ in range(3):
        ordered(world, {"A": 1})
    hold(world, "#1001")
    change(
        world,
        "UPDATE fulfillment_order SET release_at = clock_timestamp() - interval '1 s' WHERE order_id = :o",
        o=order_id(world, "#1002"),
    )
    assert wave(world, dry_run=True)["outside"] == {"is held": 1, "is about to be released": 1}
    assert wave(world, dry_run=True)["orders"] == 1
    change(
        world,
        "INSERT INTO protection_rule (tenant_id, id, connection_id, item_id, kind, quantity, valid_from)"
        " VALUES (1, gen_random_uuid(), :c, :i, 'buffer', 1, clock_timestamp() - interval '1 hour')",
        c=world.shop,
        i=world.items["A"],
    )
    outside = wave(world, dry_run=True)["outside"]
    assert outside["has an item that a protection rule holds for"] == 1


def test_who_waits_for_supply_keeps_its_turn_and_nobody_else_gets_it(store: Store) -> None:
    world = waiting_world(store, {("A", "LYS"): 1})
    change(world, "UPDATE item SET backorder_limit = 1")
    change(world, "UPDATE stock_position SET backorder_limit = 1 WHERE node_id = :n", n=world.nodes["LYS"])
    ordered(world, {"A": 1})
    ordered(world, {"A": 1})
    assert open_works(world) == {"#1001": [("LYS", "planned")], "#1002": [("LYS", "planned")]}
    found = wave(world, dry_run=True)
    assert (found["orders"], found["outside"]) == (0, {"has units that are not there yet": 2})


def test_more_orders_than_a_wave_takes_wait_for_the_next(world: World) -> None:
    contested(world)
    found = wave(world, orders=1, dry_run=True)
    assert (found["orders"], found["outside"]) == (1, {"is for the next wave: this one is full": 1})


def test_random_pools_are_never_dearer_and_the_books_stay_right(store: Store) -> None:
    dice = random.Random(7)
    world = waiting_world(store, {(sku, node): 6 for sku in "ABC" for node in ("HAM", "LYS")})
    changed = 0
    for _ in range(4):
        for _ in range(5):
            lines = {sku: dice.randint(1, 2) for sku in dice.sample("ABC", dice.randint(1, 2))}
            where = {"ship_to": BELGIUM} if dice.random() < 0.6 else {}
            ordered(world, lines, **where)
        if dice.random() < 0.7:
            with_slack(world, dice.randint(0, 3))
        before = {row.id: row.due_at for row in world.all("SELECT id, due_at FROM promise")}
        found = wave(world)
        assert found["refused"] == []
        assert Decimal(found["bound"]) <= Decimal(found["cost_after"]) <= Decimal(found["cost_before"])
        for row in found["moves"]:
            assert row["arrives_after"] <= max(row["due_at"], row["arrives_before"])
        assert {row.id: row.due_at for row in world.all("SELECT id, due_at FROM promise")} == before
        world.check_books()
        changed += found["changed"]
        with store.begin(actor="test") as unit:
            places = [(item, node) for item in world.items.values() for node in world.nodes.values()]
            counts = {place: Decimal(dice.randint(8, 30)) for place in places}
            stock.set_on_hand(unit, counts, None, "count")
        world.drain()
    assert changed > 0
    with store.read() as conn:
        assert verify_waves(conn, None).differ == []
        assert verify_pieces(conn, pieces(conn, None)).differ == []
    in_force(world, {})
    time_has_come(world)
    world.check_books()
