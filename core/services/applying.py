"""Applying canonical documents: new orders, nodes' reports and carriers' facts in batches, all else one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from core.domain.cases import PRIVACY
from core.domain.ids import uuid7
from core.domain.vocabulary import DocumentType
from core.errors import CrossdockError
from core.ports.connectors import Document
from core.services import catalog, connections, drift, reports, transport_receipts
from core.services.agreements import terms_of
from core.services.cases import Member, Opened, open_cases
from core.services.changing import apply_snapshot
from core.services.chargebacks import record_remittance
from core.services.facts import Facts
from core.services.order_changes import apply_change
from core.services.ordering import Incoming, create_orders
from core.services.parcel_finding import Fact
from core.services.partner_cancels import apply_cancel
from core.services.receiving import take_receiving_advice, take_sales_report
from core.services.refunds import apply_refund
from core.services.stock import count_stock
from core.services.stock_receipts import take_stock_receipt
from core.services.store_orders import refuse_other
from core.services.tracking import Tracked, track, track_all
from core.services.trade_due import owe_answers
from core.services.trading import prepare
from core.store import schema as t
from core.store.locks import lock_orders_by_source
from core.store.unit import Unit


@dataclass(slots=True)
class Applied:
    """What became of one document: outcome is applied, duplicate, stale or ignored, and why."""

    outcome: str
    order_id: UUID | None = None
    note: str | None = None


def apply_orders(unit: Unit, facts: Facts, batch: Sequence[Incoming]) -> list[Applied]:
    """Apply order documents in order of arrival and return one result each.

    Of several pictures of one order in the batch only the newest is applied; the older ones are stale by then.

    Raises:
        Conflict: one has the number of a store's part of another order.
    """
    if not batch:
        return []
    prepare(unit, batch)
    newest: dict[tuple[UUID, str], int] = {}
    for index, each in enumerate(batch):
        best = newest.get(each.key)
        if best is not None:
            refuse_other(each, batch[best])
        if best is None or each.age >= batch[best].age:
            newest[each.key] = index
    results: list[Applied | None] = [None] * len(batch)
    existing = lock_orders_by_source(unit, list(newest))
    fresh = [index for key, index in newest.items() if key not in existing]
    fresh.sort()
    raced = create_orders(unit, facts, [batch[index] for index in fresh])
    for index in fresh:
        results[index] = Applied("applied", batch[index].order_id)
    again = {each.key for each in raced}
    owe_answers(unit, facts, [batch[index] for index in fresh if batch[index].key not in again])
    if again:
        existing.update(lock_orders_by_source(unit, list(again)))
    for key, row in existing.items():
        index = newest[key]
        refuse_other(batch[index], row)
        outcome = apply_snapshot(unit, facts, batch[index], row)
        results[index] = Applied("applied" if outcome == "changed" else outcome, row.id)
    for index, each in enumerate(batch):
        if results[index] is None:
            last = results[newest[each.key]]
            results[index] = Applied("stale", last.order_id if last else None, "a newer picture came with it")
    return [each for each in results if each is not None]


def apply_reports(unit: Unit, facts: Facts, batch: Sequence[reports.Report]) -> list[Applied | CrossdockError]:
    """Apply nodes' reports about different orders, and return of each what became of it or why it cannot be applied."""
    answers = reports.apply_reports(unit, facts, batch)
    return [
        each if isinstance(each, CrossdockError) else _reported(each, parcel=report.parcel)
        for report, each in zip(batch, answers, strict=True)
    ]


def _reported(done: reports.Reported, *, parcel: bool) -> Applied:
    note = None if done.shipment_id or not parcel else "nothing of it was open: an exception says what left"
    return Applied("applied" if done.new else "duplicate", done.order_id, note)


def apply_tracking(unit: Unit, told: Sequence[Fact]) -> list[Applied | CrossdockError]:
    """Apply facts about parcels of different orders, and return of each what became of it or why it cannot be."""
    return [each if isinstance(each, CrossdockError) else _tracked(each) for each in track_all(unit, told)]


def _tracked(told: Tracked) -> Applied:
    return Applied("applied", told.order_id, told.doubt)


