"""Protection rules for kits: counted as kits, whoever takes them, and kept in their components."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.protection import Rule
from core.domain.shelf import Shelf
from core.domain.vocabulary import Protection
from core.errors import Conflict, InputError
from core.services.canceling import cancel_order
from core.services.catalog import upsert_items
from core.services.channel_stock import available, claim_changes
from core.services.checkouts import Checkout, Planned, reserve_lines, wanted_of
from core.services.converting import convert_reservation
from core.services.protecting import end_rule, set_rule
from core.services.reserving import ReservationCombiner, release_group
from core.store.read.explained import explain_availability
from core.store.read.stock import read_availability, read_reservation
from core.store.unit import Store
from tests.core.test_intake import in_threads
from tests.core.world import World

LEVELS = {("A", "HAM"): 10, ("B", "HAM"): 10, ("A", "LYS"): 6, ("B", "LYS"): 6, ("C", "HAM"): 9}
HELD_KITS = """
SELECT coalesce(sum(quantity / per_unit), 0) AS n FROM reservation r JOIN item i ON i.id = r.kit_id
WHERE i.sku = 'GIFT' AND NOT follows AND state IN ('held', 'allocated') AND r.connection_id = :c
"""


@pytest.fixture
def world(store: Store) -> World:
    return company(store, LEVELS)


def company(store: Store, levels: dict[tuple[str, str], int]) -> World:
    """A company that sells a gift of two A and a B."""
    world = World(store, levels)
    parts = [{"sku": "A", "units": Decimal(2)}, {"sku": "B", "units": Decimal(1)}]
    with store.begin() as unit:
        world.items |= upsert_items(unit, [{"sku": "GIFT", "components": parts}], world.shop)
    return world


def protect(world: World, connection: str, kind: str, units: int, **more: Any) -> UUID:
    with world.store.begin() as unit:
        return set_rule(unit, connection=connection, kind=kind, quantity=Decimal(units), **{"sku": "GIFT", **more})


def reserve(world: World, connection: UUID | None, **lines: int) -> UUID | None:
    try:
        with world.store.begin() as unit:
            asked = [{"sku": sku, "quantity": Decimal(units)} for sku, units in lines.items()]
            return reserve_lines(unit, asked, 900, connection)
    except Conflict:
        return None


def shown(world: World, connection: UUID, *skus: str) -> list[int]:
    with world.store.begin() as unit:
        found = available(unit, [world.items[sku] for sku in skus], connection)
        told = [int(found[world.items[sku]]) for sku in skus]
        asked = read_availability(unit.conn, skus, connection)
        name = "shop" if connection == world.shop else "erp"
        explained = [explain_availability(unit.conn, sku, connection=name) for sku in skus]
    assert [int(each["available"]) for each in asked] == told
    for figure in explained:
        for each in (figure["total"], *figure["nodes"], *(item["total"] for item in figure["items"])):
            assert sum(Decimal(part["units"]) for part in each["parts"]) == Decimal(each["available"])
    assert [int(each["total"]["available"]) for each in explained] == told
    return told


def place(world: World, connection: UUID | None = None, **lines: int) -> str:
    world.send("order", world.order(lines, partial_shipment_allowed=False), connection)
    world.drain()
    return str(world.one("SELECT phase FROM orders ORDER BY id DESC").phase)


def test_a_cap_counts_kits_held_and_ordered_and_no_component_sold_alone(world: World) -> None:
    protect(world, "shop", "cap", 3)
    assert shown(world, world.shop, "GIFT", "A") == [3, 16]
    assert reserve(world, world.shop, GIFT=4) is None
    held = reserve(world, world.shop, GIFT=2)
    assert held is not None
    assert reserve(world, world.shop, A=5) is not None
    assert shown(world, world.shop, "GIFT") == [1]
    assert shown(world, world.erp, "GIFT") == [3]
    assert place(world, GIFT=2) == "backordered"
    assert place(world, GIFT=1) == "releasing"
    assert shown(world, world.shop, "GIFT") == [0]
    with world.store.begin() as unit:
        release_group(unit, held)
    assert shown(world, world.shop, "GIFT") == [2]
    world.check_books()


def test_units_that_left_and_units_given_back_count_no_more(world: World) -> None:
    protect(world, "shop", "cap", 3)
    assert place(world, GIFT=3) == "releasing"
    [work] = world.work()
    lines = [{"sku": "GIFT", "quantity": "1"}]
    report = {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}", "lines": lines}
    world.send("shipment", report, world.wms)
    world.drain()
    assert shown(world, world.shop, "GIFT") == [1]
    assert world.one(HELD_KITS, c=world.shop).n == 2
    assert place(world, GIFT=2) == "backordered"
    with world.store.begin() as unit:
        cancel_order(unit, world.facts, work.order_id, None, "asked")
    world.drain()
    world.deliver()
    world.drain()
    canceled = world.one("SELECT canceled FROM order_line WHERE order_id = :o", o=work.order_id).canceled
    assert shown(world, world.shop, "GIFT") == [1 + canceled]
    world.check_books()


def test_a_buffer_of_kits_stays_behind_its_channel(world: World) -> None:
    protect(world, "shop", "buffer", 2, node="HAM")
    protect(world, "shop", "buffer", 1)
    # Five at HAM less two, three at LYS, less one over all.
    assert shown(world, world.shop, "GIFT", "A") == [5, 16]
    assert shown(world, world.erp, "GIFT") == [8]
    assert place(world, GIFT=6) == "backordered"
    assert place(world, GIFT=5) == "releasing"
    assert reserve(world, world.shop, GIFT=1) is None
    assert reserve(world, world.erp, GIFT=3) is not None
    world.check_books()


def test_a_floor_of_kits_keeps_their_components_from_others(world: World) -> None:
    protect(world, "erp", "floor", 6)
    # Twelve of sixteen A and six of sixteen B are for the gifts of the ERP's channel.
    assert shown(world, world.shop, "A", "B", "GIFT") == [4, 10, 2]
    assert shown(world, world.erp, "A", "B", "GIFT") == [16, 16, 8]
    assert reserve(world, world.shop, A=5) is None
    assert place(world, A=5) == "backordered"
    assert place(world, A=4) == "releasing"
    assert reserve(world, None, GIFT=1) is None
    assert reserve(world, world.erp, GIFT=4) is not None
    # Four of its six are promised to it; of the other two the components are still kept.
    assert shown(world, world.shop, "A", "B") == [0, 10]
    assert reserve(world, world.shop, B=11) is None
    assert reserve(world, world.shop, B=10) is not None
    assert reserve(world, world.erp, GIFT=2) is not None
    world.check_books()


def test_a_floor_at_one_node_holds_there(world: World) -> None:
    protect(world, "erp", "floor", 5, node="HAM")
    assert shown(world, world.shop, "A", "GIFT") == [6, 3]
    with world.store.begin() as unit:
        figure = explain_availability(unit.conn, "A", node="HAM", connection="shop")
    [kept] = [part for part in figure["nodes"][0]["parts"] if part["name"] == "floor"]
    assert kept == {"name": "floor", "units": "-10", "connection": "erp", "kit": "GIFT"}


def test_a_reservation_of_kits_becomes_an_orders_within_the_cap(world: World) -> None:
    protect(world, "shop", "cap", 3)
    held = reserve(world, world.shop, GIFT=3)
    assert held is not None
    with world.store.read() as conn:
        lines = read_reservation(conn, held)["lines"]
    assert {(line["sku"], line["kit"]) for line in lines} == {("A", "GIFT"), ("B", "GIFT")}
    assert place(world, GIFT=3) == "backordered"
    order = world.one("SELECT id FROM orders").id
    with world.store.begin() as unit:
        convert_reservation(unit, world.facts, held, order)
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "releasing"
    assert (world.one(HELD_KITS, c=world.shop).n, shown(world, world.shop, "GIFT")) == (3, [0])
    world.check_books()


def test_a_cap_over_all_nodes_holds_among_many_at_once(store: Store) -> None:
    levels = {(sku, node): 80 for sku in "AB" for node in ("HAM", "LYS")}
    world = company(store, levels)
    protect(world, "shop", "cap", 20)
    doors = [ReservationCombiner(store) for _ in range(4)]
    granted: list[tuple[bool, bool]] = []

    def client(index: int) -> None:
        whose = world.shop if index % 3 else world.erp
        line = {"sku": "GIFT", "quantity": Decimal(1), "node": ("HAM", "LYS")[index % 2]}
        with store.read() as conn:
            [planned] = wanted_of(conn, [Checkout([line], 900, whose)])
            assert isinstance(planned, Planned)
        granted.append((whose == world.shop, doors[index % 4].reserve(planned.wanted).group_id is not None))

    in_threads(60, client)
    assert sum(1 for capped, got in granted if capped and got) == 20
    assert sum(1 for capped, got in granted if not capped and got) == 20
    assert world.one(HELD_KITS, c=world.shop).n == 20
    world.check_books()


def test_orders_wait_for_a_rule_of_a_kit_and_channels_are_told_of_its_components(world: World) -> None:
    rule = protect(world, "erp", "floor", 8)
    assert place(world, A=3) == "backordered"
    with world.store.begin() as unit:
        told = {each["sku"]: each["available"] for each in claim_changes(unit, world.shop)["items"]}
    assert (told["A"], told["B"], told["GIFT"]) == ("0", "8", "0")
    with world.store.begin() as unit:
        end_rule(unit, rule)
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "releasing"
    with world.store.begin() as unit:
        told = {each["sku"]: each["available"] for each in claim_changes(unit, world.shop)["items"]}
    assert (told["A"], told["B"], told["GIFT"]) == ("13", "16", told["GIFT"])


def test_what_is_promised_counts_whatever_a_kit_is_made_of_now(world: World) -> None:
    protect(world, "shop", "cap", 2)
    assert reserve(world, world.shop, GIFT=1) is not None
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "GIFT", "components": [{"sku": "C", "units": Decimal(3)}]}])
    # What is promised already counts, whatever a kit is made of now.
    assert shown(world, world.shop, "GIFT") == [1]
    assert reserve(world, world.shop, GIFT=2) is None
    assert reserve(world, world.shop, GIFT=1) is not None
    assert shown(world, world.shop, "GIFT") == [0]


def test_the_remaining_life_of_a_kit_is_that_of_its_components(world: World) -> None:
    with pytest.raises(InputError, match="no lots of its own"):
        protect(world, "shop", "remaining_life", 10)
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "NEW"}])
    protect(world, "shop", "remaining_life", 10, sku="NEW")
    with pytest.raises(InputError, match="rule of remaining life"), world.store.begin() as unit:
        upsert_items(unit, [{"sku": "NEW", "components": [{"sku": "C", "units": Decimal(1)}]}])


A, B, KIT, PAIR = (UUID(int=number) for number in range(1, 5))
HAM, LYS = UUID(int=11), UUID(int=12)
SHOP, MARKET = UUID(int=21), UUID(int=22)
PARTS = {KIT: {A: Decimal(2), B: Decimal(1)}, PAIR: {A: Decimal(1), B: Decimal(2)}}
RULES = st.lists(
    st.builds(
        Rule,
        st.sampled_from((SHOP, MARKET)),
        st.sampled_from((KIT, KIT, PAIR, A)),
        st.sampled_from((HAM, LYS, None)),
        st.sampled_from((Protection.BUFFER, Protection.CAP, Protection.FLOOR)),
        st.integers(0, 6).map(Decimal),
    ),
    max_size=6,
    unique_by=lambda each: (each.connection_id, each.item_id, each.node_id, each.kind),
)
ONE_TAKE = st.tuples(st.sampled_from((KIT, PAIR, A, B)), st.sampled_from((HAM, LYS)), st.integers(1, 4))
TAKES = st.lists(st.tuples(st.sampled_from((SHOP, MARKET, None)), st.lists(ONE_TAKE, min_size=1, max_size=3)))


@given(rules=RULES, takes=TAKES, free=st.lists(st.integers(0, 20), min_size=4, max_size=4))
def test_whatever_kits_are_taken_no_rule_is_broken(
    rules: list[Rule], takes: list[tuple[UUID | None, list[tuple[UUID, UUID, int]]]], free: list[int]
) -> None:
    left = dict(zip([(item, node) for item in (A, B) for node in (HAM, LYS)], map(Decimal, free), strict=True))
    shelf = Shelf(left, rules, kits=PARTS)
    sold: dict[tuple[UUID | None, UUID, UUID], Decimal] = {}

    def count(who: UUID, item: UUID, node: UUID | None) -> Decimal:
        return sum((n for (w, i, p), n in sold.items() if (w, i) == (who, item) and node in (None, p)), Decimal(0))

    def kits_left(kit: UUID, node: UUID) -> Decimal:
        return min(left[part, node] // units for part, units in PARTS[kit].items())

    for who, lines in takes:
        wanted = [(item, node, Decimal(number)) for item, node, number in lines]
        needs, kits = shelf.needs(wanted), shelf.kits_in(wanted)
        if shelf.missing(who, needs, kits):
            continue
        there = {(kit, node): kits_left(kit, node) for kit in PARTS for node in (HAM, LYS)}
        shelf.take(who, needs, kits)
        for item, node, number in wanted:
            sold[who, item, node] = sold.get((who, item, node), Decimal(0)) + number
        for key, number in needs.items():
            left[key] -= number
            assert left[key] >= 0
        for each in rules:
            if each.item_id not in PARTS or (each.kind is not Protection.FLOOR and each.connection_id != who):
                continue
            taken = sum((n for (kit, p), n in kits.items() if kit == each.item_id and each.node_id in (None, p)), 0)
            nodes = [each.node_id] if each.node_id else [HAM, LYS]
            if each.kind is Protection.CAP and taken:
                assert count(each.connection_id, each.item_id, each.node_id) <= each.quantity
            elif each.kind is Protection.BUFFER and taken:
                # The buffer stays behind the kits that are taken, whatever else the same order takes.
                assert sum(there[each.item_id, node] for node in nodes) - taken >= each.quantity
            elif each.kind is Protection.FLOOR and who != each.connection_id:
                open_kits = each.quantity - count(each.connection_id, each.item_id, each.node_id)
                for part, units in PARTS[each.item_id].items():
                    if any(key[0] == part and key[1] in nodes for key in needs):
                        assert sum(left[part, node] for node in nodes) >= open_kits * units


@given(rules=RULES, free=st.lists(st.integers(0, 20), min_size=4, max_size=4), kits=st.integers(0, 3))
def test_the_parts_of_a_kits_figure_sum_to_it_and_what_it_says_can_be_taken(
    rules: list[Rule], free: list[int], kits: int
) -> None:
    left = dict(zip([(item, node) for item in (A, B) for node in (HAM, LYS)], map(Decimal, free), strict=True))
    shelf = Shelf(left, rules, {(SHOP, KIT, HAM): Decimal(kits)}, kits=PARTS)
    for who in (SHOP, MARKET, None):
        rooms = {node: shelf.room(who, KIT, node) for node in (HAM, LYS)}
        total, given_there = shelf.figures(who, KIT)
        assert given_there == {node: min(room, total) for node, room in rooms.items()}
        parts = shelf.parts(who, KIT, None)
        assert total == sum(rooms.values()) + sum(part.units for part in parts)
        for node, room in rooms.items():
            assert room == shelf.whole(who, KIT, node) + sum(part.units for part in shelf.parts(who, KIT, node))
        for node, room in rooms.items():
            units = min(room, total)
            for number, fits in ((units, True), (units + 1, False)):
                wanted = [(KIT, node, number)]
                if number > 0:
                    assert (not shelf.missing(who, shelf.needs(wanted), shelf.kits_in(wanted))) is fits
