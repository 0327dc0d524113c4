"""Changes that come when an order is done: kept, shown as declined, and a person's where something would have changed.

Units the source adds then become canceled units of the order, so that `canceled + shipped + open = ordered` holds and
the order says what was wanted; nothing of it is reserved or sent. Prices, titles, addresses and totals stay those the
goods left under: papers and credit notes are made of them. What was declined is remembered in the order's body under
`declined`, so that the same picture sent again asks nobody twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, text, update

from core.domain.cases import LATE
from core.domain.ids import uuid7
from core.domain.money import plain
from core.ports.connectors import Json
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.facts import Facts
from core.services.line_items import item_of, resolve_lines
from core.services.order_rows import LINE, line_row
from core.services.ordering import Incoming
from core.services.pictures import ZERO, match_picture, same_address, wanted_of
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.unit import Unit

TAKEN_OVER = ("note", "tags", "payments")
"""What a source may still say of an order that it asked to change too late."""


def apply_late(unit: Unit, facts: Facts, incoming: Incoming, order: Row[Any], mark: str) -> Json | None:
    """Note what a newer picture of a completed or canceled order would have changed; ask a person where it matters.

    Where nothing would have changed, notes, tags, payments and the like are the caller's to take over; where something
    would have, now or in an earlier picture that was declined, the order stays as it is but for those. Units taken off
    after they were shipped are no difference as far as they have come back.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        incoming: the picture.
        order: the locked order as it was before.
        mark: what tells this picture from others.

    Returns:
        The body the order is to have where the picture, or one before it, was declined; None where it may be taken.
    """
    known: Json = order.body.get("declined") or {}
    prices = dict(known.get("prices") or {})
    matched, changes = _lines(unit, incoming, order, prices)
    ship_to = incoming.document.get("ship_to")
    address: str | None = _mark_of(ship_to)
    if order.state == "completed" and not same_address(order.body.get("ship_to"), ship_to):
        if known.get("ship_to") != address:
            changes["ship_to"] = ["new address"]
    else:
        address = None
    if not changes and not known:
        _take_over(unit, matched)
        unit.event("order.changed", "order", order.id, {"after": order.state}, order_id=order.id)
        return None
    body = {name: value for name, value in order.body.items() if name not in TAKEN_OVER}
    body |= {name: incoming.document[name] for name in TAKEN_OVER if incoming.document.get(name) is not None}
    if any(body.get(name) != order.body.get(name) for name in TAKEN_OVER):
        unit.event("order.changed", "order", order.id, {"after": order.state}, order_id=order.id)
    body["declined"] = {"prices": prices, "ship_to": address}
    if changes:
        _decline(unit, facts, order, changes, mark)
    return body


def _mark_of(address: Json | None) -> str:
    """Return what tells an address from others without saying it again."""
    said = sorted((name, str(value)) for name, value in (address or {}).items() if value)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _decline(unit: Unit, facts: Facts, order: Row[Any], changes: dict[str, list[str]], mark: str) -> None:
    """Say to the feed, the order's history and a person what was not done."""
    told = {"after": order.state, "declined": changes}
    unit.event("order.change_refused", "order", order.id, told, order_id=order.id)
    unit.conn.execute(
        insert(t.change_set).values(
            tenant_id=unit.tenant,
            id=uuid7(),
            order_id=order.id,
            kind="edit",
            changes=changes,
            state="declined",
            answer=f"too late: the order is {order.state}",
            actor=unit.actor,
            answered_at=unit.now,
        )
    )
    known = facts.connections.get(order.connection_id)
    evidence = {
        "connection": known.name if known else "?",
        "number": order.number or order.external_id,
        "state": order.state,
        "detail": "; ".join(f"{what.replace('_', '-')} {', '.join(each)}" for what, each in changes.items())[:600],
        **{what: ", ".join(each) for what, each in changes.items()},
    }
    open_cases(
        unit,
        [
            Opened(
                LATE,
                # One case for each such picture: settling one says nothing about the next.
                f"{LATE.code}:{order.id.hex}:{mark[:16]}",
                evidence,
                [Member("order", order.id, order.id, order.total)],
                connection_id=order.connection_id,
            )
        ],
    )


