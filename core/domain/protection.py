"""Protection rules: what each keeps from a channel, term by term.

Three kinds of rule. A **buffer** stays behind when its channel takes. A **cap** is the most that may be promised to its
channel at once. A **floor** is for its channel alone: what of it is not promised to that channel is kept from all
others. A **remaining life** is the number of days a lot must still have for its channel; an expired lot is for nobody.
A rule with a node holds there; a rule without one holds for the sum over all nodes. A rule for one item replaces a rule
of the same channel, node and kind for all items; of two alike, the one that began last holds.

A rule for a kit counts kits sold as kits. Its buffer and cap are asked when the kit is sold. Its floor keeps the
components: of each as many units as the kits that are still kept need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from core.domain.vocabulary import Protection

ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Rule:
    """One protection rule that holds now; without an item it is for each, without a node for all together.

    `kit_id` and `per_kit` are those of a kit's floor as one of its components sees it: `quantity` then is in units of
    the component, and so many of them are kept for each kit.
    """

    connection_id: UUID
    item_id: UUID | None
    node_id: UUID | None
    kind: Protection
    quantity: Decimal
    kit_id: UUID | None = None
    per_kit: Decimal = ONE

    def of_part(self, part: UUID, per_kit: Decimal) -> Rule:
        """Return this rule for a kit as it holds for a component, of which a kit has so many units."""
        return replace(self, item_id=part, quantity=self.quantity * per_kit, kit_id=self.item_id, per_kit=per_kit)


@dataclass(frozen=True, slots=True)
class Part:
    """One term of an availability figure: its name, its units with their sign, whose rule it is, and for which kit."""

    name: str
    units: Decimal
    connection_id: UUID | None = None
    kit_id: UUID | None = None


def terms(
    connection: UUID | None, rules: Sequence[Rule], free: Decimal, promised: Callable[[Rule], Decimal]
) -> list[Part]:
    """Return what each rule takes off, in order: floors of others, own buffer, own cap; never below 0.

    Args:
        connection: who takes.
        rules: those that hold at this place.
        free: what there is before them.
        promised: what counts as promised to a rule's connection already, in the rule's units.
    """
    found: list[Part] = []
    left = free

    def cut(rule: Rule, units: Decimal) -> None:
        nonlocal left
        units = min(units, max(left, ZERO))
        if units > 0:
            found.append(Part(rule.kind, -units, rule.connection_id, rule.kit_id))
            left -= units

    for rule in rules:
        if rule.kind is Protection.FLOOR and rule.connection_id != connection:
            cut(rule, rule.quantity - promised(rule))
    for rule in rules:
        if rule.kind is Protection.BUFFER and rule.connection_id == connection:
            cut(rule, rule.quantity)
    for rule in rules:
        if rule.kind is Protection.CAP and rule.connection_id == connection:
            cut(rule, left - max(rule.quantity - promised(rule), ZERO))
    return found
