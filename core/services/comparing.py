"""Before and after in figures with intervals: of all orders, by node and by channel.

Intervals are 95 % bootstrap intervals over blocks of neighboring decisions. The same draws serve every figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.intelligence.scores import wilson
from core.routing.problem import SCALE
from core.services.replayed import AtNode, Block, Figures, Replayed

Json = dict[str, Any]
Array = NDArray[np.float64]
Draws = Mapping[str, Array]
KEPT = "promise_kept_percent"
DRAWS = 1_000
SEED = 20_260_101
INTERVAL = (2.5, 97.5)
Z_95 = 1.959963984540054
NO_FIGURES = Figures()
# Units of an amount in one of what is shown.
AMOUNTS = {"cost": 1 / SCALE, "carbon": 1 / 1_000}


def comparison(replayed: Replayed, total: Figures, capacity: Mapping[str, int | None]) -> Json:
    """Return the figures of a simulation.

    Args:
        replayed: what decisions came to.
        total: its sums over all orders.
        capacity: fulfillment orders a node takes a day, by its code; None where it has no limit.
    """
    if not total.orders:
        return {"by_node": [], "by_channel": []}
    draw = _drawer(replayed.blocks)
    found = _figures(total, draw([block.total for block in replayed.blocks]))
    if KEPT in found:
        found[KEPT] |= _told(total, replayed.parcels)
    by_channel = []
    for name in sorted({name for block in replayed.blocks for name in block.channels}):
        parts = [block.channels.get(name, NO_FIGURES) for block in replayed.blocks]
        each = Figures()
        for part in parts:
            each.add(part)
        by_channel.append({"connection": name or None, "orders": each.orders, **_figures(each, draw(parts))})
    return {**found, "by_node": _by_node(replayed, capacity, draw), "by_channel": by_channel}


def _figures(total: Figures, draws: Draws) -> Json:
    """Return cost, splits, shortages and kept promises, before and after, each with the interval of its change."""
    found: Json = {"cost_per_order": {"compared": total.compared, **_change(total, draws, "cost", "compared")}}
    if total.carbon_before or total.carbon_after:
        found["carbon_kg_per_order"] = {"known": total.weighed, **_change(total, draws, "carbon", "weighed")}
    for name in ("split", "short"):
        found[f"{name}_percent"] = _change(total, draws, name, "orders")
    if total.known:
        found[KEPT] = {
            "known": total.known,
            "learned": total.learned,
            "stated": total.known - total.learned,
            **_change(total, draws, "kept", "known"),
        }
    return found


def _told(total: Figures, parcels: int) -> Json:
    """Return what the kept promises rest on: deliveries known at the end, and what was kept where that is settled."""
    found: Json = {"parcels": parcels, "settled": {"orders": total.told}}
    if total.told:
        share = total.told_kept / total.told
        low, high = wilson(share, total.told, Z_95)
        found["settled"] |= {
            "reckoned": round(100 * total.told_said / total.told, 2),
            "kept": round(100 * share, 2),
            "interval": [round(100 * low, 2), round(100 * high, 2)],
        }
    return found


def _change(total: Figures, draws: Draws, name: str, of: str) -> Json:
    """Return one figure: costs in the currency and carbon in kilograms, with changes in percent; others of orders."""
    relative = name in AMOUNTS
    before, after, whole = (getattr(total, each) for each in (f"{name}_before", f"{name}_after", of))
    scale = AMOUNTS.get(name, 100.0)
    base = before if relative else whole
    changes = draws[f"{name}_after"] - draws[f"{name}_before"]
    return {
        "before": round(scale * before / whole, 4) if whole else None,
        "after": round(scale * after / whole, 4) if whole else None,
        "change_percent" if relative else "change_points": round(100 * (after - before) / base, 3) if base else None,
        "interval": _interval(changes, draws[f"{name}_before" if relative else of]),
    }


def _by_node(replayed: Replayed, capacity: Mapping[str, int | None], draw: Callable[..., Draws]) -> list[Json]:
    days = replayed.by_day()
    rows = []
    for code in sorted({code for code, _ in days}):
        total, parts = AtNode(), []
        for block in replayed.blocks:
            part = AtNode()
            for (name, _), each in block.nodes.items():
                if name == code:
                    part.add(each)
            total.add(part)
            parts.append(part)
        own, room, draws = [each for (name, _), each in days.items() if name == code], capacity.get(code), draw(parts)
        row: Json = {"node": code, "capacity_per_day": room}
        for when in ("before", "after"):
            works = [getattr(each, f"shipments_{when}") for each in own]
            row[when] = {
                "shipments": sum(works),
                "units": format(getattr(total, f"units_{when}"), "f"),
                "peak_a_day": max(works),
                "days_over": None if room is None else sum(each > room for each in works),
            }
        moved = total.shipments_after - total.shipments_before
        row["change_percent"] = round(100 * moved / total.shipments_before, 3) if total.shipments_before else None
        changes = draws["shipments_after"] - draws["shipments_before"]
        row["interval"] = _interval(changes, draws["shipments_before"])
        row[KEPT] = _kept_at(total, draws)
        rows.append(row)
    return rows


def _kept_at(total: AtNode, draws: Draws) -> Json | None:
    """Return the kept promises of a node's shipments, None where nothing is known of them before or after."""
    if not total.known_before and not total.known_after:
        return None
    shares = {
        when: getattr(total, f"kept_{when}") / known if (known := getattr(total, f"known_{when}")) else None
        for when in ("before", "after")
    }
    found: Json = {when: None if share is None else round(100 * share, 4) for when, share in shares.items()}
    before, after = shares["before"], shares["after"]
    found["change_points"] = None if before is None or after is None else round(100 * (after - before), 3)
    drawn = (draws["known_before"] > 0) & (draws["known_after"] > 0)
    ratios = {when: draws[f"kept_{when}"][drawn] / draws[f"known_{when}"][drawn] for when in ("before", "after")}
    found["interval"] = _interval(ratios["after"] - ratios["before"], np.ones(int(drawn.sum())))
    return found


def _interval(changes: Array, bases: Array) -> list[float] | None:
    """Return the ends of the interval of changes over their bases, in percent; None where nothing was drawn."""
    ratios = 100 * changes[bases > 0] / bases[bases > 0]
    return [round(float(end), 3) for end in np.percentile(ratios, INTERVAL)] if len(ratios) else None


def _drawer(blocks: Sequence[Block]) -> Callable[[Sequence[Figures] | Sequence[AtNode]], Draws]:
    """Return what sums parts of blocks over `DRAWS` draws with replacement: the bootstrap of B. Efron, 1979."""
    chance = np.random.default_rng(SEED)
    times = chance.multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), size=DRAWS).astype(float)

    def draw(parts: Sequence[Figures] | Sequence[AtNode]) -> Draws:
        names = type(parts[0]).__slots__
        matrix = np.array([[float(getattr(part, name)) for name in names] for part in parts])
        drawn = times @ matrix
        return {name: drawn[:, at] for at, name in enumerate(names)}

    return draw
