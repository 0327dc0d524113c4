"""Random histories of orders, edits, cancellations, holds, reports, counts and reservations on the real database.

After each step the books agree, nothing is oversold, each line's sums hold, and every order that is not final has a
next step. What a person or a partner asks for may be refused; it may never break a rule.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from core.domain.vocabulary import HoldKind
from core.errors import CrossdockError, Declined, OutcomeUnknown, Rejected, Transient
from core.services.actions import apply_case
from core.services.backorders import wake_backorders
from core.services.canceling import cancel_order
from core.services.holds import place_hold, release_hold
from core.services.replaying import replay_message, retry_delivery
from core.services.reserving import Wanted, expire_reservations, reserve_many
from core.services.stock import adjust_stock
from core.store import schema
from core.store.unit import Store, Unit
from tests.core import stock_rules
from tests.core.world import World, now

REPORTS = ("acknowledged", "picking", "rejected", "canceled", "cancel_declined")
SKUS, NODES = ("A", "B", "C"), ("HAM", "LYS")
NO_NEXT_STEP = """
SELECT o.id, o.state, o.phase FROM orders o
WHERE o.state NOT IN ('completed', 'canceled') AND o.sourcing_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM delivery d
                  WHERE d.order_id = o.id AND d.state IN ('due', 'waiting', 'sending', 'unknown'))
  AND NOT EXISTS (SELECT 1 FROM case_member m JOIN exception_case c ON c.id = m.case_id
                  WHERE m.order_id = o.id AND m.resolved_at IS NULL
                    AND c.state IN ('open', 'auto_resolving', 'assigned', 'snoozed'))
  AND NOT EXISTS (SELECT 1 FROM fulfillment_order f WHERE f.order_id = o.id AND f.state IN
      ('planned', 'released', 'on_hold', 'acknowledged', 'picking', 'partly_shipped', 'canceling'))
"""
FINAL_WITH_OPEN = """
SELECT o.id, o.state FROM orders o WHERE o.state IN ('completed', 'canceled') AND (
    EXISTS (SELECT 1 FROM order_line l WHERE l.order_id = o.id AND l.quantity > l.canceled + l.shipped)
    OR EXISTS (SELECT 1 FROM reservation r WHERE r.order_id = o.id AND r.state = 'allocated'))
"""
OPEN_WITHOUT_UNITS = """
SELECT o.id, o.state FROM orders o WHERE o.state NOT IN ('completed', 'canceled') AND NOT EXISTS (
    SELECT 1 FROM order_line l WHERE l.order_id = o.id AND l.quantity > l.canceled + l.shipped)
