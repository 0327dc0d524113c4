"""The UCI Online Retail lines as what a shop would have sent: orders, returns, write-offs, each line in one place.

The file has invoices only. Those with units sold become orders; invoices that begin with C give goods back and are
matched to the customer's latest earlier purchase of the same code; invoices with units below zero and no price are
write-offs of stock; invoices that begin with A adjust bad debt and are no business of an order hub.
"""

from __future__ import annotations

import csv
import lzma
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

CORPUS = Path(__file__).resolve().parents[2] / "shared/corpora/orders-datasets/uci-online-retail/online_retail.csv.xz"
CURRENCY = "GBP"
# Postage, fees, discounts, gift vouchers: lines without goods.
NO_GOODS = frozenset(["POST", "DOT", "M", "m", "D", "S", "C2", "B", "BANK CHARGES", "AMAZONFEE", "CRUK"])
# Names of the file. Channel Islands, European Community and Unspecified are left out: they are no one country.
COUNTRIES = {
    "United Kingdom": "GB", "Germany": "DE", "France": "FR", "EIRE": "IE", "Belgium": "BE", "Spain": "ES",
    "Netherlands": "NL", "Switzerland": "CH", "Portugal": "PT", "Australia": "AU", "Italy": "IT", "Finland": "FI",
    "Sweden": "SE", "Norway": "NO", "Japan": "JP", "Poland": "PL", "Denmark": "DK", "Cyprus": "CY", "Austria": "AT",
    "Hong Kong": "HK", "Singapore": "SG", "Malta": "MT", "Israel": "IL", "Iceland": "IS", "USA": "US", "Greece": "GR",
    "Canada": "CA", "Czech Republic": "CZ", "Lithuania": "LT", "Bahrain": "BH", "United Arab Emirates": "AE",
    "Saudi Arabia": "SA", "Lebanon": "LB", "Brazil": "BR", "RSA": "ZA",
}  # fmt: skip
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file."""

    invoice: str
    code: str
    title: str
    units: int
    at: datetime
    price: Decimal
    customer: str
    country: str

    @property
    def goods(self) -> bool:
        """Whether it is something that is shipped."""
        return self.code not in NO_GOODS and not self.code.startswith("gift_")


@dataclass(slots=True)
class Sums:
    """Lines, units and value of some of the lines."""

    lines: int = 0
    units: int = 0
    value: Decimal = ZERO

    def add(self, units: int, price: Decimal, lines: int = 1) -> None:
        """Count a line."""
        self.lines += lines
        self.units += units
        self.value += units * price

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, the value as text."""
        return {"lines": self.lines, "units": self.units, "value": str(self.value)}


@dataclass(slots=True)
class Sale:
    """An invoice with units sold; `left` are the units of each line that have not come back."""

    invoice: str
    lines: list[Line]
    left: list[int]

    @property
    def held(self) -> bool:
        """Whether the hub must stop it: its country has no code."""
        return self.lines[0].country not in COUNTRIES


@dataclass(slots=True)
class Back:
    """Units that come back to one sale, or to none that the file knows: (line of the sale, units, price)."""

    invoice: str
    sale: Sale | None
    at: datetime
    parts: list[tuple[int, int, Decimal]] = field(default_factory=list)

    @property
    def external_id(self) -> str:
        """What the shop calls it."""
        return f"{self.invoice}-{self.sale.invoice if self.sale else 'unknown'}"


@dataclass(slots=True)
class Business:
    """All lines, each in exactly one of these."""

    sales: list[Sale] = field(default_factory=list)
    backs: list[Back] = field(default_factory=list)
    write_offs: list[Line] = field(default_factory=list)
    excluded: list[Line] = field(default_factory=list)
    sold: Sums = field(default_factory=Sums)
    held: Sums = field(default_factory=Sums)
    returned: Sums = field(default_factory=Sums)
    canceled: Sums = field(default_factory=Sums)
    unknown: Sums = field(default_factory=Sums)
    written_off: Sums = field(default_factory=Sums)
    left_out: Sums = field(default_factory=Sums)
    read: Sums = field(default_factory=Sums)


def read_lines(path: Path = CORPUS, most: int | None = None) -> Iterator[Line]:
    """Yield lines in the order of the file; no invoice is cut at the end of a slice."""
    with lzma.open(path, "rt", encoding="utf-8", newline="") as stream:
        last = ""
        for number, row in enumerate(csv.DictReader(stream)):
            if most is not None and number >= most and row["InvoiceNo"] != last:
                return
            last = row["InvoiceNo"]
            yield Line(
                row["InvoiceNo"],
                row["StockCode"],
                row["Description"].strip(),
                int(row["Quantity"]),
                datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC),
                Decimal(row["UnitPrice"]),
                row["CustomerID"].removesuffix(".0"),
                row["Country"],
            )


