"""Stock with its ledger, and what went wrong: held orders, a message nobody can read, a delivery nobody takes."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.domain.ids import uuid7
from tests.console.rows import Company, add_delivery, add_event, id_at


def write_stock(company: Company, dice: random.Random) -> None:
    for item_id, *_ in company.items:
        for place, node_id in enumerate(company.nodes.values()):
            if dice.random() < 0.25:
                continue
            on_hand = Decimal(0) if dice.random() < 0.06 else Decimal(dice.randrange(8, 180))
            allocated = min(on_hand, Decimal(dice.randrange(0, 7)))
            counted = company.now - timedelta(hours=2 + place)
            company.add(
                "stock_position", item_id=item_id, node_id=node_id, on_hand=on_hand, allocated=allocated,
                counted_at=counted, safety=Decimal(0),
            )  # fmt: skip
            company.add(
                "stock_movement", item_id=item_id, node_id=node_id, kind="count", on_hand=on_hand, at=counted,
                actor="connection:wms-hamburg", cause="stock count",
            )  # fmt: skip
            if allocated:
                company.add(
                    "stock_movement", item_id=item_id, node_id=node_id, kind="allocate", allocated=allocated,
                    at=company.now - timedelta(hours=1), actor="hub", cause="sourcing",
                )  # fmt: skip


def write_troubles(company: Company) -> None:
    held = [order for order in company.orders if order["phase"] == "held"]
    waiting = [order for order in company.orders if order["phase"] == "backordered"]
    half = (len(held) + 1) // 2
    unknown = {order["lines"][0][0] for order in held[:half]}
    for line in company.rows["order_line"]:
        if line["id"] in unknown:
            line["sku"] = "FP-MUG-350-GRN-2"
    for order in held:
        kind = "unmapped_sku" if order in held[:half] else "bad_address"
        company.add(
            "hold", id=id_at(order["placed_at"]), order_id=order["id"], kind=kind, created_at=order["placed_at"],
            line_id=order["lines"][0][0] if kind == "unmapped_sku" else None,
            detail="FP-MUG-350-GRN-2" if kind == "unmapped_sku" else "no postal code",
        )  # fmt: skip
        add_event(company, "order.held", "order", order["id"], order["placed_at"])
    _case(
        company, "MAP-SKU-404", "value", "high", "Unknown SKU FP-MUG-350-GRN-2",
        "shopify-eu sent the code FP-MUG-350-GRN-2."
        " No item or reference has it, so its units cannot be reserved.",
        {"action": "map_sku", "label": "Add FP-MUG-350-GRN-2 as a reference of an item",
         "args": {"code": "FP-MUG-350-GRN-2"}}, held[:half],
        hours=1.2, account="shopify-eu", evidence={"code": "FP-MUG-350-GRN-2", "connection": "shopify-eu"},
    )  # fmt: skip
    _case(
        company, "ORDER-ADDRESS-422", "address", "medium", "Address not deliverable: no postal code",
        "The ship-to address cannot be used as it is: no postal code.",
        {"action": "release_holds", "label": "Ship to it as it is", "args": {"kind": "bad_address"},
         "confidence": 0.3}, held[half:], hours=22, account="shopify-nordic",
        evidence={"detail": "no postal code", "connection": "shopify-nordic"},
    )  # fmt: skip
    _case(
        company, "STOCK-OUT-001", "stock", "medium", "No stock of FP-VASE-SAN",
        "Nothing of FP-VASE-SAN is available at any node; the orders are filled by themselves when stock arrives.",
        {"action": "source_again", "label": "Look for stock again", "args": {}, "confidence": 0.6}, waiting, hours=44,
        evidence={"sku": "FP-VASE-SAN"},
    )  # fmt: skip
    at = company.now - timedelta(minutes=50)
    broken = company.add(
        "message", id=id_at(at), connection_id=company.accounts["partner-files"], topic="orders.csv", received_at=at,
        dedupe_key="file-7", body=b"order;qty\n1001;two\n", content_type="text/csv", state="quarantined", attempts=1,
        error={"code": "MAP-FIELD-422", "what": "Row 1: 'two' is no quantity.", "fix": "Send a number."},
    )  # fmt: skip
    _case(
        company, "MSG-QUARANTINE-422", "parse", "high", "partner-files: orders.csv cannot be taken in (MAP-FIELD-422)",
        "Row 1: 'two' is no quantity.",
        {"action": "replay_messages", "label": "Replay it as the hub is now", "args": {}, "confidence": 0.5}, [],
        hours=3.2, account="partner-files", evidence={"code": "MAP-FIELD-422"}, message=broken["id"],
    )  # fmt: skip
    dice = random.Random(1)
    dead = add_delivery(company, dice, company.accounts["erp"], "push_order", company.orders[0]["id"], at, state="dead")
    _case(
        company, "DLV-DEAD-502", "connection", "high", "erp refuses push_order (OUT-REJECTED-422)",
        "The ERP refuses the order.",
        {"action": "retry_deliveries", "label": "Send again", "args": {}, "confidence": 0.5}, [company.orders[0]],
        hours=3, account="erp", evidence={"code": "OUT-REJECTED-422"}, delivery=dead,
    )  # fmt: skip


def _case(
    company: Company, code: str, klass: str, severity: str, title: str, sentence: str, recommended: dict[str, Any],
    orders: list[dict[str, Any]], *, hours: float, evidence: dict[str, Any], account: str | None = None,
    message: UUID | None = None, delivery: UUID | None = None,
) -> None:  # fmt: skip
    case_id = uuid7()
    company.cases[code] = case_id
    first = min([order["placed_at"] for order in orders], default=company.now - timedelta(minutes=50))
    company.add(
        "exception_case", id=case_id, code=code, severity=severity, title=title, sentence=sentence, fingerprint=code,
        recommended=recommended, evidence=evidence, deadline=company.now + timedelta(hours=hours), first_seen=first,
        last_seen=company.now, connection_id=company.accounts[account] if account else None, **{"class": klass},
    )  # fmt: skip
    subject = delivery or message
    if subject:
        company.add(
            "case_member", case_id=case_id, subject="delivery" if delivery else "message", subject_id=subject,
            order_id=orders[0]["id"] if orders else None, since=company.now - timedelta(minutes=50),
        )  # fmt: skip
    for order in [] if subject else orders:
        company.add(
            "case_member", case_id=case_id, subject="order", subject_id=order["id"], order_id=order["id"],
            value=order["total"], since=order["placed_at"],
        )  # fmt: skip
    add_event(company, "exception.opened", "case", case_id, first)
