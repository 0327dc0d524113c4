"""What a map cannot say of Shopify's documents: sums over parts, units by line, one money table for two dialects.

Each function changes a parsed document in place, before its map reads it, and leaves what it does not understand as
it is: the map names what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from core.domain.money import CURRENCIES, minor_unit
from mappings.faults import Unfit
from mappings.numbers import EXACT, exact

Json = dict[str, Any]


def objects(value: Any) -> list[Json]:
    """Return the objects in a list; nothing when it is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def at(value: Any, *names: str) -> Any:
    """Return what lies at a path of names, None when the way ends."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def shop(bag: Any) -> Any:
    """Return the amount in shop money of a money bag."""
    return at(bag, "shop_money", "amount") or at(bag, "shopMoney", "amount")


def positive(amount: Any) -> bool:
    """Return whether there is an amount above zero; what is no number is left for the map to name."""
    if amount is None:
        return False
    try:
        return exact(amount) > 0
    except Unfit:
        return True


def whole(value: Any) -> int | None:
    """Return a count, None when it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def webhook_order(order: Json) -> None:
    """Prepare an order as webhooks carry it."""
    tips = [line for line in objects(order.get("line_items")) if is_tip(line)]
    if tips:
        order["line_items"] = [line for line in order["line_items"] if not any(line is tip for tip in tips)]
    lines = objects(order.get("line_items"))
    returned = returned_units(
        (at(entry, "line_item_id"), entry.get("restock_type"), entry.get("quantity"))
        for refund in objects(order.get("refunds"))
        for entry in objects(refund.get("refund_line_items"))
    )
    for number, line in enumerate(lines, 1):
        count(line, number, line.get("current_quantity"), returned.get(line.get("id"), 0))
        allocations = line.get("discount_allocations")
        if isinstance(allocations, list):
            line["discounts"] = [each.get("amount") for each in objects(allocations)]
        elif line.get("total_discount") is not None:
            line["discounts"] = [line["total_discount"]]
    order["kind"] = "b2b" if order.get("company") else "b2c"
    order["charges"] = list(webhook_charges(order))
    gateways = order.get("payment_gateway_names")
    money_state(order, order.get("financial_status"), gateways, order.get("total_price"), order.get("currency"))
    stated = order.get("total_line_items_price")
    listed = [stated] if stated is not None and not tips else extended(lines, lambda line: line.get("price"))
    totals(order, listed, lines, order.get("total_tax"), order.get("total_price"))
    if not any(map(positive, order["totals"]["discount"])):
        order["totals"]["discount"] = stated_discount(order)


def stated_discount(order: Json) -> list[Any]:
    """Return the order's discount where no line carries a share of it, less what shipping carries."""
    shipping = [each for each in objects(order.get("shipping_lines")) if not each.get("is_removed")]
    try:
        stated = exact(order.get("total_discounts") or 0)
        for each in shipping:
            stated -= exact(each.get("price") or 0) - exact(each.get("discounted_price") or each.get("price") or 0)
    except Unfit:
        return [order.get("total_discounts")]
    return [stated] if stated > 0 else []


def listed_order(order: Json) -> None:
    """Prepare an order as the Admin API lists it."""
    pad(order, order.get("currencyCode"))
    lines = objects(at(order, "lineItems", "nodes"))
    returned = returned_units(
        (at(entry, "lineItem", "id"), str(entry.get("restockType")).lower(), entry.get("quantity"))
        for refund in objects(order.get("refunds"))
        for entry in objects(at(refund, "refundLineItems", "nodes"))
    )
    for number, line in enumerate(lines, 1):
        count(line, number, line.get("currentQuantity"), returned.get(line.get("id"), 0))
        line["discounts"] = [shop(each.get("allocatedAmountSet")) for each in objects(line.get("discountAllocations"))]
    order["tags"] = order.get("tags") or None
    order["kind"] = "b2b" if at(order, "purchasingEntity", "__typename") == "PurchasingCompany" else "b2c"
    order["charges"] = list(listed_charges(order))
    status = order.get("displayFinancialStatus")
    total = shop(order.get("totalPriceSet"))
    gateways = order.get("paymentGatewayNames")
    money_state(
        order, status.lower() if isinstance(status, str) else status, gateways, total, order.get("currencyCode")
    )
    listed = extended(lines, lambda line: shop(line.get("originalUnitPriceSet")))
    totals(order, listed, lines, shop(order.get("totalTaxSet")), total)


def pad(value: Any, currency: Any) -> None:
    """Write shop money with its minor digits, as webhooks do: the Admin API leaves zeros out or adds one."""
    if not isinstance(currency, str) or currency not in CURRENCIES:
        return
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, list):
            stack += each
        elif isinstance(each, dict):
            stack += each.values()
            money = each.get("shopMoney")
            if isinstance(money, dict) and isinstance(money.get("amount"), str):
                money["amount"] = padded(money["amount"], minor_unit(currency))


