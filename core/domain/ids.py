"""Identifiers: UUIDv7 inside, a short prefix outside (`ord_…`)."""

from __future__ import annotations

import os
import time
from datetime import datetime
from uuid import UUID

from core.errors import NotFound

PREFIXES = {
    "attempt": "att", "case": "exc", "change": "chg", "connection": "con", "decision": "dec", "delivery": "dlv",
    "disruption": "dis", "event": "evt", "fulfillment": "ful", "fulfillment_line": "fln", "hold": "hld", "item": "itm",
    "key": "key", "line": "lin", "message": "msg", "model": "mdl", "node": "nod", "order": "ord", "package": "pkg",
    "policy": "pol", "promise": "prm", "protection": "prt", "refund": "rfd", "reservation": "res", "service": "svc",
    "shipment": "shp", "supply": "sup", "tracking": "trk", "transfer": "trf", "user": "usr",
    "wave": "wav",
}  # fmt: skip
KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}


def uuid7(now_ms: int | None = None) -> UUID:
    """Return a new time-ordered UUID (RFC 9562, version 7).

    Args:
        now_ms: Unix time in milliseconds; the clock's when left out.
    """
    stamp = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    noise = int.from_bytes(os.urandom(10), "big")
    value = (stamp & 0xFFFFFFFFFFFF) << 80 | 0x7 << 76 | (noise >> 62 & 0xFFF) << 64 | 0b10 << 62
    return UUID(int=value | noise & 0x3FFFFFFFFFFFFFFF)


def floor_of(at: datetime | None) -> UUID:
    """Return an identifier that none of those made at that time or later lies below; the lowest of all for None."""
    stamp = 0 if at is None else max(0, int(at.timestamp() * 1000))
    return UUID(int=(stamp & 0xFFFFFFFFFFFF) << 80)


def public_id(kind: str, value: UUID) -> str:
    """Return the identifier as people and APIs see it, such as `ord_0198f3c2…`."""
    return f"{PREFIXES[kind]}_{value.hex}"


def parse_id(kind: str, text: str) -> UUID:
    """Return the UUID behind a public identifier of the given kind.

    Raises:
        NotFound: the text is not an identifier of that kind, so nothing has it.
    """
    prefix, _, digits = text.partition("_")
    if prefix == PREFIXES[kind] and len(digits) == 32:
        try:
            return UUID(hex=digits)
        except ValueError:
            pass
    raise NotFound(f"There is no {kind} {text[:60]!r}.", fix=f"Identifiers look like {PREFIXES[kind]}_ and 32 digits.")


def kind_of(text: str) -> str | None:
    """Return which kind of thing a public identifier names, or None when it is not one."""
    return KINDS.get(text.partition("_")[0])
