"""Lots, kits and nodes that were off are explained as they were: what was shown at a moment is the sum of its parts."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.domain.vocabulary import MovementKind
from core.errors import CrossdockError, InputError
from core.services.catalog import upsert_items
from core.services.checkouts import reserve_lines
from core.services.disruptions import change_node
from core.services.protecting import end_rule, set_rule
from core.services.reserving import Wanted, release_group, reserve_many
from core.services.statuses import change_status
from core.services.stock import adjust_stock, count_stock
from core.services.supplying import receive_units
from core.services.transfer_receipts import receive_transfer
from core.services.transfers import send_transfer
from core.store.read.explained import explain_availability
from core.store.read.page import Json
from core.store.read.stock import read_availability
from core.store.unit import Store, Unit
from tests.core.world import World

SKUS = ["A", "B", "GIFT"]
KITS: Sequence[dict[str, int]] = ({"A": 2, "B": 1}, {"A": 1, "B": 1}, {"A": 1, "C": 2})
LEDGER_OF_LOTS = """
SELECT item_id, node_id, lot, status, l.on_hand, l.promised, l.shortfall, l.expires_on, m.* FROM stock_lot l FULL JOIN (
    SELECT item_id, node_id, lot, status, sum(on_hand) AS h, sum(promised) AS p, sum(shortfall) AS s,
           (array_agg(expires_on ORDER BY id DESC))[1] AS e FROM lot_movement GROUP BY 1, 2, 3, 4) m
    USING (item_id, node_id, lot, status)
WHERE (coalesce(l.on_hand, 0), coalesce(l.promised, 0), coalesce(l.shortfall, 0))
      IS DISTINCT FROM (coalesce(m.h, 0), coalesce(m.p, 0), coalesce(m.s, 0))
   OR (l.on_hand <> 0 AND l.expires_on IS DISTINCT FROM m.e)
