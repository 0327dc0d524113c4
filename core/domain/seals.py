"""Seals over stored rows: short sums that tell whether a row is as it was written, and which field is not.

A seal holds eight bytes of BLAKE2b (RFC 7693) over all fields, then two bytes of CRC-16/XMODEM for each field. A CRC of
16 bits finds every change that lies within 16 bits in a row, so one altered byte is always named; the hash finds the
others. Seals tell damage and quiet edits; somebody who can compute a seal can also forge one.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Sequence

WHOLE = 8
PART = 2


def seal(fields: Sequence[bytes]) -> bytes:
    """Return the seal of a row: `WHOLE` bytes over all fields and `PART` bytes for each."""
    whole = hashlib.blake2b(digest_size=WHOLE)
    parts = []
    for value in fields:
        # The length keeps a byte that moves from one field to the next from being overlooked.
        whole.update(len(value).to_bytes(4, "big"))
        whole.update(value)
        parts.append(binascii.crc_hqx(value, 0).to_bytes(PART, "big"))
    return whole.digest() + b"".join(parts)


def altered(fields: Sequence[bytes], kept: bytes) -> list[int] | None:
    """Return which fields do not fit the seal that was kept, by their place; None when the row is as it was written.

    An empty list says that the seal itself, or several bytes in a way no part tells, were altered.
    """
    found = seal(fields)
    if found == kept:
        return None
    if len(found) != len(kept):
        return []
    starts = range(WHOLE, len(found), PART)
    wrong = [at for at, start in enumerate(starts) if found[start : start + PART] != kept[start : start + PART]]
    # A damaged seal differs in one part while the hash over everything still fits.
    return [] if found[:WHOLE] == kept[:WHOLE] else wrong
