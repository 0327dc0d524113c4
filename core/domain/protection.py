"""Protection rules: what each keeps from a channel, term by term.

Three kinds of rule. A **buffer** stays behind when its channel takes. A **cap** is the most that may be promised to its
channel at once. A **floor** is for its channel alone: what of it is not promised to that channel is kept from all
others. A **remaining life** is the number of days a lot must still have for its channel; an expired lot is for nobody.
A rule with a node holds there; a rule without one holds for the sum over all nodes. A rule for one item replaces a rule
of the same channel, node and kind for all items; of two alike, the one that began last holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from core.domain.vocabulary import Protection

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Rule:
    """One protection rule that holds now; without an item it is for each, without a node for all together."""

    connection_id: UUID
    item_id: UUID | None
    node_id: UUID | None
    kind: Protection
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Part:
    """One term of an availability figure: its name, its units with their sign, and whose rule it is."""

    name: str
    units: Decimal
    connection_id: UUID | None = None


def terms(
    connection: UUID | None, rules: Sequence[Rule], free: Decimal, promised: Callable[[UUID], Decimal]
) -> list[Part]:
    """Return what each rule takes off, in order: floors of others, own buffer, own cap; never below 0."""
    found: list[Part] = []
    left = free

    def cut(name: Protection, units: Decimal, owner: UUID) -> None:
        nonlocal left
        units = min(units, max(left, ZERO))
        if units > 0:
            found.append(Part(name, -units, owner))
            left -= units

    for rule in rules:
        if rule.kind is Protection.FLOOR and rule.connection_id != connection:
            cut(rule.kind, rule.quantity - promised(rule.connection_id), rule.connection_id)
    for rule in rules:
        if rule.kind is Protection.BUFFER and rule.connection_id == connection:
            cut(rule.kind, rule.quantity, rule.connection_id)
    for rule in rules:
        if rule.kind is Protection.CAP and rule.connection_id == connection:
            cut(rule.kind, left - max(rule.quantity - promised(rule.connection_id), ZERO), rule.connection_id)
    return found
