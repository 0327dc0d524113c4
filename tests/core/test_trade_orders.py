"""B2B orders: units, prices and stores on the way in, the order response, changes (O1, O2 of the acceptance list)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.services.agreements import set_price, set_terms
from core.services.changes import change_order
from core.services.holds import release_hold
from core.store.unit import Store
from tests.core.trade_world import STORE, TERMS, TradeWorld, line


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


def test_cartons_are_counted_in_units_and_answered_in_cartons(world: TradeWorld) -> None:
    order = world.buy(line("A", 2, "118.80", unit="CT"))
    row = world.one("SELECT quantity, unit, unit_price, trade FROM order_line WHERE order_id = :o", o=order.id)
    assert (row.quantity, row.unit, row.unit_price) == (Decimal(24), "C62", Decimal("9.9"))
    assert row.trade == {"unit": "CT", "per_unit": "12", "price": "118.8"}
    assert world.settle() == 1
    [paper] = world.papers("order_response")
    [answer] = paper.body["lines"]
    assert (answer["quantity"], answer["unit"], answer["unit_price"]) == ("2", "CT", "118.8")


def test_a_pack_size_the_buyer_states_counts_where_we_know_none(world: TradeWorld) -> None:
    order = world.buy(line("B", 1, "30.00", unit="PK", pack_size="3"))
    assert world.one("SELECT quantity FROM order_line WHERE order_id = :o", o=order.id).quantity == 3


def test_a_pack_nobody_knows_holds_the_order(world: TradeWorld) -> None:
    order = world.buy(line("B", 1, "30.00", unit="PK"))
    assert order.state == "held"
    assert world.one("SELECT kind FROM hold").kind == "unmapped_code"


def test_the_agreed_price_is_filled_in_and_another_one_held(world: TradeWorld) -> None:
    with world.store.begin() as unit:
        set_price(unit, world.retailer, "B", Decimal("9.50"), "EUR", since=date(2026, 1, 1))
        set_price(unit, world.retailer, "B", Decimal("9"), "EUR", since=date(2026, 1, 1), from_quantity=Decimal(5))
    filled = world.buy(line("B", 5, None))
    assert world.one("SELECT unit_price FROM order_line WHERE order_id = :o", o=filled.id).unit_price == 9
    assert filled.state == "in_progress"
    held = world.buy(line("B", 1, "8.00"))
    assert held.state == "held"
    assert world.one("SELECT detail FROM hold").detail == "line 1 at 8, agreed are 9.5 EUR"
    case = world.one("SELECT code, title FROM exception_case")
    assert (case.code, case.title) == ("ORDER-PRICE-422", "retailer orders at other prices than agreed")


def test_an_order_in_a_currency_no_price_is_agreed_in_is_held_with_both(world: TradeWorld) -> None:
    with world.store.begin() as unit:
        set_price(unit, world.retailer, "B", Decimal("9.50"), "EUR", since=date(2026, 1, 1))
    held = world.buy(line("B", 1, "9.50"), currency="USD")
    assert held.state == "held"
    hold = world.one("SELECT kind, detail FROM hold")
    assert (hold.kind, hold.detail) == ("price_mismatch", "line 1 at 9.5 in USD, agreed are 9.5 EUR")
    # Agreed in both, the one of the order's currency counts; an item nobody agreed on is nobody's question.
    with world.store.begin() as unit:
        set_price(unit, world.retailer, "B", Decimal("11"), "USD", since=date(2026, 1, 1))
    assert world.buy(line("B", 1, "11"), line("A", 1, "5"), currency="USD").state == "in_progress"
    assert world.buy(line("B", 1, "9.50")).state == "in_progress"


def test_a_line_that_asks_for_nothing_is_held_and_not_answered_at_once(world: TradeWorld) -> None:
    order = world.buy(line("A", 0), line("B", 1))
    assert order.state == "held"
    assert world.one("SELECT kind, detail FROM hold") == ("missing_field", "lines.0.quantity must be more than 0")
    assert world.settle() == 0
    case = world.one("SELECT code, title FROM exception_case")
    assert tuple(case) == ("ORDER-FIELD-422", "retailer orders: lines.quantity must be more than 0")
    # Sent again as it was meant, it goes on.
    world.send("order", {**sent_again(order), "lines": [line("A", 2), line("B", 1)]}, world.retailer)
    world.drain()
    assert world.one("SELECT state FROM orders").state == "in_progress"


def test_a_shop_sends_lines_of_nothing_for_what_was_taken_off(world: TradeWorld) -> None:
    document = {**world.order({"A": 1}), "totals": None}
    document["lines"] = [*document["lines"], line("B", 0)]
    world.send("order", document)
    world.drain()
    assert world.one("SELECT state FROM orders").state == "in_progress"


def sent_again(order: Any) -> dict[str, Any]:
    return {"external_id": order.external_id, "number": order.number, "type": "b2b", "currency": "EUR",
            "placed_at": order.placed_at.isoformat(), "ship_to": STORE}  # fmt: skip


def test_an_order_for_several_stores_becomes_one_order_for_each(world: TradeWorld) -> None:
    stores = [
        {"external_id": "1", "name": "One", "line1": "Weg 1", "city": "Kiel", "country": "DE"},
        {"external_id": "2", "name": "Two", "line1": "Weg 2", "city": "Bonn", "country": "DE"},
    ]
    world.buy(
        line("A", 5, destinations=[{"store": "1", "quantity": "2"}, {"store": "2", "quantity": "3"}]),
        line("B", 1, destinations=[{"store": "2", "quantity": "1"}]),
        external_id="PO-7",
        number="PO-7",
        stores=stores,
    )
    rows = world.all(
        "SELECT o.external_id, o.number, o.body->'ship_to'->>'city' AS city, l.sku, l.quantity FROM orders o"
        " JOIN order_line l ON l.order_id = o.id ORDER BY 1, 4"
    )
    assert [tuple(row) for row in rows] == [
        ("PO-7/1", "PO-7", "Kiel", "A", 2),
        ("PO-7/2", "PO-7", "Bonn", "A", 3),
        ("PO-7/2", "PO-7", "Bonn", "B", 1),
    ]


def to_store(world: TradeWorld) -> Any:
    world.buy(line("A", 2, destinations=[{"store": "0815", "quantity": "2"}]), external_id="PO-7", number="PO-7")
    return world.one("SELECT * FROM orders WHERE external_id = 'PO-7/0815'")


@pytest.mark.parametrize("legacy", [False, True])
def test_no_number_of_a_buyer_reaches_the_part_of_a_store(world: TradeWorld, legacy: bool) -> None:
    part = to_store(world)
    if legacy:
        with world.store.begin() as unit:
            unit.conn.execute(text("UPDATE orders SET body = (body::jsonb - 'split_from' || cast(:s AS jsonb))::json"),
                              {"s": '{"ship_to": {"external_id": "0815"}}'})  # fmt: skip
    before = world.one("SELECT * FROM orders")
    world.buy(line("B", 9), external_id="PO-7/0815", number="PO-7/0815")
    assert tuple(world.one("SELECT * FROM orders")) == tuple(before)
    assert world.one("SELECT count(*) AS n FROM order_line").n == 1
    refused = world.one("SELECT state, error FROM message ORDER BY id DESC LIMIT 1")
    assert (refused.state, refused.error["code"]) == ("quarantined", "TRADE-STORES-409")
    # The same order for stores, sent again with other units, is still the same order.
    more = [{"store": "0815", "quantity": "3"}]
    world.buy(line("A", 3, destinations=more), external_id="PO-7", number="PO-7")
    row = world.one("SELECT order_id, quantity FROM order_line")
    assert (row.order_id, row.quantity) == (part.id, 3)


def test_a_part_of_a_store_is_no_change_of_an_order_with_its_name(world: TradeWorld) -> None:
    order = world.buy(line("B", 1), external_id="PO-7/0815", number="PO-7/0815")
    world.buy(line("A", 2, destinations=[{"store": "0815", "quantity": "2"}]), external_id="PO-7", number="PO-7")
    refused = world.one("SELECT state, error FROM message ORDER BY id DESC LIMIT 1")
    assert (refused.state, refused.error["code"]) == ("quarantined", "TRADE-STORES-409")
    assert world.one("SELECT sku FROM order_line WHERE order_id = :o", o=order.id).sku == "B"


def test_stores_in_another_unit_than_the_line_are_counted_by_the_packs_of_the_item(world: TradeWorld) -> None:
    # Two cartons of twelve at 118.80, said of the stores in pieces, and two cartons in pieces the other way round.
    pieces = [{"store": "1", "quantity": "18", "unit": "EA"}, {"store": "2", "quantity": "6", "unit": "EA"}]
    cartons = [{"store": "1", "quantity": "2", "unit": "CT"}]
    world.buy(
        line("A", 2, "118.80", unit="CT", destinations=pieces, external_id="1"),
        line("A", 24, "9.90", unit="EA", destinations=cartons, external_id="2"),
        external_id="PO-7", number="PO-7",
    )  # fmt: skip
    rows = world.all(
        "SELECT o.external_id, l.external_id AS line, l.quantity, l.unit_price, l.trade->>'unit' AS unit FROM orders o"
        " JOIN order_line l ON l.order_id = o.id ORDER BY 1, 2"
    )
    assert [tuple(row) for row in rows] == [
        ("PO-7/1", "1", 18, Decimal("9.9"), "CT"),
        ("PO-7/1", "2", 24, Decimal("9.9"), None),
        ("PO-7/2", "1", 6, Decimal("9.9"), "CT"),
    ]


def test_stores_in_a_unit_nobody_knows_are_held_and_those_that_do_not_add_up_refused(world: TradeWorld) -> None:
    stores = [{"store": "1", "quantity": "2", "unit": "PK"}]
    world.buy(line("A", 2, "118.80", unit="CT", destinations=stores), external_id="PO-7", number="PO-7")
    assert world.one("SELECT state FROM orders").state == "held"
    holds = [row.detail for row in world.all("SELECT detail FROM hold WHERE kind = 'unmapped_code' ORDER BY detail")]
    assert holds[0] == "line 1 is for stores in PK and ordered in CT; no pack PK is known"
    assert world.one("SELECT unit, unit_price FROM order_line") == ("PK", None)
    stores = [{"store": "1", "quantity": "23", "unit": "EA"}]
    world.buy(line("A", 2, "118.80", unit="CT", destinations=stores), external_id="PO-8", number="PO-8")
    message = world.one("SELECT state, error FROM message ORDER BY id DESC LIMIT 1")
    assert (message.state, message.error["code"]) == ("quarantined", "TRADE-STORES-422")
    assert world.one("SELECT count(*) AS n FROM orders").n == 1


def test_stores_that_do_not_add_up_stop_the_message(world: TradeWorld) -> None:
    world.buy(line("A", 5, destinations=[{"store": "1", "quantity": "2"}]))
    assert world.one("SELECT count(*) AS n FROM orders").n == 0
    message = world.one("SELECT state, error FROM message")
    assert (message.state, message.error["code"]) == ("quarantined", "TRADE-STORES-422")


def test_o1_every_line_is_answered_accepted_backordered_or_changed(world: TradeWorld) -> None:
    world.buy(line("A", 5), line("B", 25), line("C", 3))
    assert world.settle() == 1
    [paper] = world.papers("order_response")
    assert paper.state == "sent"
    answers = {each["sku"]: each for each in paper.body["lines"]}
    assert paper.body["status"] == "changed"
    assert [answers["A"][name] for name in ("status", "quantity", "backordered", "rejected")] == [
        "accepted", "5", "0", "0",
    ]  # fmt: skip
    assert [answers["B"][name] for name in ("status", "quantity", "backordered")] == ["changed", "10", "15"]
    assert [answers["C"][name] for name in ("status", "quantity", "backordered")] == ["backordered", "0", "3"]
    assert paper.body["references"] == {"department": "12"}
    world.deliver(world.retailer)
    [push] = world.partners.partners["retailer"].order
    assert push.kind == "acknowledge_order"
    assert push.payload["order_response"]["number"] == paper.number
    assert world.settle() == 0


def test_o1_what_is_short_is_rejected_where_the_partner_takes_no_backorders(store: Store) -> None:
    world = TradeWorld(store, on_shortage="reject")
    order = world.buy(line("B", 25))
    assert world.settle() == 1
    [answer] = world.papers("order_response")[0].body["lines"]
    assert [answer[name] for name in ("status", "quantity", "backordered", "rejected")] == ["changed", "10", "0", "15"]
    row = world.one("SELECT canceled FROM order_line WHERE order_id = :o", o=order.id)
    assert row.canceled == 15


def test_o1_a_held_order_is_answered_before_its_window_ends_and_not_earlier(world: TradeWorld) -> None:
    order = world.buy(line("NOWHERE", 1))
    assert order.state == "held"
    assert world.settle() == 0
    due = world.one("SELECT due_at, done_at FROM trade_due")
    assert due.done_at is None
    assert abs((due.due_at - datetime.now(UTC)).total_seconds() - 24 * 3600) < 60
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE trade_due SET look_at = now(), due_at = now() + interval '2 hours'"))
    assert world.settle() == 1
    [answer] = world.papers("order_response")[0].body["lines"]
    assert (answer["status"], answer["backordered"]) == ("backordered", "1")
    assert answer["reason"] == "the order is being looked at"


def test_o2_a_change_applies_to_the_latest_state_and_is_answered_again(world: TradeWorld) -> None:
    order = world.buy(line("A", 4, "120.00", unit="CT"), line("B", 5))
    world.settle()
    change = {
        "external_id": order.external_id,
        "change": "C1",
        "lines": [
            {"external_id": "A1", "op": "change", "quantity": "3", "unit": "CT"},
            {"external_id": "B1", "op": "remove"},
        ],
    }
    world.send("order_change", change, world.retailer)
    world.send("order_change", change, world.retailer)
    world.drain()
    lines = world.all("SELECT sku, quantity - canceled AS left FROM order_line ORDER BY sku")
    assert [tuple(each) for each in lines] == [("A", 36), ("B", 0)]
    assert [each.outcome for each in world.all("SELECT outcome FROM message WHERE topic = 'order_change'")].count(
        "duplicate"
    ) == 1
    assert world.settle() == 1
    first, second = world.papers("order_response")
    assert first.number != second.number
    assert [(each["quantity"], each["rejected"]) for each in second.body["lines"]] == [("3", "1"), ("0", "5")]


def answered(world: TradeWorld) -> list[tuple[str, str | None, str | None]]:
    return [
        (each.number.rpartition("-")[2], each.body.get("answers"), each.body.get("change"))
        for each in world.papers("order_response")
    ]


def change_of(order: Any, number: str | None, quantity: str = "3") -> Any:
    lines = [{"external_id": "B1", "op": "change", "quantity": quantity}]
    return {"external_id": order.external_id, "lines": lines, **({"change": number} if number else {})}


def test_o2_a_response_says_whether_it_answers_the_order_or_which_change(world: TradeWorld) -> None:
    order = world.buy(line("B", 5))
    world.settle()
    for number, quantity in (("C1", "4"), (None, "3")):
        world.send("order_change", change_of(order, number, quantity), world.retailer)
        world.drain()
        world.settle()
    assert answered(world) == [("1", "order", None), ("2", "change", "C1"), ("3", "change", None)]


def test_o2_changes_before_the_first_answer_are_answered_each_behind_the_order(world: TradeWorld) -> None:
    order = world.buy(line("B", 5))
    for number, quantity in (("C1", "4"), ("C2", "3")):
        world.send("order_change", change_of(order, number, quantity), world.retailer)
        world.drain()
    world.settle()
    assert answered(world) == [("1", "order", None), ("2", "change", "C1"), ("3", "change", "C2")]
    assert {each.body["lines"][0]["quantity"] for each in world.papers("order_response")} == {"3"}
    assert world.settle() == 0


def test_o2_a_response_that_was_kept_back_is_made_anew_under_its_number(store: Store) -> None:
    world = TradeWorld(store, rules=[{"check": "gtin_on_every_line"}])
    order = world.buy(line("B", 5))
    world.settle()
    world.send("order_change", change_of(order, "C1"), world.retailer)
    world.drain()
    world.settle()
    assert [each.state for each in world.papers("order_response")] == ["kept_back", "kept_back"]
    assert sorted(answered(world)) == [("1", "order", None), ("2", "change", "C1")]
    set_rules(world, [])
    world.send("order_change", change_of(order, "C2", "2"), world.retailer)
    world.drain()
    world.settle()
    assert [each.state for each in world.papers("order_response")] == ["sent"] * 3
    assert sorted(answered(world)) == [("1", "order", None), ("2", "change", "C1"), ("3", "change", "C2")]


def set_rules(world: TradeWorld, rules: list[Any]) -> None:
    with world.store.begin() as unit:
        set_terms(unit, world.retailer, {**TERMS, "rules": rules})


def test_o2_a_change_after_shipment_is_refused_where_everybody_sees_it(world: TradeWorld) -> None:
    order = world.buy(line("A", 4), line("B", 5))
    world.settle()
    world.ship(order, lines=[{"sku": "A", "quantity": "4"}])
    before = world.all("SELECT sku, quantity, canceled, shipped FROM order_line ORDER BY sku")
    change = {
        "external_id": order.external_id,
        "change": "C2",
        "lines": [
            {"external_id": "A1", "op": "change", "quantity": "1"},
            {"external_id": "B1", "op": "change", "quantity": "2"},
        ],
    }
    world.send("order_change", change, world.retailer)
    world.drain()
    assert world.all("SELECT sku, quantity, canceled, shipped FROM order_line ORDER BY sku") == before
    declined = world.one("SELECT state, answer FROM change_set WHERE kind = 'partner'")
    assert (declined.state, declined.answer) == ("declined", "4 units of A have been shipped already.")
    case = world.one("SELECT code, sentence FROM exception_case WHERE code = 'ORDER-CHANGE-409'")
    assert "4 units of A have been shipped already" in case.sentence
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'order.change_refused'").n == 1


def for_stores(world: TradeWorld, units: dict[str, int], **more: Any) -> None:
    total = sum(units.values())
    stores = [{"store": name, "quantity": str(each)} for name, each in units.items()]
    world.buy(line("A", total, destinations=stores), external_id="PO-7", number=None, **more,
              stores=[{**STORE, "external_id": name, "gln": None} for name in units])  # fmt: skip


def open_units(world: TradeWorld) -> dict[str, Decimal]:
    rows = world.all("SELECT o.external_id, sum(l.quantity - l.canceled) AS n FROM orders o"
                     " JOIN order_line l ON l.order_id = o.id GROUP BY 1 ORDER BY 1")  # fmt: skip
    return {row.external_id: row.n for row in rows}


def test_an_order_for_stores_is_replaced_in_all_its_parts(world: TradeWorld) -> None:
    for_stores(world, {"1": 2, "2": 3})
    for_stores(world, {"1": 4, "3": 1}, purpose="replace")
    assert open_units(world) == {"PO-7/1": 4, "PO-7/2": 0, "PO-7/3": 1}
    states = {row.external_id: row.state for row in world.all("SELECT external_id, state FROM orders")}
    assert states["PO-7/2"] == "canceled"
    world.check_books()


def test_nothing_of_a_replacement_is_done_when_a_part_has_left(world: TradeWorld) -> None:
    for_stores(world, {"1": 2, "2": 3})
    world.ship(world.one("SELECT * FROM orders WHERE external_id = 'PO-7/2'"))
    for_stores(world, {"1": 4, "3": 1}, purpose="replace")
    assert open_units(world) == {"PO-7/1": 2, "PO-7/2": 3}
    assert world.one("SELECT code FROM exception_case WHERE state = 'open'").code == "ORDER-CHANGE-409"


@pytest.mark.parametrize(
    ("terms", "agreed", "currency"),
    [({"currency": "SEK"}, ["EUR"], "SEK"), ({}, ["EUR"], "EUR"), ({}, ["EUR", "DKK"], "USD"), ({}, [], "USD")],
)
def test_an_order_that_states_no_currency_is_in_the_partners(
    world: TradeWorld, terms: dict[str, str], agreed: list[str], currency: str
) -> None:
    with world.store.begin() as unit:
        set_terms(unit, world.retailer, {**TERMS, **terms})
        for each in agreed:
            set_price(unit, world.retailer, "B", Decimal("9.50"), each, since=date(2026, 1, 1))
    order = world.buy(line("A", 1), currency="USD", currency_assumed=True)
    assert (order.currency, order.state) == (currency, "in_progress")
    # One it states is its own.
    assert world.buy(line("A", 1), currency="USD").currency == "USD"


def test_a_price_that_was_changed_by_hand_is_judged_by_the_agreed_ones(world: TradeWorld) -> None:
    with world.store.begin() as unit:
        set_price(unit, world.retailer, "B", Decimal("9.50"), "EUR", since=date(2026, 1, 1))
    order = world.buy(line("B", 1, "8.00"))
    row = world.one("SELECT id FROM order_line")

    def edit(**change: Any) -> str:
        with world.store.begin() as unit:
            change_order(unit, world.hub.facts.get(unit.conn, 1), order.id, [change], "by hand")
        return str(world.one("SELECT state FROM orders").state)

    def held_for() -> list[str]:
        return [each.detail for each in world.all("SELECT detail FROM hold WHERE state = 'active'")]

    name = f"lin_{row.id.hex}"
    # Something else is changed: the price is still not the agreed one.
    assert (edit(op="note", note="hurry"), held_for()) == ("held", ["line 1 at 8, agreed are 9.5 EUR"])
    assert edit(op="price", line=name, unit_price=Decimal("8.50")) == "held"
    assert held_for() == ["line 1 at 8.5, agreed are 9.5 EUR"]
    assert edit(op="price", line=name, unit_price=Decimal("9.50")) != "held"
    assert held_for() == []
    # And away from it again.
    assert (edit(op="price", line=name, unit_price=Decimal("9.00")), len(held_for())) == ("held", 1)


def test_a_price_that_was_accepted_stays_so_when_something_else_changes(world: TradeWorld) -> None:
    with world.store.begin() as unit:
        set_price(unit, world.retailer, "B", Decimal("9.50"), "EUR", since=date(2026, 1, 1))
    order = world.buy(line("B", 1, "8.00"))
    with world.store.begin() as unit:
        release_hold(unit, order.id, world.one("SELECT id FROM hold").id)
        change_order(unit, world.hub.facts.get(unit.conn, 1), order.id, [{"op": "note", "note": "hurry"}], None)
    assert world.one("SELECT count(*) AS n FROM hold WHERE state = 'active'").n == 0
