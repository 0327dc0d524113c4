"""Which item a line means by the codes it carries, and what a code that means none is asked for."""

from decimal import Decimal
from typing import Any

import pytest

from core.domain.line_codes import gtin_forms
from core.errors import Refused
from core.services.actions import apply_case
from core.services.catalog import add_reference, upsert_items
from core.services.changes import change_order
from core.services.line_meanings import end_known_skus
from core.services.order_changes import apply_change
from core.store.unit import Store
from tests.core.trade_world import TradeWorld

GOOD, OTHER, WRONG = "4006381333931", "4012345000016", "4006381333932"


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


def sent(number: int = 1, **codes: str) -> dict[str, Any]:
    return {"external_id": str(number), "position": number, "quantity": "1", "unit_price": "10.00", **codes}


def item_of(world: TradeWorld, order: Any, number: str = "1") -> str | None:
    found: str | None = world.one(
        "SELECT i.sku FROM order_line l LEFT JOIN item i ON i.id = l.item_id"
        " WHERE l.order_id = :o AND l.external_id = :n",
        o=order.id, n=number,
    ).sku  # fmt: skip
    return found


def write(world: TradeWorld, *items: dict[str, Any]) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, items)


def refer(world: TradeWorld, sku: str, scheme: str, code: str) -> None:
    with world.store.begin() as unit:
        add_reference(unit, world.items[sku], scheme, code, world.retailer)


def apply(world: TradeWorld, sku: str, **more: Any) -> int:
    """Carry out the action of the one open case and return how many orders it let go."""
    case = world.one("SELECT id FROM exception_case WHERE state = 'open'")
    with world.store.begin() as unit:
        done: int = apply_case(
            unit, world.hub.facts.get(unit.conn, 1), world.hub.connectors, case.id, {"sku": sku, **more}
        )["done"]
    world.drain()
    return done


def references(world: TradeWorld) -> list[tuple[Any, ...]]:
    rows = world.all(
        "SELECT r.scheme, r.code, i.sku FROM item_reference r JOIN item i ON i.id = r.item_id"
        " WHERE r.connection_id = :c ORDER BY 1, 2",
        c=world.retailer,
    )
    return [tuple(row) for row in rows]


def test_a_line_without_a_code_gives_no_text_a_meaning(world: TradeWorld) -> None:
    first = world.buy(sent())
    second = world.buy(sent(), sent(2, sku="A"))
    assert [first.state, second.state] == ["held", "held"]
    [case] = world.all("SELECT title, recommended, member FROM exception_case, LATERAL (SELECT count(*) AS member"
                       " FROM case_member m WHERE m.case_id = exception_case.id) x")  # fmt: skip
    assert (case.title, case.member) == ("retailer sends lines without a code", 2)
    assert case.recommended["args"] == {"kind": "unmapped_sku", "connection": "retailer"}
    with pytest.raises(Refused) as refused:
        apply(world, "A")
    assert refused.value.error_code == "CASE-ACTION-403"
    assert "crossdock orders change" in str(refused.value.fix)
    assert references(world) == []
    assert world.buy(sent()).state == "held"
    with world.store.begin() as unit:
        change_order(
            unit, world.hub.facts.get(unit.conn, 1), first.id,
            [{"op": "add", "sku": "A", "quantity": Decimal(1), "unit_price": Decimal(10)},
             {"op": "remove", "line": "1"}],
            "he meant A",
        )  # fmt: skip
    world.drain()
    assert world.one("SELECT state FROM orders WHERE id = :o", o=first.id).state == "in_progress"


def test_a_case_from_before_whose_text_was_taken_for_a_code_is_refused(world: TradeWorld) -> None:
    world.buy(sent())
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql(
            'UPDATE exception_case SET recommended = \'{"action": "map_sku", "args":'
            ' {"kind": "unmapped_sku", "code": "line 1 has no code", "connection": "retailer"}}\''
        )
    with pytest.raises(Refused) as refused:
        apply(world, "A")
    assert "line 1 has no code" in str(refused.value.why)
    with pytest.raises(Refused):
        apply(world, "A", code="", scheme="gtin")
    assert references(world) == []


