"""What an order asks of its shipping: where to, how fast, and between which days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an order asks of its shipping.

    Args:
        postal_code: of the ship-to address, as written.
        service_level: such as `express`.
        pickup_node: code of the node where the buyer fetches it.
        ship_by: the day it is to leave at the latest.
        deliver_by: the day it is to arrive at the latest.
        ship_from: the day it may leave at the earliest.
        deliver_from: the day it may arrive at the earliest.
    """

    postal_code: str | None = None
    service_level: str | None = None
    pickup_node: str | None = None
    ship_by: date | None = None
    deliver_by: date | None = None
    ship_from: date | None = None
    deliver_from: date | None = None


def wishes_of(order: Mapping[str, Any]) -> Wishes:
    """Return the wishes in a canonical order; the day it is asked to leave on is its first day and its last."""

    def days(*names: str) -> list[date]:
        found = [order.get(name) for name in names]
        return [date.fromisoformat(each) if isinstance(each, str) else each for each in found if each]

    return Wishes(
        (order.get("ship_to") or {}).get("postal_code"),
        order.get("service_level"),
        order.get("pickup_node"),
        min(days("requested_ship_date", "ship_not_after"), default=None),
        min(days("requested_delivery_date", "deliver_not_after"), default=None),
        max(days("requested_ship_date", "ship_not_before"), default=None),
        max(days("deliver_not_before"), default=None),
    )
