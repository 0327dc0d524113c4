"""Certificates that end: said 60, 30 and 7 days before, as long as no other follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row, select, text

from core.domain.cases import CERTIFICATE
from core.domain.vocabulary import Mode
from core.errors import CrossdockError
from core.jobs.hub import Hub
from core.ports.webhooks import Ending, HoldsCertificates
from core.services.cases import Member, Opened, open_cases, settle_members
from core.store import schema as t
from core.store.unit import Unit

log = structlog.get_logger()
# Days before the end of a certificate at which somebody is told anew.
WARNINGS = (7, 30, 60)
TOLD = text(
    "SELECT fingerprint FROM exception_case WHERE tenant_id = :t AND code = :code AND fingerprint LIKE :own"
    " AND state <> 'superseded'"
)


def watch_certificates(hub: Hub, unit: Unit) -> int:
    """Open a case for each certificate that has come closer to its end, and end those of certificates replaced.

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
        if isinstance(connector, HoldsCertificates):
            opened += _tell(unit, row, connector.ending_certificates(unit.now))
    return opened


def _tell(unit: Unit, row: Row[Any], endings: Sequence[Ending]) -> int:
    own = f"{CERTIFICATE.code}:{row.id.hex}:"
    told = set(unit.conn.execute(TOLD, {"t": unit.tenant, "code": CERTIFICATE.code, "own": f"{own}%"}).scalars().all())
    wanted = {
        f"{own}{each.fingerprint[:32]}:{stage}": (each, stage)
        for each in endings
        if (stage := _stage(each, unit.now)) is not None
    }
    over = told - set(wanted)
    if over:
        settle_members(unit, "connection", [row.id], codes=[CERTIFICATE.code], fingerprints=over)
    # What a person has closed stays closed until the next stage.
    fresh = [(print_, *wanted[print_]) for print_ in sorted(set(wanted) - told)]
    cases = []
    for print_, each, stage in fresh:
        evidence = {
            "connection": row.name,
            "whose": each.whose,
            "ends": f"{each.ends_at:%Y-%m-%d}",
            "days": stage,
            "fingerprint": each.fingerprint[:16],
        }
        cases.append(Opened(CERTIFICATE, print_, evidence, [Member("connection", row.id)], connection_id=row.id))
    open_cases(unit, cases)
    return len(cases)


def _stage(ending: Ending, now: datetime) -> int | None:
    """Return the smallest number of days of warning that the certificate is within; None when it ends later."""
    left = (ending.ends_at - now).total_seconds() / 86_400
    return next((days for days in WARNINGS if left <= days), None)
