"""Cursors: where a list goes on, signed, so that nobody can make the database look for what they like."""

from __future__ import annotations

from hashlib import sha256

from itsdangerous import BadData, URLSafeSerializer

from core.errors import InputError


def pack(key: str, name: str, after: list[str] | None) -> str | None:
    """Return the cursor of the next page of the list `name`; None when there is none."""
    return None if after is None else str(_signer(key, name).dumps(after))


def unpack(key: str, name: str, cursor: str | None) -> list[str] | None:
    """Return the key a cursor of the list `name` stands for.

    Raises:
        InputError: the cursor was not made here for this list.
    """
    if cursor is None:
        return None
    try:
        found = _signer(key, name).loads(cursor)
    except (BadData, UnicodeError, ValueError):
        raise InputError(
            "The cursor is not one of this list.",
            fix="Use `next_cursor` of the page before, unchanged.",
            code="API-CURSOR-422",
        ) from None
    assert isinstance(found, list)
    return found


def _signer(key: str, name: str) -> URLSafeSerializer:
    return URLSafeSerializer(
        key, salt=f"cursor:{name}", signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"}
    )
