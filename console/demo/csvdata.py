"""Real input for the demo: orders, items and customers from CSV files; rows that cannot be used are told, not lost.

`orders.csv` (or order_lines.csv, lines.csv) is needed; `items.csv` (products.csv) and `customers.csv` may be there.
Columns are found by name, upper or lower case, with the synonyms below; other columns are left alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from core.domain.money import CURRENCIES
from core.errors import InputError

FILES: Mapping[str, Sequence[str]] = {
    "orders": ("orders.csv", "order_lines.csv", "lines.csv"),
    "items": ("items.csv", "products.csv"),
    "customers": ("customers.csv",),
}
COLUMNS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "orders": {
        "order": ("order", "order_number", "order_id", "orderno", "invoice", "invoiceno", "invoice_no"),
        "sku": ("sku", "item", "item_sku", "stockcode", "stock_code", "product", "product_id"),
        "quantity": ("quantity", "qty", "units"),
        "price": ("price", "unit_price", "unitprice"),
        "placed_at": ("placed_at", "order_date", "ordered_at", "date", "invoicedate", "invoice_date", "created_at"),
        "customer": ("customer", "customer_id", "customerid", "customer_number"),
        "title": ("title", "description", "name"),
        "currency": ("currency",),
        "country": ("country",),
    },
    "items": {
        "sku": ("sku", "item", "stockcode", "stock_code", "product", "product_id", "id"),
        "title": ("title", "description", "name"),
        "price": ("price", "unit_price", "unitprice"),
        "weight_g": ("weight_g", "weight", "grams"),
        "gtin": ("gtin", "ean", "barcode"),
        "stock": ("stock", "on_hand", "quantity"),
    },
    "customers": {
        "number": ("number", "id", "customer", "customer_id", "customerid", "customer_number"),
        "first": ("first", "first_name"),
        "last": ("last", "last_name", "name"),
        "email": ("email", "e_mail"),
        "company": ("company",),
        "street": ("street", "line1", "address", "address1"),
        "postal_code": ("postal_code", "zip", "postcode"),
        "city": ("city", "town"),
        "country": ("country", "country_code"),
    },
}
NEEDED: Mapping[str, Sequence[str]] = {
    "orders": ("order", "sku", "quantity"), "items": ("sku",), "customers": ("number",),
}  # fmt: skip
MOST_FIELD = 131_072
CURRENCY = re.compile(r"[A-Z]{3}\Z")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be used; rows count from 1, the heading not included."""

    file: str
    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class InputLine:
    """Units of one item at a price."""

    sku: str
    quantity: int
    price: Decimal
    title: str | None


@dataclass(slots=True)
class InputOrder:
    """One order of the files."""

    number: str
    placed_at: datetime | None
    customer: str | None
    country: str | None
    lines: list[InputLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class InputItem:
    """One item of the files; `stock` is None where they do not say."""

    sku: str
    title: str | None
    price: Decimal | None
    weight_g: int | None
    gtin: str | None
    stock: int | None


@dataclass(slots=True)
class InputData:
    """What the files say, and what of them could not be used."""

    currency: str = "EUR"
    orders: dict[str, InputOrder] = field(default_factory=dict)
    items: dict[str, InputItem] = field(default_factory=dict)
    customers: dict[str, dict[str, str]] = field(default_factory=dict)
    lists_items: bool = False
    bad: list[BadRow] = field(default_factory=list)

    @property
    def value(self) -> Decimal:
        """What all usable lines come to."""
        return sum((line.price * line.quantity for order in self.orders.values() for line in order.lines), Decimal(0))

    @property
    def units(self) -> int:
        """Units of all usable lines."""
        return sum(line.quantity for order in self.orders.values() for line in order.lines)


def read_folder(folder: Path) -> InputData:
    """Return what the CSV files of a folder say.

    Raises:
        InputError: there is no file of orders, or one lacks a needed column, or none of its rows can be used.
    """
    data = InputData()
    _each(folder, "items", data, _item)
    data.lists_items = bool(data.items)
    _each(folder, "customers", data, _customer)
    if not _each(folder, "orders", data, _line):
        raise InputError(
            f"{folder} has no file of orders.",
            fix=f"Call it {' or '.join(FILES['orders'])}, with the columns order, sku, quantity and price.",
            code="DEMO-INPUT-404",
        )
    if not data.orders:
        first = f" The first: row {data.bad[0].row}: {data.bad[0].reason}" if data.bad else ""
        raise InputError(f"No row of the orders in {folder} can be used.{first}", code="DEMO-INPUT-422")
    return data


def _each(folder: Path, kind: str, data: InputData, take: Callable[[InputData, Mapping[str, str]], None]) -> bool:
    """Have each row of the first file of a kind taken; return whether there is such a file."""
    path = next((folder / name for name in FILES[kind] if (folder / name).is_file()), None)
    if path is None:
        return False
    for number, row in enumerate(_rows(path, kind), 1):
        try:
            take(data, row)
        except InputError as error:
            data.bad.append(BadRow(path.name, number, error.what))
    return True


def _rows(path: Path, kind: str) -> Iterator[dict[str, str]]:
    csv.field_size_limit(MOST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            heading = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
            places = {
                column: heading.index(found)
                for column, names in COLUMNS[kind].items()
                if (found := next((name for name in names if name in heading), None))
            }
            missing = [column for column in NEEDED[kind] if column not in places]
            if missing:
                raise InputError(
                    f"{path.name} has no column for {', '.join(missing)}.",
                    why=f"Its columns are: {', '.join(heading[:30]) or 'none'}.",
                    fix="; ".join(f"{column}: {', '.join(COLUMNS[kind][column])}" for column in missing),
                    code="DEMO-INPUT-422",
                )
            for row in reader:
                yield {
                    column: row[place].strip().replace("\0", "") for column, place in places.items() if place < len(row)
                }
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path.name} cannot be read: {error}.", fix="Save it as CSV in UTF-8.", code="DEMO-INPUT-422"
        ) from None