def apply_other(unit: Unit, facts: Facts, connection_id: UUID, document: Document) -> Applied:
    """Apply one document that is not an order.

    Raises:
        CrossdockError: it cannot be applied; nothing was changed.
    """
    body = document.body
    match document.type:
        case DocumentType.ORDER_CANCEL:
            traded = terms_of(unit.conn, connection_id, unit.tenant) is not None
            canceled, outcome, why = apply_cancel(unit, facts, connection_id, body, traded=traded)
            return Applied("applied" if outcome == "refused" else outcome, canceled, why and f"refused: {why}")
        case DocumentType.ORDER_CHANGE:
            order_id, outcome, why = apply_change(unit, facts, connection_id, body)
            return Applied("applied" if outcome == "refused" else outcome, order_id, why and f"refused: {why}")
        case DocumentType.REMITTANCE:
            new, deducted = record_remittance(unit, facts, connection_id, body)
            return Applied("applied" if new else "duplicate", None, f"{deducted} deductions")
        case DocumentType.RECEIVING_ADVICE:
            new, about, differs = take_receiving_advice(unit, facts, connection_id, body)
            return Applied("applied" if new else "duplicate", about, differs)
        case DocumentType.SALES_REPORT:
            new, said = take_sales_report(unit, connection_id, body)
            return Applied("applied" if new else "duplicate", None, said)
        case DocumentType.STOCK_RECEIPT:
            new, differs = take_stock_receipt(unit, facts, connection_id, body)
            return Applied("applied" if new else "duplicate", None, differs or None)
        case DocumentType.TRANSPORT_RECEIPT:
            about, said, note = transport_receipts.settle(unit, connection_id, body)
            return Applied(said, about, note)
        case DocumentType.REFUND:
            order_id, new = apply_refund(unit, facts, connection_id, body)
            return Applied("applied" if new else "duplicate", order_id)
        case DocumentType.FULFILLMENT_UPDATE:
            return Applied("applied", reports.update_fulfillment(unit, facts, body, connection_id))
        case DocumentType.SHIPMENT:
            return _reported(reports.ship(unit, facts, body, connection_id), parcel=True)
        case DocumentType.TRACKING:
            return _tracked(track(unit, body, connection_id))
        case DocumentType.STOCK:
            done = count_stock(unit, body, connection_id)
            note = f"{done['applied']} applied"
            if done["older"]:
                note += f", {done['older']} older than what is known"
            if done["unknown"]:
                note += f", unknown: {', '.join(done['unknown'][:20])}"
            return Applied("applied" if done["applied"] else "stale" if done["older"] else "applied", None, note)
        case DocumentType.CHANNEL_STOCK:
            return Applied("applied", None, drift.compare(unit, facts, connection_id, body))
        case DocumentType.ITEM:
            found = catalog.upsert_items(unit, body["items"], connection_id)
            return Applied("applied", None, f"{len(found)} items")
        case DocumentType.PRIVACY_REQUEST:
            return _privacy(unit, facts, connection_id, body)
        case DocumentType.CONNECTION_REVOKED:
            connections.revoke(unit, connection_id, body.get("reason") or "the partner withdrew access")
            return Applied("applied")
        case _:
            return Applied("ignored", None, body.get("reason"))


def _privacy(unit: Unit, facts: Facts, connection_id: UUID, body: dict[str, Any]) -> Applied:
    request_id = uuid7()
    subject = {name: body.get(name) for name in ("external_id", "customer_external_id", "orders")}
    unit.conn.execute(
        insert(t.data_request).values(
            tenant_id=unit.tenant, id=request_id, connection_id=connection_id, kind=body["kind"], subject=subject
        )
    )
    known = facts.connections.get(connection_id)
    open_cases(
        unit,
        [
            Opened(
                PRIVACY,
                f"{PRIVACY.code}:{request_id.hex}",
                {"connection": known.name if known else "?", "kind": body["kind"].replace("_", " ")},
                [Member("data_request", request_id)],
                connection_id=connection_id,
            )
        ],
    )
    return Applied("applied")
