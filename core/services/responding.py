"""The order response: every line of a B2B order answered, when it is decided and at the latest before it is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text
from sqlalchemy.dialects.postgresql import insert

from core.domain.papers import short_number
from core.domain.states import ORDER, ReservationState
from core.domain.vocabulary import Answer, Answers, Paper
from core.ports.connectors import Json
from core.services.canceling import cancel_order
from core.services.facts import Facts
from core.services.paper_answers import KEPT
from core.services.papers import head_of, make_paper
from core.services.taken_off import off_by_buyer
from core.services.trading import in_ordered, ordered_as
from core.store import schema as t
from core.store.locks import lock_order
from core.store.unit import Unit

ZERO = Decimal(0)
# An answer leaves this part of its window early, so that the transfer fits in.
MARGIN = 0.1
# Of why a change was refused, as much is told as lines have room for.
WORDS = 500
# Sourcing that is due within this is waited for.
SOON = timedelta(minutes=1)
NOT_AVAILABLE = "not available"
HELD = "the order is being looked at"
DAYS = text(
    "SELECT l.line_id, max(f.ship_on) AS ship_on, max(f.arrive_on) AS arrive_on FROM fulfillment_line l"
    " JOIN fulfillment_order f ON f.tenant_id = l.tenant_id AND f.id = l.fulfillment_id"
    " WHERE f.tenant_id = :t AND f.order_id = :o AND f.state NOT IN ('canceled', 'rejected') GROUP BY l.line_id"
)


def owe_answer(unit: Unit, order_id: UUID, connection_id: UUID, hours: int) -> None:
    """Note that an order is owed an order response within so many hours; one that was answered is owed another."""
    values = {"look_at": unit.now, "due_at": unit.now + timedelta(hours=hours), "done_at": None}
    statement = insert(t.trade_due).values(
        tenant_id=unit.tenant, subject_id=order_id, subject="order", order_id=order_id, connection_id=connection_id,
        **values,
    )  # fmt: skip
    unit.conn.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "subject_id"], set_=values))


def respond(unit: Unit, facts: Facts, due: Row[Any], terms: Json) -> bool:
    """Answer an order when every line is decided or the answer is nearly due; return whether it was.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        due: row of trade_due.
        terms: of trade with the partner.
    """
    order = lock_order(unit, due.order_id)
    lines = lines_of(unit, order.id)
    booked = _booked(unit, order.id)
    open_ = {line.id: line.quantity - line.canceled - line.shipped for line in lines}
    missing = {
        line: units - min(units, booked.get(line, ZERO))
        for line, units in open_.items()
        if units > booked.get(line, ZERO)
    }
    looked = _has_looked(unit, order)
    changes = _changes(unit, order.id)
    asking = any(each.state == "requested" for each in changes)
    settled = not asking and (order.state in ORDER.final or (order.state != "held" and (not missing or looked)))
    if not settled and unit.now < due.due_at - timedelta(hours=terms["respond_within_hours"]) * MARGIN:
        return False
    known = looked and order.state != "held"
    reason = NOT_AVAILABLE if known else HELD
    reject = missing if terms["on_shortage"] == "reject" and known else {}
    if reject:
        cancel_order(unit, facts, order.id, reject, "not available: rejected in the order response")
    days = {row.line_id: row for row in unit.conn.execute(DAYS, {"t": unit.tenant, "o": order.id})}
    off = off_by_buyer(lines, changes)
    answered = [
        _answer(line, {} if line.id in reject else missing, reject, days.get(line.id), order, reason, off[line.id])
        for line in lines
    ]
    canceled = any("cancel" in each.changes and each.state == "confirmed" for each in changes)
    ordered = {line.position: in_ordered(line, line.quantity)[0] for line in lines}
    for number, about, cancels in _unanswered(unit, order.id, changes, asking=asking):
        said = _as_refused(answered, about, cancels=cancels) if "refused" in about else answered
        body = {
            **head_of(order, terms, unit.now),
            "number": f"{short_number('R', order.id)}-{number}",
            **about,
            **({"canceled": True} if canceled and "refused" not in about else {}),
            "status": _whole(said),
            "currency": order.currency,
            "lines": said,
        }
        make_paper(unit, facts, Paper.ORDER_RESPONSE, body, order, terms, ordered=ordered, clock={"due_at": due.due_at})
    # What becomes of a cancellation is told once the node has said it.
    return not asking


def _has_looked(unit: Unit, order: Row[Any]) -> bool:
    """Return whether sourcing has looked for an order as it is now: what it did not find is not there.

    A change begins its tries anew. Who wants it sourced again, or has lost a race for its stock, is asked at once,
    and backorders hours later.
    """
    due_soon = order.sourcing_at is not None and order.sourcing_at <= unit.now + SOON
    return order.sourcing_tries > 0 and not due_soon


def _changes(unit: Unit, order_id: UUID) -> Sequence[Row[Any]]:
    """Return what the partner asked to change of an order or to cancel, in the order it was answered here."""
    c = t.change_set.c
    return unit.conn.execute(
        select(t.change_set)
        .where(c.tenant_id == unit.tenant, c.order_id == order_id, c.kind == "partner")
        .order_by(c.answered_at, c.id)
    ).all()


def _unanswered(
    unit: Unit, order_id: UUID, changes: Sequence[Row[Any]], *, asking: bool
) -> list[tuple[int, Json, bool]]:
    """Return (number, what it answers, whether a cancellation) of the response to the order and each change of it.

    Those that were answered are left out. Of a change that was refused it says why, and `lines` are those the change
    was about. A response that was kept back answers nothing: it is made anew under its number.
    """
    p = t.paper.c
    papers = unit.conn.execute(
        select(p.state, p.made_at, p.body)
        .where(p.tenant_id == unit.tenant, p.order_id == order_id, p.kind == str(Paper.ORDER_RESPONSE))
        .order_by(p.made_at, p.id)
    ).all()
    # Responses made before they said what they answer answered everything there was.
    told = [(each.body.get("answers"), each.made_at) for each in papers if each.state != KEPT]
    kept = {
        (each.body.get("answers"), each.body.get("change")): int(each.body["number"].rpartition("-")[2])
        for each in papers
        if each.state == KEPT
    }
    order: tuple[Json, bool] = ({"answers": str(Answers.ORDER)}, False)
    found = [] if any(what != Answers.CHANGE for what, _ in told) else [order]
    last = max((at for what, at in told if what != Answers.ORDER), default=None)
    for each in changes:
        if each.state != "requested" and (last is None or each.answered_at > last):
            number, cancel = each.changes.get("change"), each.changes.get("cancel")
            lines = each.changes.get("lines") or (cancel if isinstance(cancel, list) else [])
            refused = {"refused": str(each.answer)[:WORDS], "lines": lines}
            about = {
                "answers": str(Answers.CHANGE),
                **({"change": number} if number else {}),
                **(refused if each.state == "declined" else {}),
            }
            found.append((about, bool(cancel)))
    following = count(max((int(each.body["number"].rpartition("-")[2]) for each in papers), default=0) + 1)
    return [
        (kept.pop((about["answers"], about.get("change")), 0) or next(following), about, cancels)
        for about, cancels in found or ([] if asking else [order])
    ]


def lines_of(unit: Unit, order_id: UUID) -> Sequence[Row[Any]]:
    """Return the lines of an order with the GTIN of their item."""
    line, item = t.order_line, t.item
    return unit.conn.execute(
        select(line, item.c.gtin.label("item_gtin"), item.c.sku.label("item_sku"))
        .outerjoin(item, (item.c.tenant_id == line.c.tenant_id) & (item.c.id == line.c.item_id))
        .where(line.c.tenant_id == unit.tenant, line.c.order_id == order_id)
        .order_by(line.c.position, line.c.id)
    ).all()


def named(line: Row[Any]) -> Json:
    """Return how buyer and seller call a line, canonical."""
    trade: Json = line.trade or {}
    found = {
        "external_id": line.external_id,
        "position": line.position,
        "sku": line.item_sku or line.sku,
        "buyer_code": trade.get("buyer_code"),
        "buyer_code_kind": trade.get("buyer_code_kind"),
        "gtin": trade.get("gtin") or line.item_gtin,
        "title": line.title,
    }
    return {name: value for name, value in found.items() if value is not None}


def _booked(unit: Unit, order_id: UUID) -> dict[UUID, Decimal]:
    r = t.reservation.c
    rows = unit.conn.execute(
        select(r.line_id, func.sum(r.quantity / r.per_unit).label("units"))
        .where(
            r.tenant_id == unit.tenant,
            r.order_id == order_id,
            ~r.follows,
            r.state.in_([ReservationState.HELD, ReservationState.ALLOCATED]),
        )
        .group_by(r.line_id)
    )
    return {row.line_id: row.units for row in rows}


def _answer(
    line: Row[Any],
    later: Mapping[UUID, Decimal],
    reject: Mapping[UUID, Decimal],
    days: Row[Any] | None,
    order: Row[Any],
    reason: str,
    off: Decimal,
) -> Json:
    """Return the answer to one line, in the unit it was ordered in where its packs divide."""
    never = line.canceled + reject.get(line.id, ZERO)
    waits = later.get(line.id, ZERO)
    sure = line.quantity - never - waits
    unit, *_ = ordered_as(line)
    counted = (line.quantity, sure, waits, never, off)
    parts = [in_ordered(line, units) for units in counted]
    if any(part[1] != unit for part in parts):
        parts = [(units, line.unit, line.unit_price) for units in counted]
    (whole, unit, price), (confirmed, *_), (backordered, *_), (rejected, *_), (canceled, *_) = parts
    ship_on, arrive_on = (days.ship_on, days.arrive_on) if days else (None, None)
    late = _late(order, ship_on, arrive_on)
    swapped = line.substituted_item_id is not None
    if confirmed == 0:
        status = Answer.BACKORDERED if backordered > 0 else Answer.REJECTED
    else:
        status = Answer.CHANGED if backordered or rejected or late or swapped else Answer.ACCEPTED
    why = [
        reason if waits or line.id in reject else None,
        "canceled" if line.canceled else None,
        late,
        f"{line.item_sku} goes instead of {line.sku}" if swapped else None,
    ]
    found = {
        **named(line),
        "unit": unit,
        "status": str(status),
        "ordered_quantity": whole,
        "quantity": confirmed,
        "backordered": backordered,
        "rejected": rejected,
        "canceled": canceled or None,
        "ordered_unit_price": price,
        "unit_price": price,
        "ship_on": ship_on if confirmed else None,
        "deliver_on": arrive_on if confirmed else None,
        "reason": "; ".join(filter(None, why)) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _as_refused(answered: Sequence[Json], about: Json, *, cancels: bool) -> list[Json]:
    """Return the answers to lines as they are, those of a refused change with why: what he wants is not what he gets.

    A change that names none of them is about all.
    """
    asked = {each.get("external_id") for each in about["lines"]}
    asked &= {each.get("external_id") for each in answered}
    what = "cancellation" if cancels else "change"
    named = f"{what} {about['change']}" if about.get("change") else f"the {what}"
    found = []
    for each in answered:
        if not asked or each.get("external_id") in asked:
            why = "; ".join(filter(None, (f"{named} was refused: {about['refused']}", each.get("reason"))))
            status = Answer.CHANGED if each["status"] == Answer.ACCEPTED else each["status"]
            each = {**each, "reason": why, "status": str(status)}
        found.append(each)
    return found


def _late(order: Row[Any], ship_on: Any, arrive_on: Any) -> str | None:
    last_ship, last_day = order.body.get("ship_not_after"), order.body.get("deliver_not_after")
    last_day = last_day or (order.requested_delivery_date and order.requested_delivery_date.isoformat())
    if ship_on and last_ship and ship_on.isoformat() > last_ship:
        return f"leaves on {ship_on}, wanted by {last_ship}"
    if arrive_on and last_day and arrive_on.isoformat() > last_day:
        return f"arrives on {arrive_on}, wanted by {last_day}"
    return None


def _whole(answered: Sequence[Json]) -> str:
    said = {each["status"] for each in answered}
    return said.pop() if said in ({"accepted"}, {"rejected"}) else "changed"
