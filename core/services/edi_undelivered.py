"""Documents of ours whose delivery died: they are shown as refused, and go on once one of their tries arrives."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from core.errors import CrossdockError
from core.store import schema as t
from core.store.unit import Unit

UNDELIVERED = "undelivered"
"""Key of the problem that says that the hub could not deliver a document, and nobody refused it."""


def note_dead(unit: Unit, delivery_id: UUID, error: CrossdockError) -> None:
    """Note that what a delivery carried did not leave, and why; what the partner was heard of stays as it is.

    Args:
        unit: the running transaction.
        delivery_id: which was given up.
        error: why.
    """
    d, i = t.edi_document.c, t.interchange.c
    carried = select(i.id).where(i.tenant_id == unit.tenant, i.delivery_id == delivery_id, i.direction == "out")
    problem = {"code": error.error_code, "text": error.what, UNDELIVERED: True}
    unit.conn.execute(
        update(t.edi_document)
        .where(d.tenant_id == unit.tenant, d.interchange_id.in_(carried), d.state == "made")
        .values(state="refused", problems=[problem])
    )


def undelivered(document: Row[Any]) -> bool:
    """Return whether a document is refused only because its delivery died."""
    return document.state == "refused" and any(each.get(UNDELIVERED) for each in document.problems or ())
