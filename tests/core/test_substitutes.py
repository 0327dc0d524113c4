"""What goes instead, what suppliers are told, and what is sold first because it will be marked down."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.domain import policies
from core.errors import InputError
from core.routing import costs
from core.services import catalog
from core.services.inforce import InForce
from core.services.kits import set_components
from core.services.merchandise import write_markdowns, write_substitutes, write_supplier_prices
from core.services.resourcing import load_sourced
from core.services.sourcing import source_batch
from core.store.locks import lock_orders
from core.store.read.orders import read_order
from core.store.unit import Store
from tests.core.carriers import change, forget, ordered
from tests.core.world import World


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


def test_several_units_for_one_are_refused_and_nothing_is_written(world: World) -> None:
    with pytest.raises(InputError, match="ratio 2") as refused:
        approve(world, ratio=Decimal(2))
    assert refused.value.error_code == "ITEM-RATIO-422"
    assert world.all("SELECT 1 FROM substitute") == []


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
        "lines": [{"id": line["id"], "code": "S-77", "price": "4.125"}],
    }  # fmt: skip
    change(world, "DELETE FROM supplier_price")
    ordered(world, {"B": 1})
    world.deliver(world.wms)
    bought = world.partners.partners["wms"].order[-1].payload["fulfillment"]["purchase_order"]
    assert (bought["currency"], bought["total"], bought["lines"][0]["price"]) == (None, None, None)


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
