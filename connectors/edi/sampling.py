"""Papers made of a sample order, and invented work for a warehouse, so that what leaves can be tried beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.domain.checkdigits import check_digit, wrong_keys
from core.domain.invoices import allowances_of, net_of, sums_of, tax_rate_of
from core.domain.money import round_money
from core.domain.papers import check_paper
from core.domain.payloads import jsonable
from core.domain.trade_terms import as_seller, series_of
from core.domain.vocabulary import Paper, Write
from core.errors import InputError
from core.ports.connectors import Json
from core.services.compliance import Asked, run_checks
from core.services.trading import in_unit_price

ZERO, ONE = Decimal(0), Decimal(1)
SSCC_DIGITS = 18
INVOICED_ONLY = frozenset({"terms", "due_on"})
"""What an invoice says of its payment, and a credit note does not."""
OURSELVES: Json = {
    "seller": {"company": "Our Company", "gln": "4012345000009"}, "payment": {"days": 30},
    "sscc": {"extension": "3", "company_prefix": "4012345"},
}  # fmt: skip


def sample_papers(order: Mapping[str, Any], terms: Mapping[str, Any] | None) -> dict[Paper, Json]:
    """Return an order response, despatch advice, invoice and credit note for all of an order, with invented numbers.

    Args:
        order: canonical, as a map read it.
        terms: of trade with the partner, as `core.domain.trade_terms.check_terms` returns them; None for invented ones.

    Raises:
        InputError: the order states no currency, and the terms say none.
    """
    agreed = terms or OURSELVES
    order = _in_a_currency(order, agreed)
    now = datetime.now(UTC).replace(microsecond=0)
    number = str(order.get("number") or order["external_id"])[:20]
    head = {
        "order_number": order.get("number"), "order_external_id": order["external_id"],
        "ordered_on": str(order["placed_at"])[:10], "issued_at": now, "references": order.get("references"),
        "buyer": order.get("buyer"), "seller": as_seller(agreed), "ship_to": order.get("ship_to"),
    }  # fmt: skip
    head = {name: value for name, value in head.items() if value is not None}
    both = [(_line(position, line), line) for position, line in enumerate(order["lines"], 1)]
    charged = _charged(order, both, agreed, now)
    package = {
        "number": 1, "kind": "carton", "sscc": _sscc(agreed), "weight_g": 1000,
        "contents": [{"position": line["position"], "quantity": said["quantity"]} for line, said in both],
    }  # fmt: skip
    papers: dict[Paper, Json] = {
        Paper.ORDER_RESPONSE: {
            **head, "number": f"R-{number}", "status": "accepted", "currency": order["currency"],
            "lines": [
                {**line, "status": "accepted", "ordered_quantity": said["quantity"], "quantity": said["quantity"],
                 "unit_price": said.get("unit_price"), "ship_on": (now + timedelta(days=1)).date()}
                for line, said in both
            ],
        },
        Paper.DESPATCH_ADVICE: {
            **head, "number": f"A-{number}", "shipment_number": f"S-{number}", "shipped_at": now, "carrier": "Kurier24",
            "gross_weight_g": 1000,
            "lines": [
                {**line, "quantity": said["quantity"], "ordered_quantity": said["quantity"]} for line, said in both
            ],
            "packages": [package],
        },
        Paper.INVOICE: {
            **head, "number": f"I-{number}", "shipment_number": f"S-{number}", "shipped_at": now,
            **charged,
        },
        Paper.CREDIT_NOTE: {
            **head, "number": f"C-{number}", "invoices": [{"number": f"I-{number}", "issued_on": now.date()}],
            "reason": "All of it came back", **{name: charged[name] for name in charged if name not in INVOICED_ONLY},
        },
    }  # fmt: skip
    return {kind: jsonable(check_paper(kind, _clean(jsonable(body)))) for kind, body in papers.items()}


def _in_a_currency(order: Mapping[str, Any], agreed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an order that states no currency in that of the terms."""
    if not order.get("currency_assumed"):
        return order
    currency = agreed.get("currency") or order.get("currency")
    if not currency:
        fix = "say `currency` in the terms of trade: without one the hub sets it aside"
        raise InputError("it states no currency", fix=fix)
    return {**order, "currency": currency}


