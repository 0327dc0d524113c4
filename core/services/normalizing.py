"""What a stored message says: read by its connector, unless it is a canonical document already."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from core.domain.documents import check_document
from core.domain.vocabulary import DocumentType, Via
from core.errors import CrossdockError, InputError, MappingError
from core.ports.connectors import Connector, Connectors, Document, InboundMessage
from core.services.connections import config_of, row_of
from core.services.secretbox import SecretBox
from core.services.store_orders import split_by_store
from core.store.read.plumbing import read_raw
from core.store.unit import Unit


def read_documents(message: InboundMessage, via: str, connector: Connector) -> Sequence[Document]:
    """Return the canonical documents in a message; nothing is stored.

    What came by the API or from an imported file is an order in our own form, whatever connector its connection has.

    Args:
        message: as stored.
        via: the door it came in by.
        connector: of its connection.

    Raises:
        CrossdockError: it cannot be read; MappingError where a map or the canonical model is at fault.
    """
    if via not in (Via.API, Via.IMPORT):
        return split_short(split_by_store(connector.normalize(message)))
    try:
        body = json.loads(message.body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise MappingError("The message is not JSON.", why=str(error)[:200], code="MAP-SYNTAX-422") from None
    try:
        return split_by_store([Document(DocumentType.ORDER, check_document(DocumentType.ORDER, body))])
    except InputError as error:
        raise MappingError(error.what, why=error.why, fix=error.fix, code=error.error_code, **error.data) from None


def split_short(documents: Iterable[Document]) -> list[Document]:
    """Return the documents with every shipment that says what will not come as the shipment and a short pick.

    A shipment of which nothing left is the short pick alone.
    """
    found: list[Document] = []
    for document in documents:
        short = document.body.get("short") if document.type is DocumentType.SHIPMENT else None
        if not short:
            found.append(document)
            continue
        shipment = {name: value for name, value in document.body.items() if name != "short"}
        if shipment.get("lines") != []:
            found.append(Document(DocumentType.SHIPMENT, shipment, document.holds))
        told = {name: shipment[name] for name in ("fulfillment", "reference", "occurred_at") if shipment.get(name)}
        found.append(Document(DocumentType.FULFILLMENT_UPDATE, {**told, "status": "short", "lines": short}))
    return found


def read_again(unit: Unit, connectors: Connectors, box: SecretBox, message_id: UUID) -> Sequence[Document]:
    """Return what today's map reads in a stored message; nothing is changed.

    Args:
        connectors: opens the connector of the message's connection, with that connection's own settings and secrets.
        box: opens the secrets.

    Raises:
        NotFound: there is no such message.
        CrossdockError: it cannot be read; MappingError where the connector broke on it.
    """
    row = read_raw(unit.conn, message_id, unit.tenant)
    connector = connectors.open(config_of(row_of(unit, row.connection_id), box, unit.now))
    message = InboundMessage(
        row.id, row.topic, bytes(row.body), row.content_type, row.headers, row.received_at, row.occurred_at
    )
    try:
        return read_documents(message, row.via, connector)
    except CrossdockError:
        raise
    except Exception as error:
        raise MappingError(
            "The connector could not read this message.", why=type(error).__name__, code="MAP-CRASH-422"
        ) from error
    finally:
        connector.close()
