"""The bare primitive of the design: `reserve_many` over two tables of its own, without what a hub writes beside it.

Tables, keys and statements are those the design was measured with: lock the rows in key order, decide in order of
arrival, then one UPDATE and one INSERT from arrays. No ledger, no protection rules, kits or lots, no channel that must
hear of it, keys of eight bytes. It tells what this machine gives to callers that are threads, and so what all the rest
costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count, islice

import psycopg

from core.services.combining import Combiner

TABLES = """
CREATE TABLE bare_stock (
    sku_id bigint, loc_id bigint, on_hand bigint NOT NULL, reserved bigint NOT NULL DEFAULT 0,
    safety bigint NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 0, counted_at timestamptz,
    PRIMARY KEY (sku_id, loc_id), CHECK (reserved BETWEEN 0 AND on_hand)
) WITH (fillfactor = 50);
CREATE TABLE bare_reservation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id bigint NOT NULL, line_id bigint NOT NULL,
    sku_id bigint, loc_id bigint, qty bigint CHECK (qty > 0), state smallint NOT NULL DEFAULT 0,
    expires_at timestamptz, UNIQUE (order_id, line_id, loc_id)
);
CREATE INDEX bare_reservation_due ON bare_reservation (expires_at) WHERE state = 0;
INSERT INTO bare_stock SELECT n, 1, 1000000000 FROM generate_series(0, {last}) n
"""
LOCK = """
SELECT sku_id, loc_id, on_hand - safety - reserved FROM bare_stock
WHERE loc_id = 1 AND sku_id = ANY(%s::bigint[]) ORDER BY sku_id, loc_id FOR NO KEY UPDATE
"""
WRITE = """
WITH u AS (
    UPDATE bare_stock s SET reserved = s.reserved + t.q, version = s.version + 1
    FROM unnest(%s::bigint[], %s::bigint[]) t(sku_id, q) WHERE s.loc_id = 1 AND s.sku_id = t.sku_id
)
INSERT INTO bare_reservation (order_id, line_id, sku_id, loc_id, qty, expires_at)
SELECT order_id, 1, sku_id, 1, 1, now() + interval '15 minutes'
FROM unnest(%s::bigint[], %s::bigint[]) t(order_id, sku_id)
"""


class Bare:
    """Reserves one unit at a time for callers of one process, through the hub's own combiner.

    Args:
        url: a database of PostgreSQL that lives as long as this.
        last: the highest item; 0 is the hot one.
    """

    def __init__(self, url: str, last: int) -> None:
        self._conn = psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:"))
        for statement in TABLES.format(last=last).split(";"):
            self._conn.execute(statement)
        self._conn.commit()
        self._orders = count(1)
        self._combiner = Combiner(self._work, "The bare reservation failed.", "BENCH-BARE-503")

    def reserve(self, items: Sequence[int]) -> bool:
        """Reserve a unit of each of some items and return whether there was one of each."""
        return all(each is True for each in self._combiner.call_all(items))

    def close(self) -> None:
        """End the session."""
        self._conn.close()

    def _work(self, batch: Sequence[int]) -> Sequence[bool]:
        free = {sku: left for sku, _, left in self._conn.execute(LOCK, (sorted(set(batch)),)).fetchall()}
        granted: list[bool] = []
        for item in batch:
            granted.append(free[item] > 0)
            free[item] -= granted[-1]
        taken = Counter(item for item, had in zip(batch, granted, strict=True) if had)
        if taken:
            sold = list(taken.elements())
            orders = list(islice(self._orders, len(sold)))
            self._conn.execute(WRITE, (list(taken), list(taken.values()), orders, sold))
        self._conn.commit()
        return granted
