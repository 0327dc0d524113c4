"""The credit note of a refund: what a B2B partner gets back of his invoices, its sums recomputed before it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from core.domain.credits import Share, credit_faults, credited
from core.domain.invoices import spread, tax_rate_of
from core.domain.money import plain, round_money
from core.domain.papers import check_paper, short_number
from core.domain.payloads import jsonable
from core.domain.vocabulary import Paper
from core.ports.connectors import Json
from core.services.facts import Facts
from core.services.paper_answers import KEPT
from core.services.papers import head_of, make_paper
from core.services.responding import lines_of, named
from core.services.trading import in_ordered, in_unit_price
from core.store import schema as t
from core.store.unit import Unit

ZERO, ONE = Decimal(0), Decimal(1)
MONEY = "Money given back"
"""Title of a line that is no item's and that nobody has a word for."""


def gives_money(body: Mapping[str, Any]) -> bool:
    """Return whether a canonical refund says that money is given back; one that only takes units off does not."""
    if body.get("amount") is not None:
        return bool(body["amount"] > 0)
    return any((line.get("amount") or ZERO) > 0 for line in body.get("lines") or ())


def credit(unit: Unit, facts: Facts, refund_id: UUID, order: Row[Any], terms: Json) -> bool:
    """Send the credit note of a refund, or keep it back; the order is locked.

    Return whether it is settled: while an invoice of the order is still to be made, nobody can say what is credited.
    """
    due, paper = t.trade_due.c, t.paper.c
    waits = select(due.subject_id).where(
        due.tenant_id == unit.tenant, due.order_id == order.id, due.subject == "shipment", due.done_at.is_(None)
    )
    if unit.conn.execute(waits.limit(1)).first():
        return False
    number = short_number("C", refund_id)
    papers = unit.conn.execute(
        select(t.paper)
        .where(
            paper.tenant_id == unit.tenant, paper.order_id == order.id, paper.connection_id == order.connection_id,
            paper.kind.in_([str(Paper.INVOICE), str(Paper.CREDIT_NOTE)]),
        )
        .order_by(paper.made_at, paper.id)
    ).all()  # fmt: skip
    if any(each.number == number and each.kind == Paper.CREDIT_NOTE and each.state != KEPT for each in papers):
        return True
    r, part = t.refund.c, t.refund_line.c
    refund = unit.conn.execute(select(t.refund).where(r.tenant_id == unit.tenant, r.id == refund_id)).one()
    refunded = unit.conn.execute(
        select(t.refund_line).where(part.tenant_id == unit.tenant, part.refund_id == refund_id).order_by(part.id)
    ).all()
    lines = {line.id: line for line in lines_of(unit, order.id)}
    bills = [each for each in papers if each.kind == Paper.INVOICE]
    about = _credited_bills(bills, [lines[each.line_id].position for each in refunded if each.line_id in lines])
    sums = credited(_shares(refund, refunded, lines, terms, order, about), refund.amount, order.currency)
    found = {
        "number": number,
        "currency": order.currency,
        "invoices": [{"number": each.number, "issued_on": each.body["issued_at"][:10]} for each in about],
        "reason": refund.note,
        "bill_to": order.body.get("bill_to"),
        **sums,
    }
    body = {**head_of(order, terms, unit.now), **{name: value for name, value in found.items() if value is not None}}
    others = [each for each in papers if each.kind == Paper.CREDIT_NOTE and each.number != number]
    faults = credit_faults(check_paper(Paper.CREDIT_NOTE, jsonable(body)))
    faults += _wrong(refund, order, about, bills, others, sums)
    make_paper(unit, facts, Paper.CREDIT_NOTE, body, order, terms, ordered={}, faults=faults)
    return True


def _credited_bills(bills: Sequence[Row[Any]], positions: Sequence[int]) -> list[Row[Any]]:
    """Return the invoices that charge any of these lines of the order; all of them where none does."""
    wanted = set(positions)
    found = [each for each in bills if wanted & {line["position"] for line in each.body["lines"]}]
    return found or list(bills)


