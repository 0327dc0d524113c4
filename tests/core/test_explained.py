"""Every availability figure of now and of the past is the sum of its parts, and was what channels were shown."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.errors import CrossdockError, InputError, NotFound
from core.services.channel_stock import available
from core.services.protecting import end_rule, set_rule
from core.services.reserving import Wanted, release_group, reserve_many
from core.services.stock import adjust_stock, count_stock
from core.services.supplying import expect_supply
from core.store.read.explained import explain_availability
from core.store.read.page import Json
from core.store.read.text import instant
from core.store.unit import Store
from tests.core.world import World, now


def explained(world: World, connection: str | None, at: datetime | None) -> Json:
    with world.store.read() as conn:
        [item] = explain_availability(conn, "A", connection=connection, as_of=at)["items"]
    for figure in (*item["nodes"], item["total"]):
        assert sum(Decimal(part["units"]) for part in figure["parts"]) == Decimal(figure["available"])
    return dict(item)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_figures_of_the_past_are_what_was_shown_then(store: Store, seed: int) -> None:
    world = World(store)
    dice = random.Random(seed)
    keys = [(world.items["A"], node) for node in world.nodes.values()]
    owners = {"shop": world.shop, "erp": world.erp}
    seen: list[tuple[datetime, str, Decimal]] = []
    groups: list[Any] = []
    rules: list[Any] = []

    def step() -> None:
        act = dice.randrange(8)
        with store.begin() as unit:
            if act < 2:
                owner = dice.choice([*owners.values(), None])
                [answer] = reserve_many(unit, [Wanted({dice.choice(keys): Decimal(dice.randint(1, 4))}, 900, owner)])
                groups.extend([answer.group_id] if answer.group_id else [])
            elif act == 2 and groups:
                release_group(unit, groups.pop())
            elif act == 3:
                delta, safety = Decimal(dice.randint(-2, 6)), Decimal(dice.randint(0, 3))
                adjust_stock(unit, "A", dice.choice(["HAM", "LYS"]), delta=delta, safety=safety, reason="found")
            elif act == 4:
                kind, quantity = dice.choice(["buffer", "cap", "floor"]), Decimal(dice.randint(0, 9))
                where = dice.choice([None, "HAM"])
                rules.append(
                    set_rule(unit, connection=dice.choice(list(owners)), kind=kind, quantity=quantity, node=where)
                )
            elif act == 5 and rules:
                end_rule(unit, rules.pop(0))
            elif act == 6:
                quantity = Decimal(dice.randint(1, 9))
                expect_supply(unit, sku="A", node="HAM", reference="PO", quantity=quantity, promisable=quantity)

    for number in range(60):
        try:
            if number % 9 == 4:
                world.send("order", world.order({"A": dice.randint(1, 3)}))
                world.drain()
            elif number % 9 == 7 and (works := world.all("SELECT id FROM fulfillment_order WHERE state = 'released'")):
                lines = [{"sku": "A", "quantity": "1"}]
                report = {"external_id": f"S{number}", "fulfillment": f"ful_{works[0].id.hex}", "lines": lines}
                world.send("shipment", report, world.wms)
                world.drain()
            else:
                step()
        except CrossdockError:
            pass  # a refusal changes nothing
        with store.begin() as unit:
            for name, owner in owners.items():
                shown = available(unit, [world.items["A"]], owner)[world.items["A"]]
                at = unit.conn.execute(text("SELECT clock_timestamp()")).scalar_one()
                seen.append((at, name, shown))
    assert len({shown for _, _, shown in seen}) > 8
    for at, name, shown in seen:
        assert Decimal(explained(world, name, at)["total"]["available"]) == shown
    for name in owners:
        assert explained(world, name, None)["total"] == explained(world, name, seen[-1][0])["total"]


def test_a_node_is_explained_part_by_part(store: Store) -> None:
    world = World(store)
    with store.begin() as unit:
        set_rule(unit, connection="erp", kind="floor", quantity=Decimal(4), sku="A", node="HAM")
        set_rule(unit, connection="shop", kind="buffer", quantity=Decimal(2), sku="A", node="HAM")
        adjust_stock(unit, "A", "HAM", safety=Decimal(1), reason="winter")
        reserve_many(unit, [Wanted({(world.items["A"], world.nodes["HAM"]): Decimal(1)}, 900, world.shop)])
    [node] = [each for each in explained(world, "shop", None)["nodes"] if each["node"] == "HAM"]
    assert {part["name"]: (part["units"], part["connection"]) for part in node["parts"]} == {
        "on_hand": ("10", None), "reserved": ("-1", None), "safety": ("-1", None), "floor": ("-4", "erp"),
        "buffer": ("-2", "shop"),
    }  # fmt: skip
    assert node["available"] == "2"


def test_what_was_never_there_cannot_be_explained(store: Store) -> None:
    world = World(store)
    with store.read() as conn:
        for sku, node, connection in (("?", None, None), ("A", "?", None), ("A", None, "?")):
            with pytest.raises(NotFound):
                explain_availability(conn, sku, node=node, connection=connection)
    assert world.items


def test_one_node_is_its_own_total(store: Store) -> None:
    world = World(store)
    with store.read() as conn:
        everywhere = explain_availability(conn, "A")["total"]
        here = explain_availability(conn, "A", node="HAM")
    assert everywhere == {
        "available": "20", "parts": [{"name": "nodes", "units": "20", "connection": None, "kit": None}],
    }  # fmt: skip
    assert here["total"] == here["items"][0]["total"] == {
        "available": "10", "parts": [{"name": "on_hand", "units": "10", "connection": None, "kit": None}],
    }  # fmt: skip
    assert world.items


def test_what_will_be_there_is_not_known(store: Store) -> None:
    world = World(store)
    with store.begin() as unit:
        tomorrow = unit.now + timedelta(days=1)
        with pytest.raises(InputError) as refused:
            explain_availability(unit.conn, "A", as_of=tomorrow)
    assert refused.value.error_code == "STOCK-TIME-422"
    assert world.items


def test_the_last_count_is_told_now_and_then(store: Store) -> None:
    world = World(store)
    first, second = now() - timedelta(hours=2), now() - timedelta(hours=1)
    with store.begin() as unit:
        count_stock(unit, {"node": "HAM", "as_of": first, "items": [{"sku": "A", "on_hand": Decimal(7)}]})
    between = now()
    with store.begin() as unit:
        count_stock(unit, {"node": "HAM", "as_of": second, "items": [{"sku": "A", "on_hand": Decimal(6)}]})

    def counted(at: datetime | None) -> str:
        [node] = [each for each in explained(world, None, at)["nodes"] if each["node"] == "HAM"]
        return str(node["counted_at"])

    assert counted(None) == instant(second)
    assert first < datetime.fromisoformat(counted(between)) < between  # when it was told: the ledger has no other time
