"""Rules of thumb that order systems route by, to see what the exact search saves over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from core.routing.filling import cost_of
from core.routing.instance import Instance, Solution


class Cart:
    """A plan in the making: what is left in stock and wanted, and the option each node ships by."""

    def __init__(self, instance: Instance) -> None:
        """Begin with nothing taken."""
        self.instance = instance
        self.ladders = {
            place: [[tier.units, tier.extra] for tier in ladder] for place, ladder in instance.stock.items()
        }
        self.wanted = list(instance.demand)
        self.room = [sum(instance.demand) if limit is None else limit for limit in instance.capacity]
        self.by_node: dict[int, int] = {}
        self.taken: dict[tuple[int, int], int] = {}

    def free(self, line: int, option: int) -> bool:
        """Return whether the option may ship something of the line as the plan stands."""
        found = self.instance.options[option]
        if found.unit[line] < 0 or not self.room[found.node] or self.by_node.get(found.node, option) != option:
            return False
        if found.node not in self.by_node and len(self.by_node) >= self.instance.most_nodes:
            return False
        return any(units for units, _ in self.ladders.get((found.node, self.instance.item[line]), ()))

    def price(self, line: int, option: int) -> float:
        """Return what a unit of the line costs on average, the shipment with it when its node ships nothing yet."""
        found = self.instance.options[option]
        cost = 0 if found.node in self.by_node else found.fixed * self.instance.scale
        left = self.wanted[line]
        for units, extra in self.ladders[found.node, self.instance.item[line]]:
            some = min(units, left)
            cost += some * (found.unit[line] + extra)
            left -= some
        return cost / (self.wanted[line] - left)

    def take(self, line: int, option: int) -> None:
        """Take as much of the line as the option has."""
        found = self.instance.options[option]
        for tier in self.ladders.get((found.node, self.instance.item[line]), ()):
            units = min(tier[0], self.wanted[line], self.room[found.node])
            if units:
                self.room[found.node] -= units
                tier[0] -= units
                self.wanted[line] -= units
                self.by_node[found.node] = option
                self.taken[line, option] = self.taken.get((line, option), 0) + units

    def plan(self) -> Solution:
        """Return the plan as it stands; such rules prove nothing."""
        units = sum(self.taken.values())
        return Solution(self.taken, cost_of(self.instance, self.taken), units, False, 0, 0, 0)


def greedy_by_line(instance: Instance) -> Solution:
    """Fill one line after the other, each from where a unit of it is cheapest, new shipments counted in."""
    cart = Cart(instance)
    for line in range(len(instance.demand)):
        _fill_line(cart, line, range(len(instance.options)), cart.price)
    return cart.plan()


def nearest_node(instance: Instance, far: Sequence[float]) -> Solution:
    """Take everything the nearest node has by its cheapest shipment, then the next, as far as the split limit goes."""
    cart = Cart(instance)
    for node in sorted(range(len(instance.nodes)), key=lambda each: (far[each], each)):
        options = [index for index, option in enumerate(instance.options) if option.node == node]
        for line in range(len(instance.demand)):
            _fill_line(cart, line, options, lambda _line, option: instance.options[option].fixed)
    return cart.plan()


def _fill_line(cart: Cart, line: int, options: Iterable[int], price: Callable[[int, int], float]) -> None:
    options = list(options)
    while cart.wanted[line]:
        able = [option for option in options if cart.free(line, option)]
        if not able:
            return
        cart.take(line, min(able, key=lambda option: (price(line, option), option)))
