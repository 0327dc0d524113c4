"""A claimed message on its way: read by its connector, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row

from core.domain.checkdigits import wrong_keys
from core.domain.vocabulary import DocumentType
from core.errors import CrossdockError, InputError, Transient
from core.ports.connectors import Connector, Document, InboundMessage
from core.services.normalizing import read_documents

log = structlog.get_logger()
POISON = 8
# Documents of partners that carry keys of GS1; counts do not.
KEYED = frozenset({DocumentType.ORDER, DocumentType.ORDER_CHANGE, DocumentType.SHIPMENT, DocumentType.ITEM})


@dataclass(slots=True)
class Read:
    """A claimed message, what was read from it, and what became of it."""

    row: Row[Any]
    documents: Sequence[Document] = ()
    state: str = "applied"
    outcome: str | None = None
    order_id: UUID | None = None
    error: CrossdockError | None = None
    later: timedelta | None = None
    notes: list[str] = field(default_factory=list)


def normalize(row: Row[Any], connector: Connector | CrossdockError) -> Read:
    """Return what the connector read from a message; what it could not read goes to quarantine."""
    read = Read(row)
    if isinstance(connector, CrossdockError):
        return fail(read, connector)
    if row.attempts > POISON:
        return fail(
            read,
            InputError(
                "The message was taken up again and again and never finished.",
                why="Workers died or lost their lease while they worked on it.",
                fix="Look at the workers' logs, then replay it.",
                code="MSG-POISON-500",
            ),
        )
    message = InboundMessage(
        row.id, row.topic, row.body, row.content_type, row.headers, row.received_at, row.occurred_at
    )
    try:
        read.documents = read_documents(message, row.via, connector)
        read.notes = doubts(read.documents)
    except Transient as error:
        read.state, read.error, read.later = "received", error, timedelta(seconds=error.retry_after or 10)
    except CrossdockError as error:
        fail(read, error)
    except Exception as error:  # a connector's fault must not cost its neighbors anything
        log.exception("intake.normalize_failed", message=str(row.id))
        fail(read, crash(error))
    return read


def doubts(documents: Sequence[Document]) -> list[str]:
    """Return warnings about GS1 keys in what was read; they are said with the message and stop nothing."""
    wrong = [each for document in documents if document.type in KEYED for each in wrong_keys(document.body)]
    return (
        [f"warning: {'; '.join(wrong[:5])}" + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")]
        if wrong
        else []
    )


def crash(error: Exception) -> CrossdockError:
    """Return the error for a fault nobody foresaw."""
    return InputError(
        f"Reading the message raised {type(error).__name__}.",
        why="A fault in the connector or in the hub; the log has the traceback.",
        fix="Mend it and replay the message.",
        code="MSG-CRASH-500",
    )


def fail(read: Read, error: CrossdockError) -> Read:
    """Send a message to quarantine with its reason and return it."""
    read.state, read.error, read.outcome, read.documents = "quarantined", error, error.what[:500], ()
    return read