def padded(text: str, unit: Decimal) -> str:
    """Return an amount with the digits of a minor unit, as it is when it has more or is none."""
    try:
        amount = exact(text)
    except Unfit:
        return text
    found = amount.quantize(unit)
    return format(found, "f") if found == amount else text


def is_tip(line: Json) -> bool:
    """Return whether a line is a tip, which is money and no goods."""
    return bool(line.get("tip") or line.get("tip_payment_gateway"))


def returned_units(entries: Iterator[tuple[Any, Any, Any]]) -> dict[Any, int]:
    """Return per line the units that came back after they had left; they were not taken off the order."""
    found: dict[Any, int] = {}
    for line, restock, quantity in entries:
        units = whole(quantity)
        if restock == "return" and units and isinstance(line, str | int):
            found[line] = found.get(line, 0) + units
    return found


def count(line: Json, number: int, current: Any, returned: int) -> None:
    """Put position and removed units on a line: what was ordered, is no longer wanted and did not come back."""
    line["position"] = number
    ordered, wanted = whole(line.get("quantity")), whole(current)
    if ordered is not None and wanted is not None:
        line["removed"] = max(ordered - wanted - returned, 0)


def webhook_charges(order: Json) -> Iterator[Json]:
    """Yield everything to pay that is no goods."""
    for line in objects(order.get("shipping_lines")):
        if line.get("is_removed"):
            continue
        amount = line.get("discounted_price")
        taxes = [tax.get("price") for tax in objects(line.get("tax_lines"))]
        yield charge("shipping", line.get("title"), line.get("price") if amount is None else amount, taxes)
    duties, fees = shop(order.get("original_total_duties_set")), shop(order.get("original_total_additional_fees_set"))
    yield from other_charges(order.get("total_tip_received"), None if order.get("duties_included") else duties, fees)


def listed_charges(order: Json) -> Iterator[Json]:
    """Yield everything to pay that is no goods."""
    for line in objects(at(order, "shippingLines", "nodes")):
        taxes = [shop(tax.get("priceSet")) for tax in objects(line.get("taxLines"))]
        yield charge("shipping", line.get("title"), shop(line.get("discountedPriceSet")), taxes)
    duties, fees = shop(order.get("originalTotalDutiesSet")), shop(order.get("originalTotalAdditionalFeesSet"))
    tip = shop(order.get("totalTipReceivedSet"))
    yield from other_charges(tip, None if order.get("dutiesIncluded") else duties, fees)


def other_charges(tip: Any, duties: Any, fees: Any) -> Iterator[Json]:
    """Yield the charges that are above zero."""
    for kind, title, amount in (("tip", "Tip", tip), ("duty", "Duties", duties), ("fee", "Additional fees", fees)):
        if positive(amount):
            yield charge(kind, title, amount, [])


def charge(kind: str, title: Any, amount: Any, taxes: list[Any]) -> Json:
    """Return one charge as the maps read it."""
    return {"kind": kind, "title": title, "amount": amount, "taxes": taxes}


def money_state(order: Json, status: Any, gateways: Any, total: Any, currency: Any) -> None:
    """Put what the shop says of the order's money on it: the state of the whole total."""
    if not status or total is None:
        order["payments"] = []
        return
    names = ", ".join(str(each) for each in gateways) if isinstance(gateways, list) else None
    order["payments"] = [{"kind": status, "gateway": names, "amount": total, "currency": currency}]


def totals(order: Json, listed: list[Any] | None, lines: list[Json], tax: Any, grand: Any) -> None:
    """Put the totals on an order: shipping is counted after its discount, so only discounts of lines are left."""
    order["totals"] = {
        "lines": listed,
        "discount": [each for line in lines for each in line.get("discounts", ())],
        "charges": [each["amount"] for each in order["charges"]],
        "tax": tax,
        "grand": grand,
    }


def extended(lines: list[Json], price: Callable[[Json], Any]) -> list[Any] | None:
    """Return unit price times quantity of every line; None when one of them cannot be told."""
    try:
        return [EXACT.multiply(exact(price(line)), exact(line.get("quantity"))) for line in lines]
    except Unfit:
        return None


def refund(document: Json) -> None:
    """Prepare a refund: the money that really went back, in the currency it went back in."""
    paid = [each for each in objects(document.get("transactions")) if each.get("kind") == "refund"]
    paid = [each for each in paid if each.get("status") in (None, "success")]
    document["amounts"] = [each.get("amount") for each in paid]
    document["currency"] = next((each["currency"] for each in paid if each.get("currency")), None)
