"""Every availability figure of now and of the past is the sum of its parts, and was what channels were shown."""

import random
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.errors import CrossdockError, NotFound
from core.services.channel_stock import available
from core.services.protecting import end_rule, set_rule
from core.services.reserving import Wanted, release_group, reserve_many
from core.services.stock import adjust_stock
from core.services.supplying import expect_supply
from core.store.read.explained import explain_availability
from core.store.read.page import Json
from core.store.unit import Store
from tests.core.world import World


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
        for given in ({"sku": "?"}, {"sku": "A", "node": "?"}, {"sku": "A", "connection": "?"}):
            with pytest.raises(NotFound):
                explain_availability(conn, **given)
    assert world.items