def kept_back(kind: Paper, paper: Json, order: Mapping[str, Any], terms: Mapping[str, Any] | None) -> list[str]:
    """Return for what the hub would keep a paper back, in sentences: the partner's rules, and numbers that are wrong.

    Args:
        kind: which paper.
        paper: canonical, in JSON types.
        order: it was made of, canonical.
        terms: of trade with the partner; None for none.
    """
    checked = check_paper(kind, paper)
    ordered = {at: Decimal(str(line["quantity"])) for at, line in enumerate(order["lines"], 1)}
    asked = Asked(checked, order, ordered, datetime.now(UTC), None)
    broken = [each for each in run_checks(kind, (terms or {}).get("rules") or [], asked) if not each["passed"]]
    found = [f"rule {each['check']}: {each['detail']}" for each in broken if each["block"]]
    if kind == Paper.INVOICE:
        found += [f"line {at} has no price" for at, line in enumerate(order["lines"], 1) if not line.get("unit_price")]
    return [*found, *wrong_keys(checked)]


def _charged(
    order: Mapping[str, Any], both: list[tuple[Json, Mapping[str, Any]]], terms: Mapping[str, Any], now: datetime
) -> Json:
    """Return lines, allowances, taxes and sums of the invoice of a whole order."""
    currency: str = order["currency"]
    lines = [_charged_line(line, said, terms, currency) for line, said in both]
    allowances = allowances_of(lines, terms, currency, charges=order.get("charges") or (), first=True)
    taxes, totals = sums_of(lines, allowances, currency)
    payment = terms.get("payment") or {}
    return {
        "currency": currency, "terms": payment or None, "bill_to": order.get("bill_to"),
        "due_on": (now + timedelta(days=payment["days"])).date() if payment.get("days") else None,
        "lines": lines, "allowances": allowances, "taxes": taxes, "totals": totals,
    }  # fmt: skip


def _charged_line(line: Json, said: Mapping[str, Any], terms: Mapping[str, Any], currency: str) -> Json:
    rate = tax_rate_of(said.get("taxes"), terms)
    price, off = (Decimal(str(said.get(name) or 0)) for name in ("unit_price", "discount"))
    if said.get("tax_included"):
        price, off = in_unit_price(price, ONE + rate), round_money(off / (ONE + rate), currency)
    found: Json = {
        **line, "quantity": Decimal(str(said["quantity"])), "unit_price": price, "tax_rate": rate,
        "allowances": [{"charge": False, "kind": "discount", "amount": off}] if off else [],
    }  # fmt: skip
    return {**found, "net": net_of(found, currency)}


def sample_writes() -> dict[Write, Json]:
    """Return what a warehouse is told, invented: work, its cancellation, and goods on their way."""
    today = datetime.now(UTC).date()
    line = {"sku": "LAMP-OAK-40", "title": "Oak lamp 40 cm", "quantity": "2", "unit": "C62"}
    lot = {"lot": "L-7", "quantity": "2"}
    work = {"id": "ful_0190f3c2a4b07c1e8d3f5a6b7c8d9e0f", "number": "1001-5A6B7C8D9E", "node": "NORTH"}
    order = {"id": "ord_0190f3c2a4b07c1e8d3f5a6b7c8d9e40", "external_id": "5512", "number": "1001"}
    place = {"name": "Ada Muster", "line1": "Lindenweg 7", "city": "Berlin", "postal_code": "10115", "country": "DE"}
    told = {
        **work, "service_level": "express", "ship_on": today.isoformat(), "carrier": "Kurier24", "pickup": False,
        "note": "Ring twice", "ship_to": place, "lines": [{**line, "lots": [lot]}],
    }  # fmt: skip
    incoming = {
        "id": "trf_0190f3c2a4b07c1e8d3f5a6b7c8d9e70", "kind": "transfer", "reference": "T-1", "node": "NORTH",
        "from_node": "SOUTH", "expected_at": jsonable(datetime.now(UTC) + timedelta(days=2)),
        "at": jsonable(datetime.now(UTC)), "lines": [{**line, "lot": "L-7", "expires_on": None}],
    }  # fmt: skip
    return {
        Write.PUSH_FULFILLMENT_ORDER: {"fulfillment": told, "order": order},
        Write.CANCEL_FULFILLMENT_ORDER: {"fulfillment": work, "order": order, "reason": "canceled by the buyer"},
        Write.PUSH_INCOMING: {"incoming": incoming},
    }


def _line(position: int, line: Mapping[str, Any]) -> Json:
    names = ("external_id", "sku", "buyer_code", "buyer_code_kind", "gtin", "title", "unit")
    return {"position": position, **{name: line[name] for name in names if line.get(name) is not None}}


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clean(inner) for name, inner in value.items() if inner is not None}
    return [_clean(each) for each in value] if isinstance(value, list) else value


def _sscc(terms: Mapping[str, Any]) -> str | None:
    """Return the first number of the series agreed; None where none is, as the hub then gives packages none."""
    if not terms.get("sscc"):
        return None
    series = series_of(terms["sscc"])
    body = series + "1".rjust(SSCC_DIGITS - 1 - len(series), "0")
    return body + check_digit(body)
