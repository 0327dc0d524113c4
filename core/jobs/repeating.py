"""Orders that come again: the same is a harmless repeat, what replaces is applied, and anything else is asked about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.cases import ORDER_AGAIN
from core.domain.ids import parse_id, public_id
from core.domain.vocabulary import DocumentType
from core.errors import Conflict, CrossdockError
from core.jobs.hub import Hub
from core.jobs.reading import Read
from core.ports.connectors import Document, InboundMessage
from core.ports.partners import DOCUMENT_HEADER, REPEATED_HEADER, REPLACES_HEADER
from core.services.again import differences, in_words, without_purpose
from core.services.applying import Applied, apply_orders
from core.services.facts import Facts
from core.services.normalizing import read_documents
from core.services.ordering import Incoming
from core.services.replacing import replace_order
from core.store.unit import Unit

REPLACES = "replace"
# The longest time in seconds a repeat waits until it looks again for what came before it, which others may be at.
LONGEST_WAIT = 60
EARLIER = text(
    "SELECT m.id, m.topic, m.body, m.content_type, m.headers, m.received_at, m.occurred_at, m.via, m.state, m.order_id"
    " FROM edi_document d JOIN message m ON m.tenant_id = d.tenant_id AND m.id = d.message_id"
    " WHERE d.tenant_id = :t AND (d.id = :first OR d.duplicate_of = :first) AND d.id < :own"
    " AND m.state IN ('received', 'normalized', 'applied') ORDER BY d.id DESC LIMIT 20"
)


def comes_again(read: Read) -> bool:
    """Return whether a message has an order whose number came before, or that says it replaces one."""
    orders = [each for each in read.documents if each.type is DocumentType.ORDER]
    headers = read.row.headers or {}
    return bool(orders) and (
        REPEATED_HEADER in headers or REPLACES_HEADER in headers or any(_replaces(each) for each in orders)
    )


def apply_again(hub: Hub, unit: Unit, facts: Facts, read: Read) -> Applied | None:
    """Apply a message for which `comes_again`, or return None: the first of its number is still worked on.

    Raises:
        Conflict: it has other content than the first and does not say that it replaces it.
    """
    headers, orders = read.row.headers or {}, [each for each in read.documents if each.type is DocumentType.ORDER]
    batch = [
        Incoming(read.row.connection_id, without_purpose(each.body), each.holds, read.row.correlation_id)
        for each in orders
    ]
    if REPLACES_HEADER not in headers and not any(_replaces(each) for each in orders):
        earlier = unit.conn.execute(
            EARLIER,
            {
                "t": unit.tenant,
                "first": parse_id("edi_document", headers[REPEATED_HEADER]),
                "own": parse_id("edi_document", headers[DOCUMENT_HEADER]),
            },
        ).all()
        if any(each.state != "applied" for each in earlier):
            wait = min(0.5 * 2**read.row.attempts, LONGEST_WAIT)
            read.state, read.later = "received", timedelta(seconds=wait)
            return None
        if not earlier:
            # Nothing became of those before: this is the order.
            return apply_orders(unit, facts, batch)[-1]
        found = []
        for each in earlier:
            found.append(_differences(hub, unit, read, each))
            if not found[-1]:
                where = headers[REPEATED_HEADER]
                note = f"Its number came before, in {where}, with the same content; nothing of it is done."
                return Applied("ignored", earlier[0].order_id, note)
        raise _other_content(read, batch[0], earlier[0], found[0])
    order_id, outcome, why = replace_order(unit, facts, batch)
    return Applied("applied" if outcome == "refused" else outcome, order_id, why and f"refused: {why}")


def _replaces(document: Document) -> bool:
    return document.body.get("purpose") == REPLACES


def _differences(hub: Hub, unit: Unit, read: Read, first: Row[Any]) -> list[str]:
    """Return in words what a message says otherwise than one before it of its number, both read by today's map."""
    message = InboundMessage(
        first.id, first.topic, bytes(first.body), first.content_type, first.headers, first.received_at,
        first.occurred_at,
    )  # fmt: skip
    try:
        connector: Any = hub.connector(unit, read.row.connection_id)
        earlier = read_documents(message, first.via, connector)
    except CrossdockError as error:
        return [f"the one before cannot be read any more by today's map ({error.error_code})"]
    return differences([each for each in earlier if each.type is DocumentType.ORDER], read.documents)


def _other_content(read: Read, one: Incoming, first: Row[Any], differs: list[str]) -> Conflict:
    number = str(one.document.get("split_from") or one.document["external_id"])
    about: UUID | None = first.order_id
    return Conflict(
        f"Order {number} came before with other content, and this one does not say that it replaces it.",
        why=f"{in_words(differs)}.",
        fix="Take it as a change of the order, or leave it undone for a reason (`crossdock exceptions`); have the "
        "buyer send replacements as such (BEG01 05, BGM 1225 5, type update) or as changes (860, ORDCHG, OrderChange).",
        code=ORDER_AGAIN.code,
        number=number,
        differs=in_words(differs),
        first=read.row.headers[REPEATED_HEADER],
        order=public_id("order", about) if about else None,
    )
