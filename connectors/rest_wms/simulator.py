"""A warehouse system on loopback: takes work, acknowledges, picks, ships, runs short, refuses, cancels, counts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from connectors.rest_wms.records import Record, ids, named, now, public, sscc
from connectors.sdk.simulation.server import SimRequest, SimResponse
from connectors.sdk.simulator import Simulator
from core.domain.vocabulary import Write
from core.ports.connectors import Push

OPEN = frozenset(["NEW", "RECEIVED", "IN_PROGRESS"])


class Partner(Simulator):
    """The warehouse; options say how it behaves.

    `idempotent: false` is a warehouse that ignores repeated references and makes a second record: what it counts then
    shows whether the hub looked before it wrote again.
    """

    folder: ClassVar[Path] = Path(__file__).parent
    defaults: ClassVar[Mapping[str, Any]] = {
        "warehouse": "MAIN",
        "prefix": "W",
        "idempotent": True,
        "reject": 0.0,
        "short": 0.0,
        "split": 0.0,
        "cancel_refused": 0.0,
        "acknowledge_seconds": 0.2,
        "pick_seconds": 0.5,
        "ship_seconds": 0.5,
        "tracking_seconds": 1.0,
        "carrier": "Nordpost",
        "page": 500,
        "sscc_series": 0,
        "unknown_skus": (),
        "stock": {},
    }

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.fulfillments: dict[str, Record] = {}
        self.cancellations: dict[str, Record] = {}
        self.stock: dict[str, int | float] = dict(self.options["stock"])
        self._numbers = self._counted.get("records", 0)
        self._reopen()

    def _reopen(self) -> None:
        """Go on with what the books of an earlier life say."""
        self.stock.update(self.books.read("stock"))
        self.cancellations.update(self.books.read("cancellation"))
        for key, record in self.books.read("fulfillment"):
            self.fulfillments[key] = record
            match record["state"]:
                case "NEW":
                    self.later(self.options["acknowledge_seconds"], partial(self._acknowledge, record))
                case "RECEIVED":
                    self.later(self.options["pick_seconds"], partial(self._pick, record))
                case "IN_PROGRESS":
                    self.later(self.options["ship_seconds"], partial(self._ship, record))

    def _keep(self, record: Record) -> None:
        self.books.put("fulfillment", record["id"], record)

    # -- the protocol

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer the five addresses of the warehouse."""
        parts = request.path.strip("/").split("/")
        match (request.method, *parts):
            case ("GET", "v1", "ping"):
                return SimResponse(200, {"warehouse": self.options["warehouse"], "version": "1.4"})
            case ("POST", "v1", "fulfillments"):
                return self._take(request.json())
            case ("GET", "v1", "fulfillments"):
                return self._found(self.fulfillments, "fulfillments", request)
            case ("POST", "v1", "fulfillments", external_id, "cancel"):
                return self._cancel(external_id, request.json())
            case ("GET", "v1", "cancellations"):
                return self._found(self.cancellations, "cancellations", request)
            case ("GET", "v1", "stock"):
                return self._stock_page(request)
        return self.refusal(404, "NOT_FOUND", f"There is no {request.method} {request.path}.")

    def _number(self, kind: str) -> str:
        self._numbers += 1
        self.books.put("number", "records", self._numbers)
        return f"{self.options['prefix']}-{kind}-{self._numbers:06d}"

    def _found(self, records: Mapping[str, Record], name: str, request: SimRequest) -> SimResponse:
        """List the records with a client reference."""
        wanted = request.query.get("client_reference", "")
        with self.lock:
            found = [public(each) for each in records.values() if each["client_reference"] == wanted]
        return SimResponse(200, {name: found})

    def _take(self, body: Record) -> SimResponse:
        """Take work, or refuse it."""
        reference = str(body["client_reference"])
        lines = [dict(line) for line in body["lines"]]
        if not reference or not lines or any(not line["quantity"] > 0 for line in lines):
            return self.refusal(422, "INVALID", "A reference and lines with quantities are needed.")
        unknown = [line["sku"] for line in lines if line["sku"] in self.options["unknown_skus"]]
        if unknown:
            return self.refusal(422, "UNKNOWN_SKU", f"Unknown: {', '.join(unknown)}.")
        with self.lock:
            known = next((each for each in self.fulfillments.values() if each["client_reference"] == reference), None)
            if known and self.options["idempotent"]:
                self.repeat("fulfillment")
                return SimResponse(200, public(known))
            record = {
                "id": self._number("F"),
                "client_reference": reference,
                "external_id": body["external_id"],
                "state": "NEW",
                "lines": lines,
                "service": body.get("service"),
            }
            self.fulfillments[record["id"]] = record
            self._keep(record)
            self.effect("fulfillment", reference)
        self.later(self.options["acknowledge_seconds"], lambda: self._acknowledge(record))
        return SimResponse(201, public(record))

    def _cancel(self, external_id: str, body: Record) -> SimResponse:
        """Stop work that has not left; the answer is final."""
        reference = str(body["client_reference"])
        with self.lock:
            known = next((each for each in self.cancellations.values() if each["client_reference"] == reference), None)
            if known:
                self.repeat("cancellation")
                return SimResponse(200, public(known))
            record = next((each for each in self.fulfillments.values() if each["external_id"] == external_id), None)
            if record is None:
                return self.refusal(404, "NOT_FOUND", f"There is no fulfillment {external_id}.")
            if record["state"] not in OPEN or self.dice.hits(self.options["cancel_refused"]):
                return self.refusal(409, "TOO_LATE", f"{record['id']} is already {record['state']}.")
            record["state"] = "CANCELLED"
            self._keep(record)
            cancellation = {"id": self._number("C"), "client_reference": reference, "fulfillment_id": record["id"]}
            self.cancellations[cancellation["id"]] = cancellation
            self.books.put("cancellation", cancellation["id"], cancellation)
            self.effect("cancellation", reference)
        self._report(record, "CANCELLED", reason=body.get("reason"))
        return SimResponse(202, public(cancellation))

    def _stock_page(self, request: SimRequest) -> SimResponse:
        """Count the stock, page by page, by SKU."""
        size = min(int(request.query.get("limit", self.options["page"])), self.options["page"])
        after = request.query.get("cursor", "")
        with self.lock:
            skus = sorted(sku for sku in self.stock if sku > after)
            items = [{"sku": sku, "on_hand": self.stock[sku]} for sku in skus[:size]]
        cursor = items[-1]["sku"] if len(skus) > size else None
        return SimResponse(200, {"as_of": now(), "items": items, "next_cursor": cursor})

    # -- the work

    def _advance(self, record: Record, state: str) -> bool:
        """Move open work on; work that was canceled stays so."""
        with self.lock:
            if record["state"] not in OPEN:
                return False
            record["state"] = state
            self._keep(record)
            return True

    def _acknowledge(self, record: Record) -> None:
        if self.dice.hits(self.options["reject"]):
            if self._advance(record, "REFUSED"):
                self._report(record, "REFUSED", reason="The items cannot be found.")
            return
        if self._advance(record, "RECEIVED"):
            self._report(record, "RECEIVED")
            self.later(self.options["pick_seconds"], lambda: self._pick(record))

    def _pick(self, record: Record) -> None:
        if not self._advance(record, "IN_PROGRESS"):
            return
        self._report(record, "IN_PROGRESS")
        left = record["left"] = [dict(line) for line in record["lines"]]
        if self.dice.hits(self.options["short"]):
            missing = self.dice.whole(1, max(int(left[0]["quantity"]), 1))
            missing = min(missing, left[0]["quantity"])
            left[0]["quantity"] -= missing
            self._report(record, "SHORT", lines=[{**named(record["lines"][0]), "quantity": missing}])
            left = record["left"] = [line for line in left if line["quantity"] > 0]
        if not left:
            self._advance(record, "SHORT")
            return
        self._keep(record)
        self.later(self.options["ship_seconds"], partial(self._ship, record))

    def _ship(self, record: Record) -> None:
        if not self._advance(record, "SHIPPED"):
            return
        lines = record["left"]
        parts = [lines]
        if len(lines) > 1 and self.dice.hits(self.options["split"]):
            parts = [lines[:1], lines[1:]]
        for part in parts:
            self._hand_over(record, part)

    def _hand_over(self, record: Record, lines: list[Record]) -> None:
        """Let goods leave: the stock goes down, the hub and later the carrier tell of it."""
        with self.lock:
            number = self._numbers = self._numbers + 1
            self.books.put("number", "records", number)
            for line in lines:
                if line["sku"] in self.stock:
                    self._shelve(line["sku"], self.stock[line["sku"]] - line["quantity"])
            self.effect("shipment", f"{record['id']}/{number}")
        tracking = f"NP{number:010d}{self.options['prefix']}"
        shipment = {
            "id": f"{self.options['prefix']}-S-{number:06d}",
            "shipped_at": now(),
            "carrier": self.options["carrier"],
            "service": record["service"],
            "tracking_number": tracking,
            "tracking_url": f"https://track.example.com/{tracking}",
            "lines": [{**named(line), "quantity": line["quantity"]} for line in lines],
            "packages": [
                {
                    "sscc": sscc(number, int(self.options["sscc_series"])),
                    "tracking_number": tracking,
                    "weight_g": 500 * len(lines),
                }
            ],
        }
        self.emit("shipment.created", {"fulfillment": ids(record), "shipment": shipment}, lane=record["id"])
        for step, status in enumerate(("COLLECTED", "MOVING", "OUT_FOR_DELIVERY", "DELIVERED"), start=1):
            self._track(record, shipment, step, status)

    def _shelve(self, sku: str, units: float) -> None:
        """Have so many units on a shelf."""
        self.stock[sku] = units
        self.books.put("stock", sku, units)

    def _track(self, record: Record, shipment: Record, step: int, status: str) -> None:
        """Have the carrier tell of a step when it is time for it."""
        wait = step * self.options["tracking_seconds"]
        self.emit(
            "tracking.updated",
            {
                "id": f"{shipment['id']}-{step}",
                "shipment_id": shipment["id"],
                "tracking_number": shipment["tracking_number"],
                "carrier": shipment["carrier"],
                "status": status,
                "at": now(wait),
                "location": "Depot 4",
            },
            lane=record["id"],
            after=wait,
        )

    def _report(self, record: Record, status: str, *, reason: str | None = None, lines: Any = None) -> None:
        report: Record = {"fulfillment": ids(record), "status": status, "at": now()}
        if reason:
            report["reason"] = reason
        if lines:
            report["lines"] = lines
        self.emit("fulfillment.updated", report, lane=record["id"])

    # -- asked for by tests and the demo

    def prepare(self, push: Push) -> None:
        """Have the work that a cancellation speaks of."""
        if push.kind is Write.CANCEL_FULFILLMENT_ORDER:
            external_id = push.payload["fulfillment"]["id"]
            line = {"line_ref": "fln_1", "sku": "CABLE-3M", "quantity": 1}
            self._take({"client_reference": f"of {push.reference}", "external_id": external_id, "lines": [line]})

    def command(self, name: str, body: Any) -> Any:
        """`stock` sets counted quantities, `count` sends them to the hub, `options` changes how it behaves."""
        with self.lock:
            if name == "stock":
                for sku, units in body.items():
                    self._shelve(sku, units)
                return {"skus": len(self.stock)}
            if name == "count":
                items = [{"sku": sku, "on_hand": self.stock[sku]} for sku in sorted(self.stock)]
                return {"event": self.emit("stock.counted", {"as_of": now(), "items": items}, lane="stock")}
            if name == "options":
                return self.change_options(body)
        return super().command(name, body)

    def details(self) -> dict[str, Any]:
        """Return how many fulfillments are in each state."""
        states = [each["state"] for each in self.fulfillments.values()]
        return {"states": {state: states.count(state) for state in sorted(set(states))}}