def test_an_unknown_part_of_the_buyers_is_named_grouped_and_stored_as_one(world: TradeWorld) -> None:
    orders = [
        world.buy(sent(buyer_code="KG-8888")),
        world.buy(sent(sku="A"), sent(2, buyer_code="KG-8888", gtin=WRONG)),
    ]
    case = world.one("SELECT * FROM exception_case")
    assert (case.code, case.title) == ("MAP-SKU-404", "retailer: buyer part KG-8888 is unknown")
    told = {"scheme": "buyer", "code": "KG-8888", "detail": "buyer part KG-8888", "connection": "retailer"}
    assert case.evidence == told
    assert {row.detail for row in world.all("SELECT detail FROM hold")} == {"buyer part KG-8888"}
    # Another code a person gives is not what was sent.
    assert apply(world, "B", code="something else") == 2
    assert references(world) == [("buyer", "KG-8888", "B")]
    assert [item_of(world, orders[0]), item_of(world, orders[1], "2")] == ["B", "B"]
    assert {row.state for row in world.all("SELECT state FROM orders")} == {"in_progress"}
    again = world.buy(sent(buyer_code="KG-8888"))
    assert (again.state, item_of(world, again)) == ("in_progress", "B")
    assert world.buy(sent(buyer_code="KG-9999")).state == "held"
    assert world.buy(sent()).state == "held"


def test_a_line_in_packs_whose_item_becomes_known_is_not_taken_for_pieces(world: TradeWorld) -> None:
    order = world.buy(sent(buyer_code="KG-8888", unit="XCT", quantity="2", unit_price="118.80"))
    assert order.state == "held"
    apply(world, "B")
    assert item_of(world, order) == "B"
    assert world.one("SELECT state FROM orders WHERE id = :o", o=order.id).state == "held"
    left = world.all("SELECT kind, detail FROM hold WHERE state = 'active'")
    assert [tuple(row) for row in left] == [("unmapped_code", "line 1 is in XCT, its item in C62")]
    assert world.all("SELECT 1 FROM reservation") == []


def test_a_buyers_part_is_no_sku_of_ours(world: TradeWorld) -> None:
    assert world.buy(sent(buyer_code="A")).state == "held"
    refer(world, "B", "buyer", "A")
    assert item_of(world, world.buy(sent(buyer_code="A"))) == "B"
    # Said as the seller's code, it is our SKU, whatever the buyer calls by that name.
    assert item_of(world, world.buy(sent(sku="A"))) == "A"


@pytest.mark.parametrize("code", [GOOD, f"0{GOOD}"])
def test_a_gtin_means_the_one_active_item_that_has_it(world: TradeWorld, code: str) -> None:
    write(world, {"sku": "A", "gtin": GOOD}, {"sku": "Z", "gtin": GOOD, "active": False})
    order = world.buy(sent(gtin=code))
    assert (order.state, item_of(world, order)) == ("in_progress", "A")
    write(world, {"sku": "Z", "active": True})
    assert world.buy(sent(gtin=code)).state == "held"
    case = world.one("SELECT title, sentence FROM exception_case")
    assert case.title == f"retailer: GTIN {code} is unknown"
    assert "not that of exactly one active item" in case.sentence
    assert apply(world, "Z") == 1
    assert references(world) == [("gtin", code, "Z")]
    assert item_of(world, world.buy(sent(gtin=GOOD))) == "Z"


def test_a_gtin_with_a_wrong_check_digit_means_no_item_by_itself(world: TradeWorld) -> None:
    write(world, {"sku": "A", "gtin": WRONG})
    assert world.buy(sent(gtin=WRONG)).state == "held"
    assert "whose length or check digit is wrong" in world.one("SELECT sentence FROM exception_case").sentence
    assert apply(world, "B") == 1
    assert item_of(world, world.buy(sent(gtin=WRONG))) == "B"


def test_the_forms_of_a_gtin() -> None:
    assert gtin_forms("036000291452") == ["036000291452", "0036000291452", "00036000291452"]
    assert gtin_forms(f"0{GOOD}") == [GOOD, f"0{GOOD}"]
    assert gtin_forms("96385074") == ["96385074", "000096385074", "0000096385074", "00000096385074"]
    assert gtin_forms(WRONG) == gtin_forms("12") == gtin_forms("VASE") == []


