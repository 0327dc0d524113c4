"""A company for the console's tests: rows written straight into the tables, with what was written counted beside.

Times are relative to the moment of seeding, so "the last 24 hours" holds a known number of orders. All names are
invented.
"""

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Connection

from core.domain.ids import uuid7
from core.domain.packing import pack
from core.domain.states import OrderState
from tests.console.promised import add_promise
from tests.console.rows import Company, add_delivery, add_event, id_at
from tests.console.troubles import write_stock, write_troubles

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


# Whatever the hour of the test: these orders are that many hours old and in that phase.
ALWAYS = {2: (0.5, "ready"), 4: (12.0, "shipped"), 6: (50.0, "delivered"), 8: (1.0, "releasing")}


def found_company(conn: Connection, orders: int = 40, seed: int = 7) -> Company:
    """Write the company with so many orders of the last 30 days, most of them of the last 24 hours."""
    dice = random.Random(seed)
    company = Company(datetime.now(UTC))
    company.add("setting", name="demo", value={"badge": "Demo traffic"})
    _master_data(company, dice)
    company.flush(conn)
    for number in range(orders):
        _order(company, dice, number)
    write_stock(company, dice)
    write_troubles(company)
    company.flush(conn)
    return company


def _master_data(company: Company, dice: random.Random) -> None:
    for name, label, connector in ACCOUNTS:
        company.accounts[name] = id_at(company.now - timedelta(days=90))
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
    if number in ALWAYS:
        return now - timedelta(hours=ALWAYS[number][0])
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
    order_id = id_at(placed)
    channel = dice.choices([name for name, _ in CHANNELS], [weight for _, weight in CHANNELS])[0]
    age = (company.now - placed).total_seconds() / 3600
    phase = _phase(dice, age, number)
    if phase == "held":
        channel = "shopify-eu"
    lines = []
    for position in range(1, dice.choice((2, 2, 3, 4))):
        item_id, sku, title, price = dice.choice(company.items)
        lines.append((id_at(placed), position, item_id, sku, title, price, Decimal(dice.choice((1, 1, 1, 2, 3)))))
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
    message_id = id_at(placed)
    company.add(
        "message", id=message_id, connection_id=company.accounts[channel], topic="orders/create",
        dedupe_key=f"evt-{number}", received_at=placed, finished_at=placed + timedelta(seconds=dice.uniform(0.2, 2.4)),
        body=orjson.dumps({"id": number, "name": text}), state="applied", order_id=order_id, attempts=1,
    )  # fmt: skip
    add_event(company, "order.received", "order", order_id, placed, cause=f"msg_{message_id.hex}")
    if phase in ("releasing", "shipped", "delivered"):
        _work(company, dice, order, lines, phase, shipped_at)


def _phase(dice: random.Random, age: float, number: int) -> str:
    if number in ALWAYS:
        return ALWAYS[number][1]
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
    decision_id, work_id = id_at(placed), id_at(placed)
    candidates = [
        {"node": node[0], "chosen": node[0] == code, "lines": len(lines), "shipment": 40000 + 9000 * place,
         "km": 90 * place, "handling": 5000, "reason": "chosen" if node[0] == code else "costs more or gives less"}
        for place, node in enumerate(NODES)
    ]  # fmt: skip
    company.add(
        "decision", id=decision_id, kind="sourcing", order_id=order_id, policy="cheapest@1", inputs=pack(b"{}"),
        candidates=pack(orjson.dumps(candidates)), choice={"cost": 49000, "assignments": [], "short": []},
        bound="optimal", duration_us=840, at=placed,
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
            "fulfillment_line", id=id_at(placed), fulfillment_id=work_id, line_id=line_id, item_id=item_id,
            quantity=units, shipped=units if shipped_at else Decimal(0),
        )  # fmt: skip
        company.add(
            "reservation", id=id_at(placed), order_id=order_id, line_id=line_id, fulfillment_id=work_id,
            item_id=item_id, node_id=company.nodes[code], quantity=units,
            state="consumed" if shipped_at else "allocated",
        )  # fmt: skip
    add_delivery(company, dice, account, "push_fulfillment_order", order_id, placed)
    add_delivery(company, dice, company.accounts["erp"], "push_order", order_id, placed)
    add_event(company, "order.allocated", "order", order_id, placed + timedelta(seconds=2))
    if shipped_at is None:
        add_promise(company, order, work_id, code, None)
        return
    shipment_id = id_at(shipped_at)
    done = shipped_at + timedelta(hours=dice.uniform(20, 30)) if phase == "delivered" else None
    add_promise(company, order, work_id, code, done)
    company.add(
        "shipment", id=shipment_id, order_id=order_id, fulfillment_id=work_id, node_id=company.nodes[code],
        number=f"S{shipment_id.int % 1000000}", external_id=f"X{shipment_id.int % 1000000}",
        carrier=dice.choice(CARRIERS), tracking_number=f"TRK{shipment_id.int % 10**10:010d}",
        state="delivered" if done else "in_transit", state_at=shipped_at, shipped_at=shipped_at, delivered_at=done,
    )  # fmt: skip
    add_event(company, "fulfillment.shipped", "fulfillment", work_id, shipped_at, order_id=order_id)
