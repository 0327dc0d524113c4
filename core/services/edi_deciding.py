"""What a person decides of an interchange that came under a used number with other content: taken, or refused."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, select, update

from core.domain.cases import EDI_DUPLICATE
from core.domain.ids import public_id
from core.errors import Conflict, MappingError, NotFound
from core.ports.connectors import Connectors, InboundMessage
from core.ports.partners import IncomingInterchange, Unpacks
from core.services.cases import settle_members
from core.services.connections import config_of, row_of
from core.services.edi_incoming import QUARANTINED, REFUSED, TAKEN, take_documents
from core.services.facts import Facts
from core.services.secretbox import SecretBox
from core.store import schema as t
from core.store.unit import Unit


def take_anyway(unit: Unit, facts: Facts, connectors: Connectors, box: SecretBox, interchange_id: UUID) -> int:
    """Work on an interchange that was set aside as if its number were new; return how many messages it has.

    The partner, who was told that it is refused, gets its acknowledgement. An order number that came before is still
    no second order.

    Args:
        unit: the running transaction.
        facts: connections.
        connectors: opens the partner's connector, which takes the stored file apart again.
        box: opens its secrets.
        interchange_id: what was set aside.

    Raises:
        NotFound: no such interchange came.
        Conflict: it was not set aside, or somebody has decided already.
        MappingError: it cannot be taken by today's profile, or refuses it as a whole.
    """
    row = _set_aside(unit, interchange_id)
    message = unit.conn.execute(
        select(t.message).where(t.message.c.tenant_id == unit.tenant, t.message.c.id == row.message_id)
    ).one()
    opened = connectors.open(config_of(row_of(unit, row.connection_id), box, unit.now))
    try:
        if not isinstance(opened, Unpacks):
            raise Conflict("The connection does not take interchanges any more.", code="EDI-TAKE-409")
        found = _again(opened, row, message)
        _decide(unit, row, TAKEN, findings=found.findings, answered_at=None, answered_by=None)
        take_documents(unit, facts, opened, message, interchange_id, found, since=unit.now)
    finally:
        opened.close()
    unit.event("interchange.taken", "interchange", interchange_id, {"reference": row.reference})
    return len(found.documents)


def refuse_for_good(unit: Unit, interchange_id: UUID) -> None:
    """Leave an interchange that was set aside undone for good; its bytes stay.

    Raises:
        NotFound: no such interchange came.
        Conflict: it was not set aside, or somebody has decided already.
    """
    row = _set_aside(unit, interchange_id)
    _decide(unit, row, REFUSED)
    unit.event("interchange.refused", "interchange", interchange_id, {"reference": row.reference})


def _set_aside(unit: Unit, interchange_id: UUID) -> Row[Any]:
    c = t.interchange.c
    row = unit.conn.execute(
        select(c.id, c.connection_id, c.message_id, c.reference, c.sender, c.recipient, c.sha256, c.state)
        .where(c.tenant_id == unit.tenant, c.id == interchange_id, c.direction == "in")
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(f"No interchange {public_id('interchange', interchange_id)} came.")
    if row.state != QUARANTINED:
        raise Conflict(
            f"Interchange {row.reference} is {row.state}; there is nothing to decide.",
            fix="Only what came under a used number with other content is taken or refused by hand.",
            code="EDI-TAKE-409",
        )
    return cast("Row[Any]", row)


def _again(opened: Unpacks, row: Row[Any], message: Row[Any]) -> IncomingInterchange:
    """Return the interchange out of the stored file, read by today's profile."""
    stored = InboundMessage(
        message.id, message.topic, bytes(message.body), message.content_type, message.headers, message.received_at,
        message.occurred_at,
    )  # fmt: skip
    same = (row.reference, row.sender, row.recipient, row.sha256)
    for each in opened.unpack(stored):
        if (each.reference, each.sender, each.recipient, each.sha256) == same:
            if not each.rejected:
                return each
            why = " ".join(str(problem["text"]) for problem in each.findings.get("problems") or ())
            raise MappingError(
                f"Interchange {row.reference} cannot be taken: it is refused as a whole.",
                why=why,
                fix="Have the partner mend it and send it again.",
                code="EDI-TAKE-422",
            )
    raise MappingError(
        f"Interchange {row.reference} is not found in its file any more.",
        why="The profile reads the file in another way than when it came.",
        fix="Set the profile back, or have the partner send it under a new number.",
        code="EDI-TAKE-422",
    )


def _decide(unit: Unit, row: Row[Any], state: str, **more: Any) -> None:
    c = t.interchange.c
    unit.conn.execute(
        update(t.interchange).where(c.tenant_id == unit.tenant, c.id == row.id).values(state=state, **more)
    )
    settle_members(unit, "interchange", [row.id], codes=[EDI_DUPLICATE.code])
