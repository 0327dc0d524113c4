"""Papers of B2B orders: checked, kept as they left, and sent through the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert

from core.domain.cases import KEPT_BACK
from core.domain.checkdigits import wrong_keys
from core.domain.ids import public_id, uuid7
from core.domain.papers import check_paper
from core.domain.payloads import jsonable
from core.domain.states import UNFINISHED_DELIVERY, DeliveryState
from core.domain.trade_terms import as_seller, issued_as
from core.domain.vocabulary import Paper, Write
from core.errors import Conflict, NotFound
from core.ports.connectors import Json
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.compliance import Asked, run_checks
from core.services.facts import Facts
from core.services.outbox import Outgoing, enqueue
from core.services.paper_answers import KEPT, MADE, NOT_AGREED, SENT, about, write_paper
from core.services.replaying import retry_delivery
from core.store import schema as t
from core.store.locks import lock_order
from core.store.unit import Unit

WRITE_OF: Mapping[Paper, Write] = {
    Paper.ORDER_RESPONSE: Write.ACKNOWLEDGE_ORDER,
    Paper.DESPATCH_ADVICE: Write.PUSH_DESPATCH_ADVICE,
    Paper.INVOICE: Write.PUSH_INVOICE,
    Paper.CREDIT_NOTE: Write.PUSH_CREDIT_NOTE,
}
OF_THE_LEDGER = frozenset({Paper.INVOICE, Paper.CREDIT_NOTE})
"""Papers that go to ERPs as well."""


def head_of(order: Row[Any], terms: Json, now: datetime) -> Json:
    """Return what every paper says of its order, canonical."""
    body = order.body
    found = {
        "order_number": order.number,
        # What the buyer issued: of a store's part he knows no other number, and the store is the one it goes to.
        "order_external_id": issued_as(order.external_id, order.number, body),
        "ordered_on": order.placed_at.date(),
        "issued_at": now,
        "references": body.get("references"),
        "buyer": body.get("buyer"),
        "seller": as_seller(terms),
        "ship_to": body.get("ship_to"),
    }
    return {name: value for name, value in found.items() if value is not None}


def make_paper(
    unit: Unit,
    facts: Facts,
    kind: Paper,
    body: Json,
    order: Row[Any],
    terms: Json,
    *,
    ordered: Mapping[int, Decimal],
    clock: Mapping[str, datetime | None] | None = None,
    shipment_id: UUID | None = None,
    faults: Sequence[str] = (),
) -> UUID:
    """Write a paper and send it, or keep it back and say why; the caller holds the order's lock.

    A paper that was kept back is made anew under its number; one that left never changes.

    Args:
        unit: the running transaction.
        facts: connections.
        kind: which paper.
        body: canonical.
        order: its row.
        terms: of trade with the partner.
        ordered: units by position of the line, in the unit of the order.
        clock: when the partner wants it at the latest (`due_at`), and where somebody watches that, `accept_by` and
            `look_at`.
        shipment_id: the shipment it is about.
        faults: what is inconsistent in it; any keeps it back whatever the partner's rules say.

    Raises:
        Conflict: a paper with this number has left already.
    """
    checked = check_paper(kind, jsonable(body))
    clock = dict(clock or {})
    checks = run_checks(
        kind, terms.get("rules") or [], Asked(checked, order.body, ordered, unit.now, clock.get("due_at"))
    )
    wrong = [
        *faults,
        *wrong_keys(checked),
        *(each["detail"] for each in checks if each["block"] and not each["passed"]),
    ]
    taker = facts.connections.get(order.connection_id)
    if taker is None or not taker.takes(WRITE_OF[kind]):
        wrong.append("the connection does not take this paper")
    values = {
        "body": jsonable(checked),
        "checks": checks,
        "state": KEPT if wrong else MADE,
        "made_at": unit.now,
        **clock,
        "answer": {"kept_back": wrong} if wrong else None,
    }
    statement = insert(t.paper).values(
        tenant_id=unit.tenant, id=uuid7(), connection_id=order.connection_id, kind=str(kind), number=body["number"],
        order_id=order.id, shipment_id=shipment_id, **values,
    )  # fmt: skip
    paper_id: UUID | None = unit.conn.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "connection_id", "kind", "number"], set_=values, where=t.paper.c.state == KEPT
        ).returning(t.paper.c.id)
    ).scalar_one_or_none()
    if paper_id is None:
        raise Conflict(f"The {kind.replace('_', ' ')} {body['number']} has been sent.", code="PAPER-SENT-409")
    if wrong:
        _keep_back(unit, facts, paper_id, kind, body["number"], order, wrong)
    else:
        settle_members(unit, "paper", [paper_id], codes=[KEPT_BACK.code])
        _send(unit, facts, _row(unit, paper_id), order)
    return paper_id


def _keep_back(
    unit: Unit, facts: Facts, paper_id: UUID, kind: Paper, number: str, order: Row[Any], wrong: Sequence[str]
) -> None:
    known = facts.connections.get(order.connection_id)
    evidence = {
        "kind": kind.replace("_", " "),
        "number": number,
        "connection": known.name if known else "?",
        "detail": "; ".join(wrong)[:800],
        "paper": public_id("paper", paper_id),
    }
    open_cases(
        unit,
        [
            Opened(
                replace(KEPT_BACK, action="send_paper", label="Send it as it is, or mend it and it is made again"),
                f"{KEPT_BACK.code}:{paper_id.hex}",
                evidence,
                [Member("paper", paper_id, order.id)],
                connection_id=order.connection_id,
            )
        ],
    )
    unit.event("paper.kept_back", "paper", paper_id, evidence, order_id=order.id)


def _send(unit: Unit, facts: Facts, paper: Row[Any], order: Row[Any], *, to_all: bool = True) -> None:
    known = facts.connections[order.connection_id]
    payload: Json = {
        paper.kind: paper.body,
        "order": {
            "id": public_id("order", order.id),
            "external_id": order.external_id,
            "number": order.number,
            "connection": known.name,
        },
    }
    if paper.shipment_id is not None:
        number = paper.body.get("shipment_number")
        payload["shipment"] = {"id": public_id("shipment", paper.shipment_id), "number": number}
    takers = [order.connection_id]
    kind = WRITE_OF[Paper(paper.kind)]
    if paper.kind in OF_THE_LEDGER and to_all:
        takers += [each.id for each in facts.takers(kind, kinds=("erp",))]
    ids = enqueue(
        unit, [Outgoing(each, kind, payload, order.id, None, paper.shipment_id) for each in dict.fromkeys(takers)]
    )
    write_paper(unit, paper.id, state=SENT, delivery_id=ids[0])
    unit.event("paper.released", "paper", paper.id, about(paper, ids[0]), order_id=order.id)
    if paper.kind == Paper.INVOICE:
        look_at_refunds(unit, order.id)


def look_at_refunds(unit: Unit, order_id: UUID) -> None:
    """Have the credit notes of an order made again that were kept back: an invoice was made, or one has left."""
    c = t.trade_due.c
    unit.conn.execute(
        update(t.trade_due)
        .where(c.tenant_id == unit.tenant, c.order_id == order_id, c.subject == "refund")
        .values(done_at=None, look_at=unit.now)
    )


def send_by_hand(unit: Unit, facts: Facts, paper_id: UUID) -> None:
    """Send a paper that was kept back as it is, or one whose delivery failed again, because a person says so.

    Raises:
        NotFound: there is no such paper.
        Conflict: it has left or waits to leave, or its connection cannot take it.
    """
    order = lock_order(unit, _row(unit, paper_id).order_id)
    paper = _row(unit, paper_id)
    taker = facts.connections.get(paper.connection_id)
    if taker is None or not taker.takes(WRITE_OF[Paper(paper.kind)]):
        raise Conflict(
            f"{paper.number} cannot be sent: its connection does not take this paper.",
            fix="Switch the connection on, or give its profile a map for the paper, and send it then.",
            code="PAPER-SENT-409",
        )
    if paper.state == KEPT:
        _send(unit, facts, paper, order)
        settle_members(unit, "paper", [paper_id], codes=[KEPT_BACK.code])
        return
    carried = _state_of(unit, paper.delivery_id) if paper.state == SENT else None
    if carried == DeliveryState.DEAD:
        # The same delivery: what may have happened is looked up at the partner first.
        retry_delivery(unit, paper.delivery_id)
    elif paper.state == NOT_AGREED or carried in (DeliveryState.DECLINED, DeliveryState.SUPERSEDED):
        _send(unit, facts, paper, order, to_all=False)
    else:
        waits = carried in UNFINISHED_DELIVERY
        raise Conflict(
            f"{paper.number} {'is on its way' if waits else 'has left'} and cannot be sent by hand.",
            fix="It is tried again by itself; `crossdock deliveries retry` does it now." if waits
            else "Send its interchange anew with `crossdock partner send`.",
            code="PAPER-SENT-409",
        )  # fmt: skip


def _state_of(unit: Unit, delivery_id: UUID | None) -> str | None:
    d = t.delivery.c
    return unit.conn.execute(
        select(d.state).where(d.tenant_id == unit.tenant, d.id == delivery_id).with_for_update()
    ).scalar_one_or_none()


def _row(unit: Unit, paper_id: UUID) -> Row[Any]:
    row = unit.conn.execute(
        select(t.paper).where(t.paper.c.tenant_id == unit.tenant, t.paper.c.id == paper_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no paper {public_id('paper', paper_id)}.")
    return row