"""


def clock(unit: Unit) -> datetime:
    at: datetime = unit.conn.execute(text("SELECT clock_timestamp()")).scalar_one()
    return at


def units(figure: Json, name: str) -> Decimal:
    return sum((Decimal(part["units"]) for part in figure["parts"] if part["name"] == name), Decimal(0))


def explained(world: World, sku: str, connection: str | None, at: datetime | None) -> Json:
    """Return why a figure is what it is, with every sum checked."""
    with world.store.read() as conn:
        found = explain_availability(conn, sku, connection=connection, as_of=at)
    for item in (found, *found["items"]):
        for figure in (*item["nodes"], item["total"]):
            assert sum(Decimal(part["units"]) for part in figure["parts"]) == Decimal(figure["available"])
    for place in (place for item in found["items"] for place in item["nodes"] if place["lots"]):
        lots = [lot for lot in place["lots"] if lot["status"] == "sellable"]
        assert sum(Decimal(lot["on_hand"]) for lot in lots) == Decimal(place["on_hand"])
        promised = Decimal(place["reserved"]) + Decimal(place["allocated"])
        assert sum(Decimal(lot["promised"]) for lot in lots) == promised
    return found


class History:
    """Random steps on lots, kits, rules and nodes, and what was shown after each."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.dice = store, random.Random(seed)
        self.world = World(store, {("B", "HAM"): 9, ("B", "LYS"): 4, ("C", "HAM"): 8})
        with store.begin() as unit:
            upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
            self.world.items |= upsert_items(unit, [gift(KITS[0])])
        self.today = self.world.one("SELECT current_date AS d").d
        self.groups: list[Any] = []
        self.rules: list[Any] = []
        self.transfers: list[Any] = []
        self.seen: list[tuple[datetime, str, str, Json]] = []

    def step(self, number: int) -> None:
        acts = (
            self.count, self.reserve, self.reserve, self.release, self.status, self.adjust, self.rule, self.end,
            self.kit, self.switch, self.transfer, self.arrive, self.receive, self.basket, self.basket, self.kit_rule,
        )  # fmt: skip
        try:
            if number % 8 == 5:
                self.world.send("order", self.world.order({self.dice.choice(SKUS): self.dice.randint(1, 3)}))
                self.world.drain()
            elif number % 8 == 7 and (works := self.world.all("SELECT id FROM fulfillment_order"
                                                               " WHERE state = 'released'")):  # fmt: skip
                report = {"external_id": f"S{number}", "fulfillment": f"ful_{works[0].id.hex}"}
                self.world.send("shipment", report, self.world.wms)
                self.world.drain()
            else:
                with self.store.begin() as unit:
                    self.dice.choice(acts)(unit)
        except CrossdockError:
            pass  # a refusal changes nothing
        self.look()

    def look(self) -> None:
        """Note what each shop is shown now."""
        with self.store.begin() as unit:
            for name, owner in (("shop", self.world.shop), ("erp", self.world.erp)):
                for figure in read_availability(unit.conn, SKUS, owner):
                    self.seen.append((clock(unit), figure["sku"], name, figure))

    def plenty(self) -> None:
        """End with kits enough that a rule on them is felt, which chance alone does not promise."""
        with self.store.begin() as unit:
            change_node(unit, "LYS", {"active": True})
            upsert_items(unit, [gift(KITS[0])])
            for rule in self.rules:
                end_rule(unit, rule)
            for sku in "AB":
                adjust_stock(unit, sku, "LYS", delta=Decimal(30), reason="found")
        self.look()
        for kind, quantity in (("buffer", 2), ("cap", 1)):
            with self.store.begin() as unit:
                set_rule(unit, connection="shop", kind=kind, quantity=Decimal(quantity), sku="GIFT")
            self.look()

    def node(self) -> str:
        return self.dice.choice(["HAM", "HAM", "LYS"])

    def lot(self) -> tuple[str, Any]:
        name, days = self.dice.choice([("L1", 5), ("L2", 30), ("L3", -1), ("L4", None)])
        return name, None if days is None else self.today + timedelta(days=days)

    def count(self, unit: Unit) -> None:
        lots = {self.lot() for _ in range(3)}
        items = [
            {"sku": "A", "on_hand": Decimal(self.dice.randint(0, 8)), "lot": lot, "expires_on": ends}
            for lot, ends in lots
        ]
        count_stock(unit, {"node": self.node(), "as_of": unit.now, "items": items})

    def reserve(self, unit: Unit) -> None:
        key = self.world.items[self.dice.choice("AB")], self.world.nodes[self.node()]
        owner = self.dice.choice([self.world.shop, self.world.erp, None])
        [answer] = reserve_many(unit, [Wanted({key: Decimal(self.dice.randint(1, 4))}, 900, owner)])
        self.groups.extend([answer.group_id] if answer.group_id else [])

    def basket(self, unit: Unit) -> None:
        """A checkout of kits, and of one of their components beside them."""
        lines = [{"sku": "GIFT", "quantity": Decimal(self.dice.randint(1, 2))}]
        lines += [{"sku": "B", "quantity": Decimal(1)}] if self.dice.random() < 0.5 else []
        self.groups.append(reserve_lines(unit, lines, 900, self.dice.choice([self.world.shop, self.world.erp])))

    def kit_rule(self, unit: Unit) -> None:
        kind, quantity = self.dice.choice(["buffer", "cap", "floor", "floor"]), Decimal(self.dice.randint(0, 3))
        owner, node = self.dice.choice(["shop", "erp"]), self.dice.choice([None, "HAM"])
        self.rules.append(set_rule(unit, connection=owner, kind=kind, quantity=quantity, sku="GIFT", node=node))

    def release(self, unit: Unit) -> None:
        if self.groups:
            release_group(unit, self.groups.pop(self.dice.randrange(len(self.groups))))

    def status(self, unit: Unit) -> None:
        before, after = self.dice.sample(["sellable", "damaged", "quality_hold"], 2)
        change_status(
            unit, sku="A", node=self.node(), quantity=Decimal(self.dice.randint(1, 3)), before=before, after=after,
            lot=self.lot()[0], reason="looked at",
        )  # fmt: skip

    def adjust(self, unit: Unit) -> None:
        safety = Decimal(self.dice.randint(0, 2))
        delta = Decimal(self.dice.randint(-3, 5))
        adjust_stock(unit, self.dice.choice("ABC"), self.node(), delta=delta, safety=safety, reason="found")

    def rule(self, unit: Unit) -> None:
        kind = self.dice.choice(["buffer", "cap", "floor", "remaining_life", "remaining_life"])
        quantity = Decimal(self.dice.randint(0, 40 if kind == "remaining_life" else 9))
        owner, node = self.dice.choice(["shop", "erp"]), self.dice.choice([None, "HAM"])
        sku = self.dice.choice(["A", "A", "B", None])
        self.rules.append(set_rule(unit, connection=owner, kind=kind, quantity=quantity, sku=sku, node=node))

    def end(self, unit: Unit) -> None:
        if self.rules:
            end_rule(unit, self.rules.pop(0))

    def kit(self, unit: Unit) -> None:
        upsert_items(unit, [gift(self.dice.choice(KITS))])

    def switch(self, unit: Unit) -> None:
        change_node(unit, "LYS", {"active": self.dice.random() < 0.6})

    def transfer(self, unit: Unit) -> None:
        lines = [{"sku": self.dice.choice("AB"), "quantity": Decimal(self.dice.randint(1, 3))}]
        name = f"T{len(self.seen)}"
        self.transfers.append(send_transfer(unit, reference=name, from_node="HAM", to_node="LYS", lines=lines))

    def arrive(self, unit: Unit) -> None:
        if self.transfers:
            receive_transfer(unit, self.transfers.pop(0))

    def receive(self, unit: Unit) -> None:
        key = self.world.items["A"], self.world.nodes[self.node()]
        lot, ends = self.lot()
        receive_units(unit, key, Decimal(4), MovementKind.RECEIPT, "PO", lot=lot, expires_on=ends)


