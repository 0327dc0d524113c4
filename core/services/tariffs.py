"""Carriers' services and their rates: writing them, and the index routing finds a price in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from core.domain.ids import uuid7
from core.domain.postcodes import lies_in, normal, steps
from core.errors import InputError, NotFound
from core.routing.problem import SCALE
from core.routing.terms import ANY_WEIGHT, Step
from core.services.backorders import look_again
from core.services.catalog import connection_named, node_coded
from core.services.geography import WRITE_SETTING
from core.store import schema as t
from core.store.unit import Unit

RATES_STAMP = "routing.rates"
WRITE_RATES = """
INSERT INTO rate (tenant_id, id, service_id, zone, from_country, from_postal, to_country, to_postal, up_to_g, price,
                  per_kg, currency, valid_from, valid_to)
SELECT %s, g.*
FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int[],
            %b::numeric[], %b::numeric[], %b::text[], %b::date[], %b::date[])
     AS g(id, service_id, zone, from_country, from_postal, to_country, to_postal, up_to_g, price, per_kg, currency,
          valid_from, valid_to)
ON CONFLICT ON CONSTRAINT uq_rate_lane
DO UPDATE SET zone = excluded.zone, price = excluded.price, per_kg = excluded.per_kg, currency = excluded.currency,
              valid_to = excluded.valid_to
"""
# The rates of a day; of two versions of one price the one that began last holds.
READ_RATES = """
SELECT DISTINCT ON (service_id, from_country, from_postal, to_country, to_postal, up_to_g)
       service_id, zone, from_country, from_postal, to_country, to_postal, up_to_g, price, per_kg
