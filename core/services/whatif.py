"""What if: another policy, a node switched off, a node with less room; put upon problems as they were or are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from core.domain.payloads import dump
from core.domain.policies import Traits, applies, check_policy
from core.domain.units import check_quantity
from core.errors import InputError
from core.routing.problem import Problem
from core.services.inforce import InForce, choose, in_force_of, ordered, read_in_force
from core.store.read.policies import policy_row

OFF = "switched off: what if"
FULL, WORKS = "full: ", "fulfillment orders"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is taken to be otherwise.

    Attributes:
        policies: those in force, first asked first; None leaves each problem its own.
        tried: the one that is tried among them, None where none is.
        now: those in force now; only orders that `tried` gets or that change from one policy to another are looked at.
            None looks at all.
        off: codes of nodes that take nothing.
        capacity: fulfillment orders a node takes a day, by its code.
    """

    policies: tuple[InForce, ...] | None = None
    tried: InForce | None = None
    now: tuple[InForce, ...] | None = None
    off: frozenset[str] = frozenset()
    capacity: Mapping[str, int] = field(default_factory=dict)

    def policy_for(self, traits: Traits) -> InForce | None:
        """Return the policy an order gets; None when it keeps the one it had."""
        return None if self.policies is None else choose(self.policies, traits)

    def concerns(self, traits: Traits) -> bool:
        """Return whether an order is looked at."""
        if self.now is None or self.policies is None:
            return True
        then, now = choose(self.policies, traits), choose(self.now, traits)
        return then is self.tried or (then.name, then.number) != (now.name, now.number)

    def for_order(self, traits: Traits) -> Scenario:
        """Return the scenario in which one order gets the version that is tried, whichever is asked first otherwise.

        Raises:
            InputError: the version is not for such an order.
        """
        if self.tried is None:
            return self
        if not applies(self.tried.conditions, traits):
            title = f"{self.tried.name}@{self.tried.number}"
            raise InputError(
                f"{title} is not for this order.",
                why=f"Its conditions are {dump(dict(self.tried.conditions))}.",
                fix="Name a version whose conditions the order meets.",
                code="ROUTE-POLICY-422",
            )
        return replace(self, policies=(self.tried,), now=None)

    def is_full(self, code: str, used: Mapping[str, int]) -> bool:
        """Return whether a node with less room takes no more on a day of which `used` says what leaves each node."""
        room = self.capacity.get(code)
        return room is not None and used.get(code, 0) >= room

    def put_upon(self, problem: Problem, traits: Traits, used: Mapping[str, int]) -> Problem:
        """Return a problem as it would be.

        Args:
            problem: as it is or was.
            traits: of its order, for the policy it gets.
            used: fulfillment orders each node has that day already, by code.
        """
        chosen = self.policy_for(traits)
        excluded = dict(problem.excluded)
        for node in problem.nodes:
            if node.code in self.off:
                excluded[node.id] = OFF
            elif self.is_full(node.code, used) and node.id not in excluded:
                excluded[node.id] = f"{FULL}{used.get(node.code, 0)} of {self.capacity[node.code]} {WORKS} that day"
        return replace(
            problem,
            policy=problem.policy if chosen is None else chosen.policy,
            partial_allowed=problem.partial_allowed if chosen is None else traits.parts and not chosen.ship_complete,
            excluded=excluded,
        )


def late_rather_than_never(problem: Problem, codes: Collection[str]) -> Problem:
    """Return a problem in which these nodes take an order although the day is full there; it leaves on a later one."""
    rooms = {node.id for node in problem.nodes if node.code in codes}
    excluded = {
        node: reason for node, reason in problem.excluded.items() if node not in rooms or not reason.startswith(FULL)
    }
    return replace(problem, excluded=excluded)


def trying(policy: InForce, now: Collection[InForce]) -> Scenario:
    """Return what would be if a version of a policy were in force instead of the one of its name that is."""
    kept = [each for each in now if each.name != policy.name]
    return Scenario(ordered([policy, *kept]), policy, ordered(now))


def retiring(policy: InForce, now: Collection[InForce]) -> Scenario:
    """Return what would be if a version that is in force were taken out and the others got its orders."""
    return Scenario(ordered([each for each in now if each.name != policy.name]), now=ordered(now))


def scenario_of(conn: Connection, words: Sequence[str], tenant: int) -> Scenario:
    """Return what `policy=NAME@V`, `node.CODE=off` and `node.CODE.capacity=N` say together.

    Raises:
        InputError: a word says none of these.
        NotFound: there is no such policy.
    """
    found = Scenario()
    for each in words:
        name, _, value = each.partition("=")
        if name == "policy" and value:
            row = policy_row(conn, value, tenant)
            policy = in_force_of(row.name, row.number, check_policy(row.document))
            found = replace(trying(policy, read_in_force(conn, tenant)), off=found.off, capacity=found.capacity)
            continue
        code = name.removeprefix("node.")
        if name.startswith("node.") and value == "off" and code:
            found = replace(found, off=found.off | {code})
        elif name.startswith("node.") and code.endswith(".off") and not value:
            found = replace(found, off=found.off | {code.removesuffix(".off")})
        elif name.startswith("node.") and code.endswith(".capacity") and value:
            room = int(check_quantity(value, each))
            found = replace(found, capacity={**found.capacity, code.removesuffix(".capacity"): room})
        else:
            raise InputError(
                f"{each[:80]!r} is nothing that can be otherwise.",
                fix="Say policy=NAME@V, node.CODE=off or node.CODE.capacity=N.",
                code="ROUTE-WHATIF-422",
            )
    return found


def check_nodes(scenario: Scenario, codes: Collection[str]) -> None:
    """Refuse a scenario that names a node nobody has.

    Raises:
        InputError: it does.
    """
    unknown = sorted((scenario.off | scenario.capacity.keys()) - set(codes))
    if unknown:
        raise InputError(
            f"There is no node {unknown[0][:40]!r}.",
            fix=f"Nodes are: {', '.join(sorted(codes))}.",
            code="ROUTE-NODE-404",
        )
