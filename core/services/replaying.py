"""People's verbs on messages and deliveries: replay, discard, send again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.cases import DEAD, ORDER_AGAIN, QUARANTINED, TOO_LATE, UNKNOWN_ORDER, UNKNOWN_WORK, UNWRITTEN
from core.domain.states import DELIVERY, MESSAGE, ORDER
from core.domain.vocabulary import Write
from core.errors import NotFound
from core.ports.partners import REPLACES_HEADER
from core.services import channel_stock
from core.services.cases import settle_members
from core.store.unit import DELIVERIES, INTAKE, Unit

MESSAGE_CASES = (QUARANTINED.code, UNKNOWN_WORK.code, UNKNOWN_ORDER.code, ORDER_AGAIN.code)


def _message(unit: Unit, message_id: UUID) -> Row[Any]:
    row = unit.conn.execute(
        text("SELECT id, state FROM message WHERE tenant_id = :t AND id = :id FOR NO KEY UPDATE"),
        {"t": unit.tenant, "id": message_id},
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no message msg_{message_id.hex}.")
    return row


def replay_message(unit: Unit, message_id: UUID) -> str:
    """Read a message again from its raw bytes under today's map; return its state.

    The effect is there at most once: orders, shipments and counts know what has been applied.

    Raises:
        NotFound: there is no such message.
        IllegalTransition: it is still on its way, or discarded.
    """
    row = _message(unit, message_id)
    state = MESSAGE.advance(row.state, "replay")
    unit.conn.execute(
        text(
            "UPDATE message SET state = :s, run_at = clock_timestamp(), lease_until = NULL, attempts = 0, error = NULL,"
            " outcome = NULL, finished_at = NULL WHERE tenant_id = :t AND id = :id"
        ),
        {"s": str(state), "t": unit.tenant, "id": message_id},
    )
    settle_members(unit, "message", [message_id], codes=MESSAGE_CASES)
    unit.event("message.replayed", "message", message_id)
    unit.wake(INTAKE)
    return str(state)


def take_as_change(unit: Unit, message_id: UUID) -> str:
    """Have an order that came again with other content applied as a change of the order; return the message's state.

    Raises:
        NotFound: there is no such message.
        IllegalTransition: it is still on its way, or discarded.
    """
    state = replay_message(unit, message_id)
    unit.conn.execute(
        text(
            "UPDATE message SET headers = (headers::jsonb || jsonb_build_object(CAST(:h AS text), '1'))::json"
            " WHERE tenant_id = :t AND id = :id"
        ),
        {"h": REPLACES_HEADER, "t": unit.tenant, "id": message_id},
    )
    return state


def what_follows(unit: Unit, case_id: UUID) -> str:
    """Return in words what becomes of an order that is taken as a change: it is read again after this, not at once."""
    rows = unit.conn.execute(
        text(
            "SELECT DISTINCT coalesce(o.number, o.external_id) AS number, o.state FROM case_member m"
            " JOIN orders o ON o.tenant_id = m.tenant_id AND o.id = m.order_id"
            " WHERE m.tenant_id = :t AND m.case_id = :c AND m.resolved_at IS NULL"
        ),
        {"t": unit.tenant, "c": case_id},
    ).all()
    over = [f"{row.number} is {row.state}" for row in rows if row.state in ORDER.final or row.state == "canceling"]
    if over:
        return f"the message is read again, and the change will be refused ({TOO_LATE.code}): {', '.join(over)}"
    return f"the message is read again; its outcome, or {TOO_LATE.code}, says whether the change was done"


def discard_message(unit: Unit, message_id: UUID, reason: str) -> str:
    """Give a quarantined message up, in a person's name; its bytes stay.

    Raises:
        NotFound: there is no such message.
        IllegalTransition: it is not quarantined.
    """
    row = _message(unit, message_id)
    state = MESSAGE.advance(row.state, "discard")
    unit.conn.execute(
        text(
            "UPDATE message SET state = :s, outcome = :reason, finished_at = clock_timestamp(), run_at = NULL"
            " WHERE tenant_id = :t AND id = :id"
        ),
        {"s": str(state), "reason": reason[:500], "t": unit.tenant, "id": message_id},
    )
    settle_members(unit, "message", [message_id], codes=MESSAGE_CASES)
    unit.event("message.discarded", "message", message_id, {"reason": reason[:500]})
    return str(state)


def retry_delivery(unit: Unit, delivery_id: UUID) -> str:
    """Send a dead delivery again, with all its attempts before it; return its state.

    A dead stock push is not sent again with its old figures: a new push with today's takes its place.

    Raises:
        NotFound: there is no such delivery.
        IllegalTransition: it is not dead; one that waits is tried by itself.
    """
    row = unit.conn.execute(
        text(
            "SELECT id, state, kind, connection_id, payload FROM delivery WHERE tenant_id = :t AND id = :id"
            " FOR NO KEY UPDATE"
        ),
        {"t": unit.tenant, "id": delivery_id},
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no delivery dlv_{delivery_id.hex}.")
    if row.state == "waiting":
        state = "waiting"
        unit.conn.execute(
            text("UPDATE delivery SET run_at = clock_timestamp() WHERE tenant_id = :t AND id = :id"),
            {"t": unit.tenant, "id": delivery_id},
        )
    elif row.kind == Write.PUSH_STOCK:
        state = str(DELIVERY.advance(row.state, "supersede"))
        channel_stock.mark_skus(unit, row.connection_id, [each["sku"] for each in row.payload.get("items", ())])
        unit.conn.execute(
            text("UPDATE delivery SET state = :s, outcome = 'told again' WHERE tenant_id = :t AND id = :id"),
            {"s": state, "t": unit.tenant, "id": delivery_id},
        )
    else:
        state = str(DELIVERY.advance(row.state, "retry"))
        unit.conn.execute(
            text(
                "UPDATE delivery SET state = :s, run_at = clock_timestamp(), attempts = 1, error = NULL,"
                " finished_at = NULL, outcome = NULL WHERE tenant_id = :t AND id = :id"
            ),
            {"s": state, "t": unit.tenant, "id": delivery_id},
        )
    settle_members(unit, "delivery", [delivery_id], codes=[DEAD.code, UNWRITTEN.code])
    unit.event("delivery.retried", "delivery", delivery_id)
    unit.wake(DELIVERIES)
    return state


def live_members(unit: Unit, case_id: UUID, subject: str) -> Sequence[UUID]:
    """Return the subjects of one kind that a case still stops."""
    return (
        unit.conn.execute(
            text(
                "SELECT subject_id FROM case_member WHERE tenant_id = :t AND case_id = :c AND subject = :s"
                " AND resolved_at IS NULL ORDER BY since, subject_id"
            ),
            {"t": unit.tenant, "c": case_id, "s": subject},
        )
        .scalars()
        .all()
    )