FROM rate WHERE tenant_id = %s AND (valid_from IS NULL OR valid_from <= %s) AND (valid_to IS NULL OR valid_to >= %s)
ORDER BY service_id, from_country, from_postal, to_country, to_postal, up_to_g, valid_from DESC NULLS LAST
"""


@dataclass(frozen=True, slots=True)
class CarrierService:
    """What a carrier offers, as routing reads it; weights in grams, carbon in grams of CO2e."""

    id: UUID
    carrier: str
    service: str
    level: str | None
    nodes: frozenset[str]
    connections: frozenset[str]
    cutoff: time | None
    pickup_limit: int | None
    transit_days: Mapping[str, int]
    on_time: float | None
    carbon_g: int
    carbon_g_kg_km: Decimal
    max_weight_g: int | None
    hazmat: bool
    storage: frozenset[str]

    @property
    def code(self) -> str:
        """Return its name in plans and payloads, such as `nordpost/parcel`."""
        return f"{self.carrier}/{self.service}"

    def days(self, zone: str) -> int | None:
        """Return the working days on the way to a zone, None when nobody says."""
        return self.transit_days.get(zone, self.transit_days.get("*"))


@dataclass(frozen=True, slots=True)
class Lane:
    """The rates from one area to another: their zone and their steps by weight."""

    from_country: str
    from_postal: str
    to_country: str
    to_postal: str
    zone: str
    steps: tuple[Step, ...]


@dataclass(slots=True)
class Tariff:
    """All services of a tenant and the rates of one day, by service and countries."""

    stamp: object = None
    services: Mapping[UUID, CarrierService] = field(default_factory=dict)
    lanes: dict[UUID, dict[tuple[str, str], list[Lane]]] = field(default_factory=dict)
    # Postcode areas any rate tells apart, by country: two postcodes alike in these have the same rates.
    areas: dict[str, set[str]] = field(default_factory=dict)

    def told_apart(self, country: str | None, postal_code: str | None) -> tuple[str, ...]:
        """Return which of the areas that rates name a postcode lies in, the smallest first."""
        named = self.areas.get(country or "")
        if not named or not country or not postal_code:
            return ()
        return tuple(area for area in steps(country, postal_code) if area in named)

    def lane(self, service: UUID, start: tuple[str, str], end_country: str, end_areas: Sequence[str]) -> Lane | None:
        """Return the rates of a service from a node to a destination, the most exact ones; None when it has none.

        Args:
            service: its id.
            start: country and postcode of the node, empty where unknown.
            end_country: country of the destination, empty when unknown.
            end_areas: areas of the destination as `told_apart` gives them.
        """
        by_countries = self.lanes.get(service, {})
        best: Lane | None = None
        rank = (-1, -1, -1, -1)
        for countries in {(f, to) for f in (start[0], "") for to in (end_country, "")}:
            for lane in by_countries.get(countries, ()):
                if lane.to_postal and lane.to_postal not in end_areas:
                    continue
                if lane.from_postal and not lies_in(start[0], start[1], lane.from_postal):
                    continue
                found = (len(lane.to_postal), len(lane.from_postal), len(lane.to_country), len(lane.from_country))
                if found > rank:
                    best, rank = lane, found
        return best


def read_tariff(conn: Connection, tenant: int, today: date, written: object, before: Tariff | None = None) -> Tariff:
    """Return services and the rates of a day; the ones read before when nothing was written since.

    Args:
        conn: a session.
        tenant: whose.
        today: the day the rates must be valid on.
        written: the stamp of what is there now (`RATES_STAMP`).
        before: what was read last.
    """
    stamp = (written, today)
    if before is not None and before.stamp == stamp:
        return before
    c = t.carrier_service.c
    services = {
        row.id: CarrierService(
            row.id, row.carrier, row.service, row.level, frozenset(row.nodes), frozenset(row.connections), row.cutoff,
            row.pickup_limit, row.transit_days, None if row.on_time is None else float(row.on_time), row.carbon_g,
            row.carbon_g_kg_km, row.max_weight_g, row.hazmat, frozenset(row.storage),
        )
        for row in conn.execute(
            select(t.carrier_service).where(c.tenant_id == tenant, c.active).order_by(c.carrier, c.service)
        )
    }  # fmt: skip
    found = Tariff(stamp, services)
    grouped: dict[tuple[UUID, str, str, str, str], tuple[str, list[Step]]] = {}
    for row in conn.exec_driver_sql(READ_RATES, (tenant, today, today)):
        if row.service_id not in services:
            continue
        lane = (row.service_id, row.from_country, row.from_postal, row.to_country, row.to_postal)
        step = Step(ANY_WEIGHT if row.up_to_g is None else row.up_to_g, scaled(row.price), scaled(row.per_kg))
        grouped.setdefault(lane, (row.zone, []))[1].append(step)
        if row.to_postal:
            found.areas.setdefault(row.to_country, set()).add(row.to_postal)
    for (service, from_country, from_postal, to_country, to_postal), (zone, found_steps) in grouped.items():
        in_order = tuple(sorted(found_steps, key=lambda step: step.up_to_g))
        lanes = found.lanes.setdefault(service, {}).setdefault((from_country, to_country), [])
        lanes.append(Lane(from_country, from_postal, to_country, to_postal, zone, in_order))
    return found


def scaled(amount: Decimal) -> int:
    """Return an amount in 1/10,000 of its currency."""
    return int(amount * SCALE)


def write_service(unit: Unit, body: Mapping[str, Any]) -> UUID:
    """Write a carrier's service by carrier and name and return its id; what is left out stays as it is.

    Raises:
        NotFound: a node or connection it names does not exist.
    """
    for code in body.get("nodes") or ():
        node_coded(unit, code)
    for name in body.get("connections") or ():
        connection_named(unit, name)
    values = dict(body)
    statement = insert(t.carrier_service).values(tenant_id=unit.tenant, id=uuid7(), **values)
    found = unit.conn.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "carrier", "service"],
            set_={**values, "version": t.carrier_service.c.version + 1},
        ).returning(t.carrier_service.c.id)
    ).scalar_one()
    mark_written(unit)
    return UUID(str(found))


def write_rates(unit: Unit, rates: Sequence[Mapping[str, Any]]) -> int:
    """Write rates by service, lane, weight and first day of validity; return how many were given.

    All costs of a company are in one currency: that of its first rate.

    Raises:
        NotFound: there is no such service.
        InputError: the currency is another than that of the rates that are there.
    """
    known = service_ids(unit)
    currency = unit.conn.execute(
        select(t.rate.c.currency).where(t.rate.c.tenant_id == unit.tenant).limit(1)
    ).scalar_one_or_none()
    rows: dict[tuple[object, ...], tuple[object, ...]] = {}
    for each in rates:
        service = known.get((each["carrier"], each["service"]))
        if service is None:
            raise NotFound(
                f"There is no service {each['service']!r} of {each['carrier']!r}.",
                fix="Write the service first: `crossdock import services FILE` or POST /api/v1/carrier-services.",
            )
        currency = currency or each["currency"]
        if each["currency"] != currency:
            raise InputError(
                f"The rate is in {each['currency']}, and the others are in {currency}.",
                why="Costs are compared, so all of them are in one currency.",
                fix="Convert it first.",
                code="RATE-CURRENCY-422",
            )
        lane = (
            service, each.get("from_country") or "", normal(each.get("from_postal") or ""),
            each.get("to_country") or "", normal(each.get("to_postal") or ""), each.get("up_to_g"),
        )  # fmt: skip
        # Of two prices for the same the last one holds.
        rows[*lane, each.get("valid_from")] = (
            uuid7(), service, each.get("zone") or "*", *lane[1:], each["price"], each.get("per_kg") or Decimal(0),
            each["currency"], each.get("valid_from"), each.get("valid_to"),
        )  # fmt: skip
    if rows:
        unit.conn.exec_driver_sql(WRITE_RATES, (unit.tenant, *map(list, zip(*rows.values(), strict=True))))
        mark_written(unit)
    return len(rates)


def service_ids(unit: Unit) -> dict[tuple[str, str], UUID]:
    """Return the services' ids by carrier and name."""
    c = t.carrier_service.c
    rows = unit.conn.execute(select(c.id, c.carrier, c.service).where(c.tenant_id == unit.tenant))
    return {(row.carrier, row.service): row.id for row in rows}


def mark_written(unit: Unit) -> None:
    """Have every process read services and rates again, and waiting orders sourced with them."""
    look_again(unit)
    unit.conn.exec_driver_sql(WRITE_SETTING, (unit.tenant, RATES_STAMP, uuid7().hex))
