"""The invoice of a B2B shipment: what was shipped and nothing else, its sums recomputed before it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.invoices import allowances_of, faults_of, net_of, sums_of, tax_rate_of
from core.domain.money import round_money
from core.domain.papers import short_number
from core.domain.vocabulary import Paper
from core.ports.connectors import Json
from core.services.facts import Facts
from core.services.papers import head_of, make_paper
from core.services.responding import lines_of, named
from core.services.trading import in_ordered, in_unit_price
from core.store.unit import Unit

ZERO, ONE = Decimal(0), Decimal(1)
# Of this shipment, and of those of the order that were made before it.
SHIPPED = text(
    """
    SELECT l.line_id, coalesce(sum(l.quantity) FILTER (WHERE l.shipment_id = :s), 0) AS units,
           coalesce(sum(l.quantity) FILTER (WHERE l.shipment_id < :s), 0) AS before
    FROM shipment_line l JOIN shipment s ON s.tenant_id = l.tenant_id AND s.id = l.shipment_id
    WHERE l.tenant_id = :t AND s.order_id = :o AND s.state <> 'voided' GROUP BY l.line_id
    """
)


def invoice(unit: Unit, facts: Facts, shipment: Row[Any], order: Row[Any], terms: Json) -> None:
    """Send the invoice of a shipment, or keep it back where it does not add up; the order is locked."""
    lines = lines_of(unit, order.id)
    rows = unit.conn.execute(SHIPPED, {"t": unit.tenant, "s": shipment.id, "o": order.id}).all()
    units = {row.line_id: (row.units, row.before) for row in rows}
    body = invoice_of(unit, shipment, order, lines, terms, units)
    may = {}
    for line in lines:
        if line.id in units:
            may[line.position] = in_ordered(line, units[line.id][0])[0]
    wrong = faults_of(body, may)
    wrong += [f"line {line.position} has no price" for line in lines if line.id in units and line.unit_price is None]
    ordered = {line.position: in_ordered(line, line.quantity)[0] for line in lines}
    make_paper(
        unit, facts, Paper.INVOICE, body, order, terms, ordered=ordered, shipment_id=shipment.id, faults=wrong
    )  # fmt: skip


def invoice_of(
    unit: Unit,
    shipment: Row[Any],
    order: Row[Any],
    lines: Sequence[Row[Any]],
    terms: Json,
    units: dict[UUID, tuple[Decimal, Decimal]],
) -> Json:
    """Return the invoice of a shipment, canonical.

    Args:
        unit: the running transaction.
        shipment: its row.
        order: its row.
        lines: rows of its order.
        terms: of trade with the partner.
        units: by line: shipped with this shipment, and with earlier ones.
    """
    currency: str = order.currency
    charged = [
        _line(line, *units[line.id], terms, currency) for line in lines if units.get(line.id, (ZERO, ZERO))[0] > 0
    ]
    first = all(before == 0 for _, before in units.values())
    allowances = allowances_of(charged, terms, currency, charges=order.body.get("charges") or (), first=first)
    taxes, totals = sums_of(charged, allowances, currency)
    payment = terms.get("payment")
    found = {
        "number": short_number("I", shipment.id),
        "currency": currency,
        "shipment_number": short_number("S", shipment.id),
        "shipped_at": shipment.shipped_at,
        "due_on": (unit.now + timedelta(days=payment["days"])).date() if payment and payment.get("days") else None,
        "terms": payment,
        "bill_to": order.body.get("bill_to"),
        "lines": charged,
        "allowances": allowances,
        "taxes": taxes,
        "totals": totals,
    }
    return {**head_of(order, terms, unit.now), **{name: value for name, value in found.items() if value is not None}}


def _line(line: Row[Any], units: Decimal, before: Decimal, terms: Json, currency: str) -> Json:
    quantity, unit, price = in_ordered(line, units)
    rate = tax_rate_of(line.taxes, terms)
    price = price or ZERO
    off = _share(line.discount or ZERO, before, units, line.quantity, currency)
    if line.tax_included:
        price, off = in_unit_price(price, ONE + rate), round_money(off / (ONE + rate), currency)
    found: Json = {
        **named(line),
        "unit": unit,
        "quantity": quantity,
        "unit_price": price,
        "allowances": [{"charge": False, "kind": "discount", "amount": off}] if off else [],
        "tax_rate": rate,
    }
    return {**found, "net": net_of(found, currency)}


def _share(discount: Decimal, before: Decimal, units: Decimal, whole: Decimal, currency: str) -> Decimal:
    """Return what of a line's discount falls to these units; over all shipments it adds up to the discount."""
    if not discount or not whole:
        return ZERO
    return round_money(discount * (before + units) / whole, currency) - round_money(discount * before / whole, currency)
