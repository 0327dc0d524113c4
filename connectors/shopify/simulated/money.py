"""How a simulated shop counts: amounts in both currencies, taxes, and the totals of an order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Json = dict[str, Any]
CENT = Decimal("0.01")
ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Terms:
    """How a shop counts.

    Args:
        tax_rate: as a fraction.
        discounts: share of orders with a discount code of 10 %.
    """

    shop: str = "fjord-pottery.myshopify.com"
    currency: str = "EUR"
    country: str = "DE"
    tax_title: str = "MwSt"
    tax_rate: Decimal = Decimal("0.19")
    taxes_included: bool = True
    discounts: float = 0.15


class Money:
    """Amounts as Shopify writes them, shop and presentment alike."""

    def __init__(self, currency: str) -> None:
        self.currency = currency

    def bag(self, amount: Decimal) -> Json:
        """Return an amount in both currencies."""
        each = {"amount": f"{amount:.2f}", "currency_code": self.currency}
        return {"shop_money": each, "presentment_money": dict(each)}


def tax_of(amount: Decimal, terms: Terms) -> Decimal:
    """Return the tax in, or on, an amount."""
    if terms.taxes_included:
        return (amount - amount / (1 + terms.tax_rate)).quantize(CENT, ROUND_HALF_UP)
    return (amount * terms.tax_rate).quantize(CENT, ROUND_HALF_UP)


def tax_lines(terms: Terms, money: Money, amount: Decimal) -> list[Json]:
    """Return the taxes of an amount."""
    tax = tax_of(amount, terms)
    if not tax:
        return []
    return [
        {
            "channel_liable": False,
            "price": f"{tax:.2f}",
            "price_set": money.bag(tax),
            "rate": float(terms.tax_rate),
            "title": terms.tax_title,
        }
    ]


def recount(order: Json) -> None:
    """Set every total of an order from its lines: `current_*` counts what is still wanted, the others all."""
    money = Money(order["currency"])
    lines = order["line_items"]
    goods = sum((Decimal(each["price"]) * each["quantity"] for each in lines), ZERO)
    discounts = sum((Decimal(a["amount"]) for each in lines for a in each["discount_allocations"]), ZERO)
    taxes: dict[tuple[str, float], Decimal] = {}
    for each in (*lines, *order["shipping_lines"]):
        for tax in each["tax_lines"]:
            key = (tax["title"], tax["rate"])
            taxes[key] = taxes.get(key, ZERO) + Decimal(tax["price"])
    tax = sum(taxes.values(), ZERO)
    shipping = sum((Decimal(each["price"]) for each in order["shipping_lines"]), ZERO)
    subtotal = goods - discounts
    grand = subtotal + shipping + (ZERO if order["taxes_included"] else tax)
    left = sum((Decimal(each["price"]) * each["current_quantity"] for each in lines), ZERO)
    share = left / goods if goods else ZERO
    amounts = {
        "total_line_items_price": goods,
        "total_discounts": discounts,
        "subtotal_price": subtotal,
        "total_tax": tax,
        "total_price": grand,
        "current_subtotal_price": (subtotal * share).quantize(CENT, ROUND_HALF_UP),
        "current_total_discounts": (discounts * share).quantize(CENT, ROUND_HALF_UP),
        "current_total_tax": (tax * share).quantize(CENT, ROUND_HALF_UP),
        "current_total_price": (grand * share).quantize(CENT, ROUND_HALF_UP),
    }
    for name, amount in amounts.items():
        order[name] = f"{amount:.2f}"
        order[f"{name}_set"] = money.bag(amount)
    order["total_shipping_price_set"] = money.bag(shipping)
    order["current_shipping_price_set"] = money.bag(shipping)
    order["current_total_additional_fees_set"] = order["current_total_duties_set"] = None
    order["tax_lines"] = [
        {
            "channel_liable": False,
            "price": f"{amount:.2f}",
            "price_set": money.bag(amount),
            "rate": rate,
            "title": title,
        }
        for (title, rate), amount in taxes.items()
    ]
