"""The hourly look at certificates that end, one connection after the other."""

from __future__ import annotations

import structlog
from sqlalchemy import select

from core.domain.vocabulary import Mode
from core.errors import CrossdockError
from core.jobs.hub import Hub
from core.ports.webhooks import HoldsCertificates
from core.services.certificates import tell_endings, tell_unseen
from core.store import schema as t
from core.store.unit import Unit

log = structlog.get_logger()


def watch_certificates(hub: Hub, unit: Unit) -> int:
    """Open a case for each certificate that has come closer to its end, and end those of certificates replaced.

    A connection whose certificates cannot be looked at gets a case of its own, and stops no other.

    Args:
        hub: opens the connectors.
        unit: the running transaction.

    Returns:
        How many cases were opened.
    """
    c = t.connection.c
    rows = unit.conn.execute(select(t.connection).where(c.tenant_id == unit.tenant, c.mode != str(Mode.OFF))).all()
    opened = 0
    for row in rows:
        try:
            connector = hub.connector(unit, row.id)
        except CrossdockError as error:
            log.warning("certificates.connector_unusable", connection=row.name, code=error.error_code)
            continue
        if not isinstance(connector, HoldsCertificates):
            continue
        try:
            endings = connector.ending_certificates(unit.now)
        except CrossdockError as error:
            opened += tell_unseen(unit, row, error)
        else:
            opened += tell_endings(unit, row, endings)
    return opened
