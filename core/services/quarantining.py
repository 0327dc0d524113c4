"""What is refused at the door and kept all the same: a message in quarantine, and a case for people to decide it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from core.domain.cases import ORDER_AGAIN, QUARANTINED, UNKNOWN_ORDER, UNKNOWN_WORK
from core.domain.ids import parse_id
from core.domain.vocabulary import Via
from core.errors import CrossdockError, NotFound, storable
from core.ports.connectors import InboundRecord
from core.services.cases import Member, Opened, open_cases
from core.services.connections import row_of
from core.services.edi_rejecting import what_is_known
from core.services.intake import store_records
from core.store.bulk import as_json
from core.store.unit import Unit


def set_aside(unit: Unit, connection_id: UUID, record: InboundRecord, error: CrossdockError) -> UUID:
    """Keep a record in quarantine, where people read, replay or discard it, and return its message.

    One that was set aside before is kept once, and what was decided on it stays.

    Args:
        unit: the running transaction.
        connection_id: whose it is.
        record: what came.
        error: why it was not taken.
    """
    [accepted] = store_records(unit.conn, [(connection_id, record, Via.WEBHOOK)])
    if accepted.duplicate:
        return accepted.message_id
    unit.conn.execute(
        text(
            "UPDATE message SET state = 'quarantined', run_at = NULL, finished_at = clock_timestamp(),"
            " outcome = :outcome, error = CAST(:error AS json) WHERE tenant_id = :t AND id = :id"
        ),
        {
            "outcome": error.what[:500], "error": as_json(error.as_dict()), "t": unit.tenant, "id": accepted.message_id,
        },
    )  # fmt: skip
    name = row_of(unit, connection_id).name
    open_cases(unit, [quarantined(unit, accepted.message_id, connection_id, name, record.topic, error)])
    return accepted.message_id


def quarantined(
    unit: Unit, message_id: UUID, connection_id: UUID, name: str, topic: str, error: CrossdockError
) -> Opened:
    """Note that a message is in quarantine and return its case: one for all of a connection that fail alike.

    Args:
        unit: the running transaction.
        message_id: the message.
        connection_id: whose it is.
        name: what the connection is called.
        topic: of the message.
        error: why it was not taken.
    """
    unit.event("message.quarantined", "message", message_id, {"code": error.error_code})
    known, others = what_is_known(unit, message_id)
    if error.error_code == ORDER_AGAIN.code:
        told = {"connection": name, "topic": topic, **error.data}
        mark, about = f"{ORDER_AGAIN.code}:{message_id.hex}", [Member("message", message_id, _order(error))]
        return Opened(ORDER_AGAIN, mark, told, about, connection_id=connection_id, others=others)
    cause = UNKNOWN_WORK if isinstance(error, NotFound) else QUARANTINED
    if error.error_code == UNKNOWN_ORDER.code:
        cause = UNKNOWN_ORDER
    rule = error.data.get("line") or error.data.get("rule") or ""
    evidence = {
        "connection": name, "topic": topic, "code": error.error_code, "what": error.what, "why": error.why,
        "told": known,
    }  # fmt: skip
    fingerprint = storable(f"{cause.code}:{connection_id.hex}:{topic}:{error.error_code}:{rule}")[:400]
    return Opened(
        cause, fingerprint, evidence, [Member("message", message_id)], connection_id=connection_id, others=others
    )


def _order(error: CrossdockError) -> UUID | None:
    """Return the order an error is about, where it names one."""
    named = error.data.get("order")
    return parse_id("order", str(named)) if named else None
