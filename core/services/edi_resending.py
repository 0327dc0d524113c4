"""What left is sent anew: as it was, mapped again, or edited; each time under new numbers, and the old one stays."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from core.domain.cases import EDI_REFUSED, EDI_SILENT
from core.domain.ids import public_id
from core.domain.states import UNFINISHED_DELIVERY
from core.domain.vocabulary import Write
from core.errors import Conflict, InputError, NotFound, Rejected
from core.ports.connectors import Connectors, Json
from core.ports.partners import ChecksEdits
from core.services.cases import settle_members
from core.services.connections import config_of, row_of
from core.services.outbox import Outgoing, enqueue
from core.services.secretbox import SecretBox
from core.store import schema as t
from core.store.locks import lock_order
from core.store.unit import Unit

WAYS = ("resend", "remap", "edit")
LONGEST_EDIT = 5_000_000


def send_anew(
    unit: Unit, connectors: Connectors, box: SecretBox, interchange_id: UUID, way: str, text: str | None = None
) -> UUID:
    """Have an interchange of ours sent anew and return the delivery that carries it.

    The old one stays as it was; its documents are `replaced` as soon as the new one is made.

    Args:
        unit: the running transaction.
        connectors: opens the partner's connector, which looks whether an edition can leave.
        box: opens its secrets.
        interchange_id: what is sent anew.
        way: `resend` (the same messages), `remap` (written again by today's map) or `edit` (`text` instead).
        text: the interchange as a person wants it; its numbers and counts are made anew.

    Raises:
        NotFound: no such interchange left.
        Conflict: it is on its way, or was sent anew already.
        InputError: the way is none, or there is no text to send, or it is too long, breaks its grammar, or has other
            documents than what left.
    """
    if way not in WAYS or (way == "edit") != bool(text):
        raise InputError(
            f"An interchange cannot be sent anew by {way!r} {'with' if text else 'without'} a text.",
            fix="Use resend, remap, or edit with the text.",
            code="EDI-WAY-422",
        )
    if text and len(text) > LONGEST_EDIT:
        raise InputError("The text is too long to be edited by hand.", fix="Have the paper mapped again.",
                         code="EDI-WAY-422")  # fmt: skip
    i, d = t.interchange.c, t.delivery.c
    row = unit.conn.execute(
        select(i.id, i.connection_id, i.reference, i.findings, i.body, d.id.label("delivery"), d.kind, d.payload,
               d.state, d.order_id, d.shipment_id, d.lane)
        .join(t.delivery, (d.tenant_id == i.tenant_id) & (d.id == i.delivery_id))
        .where(i.tenant_id == unit.tenant, i.id == interchange_id, i.direction == "out")
        .with_for_update(of=t.interchange)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise NotFound(f"No interchange {public_id('interchange', interchange_id)} left.")
    later = unit.conn.execute(
        select(i.reference).where(i.tenant_id == unit.tenant, i.replaces_id == interchange_id)
    ).scalars().first()  # fmt: skip
    if later is not None or row.state in UNFINISHED_DELIVERY:
        raise Conflict(
            f"Interchange {row.reference} " + (f"was sent anew as {later}." if later else "is still on its way."),
            fix="Send the newest one anew, or wait until this one has left.",
            code="EDI-ANEW-409",
        )
    if row.order_id is not None:
        lock_order(unit, row.order_id)
    tried = _tried(unit, row, interchange_id)
    if text:
        _refuse_broken(unit, connectors, box, row, text)
    again: Json = {"interchange": public_id("interchange", interchange_id)}
    if way == "remap":
        again["remap"] = True
    if text:
        again["text"] = text
    payload = {**{name: value for name, value in row.payload.items() if name != "again"}, "again": again}
    [delivery_id] = enqueue(
        unit,
        [
            Outgoing(
                row.connection_id, Write(row.kind), payload, row.order_id, None, row.shipment_id,
                None if row.order_id is not None else row.lane,
            )
        ],
    )  # fmt: skip
    p = t.paper.c
    unit.conn.execute(
        update(t.paper)
        .where(
            p.tenant_id == unit.tenant, p.delivery_id.in_([row.delivery, *tried]), p.connection_id == row.connection_id
        )
        .values(delivery_id=delivery_id, state="sent", acknowledged_at=None, answer=None)
    )
    c = t.edi_document.c
    ids = unit.conn.execute(
        select(c.id).where(c.tenant_id == unit.tenant, c.interchange_id == interchange_id)
    ).scalars().all()  # fmt: skip
    settle_members(unit, "edi_document", ids, codes=[EDI_REFUSED.code, EDI_SILENT.code])
    about = {"reference": row.reference, "way": way, "delivery": public_id("delivery", delivery_id)}
    unit.event("interchange.sent_anew", "interchange", interchange_id, about, order_id=row.order_id)
    return delivery_id


def _tried(unit: Unit, row: Any, interchange_id: UUID) -> list[UUID]:
    """Return the deliveries that were to carry the interchange anew and came to nothing.

    Raises:
        Conflict: one is still to be sent.
    """
    d = t.delivery.c
    about = d.order_id == row.order_id if row.order_id is not None else d.lane == row.lane
    found = unit.conn.execute(
        select(d.id, d.state).where(
            d.tenant_id == unit.tenant,
            d.connection_id == row.connection_id,
            about,
            d.payload["again"]["interchange"].as_string() == public_id("interchange", interchange_id),
        )
    ).all()
    waiting = [each.id for each in found if each.state in UNFINISHED_DELIVERY]
    if waiting:
        raise Conflict(
            f"Interchange {row.reference} is being sent anew with {public_id('delivery', waiting[0])}.",
            fix="Wait until that has left, and send its interchange anew.",
            code="EDI-ANEW-409",
        )
    return [each.id for each in found]


def _refuse_broken(unit: Unit, connectors: Connectors, box: SecretBox, row: Any, text: str) -> None:
    """Refuse a text that could not leave before anything is written."""
    opened = connectors.open(config_of(row_of(unit, row.connection_id), box, unit.now))
    try:
        if not isinstance(opened, ChecksEdits):
            raise Conflict("The connection does not send interchanges any more.", code="EDI-ANEW-409")
        opened.check_edit(bytes(row.body or b""), text)
    except Rejected as error:
        raise InputError(error.what, why=error.why, fix=error.fix, code=error.error_code, **error.data) from None
    finally:
        opened.close()
