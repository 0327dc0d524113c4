"""Sums of an invoice: made once, and recomputed before it leaves (the arithmetic of EN 16931, rules BR-CO-10 to 17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.domain.money import minor_unit, round_money

ZERO = Decimal(0)
Json = dict[str, Any]


def net_of(line: Mapping[str, Any], currency: str) -> Decimal:
    """Return what a line costs without tax: units at their price less allowances, rounded once."""
    return round_money(line["quantity"] * line["unit_price"] - _balance(line.get("allowances") or ()), currency)


def _balance(allowances: Iterable[Mapping[str, Any]]) -> Decimal:
    """Return allowances less charges."""
    return sum((-each["amount"] if each.get("charge") else each["amount"] for each in allowances), ZERO)


def sums_of(lines: Sequence[Json], allowances: Sequence[Json], currency: str) -> tuple[list[Json], Json]:
    """Return (tax by rate, totals) of an invoice.

    Args:
        lines: with net and tax_rate.
        allowances: on the whole invoice, each with the tax_rate it is under.
        currency: amounts are rounded to its minor unit.
    """
    bases: dict[Decimal, Decimal] = {}
    for line in lines:
        rate = line.get("tax_rate") or ZERO
        bases[rate] = bases.get(rate, ZERO) + line["net"]
    for each in allowances:
        rate = each.get("tax_rate") or ZERO
        bases[rate] = bases.get(rate, ZERO) + (each["amount"] if each.get("charge") else -each["amount"])
    taxes = [
        {"rate": rate, "base": base, "amount": round_money(base * rate, currency)}
        for rate, base in sorted(bases.items())
    ]
    off = sum((each["amount"] for each in allowances if not each.get("charge")), ZERO)
    on = sum((each["amount"] for each in allowances if each.get("charge")), ZERO)
    total = sum((line["net"] for line in lines), ZERO)
    tax = sum((each["amount"] for each in taxes), ZERO)
    net = total - off + on
    totals = {"lines": total, "allowances": off, "charges": on, "net": net, "tax": tax, "grand": net + tax}
    return taxes, {name: round_money(value, currency) for name, value in totals.items()}


def tax_rate_of(taxes: Iterable[Mapping[str, Any]] | None, terms: Mapping[str, Any]) -> Decimal:
    """Return the rate a line is taxed at: what the order says of it, else what was agreed."""
    rates = [Decimal(str(each["rate"])) for each in taxes or () if each.get("rate") is not None]
    agreed: Decimal = terms.get("tax_rate") or ZERO
    return sum(rates, ZERO) if rates else agreed


def allowances_of(
    charged: Sequence[Json],
    terms: Mapping[str, Any],
    currency: str,
    *,
    charges: Iterable[Mapping[str, Any]],
    first: bool,
) -> list[Json]:
    """Return agreed allowances on these lines and, on the first invoice of an order, the charges the order has.

    Args:
        charged: lines with net and tax_rate.
        terms: of trade with the partner.
        currency: amounts are rounded to its minor unit.
        charges: of the order.
        first: whether no invoice of the order came before.
    """
    total = sum((line["net"] for line in charged), ZERO)
    wanted = []
    for each in terms.get("allowances") or ():
        amount = total * each["rate"] if each.get("rate") is not None else (each.get("amount") or ZERO) * first
        wanted.append((each["charge"], each["kind"], each.get("title"), round_money(amount, currency)))
    if first:
        wanted += [(True, each["kind"], each.get("title"), Decimal(str(each["amount"]))) for each in charges]
    return [
        {"charge": charge, "kind": kind, "title": title, "amount": part, "tax_rate": rate}
        for charge, kind, title, amount in wanted
        if amount >= minor_unit(currency)
        for rate, part in spread(amount, charged, currency)
    ]


def spread(amount: Decimal, lines: Sequence[Json], currency: str) -> list[tuple[Decimal, Decimal]]:
    """Return (tax rate, part) of an amount on the whole invoice, by what the lines under each rate come to.

    The parts add up to the amount: each is the difference of rounded running sums.
    """
    by_rate: dict[Decimal, Decimal] = {}
    for line in lines:
        rate = line.get("tax_rate") or ZERO
        by_rate[rate] = by_rate.get(rate, ZERO) + line["net"]
    total = sum(by_rate.values(), ZERO)
    if total == 0:
        return [(min(by_rate, default=ZERO), amount)]
    found, run, given = [], ZERO, ZERO
    for rate, base in sorted(by_rate.items()):
        run += base
        upto = round_money(amount * run / total, currency)
        if upto != given:
            found.append((rate, upto - given))
        given = upto
    return found


def faults_of(invoice: Mapping[str, Any], shipped: Mapping[int, Decimal]) -> list[str]:
    """Return what does not add up in an invoice, in sentences.

    Args:
        invoice: canonical, values in their types.
        shipped: units by position of the line, in the unit of the invoice, that may be charged.
    """
    currency = invoice["currency"]
    found = []
    for line in invoice["lines"]:
        position = line["position"]
        if line["quantity"] > shipped.get(position, ZERO):
            found.append(
                f"line {position} charges {line['quantity']} units, {shipped.get(position, ZERO)} were shipped"
            )
        if line["net"] != net_of(line, currency):
            found.append(f"line {position} comes to {net_of(line, currency)}, not {line['net']}")
    taxes, totals = sums_of(invoice["lines"], invoice.get("allowances") or [], currency)
    if [(each["rate"], each["base"], each["amount"]) for each in invoice["taxes"]] != [
        (each["rate"], each["base"], each["amount"]) for each in taxes
    ]:
        found.append("the taxes are not those of the lines")
    found += [
        f"{name} is {totals[name]}, not {said}" for name, said in invoice["totals"].items() if totals[name] != said
    ]
    if totals["grand"] < 0:
        found.append(f"it comes to {totals['grand']} {currency}, and money is given back by a refund")
    return found
