"""Nodes that count in batches: what ages, what counts teach, and that nobody is promised what may not be there."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from core.domain.vocabulary import MovementKind
from core.errors import Conflict
from core.intelligence.scores import quantile_with_rule
from core.services.aging import age_stock
from core.services.catalog import upsert_items
from core.services.channel_stock import available, claim_changes
from core.services.disruptions import change_node
from core.services.reserving import Wanted, release_group, reserve_many
from core.services.scoring import refresh_scores
from core.services.stock import adjust_stock, count_stock
from core.services.supplying import end_supply, expect_supply, receive_units
from core.services.transfers import send_transfer
from core.store.read.stock import read_availability
from core.store.unit import Store, Unit
from tests.core.test_explained_then import clock, explained, units
from tests.core.test_intake import in_threads
from tests.core.test_lots import LOTS_AND_POSITIONS
from tests.core.world import World

AGED = (
    ("stock_movement", "at"), ("lot_movement", "at"), ("count_outcome", "at"), ("count_outcome", "as_of"),
    ("stock_position", "counted_at"), ("reservation", "created_at"), ("reservation", "finished_at"),
    ("node_switch", "at"),
)  # fmt: skip


@pytest.fixture
def world(store: Store) -> World:
    """HAM counts once a day; until it is known better a count is believed to miss a tenth."""
    world = World(store, {})
    with store.begin() as unit:
        change_node(
            unit, "HAM", {"stock_mode": "batch", "count_hours": Decimal(24), "count_error": Decimal("0.1"),
                          "count_samples": 10, "count_quantile": Decimal("0.9")},
        )  # fmt: skip
    return world


def count(world: World, ago: float = 0, **skus: int) -> None:
    with world.store.begin() as unit:
        items = [{"sku": sku, "on_hand": Decimal(number)} for sku, number in skus.items()]
        count_stock(unit, {"node": "HAM", "as_of": unit.now - timedelta(hours=ago), "items": items})


def pass_hours(world: World, hours: float) -> None:
    """Let everything that has happened be longer ago."""
    with world.store.begin() as unit:
        for table, column in AGED:
            unit.conn.execute(
                text(f"UPDATE {table} SET {column} = {column} - make_interval(secs => :s)"), {"s": hours * 3600}
            )


def sweep(world: World) -> int:
    with world.store.begin() as unit:
        return age_stock(unit)


def position(world: World, sku: str = "A", node: str = "HAM") -> tuple[int, int, int]:
    row = world.one(
        "SELECT on_hand, uncertain, reserved + allocated AS promised FROM stock_position p"
        " JOIN item i ON i.id = p.item_id JOIN node n ON n.id = p.node_id WHERE sku = :sku AND n.code = :node",
        sku=sku, node=node,
    )  # fmt: skip
    return int(row.on_hand), int(row.uncertain), int(row.promised)


def reserve(world: World, number: int, sku: str = "A") -> Any:
    with world.store.begin() as unit:
        return reserve_many(unit, [Wanted({(world.items[sku], world.nodes["HAM"]): Decimal(number)})])[0].group_id


def shown(world: World, sku: str = "A") -> str:
    with world.store.read() as conn:
        found: str = read_availability(conn, [sku])[0]["available"]
    return found


def check(world: World) -> None:
    world.check_books()
    assert world.all(
        "SELECT 1 FROM stock_position p JOIN (SELECT item_id, node_id, sum(uncertain) AS u, sum(safety) AS s"
        " FROM stock_movement GROUP BY 1, 2) m USING (item_id, node_id)"
        " WHERE (p.uncertain, p.safety) IS DISTINCT FROM (m.u, m.s)"
    ) == []  # fmt: skip
    assert world.all(LOTS_AND_POSITIONS) == []


def scores(world: World) -> dict[tuple[str, str], tuple[float, int, float]]:
    rows = world.all("SELECT * FROM score WHERE measure LIKE 'count%'")
    return {(row.measure, row.part): (round(row.value, 4), row.outcomes, row.prior) for row in rows}


def test_stock_is_trusted_less_the_longer_ago_it_was_counted(world: World) -> None:
    count(world, ago=12, A=100)
    assert (position(world), shown(world)) == ((100, 5, 0), "95")
    pass_hours(world, 12)
    with world.store.begin() as unit:
        claim_changes(unit, world.shop)
    assert sweep(world) == 1
    assert (position(world), shown(world), sweep(world)) == ((100, 10, 0), "90", 0)
    with world.store.begin() as unit:
        assert [each["available"] for each in claim_changes(unit, world.shop)["items"]] == ["90"]
    last = world.one("SELECT kind, uncertain, cause FROM stock_movement ORDER BY id DESC LIMIT 1")
    assert tuple(last) == ("age", 5, "error 0.100 after 24.0 of 24.0 h, 0 counts")
    pass_hours(world, 24 * 30)
    sweep(world)
    assert (position(world), shown(world)) == ((100, 100, 0), "0")
    count(world, A=80)
    assert (position(world), shown(world)) == ((80, 0, 0), "80")
    check(world)


def test_the_discount_is_a_part_of_every_figure_now_and_then(world: World) -> None:
    count(world, ago=12, A=100)
    with world.store.begin() as unit:
        before = clock(unit)
    pass_hours(world, 24)
    sweep(world)
    [now] = explained(world, "A", None, None)["items"][0]["nodes"]
    assert (now["available"], now["uncertain"], units(now, "uncertain")) == ("85", "15", -15)
    counted = datetime.fromisoformat(now["counted_at"])
    assert timedelta(hours=35.9) < before - counted < timedelta(hours=36.1)
    [then] = explained(world, "A", None, before - timedelta(hours=24))["items"][0]["nodes"]
    assert (then["available"], units(then, "uncertain"), then["counted_at"]) == ("95", -5, now["counted_at"])


def test_nobody_is_promised_what_may_not_be_there(world: World) -> None:
    count(world, ago=24, A=100)
    assert reserve(world, 91) is None
    group = reserve(world, 90)
    assert group is not None
    world.send("order", world.order({"A": 1}))
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "backordered"
    with pytest.raises(IntegrityError, match="never_oversold"), world.store.begin() as unit:
        unit.conn.execute(text("UPDATE stock_position SET reserved = reserved + 1"))
    lines = [{"sku": "A", "quantity": Decimal(1)}]
    with pytest.raises(Conflict, match="Only 0 units"), world.store.begin() as unit:
        send_transfer(unit, reference="T", from_node="HAM", to_node="LYS", lines=lines)
    # What is promised stays promised, however old the count: the discount gives way to it.
    pass_hours(world, 48)
    sweep(world)
    assert position(world) == (100, 10, 90)
    with world.store.begin() as unit:
        release_group(unit, group)
    sweep(world)
    assert position(world) == (100, 30, 0)
    check(world)


def test_many_at_once_take_exactly_what_is_not_in_doubt(world: World) -> None:
    count(world, ago=12, A=100)
    pass_hours(world, 12)
    won: list[Any] = []

    def work(place: int) -> None:
        if place == 0:
            for _ in range(20):
                sweep(world)
            return
        won.extend(reserve(world, 3) for _ in range(12))

    in_threads(5, work)
    on_hand, uncertain, promised = position(world)
    assert (on_hand, uncertain + promised in (99, 100), promised) == (100, True, 3 * len([x for x in won if x]))
    assert reserve(world, 3) is None
    check(world)


def test_a_live_node_keeps_nothing_back(world: World) -> None:
    with world.store.begin() as unit:
        adjust_stock(unit, "A", "LYS", on_hand=Decimal(50), reason="found")
    count(world, ago=24, A=100)
    pass_hours(world, 100)
    sweep(world)
    assert position(world, node="LYS") == (50, 0, 0)
    assert position(world)[1] > 10
    with world.store.begin() as unit:
        change_node(unit, "HAM", {"stock_mode": "live"})
    assert sweep(world) == 1
    assert position(world) == (100, 0, 0)
    check(world)


def test_a_late_count_is_brought_up_to_now(world: World) -> None:
    count(world, ago=1, A=50)
    pass_hours(world, 24)
    world.send("order", world.order({"A": 4}))
    world.drain()
    [work] = world.work()
    with world.store.begin() as unit:
        receive_units(unit, (world.items["A"], world.nodes["HAM"]), Decimal(6), MovementKind.RECEIPT, "PO")
    pass_hours(world, 4)
    # Ten were there four and a half hours ago; since then 6 came and 4 will have left.
    world.send("shipment", {"external_id": "S", "fulfillment": f"ful_{work.id.hex}"}, world.wms)
    world.drain()
    count(world, ago=4.5, A=10)
    assert position(world)[0] == 12
    outcome = world.one("SELECT hours, expected, counted FROM count_outcome ORDER BY id DESC")
    assert (round(outcome.hours, 1), outcome.expected, outcome.counted) == (Decimal("24.5"), 50, 10)
    # A node that counts live is believed for the moment it names as well.
    with world.store.begin() as unit:
        change_node(unit, "HAM", {"stock_mode": "live"})
    count(world, ago=4.4, A=11)
    assert position(world)[0] == 13
    check(world)


def test_a_late_count_by_lot_is_brought_up_to_now_lot_by_lot(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])

    def by_lot(ago: float, **lots: int) -> None:
        items = [{"sku": "A", "lot": lot, "on_hand": Decimal(number)} for lot, number in lots.items()]
        with world.store.begin() as unit:
            count_stock(unit, {"node": "HAM", "as_of": unit.now - timedelta(hours=ago), "items": items})

    by_lot(0, L1=8, L2=5)
    pass_hours(world, 24)
    with world.store.begin() as unit:
        receive_units(unit, (world.items["A"], world.nodes["HAM"]), Decimal(3), MovementKind.RECEIPT, "PO", lot="L3")
        send_transfer(
            unit, reference="T", from_node="HAM", to_node="LYS",
            lines=[{"sku": "A", "quantity": Decimal(2), "lot": "L1"}],
        )  # fmt: skip
    pass_hours(world, 2)
    by_lot(3, L1=7, L2=5)
    lots = world.all("SELECT lot, on_hand FROM stock_lot l JOIN node n ON n.id = node_id AND code = 'HAM' ORDER BY lot")
    assert [(row.lot, int(row.on_hand)) for row in lots] == [("L1", 5), ("L2", 5), ("L3", 3)]
    assert tuple(world.one("SELECT expected, counted FROM count_outcome ORDER BY id DESC")) == (13, 12)
    check(world)


def days(world: World, found: Sequence[tuple[int, int]]) -> None:
    """Have HAM count A and B once a day and find these units, after it was full again."""
    for a, b in found:
        with world.store.begin() as unit:
            adjust_stock(unit, "A", "HAM", on_hand=Decimal(100), reason="filled up")
            adjust_stock(unit, "B", "HAM", on_hand=Decimal(50), reason="filled up")
        pass_hours(world, 24)
        count(world, A=a, B=b)


def test_the_error_of_counts_is_learned_by_node_and_class(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "B", "attributes": {"class": "fresh"}}])
    days(world, [(100, 50)])
    assert [(row.expected, row.hours) for row in world.all("SELECT * FROM count_outcome")] == [(None, None)] * 2
    days(world, [(98, 40)] * 2)
    with world.store.begin() as unit:
        refresh_scores(unit)
    # Four outcomes of ten: the rule still stands for six, and the class has too few of its own.
    assert scores(world)["count_error", ""] == (0.2, 4, 0.1)
    assert ("count_error", "fresh") not in scores(world)
    assert scores(world)["count_hours", ""][0] == pytest.approx(24, abs=0.1)
    days(world, [(98, 40)] * 9 + [(101, 50)])
    with world.store.begin() as unit:
        refresh_scores(unit)
    assert scores(world)["count_error", ""] == (0.2, 24, 0.1)
    assert scores(world)["count_error", "fresh"] == (0.2, 12, 0.1)
    with world.store.begin() as unit:
        change_node(unit, "HAM", {"count_quantile": Decimal("0.5")})
        refresh_scores(unit)
    # Of 150 units expected a day 100 lie where two in a hundred are missing.
    assert scores(world)["count_error", ""][0] == 0.02
    pass_hours(world, 24)
    sweep(world)
    assert (position(world, "A"), position(world, "B")) == ((101, 2, 0), (50, 10, 0))
    rows = world.all(
        "SELECT sku, cause FROM stock_movement m JOIN item i ON i.id = item_id WHERE kind = 'age' ORDER BY m.id"
    )
    assert dict(tuple(row) for row in rows) == {
        "A": "error 0.020 after 24.0 of 24.0 h, 24 counts",
        "B": "error 0.200 after 24.0 of 24.0 h, 12 counts",
    }
    check(world)


def test_old_outcomes_fade_and_are_forgotten(world: World) -> None:
    days(world, [(100, 50), *[(50, 25)] * 12])
    pass_hours(world, 24 * 170)
    days(world, [(100, 50), *[(99, 50)] * 11])
    with world.store.begin() as unit:
        refresh_scores(unit)
    # Half a year ago half of the units were missing: at a tenth of the weight that is beyond the quantile.
    assert scores(world)["count_error", ""][0] == 0.01
    assert world.one("SELECT count(*) AS n FROM count_outcome WHERE as_of < now() - interval '180 days'").n == 0


def test_units_on_the_books_only_because_they_are_promised_are_not_expected(world: World) -> None:
    count(world, A=10)
    assert reserve(world, 9) is not None
    pass_hours(world, 24)
    count(world, A=4)
    assert position(world) == (9, 0, 9)
    pass_hours(world, 24)
    count(world, A=4)
    assert [tuple(row) for row in world.all("SELECT expected, counted FROM count_outcome ORDER BY id")] == [
        (None, 10), (10, 4), (4, 4),
    ]  # fmt: skip
    check(world)


def test_a_supply_that_ends_takes_the_discount_first(world: World) -> None:
    count(world, ago=24, A=100)
    with world.store.begin() as unit:
        supply = expect_supply(unit, sku="A", node="HAM", reference="PO", quantity=Decimal(5), promisable=Decimal(5))
    assert reserve(world, 95) is not None
    with world.store.begin() as unit:
        end_supply(unit, supply)
    assert position(world) == (100, 5, 95)
    check(world)


def test_the_quantile_is_filled_up_by_the_rule() -> None:
    values = [(0.0, 3.0), (0.1, 1.0)]
    assert quantile_with_rule(values, 0.75, 0.5, 0.0) == 0.0
    assert quantile_with_rule(values, 0.76, 0.5, 0.0) == 0.1
    assert quantile_with_rule(values, 0.9, 0.5, 0.2) == 0.5
    assert quantile_with_rule(values, 0.75, 0.05, 0.2) == 0.05
    assert quantile_with_rule([], 0.9, 0.05, 1.0) == 0.05
    assert quantile_with_rule(values, 1.0, 0.05, 0.0) == 0.1


def test_a_kit_is_short_of_what_is_uncertain_of_its_components(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "GIFT", "components": [{"sku": "A", "units": Decimal(2)}]}])
    count(world, ago=24, A=100)
    assert shown(world, "GIFT") == "45"
    assert explained(world, "GIFT", None, None)["total"]["available"] == "45"


def test_channels_are_told_without_it(world: World) -> None:
    count(world, ago=24, A=100)
    unit: Unit
    with world.store.begin() as unit:
        assert available(unit, [world.items["A"]], world.shop)[world.items["A"]] == 90
