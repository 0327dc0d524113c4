"""Credit notes of refunds: one for each, of the invoices it names, with sums that are what was given back."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.credits import Share, credit_faults, credited
from core.domain.papers import check_paper
from core.services.papers import send_by_hand
from core.store.unit import Store
from tests.core.trade_world import TradeWorld, line

Json = dict[str, Any]


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


def shipped(world: TradeWorld, *lines: Any, **more: Any) -> Any:
    """An order of which everything left and was invoiced."""
    order = world.buy(*(lines or (line("A", 3, "120.00", unit="CT"), line("B", 2, "5.00"))), **more)
    world.settle()
    world.ship(order)
    world.settle()
    return order


def refund(world: TradeWorld, order: Any, external_id: str = "R1", **more: Any) -> None:
    body = {"external_id": external_id, "order_external_id": order.external_id, "currency": "EUR", **more}
    world.send("refund", body, world.retailer, key=f"{external_id}{more.get('note')}")
    world.drain()
    world.settle()


def notes(world: TradeWorld) -> list[Json]:
    return [check_paper("credit_note", each.body) for each in world.papers("credit_note")]


def kept_back(world: TradeWorld) -> list[str]:
    return [
        reason for each in world.papers("credit_note") if each.state == "kept_back"
        for reason in each.answer["kept_back"]
    ]  # fmt: skip


def test_a_refund_of_units_is_a_credit_note_of_the_invoice_that_charged_them(world: TradeWorld) -> None:
    order = shipped(world)
    [bill] = world.papers("invoice")
    units = {"external_id": "A1", "quantity": "12", "restock": "return"}
    refund(world, order, amount="142.80", note="broken", lines=[units])
    [paper], [note] = world.papers("credit_note"), notes(world)
    assert (paper.state, paper.number, paper.due_at) == ("sent", note["number"], None)
    assert note["invoices"] == [{"number": bill.number, "issued_on": bill.made_at.date()}]
    assert (note["reason"], note["order_external_id"], note["references"]) == ("broken", "PO1", {"department": "12"})
    [said] = note["lines"]
    # One carton of twelve, as the buyer ordered it.
    assert (said["external_id"], said["sku"], said["quantity"], said["unit"], said["unit_price"], said["net"]) == (
        "A1", "A", 1, "CT", Decimal("120.00"), Decimal("120.00"),
    )  # fmt: skip
    assert note["totals"] == {
        "lines": Decimal("120.00"), "allowances": 0, "charges": 0, "net": Decimal("120.00"), "tax": Decimal("22.80"),
        "grand": Decimal("142.80"),
    }  # fmt: skip
    world.deliver(world.retailer)
    push = world.partners.partners["retailer"].order[-1]
    assert (push.kind, push.payload["credit_note"]["number"]) == ("push_credit_note", note["number"])
    assert "shipment" not in push.payload


def test_the_same_refund_is_one_note_and_another_one_a_second(world: TradeWorld) -> None:
    order = shipped(world)
    refund(world, order, amount="10.00")
    refund(world, order, amount="10.00", note="told again")
    refund(world, order, "R2", amount="7.00")
    assert [each["totals"]["grand"] for each in notes(world)] == [Decimal("10.00"), Decimal("7.00")]
    assert len({each["number"] for each in notes(world)}) == 2
    pushes = world.one("SELECT count(*) AS n FROM delivery WHERE kind = 'push_credit_note'")
    assert pushes.n == 2
    assert world.settle() == 0


def test_a_refund_without_lines_is_one_amount_by_the_rates_that_were_charged(world: TradeWorld) -> None:
    taxes = [{"rate": "0.07", "amount": "0.35"}]
    order = shipped(world, line("A", 1, "10.00"), line("B", 2, "5.00", taxes=taxes))
    refund(world, order, amount="9.99", note="late")
    [note] = notes(world)
    assert [(each["title"], each["quantity"], each.get("sku")) for each in note["lines"]] == [("late", 1, None)] * 2
    assert [each["tax_rate"] for each in note["lines"]] == [Decimal("0.07"), Decimal("0.19")]
    assert note["totals"]["grand"] == Decimal("9.99")
    assert credit_faults(note) == []
    assert kept_back(world) == []


def test_what_the_lines_do_not_come_to_is_a_charge_or_an_allowance(world: TradeWorld) -> None:
    order = shipped(world)
    units = {"external_id": "B1", "quantity": "1", "restock": "return"}
    refund(world, order, amount="4.76", lines=[units])
    refund(world, order, "R2", amount="7.14", lines=[{**units, "amount": "5.00"}])
    less, more = notes(world)
    assert less["totals"]["grand"] == Decimal("4.76")
    assert [(each["charge"], each["amount"], each["title"]) for each in less["allowances"]] == [
        (False, Decimal("1.00"), "not given back")
    ]
    assert (more["totals"]["charges"], more["totals"]["grand"]) == (Decimal("1.00"), Decimal("7.14"))
    assert more["allowances"][0]["title"] == "given back beside the lines"
    assert kept_back(world) == []


def test_amounts_of_lines_may_have_their_tax_in_them(world: TradeWorld) -> None:
    order = shipped(world)
    lines = [
        {"external_id": "B1", "quantity": "2", "restock": "return", "amount": "11.90"},
        {"external_id": "FREIGHT", "quantity": "1", "restock": "none", "amount": "2.38"},
    ]
    refund(world, order, amount="14.28", lines=lines)
    [note] = notes(world)
    assert [(each.get("sku"), each.get("title"), each["unit_price"], each["net"]) for each in note["lines"]] == [
        ("B", None, Decimal("5.00"), Decimal("10.00")), (None, "FREIGHT", Decimal(2), Decimal("2.00")),
    ]  # fmt: skip
    assert "allowances" not in note or note["allowances"] == []
    assert note["totals"]["grand"] == Decimal("14.28")


def test_no_money_is_no_credit_note(world: TradeWorld) -> None:
    order = shipped(world)
    refund(world, order, lines=[{"external_id": "B1", "quantity": "1", "restock": "return"}])
    refund(world, order, "R2", amount="0")
    assert notes(world) == []


def test_before_there_is_an_invoice_the_note_is_kept_back_and_made_again_with_it(world: TradeWorld) -> None:
    order = world.buy(line("B", 2, "5.00"))
    world.settle()
    refund(world, order, amount="5.95")
    assert kept_back(world) == ["no invoice of the order has been made, so there is none to credit"]
    assert world.one("SELECT count(*) AS n FROM exception_case WHERE code = 'PAPER-RULE-422' AND state = 'open'").n == 1
    world.ship(order)
    world.settle()
    world.settle()
    [paper], [note], [bill] = world.papers("credit_note"), notes(world), world.papers("invoice")
    assert (paper.state, [each["number"] for each in note["invoices"]]) == ("sent", [bill.number])
    assert world.one("SELECT count(*) AS n FROM exception_case WHERE code = 'PAPER-RULE-422' AND state = 'open'").n == 0


def test_more_than_was_invoiced_is_kept_back_until_a_person_sends_it(world: TradeWorld) -> None:
    order = shipped(world, line("B", 2, "5.00"))
    refund(world, order, amount="10.00")
    refund(world, order, "R2", amount="1.91")
    refund(world, order, "R3", amount="1.00", currency="USD")
    assert kept_back(world) == [
        "it gives back 1.91 EUR, of 11.9 that were invoiced and 10 that were credited before",
        "the refund is in USD, its order in EUR",
    ]
    [second] = [each for each in world.papers("credit_note") if each.body["totals"]["grand"] == "1.91"]
    with world.store.begin() as unit:
        send_by_hand(unit, world.facts, second.id)
    world.deliver(world.retailer)
    assert world.partners.partners["retailer"].order[-1].payload["credit_note"]["number"] == second.number


def test_a_note_waits_for_the_invoice_of_what_has_left(world: TradeWorld) -> None:
    order = world.buy(line("B", 2, "5.00"))
    world.settle()
    world.ship(order)
    body = {"external_id": "R1", "order_external_id": order.external_id, "amount": "5.95"}
    world.send("refund", body, world.retailer)
    world.drain()
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql(
            "UPDATE trade_due SET look_at = look_at + interval '1 hour' WHERE subject = 'shipment'"
        )
    world.settle()
    assert notes(world) == []
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE trade_due SET look_at = clock_timestamp() WHERE subject = 'shipment'")
    world.settle()
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE trade_due SET look_at = clock_timestamp() WHERE subject = 'refund'")
    world.settle()
    [note] = notes(world)
    assert len(note["invoices"]) == 1


def test_an_order_of_a_shop_gets_none(world: TradeWorld) -> None:
    world.send("order", world.order({"A": 1}), world.shop)
    world.drain()
    world.send("refund", {"external_id": "R1", "order_external_id": "X1", "amount": "1.00"}, world.shop)
    world.drain()
    assert world.one("SELECT count(*) AS n FROM trade_due WHERE subject = 'refund'").n == 0


MONEY = st.decimals("0.01", "99999", places=2)
RATES = st.sampled_from([Decimal(each) for each in ("0", "0.07", "0.19", "0.055", "0.25")])
SHARES = st.lists(
    st.builds(
        Share, st.just({"unit": "C62"}), st.decimals("0.001", "50000", places=3), MONEY, st.booleans(), RATES,
        st.one_of(st.none(), st.decimals("0", "9999", places=4)),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(SHARES, st.one_of(st.none(), MONEY))
def test_lines_tax_and_total_add_up_to_what_was_given_back(shares: list[Share], amount: Decimal | None) -> None:
    note: Json = {"currency": "EUR", **credited(shares, amount, "EUR")}
    assert credit_faults(note) == []
    totals = note["totals"]
    if amount is not None:
        assert totals["grand"] == amount
    lines = sum(each["net"] for each in note["lines"])
    assert totals["net"] == lines - totals["allowances"] + totals["charges"]
    assert totals["net"] + sum(each["amount"] for each in note["taxes"]) == totals["grand"]
    assert all(each["amount"] > 0 for each in note["allowances"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lines": [{"position": 1, "quantity": 1, "unit_price": 1, "net": 2, "tax_rate": 0}]}, "line 1 comes to 1.00"),
        ({"taxes": [{"rate": Decimal(0), "base": Decimal(9), "amount": Decimal(0)}]}, "the taxes are not those"),
        ({"taxes": [{"rate": Decimal(0), "base": Decimal(1), "amount": Decimal("0.02")}]}, "the tax at 0 is 0.02"),
        ({"totals": {"grand": Decimal(2)}}, "grand is 1.00, not 2"),
    ],
)
def test_what_does_not_add_up_is_said(change: Json, said: str) -> None:
    note = {"currency": "EUR", **credited([Share({}, Decimal(1), Decimal(1), False, Decimal(0))], None, "EUR")}
    assert credit_faults(note) == []
    assert any(said in each for each in credit_faults({**note, **change}))
