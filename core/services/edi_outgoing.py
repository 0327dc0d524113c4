"""The book of interchanges that leave: kept whole before the first try, so that every try sends the same bytes."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from core.domain.ids import parse_id, uuid7
from core.errors import NotFound
from core.ports.partners import Kept, OutgoingInterchange
from core.services.control_numbers import take_number
from core.services.edi_keys import all_keys, write_keys
from core.services.witness import Witness
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.unit import Store, Unit

MADE = "made"
CONTENT_TYPES = {
    "edifact": "application/edifact", "x12": "application/edi-x12", "ubl": "application/xml", "cxml": "application/xml",
}  # fmt: skip


class InterchangeBook:
    """Numbers and interchanges of one connection.

    Args:
        store: the database.
        connection_id: whose.
        witness: what remembers beside the database which numbers left; without one only the database's word counts.
    """

    def __init__(self, store: Store, connection_id: UUID, witness: Witness | None = None) -> None:
        self._store = store
        self._connection = connection_id
        self._witness = witness

    def number(self, series: str, *, start: int, limit: int, on_rollover: str) -> tuple[int, int]:
        """Return a number nobody has had, and its round; see `take_number`."""
        return take_number(
            self._store, self._connection, series, start=start, limit=limit, on_rollover=on_rollover,
            witness=self._witness,
        )  # fmt: skip

    def kept(self, reference: str) -> Kept | None:
        """Return the interchange made for a write before, by the write's reference."""
        with self._store.begin() as unit:
            return _kept(unit, parse_id("delivery", reference))

    def sent_as(self, interchange: str) -> Kept:
        """Return an interchange that was made before, by its public id.

        Raises:
            NotFound: this connection has none of that id that left.
        """
        c = t.interchange.c
        with self._store.begin() as unit:
            row = unit.conn.execute(
                select(c.reference, c.name, c.syntax, c.body).where(
                    c.tenant_id == unit.tenant,
                    c.connection_id == self._connection,
                    c.id == parse_id("interchange", interchange),
                    c.direction == "out",
                )
            ).one_or_none()
        if row is None:
            raise NotFound(f"No interchange {interchange} left by this connection.")
        return _as_kept(row)

    def keep(self, reference: str, made: OutgoingInterchange) -> Kept:
        """Keep an interchange before it leaves, and return it: the one kept first, where two were made of one write."""
        delivery_id = parse_id("delivery", reference)
        with self._store.begin() as unit:
            interchange_id = uuid7()
            written = unit.conn.execute(
                insert(t.interchange)
                .values(
                    tenant_id=unit.tenant, id=interchange_id, connection_id=self._connection, direction="out",
                    syntax=made.syntax, sender=made.sender, recipient=made.recipient, reference=made.reference,
                    round=made.round, test=made.test, state=MADE, messages=len(made.documents), groups=made.groups,
                    delivery_id=delivery_id, body=made.body, name=made.name,
                    sha256=hashlib.sha256(made.body).hexdigest(),
                    duplicate_of=None,
                    replaces_id=parse_id("interchange", made.replaces) if made.replaces else None,
                    findings={"answers": made.answers} if made.answers else None,
                )
                .on_conflict_do_nothing(
                    index_elements=["tenant_id", "delivery_id"], index_where=text("delivery_id IS NOT NULL")
                )
                .returning(t.interchange.c.id)
            ).scalar_one_or_none()  # fmt: skip
            if written is None:
                first = _kept(unit, delivery_id)
                assert first is not None, "the one that was there is still there"
                return first
            order_id = unit.conn.execute(
                select(t.delivery.c.order_id).where(
                    t.delivery.c.tenant_id == unit.tenant, t.delivery.c.id == delivery_id
                )
            ).scalar_one_or_none()
            _write_documents(unit, self._connection, interchange_id, made, order_id)
            if made.replaces:
                _replaced(unit, parse_id("interchange", made.replaces))
        return Kept(made.reference, made.name, made.content_type, made.body)


def _kept(unit: Unit, delivery_id: UUID) -> Kept | None:
    c = t.interchange.c
    row = unit.conn.execute(
        select(c.reference, c.name, c.syntax, c.body).where(
            c.tenant_id == unit.tenant, c.delivery_id == delivery_id, c.direction == "out"
        )
    ).one_or_none()
    return None if row is None else _as_kept(row)


def _as_kept(row: Any) -> Kept:
    return Kept(row.reference, row.name or row.reference, CONTENT_TYPES[row.syntax], bytes(row.body or b""))


def _write_documents(
    unit: Unit, connection_id: UUID, interchange_id: UUID, made: OutgoingInterchange, order_id: UUID | None
) -> None:
    documents = made.documents
    ids = [uuid7() for _ in documents]
    columns = (
        "id", "connection_id", "interchange_id", "direction", "kind", "reference", "group_reference", "position",
        "number", "state", "order_id", "expects",
    )  # fmt: skip
    copy_rows(
        unit,
        t.edi_document,
        columns,
        [
            (
                ids[index], connection_id, interchange_id, "out", each.kind, each.reference, each.group_reference,
                index, each.number, MADE, order_id, as_json(dict(each.expects)),
            )
            for index, each in enumerate(documents)
        ],
    )  # fmt: skip
    write_keys(unit, [(ids[index], all_keys(each, made.reference)) for index, each in enumerate(documents)])


def _replaced(unit: Unit, interchange_id: UUID) -> None:
    """End the waiting for answers to what is sent anew; it stays in the history."""
    c = t.edi_document.c
    unit.conn.execute(
        update(t.edi_document)
        .where(c.tenant_id == unit.tenant, c.interchange_id == interchange_id)
        .values(state="replaced", due_at=None)
    )
