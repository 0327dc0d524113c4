"""What tells whether rarely changing facts have changed: one statement for all of them, nothing a writer could forget.

The stamp of a few rows is a hash over where each row lies and which transaction wrote it (`ctid`, `xmin`; PostgreSQL
manual, "System Columns"): every insert, update and delete changes it once it is committed, and nothing else does but a
rewrite of the table. Rows that count for a time are in their stamp for that time only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core.services.geography import PLACES_STAMP
from core.services.tariffs import RATES_STAMP
from core.store.direct import run

HASHED = "SELECT bit_xor(hashtextextended(x.xmin::text || x.ctid::text, 0)) FROM {table} x WHERE x.tenant_id = :t"
LASTS = "(x.ends_at IS NULL OR x.ends_at > clock_timestamp())"
WRITTEN = "SELECT value FROM setting WHERE tenant_id = :t AND name = "
STAMPS = text(f"""
SELECT clock_timestamp() AS now,
  ({HASHED.format(table="node")}) AS nodes,
  ({HASHED.format(table="connection")}) AS connections,
  ({HASHED.format(table="node_calendar")}) AS weeks,
  ({HASHED.format(table="node_closure")}) AS closures,
  ({HASHED.format(table="disruption")} AND {LASTS}) AS disruptions,
  ({HASHED.format(table="policy")} AND x.state IN ('active', 'approved') AND x.active_from <= clock_timestamp())
    AS policies,
  ({HASHED.format(table="model_version")} AND x.kind = 'transit' AND x.state = 'champion') AS model,
  ({WRITTEN}:rates) AS rates, ({WRITTEN}:places) AS places,
  EXISTS (SELECT 1 FROM markdown WHERE tenant_id = :t) AS marked_down
""")  # noqa: S608 - the names of tables are those above
SHUT = f"{HASHED.format(table='disruption')} AND {LASTS}".replace("= :t", "= %(t)s")


@dataclass(frozen=True, slots=True)
class Stamps:
    """What was found; two that are equal in a part were read of the same rows there.

    Args:
        now: the database's time.
        rates, places: of everything written with them at once (`core.services.tariffs`, `core.services.geography`).
        marked_down: whether there is any markdown.
    """

    now: datetime
    nodes: int | None
    connections: int | None
    weeks: int | None
    closures: int | None
    disruptions: int | None
    policies: int | None
    model: int | None
    rates: object
    places: object
    marked_down: bool


def read_stamps(conn: Connection, tenant: int) -> Stamps:
    """Return the stamps of now. What follows from them is read afterwards, so it is never older than its stamp."""
    row = conn.execute(STAMPS, {"t": tenant, "rates": RATES_STAMP, "places": PLACES_STAMP}).one()
    return Stamps(*row)


def read_shut(conn: Connection, tenant: int) -> int | None:
    """Return the stamp of the disruptions alone, as `Stamps.disruptions` has it."""
    row = run(conn, SHUT, {"t": tenant}).fetchone()
    stamp: int | None = row[0] if row is not None else None
    return stamp
