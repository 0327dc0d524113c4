"""Protection rules in the statement that takes stock, in what channels are told, and over time."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.errors import Conflict, InputError, NotFound
from core.services.channel_stock import available, claim_changes
from core.services.protecting import end_rule, set_rule, tell_protection
from core.services.reserving import ReservationCombiner, Wanted, reserve_many
from core.store.read.explained import explain_availability
from core.store.read.shelves import read_shelf
from core.store.read.stock import read_availability
from core.store.unit import Store
from tests.core.test_intake import in_threads
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def protect(world: World, connection: str, kind: str, units: int, **more: Any) -> Any:
    with world.store.begin(actor="user:mira") as unit:
        return set_rule(unit, connection=connection, kind=kind, quantity=Decimal(units), **more)


def shown(world: World, connection: Any, sku: str = "A") -> int:
    with world.store.begin() as unit:
        return int(available(unit, [world.items[sku]], connection)[world.items[sku]])


def reserve(world: World, connection: Any, units: int, node: str = "HAM") -> bool:
    key = world.items["A"], world.nodes[node]
    with world.store.begin() as unit:
        [answer] = reserve_many(unit, [Wanted({key: Decimal(units)}, 900, connection)])
    return answer.group_id is not None


def place(world: World, units: int, connection: Any = None) -> str:
    world.send("order", world.order({"A": units}, partial_shipment_allowed=False), connection)
    world.drain()
    return str(world.one("SELECT phase FROM orders ORDER BY id DESC").phase)


def test_a_buffer_over_all_nodes_is_neither_shown_nor_sold_to_its_channel(world: World) -> None:
    protect(world, "shop", "buffer", 6, sku="A")
    assert (shown(world, world.shop), shown(world, world.erp)) == (14, 20)
    assert place(world, 15) == "backordered"
    assert place(world, 14) == "releasing"
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 14
    assert not reserve(world, world.shop, 1, "HAM")
    assert not reserve(world, world.shop, 1, "LYS")
    left = {row.code: int(row.free) for row in world.all(
        "SELECT n.code, on_hand - allocated AS free FROM stock_position p JOIN node n ON n.id = p.node_id"
        " JOIN item i ON i.id = p.item_id WHERE i.sku = 'A'")}  # fmt: skip
    assert sum(left.values()) == 6
    assert all(reserve(world, world.erp, units, node) for node, units in left.items() if units)
    world.check_books()


def test_a_floor_is_only_for_its_channel(world: World) -> None:
    protect(world, "erp", "floor", 15, sku="A")
    assert (shown(world, world.shop), shown(world, world.erp)) == (5, 20)
    assert not reserve(world, None, 6)
    assert not reserve(world, world.shop, 6)
    assert reserve(world, world.erp, 10)
    # Ten of its fifteen are promised to it; the other five are still kept.
    assert (shown(world, world.shop), shown(world, world.erp)) == (5, 10)
    assert reserve(world, world.shop, 5, "LYS")
    assert (shown(world, world.shop), shown(world, world.erp)) == (0, 5)
    world.check_books()


def test_a_cap_holds_among_many_at_once_and_over_all_nodes(store: Store) -> None:
    world = World(store, {("A", "HAM"): 60, ("A", "LYS"): 60})
    protect(world, "shop", "cap", 30)
    doors = [ReservationCombiner(store) for _ in range(4)]
    keys = [(world.items["A"], world.nodes[code]) for code in ("HAM", "LYS")]
    granted: list[Any] = []

    def client(index: int) -> None:
        wanted = Wanted({keys[index % 2]: Decimal(1)}, 900, world.shop if index % 3 else world.erp)
        granted.append((index % 3 > 0, doors[index % 4].reserve(wanted).group_id))

    in_threads(90, client)
    assert sum(1 for capped, group in granted if capped and group) == 30
    assert sum(1 for capped, group in granted if not capped and group) == 30
    assert shown(world, world.shop) == 0
    with store.begin() as unit:
        assert read_shelf(unit.conn, [world.items["A"]]).total(world.erp, world.items["A"]) == 60
    world.check_books()


def test_a_capped_order_waits_and_goes_on_when_the_rule_ends(world: World) -> None:
    rule = protect(world, "shop", "cap", 3, sku="A", node="HAM")
    protect(world, "shop", "cap", 0, sku="A", node="LYS")
    assert place(world, 4) == "backordered"
    with world.store.begin() as unit:
        end_rule(unit, rule)
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "releasing"
    with pytest.raises(Conflict, match="ended already"), world.store.begin() as unit:
        end_rule(unit, rule)


def test_a_rule_for_a_while_overlays_the_lasting_one(world: World) -> None:
    protect(world, "shop", "buffer", 2, sku="A")
    soon = now() + timedelta(seconds=60)
    protect(world, "shop", "buffer", 9, sku="A", valid_from=soon, valid_to=soon + timedelta(seconds=60))
    assert shown(world, world.shop) == 18
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE listing SET dirty_at = NULL"))
        assert tell_protection(unit) == 0
        unit.conn.execute(text("UPDATE protection_rule SET valid_from = valid_from - interval '90 s'"))
        assert tell_protection(unit) == 1
        assert tell_protection(unit) == 0
    assert shown(world, world.shop) == 11
    with world.store.begin() as unit:
        told = claim_changes(unit, world.shop)["items"]
        assert [(each["sku"], each["available"]) for each in told] == [("A", "11")]
        unit.conn.execute(text("UPDATE protection_rule SET valid_to = clock_timestamp() WHERE valid_to IS NOT NULL"))
        assert tell_protection(unit) == 1
    assert shown(world, world.shop) == 18


def test_a_lasting_rule_replaces_the_lasting_one_before_it(world: World) -> None:
    protect(world, "shop", "buffer", 2, sku="A")
    protect(world, "shop", "buffer", 5, sku="A")
    assert shown(world, world.shop) == 15
    assert world.one("SELECT count(*) AS n FROM protection_rule WHERE valid_to IS NULL").n == 1


def test_what_makes_no_rule_is_refused(world: World) -> None:
    with pytest.raises(NotFound):
        protect(world, "nobody", "cap", 1)
    with pytest.raises(NotFound):
        protect(world, "shop", "cap", 1, sku="?")
    with pytest.raises(InputError, match="end before it begins"):
        protect(world, "shop", "cap", 1, valid_to=now() - timedelta(days=1))
    assert world.one("SELECT count(*) AS n FROM protection_rule").n == 0


def test_of_rules_of_one_place_set_at_once_the_last_holds(world: World) -> None:
    in_threads(6, lambda index: protect(world, "shop", "buffer", index + 1, sku="A"))
    rules = world.all("SELECT quantity, valid_from, valid_to FROM protection_rule ORDER BY valid_from")
    assert [rule.valid_to for rule in rules[:-1]] == [rule.valid_from for rule in rules[1:]]
    assert rules[-1].valid_to is None
    assert len(rules) == 6
    with world.store.begin() as unit:
        assert tell_protection(unit) == 0  # all was told when it was set


def test_no_node_gives_more_than_all_together(world: World) -> None:
    protect(world, "shop", "cap", 4, sku="A")
    with world.store.read() as conn:
        [found] = read_availability(conn, ["A"], world.shop)
        assert (found["available"], [each["available"] for each in found["nodes"]]) == ("4", ["4", "4"])
        assert [each["promisable"] for each in found["nodes"]] == ["4", "4"]
        why = explain_availability(conn, "A", node="HAM", connection="shop")["total"]
        assert (why["available"], [(each["name"], each["units"]) for each in why["parts"]]) == (
            "4", [("on_hand", "10"), ("all_nodes", "-6")],
        )  # fmt: skip
        [anybody] = read_availability(conn, ["A"])
        assert (anybody["available"], [each["available"] for each in anybody["nodes"]]) == ("20", ["10", "10"])