"""
CRASHED = "SELECT topic, error FROM message WHERE error ->> 'code' IN ('MSG-CRASH-500', 'MSG-STORE-422')"
# More of both, and other histories each time: CROSSDOCK_TEST_HISTORIES=200 pytest tests/core/test_histories.py
RANDOM = "CROSSDOCK_TEST_HISTORIES" in os.environ
EXAMPLES = int(os.environ.get("CROSSDOCK_TEST_HISTORIES", "12"))
STEPS = 40

baskets = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 6), min_size=1, max_size=3)
anything = st.integers(0, 10**6)


class Histories(RuleBasedStateMachine):
    """One hub, driven at random; `fresh` makes the world of an example."""

    fresh: Callable[[], World]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).fresh()
        self.bodies: list[dict[str, Any]] = []
        self.groups: list[UUID] = []
        self.shipments = 0

    # -- what happens in the shop

    @rule(lines=baskets, partial=st.booleans())
    def order(self, lines: dict[str, int], partial: bool) -> None:
        """Somebody orders."""
        body = self.world.order(lines, partial_shipment_allowed=partial, source_version=1)
        self.bodies.append(body)
        self._receive("order", body)

    @rule(units=st.integers(1, 3))
    def order_something_unknown(self, units: int) -> None:
        """Somebody orders what the hub does not know."""
        body = self.world.order({"UNKNOWN": units, "B": 1}, source_version=1)
        self.bodies.append(body)
        self._receive("order", body)

    @precondition(lambda self: self.bodies)
    @rule(which=anything, lines=baskets, removed=st.integers(0, 3), moved=st.booleans())
    def edit(self, which: int, lines: dict[str, int], removed: int, moved: bool) -> None:
        """A newer picture of an order: other quantities, lines more or fewer, maybe another address."""
        place = which % len(self.bodies)
        old = self.bodies[place]
        fresh = self.world.order(lines)
        fresh["lines"][0]["removed"] = str(min(removed, int(fresh["lines"][0]["quantity"])))
        body = {**old, "lines": fresh["lines"], "totals": None, "source_version": old["source_version"] + 1}
        if moved:
            body["ship_to"] = {**old["ship_to"], "city": f"City {which}"}
        self.bodies[place] = body
        self._receive("order", body)

    @precondition(lambda self: self.bodies)
    @rule(which=anything)
    def an_old_picture_again(self, which: int) -> None:
        """A picture that was overtaken comes late."""
        self._receive("order", {**self.bodies[which % len(self.bodies)], "source_version": 0, "note": f"late {which}"})

    @precondition(lambda self: self.bodies)
    @rule(which=anything, whole=st.booleans())
    def cancel_at_the_source(self, which: int, whole: bool) -> None:
        """The shop cancels."""
        body = self.bodies[which % len(self.bodies)]
        more = {} if whole else {"lines": [{"external_id": "L1", "quantity": "1"}]}
        self._receive("order_cancel", {"external_id": body["external_id"], **more})

    @precondition(lambda self: self.bodies)
    @rule(which=anything, restock=st.sampled_from(("cancel", "return", "none")))
    def refund(self, which: int, restock: str) -> None:
        """The shop pays a unit back."""
        body = self.bodies[which % len(self.bodies)]
        lines = [{"external_id": "L1", "quantity": "1", "restock": restock}]
        refund = {"external_id": f"R{which}", "order_external_id": body["external_id"], "lines": lines}
        self._receive("refund", refund)

    # -- what people do

    @rule(which=anything, units=st.integers(1, 3))
    def cancel_units(self, which: int, units: int) -> None:
        """A person cancels some units of a line."""
        line = self._pick("SELECT id, order_id FROM order_line ORDER BY id", which)
        if line is not None:
            with self._asked() as unit:
                cancel_order(unit, self.world.facts, line.order_id, {line.id: Decimal(units)}, "asked")

    @rule(which=anything)
    def hold(self, which: int) -> None:
        """A person stops an order."""
        order = self._pick("SELECT id FROM orders ORDER BY id", which)
        if order is not None:
            with self._asked() as unit:
                place_hold(unit, self.world.facts, order.id, HoldKind.MANUAL, "call the buyer")

    @rule(which=anything)
    def release(self, which: int) -> None:
        """A person lets an order go on."""
        hold = self._pick("SELECT id, order_id FROM hold WHERE state = 'active' ORDER BY id", which)
        if hold is not None:
            with self._asked() as unit:
                release_hold(unit, hold.order_id, hold.id)
            self.world.drain()

    @rule(which=anything)
    def apply_an_exception(self, which: int) -> None:
        """A person takes the recommended way out."""
        case = self._pick("SELECT id FROM exception_case WHERE state = 'open' ORDER BY id", which)
        if case is not None:
            with self._asked() as unit:
                apply_case(unit, self.world.facts, self.world.hub.connectors, case.id, args={"sku": "A"})
            self.world.drain()

    @rule(which=anything)
    def replay(self, which: int) -> None:
        """A person has a message read again."""
        message = self._pick("SELECT id FROM message ORDER BY id", which)
        if message is not None:
            with self._asked() as unit:
                replay_message(unit, message.id)
            self.world.drain()

    # -- what nodes report

    @rule(
        which=anything, status=st.sampled_from(("acknowledged", "picking", "rejected", "canceled", "cancel_declined"))
    )
    def report(self, which: int, status: str) -> None:
        """A node says how its work goes, in any order."""
        if (work := self._work(which)) is not None:
            self._receive("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": status}, self.world.wms)

    @rule(which=anything, sku=st.sampled_from(SKUS), units=st.integers(1, 4))
    def short(self, which: int, sku: str, units: int) -> None:
        """A node cannot find some units."""
        if (work := self._work(which)) is not None:
            lines = [{"sku": sku, "quantity": str(units)}]
            report = {"fulfillment": f"ful_{work.id.hex}", "status": "short", "lines": lines}
            self._receive("fulfillment_update", report, self.world.wms)

    @rule(which=anything, sku=st.sampled_from(SKUS), units=st.integers(1, 9), whole=st.booleans())
    def ship(self, which: int, sku: str, units: int, whole: bool) -> None:
        """A node ships all, some, or more than it was asked to; also work it was told to stop."""
        if (work := self._work(which)) is not None:
            self.shipments += 1
            report: dict[str, Any] = {"external_id": f"S{self.shipments}", "fulfillment": f"ful_{work.id.hex}"}
            if not whole:
                report["lines"] = [{"sku": sku, "quantity": str(units)}]
            self._receive("shipment", report, self.world.wms)

    @rule(which=anything, sku=st.sampled_from(SKUS), units=st.integers(1, 3))
    def split(self, which: int, sku: str, units: int) -> None:
        """A person cuts work in two before its node knows of it."""
        if (work := self._work(which)) is not None:
            stock_rules.split(self.world, work.id, sku, units)
            self.world.drain()

    @rule(which=anything, other=anything)
    def merge(self, which: int, other: int) -> None:
        """A person makes one of two pieces of work."""
        if (work := self._work(which)) is not None:
            stock_rules.merge(self.world, [work.id, self._work(other).id])
            self.world.drain()

    @rule(which=anything, node=st.sampled_from(NODES))
    def move(self, which: int, node: str) -> None:
        """A person gives work to another node."""
        if (work := self._work(which)) is not None:
            stock_rules.move(self.world, work.id, node)
            self.world.drain()

    @rule(which=anything, status=st.sampled_from(("in_transit", "disturbed", "delivered", "lost")))
    def track(self, which: int, status: str) -> None:
        """A carrier says something."""
        shipment = self._pick("SELECT external_id FROM shipment ORDER BY id", which)
        if shipment is not None:
            fact = {"shipment": shipment.external_id, "status": status, "occurred_at": now().isoformat()}
            self._receive("tracking", fact, self.world.wms)

    # -- stock

    @rule(sku=st.sampled_from(SKUS), node=st.sampled_from(NODES), units=st.integers(0, 25), old=st.booleans())
    def count(self, sku: str, node: str, units: int, old: bool) -> None:
        """A node counts, also less than is promised, also late."""
        stock_rules.count(self.world, sku, node, units, now() - timedelta(minutes=5) if old else now())
        self.world.drain()

    @rule(sku=st.sampled_from(SKUS), node=st.sampled_from(NODES), delta=st.integers(-5, 10), safety=st.integers(0, 3))
    def adjust(self, sku: str, node: str, delta: int, safety: int) -> None:
        """A person corrects a position."""
        with self._asked() as unit:
            adjust_stock(unit, sku, node, delta=Decimal(delta), safety=Decimal(safety), reason="found")

    @rule(sku=st.sampled_from(SKUS), node=st.sampled_from(NODES), units=st.integers(1, 8))
    def reserve(self, sku: str, node: str, units: int) -> None:
        """A checkout wants units kept."""
        key = self.world.items[sku], self.world.nodes[node]
        with self.world.store.begin() as unit:
            [answer] = reserve_many(unit, [Wanted({key: Decimal(units)})])
        if answer.group_id is not None:
            self.groups.append(answer.group_id)

    @precondition(lambda self: self.groups)
    @rule(which=anything)
    def give_back(self, which: int) -> None:
        """A checkout is left."""
        stock_rules.give_back(self.world, self.groups[which % len(self.groups)])

    @rule()
    def expire(self) -> None:
        """All reservations run out, and backorders look for what has become free."""
        with self.world.store.begin() as unit:
            unit.conn.execute(text("UPDATE reservation SET expires_at = clock_timestamp() WHERE state = 'held'"))
            expire_reservations(unit)
        with self.world.store.begin() as unit:
            wake_backorders(unit)
        self.world.drain()

    # -- what partners answer

    @rule(
        steps=st.lists(
            st.sampled_from(
                (
                    "ok",
                    Transient("Away."),
                    OutcomeUnknown("Cut.", after=True),
                    OutcomeUnknown("Cut."),
                    Rejected("No."),
                    Declined("Too late."),
                )
            ),
            max_size=6,
        )
    )
    def deliver(self, steps: list[CrossdockError | str]) -> None:
        """Everything due is delivered, with these answers of the warehouse system."""
        wms = self.world.partners.partners["wms"]
        wms.script = list(steps)
        self._pauses_end()
        self.world.deliver()
        wms.script = []
        self.world.drain()

    @rule(which=anything)
    def send_again(self, which: int) -> None:
        """A person has a dead letter sent again."""
        dead = self._pick("SELECT id FROM delivery WHERE state = 'dead' ORDER BY id", which)
        if dead is not None:
            with self._asked() as unit:
                retry_delivery(unit, dead.id)

    # -- rules

    @invariant()
    def books(self) -> None:
        """Positions, ledger, reservations, lines, work and phases agree."""
        stock_rules.check_stock(self.world)

    @invariant()
    def next_steps(self) -> None:
        """What is final has nothing open; what is open has a next step."""
        assert self.world.all(FINAL_WITH_OPEN) == []
        assert self.world.all(OPEN_WITHOUT_UNITS) == []
        assert self.world.all(NO_NEXT_STEP) == []

    @invariant()
    def no_crash(self) -> None:
        """No message was refused because the hub itself failed on it, and no partner was told the same twice."""
        assert self.world.all(CRASHED) == []
        doubled = [
            (name, reference)
            for name, partner in self.world.partners.partners.items()
            for reference, pushes in partner.effects.items()
            if len(pushes) > 1
        ]
        assert doubled == []

    # -- tools

    def _receive(self, topic: str, body: dict[str, Any], connection: UUID | None = None) -> None:
        self.world.send(topic, body, connection)
        self.world.drain()
        self.world.drain()

    def _pick(self, sql: str, which: int) -> Any:
        rows = self.world.all(sql)
        return rows[which % len(rows)] if rows else None

    def _work(self, which: int) -> Any:
        return self._pick("SELECT id FROM fulfillment_order ORDER BY id", which)

    def _asked(self) -> "_Asked":
        return _Asked(self.world.store)

    def _pauses_end(self) -> None:
        with self.world.store.begin() as unit:
            unit.conn.execute(text("UPDATE connection SET paused_until = NULL"))


class _Asked:
    """A unit of work for something a person asks for, which may be refused and then changes nothing."""

    def __init__(self, store: Store) -> None:
        self._block = store.begin(actor="user:mira")

    def __enter__(self) -> Unit:
        return self._block.__enter__()

    def __exit__(self, *error: Any) -> bool:
        if error[0] is not None and issubclass(error[0], CrossdockError):
            with suppress(CrossdockError):
                self._block.__exit__(*error)
            return True
        self._block.__exit__(*error)
        return False


def test_random_histories_break_no_rule(store: Store) -> None:
    tables = ", ".join(f'"{table.name}"' for table in schema.metadata.sorted_tables)

    def fresh() -> World:
        with store.begin() as unit:
            unit.conn.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        return World(store, {("A", "HAM"): 8, ("B", "HAM"): 5, ("A", "LYS"): 4, ("C", "LYS"): 6})

    run_state_machine_as_test(
        type("Run", (Histories,), {"fresh": staticmethod(fresh)}),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not RANDOM,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
