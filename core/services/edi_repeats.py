"""Whether an interchange came before: told by its reference, and by its content where it has no number of its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, count
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from core.ports.connectors import Json
from core.ports.partners import IncomingInterchange
from core.store import schema as t
from core.store.unit import Unit

DIGEST = 16


def write_once(
    unit: Unit, connection_id: UUID, values: Json, found: IncomingInterchange
) -> tuple[IncomingInterchange, bool]:
    """Write an interchange under the reference that is its own, and return it and whether it is no duplicate.

    What has other content than one without a number of its own is told of its order, and not of the interchange. One
    whose like was left undone by a person is worked on again.
    """
    own = f"{found.reference}:{found.sha256[:DIGEST]}"
    for each in chain((found.reference, own), (f"{own}:{again}" for again in count(2))):
        if _is_new(unit, values | {"reference": each}):
            return replace(found, reference=each), True
        first = first_of(unit, connection_id, replace(found, reference=each))
        differs = first.sha256 != found.sha256
        if (differs and found.numbered) or not (differs or (found.anew and _left_undone(unit, first.id))):
            return replace(found, reference=each), False
    raise AssertionError  # `count` has no end


def _left_undone(unit: Unit, interchange_id: UUID) -> bool:
    """Return whether a person has left all messages of an interchange undone."""
    found = unit.conn.execute(
        text(
            "SELECT count(*) AS n, count(*) FILTER (WHERE m.state = 'discarded') AS undone FROM edi_document d"
            " JOIN message m ON m.tenant_id = d.tenant_id AND m.id = d.message_id"
            " WHERE d.tenant_id = :t AND d.interchange_id = :i"
        ),
        {"t": unit.tenant, "i": interchange_id},
    ).one()
    return bool(found.n) and found.n == found.undone


def _is_new(unit: Unit, values: Json) -> bool:
    """Write an interchange, and return whether none of its reference came before."""
    written = unit.conn.execute(
        upsert(t.interchange)
        .values(**values)
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "connection_id", "sender", "recipient", "reference", "test"],
            index_where=text("direction = 'in' AND duplicate_of IS NULL"),
        )
        .returning(t.interchange.c.id)
    )
    return written.scalar_one_or_none() is not None


def first_of(unit: Unit, connection_id: UUID, found: IncomingInterchange) -> Any:
    """Return the row of the interchange that came first under a reference."""
    c = t.interchange.c
    return unit.conn.execute(
        select(c.id, c.sha256, c.findings).where(
            c.tenant_id == unit.tenant, c.connection_id == connection_id, c.direction == "in",
            c.sender == found.sender, c.recipient == found.recipient, c.reference == found.reference,
            c.test == found.test, c.duplicate_of.is_(None),
        )
    ).one()  # fmt: skip
