"""What is asked for when a date is asked for: the order it would be, as policies and sourcing look at one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from core.domain.ids import uuid7
from core.domain.payloads import jsonable
from core.domain.policies import order_traits
from core.errors import InputError
from core.routing.problem import Demand, Destination
from core.services.facts import Facts
from core.services.inforce import margin_of, needs_margins
from core.services.offer_terms import TERMS
from core.services.order_rows import order_total
from core.services.sourcing import Sourced
from core.services.tariffs import scaled
from core.services.wishes import wishes_of
from core.store.unit import Unit

if TYPE_CHECKING:
    from core.services.promising import Wanted

# Stands for no channel: rules that hold for one channel alone do not hold for it.
NO_CHANNEL = UUID(int=0)
NONE = Decimal(0)


def would_be(
    unit: Unit,
    facts: Facts,
    wanted: Sequence[Wanted],
    items: Sequence[UUID],
    destination: Destination,
    postal: str | None,
    connection: UUID | None,
    asked: Mapping[str, Any],
) -> Sourced:
    """Return what is asked for as the order it would be.

    Args:
        unit: the running transaction.
        facts: nodes, connections and the policies in force.
        wanted, items: what would be ordered, and what its SKUs mean.
        destination, postal: where it would go.
        connection: the channel it would come by.
        asked: what else the order would say, as it would say it: `TERMS` and `totals`.

    Raises:
        InputError: no node has the code of the one to fetch it at.
    """
    place = asked.get("pickup_node")
    if place is not None and all(node.code != place for node in facts.nodes.values()):
        raise InputError(
            f"There is no node {place!r} to fetch it at.",
            fix="Send the code of a node; GET /api/v1/nodes lists them.",
            code="PROMISE-PICKUP-422",
            errors=[{"path": "pickup_node", "reason": "no node has this code"}],
        )
    demands = [
        Demand(uuid7(), item, each.quantity, scaled(each.unit_price or NONE))
        for item, each in zip(items, wanted, strict=True)
    ]
    lines = [{"quantity": each.quantity, "unit_price": each.unit_price} for each in wanted]
    kind, currency = asked.get("type") or "b2c", asked.get("currency") or ""
    traits = order_traits(kind, order_total({**asked, "lines": lines}), currency, asked)
    priced = [(item, each.quantity, each.unit_price, each.discount) for item, each in zip(items, wanted, strict=True)]
    channel, parts = facts.connections.get(connection) if connection else None, asked.get("partial_shipment_allowed")
    return Sourced(
        uuid7(), "", connection or NO_CHANNEL, demands, destination, parts is not False,
        wishes=wishes_of({**asked, "ship_to": {"postal_code": postal}}),
        traits=replace(
            traits,
            connection=channel.name if channel else "",
            margin=margin_of(unit, priced) if needs_margins(facts.policies) else None,
            parts=parts is not False,
        ),
    )  # fmt: skip


def kept(asked: Mapping[str, Any], connection: str) -> dict[str, Any]:
    """Return what an offer was asked with, as it is kept with it; null is what was not said.

    Args:
        asked: of the order it would be, as `would_be` takes it.
        connection: the name of the channel, empty without.
    """
    return {"connection": connection or None, **{name: jsonable(asked.get(name)) for name in TERMS}}
