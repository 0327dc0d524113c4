"""What partners paid, and the ledger of what they kept back: each deduction traced to the paper and its times."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert

from core.domain.cases import DEDUCTED
from core.domain.ids import public_id, uuid7
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.errors import NotFound
from core.ports.connectors import Json
from core.services.agreements import terms_of
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.facts import Facts
from core.store import schema as t
from core.store.read.trade import trace
from core.store.unit import Unit

STATES = ("open", "disputed", "accepted", "recovered")


def record_remittance(unit: Unit, facts: Facts, connection_id: UUID, body: Json) -> tuple[bool, int]:
    """Write what a partner paid and a ledger row for each deduction; return (new, deductions)."""
    remittance_id = unit.conn.execute(
        insert(t.remittance)
        .values(
            tenant_id=unit.tenant, id=uuid7(), connection_id=connection_id, external_id=body["external_id"],
            paid_on=body.get("paid_on"), currency=body["currency"], amount=body.get("amount"), body=jsonable(body),
        )
        .on_conflict_do_nothing()
        .returning(t.remittance.c.id)
    ).scalar_one_or_none()  # fmt: skip
    if remittance_id is None:
        return False, 0
    rules = (terms_of(unit.conn, connection_id, unit.tenant) or {}).get("rules") or []
    deducted = 0
    for paid in body["invoices"]:
        for each in paid.get("deductions") or ():
            _deduct(unit, facts, connection_id, remittance_id, body["currency"], paid["invoice"], each, rules)
            deducted += 1
    about = {"external_id": body["external_id"], "invoices": len(body["invoices"]), "deductions": deducted}
    unit.event("remittance.received", "remittance", remittance_id, about)
    return True, deducted


def _deduct(
    unit: Unit,
    facts: Facts,
    connection_id: UUID,
    remittance_id: UUID,
    currency: str,
    invoice: str,
    said: Json,
    rules: list[Json],
) -> None:
    c = t.paper.c
    paper = unit.conn.execute(
        select(c.id, c.order_id).where(
            c.tenant_id == unit.tenant, c.connection_id == connection_id, c.kind == "invoice", c.number == invoice
        )
    ).one_or_none()
    rule = next((each["check"] for each in rules if each.get("code") and each["code"] == said.get("code")), None)
    chargeback_id = uuid7()
    unit.conn.execute(
        insert(t.chargeback).values(
            tenant_id=unit.tenant, id=chargeback_id, connection_id=connection_id, remittance_id=remittance_id,
            paper_id=paper.id if paper else None, order_id=paper.order_id if paper else None, invoice=invoice,
            code=said.get("code"), reference=said.get("reference"), note=said.get("note"), amount=said["amount"],
            currency=currency, rule=rule,
        )
    )  # fmt: skip
    known = facts.connections.get(connection_id)
    evidence = {
        "connection": known.name if known else "?",
        "amount": plain(said["amount"]),
        "currency": currency,
        "invoice": invoice,
        "reason": said.get("note") or said.get("code") or "no reason given",
        "trace": _sentence(trace(unit.conn, paper.id, unit.tenant)) if paper else "The hub never sent this invoice",
    }
    open_cases(
        unit,
        [
            Opened(
                DEDUCTED,
                f"{DEDUCTED.code}:{chargeback_id.hex}",
                evidence,
                [Member("chargeback", chargeback_id, paper.order_id if paper else None, said["amount"])],
                connection_id=connection_id,
            )
        ],
    )
    unit.event("chargeback.recorded", "chargeback", chargeback_id, evidence, order_id=paper.order_id if paper else None)


def _sentence(papers: list[Json]) -> str:
    parts = []
    for each in papers:
        sent = f"sent {each['sent_at']}" if each["sent_at"] else "not sent"
        heard = f", acknowledged {each['acknowledged_at']}" if each["acknowledged_at"] else ""
        parts.append(f"{each['kind'].replace('_', ' ')} {each['number']} {sent}{heard}")
    return "; ".join(parts)


def set_state(unit: Unit, chargeback_id: UUID, state: str, note: str | None = None) -> Row[Any]:
    """Move a ledger row on: disputed, accepted or recovered; the last two end its case.

    Raises:
        NotFound: there is no such row.
    """
    c = t.chargeback
    values = {"state": state} | ({"note": note} if note is not None else {})
    row = unit.conn.execute(
        update(c).where(c.c.tenant_id == unit.tenant, c.c.id == chargeback_id).values(**values).returning(c)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no chargeback {public_id('chargeback', chargeback_id)}.")
    if state in ("accepted", "recovered"):
        settle_members(unit, "chargeback", [chargeback_id], codes=[DEDUCTED.code])
    unit.event(f"chargeback.{state}", "chargeback", chargeback_id, {"note": note}, order_id=row.order_id)
    return row
