"""An instance made smaller without losing its best plan: what cannot matter is left out, equal lines become one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.routing.instance import Instance, Tier

Ladder = tuple[tuple[int, int], ...]
"""(units, cost per unit) in ascending cost."""


@dataclass(frozen=True, slots=True)
class Row:
    """Lines that are filled as one: of one item, at the same cost everywhere; `demand` is what any plan can reach."""

    item: int
    lines: tuple[int, ...]
    demand: int


@dataclass(frozen=True, slots=True)
class Way:
    """An option that can ship something: `cells` is its ladder by row, `stock` the tiers by shared item.

    `limit` is its node's capacity, None where it cannot matter.
    """

    option: int
    node: int
    fixed: int
    cells: tuple[Ladder, ...]
    stock: tuple[tuple[Tier, ...], ...]
    limit: int | None


@dataclass(frozen=True, slots=True)
class Compact:
    """The smaller problem.

    Args:
        rows: what is wanted.
        ways: what may ship, ways of one node side by side.
        shared: rows by item, for items whose rows share their stock.
        most: how many nodes may ship.
        price: of one unit that is not shipped, more than any whole plan costs, so that units come first.
        size: no value of any plan exceeds it.
    """

    rows: tuple[Row, ...]
    ways: tuple[Way, ...]
    shared: tuple[tuple[int, ...], ...]
    most: int
    price: int
    size: int


def compact(instance: Instance) -> Compact:
    """Return the instance without options that can ship nothing or are beaten by another of their node."""
    rows = _rows(instance)
    by_item: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        by_item.setdefault(row[0], []).append(index)
    shared = tuple(tuple(each) for each in by_item.values() if len(each) > 1) if len(by_item) < len(rows) else ()
    ways = _ways(instance, rows, shared)
    demands = [_reach(ways, index, wanted) for index, (_, _, wanted) in enumerate(rows)]
    most = max(min(instance.most_nodes, len({way.node for way in ways})), 0)
    price = _price(ways, demands, most)
    return Compact(
        tuple(Row(item, lines, demand) for (item, lines, _), demand in zip(rows, demands, strict=True)),
        tuple(ways),
        shared,
        most,
        price,
        price * (sum(demands) + 1),
    )


def _rows(instance: Instance) -> list[tuple[int, tuple[int, ...], int]]:
    """Return (item, lines, units wanted): lines of one item are one row when they cost the same with every option."""
    if len(set(instance.item)) == len(instance.item):
        return [(item, (line,), instance.demand[line]) for line, item in enumerate(instance.item)]
    columns = list(zip(*[option.unit for option in instance.options], strict=True)) or [()] * len(instance.item)
    found: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for line, item in enumerate(instance.item):
        found.setdefault((item, columns[line]), []).append(line)
    return [(item, tuple(lines), sum(instance.demand[line] for line in lines)) for (item, _), lines in found.items()]


def _ways(
    instance: Instance, rows: Sequence[tuple[int, tuple[int, ...], int]], shared: Sequence[tuple[int, ...]]
) -> list[Way]:
    ways: dict[int, list[Way]] = {}
    stock, scale = instance.stock, instance.scale
    for index, option in enumerate(instance.options):
        node, unit = option.node, option.unit
        capacity = instance.capacity[node]
        cells: list[Ladder] = []
        able = False
        for item, lines, wanted in rows:
            cost = unit[lines[0]]
            tiers = stock.get((node, item)) if cost >= 0 else None
            cell = _ladder(tiers, cost, wanted if capacity is None else min(wanted, capacity)) if tiers else ()
            cells.append(cell)
            able = able or cell != ()
        if able:
            kept = tuple(
                tuple(tier for tier in stock.get((node, rows[group[0]][0]), ()) if tier.units > 0) for group in shared
            )
            if capacity is not None and sum([units for cell in cells for units, _ in cell]) <= capacity:
                capacity = None
            ways.setdefault(node, []).append(Way(index, node, option.fixed * scale, tuple(cells), kept, capacity))
    return [way for _, each in sorted(ways.items()) for way in (_unbeaten(each) if len(each) > 1 else each)]


def _ladder(tiers: Sequence[Tier], cost: int, wanted: int) -> Ladder:
    rungs: list[tuple[int, int]] = []
    for tier in tiers:
        units = tier.units
        if units >= wanted:
            return (*rungs, (wanted, cost + tier.extra)) if wanted > 0 else tuple(rungs)
        if units > 0:
            rungs.append((units, cost + tier.extra))
            wanted -= units
    return tuple(rungs)


def _unbeaten(ways: list[Way]) -> list[Way]:
    """Return the ways of one node that no other of them beats in every respect; the first of equals stays."""
    kept: list[Way] = []
    for way in sorted(ways, key=lambda each: (each.fixed, each.option)):
        if not any(_beats(other, way) for other in kept):
            kept = [other for other in kept if not _beats(way, other)]
            kept.append(way)
    return sorted(kept, key=lambda each: each.option)


def _beats(one: Way, other: Way) -> bool:
    """Return whether `one` carries what `other` carries, nothing of it at a higher cost (both ship the same stock)."""
    return one.fixed <= other.fixed and all(
        not theirs or (ours and ours[0][1] <= theirs[0][1]) for ours, theirs in zip(one.cells, other.cells, strict=True)
    )


def _reach(ways: Sequence[Way], row: int, wanted: int) -> int:
    """Return how many of the wanted units of a row there are at all nodes together."""
    most: dict[int, int] = {}
    for way in ways:
        units = 0
        for some, _ in way.cells[row]:
            units += some
        if units >= wanted:
            return wanted
        if units > most.get(way.node, 0):
            most[way.node] = units
    return min(sum(most.values()), wanted)


def _price(ways: Sequence[Way], demands: Sequence[int], most: int) -> int:
    """Return one more than the difference between the dearest and the cheapest plan can be."""
    dearest = most * max([way.fixed for way in ways], default=0)
    cheapest = 0
    for row, demand in enumerate(demands):
        # Ladders ascend: their ends are their extremes.
        cells = [way.cells[row] for way in ways if way.cells[row]]
        if cells:
            dearest += demand * max([cell[-1][1] for cell in cells])
            cheapest += demand * min([0, *[cell[0][1] for cell in cells]])
    return dearest - cheapest + 1