def _lines(
    unit: Unit, incoming: Incoming, order: Row[Any], prices: dict[str, str]
) -> tuple[list[tuple[Json, Row[Any]]], dict[str, list[str]]]:
    """Write the units the lines speak of now; return the lines there are, and what would have changed, by kind.

    Args:
        unit: the running transaction.
        incoming: the picture.
        order: the locked order.
        prices: prices declined before, by line; those of this picture are added.
    """
    stored = unit.conn.execute(
        select(t.order_line)
        .where(t.order_line.c.tenant_id == unit.tenant, t.order_line.c.order_id == order.id)
        .order_by(t.order_line.c.position, t.order_line.c.id)
    ).all()
    lines: Sequence[Json] = incoming.document["lines"]
    canceled = incoming.document.get("canceled_at") is not None
    known = resolve_lines(unit, ((incoming.connection_id, line) for line in lines))
    changes: dict[str, list[str]] = {}
    matched = match_picture(stored, lines)
    for index, (line, row) in enumerate(zip(lines, matched, strict=True)):
        wanted = ZERO if canceled else wanted_of(line)
        if row is None:
            item = item_of(known, incoming.connection_id, line)
            made = list(line_row(order.id, uuid7(), index, line, item, canceled=True))
            made[LINE.index("pictured")] = wanted
            copy_rows(unit, t.order_line, LINE, [made])
            if wanted > 0:
                changes.setdefault("added", []).append(_said(wanted, line.get("sku")))
            continue
        more = _compare(changes, order, row, wanted)
        if order.state == "completed" and wanted > 0:
            price, before = str(line.get("unit_price")), prices.pop(row.id.hex, None)
            if line.get("unit_price") != row.unit_price:
                prices[row.id.hex] = price
                if price != before:
                    changes.setdefault("prices", []).append(str(row.sku))
        _write(unit, row.id, wanted, more)
    seen = {row.id for row in matched if row is not None}
    for row in stored:
        if row.id not in seen:
            _compare(changes, order, row, ZERO)
            _write(unit, row.id, ZERO, ZERO)
    return [(line, row) for line, row in zip(lines, matched, strict=True) if row is not None], changes


def _compare(changes: dict[str, list[str]], order: Row[Any], row: Row[Any], wanted: Decimal) -> Decimal:
    """Note what a line would have changed and return the units it has more than the source spoke of before."""
    before: Decimal = row.quantity - row.canceled if row.pictured is None else row.pictured
    if wanted > before:
        changes.setdefault("raised", []).append(_said(wanted - before, row.sku))
    elif wanted < before and row.shipped - row.returned > wanted and order.state == "completed":
        changes.setdefault("lowered", []).append(_said(row.shipped - row.returned - wanted, row.sku))
    # Units canceled here before are there already: only what the order never had is written to it.
    more: Decimal = wanted - row.quantity
    return max(more, ZERO)


def _said(units: Decimal, sku: str | None) -> str:
    return f"{plain(units)} x {sku or '?'}"


def _write(unit: Unit, line_id: UUID, wanted: Decimal, more: Decimal) -> None:
    c = t.order_line.c
    unit.conn.execute(
        update(t.order_line)
        .where(c.tenant_id == unit.tenant, c.id == line_id)
        .values(pictured=wanted, quantity=c.quantity + more, canceled=c.canceled + more)
    )


def _take_over(unit: Unit, matched: Sequence[tuple[Json, Row[Any]]]) -> None:
    """Write what lines are called and what was taken off them, of a picture that asks for nothing else."""
    c = t.order_line.c
    for line, row in matched:
        said = {name: line[name] for name in ("title", "unit_price", "discount", "taxes") if name in line}
        if said:
            where = (c.tenant_id == unit.tenant, c.id == row.id)
            unit.conn.execute(update(t.order_line).where(*where).values(**said))


def settle_late(unit: Unit, order_id: UUID) -> None:
    """Close cases about units taken off after shipment once as many have come back."""
    rows = unit.conn.execute(
        text(
            "SELECT c.fingerprint FROM exception_case c JOIN case_member m ON m.tenant_id = c.tenant_id"
            " AND m.case_id = c.id WHERE c.tenant_id = :t AND m.order_id = :o AND c.code = :code"
            " AND m.resolved_at IS NULL AND c.evidence->>'lowered' IS NOT NULL AND coalesce(c.evidence->>'raised',"
            " c.evidence->>'added', c.evidence->>'prices', c.evidence->>'ship_to') IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM order_line l WHERE l.tenant_id = c.tenant_id AND l.order_id = :o"
            "                 AND l.shipped - l.returned > l.pictured)"
        ),
        {"t": unit.tenant, "o": order_id, "code": LATE.code},
    ).scalars()
    if prints := list(rows):
        settle_members(unit, "order", [order_id], codes=[LATE.code], fingerprints=prints)
