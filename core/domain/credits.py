"""Sums of a credit note: what was given back, shared between lines and tax rates so that all of it adds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from core.domain.invoices import net_of, spread, sums_of
from core.domain.money import minor_unit, round_money

ZERO, ONE, FINEST = Decimal(0), Decimal(1), Decimal("0.000001")
Json = dict[str, Any]
BESIDE, KEPT = "given back beside the lines", "not given back"
DIFFERENCE = "difference"
"""Kind of the allowance or charge that brings the lines to what was given back."""


@dataclass(slots=True)
class Share:
    """What of the money falls to one line.

    Args:
        named: how the line is called, and its unit, canonical.
        quantity: units that are credited.
        amount: money, without tax unless `taxed`.
        taxed: whether tax is in the amount and in the price.
        rate: of tax.
        price: of one unit, without tax; None where there is none.
        net: what the line comes to without tax, once it is known.
    """

    named: Json
    quantity: Decimal
    amount: Decimal
    taxed: bool
    rate: Decimal
    price: Decimal | None = None
    net: Decimal = field(default=ZERO)


def credited(shares: Sequence[Share], amount: Decimal | None, currency: str) -> Json:
    """Return lines, allowances, taxes and totals of a credit note; `totals.grand` is the amount.

    Where the lines come to another amount, the difference is a charge or allowance on the whole note, by tax rate. The
    tax of a rate is what the amount leaves beside its base: of some amounts no base has exactly that tax, so it may be
    one minor unit off.

    Args:
        shares: the lines; where they are without tax and come to the amount as they are, tax is in them after all.
        amount: all that was given back, tax included; None where only the lines say it.
        currency: amounts are rounded to its minor unit.
    """
    gross = _gross(shares, currency)
    if amount is not None and amount not in (sum(gross.values(), ZERO), ZERO):
        raw = sum((round_money(each.amount, currency) for each in shares), ZERO)
        if raw == amount:
            for each in shares:
                each.taxed = True
            gross = _gross(shares, currency)
    whole = sum(gross.values(), ZERO)
    wanted = dict(gross)
    if amount is not None and amount != whole:
        by_rate = [{"net": value, "tax_rate": rate} for rate, value in gross.items()]
        for rate, part in spread(amount - whole, by_rate, currency):
            wanted[rate] += part
    bases = _bases(shares, wanted, gross, currency)
    lines = [_line(position, each, currency) for position, each in enumerate(shares, 1)]
    allowances = []
    for rate, base in sorted(bases.items()):
        less = base - sum((each.net for each in shares if each.rate == rate), ZERO)
        if less:
            allowances.append(
                {"charge": less > 0, "kind": DIFFERENCE, "title": BESIDE if less > 0 else KEPT, "amount": abs(less),
                 "tax_rate": rate}
            )  # fmt: skip
    taxes = [{"rate": rate, "base": base, "amount": wanted[rate] - base} for rate, base in sorted(bases.items())]
    _, totals = sums_of(lines, allowances, currency)
    tax = sum((each["amount"] for each in taxes), ZERO)
    totals = {**totals, "tax": round_money(tax, currency), "grand": round_money(totals["net"] + tax, currency)}
    return {"lines": lines, "allowances": allowances, "taxes": taxes, "totals": totals}


def _gross(shares: Sequence[Share], currency: str) -> dict[Decimal, Decimal]:
    """Return what the lines come to with tax, by rate."""
    found: dict[Decimal, Decimal] = {}
    for rate in sorted({each.rate for each in shares}):
        own = [each for each in shares if each.rate == rate]
        net = sum((round_money(each.amount, currency) for each in own if not each.taxed), ZERO)
        taxed = sum((round_money(each.amount, currency) for each in own if each.taxed), ZERO)
        found[rate] = taxed + net + round_money(net * rate, currency)
    return found


def _bases(
    shares: Sequence[Share], wanted: Mapping[Decimal, Decimal], gross: Mapping[Decimal, Decimal], currency: str
) -> dict[Decimal, Decimal]:
    """Set what each line comes to without tax and return the base of each rate."""
    bases = {}
    for rate, value in wanted.items():
        run, given = ZERO, ZERO
        for each in shares:
            if each.rate != rate:
                continue
            if each.taxed:
                # Differences of rounded running sums, so that the parts add up.
                run += round_money(each.amount, currency)
                upto = round_money(run / (ONE + rate), currency)
                each.net, given = upto - given, upto
            else:
                each.net = round_money(each.amount, currency)
        lines = sum((each.net for each in shares if each.rate == rate), ZERO)
        bases[rate] = lines if value == gross[rate] else round_money(value / (ONE + rate), currency)
    return bases


def _line(position: int, share: Share, currency: str) -> Json:
    """Return a line that comes to its share: at its price where that does, else at what the share makes of it."""
    found: Json = {
        **share.named, "position": position, "quantity": share.quantity, "unit_price": share.price,
        "tax_rate": share.rate, "net": share.net,
    }  # fmt: skip
    if share.price is None or net_of(found, currency) != share.net:
        found["unit_price"] = _finest(share.net / share.quantity)
    less = net_of(found, currency) - share.net
    if less:
        found["allowances"] = [{"charge": less < 0, "kind": DIFFERENCE, "amount": abs(less)}]
    return found


def _finest(price: Decimal) -> Decimal:
    """Return a price that every standard has room for."""
    return price.quantize(FINEST, rounding=ROUND_HALF_UP).normalize() + ZERO


def credit_faults(note: Mapping[str, Any]) -> list[str]:
    """Return what does not add up in a credit note, in sentences.

    Args:
        note: canonical, values in their types.
    """
    currency = note["currency"]
    found = [
        f"line {line['position']} comes to {net_of(line, currency)}, not {line['net']}"
        for line in note["lines"]
        if line["net"] != net_of(line, currency)
    ]
    taxes, totals = sums_of(note["lines"], note.get("allowances") or [], currency)
    if [(each["rate"], each["base"]) for each in note["taxes"]] != [(each["rate"], each["base"]) for each in taxes]:
        found.append("the taxes are not those of the lines")
    found += [
        f"the tax at {said['rate']} is {said['amount']}, of {said['base']} it is {own['amount']}"
        for said, own in zip(note["taxes"], taxes, strict=False)
        if abs(said["amount"] - own["amount"]) > minor_unit(currency)
    ]
    tax = sum((each["amount"] for each in note["taxes"]), ZERO)
    wanted = {**totals, "tax": tax, "grand": totals["net"] + tax}
    return found + [
        f"{name} is {wanted[name]}, not {said}" for name, said in note["totals"].items() if wanted[name] != said
    ]
