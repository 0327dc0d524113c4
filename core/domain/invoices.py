"""Sums of an invoice: made once, and recomputed before it leaves (the arithmetic of EN 16931, rules BR-CO-10 to 17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.domain.money import round_money

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
    return found