def _wrong(
    refund: Row[Any],
    order: Row[Any],
    about: Sequence[Row[Any]],
    bills: Sequence[Row[Any]],
    others: Sequence[Row[Any]],
    sums: Json,
) -> list[str]:
    """Return why this credit note should not leave by itself, in sentences."""
    found = []
    if refund.currency != order.currency:
        found.append(f"the refund is in {refund.currency}, its order in {order.currency}")
    if not bills:
        found.append("no invoice of the order has been made, so there is none to credit")
    found += [f"the invoice {each.number} it credits has not left" for each in about if each.state == KEPT]
    charged = sum((Decimal(each.body["totals"]["grand"]) for each in bills), ZERO)
    before = sum((Decimal(each.body["totals"]["grand"]) for each in others if each.state != KEPT), ZERO)
    if bills and before + sums["totals"]["grand"] > charged:
        found.append(
            f"it gives back {plain(sums['totals']['grand'])} {order.currency}, of {plain(charged)} that were invoiced"
            f" and {plain(before)} that were credited before"
        )
    return found


def _shares(
    refund: Row[Any],
    refunded: Sequence[Row[Any]],
    lines: Mapping[UUID, Row[Any]],
    terms: Json,
    order: Row[Any],
    about: Sequence[Row[Any]],
) -> list[Share]:
    """Return the lines of a credit note with their money; where the refund names none, its amount is the only one."""
    taxed = any(line.tax_included for line in lines.values())
    by_rate = _by_rate(lines.values(), terms, about)
    found: list[Share] = []
    for each in refunded:
        line = lines.get(each.line_id)
        if line is not None and (share := _share(each, line, terms, order.currency, valued=refund.amount is not None)):
            found.append(share)
        elif line is None and each.amount:
            found += _money(each.amount, each.external_id, by_rate, order.currency, taxed=taxed)
    if not any(each.amount for each in found):
        found = _money(refund.amount, refund.note or MONEY, by_rate, order.currency, taxed=True)
    return found


def _share(each: Row[Any], line: Row[Any], terms: Json, currency: str, *, valued: bool) -> Share | None:
    """Return what falls to an order line; None where it gets nothing.

    Args:
        each: row of the refund's line.
        line: row of the order's.
        terms: of trade.
        currency: of the order.
        valued: whether units without an amount are worth their price.
    """
    rate = tax_rate_of(line.taxes, terms)
    quantity, measure, price = in_ordered(line, each.quantity)
    amount = each.amount
    if amount is None:
        if not valued or not each.quantity or price is None:
            return None
        off = (line.discount or ZERO) * each.quantity / line.quantity if line.quantity else ZERO
        amount = max(quantity * price - off, ZERO)
    if price is not None and line.tax_included:
        price = in_unit_price(price, ONE + rate)
    if not quantity:
        # Money for a line, and no units: it is given back once.
        quantity, price = ONE, None
    named_so = {**named(line), "unit": measure}
    return Share(named_so, quantity, round_money(amount, currency), bool(line.tax_included), rate, price)


def _by_rate(lines: Iterable[Row[Any]], terms: Json, about: Sequence[Row[Any]]) -> list[Json]:
    """Return what was charged under each tax rate, tax included; before anything was, what was ordered."""
    charged = [
        {"net": Decimal(each["base"]) + Decimal(each["amount"]), "tax_rate": Decimal(each["rate"])}
        for bill in about
        for each in bill.body["taxes"]
    ]
    return charged or [
        {"net": line.quantity * (line.unit_price or ZERO), "tax_rate": tax_rate_of(line.taxes, terms)} for line in lines
    ]


def _money(amount: Decimal, title: str, by_rate: Sequence[Json], currency: str, *, taxed: bool) -> list[Share]:
    """Return money that is no item's as lines, one for each tax rate it falls under."""
    return [
        Share({"title": title, "unit": "C62"}, ONE, part, taxed, rate)
        for rate, part in spread(round_money(amount, currency), list(by_rate), currency)
    ]
