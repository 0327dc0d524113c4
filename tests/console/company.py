"""A company for the console's tests: rows written straight into the tables, with what was written counted beside.

Times are relative to the moment of seeding, so "the last 24 hours" holds a known number of orders. All names are
invented.
"""

import math
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, insert

from core.domain.ids import uuid7
from core.domain.states import OrderState
from core.store import schema as t

TENANT = 1
NODES = (
    ("HAM", "Hamburg", "DE", 53.55, 9.99, 140),
    ("RTM", "Rotterdam", "NL", 51.92, 4.48, 90),
    ("MMA", "Malmö", "SE", 55.6, 13.0, 100),
    ("POZ", "Poznań", "PL", 52.41, 16.93, 60),
    ("LYS", "Lyon", "FR", 45.76, 4.84, 120),
)
ACCOUNTS = (
    ("shopify-eu", "Shopify EU", "shopify"),
    ("shopify-nordic", "Shopify Nordic", "shopify"),
    ("partner-files", "Partner files", "files"),
    ("wms-hamburg", "WMS Hamburg", "rest-wms"),
    ("wms-poznan", "WMS Poznań", "rest-wms"),
    ("erp", "ERP", "soap-erp"),
)
CHANNELS = (("shopify-eu", 0.52), ("shopify-nordic", 0.3), ("partner-files", 0.18))
GOODS = ("Mug 350 ml", "Wool throw", "Oak board", "Linen apron", "Candle", "Carafe", "Stool", "Pillow", "Vase", "Bowl")
COLORS = ("green", "sand", "slate")
FIRST = ("Ada", "Bo", "Cleo", "Dag", "Edda", "Finn", "Gro", "Hal", "Ina", "Jon", "Kari", "Leif")
LAST = ("Fjeldby", "Grandal", "Hollunder", "Iversholm", "Kvistgaard", "Lundquist", "Marrenholt", "Oddestad")
COUNTRIES = ("DE", "DE", "DE", "NL", "SE", "DK", "FR", "PL", "AT", "BE", "IT", "ES")
CARRIERS = ("Nordpost", "Kuriera", "Paketdienst Elbe", "Rhodano")