def gift(parts: dict[str, int]) -> dict[str, Any]:
    return {"sku": "GIFT", "components": [{"sku": sku, "units": Decimal(number)} for sku, number in parts.items()]}


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_whatever_was_shown_is_explained_as_it_was(store: Store, seed: int) -> None:
    history = History(store, seed)
    for number in range(70):
        history.step(number)
    history.plenty()
    assert history.world.all(LEDGER_OF_LOTS) == []
    shown = {sku: {figure["available"] for _, each, _, figure in history.seen if each == sku} for sku in SKUS}
    assert all(len(figures) > 3 for figures in shown.values()), shown
    cuts, kits, ruled = Decimal(0), set(), Counter[str]()
    for at, sku, name, figure in history.seen:
        found = explained(history.world, sku, name, at)
        assert found["total"]["available"] == figure["available"], (at, sku, name)
        rooms = {each["node"]: each["available"] for each in found["nodes"] if each["active"]}
        assert rooms == {each["node"]: each["available"] for each in figure["nodes"]}, (at, sku, name)
        cuts += sum(
            units(place, "remaining_life") + units(place, "expired_lots")
            for item in found["items"]
            for place in item["nodes"]
        )
        figures = [found["total"], *found["nodes"]] if found["kit"] else []
        ruled.update(part["name"] for own in figures for part in own["parts"])
        kits.add(tuple((item["sku"], item["units"]) for item in found["items"]) if found["kit"] else ())
    assert cuts < 0
    assert len(kits) > 2
    assert ruled["buffer"] > 0
    assert ruled["cap"] > 0
    for sku in SKUS:
        now, last = (explained(history.world, sku, "shop", at) for at in (None, history.seen[-1][0]))
        assert now["total"] == last["total"]


