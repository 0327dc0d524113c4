"""Files of interchanges taken up from the inbox: unpacked by their connector, then kept in one transaction each."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import Row

from core.errors import CrossdockError, Transient
from core.jobs.hub import Hub
from core.jobs.reading import Read, crash, fail
from core.ports.connectors import Connector, InboundMessage
from core.ports.partners import INTERCHANGE_TOPIC, IncomingInterchange, Unpacks
from core.services.edi_incoming import take_in
from core.store.unit import Unit

log = structlog.get_logger()


def is_packed(row: Row[Any], connector: Connector | CrossdockError) -> bool:
    """Return whether a message is a file of interchanges."""
    return row.topic == INTERCHANGE_TOPIC and isinstance(connector, Unpacks)


def unpack(row: Row[Any], connector: Any) -> tuple[Read, list[IncomingInterchange]]:
    """Return what is in a file, outside any transaction; what is no EDI goes to quarantine."""
    read = Read(row)
    message = InboundMessage(
        row.id, row.topic, bytes(row.body), row.content_type, row.headers, row.received_at, row.occurred_at
    )
    try:
        return read, list(connector.unpack(message))
    except Transient as error:
        read.state, read.error = "received", error
    except CrossdockError as error:
        fail(read, error)
    except Exception as error:  # a connector's fault must not cost its neighbors anything
        log.exception("intake.unpack_failed", message=str(row.id))
        fail(read, crash(error))
    return read, []


def keep(hub: Hub, unit: Unit, connector: Any, read: Read, found: list[IncomingInterchange]) -> None:
    """Keep the interchanges of a file in the transaction that finishes its message."""
    if read.state != "applied":
        return
    unit.correlation = read.row.correlation_id
    taken = take_in(unit, hub.facts.get(unit.conn, unit.tenant), connector, read.row, found)
    said = f"{taken.interchanges} interchanges, {taken.documents} messages" if not taken.notes or found else ""
    read.outcome = "; ".join(each for each in (said, *taken.notes) if each)[:500]
