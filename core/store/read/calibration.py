"""The calibration of promises: what was said, what was kept, in all and by carrier, lane and node, with intervals."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from core.intelligence.scores import wilson
from core.store.read.page import Json
from core.store.read.text import instant
from core.store.unit import DEFAULT_TENANT

LEVELS = ((0.5, "kept_50"), (0.8, "kept_80"), (0.9, "kept_90"), (0.95, "kept_95"))
# A parcel a carrier tells of that is a day beyond its latest promise counts as not kept before it arrives, if ever.
PARCELS = text(
    """
    WITH parcel AS (
        SELECT lower(coalesce(o.carrier, '?')) AS carrier,
               coalesce(o.from_country, '?') || '>' || coalesce(o.to_country, '?') AS lane, o.node_id,
               o.delivered_at, o.due_50, o.due_80, o.due_90, o.due_95
        FROM outcome o WHERE o.tenant_id = :t AND o.due_50 IS NOT NULL AND o.settled_at >= :since
        UNION ALL
        SELECT lower(coalesce(s.carrier, '?')), coalesce(p.from_country, '?') || '>' || coalesce(p.to_country, '?'),
               p.node_id, NULL, p.due_50, p.due_80, p.due_90, p.due_95
        FROM promise_part p JOIN shipment s ON s.tenant_id = p.tenant_id AND s.fulfillment_id = p.fulfillment_id
        WHERE p.tenant_id = :t AND p.due_95 >= :since AND p.due_95 < clock_timestamp() - interval '1 day'
          AND s.state NOT IN ('delivered', 'lost', 'returned_to_sender', 'voided')
          AND EXISTS (SELECT 1 FROM tracking_event e WHERE e.tenant_id = s.tenant_id AND e.shipment_id = s.id)
    )
    SELECT CASE WHEN grouping(carrier) = 0 THEN 'carrier' WHEN grouping(lane) = 0 THEN 'lane'
                WHEN grouping(n.code) = 0 THEN 'node' ELSE 'all' END AS part,
           coalesce(carrier, lane, n.code, '') AS name, count(*) AS promises,
           count(*) FILTER (WHERE delivered_at <= due_50) AS kept_50,
           count(*) FILTER (WHERE delivered_at <= due_80) AS kept_80,
           count(*) FILTER (WHERE delivered_at <= due_90) AS kept_90,
           count(*) FILTER (WHERE delivered_at <= due_95) AS kept_95
    FROM parcel JOIN node n ON n.tenant_id = :t AND n.id = parcel.node_id
    GROUP BY GROUPING SETS ((), (carrier), (lane), (n.code))
    ORDER BY 1, promises DESC, 2
    """
)
ORDERS = text(
    """
    SELECT count(*) AS promises,
           count(*) FILTER (WHERE delivered_at <= due_50) AS kept_50,
           count(*) FILTER (WHERE delivered_at <= due_80) AS kept_80,
           count(*) FILTER (WHERE delivered_at <= due_90) AS kept_90,
           count(*) FILTER (WHERE delivered_at <= due_95) AS kept_95
    FROM promise WHERE tenant_id = :t AND settled_at >= :since AND state IN ('kept', 'late')
    """
)
STATES = text(
    "SELECT state, count(*) AS promises FROM promise WHERE tenant_id = :t AND made_at >= :since GROUP BY 1 ORDER BY 1"
)


def read_calibration(conn: Connection, since: datetime, tenant: int = DEFAULT_TENANT) -> Json:
    """Return what was said and kept of promises settled since a moment.

    Returns:
        `orders` and `parcels` with levels, `carriers`, `lanes` and `nodes` by number of promises, and the promises
        made since by `states`. Each level has `said`, `kept` (parts of one; null without promises) and the 90 %
        interval of `kept` (Wilson).
    """
    values = {"t": tenant, "since": since}
    rows = conn.execute(PARCELS, values).all()
    return {
        "since": instant(since),
        "orders": _figures(conn.execute(ORDERS, values).one()),
        "parcels": next(_figures(row) for row in rows if row.part == "all"),
        "carriers": _named(rows, "carrier"),
        "lanes": _named(rows, "lane"),
        "nodes": _named(rows, "node"),
        "states": {row.state: row.promises for row in conn.execute(STATES, values)},
    }


def _named(rows: Any, part: str) -> list[Json]:
    return [{"name": row.name, **_figures(row)} for row in rows if row.part == part]


def _figures(row: Row[Any]) -> Json:
    count = row.promises
    levels = []
    for said, name in LEVELS:
        kept = getattr(row, name) / count if count else None
        low, high = wilson(kept, count) if kept is not None else (None, None)
        levels.append({"said": said, "kept": _rounded(kept), "low": _rounded(low), "high": _rounded(high)})
    return {"promises": count, "levels": levels}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
