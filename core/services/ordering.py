"""New orders: whole batches written, validated, held or sourced in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.domain.ids import uuid7
from core.domain.line_codes import Code
from core.domain.policies import order_traits
from core.ports.connectors import Json
from core.routing.problem import Demand, Destination
from core.services import holds
from core.services.agreements import most_units_of
from core.services.catalog import units_of
from core.services.converting import tie_reservations
from core.services.facts import Facts
from core.services.line_items import clashes, item_of, resolve_lines
from core.services.order_rows import LINE, body_of, fingerprint, line_row, order_total
from core.services.outbox import enqueue
from core.services.phase import refresh_phases
from core.services.release import push_orders
from core.services.sourcing import Sourced, source_batch
from core.services.tariffs import scaled
from core.services.twice import find_doubles
from core.services.validation import Stop, check_order, units_asked
from core.services.wishes import wishes_of
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.read.orders import read_orders
from core.store.unit import Unit

ZERO = Decimal(0)


@dataclass(slots=True)
class Incoming:
    """One order as received: the canonical document and where it came from."""

    connection_id: UUID
    document: Json
    map_holds: Sequence[Json] = ()
    correlation: UUID | None = None
    order_id: UUID = field(default_factory=uuid7)
    line_ids: list[UUID] = field(default_factory=list)
    items: list[UUID | None] = field(default_factory=list)
    clashes: Mapping[int, tuple[Code, Code]] = field(default_factory=dict)
    stops: list[Stop] = field(default_factory=list)

    @property
    def key(self) -> tuple[UUID, str]:
        """Return what makes it the same order when it comes again."""
        return self.connection_id, self.document["external_id"]

    @property
    def age(self) -> tuple[int, float]:
        """Return the source's version and time of change, comparable between sendings of one order."""
        changed: datetime | None = self.document.get("source_updated_at")
        return self.document.get("source_version") or 0, changed.timestamp() if changed else 0.0


INSERT = """
INSERT INTO orders (tenant_id, id, connection_id, external_id, number, type, state, placed_at, currency, total, body,
                    source_version, source_updated_at, source_hash, buyer_email, ship_country, requested_ship_date,
                    requested_delivery_date, accepted_at, correlation_id, updated_at)
SELECT %s, id, connection_id, external_id, number, type, state, placed_at, currency, total, body, source_version,
       source_updated_at, source_hash, buyer_email, ship_country, requested_ship_date, requested_delivery_date,
       accepted_at, correlation_id, clock_timestamp()
FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::text[],
            %b::numeric[], %b::json[], %b::bigint[], %b::timestamptz[], %b::text[], %b::text[], %b::text[],
            %b::date[], %b::date[], %b::timestamptz[], %b::uuid[])
     AS g(id, connection_id, external_id, number, type, state, placed_at, currency, total, body, source_version,
          source_updated_at, source_hash, buyer_email, ship_country, requested_ship_date, requested_delivery_date,
          accepted_at, correlation_id)
ORDER BY connection_id, external_id
ON CONFLICT (tenant_id, connection_id, external_id) DO NOTHING
RETURNING id
"""


def create_orders(unit: Unit, facts: Facts, batch: Sequence[Incoming]) -> list[Incoming]:
    """Write new orders, hold what fails validation, source the rest.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        batch: orders nobody had when it was looked; each external id at most once.

    Returns:
        Those that another transaction created in the meantime: they are changes to existing orders now.
    """
    if not batch:
        return []
    _validate(unit, facts, batch)
    created = _insert(unit, batch)
    fresh = [each for each in batch if each.order_id in created]
    copy_rows(unit, t.order_line, LINE, [row for each in fresh for row in _line_rows(each)])
    for each in fresh:
        unit.event(
            "order.received",
            "order",
            each.order_id,
            {"external_id": each.document["external_id"], "number": each.document.get("number")},
            order_id=each.order_id,
        )
    _hold_or_accept(unit, facts, fresh)
    return [each for each in batch if each.order_id not in created]


def _validate(unit: Unit, facts: Facts, batch: Sequence[Incoming]) -> None:
    known = resolve_lines(unit, ((each.connection_id, line) for each in batch for line in each.document["lines"]))
    for each in batch:
        each.items = [item_of(known, each.connection_id, line) for line in each.document["lines"]]
        each.clashes = clashes(known, each.connection_id, each.document["lines"])
        each.line_ids = [uuid7() for _ in each.document["lines"]]
    live = [each for each in batch if not each.document.get("canceled_at")]
    judge(unit, facts, live)
    doubles = find_doubles(unit, facts, [(each, order_total(each.document)) for each in live])
    for each in live:
        if each.order_id in doubles:
            each.stops.append(doubles[each.order_id])


