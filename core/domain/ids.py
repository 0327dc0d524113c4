"""Identifiers: UUIDv7 inside, a short prefix outside (`ord_…`)."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from uuid import UUID, SafeUUID

from core.errors import NotFound

PREFIXES = {
    "attempt": "att", "case": "exc", "change": "chg", "chargeback": "cbk", "connection": "con", "decision": "dec",
    "delivery": "dlv", "disruption": "dis", "edi_document": "edi", "event": "evt", "fulfillment": "ful",
    "fulfillment_line": "fln", "hold": "hld", "interchange": "ich", "item": "itm", "key": "key", "line": "lin",
    "message": "msg", "model": "mdl", "node": "nod", "order": "ord", "package": "pkg", "paper": "pap", "policy": "pol",
    "promise": "prm", "protection": "prt", "refund": "rfd", "reservation": "res", "service": "svc", "shipment": "shp",
    "simulation": "sim", "supply": "sup", "tracking": "trk", "transfer": "trf", "user": "usr", "wave": "wav",
}  # fmt: skip
KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}


_lock = threading.Lock()
# 48 bits of milliseconds and 74 of noise, as one number: the last identifier this process made by the clock.
_last = 0
NOISE_BITS = 74
# Far enough that two processes forked in the same millisecond do not meet, short enough that it hardly ever overflows.
STEP_BITS = 56
STEP_BYTES = STEP_BITS // 8
_new, _put_int, _put_safe = object.__new__, UUID.int.__set__, UUID.is_safe.__set__  # type: ignore[attr-defined,misc]


def uuid7(now_ms: int | None = None) -> UUID:
    """Return a new time-ordered UUID (RFC 9562, version 7).

    Those a process makes by the clock come one after the other also within a millisecond and when the clock is set
    back: the noise is then raised by a random step (section 6.2 there, method 2).

    Args:
        now_ms: Unix time in milliseconds; the clock's when left out.
    """
    global _last
    noise = int.from_bytes(os.urandom(10), "big") & (1 << NOISE_BITS) - 1
    if now_ms is not None:
        return _as_uuid((now_ms & 0xFFFFFFFFFFFF) << NOISE_BITS | noise)
    fresh = time.time_ns() // 1_000_000 << NOISE_BITS | noise
    with _lock:
        _last = fresh if fresh > _last else _last + 1 + (noise & (1 << STEP_BITS) - 1)
        return _as_uuid(_last)


def uuid7s(count: int) -> list[UUID]:
    """Return so many new identifiers, as `uuid7` makes them one after the other, for a fraction of the cost of each."""
    global _last
    noise = int.from_bytes(os.urandom(10 + STEP_BYTES * count), "big")
    fresh = time.time_ns() // 1_000_000 << NOISE_BITS | noise & (1 << NOISE_BITS) - 1
    found = []
    with _lock:
        _last = max(_last + 1, fresh)
        for _ in range(count):
            noise >>= 8 * STEP_BYTES
            found.append(_as_uuid(_last))
            _last += 1 + (noise & (1 << STEP_BITS) - 1)
    return found


def _as_uuid(number: int) -> UUID:
    stamp, noise = number >> NOISE_BITS, number & (1 << NOISE_BITS) - 1
    made = _new(UUID)
    # Its own constructor looks for what else it might have been given, at twice the cost.
    _put_int(made, stamp << 80 | 0x7 << 76 | noise >> 62 << 64 | 0b10 << 62 | noise & 0x3FFFFFFFFFFFFFFF)
    _put_safe(made, SafeUUID.unknown)
    return made


def floor_of(at: datetime | None) -> UUID:
    """Return an identifier that none of those made at that time or later lies below; the lowest of all for None."""
    stamp = 0 if at is None else max(0, int(at.timestamp() * 1000))
    return UUID(int=(stamp & 0xFFFFFFFFFFFF) << 80)


def moment_of(value: UUID) -> datetime:
    """Return when an identifier was made, to the millisecond."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


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
