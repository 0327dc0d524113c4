"""Real deliveries of the Olist sample, read where it lies: when each was ordered, sent and delivered, and its way.

The sample is CC BY-NC-SA: it is read for measuring only, and no model trained on it is kept.
"""

from __future__ import annotations

import csv
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.intelligence.lanes import DAY_SECONDS, Lane, Trip, make_trip

FOLDER = Path(__file__).resolve().parents[2] / "shared/corpora/orders-datasets/olist-sample"
COUNTRY = "BR"
POSTAL_DIGITS = 5
ON_THE_WAY = frozenset(["delivered", "shipped", "invoiced", "processing"])


@dataclass(frozen=True, slots=True)
class Parcel:
    """One order of the sample that was sent or was to be.

    Args:
        trip: its way, from the day it starts.
        state_lane: both states, the lane of the plain comparison.
        starts: days since the first one began.
        days: how long it took, None when the sample does not say that it arrived.
    """

    trip: Trip
    state_lane: str
    starts: float
    days: float | None


def read_parcels(whole: bool) -> list[Parcel]:
    """Return the parcels in the order they start.

    Args:
        whole: from order to door; else from the carrier's hands to the door.

    Raises:
        FileNotFoundError: the sample is not there.
    """
    customers = {row["customer_id"]: row for row in _rows("olist_customers_dataset")}
    sellers = {row["seller_id"]: row for row in _rows("olist_sellers_dataset")}
    first: dict[str, str] = {}
    for item in _rows("olist_order_items_dataset"):
        first.setdefault(item["order_id"], item["seller_id"])
    found = []
    for row in _rows("olist_orders_dataset"):
        seller, customer = sellers.get(first.get(row["order_id"], "")), customers[row["customer_id"]]
        begins = row["order_purchase_timestamp" if whole else "order_delivered_carrier_date"]
        if seller is None or not begins or row["order_status"] not in ON_THE_WAY:
            continue
        start = _time(begins)
        arrived = row["order_delivered_customer_date"]
        seconds = (_time(arrived) - start).total_seconds() if arrived else None
        if seconds is not None and seconds <= 0:
            continue  # the sample has one that arrived before it left
        lane = Lane(
            COUNTRY,
            seller["seller_zip_code_prefix"].zfill(POSTAL_DIGITS),
            COUNTRY,
            customer["customer_zip_code_prefix"].zfill(POSTAL_DIGITS),
        )
        states = f"{seller['seller_state']}>{customer['customer_state']}"
        found.append((start, make_trip(None, None, lane, start), states, seconds))
    found.sort(key=lambda each: (each[0], each[2]))
    zero = found[0][0]
    return [
        Parcel(trip, states, (start - zero).total_seconds() / DAY_SECONDS, seconds and seconds / DAY_SECONDS)
        for start, trip, states, seconds in found
    ]


def _rows(name: str) -> Iterator[dict[str, str]]:
    with lzma.open(FOLDER / f"{name}.csv.xz", "rt", encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
