"""Why a stock figure is as it is, read from the ledger: its parts at each node, at any time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from console.cli.reasons import Json, Reasons, until
from core.store.read.explained import explain_availability
from core.store.read.page import Slice
from core.store.read.stock import list_movements
from core.store.read.text import instant

MOVEMENTS = 200
LOTS = ("node", "lot", "status", "expires_on", "on_hand", "promised", "shortfall")
PLACES = (
    "node",
    "on_hand",
    "reserved",
    "allocated",
    "safety",
    "uncertain",
    "rules",
    "available",
    "movements",
    "last_at=last",
)
LEDGER = ("at", "node", "kind", "on_hand", "reserved", "allocated", "order", "cause", "actor")


def of_stock(conn: Connection, subject: str, as_of: datetime | None, connection: str | None) -> Reasons:
    """Return the figures of `SKU` or `SKU@NODE` with their parts, and the movements behind them.

    Raises:
        NotFound: there is no such item, node or connection.
    """
    sku, _, node = subject.rpartition("@") if "@" in subject else (subject, "", "")
    found = explain_availability(conn, sku, node=node or None, connection=connection, as_of=as_of)
    movements = until(
        list_movements(conn, Slice(MOVEMENTS), sku=sku, node=node or None).data if not found["kit"] else [], as_of
    )
    whom = (f" at {node}" if node else "") + (f" to {connection}" if connection else "")
    lines = [_sentence(each, whom) for each in found["items"]]
    tables: list[tuple[str, list[Json], Any]] = []
    if found["kit"]:
        made_of = " and ".join(f"{each['units']} {each['sku']}" for each in found["items"])
        lines = [_sentence(found, whom), f"It is made of {made_of}; its scarcest component at a node decides.", *lines]
    for each in found["items"]:
        tables.append((f"Nodes of {each['sku']}", [_row(place) for place in each["nodes"]], PLACES))
        lots = [{"node": place["node"], **lot} for place in each["nodes"] for lot in place["lots"]]
        tables.append((f"Lots of {each['sku']}", lots, LOTS))
    facts = {"subject": subject, "kind": "stock", **found, "movements": movements}
    # One item's figures also at the top, as before kits.
    if not found["kit"]:
        facts["nodes"] = found["items"][0]["nodes"]
    headline = f"Stock of {subject}" + (f" as of {instant(as_of)}" if as_of else "")
    return Reasons(facts, headline, lines, [*tables, ("Ledger, newest first", movements[:30], LEDGER)])


def _sentence(item: Json, whom: str) -> str:
    total = item["total"]
    parts = " ".join(_signed(part) for part in total["parts"])
    return f"{item['sku']}: {total['available']} available{whom} = {parts or '0'}"


def _signed(part: Json) -> str:
    owner = (f" of {part['connection']}" if part["connection"] else "") + (f" for {part['kit']}" if part["kit"] else "")
    sign = "" if part["units"].startswith("-") else "+"
    return f"{sign}{part['units']} {part['name'].replace('_', ' ')}{owner}"


def _row(place: Json) -> Json:
    plain = ("on_hand", "reserved", "allocated", "safety", "uncertain")
    rules = [part for part in place["parts"] if part["name"] not in plain]
    return {**place, "rules": " ".join(_signed(part) for part in rules)}
