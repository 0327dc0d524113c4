"""Kits: sold whole, kept as components, never promised twice."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from core.errors import InputError
from core.services.backorders import wake_backorders
from core.services.canceling import cancel_order
from core.services.catalog import upsert_items
from core.services.channel_stock import available, claim_changes
from core.services.resourcing import source_due
from core.services.stock import set_on_hand
from core.store.read.orders import read_orders
from core.store.unit import Store
from tests.core.test_intake import in_threads, later
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    """GIFT is 2 A and 1 B; BOX is 1 A and 3 C."""
    world = World(store, {("A", "HAM"): 10, ("B", "HAM"): 5, ("C", "HAM"): 9, ("A", "LYS"): 4, ("B", "LYS"): 1})
    with store.begin() as unit:
        world.items |= upsert_items(
            unit,
            [
                {"sku": "GIFT", "title": "Gift", "components": parts(A=2, B=1)},
                {"sku": "BOX", "title": "Box", "components": parts(A=1, C=3)},
            ],
            world.shop,
        )
    return world


def parts(**units: int) -> list[dict[str, Any]]:
    return [{"sku": sku, "units": Decimal(number)} for sku, number in units.items()]


def shown(world: World) -> dict[str, int]:
    with world.store.begin() as unit:
        found = available(unit, list(world.items.values()), world.shop)
    return {sku: int(found[item]) for sku, item in sorted(world.items.items())}


def positions(world: World) -> dict[str, tuple[int, int]]:
    rows = world.all(
        "SELECT i.sku, n.code, on_hand, allocated FROM stock_position p JOIN item i ON i.id = p.item_id"
        " JOIN node n ON n.id = p.node_id ORDER BY 1, 2"
    )
    return {f"{row.sku}@{row.code}": (int(row.on_hand), int(row.allocated)) for row in rows}


def place(world: World, **lines: int) -> str:
    world.send("order", world.order(lines))
    world.drain()
    return str(world.one("SELECT phase FROM orders ORDER BY id DESC").phase)


def test_a_kit_is_there_as_often_as_components_at_a_node_allow(world: World) -> None:
    # At HAM five gifts by A and five by B; at LYS two by A, one by B.
    assert shown(world) == {"A": 14, "B": 6, "BOX": 3, "C": 9, "GIFT": 6}


def test_a_kit_is_promised_and_shipped_as_its_components(world: World) -> None:
    assert place(world, GIFT=3, A=1) == "releasing"
    assert positions(world)["A@HAM"] == (10, 7)
    assert positions(world)["B@HAM"] == (5, 3)
    [work] = world.work()
    with world.store.read() as conn:
        shown = read_orders(conn, [work.order_id])[0]["lines"]
    assert [(line["sku"], line["allocated"]) for line in shown] == [("GIFT", "3"), ("A", "1")]
    lines = world.all("SELECT i.sku, f.quantity FROM fulfillment_line f JOIN item i ON i.id = f.item_id ORDER BY 1")
    assert [(row.sku, int(row.quantity)) for row in lines] == [("A", 1), ("GIFT", 3)]
    report = {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}", "lines": [{"sku": "GIFT", "quantity": "2"}]}
    world.send("shipment", report, world.wms)
    world.drain()
    assert (positions(world)["A@HAM"], positions(world)["B@HAM"]) == ((6, 3), (3, 1))
    world.send("shipment", {"external_id": "S2", "fulfillment": f"ful_{work.id.hex}"}, world.wms)
    world.drain()
    assert (positions(world)["A@HAM"], positions(world)["B@HAM"]) == ((3, 0), (2, 0))
    assert world.one("SELECT state FROM orders").state == "completed"
    world.check_books()


def test_channels_are_told_of_a_kit_when_a_component_moves(world: World) -> None:
    with world.store.begin() as unit:
        claim_changes(unit, world.shop)
    assert place(world, B=4) == "releasing"
    with world.store.begin() as unit:
        told = claim_changes(unit, world.shop)["items"]
    assert [(each["sku"], each["available"]) for each in told] == [("B", "2"), ("GIFT", "2")]


def test_kits_that_share_a_component_never_take_it_twice(world: World) -> None:
    # 14 A in all, HAM 10: five gifts and three boxes want 13 there, and each kit alone would fit.
    assert place(world, GIFT=5, BOX=3) == "backordered"
    at = positions(world)
    assert at["A@HAM"][1] <= 10
    assert at["A@LYS"][1] <= 4
    for sku, units, per in (("GIFT", 5, (2, 1)), ("BOX", 3, (1, 3))):
        promised = world.all(
            "SELECT i.sku, sum(r.quantity) AS n FROM reservation r JOIN order_line l ON l.id = r.line_id"
            f" JOIN item i ON i.id = r.item_id WHERE l.sku = '{sku}' AND r.state = 'allocated' GROUP BY 1 ORDER BY 1"
        )
        kits = int(promised[0].n) // per[0] if promised else 0
        assert kits <= units
        assert [int(row.n) for row in promised] == [kits * each for each in per if kits]
    # The line that comes first has its kits; the other gets what is left of the shared component.
    assert world.one("SELECT sum(quantity / per_unit) AS n FROM reservation WHERE NOT follows").n == 5
    world.check_books()


def test_a_canceled_kit_gives_all_its_components_back(world: World) -> None:
    place(world, GIFT=3)
    line = world.one("SELECT id, order_id FROM order_line")
    with world.store.begin() as unit:
        cancel_order(unit, world.facts, line.order_id, {line.id: Decimal(1)}, "asked")
    world.drain()
    world.deliver()
    world.drain()
    assert world.one("SELECT canceled FROM order_line").canceled == 1
    assert (positions(world)["A@HAM"][1], positions(world)["B@HAM"][1]) == (4, 2)
    world.check_books()


def test_a_backorder_of_a_kit_is_filled_when_its_component_comes(world: World) -> None:
    assert place(world, GIFT=8) == "backordered"
    assert positions(world)["B@HAM"] == (5, 5)
    later(world)
    world.drain()
    with world.store.begin() as unit:
        set_on_hand(unit, {(world.items["B"], world.nodes["LYS"]): Decimal(9)}, None, "receipt")
        set_on_hand(unit, {(world.items["A"], world.nodes["LYS"]): Decimal(9)}, None, "receipt")
    with world.store.begin() as unit:
        assert wake_backorders(unit) == 1
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "releasing"
    world.check_books()


def test_many_orders_of_kits_at_once_sell_exactly_what_is_there(world: World) -> None:
    for number in range(24):
        world.send("order", world.order({"GIFT": 1} if number % 2 else {"BOX": 1, "A": 1}))

    def work(place: int) -> None:
        from core.jobs.intake import drain_messages

        while drain_messages(world.hub, 3 + place):
            pass

    in_threads(4, work)
    for _ in range(5):
        later(world)
        with world.store.begin() as unit:
            source_due(unit, world.facts)
    at = positions(world)
    assert all(allocated <= on_hand for on_hand, allocated in at.values())
    # Nothing that would still fit is left waiting: no gift, and no A alone.
    assert shown(world)["GIFT"] == 0 or shown(world)["A"] == 0
    world.check_books()


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"sku": "X", "components": parts(GIFT=1)}, "is a kit itself"),
        ({"sku": "X", "components": parts(NOTHING=1)}, "no item has the SKU"),
        ({"sku": "X", "components": parts(X=1)}, "contain itself"),
        ({"sku": "A", "components": parts(C=1)}, "component of another kit"),
        ({"sku": "C", "components": parts(B=1)}, "component of another kit"),
    ],
)
def test_what_can_be_no_kit_is_refused(world: World, item: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why), world.store.begin() as unit:
        upsert_items(unit, [item])
    assert world.one("SELECT count(*) AS n FROM kit_component").n == 4


def test_an_item_with_stock_becomes_no_kit_and_a_kit_becomes_an_item_again(world: World) -> None:
    write: Callable[[Any], None] = lambda each: _write(world, each)  # noqa: E731
    write({"sku": "BOX", "components": []})
    write({"sku": "GIFT", "components": []})
    with pytest.raises(InputError, match="stock of its own"):
        write({"sku": "A", "components": parts(B=1)})
    assert shown(world)["GIFT"] == 0


def _write(world: World, item: dict[str, Any]) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [item])
