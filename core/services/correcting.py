"""A message in quarantine, corrected by a person: the edition is a message of its own, and the first one stays."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, text

from core.domain.ids import public_id
from core.domain.states import MESSAGE
from core.domain.vocabulary import Via
from core.errors import Conflict, InputError, NotFound
from core.ports.connectors import InboundRecord
from core.services import audit
from core.services.intake import store_records
from core.services.replaying import discard_message
from core.store import schema as t
from core.store.unit import INTAKE, Unit

# Names the message that an edition was made of.
CORRECTS_HEADER = "corrects"
MOVE = text("UPDATE edi_document SET message_id = :new WHERE tenant_id = :t AND message_id = :old")


def correct_message(unit: Unit, message_id: UUID, body: bytes, reason: str | None = None) -> UUID:
    """Have a person's edition of a quarantined message worked on instead of it, and return the edition's message.

    The first one is given up, naming the edition; a partner's document goes on with the edition. It stands in the audit
    log, in the name of who does it.

    Args:
        unit: the running transaction.
        message_id: the message.
        body: the edition, whole.
        reason: why, for the audit log.

    Raises:
        NotFound: there is no such message.
        IllegalTransition: it is not quarantined.
        InputError: the edition is empty, or says what the message says.
        Conflict: this edition was made before.
    """
    m = t.message.c
    row = unit.conn.execute(
        select(t.message).where(m.tenant_id == unit.tenant, m.id == message_id).with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no message {public_id('message', message_id)}.")
    MESSAGE.advance(row.state, "discard")
    if not body.strip() or body == bytes(row.body):
        raise InputError(
            "The correction is empty, or is the message as it came.",
            fix="Change what is wrong in it; a message that is right by now is replayed.",
            code="MSG-EDIT-422",
        )
    name = public_id("message", message_id)
    headers = {**(row.headers or {}), CORRECTS_HEADER: name}
    record = InboundRecord(
        row.topic, f"corrects:{name}", body, row.content_type, headers, row.source_id, row.occurred_at
    )
    [accepted] = store_records(unit.conn, [(row.connection_id, record, Via(row.via))])
    if accepted.duplicate:
        raise Conflict(
            f"{name} was corrected before, by {public_id('message', accepted.message_id)}.",
            fix="Correct that one, or replay it.",
            code="MSG-EDIT-409",
        )
    unit.conn.execute(MOVE, {"t": unit.tenant, "old": message_id, "new": accepted.message_id})
    discard_message(unit, message_id, f"corrected by {unit.actor} as {public_id('message', accepted.message_id)}")
    said = {"as": public_id("message", accepted.message_id), **({"reason": reason} if reason else {})}
    unit.event("message.corrected", "message", message_id, said)
    unit.wake(INTAKE)
    audit.record(unit, "message.corrected", name, said)
    return accepted.message_id
