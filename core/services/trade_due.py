"""What B2B orders, shipments and refunds are owed: noted with them, done by a chore, so that one fault stops one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, select, text, update

from core.domain.cases import KEPT_BACK
from core.domain.ids import public_id
from core.domain.payloads import jsonable
from core.domain.vocabulary import Paper
from core.errors import CrossdockError
from core.ports.connectors import Json
from core.services.advising import advise, shipment_of
from core.services.agreements import terms_of
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.crediting import credit, gives_money
from core.services.facts import Facts, FactsCache
from core.services.invoicing import invoice
from core.services.ordering import Incoming
from core.services.papers import WRITE_OF, look_at_refunds
from core.services.responding import owe_answer, respond
from core.services.sscc import Numbers
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import lock_order
from core.store.unit import DEFAULT_TENANT, Store, Unit

log = structlog.get_logger()
# Between two looks at an order that is not decided yet, and at a shipment that could not be told of.
LOOK_AGAIN = timedelta(seconds=5)
TRY_AGAIN = timedelta(minutes=5)
DUE = text(
    "SELECT subject_id FROM trade_due WHERE tenant_id = :t AND done_at IS NULL AND look_at <= clock_timestamp()"
    " ORDER BY look_at LIMIT :limit"
)


def owe_answers(unit: Unit, facts: Facts, created: Sequence[Incoming]) -> None:
    """Note the order responses that new B2B orders of partners with terms are owed."""
    for each in created:
        connection = facts.connections.get(each.connection_id)
        if each.document["type"] != "b2b" or connection is None:
            continue
        if connection.takes(WRITE_OF[Paper.ORDER_RESPONSE]) and (
            terms := terms_of(unit.conn, each.connection_id, unit.tenant)
        ):
            owe_answer(unit, each.order_id, each.connection_id, terms["respond_within_hours"])


def owe_papers(unit: Unit, facts: Facts, order: Row[Any], shipment_id: UUID) -> None:
    """Note the despatch advice and invoice that a shipment of a B2B order is owed, where its partner has terms."""
    connection = facts.connections.get(order.connection_id)
    papers = (Paper.DESPATCH_ADVICE, Paper.INVOICE)
    if order.type != "b2b" or connection is None or not any(connection.takes(WRITE_OF[each]) for each in papers):
        return
    if terms_of(unit.conn, order.connection_id, unit.tenant) is not None:
        _owe(unit, order, "shipment", shipment_id)


def owe_credit(unit: Unit, facts: Facts, order: Row[Any], refund_id: UUID, refund: Json) -> None:
    """Note the credit note that a refund of a B2B order is owed, where money goes to a partner with terms."""
    connection = facts.connections.get(order.connection_id)
    if order.type != "b2b" or connection is None or not connection.takes(WRITE_OF[Paper.CREDIT_NOTE]):
        return
    if gives_money(refund) and terms_of(unit.conn, order.connection_id, unit.tenant) is not None:
        _owe(unit, order, "refund", refund_id)


def _owe(unit: Unit, order: Row[Any], subject: str, subject_id: UUID) -> None:
    columns = ("subject_id", "subject", "order_id", "connection_id", "look_at", "due_at")
    rows = [(subject_id, subject, order.id, order.connection_id, unit.now, unit.now)]
    copy_rows(unit, t.trade_due, columns, rows)


def settle_due(store: Store, facts: FactsCache, numbers: Numbers, limit: int = 50) -> int:
    """Make the papers that are due and return how many orders, shipments and refunds are done.

    Each has a transaction of its own, for it locks an order and then stock. Where it cannot be done, a case says why
    and it is tried again later.
    """
    with store.read() as conn:
        subjects = conn.execute(DUE, {"t": DEFAULT_TENANT, "limit": limit}).scalars().all()
    done = 0
    for subject in subjects:
        with store.begin(actor="relay") as unit:
            seen = facts.get(unit.conn, unit.tenant)
            try:
                with unit.savepoint():
                    done += _settle(unit, seen, numbers, subject)
            except CrossdockError as error:
                _report(unit, seen, subject, error)
                _later(unit, subject, TRY_AGAIN)
    return done


def _settle(unit: Unit, facts: Facts, numbers: Numbers, subject: UUID) -> int:
    c = t.trade_due.c
    query = select(t.trade_due).where(c.tenant_id == unit.tenant, c.subject_id == subject, c.done_at.is_(None))
    seen = unit.conn.execute(query).one_or_none()
    if seen is None:
        return 0
    order = lock_order(unit, seen.order_id)
    # Whoever had the order before may have done it.
    due = unit.conn.execute(query.with_for_update()).one_or_none()
    terms = terms_of(unit.conn, order.connection_id, unit.tenant)
    if due is None or terms is None:
        return 0
    if due.subject == "order":
        if not respond(unit, facts, due, terms):
            _later(unit, subject, LOOK_AGAIN)
            return 0
    elif due.subject == "refund":
        if not credit(unit, facts, subject, order, terms):
            _later(unit, subject, LOOK_AGAIN)
            return 0
    else:
        shipment = shipment_of(unit, subject)
        connection = facts.connections[order.connection_id]
        if connection.takes(WRITE_OF[Paper.DESPATCH_ADVICE]):
            advise(unit, facts, numbers, shipment, order, terms)
        if connection.takes(WRITE_OF[Paper.INVOICE]):
            invoice(unit, facts, shipment, order, terms)
            look_at_refunds(unit, order.id)
    _write(unit, subject, done_at=unit.now)
    settle_members(unit, due.subject, [subject], codes=[KEPT_BACK.code])
    return 1


def _later(unit: Unit, subject: UUID, wait: timedelta) -> None:
    _write(unit, subject, look_at=unit.now + wait)


def _write(unit: Unit, subject: UUID, **values: Any) -> None:
    unit.conn.execute(
        update(t.trade_due)
        .where(t.trade_due.c.tenant_id == unit.tenant, t.trade_due.c.subject_id == subject)
        .values(**values)
    )


def _report(unit: Unit, facts: Facts, subject: UUID, error: CrossdockError) -> None:
    row = unit.conn.execute(
        select(t.trade_due).where(t.trade_due.c.tenant_id == unit.tenant, t.trade_due.c.subject_id == subject)
    ).one()
    known = facts.connections.get(row.connection_id)
    log.warning("trade.not_settled", subject=public_id(row.subject, subject), code=error.error_code)
    evidence = {
        "kind": "paper",
        "number": f"of {public_id(row.subject, subject)}",
        "connection": known.name if known else "?",
        "detail": error.what,
    }
    open_cases(
        unit,
        [
            Opened(
                KEPT_BACK,
                f"{KEPT_BACK.code}:{subject.hex}",
                jsonable(evidence),
                [Member(row.subject, subject, row.order_id)],
                connection_id=row.connection_id,
            )
        ],
    )
