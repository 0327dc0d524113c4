"""What is refused at the door and kept all the same: a message in quarantine, and a case for people to decide it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from core.domain.cases import QUARANTINED, UNKNOWN_WORK
from core.domain.vocabulary import Via
from core.errors import CrossdockError, NotFound, storable
from core.ports.connectors import InboundRecord
from core.services.cases import Member, Opened, open_cases
from core.services.connections import row_of
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
    cause = UNKNOWN_WORK if isinstance(error, NotFound) else QUARANTINED
    rule = error.data.get("line") or error.data.get("rule") or ""
    evidence = {"connection": name, "topic": topic, "code": error.error_code, "what": error.what, "why": error.why}
    fingerprint = storable(f"{cause.code}:{connection_id.hex}:{topic}:{error.error_code}:{rule}")[:400]
    return Opened(cause, fingerprint, evidence, [Member("message", message_id)], connection_id=connection_id)