def test_codes_are_asked_in_their_order(world: TradeWorld) -> None:
    refer(world, "B", "buyer", "KG-1")
    assert item_of(world, world.buy(sent(sku="A", buyer_code="KG-1"))) == "A"
    assert item_of(world, world.buy(sent(sku="NO", buyer_code="KG-1"))) == "B"
    write(world, {"sku": "A", "gtin": GOOD})
    assert item_of(world, world.buy(sent(sku="NO", buyer_code="KG-7", gtin=GOOD))) == "A"
    refer(world, "C", "seller", "A")
    assert item_of(world, world.buy(sent(sku="A"))) == "C"


@pytest.mark.parametrize("named", [{"sku": "A"}, {"buyer_code": "KG-1"}])
def test_codes_that_name_two_items_hold_the_order_until_they_name_one(world: TradeWorld, named: dict[str, str]) -> None:
    refer(world, "A", "buyer", "KG-1")
    write(world, {"sku": "B", "gtin": GOOD})
    order = world.buy({**sent(gtin=GOOD), **named})
    assert (order.state, item_of(world, order)) == ("held", None)
    words = "A" if "sku" in named else "buyer part KG-1"
    assert world.one("SELECT detail FROM hold").detail == f"{words} and GTIN {GOOD} name two items"
    with pytest.raises(Refused) as refused:
        apply(world, "A")
    assert "Mend the item's GTIN" in str(refused.value.fix)
    assert world.all("SELECT 1 FROM reservation") == []
    write(world, {"sku": "B", "gtin": OTHER}, {"sku": "A", "gtin": GOOD})
    with world.store.begin() as unit:
        assert end_known_skus(unit, world.hub.facts.get(unit.conn, 1)) == 1
    world.drain()
    assert item_of(world, order) == "A"
    assert world.one("SELECT state FROM orders").state == "in_progress"
    assert world.all("SELECT 1 FROM exception_case WHERE state = 'open'") == []


def test_an_import_that_gives_an_item_its_gtin_lets_orders_go(world: TradeWorld) -> None:
    order = world.buy(sent(gtin=GOOD), sent(2), external_id="P")
    write(world, {"sku": "A", "gtin": GOOD})
    with world.store.begin() as unit:
        assert end_known_skus(unit, world.hub.facts.get(unit.conn, 1)) == 1
    assert item_of(world, order) == "A"
    assert [row.detail for row in world.all("SELECT detail FROM hold WHERE state = 'active'")] == ["line 2 has no code"]
    with world.store.begin() as unit:
        assert end_known_skus(unit, world.hub.facts.get(unit.conn, 1)) == 0


def test_a_change_keeps_what_lines_are_known_by_and_adds_lines_by_any_code(world: TradeWorld) -> None:
    refer(world, "B", "buyer", "KG-1")
    write(world, {"sku": "A", "gtin": GOOD})
    order = world.buy(sent(buyer_code="KG-8888"), sent(2, buyer_code="KG-1"))
    change = {
        "external_id": order.external_id,
        "lines": [
            {"op": "change", "external_id": "2", "quantity": Decimal(2)},
            {"op": "add", "external_id": "3", "gtin": GOOD, "quantity": Decimal(1), "unit_price": Decimal(10)},
            {"op": "add", "external_id": "4", "buyer_code": "KG-1", "quantity": Decimal(1), "unit_price": Decimal(10)},
        ],
    }
    with world.store.begin() as unit:
        assert apply_change(unit, world.hub.facts.get(unit.conn, 1), world.retailer, change)[1] == "applied"
    assert [item_of(world, order, each) for each in "1234"] == [None, "B", "A", "B"]
    holds = world.all("SELECT detail FROM hold WHERE state = 'active'")
    assert [row.detail for row in holds] == ["buyer part KG-8888"]


def test_a_shops_line_is_known_by_its_codes_too(world: TradeWorld) -> None:
    line = {"external_id": "L1", "quantity": "1", "unit_price": "10.00", "buyer_code": "KG-5"}
    world.send("order", {**world.order({"A": 1}), "totals": None, "lines": [line]})
    world.drain()
    with world.store.begin() as unit:
        add_reference(unit, world.items["A"], "buyer", "KG-5", world.shop)
        assert end_known_skus(unit, world.hub.facts.get(unit.conn, 1)) == 1
    assert world.one("SELECT i.sku FROM order_line l JOIN item i ON i.id = l.item_id").sku == "A"
