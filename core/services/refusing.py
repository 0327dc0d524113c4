"""Changes and cancellations of partners that were not done, or not all of them: an exception and an event say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.cases import TOO_LATE
from core.domain.money import plain
from core.services.cases import Member, Opened, open_cases
from core.store.unit import Unit

TOLD = "The next order response says so to {}, where its profile has one."
NOT_TOLD = "No order response is owed to {}: nobody has told it."

PART_LATE = replace(
    TOO_LATE,
    title="A part of a {what} of {number} by {connection} was not done",
    sentence="{connection} asked to {verb} {number}, and a part of it was not done: {detail}. The rest is done. {told}",
)
# So many lines are said in the sentence; the evidence has all.
SHOWN = 5


def mark_of(order_id: UUID) -> str:
    """Return what names the exception of changes of an order that were refused."""
    return f"{TOO_LATE.code}:{order_id.hex}"


def mark_of_part(order_id: UUID, change_id: UUID) -> str:
    """Return what names the exception of a part of one change that was declined."""
    return f"{mark_of(order_id)}:{change_id.hex}"


def show_refused(
    unit: Unit, name: str, orders: Sequence[Row[Any]], number: str, why: str, *, cancels: bool, told: bool
) -> None:
    """Open the case of a change or cancellation that was refused, and write its event.

    Args:
        unit: the running transaction.
        name: of the connection.
        orders: it was for, all of that connection.
        number: what the partner calls the order.
        why: nothing of it was done.
        cancels: whether it was a cancellation.
        told: whether an order response is owed to him.
    """
    evidence = _evidence(name, number, why.removesuffix("."), cancels=cancels, told=told)
    about = [Member("order", order.id, order.id) for order in orders]
    connection_id = orders[0].connection_id
    open_cases(unit, [Opened(TOO_LATE, mark_of(orders[0].id), evidence, about, connection_id=connection_id)])
    for order in orders:
        unit.event("order.change_refused", "order", order.id, evidence, order_id=order.id)


def show_part(
    unit: Unit, order: Row[Any], change_id: UUID, lines: Sequence[tuple[str, Decimal, Decimal]], *, cancels: bool
) -> None:
    """Open the case of a change or cancellation of which a node declined a part, and write its event.

    Args:
        unit: the running transaction.
        order: id, connection_id, `called` (the partner's number), `name` of the connection, `told` as above.
        change_id: the change set of the partner's change.
        lines: that keep more than was asked for: what they are called, units asked for, units kept.
        cancels: whether it was a cancellation.
    """
    said = [f"line {name} keeps {plain(kept)}, {plain(asked)} were asked for" for name, asked, kept in lines]
    more = f" and {len(said) - SHOWN} more lines" if len(said) > SHOWN else ""
    detail = f"the warehouse had gone on with it, so {'; '.join(said[:SHOWN])}{more}"
    evidence = {
        **_evidence(order.name, order.called, detail, cancels=cancels, told=order.told),
        "lines": [f"{name}: asked {plain(asked)}, kept {plain(kept)}" for name, asked, kept in lines],
    }
    mark, about = mark_of_part(order.id, change_id), [Member("order", order.id, order.id)]
    open_cases(unit, [Opened(PART_LATE, mark, evidence, about, connection_id=order.connection_id)])
    unit.event("order.change_refused", "order", order.id, evidence, order_id=order.id)


def _evidence(name: str, number: str, detail: str, *, cancels: bool, told: bool) -> dict[str, Any]:
    return {
        "connection": name, "number": number, "detail": detail,
        "what": "cancellation" if cancels else "change", "verb": "cancel" if cancels else "change",
        "told": (TOLD if told else NOT_TOLD).format(name),
    }  # fmt: skip
