"""What goes instead, what suppliers are told, and what is sold first because it will be marked down."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import policies
from core.errors import InputError
from core.routing import costs
from core.services import catalog
from core.services.fulfilling import match_lines
from core.services.inforce import InForce
from core.services.kits import set_components
from core.services.merchandise import write_markdowns, write_substitutes, write_supplier_prices
from core.services.resourcing import load_sourced
from core.services.sourcing import source_batch
from core.services.stock import count_stock
from core.store.locks import lock_orders
from core.store.read.fulfillment import list_fulfillments
from core.store.read.orders import read_order
from core.store.read.page import Slice
from core.store.unit import Store
from tests.core.carriers import change, forget, ordered
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 10, ("B", "HAM"): 10, ("B", "LYS"): 10})


def source(world: World, *, substitutes: bool) -> None:
    """Source every waiting order under a policy that allows substitutes or not."""
    facts = replace(world.facts, policies=(InForce("kind", 1, substitutes=substitutes),))
    with world.store.begin() as unit:
        ids = [row.id for row in world.all("SELECT id FROM orders")]
        lock_orders(unit, ids)
        waiting = [order for order in load_sourced(unit, ids) if order.demands]
        assert source_batch(unit, facts, waiting) == []


def approve(world: World, **more: object) -> None:
    with world.store.begin(actor="test") as unit:
        write_substitutes(unit, [{"sku": "C", "substitute": "B", **more}])


@pytest.mark.parametrize("ratio", ["0.5", "2.5", "0.1666666666667", "10001"])
def test_a_part_of_a_unit_for_one_is_refused_and_nothing_is_written(world: World, ratio: str) -> None:
    with pytest.raises(InputError, match="B") as refused:
        approve(world, ratio=Decimal(ratio))
    assert refused.value.error_code == "ITEM-RATIO-422"
    assert world.all("SELECT 1 FROM substitute") == []
    assert world.one("SELECT count(*) AS n FROM item").n == 3


def test_an_approved_substitute_goes_instead_of_what_nobody_has(world: World) -> None:
    approve(world)
    ordered(world, {"A": 1, "C": 2})
    source(world, substitutes=False)
    assert [row.quantity for row in world.all("SELECT quantity FROM reservation")] == [
        1
    ]  # the policy does not allow it
    source(world, substitutes=True)
    order = world.one("SELECT * FROM orders")
    with world.store.read() as conn:
        shown = read_order(conn, order.id)
    assert [(each["sku"], each["substitute"], each["allocated"]) for each in shown["lines"]] == [
        ("A", None, "1"), ("C", "B", "2"),
    ]  # fmt: skip
    world.deliver(world.wms)
    sent = [each.payload["fulfillment"]["lines"] for each in world.partners.partners["wms"].order]
    assert [(line["sku"], line["title"], line["quantity"]) for each in sent for line in each] == [
        ("A", "A", "1"), ("B", "Item B", "2"),  # the title of the order, that of the substitute
    ]  # fmt: skip
    [event] = world.all("SELECT data FROM event WHERE type = 'order.substituted'")
    assert list(event.data["lines"].values()) == [f"itm_{world.items['B'].hex}"]
    row = world.one("SELECT substituted_item_id FROM order_line WHERE sku = 'C'")
    assert row.substituted_item_id == world.items["C"]
    world.check_books()
    shipment = {"external_id": "S1", "fulfillment": f"ful_{world.work()[1].id.hex}"}
    world.send("shipment", shipment, world.wms)
    world.drain()
    assert world.one("SELECT shipped FROM order_line WHERE sku = 'C'").shipped == 2
    world.check_books()


@pytest.mark.parametrize("more", [{"connections": ["erp"]}, {"active": False}])
def test_a_substitute_for_others_or_withdrawn_stays_away(world: World, more: dict[str, object]) -> None:
    approve(world, **more)
    ordered(world, {"C": 2})
    source(world, substitutes=True)
    assert world.work() == []
    assert world.one("SELECT substituted_item_id FROM order_line").substituted_item_id is None


def test_several_units_go_instead_of_one_as_a_kit(world: World) -> None:
    with world.store.begin(actor="test") as unit:
        kit = catalog.upsert_items(unit, [{"sku": "B-PAIR", "title": "Two of B"}], None)["B-PAIR"]
        set_components(unit, kit, "B-PAIR", {world.items["B"]: Decimal(2)})
        write_substitutes(unit, [{"sku": "C", "substitute": "B-PAIR"}])
    ordered(world, {"C": 3})
    source(world, substitutes=True)
    rows = world.all("SELECT item_id, quantity, per_unit FROM reservation")
    assert [tuple(row) for row in rows] == [(world.items["B"], 6, 2)]
    line = world.one("SELECT quantity, unit_price, item_id, substituted_item_id FROM order_line")
    assert tuple(line) == (3, 10, kit, world.items["C"])  # the line's money is what it was
    world.check_books()


def told(world: World) -> list[tuple[str, str, str]]:
    """What nodes were told: node, SKU and units of each line."""
    world.deliver(world.wms)
    works = [each.payload["fulfillment"] for each in world.partners.partners["wms"].order]
    return sorted((work["node"], line["sku"], line["quantity"]) for work in works for line in work["lines"])


def shipped(world: World, work: UUID, sku: str, units: int) -> str:
    """Have a node report units, and return what became of the message."""
    lines = [{"sku": sku, "quantity": str(units)}]
    report = {"external_id": f"S-{work.hex}-{units}", "fulfillment": f"ful_{work.hex}", "lines": lines}
    message = world.send("shipment", report, world.wms)
    world.drain()
    error = world.one("SELECT error FROM message WHERE id = :m", m=message).error
    return str(error["code"]) if error else "applied"


def test_six_singles_go_instead_of_a_box_and_are_told_and_reported_as_singles(world: World) -> None:
    approve(world, ratio=Decimal(6))
    ordered(world, {"A": 1, "C": 2})
    source(world, substitutes=True)
    # Ten singles at each node make one whole box there.
    assert told(world) == [("HAM", "A", "1"), ("HAM", "B", "6"), ("LYS", "B", "6")]
    order = world.one("SELECT id FROM orders").id
    with world.store.read() as conn:
        shown = read_order(conn, order)
        works = list_fulfillments(conn, Slice(10)).data
    assert [(each["sku"], each["quantity"], each["substitute"], each["substitute_ratio"], each["allocated"])
            for each in shown["lines"]] == [("A", "1", None, None, "1"), ("C", "2", "B", "6", "2")]  # fmt: skip
    assert sorted((line["sku"], line["open"]) for work in works for line in work["lines"]) == [
        ("A", "1"), ("B", "6"), ("B", "6"),
    ]  # fmt: skip
    [event] = world.all("SELECT data FROM event WHERE type = 'order.substituted'")
    assert (list(event.data["lines"].values()), list(event.data["ratios"].values())) == (
        [f"itm_{world.items['B'].hex}"], ["6"],
    )  # fmt: skip
    line = world.one("SELECT unit_price, quantity FROM order_line WHERE sku = 'C'")
    assert tuple(line) == (10, 2)
    held = world.all("SELECT quantity, per_unit FROM reservation WHERE item_id = :b", b=world.items["B"])
    assert [tuple(row) for row in held] == [(6, 6), (6, 6)]
    lys = next(work.id for work in world.work() if work.code == "LYS")
    assert shipped(world, lys, "B", 4) == "SHIP-BUNDLE-422"
    world.check_books()
    assert world.one("SELECT shipped FROM order_line WHERE sku = 'C'").shipped == 0
    assert shipped(world, lys, "B", 6) == "applied"
    assert world.one("SELECT shipped FROM order_line WHERE sku = 'C'").shipped == 1
    assert world.one("SELECT on_hand FROM stock_position p JOIN node n ON n.id = node_id"
                     " WHERE item_id = :b AND n.code = 'LYS'", b=world.items["B"]).on_hand == 4  # fmt: skip
    world.deliver(world.shop)
    [push] = world.partners.partners["shop"].order
    assert [(each["sku"], each["quantity"]) for each in push.payload["shipment"]["lines"]] == [("C", "1")]
    world.check_books()


def test_a_short_report_of_singles_sends_the_box_elsewhere_or_lets_it_wait(world: World) -> None:
    approve(world, ratio=Decimal(6))
    ordered(world, {"C": 1})
    source(world, substitutes=True)
    [work] = [work for work in world.work() if work.state == "released"]
    report = {"fulfillment": f"ful_{work.id.hex}", "status": "short", "lines": [{"sku": "B", "quantity": "6"}]}
    world.send("fulfillment_update", report, world.wms)
    world.drain()
    assert world.one("SELECT state FROM fulfillment_order WHERE id = :f", f=work.id).state == "short"
    assert world.one("SELECT coalesce(sum(quantity), 0) AS n FROM reservation WHERE fulfillment_id = :f"
                     " AND state = 'allocated'", f=work.id).n == 0  # fmt: skip
    world.check_books()


def test_lots_and_prices_of_a_bundle_are_those_of_its_item(world: World) -> None:
    change(world, "UPDATE node SET kind = 'supplier' WHERE code = 'LYS'")
    with world.store.begin(actor="test") as unit:
        catalog.upsert_items(unit, [{"sku": "D", "tracking": "lot", "weight_g": 40}])
        lots = [{"sku": "D", "on_hand": Decimal(4), "lot": lot, "expires_on": date(2099, 1, day)}
                for lot, day in (("L1", 1), ("L2", 2))]  # fmt: skip
        count_stock(unit, {"node": "LYS", "as_of": unit.now, "items": lots})
        write_substitutes(unit, [{"sku": "C", "substitute": "D", "ratio": Decimal(3)}])
        price = {"node": "LYS", "sku": "D", "code": "S-9", "price": Decimal("1.50"), "currency": "EUR"}
        write_supplier_prices(unit, [price])
    ordered(world, {"C": 2})
    source(world, substitutes=True)
    assert told(world) == [("LYS", "D", "6")]
    [push] = world.partners.partners["wms"].order
    [line] = push.payload["fulfillment"]["lines"]
    assert line["lots"] == [{"lot": "L1", "quantity": "4"}, {"lot": "L2", "quantity": "2"}]
    assert push.payload["fulfillment"]["purchase_order"]["total"] == "9.00"
    facts = world.facts.routing
    with world.store.read() as conn:
        bundle = world.one("SELECT id FROM item WHERE sku = 'D*3'").id
        assert facts.read_items(conn, 1, {bundle}, now().date())[bundle].grams == 120
    world.check_books()


def test_a_bundle_stays_what_its_name_says(world: World) -> None:
    approve(world, ratio=Decimal(6))
    approve(world, ratio=Decimal(6))
    assert world.one("SELECT count(*) AS n FROM item WHERE sku = 'B*6'").n == 1
    for parts in ([], [{"sku": "B", "units": Decimal(5)}]):
        with pytest.raises(InputError, match="bundle"), world.store.begin() as unit:
            catalog.upsert_items(unit, [{"sku": "B*6", "components": parts}])
    with world.store.begin() as unit:
        catalog.upsert_items(unit, [{"sku": "A*2"}])
    with pytest.raises(InputError, match="item of its own") as refused, world.store.begin(actor="test") as unit:
        write_substitutes(unit, [{"sku": "C", "substitute": "A", "ratio": Decimal(2)}])
    assert refused.value.error_code == "ITEM-RATIO-422"


def taken_short(lines: list[tuple[int, int]], reported: int, place: int) -> bool:
    """Whether a line is still open when units are given to the lines in their order."""
    for index, (per, units) in enumerate(lines):
        taken = min(reported // per, units)
        reported -= taken * per
        if index == place:
            return taken < units
    raise AssertionError(place)


OPEN = st.lists(st.tuples(st.sampled_from((1, 6)), st.integers(0, 4)), min_size=1, max_size=4)


@given(lines=OPEN, reported=st.integers(1, 40))
def test_what_a_report_takes_is_what_it_says(lines: list[tuple[int, int]], reported: int) -> None:
    rows: Any = [
        SimpleNamespace(
            id=UUID(int=index), line_id=UUID(int=100 + index), quantity=Decimal(units), shipped=Decimal(0),
            canceled=Decimal(0), sku=f"L{index}", external_id=None, item_sku="B" if per == 1 else "B*6", told_sku="B",
            per_unit=Decimal(per),
        )
        for index, (per, units) in enumerate(lines)
    ]  # fmt: skip
    size = {row.id: row.per_unit for row in rows}
    left = reported
    for per, units in lines:
        left -= min(left // per, units) * per
    open_bundles = any(per > left and taken_short(lines, reported, index) for index, (per, _) in enumerate(lines))
    report = [{"sku": "B", "quantity": Decimal(reported)}]
    if left and (open_bundles or left % lines[0][0]):
        with pytest.raises(InputError) as refused:
            match_lines(rows, report)
        assert refused.value.error_code == "SHIP-BUNDLE-422"
        return
    found, over = match_lines(rows, report)
    assert sum(units * size[line] for line, units in [*found.items(), *over.items()]) == reported
    for row in rows:
        assert found.get(row.id, 0) <= row.quantity
        assert found.get(row.id, Decimal(0)) % 1 == 0
    if over:
        assert all(found.get(row.id, 0) == row.quantity for row in rows)


def test_a_line_of_which_there_is_a_part_keeps_its_item(world: World) -> None:
    approve(world)
    ordered(world, {"C": 21})  # more than there is of the substitute
    source(world, substitutes=True)
    assert world.work() == []


def test_a_supplier_is_told_its_price(world: World) -> None:
    change(world, "UPDATE node SET kind = 'supplier' WHERE code = 'LYS'")
    change(world, "UPDATE stock_position p SET safety = on_hand FROM node n WHERE n.id = p.node_id AND n.code = 'HAM'")
    with world.store.begin(actor="test") as unit:
        price = {"node": "LYS", "sku": "B", "code": "S-77", "price": Decimal("4.125"), "currency": "EUR"}
        write_supplier_prices(unit, [price])
    [work], _ = ordered(world, {"B": 3})
    world.deliver(world.wms)
    [push] = world.partners.partners["wms"].order
    [line] = push.payload["fulfillment"]["lines"]
    assert push.payload["fulfillment"]["purchase_order"] == {
        "number": work.number, "currency": "EUR", "total": "12.38",
        "lines": [{"id": line["id"], "code": "S-77", "price": "4.125", "currency": "EUR"}],
    }  # fmt: skip
    change(world, "DELETE FROM supplier_price")
    ordered(world, {"B": 1})
    world.deliver(world.wms)
    bought = world.partners.partners["wms"].order[-1].payload["fulfillment"]["purchase_order"]
    assert (bought["currency"], bought["total"], bought["lines"][0]["price"]) == (None, None, None)


def test_prices_in_several_currencies_have_each_its_own_and_no_sum(world: World) -> None:
    change(world, "UPDATE node SET kind = 'supplier' WHERE code = 'HAM'")
    change(world, "UPDATE stock_position p SET safety = on_hand FROM node n WHERE n.id = p.node_id AND n.code = 'LYS'")
    prices = {"A": ("3", "EUR"), "B": ("7", "USD")}
    with world.store.begin(actor="test") as unit:
        rows = [
            {"node": "HAM", "sku": sku, "price": Decimal(price), "currency": currency}
            for sku, (price, currency) in prices.items()
        ]
        write_supplier_prices(unit, rows)
    ordered(world, {"A": 1, "B": 1})
    world.deliver(world.wms)
    told = world.partners.partners["wms"].order[-1].payload["fulfillment"]
    sku = {line["id"]: line["sku"] for line in told["lines"]}
    bought = told["purchase_order"]
    assert (bought["currency"], bought["total"]) == (None, None)
    assert {sku[line["id"]]: (line["price"], line["currency"]) for line in bought["lines"]} == prices


def test_a_warehouse_is_told_no_price(world: World) -> None:
    ordered(world, {"B": 1})
    world.deliver(world.wms)
    assert world.partners.partners["wms"].order[-1].payload["fulfillment"]["purchase_order"] is None


def test_units_that_will_be_marked_down_are_sold_first(world: World) -> None:
    [work], _ = ordered(world, {"B": 1})
    assert work.code == "HAM"
    with world.store.begin(actor="test") as unit:
        write_markdowns(
            unit, [{"sku": "B", "node": "LYS", "units": Decimal(2), "benefit": Decimal("0.45"), "valid_to": None}]
        )
    forget(world)
    [work], decision = ordered(world, {"B": 2})
    assert work.code == "HAM"  # 2 x 0.45 is just not what the longer way costs: 0.90
    with world.store.begin(actor="test") as unit:
        write_markdowns(unit, [{"sku": "B", "node": "LYS", "units": Decimal(2), "benefit": Decimal("0.46")}])
    forget(world)
    [work], decision = ordered(world, {"B": 2})
    assert work.code == "LYS"
    [row] = [each for each in decision.candidates if each["chosen"]]
    assert row["terms"]["tier"] == -2 * 4600


def test_people_read_of_the_terms_a_policy_may_weigh() -> None:
    assert tuple(name for name, _, _ in costs.TERMS) == policies.TERMS
