"""Changes and cancellations of partners of which nothing was done: an exception and an event say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from core.domain.cases import TOO_LATE
from core.services.cases import Member, Opened, open_cases
from core.services.facts import Facts
from core.store.unit import Unit

TOLD = "The next order response says so to {}, where its profile has one."
NOT_TOLD = "No order response is owed to {}: nobody has told it."


def show_refused(
    unit: Unit, facts: Facts, orders: Sequence[Row[Any]], number: str, why: str, *, cancels: bool, told: bool
) -> None:
    """Open the case of a change or cancellation that was refused, and write its event.

    Args:
        unit: the running transaction.
        facts: connections.
        orders: it was for, all of one connection.
        number: what the partner calls the order.
        why: nothing of it was done.
        cancels: whether it was a cancellation.
        told: whether an order response is owed to him.
    """
    connection_id = orders[0].connection_id
    connection = facts.connections.get(connection_id)
    name = connection.name if connection else "?"
    evidence = {
        "connection": name, "number": number, "detail": why.removesuffix("."),
        "what": "cancellation" if cancels else "change", "verb": "cancel" if cancels else "change",
        "told": (TOLD if told else NOT_TOLD).format(name),
    }  # fmt: skip
    mark, about = f"{TOO_LATE.code}:{orders[0].id.hex}", [Member("order", order.id, order.id) for order in orders]
    open_cases(unit, [Opened(TOO_LATE, mark, evidence, about, connection_id=connection_id)])
    for order in orders:
        unit.event("order.change_refused", "order", order.id, evidence, order_id=order.id)
