"""Which protection rules hold for an item: one for it replaces one for each, and a kit's floor keeps its components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from core.domain.protection import Rule
from core.domain.vocabulary import Protection

ZERO = Decimal(0)


class Rulebook:
    """The protection rules of one moment.

    Args:
        rules: those that hold, the one that began first first.
        kits: units per component of each kit.
    """

    def __init__(self, rules: Iterable[Rule], kits: Mapping[UUID, Mapping[UUID, Decimal]]) -> None:
        self.rules = list(rules)
        self._kits = kits
        self._general = [rule for rule in self.rules if rule.item_id is None]
        self._particular: dict[UUID, list[Rule]] = {}
        for rule in self.rules:
            if rule.item_id is not None:
                self._particular.setdefault(rule.item_id, []).append(rule)
        # Kits with a floor, by the component it keeps.
        self._floors: dict[UUID, list[tuple[UUID, Decimal]]] = {}
        for kit, parts in kits.items():
            if any(rule.kind is Protection.FLOOR for rule in self._particular.get(kit, ())):
                for part, units in parts.items():
                    self._floors.setdefault(part, []).append((kit, units))
        self._chosen: dict[UUID, dict[UUID | None, list[Rule]]] = {}

    def of(self, item: UUID) -> Mapping[UUID | None, Sequence[Rule]]:
        """Return the rules that hold for an item by node, the more particular and then the newer of two alike."""
        known = self._chosen.get(item)
        if known is None:
            best: dict[tuple[UUID, UUID | None, Protection], Rule] = {}
            # A rule for each item is one for each that lies on a shelf.
            general = () if item in self._kits else self._general
            for rule in (*general, *self._particular.get(item, ())):
                best[rule.connection_id, rule.node_id, rule.kind] = rule
            known = self._chosen[item] = {}
            for rule in best.values():
                known.setdefault(rule.node_id, []).append(rule)
            for kit, units in self._floors.get(item, ()):
                for node, own in self.of(kit).items():
                    floors = [rule.of_part(item, units) for rule in own if rule.kind is Protection.FLOOR]
                    if floors:
                        known.setdefault(node, []).extend(floors)
        return known

    def asked(self, item: UUID, node: UUID | None) -> Sequence[Rule]:
        """Return the rules asked for an item at a place; of a kit's, floors are asked for its components."""
        rules = self.of(item).get(node, ())
        return [rule for rule in rules if rule.kind is not Protection.FLOOR] if item in self._kits else rules

    def counts_over_all(self, item: UUID) -> bool:
        """Return whether a rule limits the units of an item over all nodes."""
        return any(rule.kind is not Protection.REMAINING_LIFE for rule in self.of(item).get(None, ()))

    def life(self, connection: UUID | None, item: UUID, node: UUID) -> int:
        """Return the days that a lot at a node must still have for a connection."""
        rules = self.of(item)
        asked = [
            rule.quantity
            for rule in (*rules.get(None, ()), *rules.get(node, ()))
            if rule.kind is Protection.REMAINING_LIFE and rule.connection_id == connection
        ]
        return int(max(asked, default=ZERO))