@dataclass
class Company:
    """What was written, for the tests to compare with."""

    now: datetime
    accounts: dict[str, UUID] = field(default_factory=dict)
    nodes: dict[str, UUID] = field(default_factory=dict)
    items: list[tuple[UUID, str, str, Decimal]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    cases: dict[str, UUID] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> dict[str, Any]:
        """Note a row of a table; written by `flush`."""
        whole = {"tenant_id": TENANT, **row}
        self.rows.setdefault(table, []).append(whole)
        return whole

    def flush(self, conn: Connection) -> None:
        """Write the rows noted so far, table by table in the order they were first named."""
        for table, rows in self.rows.items():
            keys = {key for row in rows for key in row}
            groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
            for row in rows:
                groups.setdefault(tuple(sorted(keys & row.keys())), []).append(row)
            for same in groups.values():
                conn.execute(insert(t.metadata.tables[table]), same)
        self.rows = {}


def _id(at: datetime) -> UUID:
    return uuid7(int(at.timestamp() * 1000))


def found_company(conn: Connection, orders: int = 40, seed: int = 7) -> Company:
    """Write the company with so many orders of the last 30 days, most of them of the last 24 hours."""
    dice = random.Random(seed)
    company = Company(datetime.now(UTC))
    company.add("setting", name="demo", value={"badge": "Demo traffic"})
    _master_data(company, dice)
    company.flush(conn)
    for number in range(orders):
        _order(company, dice, number)
    _stock(company, dice)
    _troubles(company)
    company.flush(conn)
    return company


def _master_data(company: Company, dice: random.Random) -> None:
    for name, label, connector in ACCOUNTS:
        company.accounts[name] = _id(company.now - timedelta(days=90))
        company.add("connection", id=company.accounts[name], name=name, label=label, connector=connector)
    for code, name, country, latitude, longitude, capacity in NODES:
        company.nodes[code] = uuid7()
        account = {"HAM": "wms-hamburg", "POZ": "wms-poznan"}.get(code)
        company.add(
            "node", id=company.nodes[code], code=code, name=name, country=country, latitude=latitude,
            longitude=longitude, capacity_per_day=capacity,
            connection_id=company.accounts[account] if account else None,
        )  # fmt: skip
    for good in GOODS:
        for color in COLORS:
            sku = f"FP-{good.split()[0][:4].upper()}-{color[:3].upper()}"
            price = Decimal(dice.randrange(490, 8990)) / 100
            company.items.append((uuid7(), sku, f"{good}, {color}", price))
            company.add(
                "item", id=company.items[-1][0], sku=sku, title=company.items[-1][2], price=price, currency="EUR"
            )


def _placed(dice: random.Random, now: datetime, number: int) -> datetime:
    """Return a time with the shape of a day: two humps, quiet nights; every fourth order is older than a day."""
    if number % 4 == 3:
        return now - timedelta(hours=dice.uniform(24.5, 30 * 24))
    while True:
        at = now - timedelta(hours=dice.uniform(0, 23.9))
        hour = at.hour + at.minute / 60
        weight = 0.18 + math.exp(-((hour - 11.5) ** 2) / 14) * 0.7 + math.exp(-((hour - 20.3) ** 2) / 9)
        if dice.random() < weight:
            return at


def _order(company: Company, dice: random.Random, number: int) -> None:
    placed = _placed(dice, company.now, number)
    order_id = _id(placed)
    channel = dice.choices([name for name, _ in CHANNELS], [weight for _, weight in CHANNELS])[0]
    age = (company.now - placed).total_seconds() / 3600
    phase = _phase(dice, age, number)
    if phase == "held":
        channel = "shopify-eu"
    lines = []
    for position in range(1, dice.choice((2, 2, 3, 4))):
        item_id, sku, title, price = dice.choice(company.items)
        lines.append((_id(placed), position, item_id, sku, title, price, Decimal(dice.choice((1, 1, 1, 2, 3)))))
    total = sum((price * units for *_, price, units in lines), Decimal("4.90"))
    buyer = f"{dice.choice(FIRST)} {dice.choice(LAST)}"
    country = dice.choice(COUNTRIES)
    email = f"{buyer.lower().replace(' ', '.')}@example.com"
    state = {
        "held": "held", "backordered": "accepted", "ready": "accepted", "canceled": "canceled",
        "delivered": "completed",
    }.get(phase, "in_progress")  # fmt: skip
    gone = phase in ("shipped", "delivered")
    shipped_at = placed + timedelta(hours=min(age * 0.6, dice.uniform(1, 9))) if gone else None
    text = f"#{1001 + number}"
    body = {
        "buyer": {"name": buyer, "email": email},
        "ship_to": {"name": buyer, "line1": "Nygade 4", "city": "Aarhus", "postal_code": "8000", "country": country},
        "charges": [{"kind": "shipping", "amount": "4.90"}],
        "payments": [{"kind": "authorization", "gateway": "card", "amount": str(total), "currency": "EUR"}],
        "totals": {"lines": str(total - Decimal("4.90")), "charges": "4.90", "grand": str(total)},
        "service_level": "standard",
    }
    order = company.add(
        "orders", id=order_id, connection_id=company.accounts[channel], external_id=str(820982911946154000 + number),
        number=text, state=str(OrderState(state)), phase=phase, placed_at=placed, currency="EUR", total=total,
        body=body, buyer_email=email, ship_country=country, accepted_at=None if phase == "held" else placed,
        shipped_at=shipped_at, created_at=placed, updated_at=placed,
    )  # fmt: skip
    company.orders.append(order | {"channel": channel, "lines": lines})
    for line_id, position, item_id, sku, title, price, units in lines:
        company.add(
            "order_line", id=line_id, order_id=order_id, position=position, sku=sku, item_id=item_id, title=title,
            quantity=units, unit_price=price, shipped=units if gone else Decimal(0),
            delivered=units if phase == "delivered" else Decimal(0),
            canceled=units if phase == "canceled" else Decimal(0),
        )  # fmt: skip
    message_id = _id(placed)
    company.add(
        "message", id=message_id, connection_id=company.accounts[channel], topic="orders/create",
        dedupe_key=f"evt-{number}", received_at=placed, finished_at=placed + timedelta(seconds=dice.uniform(0.2, 2.4)),
        body=orjson.dumps({"id": number, "name": text}), state="applied", order_id=order_id, attempts=1,
    )  # fmt: skip
    _event(company, "order.received", "order", order_id, placed, cause=f"msg_{message_id.hex}")
    if phase in ("releasing", "shipped", "delivered"):
        _work(company, dice, order, lines, phase, shipped_at)


def _phase(dice: random.Random, age: float, number: int) -> str:
    if number % 20 == 5:
        return "held"
    if number % 20 == 11:
        return "backordered"
    if number % 20 == 17:
        return "canceled"
    if age < 1.5:
        return dice.choice(("ready", "releasing", "releasing"))
    return "delivered" if age > 40 else dice.choice(("shipped", "shipped", "releasing"))


def _work(
    company: Company,
    dice: random.Random,
    order: dict[str, Any],
    lines: list[Any],
    phase: str,
    shipped_at: datetime | None,
) -> None:
    code, *_ = dice.choices(NODES, (5, 3, 2, 2.2, 2))[0]
    placed, order_id = order["placed_at"], order["id"]
    decision_id, work_id = _id(placed), _id(placed)
    candidates = [
        {"node": node[0], "chosen": node[0] == code, "lines": len(lines), "shipment": 40000 + 9000 * place,
         "km": 90 * place, "handling": 5000, "reason": "chosen" if node[0] == code else "costs more or gives less"}
        for place, node in enumerate(NODES)
    ]  # fmt: skip
    company.add(
        "decision", id=decision_id, kind="sourcing", order_id=order_id, policy="cheapest@1", inputs={}, bound="optimal",
        candidates=candidates, choice={"cost": 49000, "assignments": [], "short": {}}, duration_us=840, at=placed,
    )  # fmt: skip
    work_state = "shipped" if shipped_at else dice.choice(("released", "acknowledged", "picking"))
    company.add(
        "fulfillment_order", id=work_id, order_id=order_id, node_id=company.nodes[code], state=work_state,
        number=f"{order['number']}-{work_id.hex[-6:].upper()}", decision_id=decision_id, created_at=placed,
        released_at=placed, updated_at=shipped_at or placed, reference=f"W{work_id.int % 100000}",
    )  # fmt: skip
    account = company.accounts["wms-hamburg" if code in ("HAM", "MMA", "RTM") else "wms-poznan"]
    for line_id, _, item_id, *_, units in lines:
        company.add(
            "fulfillment_line", id=_id(placed), fulfillment_id=work_id, line_id=line_id, item_id=item_id,
            quantity=units, shipped=units if shipped_at else Decimal(0),
        )  # fmt: skip
        company.add(
            "reservation", id=_id(placed), order_id=order_id, line_id=line_id, fulfillment_id=work_id, item_id=item_id,
            node_id=company.nodes[code], quantity=units, state="consumed" if shipped_at else "allocated",
        )  # fmt: skip
    _delivery(company, dice, account, "push_fulfillment_order", order_id, placed)
    _delivery(company, dice, company.accounts["erp"], "push_order", order_id, placed)
    _event(company, "order.allocated", "order", order_id, placed + timedelta(seconds=2))
    if shipped_at is None:
        return
    shipment_id = _id(shipped_at)
    done = shipped_at + timedelta(hours=dice.uniform(20, 30)) if phase == "delivered" else None
    company.add(
        "shipment", id=shipment_id, order_id=order_id, fulfillment_id=work_id, node_id=company.nodes[code],
        number=f"S{shipment_id.int % 1000000}", external_id=f"X{shipment_id.int % 1000000}",
        carrier=dice.choice(CARRIERS), tracking_number=f"TRK{shipment_id.int % 10**10:010d}",
        state="delivered" if done else "in_transit", state_at=shipped_at, shipped_at=shipped_at, delivered_at=done,
    )  # fmt: skip
    _event(company, "fulfillment.shipped", "fulfillment", work_id, shipped_at, order_id=order_id)


def _delivery(
    company: Company,
    dice: random.Random,
    account: UUID,
    kind: str,
    order_id: UUID,
    at: datetime,
    state: str = "delivered",
) -> UUID:
    delivery_id = _id(at)
    done = at + timedelta(seconds=dice.uniform(0.5, 4))
    company.add(
        "delivery", id=delivery_id, connection_id=account, lane=f"order:{order_id.hex}", kind=kind, order_id=order_id,
        payload={"order": {"id": f"ord_{order_id.hex}"}}, state=state, run_at=at, attempts=1, created_at=at,
        finished_at=done, reference=f"R{delivery_id.int % 100000}" if state == "delivered" else None,
        error=None if state == "delivered" else {"code": "OUT-REJECTED-422", "what": "The ERP refuses the order."},
    )  # fmt: skip
    company.add(
        "attempt", id=_id(at), delivery_id=delivery_id, number=1, started_at=at,
        outcome="delivered" if state == "delivered" else "rejected",
        duration_ms=240, exchanges=[{"request": {"method": "POST"}, "status": 200}],
    )  # fmt: skip
    return delivery_id


def _event(
    company: Company,
    kind: str,
    subject: str,
    subject_id: UUID,
    at: datetime,
    *,
    order_id: UUID | None = None,
    cause: str = "",
) -> None:
    company.add(
        "event", type=kind, subject=subject, subject_id=subject_id, at=at, cause=cause or None,
        order_id=order_id or (subject_id if subject == "order" else None),
    )  # fmt: skip


def _stock(company: Company, dice: random.Random) -> None:
    for item_id, *_ in company.items:
        for place, node_id in enumerate(company.nodes.values()):
            if dice.random() < 0.25:
                continue
            on_hand = Decimal(0) if dice.random() < 0.06 else Decimal(dice.randrange(8, 180))
            allocated = min(on_hand, Decimal(dice.randrange(0, 7)))
            counted = company.now - timedelta(hours=2 + place)
            company.add(
                "stock_position", item_id=item_id, node_id=node_id, on_hand=on_hand, allocated=allocated,
                counted_at=counted, safety=Decimal(0),
            )  # fmt: skip
            company.add(
                "stock_movement", item_id=item_id, node_id=node_id, kind="count", on_hand=on_hand, at=counted,
                actor="connection:wms-hamburg", cause="stock count",
            )  # fmt: skip
            if allocated:
                company.add(
                    "stock_movement", item_id=item_id, node_id=node_id, kind="allocate", allocated=allocated,
                    at=company.now - timedelta(hours=1), actor="hub", cause="sourcing",
                )  # fmt: skip


def _troubles(company: Company) -> None:
    held = [order for order in company.orders if order["phase"] == "held"]
    waiting = [order for order in company.orders if order["phase"] == "backordered"]
    half = (len(held) + 1) // 2
    for order in held:
        kind = "unmapped_sku" if order in held[:half] else "bad_address"
        company.add(
            "hold", id=_id(order["placed_at"]), order_id=order["id"], kind=kind, created_at=order["placed_at"],
            line_id=order["lines"][0][0] if kind == "unmapped_sku" else None,
            detail="FP-MUG-350-GRN-2" if kind == "unmapped_sku" else "no postal code",
        )  # fmt: skip
        _event(company, "order.held", "order", order["id"], order["placed_at"])
    _case(
        company, "MAP-SKU-404", "value", "high", "Unknown SKU FP-MUG-350-GRN-2",
        "shopify-eu sent the code FP-MUG-350-GRN-2."
        " No item or reference has it, so its units cannot be reserved.",
        {"action": "map_sku", "label": "Add FP-MUG-350-GRN-2 as a reference of an item",
         "args": {"code": "FP-MUG-350-GRN-2"}}, held[:half],
        hours=1.2, account="shopify-eu", evidence={"code": "FP-MUG-350-GRN-2", "connection": "shopify-eu"},
    )  # fmt: skip
    _case(
        company, "ORDER-ADDRESS-422", "address", "medium", "Address not deliverable: no postal code",
        "The ship-to address cannot be used as it is: no postal code.",
        {"action": "release_holds", "label": "Ship to it as it is", "args": {"kind": "bad_address"},
         "confidence": 0.3}, held[half:], hours=22, account="shopify-nordic",
        evidence={"detail": "no postal code", "connection": "shopify-nordic"},
    )  # fmt: skip
    _case(
        company, "STOCK-OUT-001", "stock", "medium", "No stock of FP-VASE-SAN",
        "Nothing of FP-VASE-SAN is available at any node; the orders are filled by themselves when stock arrives.",
        {"action": "source_again", "label": "Look for stock again", "args": {}, "confidence": 0.6}, waiting, hours=44,
        evidence={"sku": "FP-VASE-SAN"},
    )  # fmt: skip
    at = company.now - timedelta(minutes=50)
    broken = company.add(
        "message", id=_id(at), connection_id=company.accounts["partner-files"], topic="orders.csv", received_at=at,
        dedupe_key="file-7", body=b"order;qty\n1001;two\n", content_type="text/csv", state="quarantined", attempts=1,
        error={"code": "MAP-FIELD-422", "what": "Row 1: 'two' is no quantity.", "fix": "Send a number."},
    )  # fmt: skip
    _case(
        company, "MSG-QUARANTINE-422", "parse", "high", "partner-files: orders.csv cannot be read (MAP-FIELD-422)",
        "Row 1: 'two' is no quantity.",
        {"action": "replay_messages", "label": "Replay with today's map", "args": {}, "confidence": 0.5}, [], hours=3.2,
        account="partner-files", evidence={"code": "MAP-FIELD-422"}, message=broken["id"],
    )  # fmt: skip
    dice = random.Random(1)
    dead = _delivery(company, dice, company.accounts["erp"], "push_order", company.orders[0]["id"], at, state="dead")
    _case(
        company, "DLV-DEAD-502", "connection", "high", "erp refuses push_order (OUT-REJECTED-422)",
        "The ERP refuses the order.",
        {"action": "retry_deliveries", "label": "Send again", "args": {}, "confidence": 0.5}, [company.orders[0]],
        hours=3, account="erp", evidence={"code": "OUT-REJECTED-422"}, delivery=dead,
    )  # fmt: skip


def _case(
    company: Company, code: str, klass: str, severity: str, title: str, sentence: str, recommended: dict[str, Any],
    orders: list[dict[str, Any]], *, hours: float, evidence: dict[str, Any], account: str | None = None,
    message: UUID | None = None, delivery: UUID | None = None,
) -> None:  # fmt: skip
    case_id = uuid7()
    company.cases[code] = case_id
    first = min([order["placed_at"] for order in orders], default=company.now - timedelta(minutes=50))
    company.add(
        "exception_case", id=case_id, code=code, severity=severity, title=title, sentence=sentence, fingerprint=code,
        recommended=recommended, evidence=evidence, deadline=company.now + timedelta(hours=hours), first_seen=first,
        last_seen=company.now, connection_id=company.accounts[account] if account else None, **{"class": klass},
    )  # fmt: skip
    subject = delivery or message
    if subject:
        company.add(
            "case_member", case_id=case_id, subject="delivery" if delivery else "message", subject_id=subject,
            order_id=orders[0]["id"] if orders else None, since=company.now - timedelta(minutes=50),
        )  # fmt: skip
    for order in [] if subject else orders:
        company.add(
            "case_member", case_id=case_id, subject="order", subject_id=order["id"], order_id=order["id"],
            value=order["total"], since=order["placed_at"],
        )  # fmt: skip
    _event(company, "exception.opened", "case", case_id, first)
