"""What EDI documents are found by: order numbers, SSCCs, GLNs, control references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from core.errors import storable
from core.ports.partners import IncomingDocument, OutgoingDocument
from core.store.unit import Unit

KINDS = ("po", "number", "sscc", "gln", "ref")
LONGEST = 100
# An index row is all a key is, so that a search of one value among millions is one look-up.
WRITE = """
INSERT INTO edi_key (tenant_id, value, kind, document_id)
SELECT %s, * FROM unnest(%b::text[], %b::text[], %b::uuid[]) ON CONFLICT DO NOTHING
"""


def all_keys(document: IncomingDocument | OutgoingDocument, interchange: str) -> list[tuple[str, str]]:
    """Return what a document says of itself, and its numbers.

    Args:
        interchange: control reference of the interchange it is in.
    """
    own = [("number", document.number or ""), ("ref", interchange), ("ref", document.group_reference or "")]
    return [*document.keys, *own]


def write_keys(unit: Unit, found: Iterable[tuple[UUID, Sequence[tuple[str, str]]]]) -> None:
    """Note by what documents can be found; what is empty or too long to be typed is left out."""
    rows = [
        (storable(value.strip()).upper(), kind, document_id)
        for document_id, keys in found
        for kind, value in keys
        if value.strip() and len(value) <= LONGEST
    ]
    if rows:
        unit.conn.exec_driver_sql(WRITE, (unit.tenant, *([each[at] for each in rows] for at in range(3))))
