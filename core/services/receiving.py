"""What buyers report: what they received of a despatch advice of ours, and what they sold; each report once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from core.domain.cases import ACCEPTED_OTHERWISE
from core.domain.money import plain
from core.domain.vocabulary import DocumentType, Paper
from core.errors import NotFound
from core.ports.connectors import Json
from core.services.cases import Member, Opened, open_cases
from core.services.facts import Facts
from core.services.stock_receipts import keep_report
from core.store import schema as t
from core.store.unit import Unit

ZERO = Decimal(0)
NAMES = ("sku", "gtin", "buyer_code")
OF_ORDER = """
SELECT p.* FROM paper p JOIN orders o ON o.tenant_id = p.tenant_id AND o.id = p.order_id
WHERE p.tenant_id = :t AND p.connection_id = :c AND p.kind = 'despatch_advice'
  AND (o.external_id = :x OR p.body->>'order_external_id' = :x)
ORDER BY p.made_at LIMIT 2
"""


@dataclass(slots=True)
class Compared:
    """A line of a despatch advice, and what was said of it."""

    name: str
    advised: Decimal
    accepted: Decimal = ZERO
    rejected: Decimal = ZERO
    named: bool = False
    reasons: list[str] = field(default_factory=list)


def take_receiving_advice(
    unit: Unit, facts: Facts, connection_id: UUID, body: Json
) -> tuple[bool, UUID | None, str | None]:
    """Keep what a buyer received of a despatch advice, and return (whether it is new, its order, what differs).

    Nothing is changed by it. What differs from the advice opens an exception at the shipment.

    Args:
        unit: the running transaction.
        facts: connections.
        connection_id: of the buyer.
        body: a canonical receiving advice.

    Raises:
        NotFound: it names no despatch advice of ours to this buyer.
    """
    paper = _advice(unit, connection_id, body)
    differs = "; ".join(differences(paper.body["lines"], body["lines"])) or None
    report_id = keep_report(
        unit, DocumentType.RECEIVING_ADVICE, connection_id, body, reference=paper.number,
        shipment_id=paper.shipment_id, difference=differs and differs[:2_000],
    )  # fmt: skip
    order_id: UUID = paper.order_id
    if report_id is None:
        return False, order_id, None
    told = {"number": paper.number, "external_id": body["external_id"], "difference": differs}
    unit.event("shipment.received", "shipment", paper.shipment_id, told, order_id=order_id)
    if differs:
        known = facts.connections.get(connection_id)
        evidence = {
            "connection": known.name if known else "?", "number": paper.number, "external_id": body["external_id"],
            "detail": differs[:800],
        }  # fmt: skip
        open_cases(
            unit,
            [
                Opened(
                    ACCEPTED_OTHERWISE,
                    f"{ACCEPTED_OTHERWISE.code}:{report_id.hex}",
                    evidence,
                    [Member("shipment", paper.shipment_id, order_id)],
                    connection_id=connection_id,
                )
            ],
        )
    return True, order_id, differs


def take_sales_report(unit: Unit, connection_id: UUID, body: Json) -> tuple[bool, str]:
    """Keep what a buyer sold, and return whether it is new and what it says in words; no stock changes by it."""
    kept = keep_report(unit, DocumentType.SALES_REPORT, connection_id, body, reference=None)
    sold = sum((each.get("sold") or ZERO for each in body["lines"]), ZERO)
    returned = sum((each.get("returned") or ZERO for each in body["lines"]), ZERO)
    days = [str(body[name]) for name in ("starts_on", "ends_on") if body.get(name)]
    places = len({each.get("place") for each in body["lines"]})
    said = f"{plain(sold)} sold and {plain(returned)} returned at {places} places" + (
        f", {' to '.join(days)}" if days else ""
    )
    return kept is not None, said


def _advice(unit: Unit, connection_id: UUID, body: Json) -> Row[Any]:
    """Return the despatch advice that was received, by its number, else by the order's where it has one advice."""
    c = t.paper.c
    number, order = body.get("despatch_advice"), body.get("order_external_id")
    row = None
    if number:
        row = unit.conn.execute(
            select(t.paper).where(
                c.tenant_id == unit.tenant, c.connection_id == connection_id, c.kind == str(Paper.DESPATCH_ADVICE),
                c.number == number,
            )
        ).one_or_none()  # fmt: skip
    elif order:
        rows = unit.conn.execute(text(OF_ORDER), {"t": unit.tenant, "c": connection_id, "x": order}).all()
        row = rows[0] if len(rows) == 1 else None
    if row is None:
        raise NotFound(
            f"Receiving advice {body['external_id']} is of no despatch advice of ours.",
            why=f"It names advice {number or 'none'} and order {order or 'none'}.",
            fix="Ask the partner which advice he means.",
            code="TRADE-ADVICE-404",
        )
    return row


def differences(advised: Sequence[Mapping[str, Any]], received: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return in words how what was received differs from what was advised; nothing where it does not.

    Args:
        advised: lines of the despatch advice.
        received: lines of the receiving advice; they name items, and positions only where they name none.
    """
    lines = [Compared(_named(each), Decimal(str(each["quantity"]))) for each in advised]
    found: list[str] = []
    for each in received:
        at = next((at for at, line in enumerate(advised) if _same(line, each)), None)
        if at is None:
            came = each["accepted"] + (each.get("rejected") or ZERO)
            if came:
                found.append(f"{plain(came)} of {_named(each)}, which was not advised")
            continue
        lines[at].named = True
        lines[at].accepted += each["accepted"]
        lines[at].rejected += each.get("rejected") or ZERO
        if each.get("reason"):
            lines[at].reasons.append(each["reason"])
    for line in lines:
        found += _differs(line)
    return found


def _differs(line: Compared) -> list[str]:
    if not line.named:
        return [f"nothing is said of {plain(line.advised)} of {line.name}"]
    found = []
    if line.rejected:
        why = f" ({'; '.join(line.reasons)})" if line.reasons else ""
        found.append(f"{plain(line.rejected)} of {line.name} not accepted{why}")
    rest = line.advised - line.accepted - line.rejected
    if rest > 0:
        found.append(f"{plain(rest)} of {line.name} not received")
    elif rest < 0:
        found.append(f"{plain(-rest)} of {line.name} more than advised")
    return found


def _same(line: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    named = [name for name in NAMES if said.get(name)]
    if not named:
        return said.get("position") is not None and said["position"] == line.get("position")
    return any(line.get(name) == said[name] for name in named)


def _named(line: Mapping[str, Any]) -> str:
    return str(next((line[name] for name in (*NAMES, "position") if line.get(name)), "a line without a name"))
