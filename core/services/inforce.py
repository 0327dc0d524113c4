"""The policies that are in force now, in the order they are asked, and which one an order gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from core.domain.policies import Traits, applies, check_policy
from core.routing.problem import SCALE, Policy
from core.store.unit import Unit

# Of each name the version that began last; a version approved for a time holds from that time on, whoever is late.
IN_FORCE = text("""
SELECT DISTINCT ON (name) name, number, document FROM policy
WHERE tenant_id = :t AND state IN ('active', 'approved') AND active_from <= clock_timestamp()
ORDER BY name, active_from DESC, number DESC
""")
FIGURES = """
sum(l.quantity * l.unit_price - coalesce(l.discount, 0)) AS value,
sum(l.quantity * (i.attributes->>'cost')::numeric) AS cost,
bool_and(l.unit_price IS NOT NULL AND i.attributes->>'cost' ~ '^[0-9]+([.][0-9]+)?$') AS known
"""
MARGINS = text(f"""
SELECT l.order_id, {FIGURES}
FROM order_line l LEFT JOIN item i ON i.tenant_id = l.tenant_id AND i.id = l.item_id
WHERE l.tenant_id = :t AND l.order_id = ANY(:ids) GROUP BY l.order_id
""")  # noqa: S608 - the interpolated text is constants
MARGIN = text(f"""
SELECT {FIGURES}
FROM unnest(CAST(:items AS uuid[]), CAST(:units AS numeric[]), CAST(:prices AS numeric[]),
            CAST(:discounts AS numeric[])) AS l(item_id, quantity, unit_price, discount)
LEFT JOIN item i ON i.tenant_id = :t AND i.id = l.item_id
""")  # noqa: S608 - the interpolated text is constants


@dataclass(frozen=True, slots=True)
class InForce:
    """One version of a policy as sourcing uses it.

    Attributes:
        name, number: which version of which policy.
        policy: what the solver is given.
        priority: higher is asked first.
        conditions: which orders it is for (core.domain.policies.ConditionsSchema).
        ship_complete: all or nothing, also for orders that allow parts.
        substitutes: whether approved substitutes go instead of lines nobody has.
        release_after_minutes: how long work waits for a wave before its node is told; 0 is not at all.
    """

    name: str
    number: int
    policy: Policy = field(default_factory=Policy)
    priority: int = 0
    conditions: Mapping[str, Any] = field(default_factory=dict)
    ship_complete: bool = False
    substitutes: bool = False
    release_after_minutes: int = 0


# For orders that no policy in force is for.
DEFAULT = InForce("cheapest", 1)


def in_force_of(name: str, number: int, document: Mapping[str, Any]) -> InForce:
    """Return a checked policy document as sourcing uses it."""
    return InForce(
        name,
        number,
        Policy(
            version=f"{name}@{number}",
            most_nodes=document["most_nodes"],
            late_penalty=int(document["late_penalty_percent"] * SCALE / 100),
            carbon_price=int(document["carbon_price"] * SCALE),
            load_penalty=int(document["load_penalty"] * SCALE),
            weights=dict(sorted(document["weights"].items())),
            budget_ms=document["search_ms"],
        ),
        document["priority"],
        document["conditions"],
        document["ship_complete"],
        document["substitutes"],
        document["release_after_minutes"],
    )


def read_in_force(conn: Connection, tenant: int) -> tuple[InForce, ...]:
    """Return the policies in force, first asked first: by priority, those with conditions before those without."""
    found = [
        in_force_of(row.name, row.number, check_policy(row.document)) for row in conn.execute(IN_FORCE, {"t": tenant})
    ]
    return ordered(found)


def ordered(policies: Collection[InForce]) -> tuple[InForce, ...]:
    """Return policies in the order they are asked."""
    return tuple(sorted(policies, key=lambda each: (-each.priority, not each.conditions, each.name)))


def choose(policies: Sequence[InForce], traits: Traits) -> InForce:
    """Return the first policy that is for an order; the one every hub is born with when none is."""
    return next((each for each in policies if applies(each.conditions, traits)), DEFAULT)


def needs_margins(policies: Sequence[InForce]) -> bool:
    """Return whether some policy looks at the margin, which is read only then."""
    return any("margin_percent" in each.conditions for each in policies)


def read_margins(unit: Unit, order_ids: Sequence[UUID]) -> dict[UUID, Decimal]:
    """Return the margins of orders in percent of their lines' value; orders with an unknown cost or price are left out.

    An item's cost stands in its attributes as `cost`, in the currency it is sold in.
    """
    rows = unit.conn.execute(MARGINS, {"t": unit.tenant, "ids": list(order_ids)})
    return {row.order_id: margin for row in rows if (margin := _margin(row)) is not None}


def margin_of(unit: Unit, lines: Sequence[tuple[UUID, Decimal, Decimal | None, Decimal | None]]) -> Decimal | None:
    """Return the margin of lines that are no order's yet: (item, units, unit price, discount) each; None as above."""
    items, units, prices, discounts = (list(column) for column in zip(*lines, strict=True))
    values = {"t": unit.tenant, "items": items, "units": units, "prices": prices, "discounts": discounts}
    return _margin(unit.conn.execute(MARGIN, values).one())


def _margin(row: Row[Any]) -> Decimal | None:
    return 100 * (row.value - row.cost) / row.value if row.known and row.value > 0 else None
