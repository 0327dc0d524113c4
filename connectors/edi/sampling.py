"""Papers made of a sample order, and invented work for a warehouse, so that what leaves can be tried beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.domain.checkdigits import check_digit
from core.domain.papers import check_paper
from core.domain.payloads import jsonable
from core.domain.vocabulary import Paper, Write
from core.ports.connectors import Json

CENT = Decimal("0.01")


def sample_papers(order: Mapping[str, Any]) -> dict[Paper, Json]:
    """Return an order response, despatch advice and invoice for all of a canonical order, with invented numbers.

    Args:
        order: canonical, as a map read it.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    number = str(order.get("number") or order["external_id"])[:20]
    head = {
        "order_number": order.get("number"), "order_external_id": order["external_id"],
        "ordered_on": str(order["placed_at"])[:10], "issued_at": now, "references": order.get("references"),
        "buyer": order.get("buyer"), "seller": {"name": "Our Company", "gln": "4012345000009"},
        "ship_to": order.get("ship_to"),
    }  # fmt: skip
    head = {name: value for name, value in head.items() if value is not None}
    lines = [_line(position, line) for position, line in enumerate(order["lines"], 1)]
    net = [
        (Decimal(str(line.get("unit_price") or 0)) * Decimal(str(line["quantity"]))).quantize(CENT)
        for line in order["lines"]
    ]
    total = sum(net, Decimal(0))
    papers: dict[Paper, Json] = {
        Paper.ORDER_RESPONSE: {
            **head, "number": f"R-{number}", "status": "accepted", "currency": order["currency"],
            "lines": [
                {**line, "status": "accepted", "ordered_quantity": said["quantity"], "quantity": said["quantity"],
                 "unit_price": said.get("unit_price"), "ship_on": (now + timedelta(days=1)).date()}
                for line, said in zip(lines, order["lines"], strict=True)
            ],
        },
        Paper.DESPATCH_ADVICE: {
            **head, "number": f"A-{number}", "shipment_number": f"S-{number}", "shipped_at": now, "carrier": "Kurier24",
            "gross_weight_g": 1000,
            "lines": [
                {**line, "quantity": said["quantity"], "ordered_quantity": said["quantity"]}
                for line, said in zip(lines, order["lines"], strict=True)
            ],
            "packages": [
                {"number": 1, "kind": "carton", "sscc": _sscc(), "weight_g": 1000,
                 "contents": [{"position": line["position"], "quantity": said["quantity"]}
                              for line, said in zip(lines, order["lines"], strict=True)]},
            ],
        },
        Paper.INVOICE: {
            **head, "number": f"I-{number}", "currency": order["currency"], "shipment_number": f"S-{number}",
            "shipped_at": now, "terms": {"days": 30}, "due_on": (now + timedelta(days=30)).date(),
            "lines": [
                {**line, "quantity": said["quantity"], "unit_price": said.get("unit_price") or "0", "net": each,
                 "tax_rate": "0"}
                for line, said, each in zip(lines, order["lines"], net, strict=True)
            ],
            "taxes": [{"rate": "0", "base": total, "amount": "0"}],
            "totals": {"lines": total, "allowances": "0", "charges": "0", "net": total, "tax": "0", "grand": total},
        },
    }  # fmt: skip
    return {kind: jsonable(check_paper(kind, _clean(jsonable(body)))) for kind, body in papers.items()}


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
    names = ("external_id", "sku", "buyer_code", "gtin", "title", "unit")
    return {"position": position, **{name: line[name] for name in names if line.get(name) is not None}}


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clean(inner) for name, inner in value.items() if inner is not None}
    return [_clean(each) for each in value] if isinstance(value, list) else value


def _sscc() -> str:
    body = "34012345000000001"
    return body + check_digit(body)