def test_lots_are_shown_as_of_then(store: Store) -> None:
    world = World(store, {})
    with store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
        today = unit.conn.execute(text("SELECT current_date")).scalar_one()
        items = [
            {"sku": "A", "on_hand": Decimal(5), "lot": "OLD", "expires_on": today - timedelta(days=1)},
            {"sku": "A", "on_hand": Decimal(7), "lot": "NEW", "expires_on": today + timedelta(days=9)},
            {"sku": "A", "on_hand": Decimal(2), "lot": "NEW", "status": "damaged"},
        ]
        count_stock(unit, {"node": "HAM", "as_of": unit.now, "items": items})
    with store.begin() as unit:
        reserve_many(unit, [Wanted({(world.items["A"], world.nodes["HAM"]): Decimal(3)})])
        before = clock(unit)
    with store.begin() as unit:
        adjust_stock(unit, "A", "HAM", on_hand=Decimal(3), reason="fire")
    [then] = explained(world, "A", None, before)["items"][0]["nodes"]
    assert [(lot["lot"], lot["status"], lot["on_hand"], lot["promised"]) for lot in then["lots"]] == [
        ("NEW", "damaged", "2", "0"), ("NEW", "sellable", "7", "3"), ("OLD", "sellable", "5", "0"),
    ]  # fmt: skip
    assert (then["available"], units(then, "expired_lots"), units(then, "remaining_life")) == ("4", -5, 0)
    [now] = explained(world, "A", None, None)["items"][0]["nodes"]
    assert (now["available"], [lot["on_hand"] for lot in now["lots"]]) == ("0", ["2", "3"])


def test_an_item_is_explained_without_the_lots_it_no_longer_has(store: Store) -> None:
    world = World(store, {})
    with store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
        count_stock(unit, {"node": "HAM", "as_of": unit.now, "items": [{"sku": "A", "on_hand": Decimal(4)}]})
        adjust_stock(unit, "A", "HAM", on_hand=Decimal(0), reason="moved out")
    with store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "none"}])
        adjust_stock(unit, "A", "HAM", on_hand=Decimal(6), reason="moved in")
    [now] = explained(world, "A", None, None)["items"][0]["nodes"]
    assert (now["available"], now["lots"], units(now, "expired_lots")) == ("6", [], 0)


def test_a_kit_is_explained_from_what_it_was_made_of_then(store: Store) -> None:
    world = World(store, {("A", "HAM"): 10, ("B", "HAM"): 9, ("C", "HAM"): 4})
    moments = []
    for parts in KITS:
        with store.begin() as unit:
            upsert_items(unit, [gift(parts)])
        with store.begin() as unit:
            moments.append(clock(unit))
    with store.begin() as unit:
        adjust_stock(unit, "A", "HAM", on_hand=Decimal(1), reason="fire")
        set_rule(unit, connection="shop", kind="cap", quantity=Decimal(0), sku="A")
    figures = [explained(world, "GIFT", "shop", at) for at in (*moments, None)]
    assert [figure["total"]["available"] for figure in figures] == ["5", "9", "2", "0"]
    assert [[(item["sku"], item["units"]) for item in figure["items"]] for figure in figures[:3]] == [
        [("A", "2"), ("B", "1")], [("A", "1"), ("B", "1")], [("A", "1"), ("C", "2")],
    ]  # fmt: skip
    assert (units(figures[3]["total"], "nodes"), units(figures[3]["total"], "components")) == (1, -1)
    assert len(world.all("SELECT 1 FROM kit_component WHERE ended_at IS NULL")) == 2
    with pytest.raises(InputError, match="component of another kit"), store.begin() as unit:
        upsert_items(unit, [{"sku": "C", "components": [{"sku": "B", "units": Decimal(1)}]}])
    with store.begin() as unit:
        # B is part of no kit any more, and may be one.
        upsert_items(unit, [{"sku": "GIFT", "components": []}])
        adjust_stock(unit, "B", "HAM", on_hand=Decimal(0), reason="gone")
        upsert_items(unit, [{"sku": "B", "components": [{"sku": "C", "units": Decimal(1)}]}])


def test_a_node_that_was_on_counts_in_the_sum_of_then(store: Store) -> None:
    world = World(store)
    with store.begin() as unit:
        before = clock(unit)
    with store.begin() as unit:
        change_node(unit, "LYS", {"active": False})
    assert explained(world, "A", None, before)["total"]["available"] == "20"
    assert explained(world, "A", None, None)["total"]["available"] == "10"
