"""Invoices, remittances, changes and stock reports as X12 arranges them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from mappings.edi.canceled import done, is_canceled
from mappings.edi.x12_shapes import Json, apart, from_answers, positioned, to_answers, together
from mappings.numbers import exact
from mappings.times import canonical_instant

CENT = Decimal("0.01")


def to_order(found: Json) -> Json:
    """Return an order arranged for X12."""
    return apart({name: value for name, value in found.items() if name != "currency_assumed"})


def from_order(found: Json) -> Json:
    """Return the canonical order, which says whether its currency is only the standard's: it states none."""
    made = together(found)
    made.pop("function", None)
    if made.pop("stated_currency", None) is None:
        made["currency_assumed"] = True
    return made


def to_invoice(paper: Json) -> Json:
    """Return an invoice arranged for X12, which states one total."""
    found = apart({**paper, "lines": [signed(each) for each in paper.get("lines", ())]})
    found = signed(found)
    if found.get("totals"):
        found["totals"] = {"grand": found["totals"]["grand"]}
    return found


def signed(found: Json) -> Json:
    """Return what has allowances, each of them saying whether it is a charge."""
    if not found.get("allowances"):
        return found
    return {**found, "allowances": [{"charge": False, **each} for each in found["allowances"]]}


def from_invoice(found: Json) -> Json:
    """Return the canonical invoice; totals that X12 does not state are sums of what it does."""
    paper = positioned(together(found))
    paper["lines"] = [each if each.get("net") is not None else {**each, "net": net(each)} for each in paper["lines"]]
    paper.setdefault("taxes", [])
    lines = total(each.get("net") for each in paper.get("lines", ()))
    allowances = total(each["amount"] for each in paper.get("allowances", ()) if not each.get("charge"))
    charges = total(each["amount"] for each in paper.get("allowances", ()) if each.get("charge"))
    sums = {
        "lines": lines,
        "allowances": allowances,
        "charges": charges,
        "net": lines - allowances + charges,
        "tax": total(each.get("amount") for each in paper.get("taxes", ())),
    }
    paper["totals"] = {**sums, **paper.get("totals", {})}
    return paper


def net(line: Mapping[str, Any]) -> Decimal:
    """Return what a line comes to that does not say it itself, rounded once."""
    found = exact(line["quantity"]) * exact(line["unit_price"])
    for each in line.get("allowances", ()):
        found += exact(each["amount"]) if each.get("charge") else -exact(each["amount"])
    return found.quantize(CENT, ROUND_HALF_UP)


def total(amounts: Iterable[Any]) -> Decimal:
    """Return the sum of the amounts that are there."""
    return sum((exact(each) for each in amounts if each is not None), Decimal(0))


def to_remittance(found: Json) -> Json:
    """Return a remittance whose deductions are negative, as ADX says them."""
    return {**found, "invoices": [negated(each) for each in found.get("invoices", ())]}


def negated(invoice: Mapping[str, Any]) -> Json:
    """Return an invoice of a remittance with its deductions the other way round; the same there and back."""
    made = dict(invoice)
    if made.get("deductions"):
        made["deductions"] = [{**each, "amount": -exact(each["amount"])} for each in made["deductions"]]
    return made


def to_change_answers(paper: Json) -> Json:
    """Return the answer to a change arranged for X12, which states what is left beside what was ordered.

    It answers the change alone: one that was refused is rejected, and a cancellation that was done in full accepted,
    whatever becomes of the order.
    """
    found = to_answers(paper)
    if paper.get("refused"):
        found["status"] = "rejected"
    elif paper.get("canceled") or is_canceled(paper):
        found["status"] = done(paper, whole="accepted")
    lines = found.get("lines", ())
    return {**found, "lines": [{**each, "left_quantity": each.get("ordered_quantity")} for each in lines]}


def from_change_answers(found: Json) -> Json:
    """Return the canonical order response that answers a change."""
    return from_answers({**found, "lines": [without_left(each) for each in found.get("lines", ())]})


def without_left(line: Json) -> Json:
    """Return a line without what is left of it, which X12 wants beside what was ordered."""
    return {name: value for name, value in line.items() if name != "left_quantity"}


def to_change(found: Json) -> Json:
    """Return a change or cancellation of an order arranged for X12.

    X12 states a day, and units that are left beside the ordered.
    """
    made = apart(found)
    if made.get("occurred_at"):
        made["occurred_on"] = canonical_instant(made["occurred_at"]).astimezone(UTC).date()
    if made.get("lines"):
        made["lines"] = [
            {**each, "left_quantity": each["quantity"]} if each.get("quantity") is not None else each
            for each in made["lines"]
        ]
    return made


def from_change(found: Json) -> Json:
    """Return the canonical change or cancellation."""
    made = together(found)
    made.pop("occurred_on", None)
    if "lines" in made:
        made["lines"] = [without_left(each) for each in made["lines"]]
    return made
