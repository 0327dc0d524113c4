"""Control numbers: each handed out once per connection and series, whoever asks and whatever crashes (D3).

A number is taken in a transaction of its own that has committed before anybody sees it. Who crashes afterwards leaves a
gap; nobody gets that number again. A database put back from a backup would hand out numbers again that left after it:
a witness beside the database is told of each before the commit, and where it knows more, the series goes on behind it.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy import text

from core.errors import Misconfigured
from core.services.witness import Witness
from core.store.unit import Store, Unit

# A number with its round as one: numbers have 14 digits at most.
ROUND = 10**15

log = structlog.get_logger(__name__)
# The row is locked by whoever comes first, and the next one sees what he left: no two read the same value.
TAKE = text(
    """
    INSERT INTO control_number AS c (tenant_id, connection_id, series, next, round)
    VALUES (:t, :c, :s, CAST(:start AS bigint) + 1, 0)
    ON CONFLICT (tenant_id, connection_id, series) DO UPDATE
    SET next = CASE WHEN c.next > :limit THEN 2
                    WHEN c.round = 0 AND c.next < :start THEN CAST(:start AS bigint) + 1
                    ELSE c.next + 1 END,
        round = CASE WHEN c.next > :limit THEN c.round + 1 ELSE c.round END
    WHERE c.next <= :limit OR :over
    RETURNING next - 1 AS number, round
    """
)


SKIP = text(
    "UPDATE control_number SET next = :number + 1, round = :round"
    " WHERE tenant_id = :t AND connection_id = :c AND series = :s"
)


def take_number(
    store: Store,
    connection_id: UUID,
    series: str,
    *,
    start: int,
    limit: int,
    on_rollover: str,
    witness: Witness | None = None,
) -> tuple[int, int]:
    """Return a number nobody has had, and how often the series began anew.

    Args:
        store: the database; a transaction of its own is opened and committed.
        connection_id: whose numbers.
        series: which of them.
        start: the first of all; raised later, it is the next one of a series that is not as far and never began anew.
        limit: the highest that fits its place.
        on_rollover: `continue` begins again with 1 behind the limit, `stop` refuses.
        witness: remembers the numbers of this connection beside the database.

    Raises:
        Misconfigured: the numbers are used up.
    """
    with store.begin() as unit:
        row = unit.conn.execute(
            TAKE,
            {"t": unit.tenant, "c": connection_id, "s": series, "start": start, "limit": limit,
             "over": on_rollover == "continue"},
        ).one_or_none()  # fmt: skip
        if row is None:
            raise _used_up(series, limit)
        number, turn = int(row.number), int(row.round)
        if witness is not None:
            seen = witness.highest(series)
            if seen >= turn * ROUND + number:
                number, turn = _behind(unit, connection_id, series, seen, limit, on_rollover, number)
            witness.rise(series, turn * ROUND + number)
    return number, turn


def _behind(
    unit: Unit, connection_id: UUID, series: str, seen: int, limit: int, on_rollover: str, known: int
) -> tuple[int, int]:
    """Put a series behind the number its witness has seen, and return the next one."""
    turn, number = divmod(seen, ROUND)
    number += 1
    if number > limit:
        if on_rollover != "continue":
            raise _used_up(series, limit)
        number, turn = 1, turn + 1
    where = {"t": unit.tenant, "c": connection_id, "s": series}
    unit.conn.execute(SKIP, {**where, "number": number, "round": turn})
    why = "the file beside the database knows of higher numbers"
    data = {"series": series, "from": known, "to": number, "why": why}
    unit.event("control_numbers.skipped", "connection", connection_id, data)
    log.warning("control_numbers.skipped", connection=str(connection_id), **data)
    return number, turn


def _used_up(series: str, limit: int) -> Misconfigured:
    return Misconfigured(
        f"The {series} numbers up to {limit} are used up.",
        fix="Agree a longer number with the partner, or set control_numbers.on_rollover to continue.",
        code="EDI-NUMBERS-409",
    )
