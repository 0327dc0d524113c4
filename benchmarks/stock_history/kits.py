"""How many kits were promised to the shop at each moment, told from the rows of reservations alone.

A reservation of kits is written while all positions of their components are locked, since their cap is over all nodes.
A row's beginning is thus later than the end of every row the hub no longer counted, and no sum here is too high.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate

from sqlalchemy import Connection, text

from benchmarks.stock_history.calls import Verdict
from benchmarks.stock_history.world import KIT, KIT_CAP

CHANGES = """
SELECT extract(epoch FROM at) AS at, sum(kits) AS kits FROM (
    SELECT r.created_at AS at, r.quantity / r.per_unit AS kits, r.kit_id, r.follows, r.connection_id FROM reservation r
    UNION ALL
    SELECT r.finished_at, -r.quantity / r.per_unit, r.kit_id, r.follows, r.connection_id FROM reservation r
    WHERE r.finished_at IS NOT NULL) x
JOIN item i ON i.id = x.kit_id AND i.sku = :kit JOIN connection c ON c.id = x.connection_id AND c.name = 'shop'
WHERE NOT follows GROUP BY 1 ORDER BY 1
"""


class PromisedKits:
    """The number of kits promised to the shop over time; more than its cap are objected to."""

    def __init__(self, conn: Connection, verdict: Verdict) -> None:
        rows = conn.execute(text(CHANGES), {"kit": KIT}).all()
        self._at = [float(row.at) for row in rows]
        self._kits = [0, *accumulate(int(row.kits) for row in rows)]
        verdict.counts["changes of kits"] = len(rows)
        if (most := max(self._kits)) > KIT_CAP:
            verdict.object("over the cap", f"{most} of {KIT} are promised")

    def between(self, begin: float, end: float) -> frozenset[int]:
        """Return every number there was from one moment to another, in seconds of the epoch."""
        first, last = bisect_left(self._at, begin), bisect_right(self._at, end)
        return frozenset(self._kits[first : last + 1])