def sort_out(lines: Iterable[Line]) -> Business:
    """Put every line in its place."""
    business = Business()
    invoices: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        business.read.add(line.units, line.price)
        invoices[line.invoice].append(line)
    # (customer, code) -> (sale, place of the line), latest last
    bought: dict[tuple[str, str], list[tuple[Sale, int]]] = defaultdict(list)
    for invoice, own in sorted(invoices.items(), key=lambda each: (each[1][0].at, each[0])):
        if invoice.startswith("C"):
            _give_back(business, bought, invoice, own)
        elif invoice.startswith("A"):
            business.excluded += own
            for line in own:
                business.left_out.add(line.units, line.price)
        elif own[0].units < 0:
            business.write_offs += own
            for line in own:
                business.written_off.add(line.units, line.price)
        else:
            sale = Sale(invoice, own, [line.units for line in own])
            business.sales.append(sale)
            for place, line in enumerate(own):
                business.sold.add(line.units, line.price)
                if sale.held:
                    business.held.add(line.units, line.price)
                if line.customer:
                    bought[line.customer, line.code].append((sale, place))
    return business


def _give_back(
    business: Business, bought: dict[tuple[str, str], list[tuple[Sale, int]]], invoice: str, lines: list[Line]
) -> None:
    backs: dict[str, Back] = {}
    for line in lines:
        left = -line.units
        first = 1
        candidates = bought[line.customer, line.code] if line.customer else []
        for sale, place in reversed(candidates):
            units = min(left, sale.left[place])
            if units:
                back = backs.setdefault(sale.invoice, Back(invoice, sale, line.at))
                back.parts.append((place, units, line.price))
                sale.left[place] -= units
                left -= units
                # What comes back to an order that was stopped takes units off it instead.
                stopped = sale.held and sale.lines[place].goods
                (business.canceled if stopped else business.returned).add(-units, line.price, first)
                first = 0
            if not left:
                break
        if left:
            backs.setdefault("", Back(invoice, None, line.at)).parts.append((0, left, line.price))
            business.unknown.add(-left, line.price, first)
    business.backs += backs.values()


def order_body(sale: Sale) -> bytes:
    """Return a sale as the shop's orders/create carries it, with a stand-in for the address, which the file has not."""
    head = sale.lines[0]
    buyer = {"id": head.customer, "first_name": "Customer", "last_name": head.customer} if head.customer else None
    total = sum((line.units * line.price for line in sale.lines), ZERO)
    name = f"Customer {head.customer or 'unknown'}"
    return orjson.dumps(
        {
            "id": int(sale.invoice),
            "name": sale.invoice,
            "created_at": head.at.isoformat(),
            "updated_at": head.at.isoformat(),
            "currency": CURRENCY,
            "taxes_included": True,
            "financial_status": "paid",
            "total_price": str(total),
            "customer": buyer,
            "shipping_address": {
                "name": name,
                "address1": "Address on file",
                "city": head.country,
                "country_code": COUNTRIES.get(head.country, head.country),
            },
            "line_items": [
                {
                    "id": line_id(sale.invoice, place),
                    "sku": line.code,
                    "name": line.title or line.code,
                    "quantity": line.units,
                    "price": str(line.price),
                    "requires_shipping": line.goods,
                }
                for place, line in enumerate(sale.lines)
            ],
        }
    )


def refund_body(back: Back) -> bytes:
    """Return what came back as the shop's refunds/create carries it."""
    sale = back.sale
    amount = sum((units * price for _, units, price in back.parts), ZERO)
    return orjson.dumps(
        {
            "id": back.external_id,
            "order_id": int(sale.invoice) if sale else f"before-{back.invoice}",
            "created_at": back.at.isoformat(),
            "transactions": [{"kind": "refund", "status": "success", "amount": str(amount), "currency": CURRENCY}],
            "refund_line_items": [
                {
                    "line_item_id": line_id(sale.invoice, place) if sale else f"{back.invoice}-{number}",
                    "quantity": units,
                    "restock_type": "cancel" if sale and sale.held and sale.lines[place].goods else "return",
                    "subtotal": str(units * price),
                }
                for number, (place, units, price) in enumerate(back.parts)
            ],
        }
    )


def line_id(invoice: str, place: int) -> int:
    """Return the shop's id of a line."""
    return int(invoice) * 10_000 + place
