"""The report of a simulation, and whether the guardrails hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.services.comparing import KEPT, comparison
from core.services.replayed import Replayed
from core.store.read.text import instant

Json = dict[str, Any]
# What every policy is held to unless it says otherwise; docs/policies.md has the reasons.
USUAL: Mapping[str, Decimal] = {"cost_up_percent": Decimal(5), "short_up_points": Decimal(1)}


def strictest(documents: Collection[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Return the strictest of several policies' guardrails, so that no version loosens those it is held to itself."""
    found: dict[str, Decimal] = {}
    for document in documents:
        for name, limit in {**USUAL, **document["guardrails"]}.items():
            pick = max if name == KEPT else min  # of two limits the stricter
            found[name] = pick(found.get(name, limit), limit)
    return found


def report(
    replayed: Replayed,
    limits: Mapping[str, Decimal],
    since: datetime | None,
    until: datetime,
    capacity: Mapping[str, int | None],
) -> Json:
    """Return the report of a simulation.

    Args:
        replayed: what decisions came to.
        limits: guardrails by name.
        since, until: the time the decisions were made in.
        capacity: fulfillment orders a node takes a day, by its code; None where it has no limit.
    """
    total = replayed.total()
    found: Json = {
        "since": instant(since),
        "until": instant(until),
        "orders": total.orders,
        "decisions": replayed.decisions,
        "looked_at": replayed.looked_at,
        "moved": total.moved,
        "later": {"orders": total.later, "days": round(total.later_days / total.later, 2) if total.later else 0},
        "others": replayed.others,
        "unread": replayed.unread,
        "stock": {"carried": replayed.carried, "touched": replayed.touched, "unmet": replayed.unmet},
        **comparison(replayed, total, capacity),
    }
    # Where no order was compared no figure is known, and nothing holds.
    found["guardrails"] = [_held(name, limit, found) for name, limit in sorted(limits.items())]
    found["passed"] = all(each["holds"] for each in found["guardrails"])
    return found


def _held(name: str, limit: Decimal, found: Json) -> Json:
    """Return one guardrail with what was found; what is not known does not hold."""
    figure, key = {
        "cost_up_percent": ("cost_per_order", "change_percent"),
        "short_up_points": ("short_percent", "change_points"),
        "split_percent": ("split_percent", "after"),
        KEPT: (KEPT, "after"),
    }[name]
    value = found.get(figure, {}).get(key)
    holds = value is not None and (value >= float(limit) if name == KEPT else value <= float(limit))
    return {"name": name, "limit": float(limit), "value": value, "holds": holds}
