"""One client of the history: a process that does random things to stock and writes down each call and each answer.

Both go to a file of its own, the call before it is made, so that a client killed in the middle leaves an operation
whose outcome nobody knows. The call's name is the cause in the ledger: what became of it can be found there. As
checkouts do behind the hub's door, a client asks for many reservations in one call, each with an answer of its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from benchmarks.common import open_bench_hub, rng
from benchmarks.stock_history.plants import plant
from benchmarks.stock_history.wishes import WISHES, Effect, Wish, batch, effect_of, kits_of
from benchmarks.stock_history.world import CAPPED, KIT, LOTS, NODES, PARTS, PLAIN, UNITS, names
from core.domain.documents import check_document
from core.domain.vocabulary import DocumentType
from core.errors import CrossdockError
from core.services import reserving
from core.services.canceling import cancel_order
from core.services.reserving import Granted, Wanted, expire_reservations, release_group
from core.services.statuses import change_status
from core.services.stock import set_on_hand
from core.services.submit import submit_order
from core.services.transfer_receipts import receive_transfer
from core.services.transfers import send_transfer
from core.store.unit import Unit

# Kinds of calls with how often each is chosen; a batch is as many operations as it has reservations.
MIX = {
    "batch": 24, "reserve": 16, "kit": 3, "lot": 4, "capped": 5, "release": 20, "expire": 8, "count": 6, "send": 4,
    "receive": 4, "status": 2, "order": 2, "edit": 1, "cancel": 2,
}  # fmt: skip
LONGEST_BATCH = 300
AWAY_SECONDS = 0.1
# Reservations a client remembers in order to give them back; the others run out.
MOST_KEPT = 100


class Refused(Exception):
    """The hub said no, for want of units."""


class Client:
    """A process's part of the history."""

    def __init__(self, url: str, place: int, life: int, seed: int, log: TextIO) -> None:
        self.hub = open_bench_hub(url, pool=2)
        self.name = f"c{place}-{life}"
        self.dice = rng(seed * 1_000_003 + place * 1_009 + life)
        self.log = log
        self.items, self.nodes, self.connections = names(self.hub)
        self.groups: list[tuple[UUID, Effect]] = []
        self.transfers: list[tuple[UUID, str, Effect]] = []
        self.orders: list[tuple[UUID, dict[str, Any]]] = []
        self.number = 0

    def run(self, operations: int) -> None:
        """Do so many operations."""
        kinds, weights = list(MIX), list(MIX.values())
        done = 0
        while done < operations:
            [kind] = self.dice.choices(kinds, weights)
            made = self._take(kind) if kind in WISHES else getattr(self, f"_{kind}")()
            if made is not None:
                self._do(kind, *made)
                done += len(made[0].get("b", "1"))

    def _do(self, kind: str, told: dict[str, Any], act: Callable[[Unit], Any], after: Callable[[Any], None]) -> None:
        self.number += 1
        name = f"{self.name}-{self.number}"
        self._write({"i": name, "k": kind, "n": len(told.get("b", "1")), "t0": time.monotonic_ns(), **told})
        try:
            with self.hub.store.begin(actor="history", cause=name) as unit:
                found = act(unit)
        except (Refused, CrossdockError):
            outcome = "refused"
        except IntegrityError as error:
            outcome = f"wall: {str(error.orig)[:80]}"
        except (OperationalError, DBAPIError) as error:
            known = isinstance(error.orig, psycopg.errors.DeadlockDetected)
            outcome = "deadlock" if known else "unknown"
        else:
            outcome = "ok"
        if outcome == "unknown":
            # It may take effect at any time from now on, so nothing is said of its end.
            self._wait()
            return
        said = {"a": [each.group_id is not None for each in found]} if kind == "batch" and outcome == "ok" else {}
        self._write({"i": name, "t1": time.monotonic_ns(), "r": outcome, **said})
        if outcome == "ok":
            after(found)

    def _wait(self) -> None:
        """Return when the database answers again."""
        while True:
            try:
                with self.hub.store.read() as conn:
                    conn.execute(text("SELECT 1"))
            except OperationalError:
                time.sleep(AWAY_SECONDS)
            else:
                return

    def _write(self, line: dict[str, Any]) -> None:
        self.log.write(json.dumps(line, default=str) + "\n")
        self.log.flush()

    # -- what is done; each returns what to write down, how to do it, and what to remember when it was done

    def _take(self, kind: str) -> Any:
        wish = WISHES[kind](self.dice)
        effect = effect_of(wish)

        def act(unit: Unit) -> UUID:
            [granted] = self._reserve(unit, [wish])
            if granted.group_id is None:
                raise Refused
            return granted.group_id

        return {"e": effect}, act, lambda group: self.groups.append((group, effect))

    def _reserve(self, unit: Unit, wishes: Sequence[Wish]) -> list[Granted]:
        """Reserve request by request, or as checkouts do: hoping first that there is plenty."""
        wanted = list(map(self._wanted, wishes))
        granted = None
        if self.dice.random() < 0.5:
            with self.hub.store.at_once(actor=unit.actor, cause=unit.cause) as alone:
                granted = reserving.reserve_plenty(alone, wanted)
        return reserving.reserve_many(unit, wanted) if granted is None else granted

    def _wanted(self, wish: Wish) -> Wanted:
        units, connection = wish
        keys = {(self.items[sku], self.nodes[node]): Decimal(each) for (sku, node), each in units.items()}
        whom = self.connections[connection] if connection else None
        parts = {self.items[sku]: each for sku, each in PARTS.items()}
        return Wanted(keys, self.dice.choice((0.2, 0.5, 3.0)), whom, {self.items[KIT]: parts} if kits_of(wish) else {})

    def _batch(self) -> Any:
        wishes = batch(self.dice, LONGEST_BATCH)
        effects = [effect_of(each) for each in wishes]

        def keep(answers: list[Granted]) -> None:
            kept = [(each.group_id, effect) for each, effect in zip(answers, effects, strict=True) if each.group_id]
            self.groups = [*self.groups, *kept][-MOST_KEPT:]

        told = {"b": effects, "kits": list(map(kits_of, wishes)), "clock": time.time()}
        return told, lambda unit: self._reserve(unit, wishes), keep

    def _release(self) -> Any:
        if not self.groups:
            return None
        group, effect = self.groups.pop(self.dice.randrange(len(self.groups)))
        back = [(sku, node, "reserved", -units) for sku, node, _, units in effect]
        return {"e": back}, lambda unit: release_group(unit, group), lambda _: None

    def _expire(self) -> Any:
        return {}, expire_reservations, lambda _: None

    def _count(self) -> Any:
        sku, node = self.dice.choice((*PLAIN, CAPPED)), self.dice.choice(NODES)
        units = self.dice.randint(int(UNITS / 2), int(UNITS * 4 / 3))
        counts = {(self.items[sku], self.nodes[node]): Decimal(units)}
        return (
            {"c": (sku, node, units)},
            lambda unit: set_on_hand(unit, counts, None, "adjust"),
            lambda _: None,
        )

    def _send(self) -> Any:
        source, target = self.dice.sample(NODES, 2)
        sku, units = self.dice.choice((*PLAIN, LOTS)), self.dice.randint(1, 8)
        reference = f"{self.name}-{self.number + 1}"
        lines = [{"sku": sku, "quantity": Decimal(units)}]
        back = [(sku, target, "on_hand", units)]
        return (
            {"e": [(sku, source, "on_hand", -units)]},
            lambda unit: send_transfer(unit, reference=reference, from_node=source, to_node=target, lines=lines),
            lambda made: self.transfers.append((made, reference, back)),
        )

    def _receive(self) -> Any:
        if not self.transfers:
            return None
        transfer, reference, effect = self.transfers.pop(0)
        return {"e": effect, "as": reference}, lambda unit: receive_transfer(unit, transfer), lambda _: None

    def _status(self) -> Any:
        node, units = self.dice.choice(NODES), self.dice.randint(1, 3)
        before, after = self.dice.sample(("sellable", "damaged"), 2)
        lot = self.dice.choice(("EARLY", "LATE"))
        name = f"{self.name}-{self.number + 1}"
        sign = -1 if before == "sellable" else 1

        def act(unit: Unit) -> None:
            change_status(
                unit, sku=LOTS, node=node, quantity=Decimal(units), before=before, after=after, lot=lot, reason=name
            )

        return {"e": [(LOTS, node, "on_hand", sign * units)]}, act, lambda _: None

    def _body(self, external_id: str, version: int) -> dict[str, Any]:
        skus = self.dice.sample(("A", "B", "HOT", KIT), 2)
        lines = [
            {"external_id": f"L-{sku}", "sku": sku, "quantity": str(self.dice.randint(1, 3)), "unit_price": "10.00"}
            for sku in skus
        ]
        return {
            "external_id": external_id, "placed_at": "2026-11-20T10:00:00Z", "currency": "EUR", "lines": lines,
            "source_version": version, "partial_shipment_allowed": True,
            "ship_to": {
                "name": "Ada Test", "line1": "Teststr. 1", "city": "Kiel", "postal_code": "24103", "country": "DE",
            },
        }  # fmt: skip

    def _submit(self, body: dict[str, Any]) -> Callable[[Unit], UUID]:
        document = check_document(DocumentType.ORDER, body)
        raw = json.dumps(body).encode()

        def act(unit: Unit) -> UUID:
            facts = self.hub.facts.get(unit.conn, unit.tenant)
            return submit_order(unit, facts, self.connections["shop"], document, raw)

        return act

    def _order(self) -> Any:
        body = self._body(f"{self.name}-{self.number + 1}", 1)
        return {"o": body["external_id"]}, self._submit(body), lambda order: self.orders.append((order, body))

    def _edit(self) -> Any:
        if not self.orders:
            return None
        _, old = self.dice.choice(self.orders)
        body = self._body(old["external_id"], old["source_version"] + 1)
        old["source_version"] += 1
        return {}, self._submit(body), lambda _: None

    def _cancel(self) -> Any:
        if not self.orders:
            return None
        order, _ = self.orders.pop(self.dice.randrange(len(self.orders)))

        def act(unit: Unit) -> None:
            cancel_order(unit, self.hub.facts.get(unit.conn, unit.tenant), order, None, "asked")

        return {}, act, lambda _: None


def main() -> None:
    """Be one client: URL, place, life, seed, operations, log and planted bug on the command line."""
    url, place, life, seed, operations, log, bug = sys.argv[1:]
    plant(bug)
    with Path(log).open("a", encoding="utf-8") as stream:
        while True:
            try:
                client = Client(url, int(place), int(life), int(seed), stream)
                break
            except OperationalError:
                time.sleep(AWAY_SECONDS)  # the database is being started again
        client.run(int(operations))


if __name__ == "__main__":
    main()
