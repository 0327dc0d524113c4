"""Receipts that nodes report: what they took in of supplies and transfers, told by the reference those have."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert

from core.domain.cases import RECEIVED_OTHERWISE
from core.domain.ids import uuid7
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.vocabulary import DocumentType
from core.errors import InputError, NotFound
from core.ports.connectors import Json
from core.services.cases import Member, Opened, open_cases
from core.services.catalog import ANY_CONNECTION
from core.services.facts import Facts
from core.services.measures import in_own_units
from core.services.supplying import receive_supply, stocked_item
from core.services.transfer_receipts import receive_transfer, surplus
from core.store import schema as t
from core.store.unit import Unit

ZERO = Decimal(0)
TRANSFER = """
SELECT id, state, to_node_id AS node_id FROM transfer
WHERE tenant_id = :t AND reference = :r AND to_node_id = ANY(CAST(:nodes AS uuid[])) FOR NO KEY UPDATE
"""
SUPPLIES = """
SELECT * FROM supply WHERE tenant_id = :t AND reference = :r AND node_id = ANY(CAST(:nodes AS uuid[]))
  AND transfer_id IS NULL ORDER BY id FOR NO KEY UPDATE
"""


def keep_report(
    unit: Unit, kind: DocumentType, connection_id: UUID, body: Json, *, reference: str | None, **more: Any
) -> UUID | None:
    """Keep what was reported and return its id; None where it was kept before."""
    return unit.conn.execute(
        insert(t.receipt_report)
        .values(
            tenant_id=unit.tenant, id=uuid7(), connection_id=connection_id, kind=str(kind), reference=reference,
            external_id=body["external_id"], body=jsonable(body), **more,
        )
        .on_conflict_do_nothing()
        .returning(t.receipt_report.c.id)
    ).scalar_one_or_none()  # fmt: skip


def take_stock_receipt(unit: Unit, facts: Facts, connection_id: UUID, body: Json) -> tuple[bool, str]:
    """Take in what a node reports to have received, and return whether it is new and what differs in words.

    What was expected and is fit for sale is on hand then. What goes beyond it, or is not fit for sale, is taken in by
    nobody: an exception says so, and the supply or transfer stays open for it.

    Args:
        unit: the running transaction.
        facts: which nodes the connection works.
        connection_id: of the node.
        body: a canonical stock receipt.

    Raises:
        NotFound: no node of this connection expects anything of that reference.
        InputError: it names a node the connection does not work, an item that is none, or a unit of measure that nobody
            can bring to the item's.
    """
    body = {**body, "lines": in_own_units(unit, body["lines"], ANY_CONNECTION, "lines", "quantity", "unsellable")}
    reference = body["reference"]
    nodes = _nodes(facts, connection_id, body.get("node"))
    values = {"t": unit.tenant, "r": reference, "nodes": nodes}
    transfer = unit.conn.execute(text(TRANSFER), values).one_or_none()
    supplies = [] if transfer is not None else unit.conn.execute(text(SUPPLIES), values).all()
    if transfer is None and not supplies:
        raise NotFound(
            f"Nothing of the reference {reference!r} is expected there.",
            why="No supply or transfer towards a node of this connection has it.",
            fix="Write it (`crossdock supply expect`, `crossdock transfers send`), then replay the message.",
            code="SUPPLY-UNKNOWN-404",
        )
    report_id = keep_report(unit, DocumentType.STOCK_RECEIPT, connection_id, body, reference=reference)
    if report_id is None:
        return False, ""
    lines = [
        {"sku": each["sku"], "lot": each.get("lot"), "expires_on": each.get("expires_on"),
         "quantity": max(each["quantity"] - (each.get("unsellable") or ZERO), ZERO)}
        for each in body["lines"]
    ]  # fmt: skip
    wrong = [
        f"{plain(each['unsellable'])} of {each['sku']} not fit for sale ({each.get('reason') or 'no reason given'})"
        for each in body["lines"]
        if each.get("unsellable")
    ]
    if transfer is not None:
        wrong += _take_transfer(unit, transfer, lines)
        node_id: UUID = transfer.node_id
    else:
        wrong += _take_supplies(unit, supplies, lines)
        node_id = supplies[0].node_id
    if wrong:
        _report(unit, facts, connection_id, node_id, body, report_id, "; ".join(wrong))
    return True, "; ".join(wrong)


def _nodes(facts: Facts, connection_id: UUID, code: str | None) -> list[UUID]:
    """Return the nodes a report can be about: those the connection works.

    Raises:
        InputError: it does not work the one that is named.
    """
    own = [node for node, worked_by in facts.node_connections.items() if worked_by == connection_id]
    named = [node for node in own if code is None or facts.nodes[node].code == code]
    if code is not None and not named:
        raise InputError(
            f"The report is of node {code!r}, which this connection does not work.",
            fix="Say so at the node: `crossdock nodes` shows by which connection each is worked.",
            code="STOCK-NODE-422",
            errors=[{"path": "node", "reason": "is worked by another connection"}],
        )
    return named


def _take_transfer(unit: Unit, transfer: Row[Any], lines: list[Json]) -> list[str]:
    """Take in what of a transfer came, and return what goes beyond it."""
    if transfer.state != "in_transit":
        return [f"{plain(each['quantity'])} of {each['sku']} after it was {transfer.state}" for each in lines]
    beyond = surplus(unit, transfer.id, lines)
    expected = [
        {**each, "quantity": each["quantity"] - beyond.get(at, ZERO)}
        for at, each in enumerate(lines)
        if each["quantity"] > beyond.get(at, ZERO)
    ]
    if expected:
        receive_transfer(unit, transfer.id, expected)
    return [f"{plain(units)} of {lines[at]['sku']} more than announced" for at, units in sorted(beyond.items())]


def _take_supplies(unit: Unit, supplies: Sequence[Row[Any]], lines: Sequence[Json]) -> list[str]:
    """Take in what of supplies came, and return what goes beyond them."""
    left = {each.id: each.quantity - each.received for each in supplies if each.state == "expected"}
    wrong = []
    for at, each in enumerate(lines):
        item, units = stocked_item(unit, each["sku"], f"lines.{at}.sku"), each["quantity"]
        for supply in supplies:
            part = min(units, left.get(supply.id, ZERO))
            if supply.item_id == item and part > 0:
                receive_supply(unit, supply.id, part, lot=each["lot"], expires_on=each["expires_on"])
                left[supply.id] -= part
                units -= part
        if units > 0:
            wrong.append(f"{plain(units)} of {each['sku']} more than expected")
    return wrong


def _report(
    unit: Unit, facts: Facts, connection_id: UUID, node_id: UUID, body: Json, report_id: UUID, detail: str
) -> None:
    """Keep what differs, and have a person look after it."""
    c = t.receipt_report.c
    unit.conn.execute(
        t.receipt_report.update().where(c.tenant_id == unit.tenant, c.id == report_id).values(difference=detail[:2_000])
    )
    evidence = {
        "node": facts.nodes[node_id].code, "reference": body["reference"], "external_id": body["external_id"],
        "detail": detail[:800],
    }  # fmt: skip
    open_cases(
        unit,
        [
            Opened(
                RECEIVED_OTHERWISE,
                f"{RECEIVED_OTHERWISE.code}:{report_id.hex}",
                evidence,
                [Member("receipt_report", report_id)],
                connection_id=connection_id,
                node_id=node_id,
            )
        ],
    )
