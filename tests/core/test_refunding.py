"""Refunds that people make of partners' orders, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest

from core.domain.ids import uuid7
from core.errors import Conflict, InputError, NotFound
from core.services.papers import send_by_hand
from core.services.refunding import refund_order
from core.store.unit import Store
from tests.core.trade_world import TradeWorld, line

BACK = {"line": "B", "quantity": Decimal(1), "restock": "return"}


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


def shipped(world: TradeWorld, *lines: Any) -> Any:
    order = world.buy(*(lines or (line("A", 3, "120.00", unit="CT"), line("B", 2, "5.00"))))
    world.settle()
    world.ship(order)
    world.settle()
    return order


def refund(world: TradeWorld, order: Any, **asked: Any) -> tuple[Any, bool]:
    with world.store.begin() as unit:
        found = refund_order(unit, world.facts, order.id, asked)
    world.settle()
    return found


def written(world: TradeWorld) -> tuple[int, int, int]:
    """How many refunds, events of them and credit notes there are."""
    counts = world.one(
        "SELECT (SELECT count(*) FROM refund) AS r, (SELECT count(*) FROM event WHERE type = 'refund.succeeded') AS e,"
        " (SELECT count(*) FROM paper WHERE kind = 'credit_note') AS p"
    )
    return counts.r, counts.e, counts.p


def test_a_refund_by_hand_brings_units_back_and_makes_a_credit_note(world: TradeWorld) -> None:
    order = shipped(world)
    refund_id, new = refund(world, order, amount=Decimal("5.95"), note="broken", lines=[BACK])
    assert new
    row = world.one("SELECT * FROM refund WHERE id = :i", i=refund_id)
    assert (row.amount, row.currency, row.note, row.external_id[:1]) == (Decimal("5.95"), "EUR", "broken", "R")
    assert [each.returned for each in world.all("SELECT returned FROM order_line ORDER BY sku")] == [0, 1]
    [note], [bill] = world.papers("credit_note"), world.papers("invoice")
    assert (note.state, note.body["totals"]["grand"], note.body["reason"]) == ("sent", "5.95", "broken")
    assert [each["number"] for each in note.body["invoices"]] == [bill.number]


def test_the_same_number_is_the_same_refund(world: TradeWorld) -> None:
    order = shipped(world)
    first = refund(world, order, external_id="R-1", amount=Decimal("1.00"))
    again = refund(world, order, external_id="R-1", amount=Decimal("1.00"))
    assert (again, first[1]) == ((first[0], False), True)
    assert written(world) == (1, 1, 1)
    with pytest.raises(Conflict, match="refund of another order"):
        refund(world, shipped(world, line("A", 1, "10.00")), external_id="R-1", amount=Decimal("1.00"))


@pytest.mark.parametrize(
    "other",
    [{"amount": Decimal("2.00")}, {"note": "late"}, {"lines": []}, {"lines": [{**BACK, "quantity": Decimal(2)}]}],
)
def test_a_number_used_again_with_other_content_is_a_conflict(world: TradeWorld, other: Any) -> None:
    order = shipped(world)
    asked = {"external_id": "R-1", "amount": Decimal("1.00"), "note": "broken", "lines": [BACK]}
    made, _ = refund(world, order, **asked)
    with pytest.raises(Conflict, match="another refund of this order: 1 EUR") as caught:
        refund(world, order, **{**asked, **other})
    assert caught.value.error_code == "REFUND-NUMBER-409"
    assert refund(world, order, **{**asked, "amount": Decimal("1.0")}) == (made, False)
    assert written(world) == (1, 1, 1)
    assert [each.returned for each in world.all("SELECT returned FROM order_line ORDER BY sku")] == [0, 1]


def test_an_amount_is_as_fine_as_its_currency(world: TradeWorld) -> None:
    order = shipped(world)
    for currency, finer, whole in (("JPY", "1.5", "2"), ("EUR", "0.001", "0.01"), ("KWD", "0.0001", "0.001")):
        with world.store.begin() as unit:
            unit.conn.exec_driver_sql("UPDATE orders SET currency = %s", (currency,))
        with pytest.raises(InputError, match=f"smallest amount of {currency}"):
            refund(world, order, amount=Decimal(finer))
        assert refund(world, order, amount=Decimal(whole))[1]


def test_units_that_are_open_leave_the_order(world: TradeWorld) -> None:
    order = world.buy(line("B", 2, "5.00"))
    world.settle()
    refund(world, order, lines=[{"line": "B1", "quantity": Decimal(2), "restock": "cancel"}])
    assert world.one("SELECT canceled FROM order_line").canceled == 2
    assert written(world) == (1, 1, 0)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "REFUND-EMPTY-422"),
        ({"note": "sorry", "lines": [{"line": "B", "restock": "none"}]}, "REFUND-EMPTY-422"),
        ({"amount": Decimal(1), "lines": [{**BACK, "line": "NOPE"}]}, "REFUND-LINE-422"),
        ({"amount": Decimal(1), "lines": [{**BACK, "quantity": Decimal(3)}]}, "REFUND-UNITS-422"),
        ({"amount": Decimal(1), "lines": [{**BACK, "quantity": Decimal(2)}, BACK]}, "REFUND-UNITS-422"),
        ({"amount": Decimal(1), "lines": [{"line": "B", "restock": "return"}]}, "REFUND-UNITS-422"),
        ({"amount": Decimal(1), "lines": [{**BACK, "restock": "cancel"}]}, "REFUND-UNITS-422"),
        ({"amount": Decimal(1), "lines": [{**BACK, "quantity": Decimal("0.5")}]}, "REFUND-PART-422"),
        ({"amount": Decimal("1.005")}, "REFUND-AMOUNT-422"),
        ({"lines": [{**BACK, "amount": Decimal("1.005")}]}, "REFUND-AMOUNT-422"),
    ],
)
def test_what_cannot_be_given_back_is_refused_and_changes_nothing(world: TradeWorld, asked: Any, code: str) -> None:
    order = shipped(world)
    with pytest.raises(InputError) as caught:
        refund(world, order, **asked)
    assert caught.value.error_code == code
    assert written(world) == (0, 0, 0)
    assert [each.returned for each in world.all("SELECT returned FROM order_line")] == [0, 0]


def test_orders_of_shops_are_refunded_at_the_shop(world: TradeWorld) -> None:
    world.send("order", world.order({"A": 1}), world.shop)
    world.drain()
    order = world.one("SELECT * FROM orders")
    with pytest.raises(Conflict) as caught:
        refund(world, order, amount=Decimal(1))
    assert caught.value.error_code == "REFUND-CHANNEL-409"
    assert written(world) == (0, 0, 0)
    with pytest.raises(NotFound), world.store.begin() as unit:
        refund_order(unit, world.facts, uuid7(), {"amount": Decimal(1)})


def test_a_note_kept_back_with_its_invoice_leaves_once_the_invoice_is_sent_by_hand(store: Store) -> None:
    world = TradeWorld(store, rules=[{"check": "gtin_on_every_line", "fee": "10.00", "code": "ITEM-01"}])
    order = shipped(world)
    [bill] = world.papers("invoice")
    assert bill.state == "kept_back"
    refund(world, order, amount=Decimal("5.95"))
    [note] = world.papers("credit_note")
    assert (note.state, note.answer["kept_back"]) == (
        "kept_back", [f"the invoice {bill.number} it credits has not left"],
    )  # fmt: skip
    assert world.settle() == 0
    with world.store.begin() as unit:
        send_by_hand(unit, world.facts, bill.id)
    assert world.settle() == 1
    [after] = world.papers("credit_note")
    assert (after.id, after.state) == (note.id, "sent")
    assert world.settle() == 0
