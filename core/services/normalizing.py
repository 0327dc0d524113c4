"""What a stored message says: read by its connector, unless it is a canonical document already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from core.domain.documents import check_document
from core.domain.vocabulary import DocumentType, Via
from core.errors import InputError, MappingError
from core.ports.connectors import Connector, Document, InboundMessage


def read_documents(message: InboundMessage, via: str, connector: Connector) -> Sequence[Document]:
    """Return the canonical documents in a message; nothing is stored.

    What came by the API is an order in our own form, whatever connector its connection has.

    Args:
        message: as stored.
        via: the door it came in by.
        connector: of its connection.

    Raises:
        CrossdockError: it cannot be read; MappingError where a map or the canonical model is at fault.
    """
    if via != Via.API:
        return connector.normalize(message)
    try:
        body = json.loads(message.body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise MappingError("The message is not JSON.", why=str(error)[:200], code="MAP-SYNTAX-422") from None
    try:
        return [Document(DocumentType.ORDER, check_document(DocumentType.ORDER, body))]
    except InputError as error:
        raise MappingError(error.what, why=error.why, fix=error.fix, code=error.error_code, **error.data) from None
