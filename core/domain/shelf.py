"""What may be taken from stock, and by whom: free units less what protection rules keep from a channel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from core.domain.lots import Lot, Picked, fits, pick
from core.domain.protection import Part, Rule, terms
from core.domain.rulebook import Rulebook
from core.domain.vocabulary import Protection

ZERO = Decimal(0)
Key = tuple[UUID, UUID]
# Units per component of each kit.
Kits = Mapping[UUID, Mapping[UUID, Decimal]]
NO_PARTS: Kits = {}
NO_KITS: Mapping[Key, Decimal] = {}
EXPIRED_LOTS = "expired_lots"
"""The part of a figure that nobody may have, whatever the rules."""


class Shelf:
    """Free units at nodes as each channel may take them.

    Args:
        free: units free per (item, node).
        rules: those that hold, the one that began first first.
        promised: units promised and not yet shipped per (connection, item, node), where a cap or floor asks; of a kit
            the kits, whose components count as units of theirs as well.
        idle: nodes switched off; what lies there does not count in sums over all nodes.
        kits: units per component of each kit.
        lots: sellable lots per (item, node), for items that have lots.
        freshest: items of which the freshest lot leaves first.
        days: the day it is at each node, which the life of lots is counted from.
    """

    def __init__(
        self,
        free: Mapping[Key, Decimal],
        rules: Iterable[Rule] = (),
        promised: Mapping[tuple[UUID, UUID, UUID], Decimal] | None = None,
        idle: Collection[UUID] = (),
        kits: Kits | None = None,
        lots: Mapping[Key, Sequence[Lot]] | None = None,
        freshest: Collection[UUID] = (),
        days: Mapping[UUID, date] | None = None,
    ) -> None:
        self.free = dict(free)
        # Of what is free, units that may be promised beyond what is there, where supply is waited for.
        self.beyond: dict[Key, Decimal] = {}
        # When units taken leave their node, as far as it is known: what expires before is of no use to who takes.
        self.leaves: Mapping[UUID, date] = {}
        self.kits = kits or {}
        self._rules = Rulebook(rules, self.kits)
        self._promised = dict(promised or {})
        self._idle = frozenset(idle)
        self._lots = lots or {}
        self.perishes = bool(self._lots)
        self._freshest = frozenset(freshest)
        self._days = days or {}
        self._plain = not self._rules.rules and not self._lots
        self._by_item: dict[UUID, dict[UUID, Decimal]] | None = None

    def copy(self) -> Shelf:
        """Return a shelf to try things on."""
        lots = {key: [replace(lot) for lot in own] for key, own in self._lots.items()}
        held = self._promised, self._idle, self.kits, lots, self._freshest, self._days
        found = Shelf(self.free, self._rules.rules, *held)
        found.leaves = self.leaves
        return found

    def expand(self, item: UUID, units: Decimal) -> dict[UUID, Decimal]:
        """Return what these units are on the shelf: the components of a kit, or the item itself."""
        parts = self.kits.get(item)
        return {item: units} if parts is None else {part: units * each for part, each in parts.items()}

    def needs(self, wanted: Iterable[tuple[UUID, UUID, Decimal]]) -> dict[Key, Decimal]:
        """Return the sum per (item on the shelf, node) of (item, node, units) wanted together."""
        found: dict[Key, Decimal] = {}
        for item, node, units in wanted:
            for part, number in self.expand(item, units).items():
                found[part, node] = found.get((part, node), ZERO) + number
        return found

    def kits_in(self, wanted: Iterable[tuple[UUID, UUID, Decimal]]) -> dict[Key, Decimal]:
        """Return the sum per (kit, node) of those of (item, node, units) that are kits."""
        found: dict[Key, Decimal] = {}
        for item, node, units in wanted:
            if item in self.kits:
                found[item, node] = found.get((item, node), ZERO) + units
        return found

    def room(self, connection: UUID | None, item: UUID, node: UUID) -> Decimal:
        """Return the units a channel may take at one node; whole kits for a kit."""
        if item in self.kits:
            whole = self.whole(connection, item, node)
            return whole + sum((each.units for each in self._at(connection, item, node, whole)), ZERO)
        free = self.free.get((item, node), ZERO)
        if self._plain or not (self._lots or node in self._rules.of(item)):
            return free
        return max(sum((each.units for each in self._at(connection, item, node, free)), free), ZERO)

    def figures(self, connection: UUID | None, item: UUID) -> tuple[Decimal, dict[UUID, Decimal]]:
        """Return `total` and of it what a channel may take at each node an item has a place at, all in one go."""
        places = self._places()
        if item in self.kits:
            shared = set.intersection(*(set(places.get(part, ())) for part in self.kits[item]))
            total = self.total(connection, item)
            return total, {node: min(self.room(connection, item, node), total) for node in shared}
        rooms = places.get(item, {})
        if self._lots or any(node is not None for node in self._rules.of(item)):
            rooms = {node: self.room(connection, item, node) for node in rooms}
        whole = sum((units for node, units in rooms.items() if node not in self._idle), ZERO)
        total = max(sum((each.units for each in self._over(connection, item, whole)), whole), ZERO)
        return total, rooms if total == whole else {node: min(room, total) for node, room in rooms.items()}

    def whole(self, connection: UUID | None, kit: UUID, node: UUID) -> Decimal:
        """Return the whole kits that a channel may take the components of at one node."""
        return min(self.room(connection, part, node) // units for part, units in self.kits[kit].items())

    def total(self, connection: UUID | None, item: UUID) -> Decimal:
        """Return the units a channel may take over all active nodes; whole kits for a kit."""
        if item in self.kits:
            kits = self._kits(connection, item)
            return kits + sum((each.units for each in self.parts(connection, item, None)), ZERO)
        rooms = sum((self.room(connection, item, node) for node in self._active(item)), ZERO)
        return max(sum((each.units for each in self._over(connection, item, rooms)), rooms), ZERO)

    def parts(self, connection: UUID | None, item: UUID, node: UUID | None) -> list[Part]:
        """Return the terms that rules add to what is free at a node, or over all nodes; none cuts below 0.

        Over all nodes a kit has less than at its nodes together where rules over all nodes hold for its components.
        """
        if item in self.kits:
            if node is not None:
                return self._at(connection, item, node, self.whole(connection, item, node))
            kits = self._kits(connection, item)
            shared = (self.total(connection, part) // units for part, units in self.kits[item].items())
            cut = min([kits, *shared]) - kits
            return [*([Part("components", cut)] if cut else []), *self._over(connection, item, kits + cut)]
        if node is None:
            rooms = sum((self.room(connection, item, each) for each in self._active(item)), ZERO)
            return self._over(connection, item, rooms)
        return self._at(connection, item, node, self.free.get((item, node), ZERO))

    def missing(
        self, connection: UUID | None, needs: Mapping[Key, Decimal], kits: Mapping[Key, Decimal] = NO_KITS
    ) -> dict[Key, Decimal]:
        """Return the units of these needs, all of them together, that the channel may not take; empty when it may.

        Args:
            connection: the channel.
            needs: units on the shelf, those of kits included.
            kits: the kits among them, which the rules for kits are asked for: each kit by itself, as if it were taken
                before all else.
        """
        free = self.free
        if self._plain:
            return {key: units - free.get(key, ZERO) for key, units in needs.items() if free.get(key, ZERO) < units}
        found: dict[Key, Decimal] = {}
        for wanted in (needs, kits):
            sums: dict[UUID, Decimal] = {}
            for (item, node), units in wanted.items():
                room = self.room(connection, item, node)
                if room < units:
                    found[item, node] = units - room
                sums[item] = sums.get(item, ZERO) + units
            for item, units in sums.items():
                if not self._rules.counts_over_all(item):
                    continue
                over = units - self.total(connection, item) - sum(u for (each, _), u in found.items() if each == item)
                if over > 0:
                    key = max((key for key in wanted if key[0] == item), key=lambda key: (wanted[key], key))
                    found[key] = found.get(key, ZERO) + over
        return found

    def take(
        self, connection: UUID | None, needs: Mapping[Key, Decimal], kits: Mapping[Key, Decimal] = NO_KITS
    ) -> dict[Key, Picked]:
        """Take units off the shelf, count them as promised to the channel, and return their lots, if any.

        Args:
            connection: the channel.
            needs: units on the shelf, those of kits included.
            kits: the kits among them.
        """
        picked: dict[Key, Picked] = {}
        self._by_item = None
        if self._rules.rules and connection is not None:
            for (item, node), units in (*needs.items(), *kits.items()):
                place = (connection, item, node)
                self._promised[place] = self._promised.get(place, ZERO) + units
        for key, units in needs.items():
            self.free[key] = self.free.get(key, ZERO) - units
            if key in self._lots:
                earliest = self._earliest(connection, *key)
                picked[key] = pick(self._lots[key], units, earliest, freshest=key[0] in self._freshest)
        return picked

    def give(
        self,
        connection: UUID | None,
        units: Mapping[Key, Decimal],
        counted: Mapping[Key, Decimal],
        lots: Mapping[tuple[UUID, UUID, str], Decimal],
    ) -> None:
        """Put promised units back, with those that counted as promised to the channel; negative ones undo it.

        `counted` has the kits among them as well.
        """
        self._by_item = None
        self.free.update({key: self.free.get(key, ZERO) + number for key, number in units.items()})
        for key, number in counted.items():
            place = (connection, *key)
            if connection is not None and place in self._promised:
                self._promised[place] -= number
        for (item, node, name), number in lots.items():
            for lot in self._lots.get((item, node), ()):
                if lot.lot == name:
                    lot.free += number

    def offered(
        self, connection: UUID | None, wanted: Mapping[UUID, Decimal], nodes: Collection[UUID]
    ) -> dict[Key, Decimal]:
        """Return what may be planned with per (item, node), kits included.

        Where all nodes together have more room than a rule over all of them leaves, and less is left than is wanted,
        the fullest nodes keep theirs, idle ones last.
        """
        found: dict[Key, Decimal] = {}
        for item, units in wanted.items():
            rooms = {node: room for node in nodes if (room := self.room(connection, item, node)) > 0}
            if self._rules.rules and rooms:
                left = self.total(connection, item)
                if left < units:
                    for node in sorted(rooms, key=lambda node: (node in self._idle, -rooms[node], node)):
                        rooms[node] = min(rooms[node], left)
                        left -= rooms[node]
            found.update({(item, node): room for node, room in rooms.items() if room > 0})
        return found

    def _kits(self, connection: UUID | None, kit: UUID) -> Decimal:
        """Return the whole kits at active nodes, each node by itself."""
        places = set.intersection(*(set(self._active(part)) for part in self.kits[kit]))
        return sum((max(self.room(connection, kit, node), ZERO) for node in places), ZERO)

    def _active(self, item: UUID) -> Sequence[UUID]:
        return [node for node in self._places().get(item, ()) if node not in self._idle]

    def _places(self) -> dict[UUID, dict[UUID, Decimal]]:
        """Return free units by item and node; taking units forgets it."""
        if self._by_item is None:
            self._by_item = {}
            for (item, node), units in self.free.items():
                self._by_item.setdefault(item, {})[node] = units
        return self._by_item

    def _at(self, connection: UUID | None, item: UUID, node: UUID, free: Decimal) -> list[Part]:
        rules = self._rules.asked(item, node)
        found: list[Part] = []
        if (item, node) in self._lots:
            lots, earliest = self._lots[item, node], self._earliest(connection, item, node)
            # Each promise has its lot, so nothing is promised beyond the lots that are there.
            asked = [(Protection.REMAINING_LIFE, earliest, connection)] if earliest > self._day(node) else []
            for name, day, owner in ((EXPIRED_LOTS, self._day(node), None), *asked):
                fitting = sum((lot.free for lot in lots if fits(lot, day)), ZERO)
                if (cut := min(free - fitting, max(free, ZERO))) > 0:
                    found.append(Part(name, -cut, owner))
                    free -= cut
        if not rules:
            return found
        return found + terms(connection, rules, free, lambda rule: self._counted(rule, item, node))

    def _earliest(self, connection: UUID | None, item: UUID, node: UUID) -> date:
        """Return the day a lot must last to: till it leaves, and as long as the connection's rules ask."""
        life = timedelta(days=self._rules.life(connection, item, node))
        return max(self._days.get(node, date.min) + life, self._day(node))

    def _day(self, node: UUID) -> date:
        """Return the day before which a lot at a node must not expire: it leaves then, or it is that day there."""
        return max(self._days.get(node, date.min), self.leaves.get(node, date.min))

    def _over(self, connection: UUID | None, item: UUID, rooms: Decimal) -> list[Part]:
        rules = self._rules.asked(item, None)
        if not rules:
            return []
        return terms(connection, rules, rooms, lambda rule: self._counted(rule, item, None))

    def _counted(self, rule: Rule, item: UUID, node: UUID | None) -> Decimal:
        """Return what is promised to a rule's connection at a node, or at all, in units of the item."""
        owner, counts = rule.connection_id, rule.kit_id or item
        if node is not None:
            return self._promised.get((owner, counts, node), ZERO) * rule.per_kit
        own = (u for (who, each, _), u in self._promised.items() if (who, each) == (owner, counts))
        return sum(own, ZERO) * rule.per_kit