def _line(data: InputData, row: Mapping[str, str]) -> None:
    number, sku = _needed(row, "order"), _needed(row, "sku")
    units = _whole(_needed(row, "quantity"), "quantity")
    if units < 1:
        raise InputError(f"the quantity {units} is no sale; cancellations and returns happen in the shop")
    known = data.items.get(sku)
    price = _amount(row["price"], "price") if row.get("price") else (known.price if known else None)
    if price is None:
        raise InputError(f"no price, and items.csv has none for {sku}")
    if row.get("currency"):
        currency = row["currency"].upper()
        if not CURRENCY.match(currency) or currency not in CURRENCIES:
            raise InputError(f"{row['currency'][:20]!r} is no currency code")
        if data.orders and currency != data.currency:
            raise InputError(f"{currency}: the orders before are in {data.currency}, and a shop sells in one currency")
        data.currency = currency
    placed = _instant(row["placed_at"]) if row.get("placed_at") else None
    order = data.orders.setdefault(
        number, InputOrder(number, placed, row.get("customer") or None, row.get("country") or None)
    )
    order.lines.append(InputLine(sku, units, price, row.get("title") or None))
    if not data.lists_items and sku not in data.items:
        data.items[sku] = InputItem(sku, row.get("title") or None, price, None, None, None)


def _item(data: InputData, row: Mapping[str, str]) -> None:
    sku = _needed(row, "sku")
    if sku in data.items:
        raise InputError(f"{sku} is there twice")
    data.items[sku] = InputItem(
        sku,
        row.get("title") or None,
        _amount(row["price"], "price") if row.get("price") else None,
        _whole(row["weight_g"], "weight_g") if row.get("weight_g") else None,
        row.get("gtin") or None,
        _whole(row["stock"], "stock") if row.get("stock") else None,
    )


def _customer(data: InputData, row: Mapping[str, str]) -> None:
    number = _needed(row, "number")
    if number in data.customers:
        raise InputError(f"customer {number} is there twice")
    data.customers[number] = dict(row)


def _needed(row: Mapping[str, str], column: str) -> str:
    found = row.get(column) or ""
    if not found or len(found) > 128:
        raise InputError(f"{column} is {'empty' if not found else 'too long'}")
    return found


def _whole(text: str, column: str) -> int:
    found = _amount(text, column, least=Decimal(-(10**9)))
    if found != found.to_integral_value():
        raise InputError(f"{column} {text[:20]!r} is not a whole number")
    return int(found)


def _amount(text: str, column: str, least: Decimal = Decimal(0)) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise InputError(f"{column} {text[:20]!r} is not a number (decimals have a point)") from None
    if not found.is_finite() or not least <= found <= 10**9:
        raise InputError(f"{column} {text[:20]!r} is out of range")
    return found


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"the time {text[:30]!r} is not written as 2026-11-20 or 2026-11-20 09:41:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
