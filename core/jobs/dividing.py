"""Which messages of a batch may share a transaction without ever waiting for another one in a circle."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from core.domain.vocabulary import DocumentType
from core.jobs.hub import Hub
from core.jobs.reading import Read
from core.services.fulfilling import as_uuid
from core.services.reports import LIGHT, orders_of
from core.store.read.orders import existing_orders


def divide(hub: Hub, reads: Sequence[Read]) -> tuple[list[Read], list[Read], list[Read]]:
    """Return the messages with new orders, those with light reports by order, and those that go alone.

    New orders share a transaction: they take their locks together, each kind in key order. So do reports that lock
    their order and nothing else, taken in the order of order ids. Everything else follows the order of locking only by
    itself: two of them in one transaction would lock an order after a stock position.
    """
    keys = {
        (read.row.connection_id, document.body["external_id"])
        for read in reads
        for document in read.documents
        if document.type is DocumentType.ORDER
    }
    works = {work for read in reads if (work := _light_work(read)) is not None}
    tracks = {number for read in reads if (number := _light_track(read)) is not None}
    with hub.store.read() as conn:
        known = existing_orders(conn, keys)
        owners = orders_of(conn, works, tracks) if works or tracks else {}
    new: list[Read] = []
    light: list[tuple[UUID, Read]] = []
    alone: list[Read] = []
    for read in reads:
        work = _light_work(read)
        owner = owners.get(str(work) if work else _light_track(read) or "")
        if all(
            document.type is DocumentType.ORDER and (read.row.connection_id, document.body["external_id"]) not in known
            for document in read.documents
        ):
            new.append(read)
        elif owner is not None:
            light.append((owner, read))
        else:
            alone.append(read)
    return new, [read for _, read in sorted(light, key=lambda each: (each[0], each[1].row.id))], alone


def _light_work(read: Read) -> UUID | None:
    """Return the fulfillment order that a report names which moves nothing but its own order."""
    if len(read.documents) != 1 or read.documents[0].type is not DocumentType.FULFILLMENT_UPDATE:
        return None
    body = read.documents[0].body
    return as_uuid(body.get("fulfillment")) if body["status"] in LIGHT else None


def _light_track(read: Read) -> str | None:
    """Return the tracking number that a carrier's fact names."""
    if len(read.documents) != 1 or read.documents[0].type is not DocumentType.TRACKING:
        return None
    found: str | None = read.documents[0].body.get("tracking_number")
    return found
