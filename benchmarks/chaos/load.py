"""Customers: they order in the shops, some change their mind, and the shops' webhooks do the rest."""

from __future__ import annotations

import threading
import time
from collections import Counter

from benchmarks.chaos.plan import Plan
from benchmarks.common import rng
from console.demo.company import Company
from console.demo.control import Control
from core.errors import CrossdockError

CANCELED, EDITED = 0.04, 0.03


class Load(threading.Thread):
    """Places the plan's orders at its rate; `placed` has "connection:number" of each."""

    def __init__(self, plan: Plan, company: Company, control: Control) -> None:
        super().__init__(name="load", daemon=True)
        self._plan = plan
        self._company = company
        self._control = control
        self._dice = rng(plan.seed + 1)
        self._stopped = threading.Event()
        self.placed: list[str] = []
        self.asked: Counter[str] = Counter()
        self.failure: Exception | None = None

    def stop(self) -> None:
        """Place no more."""
        self._stopped.set()

    def run(self) -> None:
        """Place all orders; what a person does later to an order comes a few orders later."""
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - the run's verdict names it
            self.failure = error

    def _run(self) -> None:
        began = time.monotonic()
        errands: list[tuple[int, str, str, int]] = []
        for number in range(self._plan.orders):
            wait = began + number / self._plan.rate - time.monotonic()
            if self._stopped.wait(max(wait, 0)):
                return
            shop = self._company.pick_channel(self._dice).connection
            items = self._dice.sample(self._company.items, self._dice.choices((1, 2, 3), (60, 30, 10))[0])
            lines = [{"sku": item.sku, "quantity": self._dice.choices((1, 2, 3), (50, 30, 20))[0]} for item in items]
            order = int(self._control.ask(shop, "order", {"lines": lines}))
            self.placed.append(f"{shop}:{order}")
            fate = self._dice.random()
            if fate < CANCELED + EDITED:
                act = "cancel" if fate < CANCELED else "edit"
                errands.append((number + self._dice.randint(1, 40), act, shop, order))
            for errand in [each for each in errands if each[0] <= number]:
                errands.remove(errand)
                self._change_mind(*errand[1:])
        for errand in errands:
            self._change_mind(*errand[1:])

    def _change_mind(self, act: str, shop: str, order: int) -> None:
        book = self._control.ask(shop, "book", {"order": order})
        if book["canceled"] or book["fulfilled"]:
            return
        more = {"reason": "customer"}
        if act == "edit":
            line = next((each for each in book["lines"] if each[1] > 1), None)
            if line is None:
                return
            more = {"line": line[0], "quantity": line[1] - 1}
        try:
            self._control.ask(shop, act, {"order": order, **more})
        except CrossdockError:
            self.asked[f"{act}_refused"] += 1  # it was shipped in this very moment
        else:
            self.asked[act] += 1
