"""Which messages of a batch may share a transaction without ever waiting for another one in a circle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from core.domain.vocabulary import DocumentType
from core.jobs.hub import Hub
from core.jobs.reading import Read
from core.jobs.repeating import comes_again
from core.ports.connectors import Document
from core.services.fulfilling import find_works
from core.services.parcel_finding import tracked_orders
from core.store.read.orders import existing_orders

REPORTS = (DocumentType.SHIPMENT, DocumentType.FULFILLMENT_UPDATE)
# What names an order as its source does, and in which field.
SOURCE_ID = {
    DocumentType.ORDER: "external_id",
    DocumentType.ORDER_CANCEL: "external_id",
    DocumentType.REFUND: "order_external_id",
}


@dataclass(slots=True)
class Divided:
    """Messages by how they are applied, in this order.

    Attributes:
        new: with new orders only. They take their locks together, each kind in key order.
        tracked: carriers' facts, each round with one for each of its orders. They lock their orders and nothing else.
        rounds: nodes' reports, each round with one for each of its orders. They take their locks together as well.
        alone: everything else: it follows the order of locking only by itself, for two of them in one transaction would
            lock an order after a stock position.
    """

    new: list[Read] = field(default_factory=list)
    tracked: list[list[Read]] = field(default_factory=list)
    rounds: list[list[Read]] = field(default_factory=list)
    alone: list[Read] = field(default_factory=list)


def divide(hub: Hub, reads: Sequence[Read]) -> Divided:
    """Divide messages, given in the order they came in.

    Reports of one order keep that order, among each other and after what is applied alone.
    """
    sources, orders = _look_up(hub, reads)
    divided = Divided()
    facts: Counter[UUID] = Counter()
    rounds: Counter[UUID] = Counter()
    single: set[UUID] = set()
    for read in reads:
        kinds = {document.type for document in read.documents}
        concerned = orders.get(read.row.id, set())
        lone = next(iter(concerned)) if len(read.documents) == len(concerned) == 1 else None
        if (
            kinds <= {DocumentType.ORDER}
            and not comes_again(read)
            and not any(key in sources for key in _sources(read))
        ):
            divided.new.append(read)
        elif lone is not None and kinds <= {DocumentType.TRACKING}:
            _take_turn(divided.tracked, facts, lone, read)
        elif lone is not None and kinds <= {*REPORTS} and lone not in single:
            _take_turn(divided.rounds, rounds, lone, read)
        else:
            single |= concerned
            divided.alone.append(read)
    return divided


def _take_turn(rounds: list[list[Read]], turns: Counter[UUID], order_id: UUID, read: Read) -> None:
    """Add a message to the first round that has none of its order yet."""
    if turns[order_id] == len(rounds):
        rounds.append([])
    rounds[turns[order_id]].append(read)
    turns[order_id] += 1


def _look_up(hub: Hub, reads: Sequence[Read]) -> tuple[Mapping[tuple[UUID, str], UUID], Mapping[UUID, set[UUID]]]:
    """Return the orders known by (connection, external id), and those each message is about by the message's id."""
    reported = [(read, document) for read in reads for document in read.documents if document.type in REPORTS]
    numbers = [(read, number) for read in reads for document in read.documents if (number := _track(document))]
    with hub.store.read() as conn:
        sources = existing_orders(conn, {key for read in reads for key in _sources(read)})
        works = find_works(conn, [(document.body, read.row.connection_id) for read, document in reported])
        owners = tracked_orders(conn, {number for _, number in numbers})
    orders: dict[UUID, set[UUID]] = {}
    found = [(read, work[1]) for (read, _), work in zip(reported, works, strict=True) if work is not None]
    found += [(read, owners[number]) for read, number in numbers if number in owners]
    found += [(read, sources[key]) for read in reads for key in _sources(read) if key in sources]
    for read, order_id in found:
        orders.setdefault(read.row.id, set()).add(order_id)
    return sources, orders


def _sources(read: Read) -> Iterator[tuple[UUID, str]]:
    """Yield how the source of a message names the orders it is about."""
    for document in read.documents:
        if document.type in SOURCE_ID:
            yield read.row.connection_id, document.body[SOURCE_ID[document.type]]


def _track(document: Document) -> str | None:
    """Return the tracking number that a carrier's fact names."""
    found: str | None = document.body.get("tracking_number") if document.type is DocumentType.TRACKING else None
    return found
