"""What left is sent anew: as it was, mapped again, or edited; each time under new numbers, and the old one stays."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update

from core.domain.cases import EDI_REFUSED, EDI_SILENT
from core.domain.ids import public_id
from core.domain.vocabulary import Write
from core.errors import Conflict, InputError, NotFound
from core.ports.connectors import Json
from core.services.cases import settle_members
from core.services.outbox import Outgoing, enqueue
from core.store import schema as t
from core.store.locks import lock_order
from core.store.unit import Unit

WAYS = ("resend", "remap", "edit")
LONGEST_EDIT = 5_000_000


def send_anew(unit: Unit, interchange_id: UUID, way: str, text: str | None = None) -> UUID:
    """Have an interchange of ours sent anew and return the delivery that carries it.

    The old one stays as it was; its documents are `replaced` as soon as the new one is made.

    Args:
        unit: the running transaction.
        interchange_id: what is sent anew.
        way: `resend` (the same messages), `remap` (written again by today's map) or `edit` (`text` instead).
        text: the interchange as a person wants it; its numbers and counts are made anew.

    Raises:
        NotFound: no such interchange left.
        Conflict: it is on its way, or was sent anew already.
        InputError: the way is none, or there is no text to send, or it is too long.
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
        select(i.id, i.connection_id, i.reference, i.findings, d.id.label("delivery"), d.kind, d.payload, d.state,
               d.order_id, d.shipment_id, d.lane)
        .join(t.delivery, (d.tenant_id == i.tenant_id) & (d.id == i.delivery_id))
        .where(i.tenant_id == unit.tenant, i.id == interchange_id, i.direction == "out")
        .with_for_update(of=t.interchange)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise NotFound(f"No interchange {public_id('interchange', interchange_id)} left.")
    later = unit.conn.execute(
        select(i.reference).where(i.tenant_id == unit.tenant, i.replaces_id == interchange_id)
    ).scalars().first()  # fmt: skip
    if later is not None or row.state in ("due", "waiting", "sending", "unknown"):
        raise Conflict(
            f"Interchange {row.reference} " + (f"was sent anew as {later}." if later else "is still on its way."),
            fix="Send the newest one anew, or wait until this one has left.",
            code="EDI-ANEW-409",
        )
    if row.order_id is not None:
        lock_order(unit, row.order_id)
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
        .where(p.tenant_id == unit.tenant, p.delivery_id == row.delivery, p.connection_id == row.connection_id)
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