def judge(unit: Unit, facts: Facts, batch: Sequence[Incoming]) -> None:
    """Find what keeps each order, its items known, from being processed, and note it in its `stops`."""
    units = units_of(unit, {item for each in batch for item in units_asked(each.document, each.items)})
    agreed = most_units_of(unit, {each.connection_id for each in batch})
    for each in batch:
        each.stops = check_order(
            each.document, each.items, each.map_holds, facts.codes, now=unit.now, units=units, clashes=each.clashes,
            most_units=agreed.get(each.connection_id, facts.most_units),
        )  # fmt: skip


def _insert(unit: Unit, batch: Sequence[Incoming]) -> set[UUID]:
    columns: list[list[Any]] = [[] for _ in range(19)]
    for each in batch:
        document = each.document
        canceled = document.get("canceled_at") is not None
        state = "canceled" if canceled else "held" if each.stops else "accepted"
        row = (
            each.order_id,
            each.connection_id,
            document["external_id"],
            document.get("number"),
            document["type"],
            state,
            document["placed_at"],
            document["currency"],
            order_total(document),
            as_json(body_of(document)),
            document.get("source_version"),
            document.get("source_updated_at"),
            fingerprint(document),
            (document.get("buyer") or {}).get("email"),
            (document.get("ship_to") or {}).get("country"),
            document.get("requested_ship_date"),
            document.get("requested_delivery_date"),
            None if canceled or each.stops else unit.now,
            each.correlation,
        )
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return {row.id for row in unit.conn.exec_driver_sql(INSERT, (unit.tenant, *columns))}


def _line_rows(each: Incoming) -> list[tuple[Any, ...]]:
    canceled = each.document.get("canceled_at") is not None
    return [
        line_row(each.order_id, each.line_ids[index], index, line, each.items[index], canceled=canceled)
        for index, line in enumerate(each.document["lines"])
    ]


def _hold_or_accept(unit: Unit, facts: Facts, fresh: Sequence[Incoming]) -> None:
    stopped = [each for each in fresh if each.stops]
    canceled = [each for each in fresh if each.document.get("canceled_at")]
    going = [each for each in fresh if not each.stops and not each.document.get("canceled_at")]
    holds.place(
        unit,
        facts,
        [
            holds.Stopped(each.order_id, each.connection_id, order_total(each.document), each.line_ids, each.stops)
            for each in stopped
        ],
    )
    for each in canceled:
        unit.event("order.canceled", "order", each.order_id, {"by": "source"}, order_id=each.order_id)
    for each in going:
        unit.event("order.accepted", "order", each.order_id, order_id=each.order_id)
    refresh_phases(unit, [each.order_id for each in (*stopped, *canceled)])
    named = [(each.order_id, each.connection_id, each.document.get("reservation")) for each in (*stopped, *going)]
    tie_reservations(unit, named)
    to_source = []
    for each in going:
        document = each.document
        demands = [
            Demand(
                line_id, item, line["quantity"] - (line.get("removed") or ZERO), scaled(line.get("unit_price") or ZERO)
            )
            for line_id, item, line in zip(each.line_ids, each.items, document["lines"], strict=True)
            if item is not None
            and line.get("requires_shipping") is not False
            and line["quantity"] > (line.get("removed") or ZERO)
        ]
        to_source.append(
            Sourced(
                each.order_id, document.get("number") or document["external_id"], each.connection_id, demands,
                Destination((document.get("ship_to") or {}).get("country")), document["partial_shipment_allowed"],
                wishes=wishes_of(document),
                traits=order_traits(document["type"], order_total(document), document["currency"], document),
            )
        )  # fmt: skip
    finish_unshippable(unit, [each.order_id for each in to_source if not each.demands])
    lost = source_batch(unit, facts, [each for each in to_source if each.demands])
    # The release tells the ERP of an order with its allocation; the others are told of now, and again when allocated.
    tell_erp(unit, facts, [each.order_id for each in to_source if not each.released and each.order_id not in lost])


def tell_erp(unit: Unit, facts: Facts, order_ids: Sequence[UUID], event: str = "created") -> None:
    """Write deliveries that tell every ERP of these orders as they are now."""
    if order_ids:
        ids = list(dict.fromkeys(order_ids))
        documents = dict(zip(ids, read_orders(unit.conn, ids), strict=True))
        enqueue(unit, push_orders(facts, documents, event))


def finish_unshippable(unit: Unit, order_ids: Sequence[UUID]) -> None:
    """Complete orders that have nothing to ship."""
    if not order_ids:
        return
    unit.conn.exec_driver_sql(
        "UPDATE orders SET state = 'completed', completed_at = clock_timestamp(), sourcing_at = NULL,"
        " version = version + 1 WHERE tenant_id = %s AND id = ANY(%s::uuid[])",
        (unit.tenant, list(order_ids)),
    )
    refresh_phases(unit, order_ids)
    for order_id in order_ids:
        unit.event("order.completed", "order", order_id, order_id=order_id)
