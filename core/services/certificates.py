"""Certificates that end: said 60, 30 and 7 days before, as long as no other follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from core.domain.cases import CERTIFICATE, CERTIFICATE_UNSEEN
from core.errors import CrossdockError
from core.ports.webhooks import Ending
from core.services.cases import Member, Opened, open_cases, settle_members
from core.store.unit import Unit

# Days before the end of a certificate at which somebody is told anew.
WARNINGS = (7, 30, 60)
TOLD = text(
    "SELECT fingerprint FROM exception_case WHERE tenant_id = :t AND code = :code AND fingerprint LIKE :own"
    " AND state <> 'superseded'"
)


def tell_endings(unit: Unit, row: Row[Any], endings: Sequence[Ending]) -> int:
    """Open a case for each certificate of a connection that has come closer to its end, and end those replaced.

    Args:
        unit: the running transaction.
        row: of the connection.
        endings: its certificates that somebody must be told of.

    Returns:
        How many cases were opened.
    """
    settle_members(unit, "connection", [row.id], codes=[CERTIFICATE_UNSEEN.code])
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


def tell_unseen(unit: Unit, row: Row[Any], error: CrossdockError) -> int:
    """Open a case for a connection whose certificates cannot be looked at, and return how many were opened: one.

    Args:
        unit: the running transaction.
        row: of the connection.
        error: why not.
    """
    evidence = {"connection": row.name, "what": error.what, "code": error.error_code}
    member = Member("connection", row.id)
    print_ = f"{CERTIFICATE_UNSEEN.code}:{row.id.hex}"
    told = unit.conn.execute(TOLD, {"t": unit.tenant, "code": CERTIFICATE_UNSEEN.code, "own": print_}).first()
    open_cases(unit, [Opened(CERTIFICATE_UNSEEN, print_, evidence, [member], connection_id=row.id)])
    return 0 if told else 1


def _stage(ending: Ending, now: datetime) -> int | None:
    """Return the smallest number of days of warning that the certificate is within; None when it ends later."""
    left = (ending.ends_at - now).total_seconds() / 86_400
    return next((days for days in WARNINGS if left <= days), None)
