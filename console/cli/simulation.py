"""The report of a simulation as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.grounds import amounts, grounds

if TYPE_CHECKING:
    from console.cli.base import Session

Json = dict[str, Any]


def show_report(session: Session, found: Json) -> None:
    """Write figures before and after, by node and channel, and the guardrails."""
    click.echo(f"{amounts(found)} decided again")
    for line in grounds(found):
        click.echo(line)
    if not found["orders"]:
        _guardrails(found)
        return
    cost = found["cost_per_order"]
    lines = [("cost per order", cost, "", "change_percent", " %", 2)]
    if "promise_kept_percent" in found:
        lines.append(("promise kept", found["promise_kept_percent"], " %", "change_points", " pt", 1))
    if "carbon_kg_per_order" in found:
        lines.append(("CO2e per order", found["carbon_kg_per_order"], " kg", "change_percent", " %", 2))
    lines += [
        ("split orders", found["split_percent"], " %", "change_points", " pt", 1),
        ("short orders", found["short_percent"], " %", "change_points", " pt", 1),
    ]
    for title, figures, unit, change, points, digits in lines:
        before, after = (_number(figures[when], digits, unit) for when in ("before", "after"))
        click.echo(f" {title:<15} {before:>9} → {after:<9} {signed(figures[change], points):>9}   {_interval(figures)}")
    session.out.rows([_node(each) for each in found["by_node"]], NODE)
    session.out.rows([_channel(each) for each in found["by_channel"]], CHANNEL)
    _guardrails(found)


def verdict(found: Json) -> str:
    """Return what a simulation means for the change it is of, in a sentence."""
    retiring = found["change"] == "retire"
    if found["passed"] is None:
        return (
            f"No order was decided yet: until then {found['policy']} may be {'retired' if retiring else 'activated'}."
        )
    if retiring:
        ends = "passes: a second person may retire it" if found["passed"] else "breaks a guardrail and is refused"
        return f"Retiring {found['policy']} {ends}."
    return f"{found['policy']} {'passes' if found['passed'] else 'breaks a guardrail and cannot be activated'}."


def _guardrails(found: Json) -> None:
    for each in found["guardrails"]:
        mark = "✓" if each["holds"] else "✗"
        value = "not known" if each["value"] is None else f"{each['value']:g}"
        click.echo(f" {mark} {each['name'].replace('_', ' ')}: {value}, limit {each['limit']:g}")


NODE = ("node", "shipments", "units", "peak=peak a day", "over=days over capacity", "kept=promise kept")
CHANNEL = ("connection", "orders", "cost=cost per order", "split=split orders", "kept=promise kept")


def _node(each: Json) -> Json:
    before, after = each["before"], each["after"]
    over = None if after["days_over"] is None else f"{before['days_over']} → {after['days_over']}"
    return {
        "node": each["node"],
        "shipments": f"{before['shipments']:,} → {after['shipments']:,}",
        "units": f"{before['units']} → {after['units']}",
        "peak": f"{before['peak_a_day']} → {after['peak_a_day']}",
        "over": over,
        "kept": _share(each.get("promise_kept_percent")),
    }


def _channel(each: Json) -> Json:
    cost, split = each["cost_per_order"], each["split_percent"]
    return {
        "connection": each["connection"],
        "orders": each["orders"],
        "cost": f"{_number(cost['before'], 2, '')} → {_number(cost['after'], 2, '')}",
        "split": f"{_number(split['before'], 1, ' %')} → {_number(split['after'], 1, ' %')}",
        "kept": _share(each.get("promise_kept_percent")),
    }


def _share(figure: Json | None) -> str | None:
    if not figure:
        return None
    return f"{_number(figure['before'], 1, ' %')} → {_number(figure['after'], 1, ' %')}"


def signed(value: float | None, unit: str) -> str:
    """Return a change with its sign; a dash where nothing could be compared."""
    return "–" if value is None else f"{'−' if value < 0 else '+'}{abs(value):.1f}{unit}"


def _number(value: float | None, digits: int, unit: str) -> str:
    return "–" if value is None else f"{value:.{digits}f}{unit}"


def _interval(figures: Json) -> str:
    ends = figures.get("interval")
    return "" if not ends else f"95 %: {signed(ends[0], '')} to {signed(ends[1], '')}"
