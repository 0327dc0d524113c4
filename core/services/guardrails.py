"""What a simulation came to, in figures with intervals, and whether the guardrails hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.routing.problem import SCALE
from core.services.simulating import AtNode, Figures, Replayed
from core.store.read.text import instant

Json = dict[str, Any]
Array = NDArray[np.float64]
# What every policy is held to unless it says otherwise; docs/policies.md has the reasons.
USUAL: Mapping[str, Decimal] = {"cost_up_percent": Decimal(5), "short_up_points": Decimal(1)}
# The stricter of two is the lower one, except for what must be kept.
KEPT = "promise_kept_percent"
DRAWS = 1_000
SEED = 20_260_101
INTERVAL = (2.5, 97.5)


def strictest(documents: Collection[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Return the strictest of several policies' guardrails, so that no version loosens those it is held to itself."""
    found: dict[str, Decimal] = {}
    for document in documents:
        for name, limit in {**USUAL, **document["guardrails"]}.items():
            pick = max if name == KEPT else min
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
        capacity: units a node takes a day, by its code; None where it has no limit.
    """
    total = Figures()
    for block in replayed.blocks:
        total.add(block)
    found: Json = {
        "since": instant(since),
        "until": instant(until),
        "orders": total.orders,
        "moved": total.moved,
        "others": replayed.others,
        "unread": replayed.unread,
    }
    if total.orders:
        found |= _figures(replayed.blocks, total)
    found["by_node"] = _by_node(replayed, capacity)
    found["by_channel"] = [
        {"connection": name or None, "orders": each.orders, **_figures([each], each, drawn=False)}
        for name, each in sorted(replayed.channels.items())
    ]
    found["guardrails"] = [_held(name, limit, found) for name, limit in sorted(limits.items())] if total.orders else []
    found["passed"] = all(each["holds"] for each in found["guardrails"])
    return found


def _figures(blocks: list[Figures], total: Figures, *, drawn: bool = True) -> Json:
    """Return cost, splits, shortages and kept promises, before and after, each with the interval of its change."""
    draws = _draws(blocks) if drawn else None
    found: Json = {"cost_per_order": {"compared": total.compared, **_change(total, draws, "cost", "compared")}}
    for name in ("split", "short"):
        found[f"{name}_percent"] = _change(total, draws, name, "orders")
    if total.known:
        found[KEPT] = {"known": total.known, **_change(total, draws, "kept", "known")}
    return found


def _change(total: Figures, draws: Mapping[str, Array] | None, name: str, of: str) -> Json:
    """Return one figure: costs in the currency with their change in percent, the others in percent of orders."""
    relative = name == "cost"
    before, after, whole = (getattr(total, each) for each in (f"{name}_before", f"{name}_after", of))
    scale = 1 / SCALE if relative else 100.0
    found: Json = {
        "before": round(scale * before / whole, 4) if whole else None,
        "after": round(scale * after / whole, 4) if whole else None,
    }
    base = before if relative else whole
    key = "change_percent" if relative else "change_points"
    found[key] = round(100 * (after - before) / base, 3) if base else None
    if draws is not None:
        bases = draws[f"{name}_before" if relative else of]
        changes = 100 * (draws[f"{name}_after"] - draws[f"{name}_before"])[bases > 0] / bases[bases > 0]
        ends = np.percentile(changes, INTERVAL) if len(changes) else ()
        found["interval"] = [round(float(end), 3) for end in ends] or None
    return found


def _draws(blocks: list[Figures]) -> dict[str, Array]:
    """Return sums over blocks drawn with replacement, `DRAWS` times: the bootstrap of B. Efron, 1979, by blocks."""
    matrix = np.array([[getattr(block, name) for name in Figures.__slots__] for block in blocks], dtype=float)
    chance = np.random.default_rng(SEED)
    times = chance.multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), size=DRAWS)
    drawn = times @ matrix
    return {name: drawn[:, at] for at, name in enumerate(Figures.__slots__)}


def _by_node(replayed: Replayed, capacity: Mapping[str, int | None]) -> list[Json]:
    days: dict[str, list[AtNode]] = {}
    for (code, _), day in replayed.nodes.items():
        days.setdefault(code, []).append(day)
    rows = []
    for code, found in sorted(days.items()):
        room = capacity.get(code)
        row: Json = {"node": code, "capacity_per_day": room}
        for when in ("before", "after"):
            units = [getattr(each, f"units_{when}") for each in found]
            row[when] = {
                "shipments": sum(getattr(each, f"shipments_{when}") for each in found),
                "units": format(sum(units, Decimal(0)), "f"),
                "peak_units_a_day": format(max(units), "f"),
                "days_over": None if room is None else sum(each > room for each in units),
            }
        rows.append(row)
    return rows


def _held(name: str, limit: Decimal, found: Json) -> Json:
    """Return one guardrail with what was found; what is not known does not hold."""
    value = {
        "cost_up_percent": lambda: found["cost_per_order"]["change_percent"],
        "short_up_points": lambda: found["short_percent"]["change_points"],
        "split_percent": lambda: found["split_percent"]["after"],
        KEPT: lambda: found.get(KEPT, {}).get("after"),
    }[name]()
    holds = value is not None and (value >= float(limit) if name == KEPT else value <= float(limit))
    return {"name": name, "limit": float(limit), "value": value, "holds": holds}
