"""Where postcodes are: importing places, and looking up the points of a whole batch at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from core.domain.ids import uuid7
from core.domain.postcodes import normal, steps
from core.store.unit import DEFAULT_TENANT, Unit

PLACES_STAMP = "routing.places"
WRITE_SETTING = """
INSERT INTO setting (tenant_id, name, value) VALUES (%s, %s, to_json(%s::text))
ON CONFLICT (tenant_id, name) DO UPDATE SET value = excluded.value
"""
WRITE = """
INSERT INTO place (tenant_id, country, postal_code, place, latitude, longitude)
SELECT DISTINCT ON (2, 3, 4) %s, country, postal_code, place, latitude, longitude
FROM unnest(%b::text[], %b::text[], %b::text[], %b::float8[], %b::float8[])
     AS g(country, postal_code, place, latitude, longitude)
ORDER BY 2, 3, 4
ON CONFLICT (tenant_id, country, postal_code, place)
DO UPDATE SET latitude = excluded.latitude, longitude = excluded.longitude
"""
# A whole postcode counts alone where there is one of that name; otherwise every place whose postcode begins so.
# Longitudes are averaged as directions, so that places on both sides of 180 degrees meet there and not at 0.
AREAS = """
INSERT INTO place_area (tenant_id, country, prefix, latitude, longitude, places)
SELECT tenant_id, country, prefix, round(avg(latitude)::numeric, 6),
       round(degrees(atan2(avg(sin(radians(longitude))), avg(cos(radians(longitude)))))::numeric, 6), count(*)
FROM (
    SELECT p.tenant_id, p.country, left(p.postal_code, n) AS prefix, p.latitude, p.longitude,
           n = length(p.postal_code) AS whole,
           bool_or(n = length(p.postal_code)) OVER (PARTITION BY p.country, left(p.postal_code, n)) AS named
    FROM place p CROSS JOIN LATERAL generate_series(1, length(p.postal_code)) n
    WHERE p.tenant_id = :tenant AND p.country = ANY(:countries)
) each
WHERE whole OR NOT named
GROUP BY tenant_id, country, prefix
"""
LOOK_UP = """
SELECT a.country, a.prefix, a.latitude, a.longitude FROM unnest(%b::text[], %b::text[]) AS w(country, prefix)
JOIN place_area a ON a.tenant_id = %s AND a.country = w.country AND a.prefix = w.prefix
"""
# Nodes whose point follows from their postcode: those that were given none.
NODES = """
SELECT id, country, postal_code FROM node
WHERE tenant_id = :tenant AND country IS NOT NULL AND postal_code IS NOT NULL
  AND (latitude IS NULL OR longitude IS NULL)
"""


@dataclass(frozen=True, slots=True)
class Point:
    """A point on the globe, degrees north and east, and the postcode area whose middle it is."""

    latitude: float
    longitude: float
    area: str


def write_places(unit: Unit, places: Sequence[Mapping[str, Any]]) -> int:
    """Write places by country, postcode and name; `finish_places` has to follow once all are written.

    Args:
        unit: the running transaction.
        places: {country, postal_code, place, latitude, longitude} each, degrees.

    Returns:
        How many were given.
    """
    columns = (
        [each["country"] for each in places],
        [normal(each["postal_code"]) for each in places],
        [each.get("place") or "" for each in places],
        [each["latitude"] for each in places],
        [each["longitude"] for each in places],
    )
    unit.conn.exec_driver_sql(WRITE, (unit.tenant, *columns))
    return len(places)


def refresh_areas(unit: Unit, countries: Collection[str]) -> None:
    """Make the areas of these countries anew from their places."""
    values = {"tenant": unit.tenant, "countries": sorted(countries)}
    unit.conn.execute(text("DELETE FROM place_area WHERE tenant_id = :tenant AND country = ANY(:countries)"), values)
    unit.conn.execute(text(AREAS), values)


def finish_places(unit: Unit, countries: Collection[str]) -> None:
    """Make the areas of these countries anew, give nodes their point, and have every process look points up again."""
    refresh_areas(unit, countries)
    place_nodes(unit)
    unit.conn.exec_driver_sql(WRITE_SETTING, (unit.tenant, PLACES_STAMP, uuid7().hex))


def find_points(
    conn: Connection, codes: Collection[tuple[str, str]], tenant: int = DEFAULT_TENANT
) -> dict[tuple[str, str], Point]:
    """Return the point of each (country, postcode as written): of the whole code, else of the smallest area known.

    Those of which nothing is known are left out.
    """
    wanted = {key: steps(*key) for key in codes}
    pairs = {(country, area) for (country, _), areas in wanted.items() for area in areas}
    if not pairs:
        return {}
    rows = conn.exec_driver_sql(LOOK_UP, ([c for c, _ in pairs], [a for _, a in pairs], tenant))
    known = {(row.country, row.prefix): Point(row.latitude, row.longitude, row.prefix) for row in rows}
    found = {}
    for key, areas in wanted.items():
        point = next((known[key[0], area] for area in areas if (key[0], area) in known), None)
        if point is not None:
            found[key] = point
    return found


class Points:
    """Points that were looked up, kept for the next batches.

    Postcodes hardly ever move; a process forgets all of them when places were imported or `MOST` are kept.
    """

    MOST = 200_000

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Point | None] = {}

    def find(
        self, conn: Connection, codes: Collection[tuple[str, str]], tenant: int = DEFAULT_TENANT
    ) -> Mapping[tuple[str, str], Point | None]:
        """Return the points of these (country, postcode), None where nothing is known; one query for the new ones."""
        new = {key for key in codes if key not in self._known}
        if new:
            if len(self._known) + len(new) > self.MOST:
                self._known.clear()
                new = set(codes)
            found = find_points(conn, new, tenant)
            self._known.update({key: found.get(key) for key in new})
        return self._known


def place_nodes(unit: Unit) -> int:
    """Return how many nodes without a point got that of their postcode."""
    rows = unit.conn.execute(text(NODES), {"tenant": unit.tenant}).all()
    points = find_points(unit.conn, {(row.country, row.postal_code) for row in rows}, unit.tenant)
    placed = [
        (row.id, points[row.country, row.postal_code]) for row in rows if (row.country, row.postal_code) in points
    ]
    if placed:
        unit.conn.exec_driver_sql(
            "UPDATE node n SET latitude = d.latitude, longitude = d.longitude, version = n.version + 1"
            " FROM unnest(%b::uuid[], %b::float8[], %b::float8[]) AS d(id, latitude, longitude)"
            " WHERE n.tenant_id = %s AND n.id = d.id",
            (
                [each for each, _ in placed],
                [p.latitude for _, p in placed],
                [p.longitude for _, p in placed],
                unit.tenant,
            ),
        )
    return len(placed)
