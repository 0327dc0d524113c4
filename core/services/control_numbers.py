"""Control numbers: each handed out once per connection and series, whoever asks and whatever crashes (D3).

A number is taken in a transaction of its own that has committed before anybody sees it. Who crashes afterwards leaves a
gap; nobody gets that number again.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from core.errors import Misconfigured
from core.store.unit import Store

# The row is locked by whoever comes first, and the next one sees what he left: no two read the same value.
TAKE = text(
    """
    INSERT INTO control_number AS c (tenant_id, connection_id, series, next, round)
    VALUES (:t, :c, :s, CAST(:start AS bigint) + 1, 0)
    ON CONFLICT (tenant_id, connection_id, series) DO UPDATE
    SET next = CASE WHEN c.next > :limit THEN 2 ELSE c.next + 1 END,
        round = CASE WHEN c.next > :limit THEN c.round + 1 ELSE c.round END
    WHERE c.next <= :limit OR :over
    RETURNING next - 1 AS number, round
    """
)


def take_number(
    store: Store, connection_id: UUID, series: str, *, start: int, limit: int, on_rollover: str
) -> tuple[int, int]:
    """Return a number nobody has had, and how often the series began anew.

    Args:
        store: the database; a transaction of its own is opened and committed.
        connection_id: whose numbers.
        series: which of them.
        start: the first of all.
        limit: the highest that fits its place.
        on_rollover: `continue` begins again with 1 behind the limit, `stop` refuses.

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
        raise Misconfigured(
            f"The {series} numbers up to {limit} are used up.",
            fix="Agree a longer number with the partner, or set control_numbers.on_rollover to continue.",
            code="EDI-NUMBERS-409",
        )
    return row.number, row.round
