"""What all text syntaxes share: size, charset, and the characters that no store takes."""

from __future__ import annotations

import codecs
from typing import Any

from mappings.faults import MapError

MAX_BYTES = 64 * 1024 * 1024
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def refused(word: str, what: str, **more: Any) -> MapError:
    """Return the error for an input that cannot be read at all."""
    return MapError(what, code=f"MAP-{word}-422", **more)


def check_size(data: bytes, limit: int | None = None) -> None:
    """Refuse inputs beyond the limit, in bytes."""
    most = limit or MAX_BYTES
    if len(data) > most:
        raise refused("SIZE", f"The input has {len(data):,} bytes, {most:,} are allowed.")


def decode(data: bytes, encoding: str | None = None) -> str:
    """Return the text of an input: the map's encoding, else what its byte order mark says, else UTF-8.

    Raises:
        MapError: the bytes are not of that encoding, or hold a NUL character.
    """
    marked = next((name for mark, name in MARKS if data.startswith(mark)), None)
    used = encoding or marked or "utf-8"
    if used == "utf-8" or (encoding is None and marked == "utf-8"):
        used = "utf-8-sig"
    try:
        text = data.decode(used)
    except (UnicodeDecodeError, UnicodeError) as error:
        at = getattr(error, "start", None)
        raise refused(
            "CHARSET",
            f"The input is not {used.removesuffix('-sig').upper()}"
            + (f": byte {at:,} is 0x{data[at]:02x}." if at is not None and at < len(data) else "."),
            fix="Send UTF-8, or name the charset in the map's `options: {encoding: ...}`.",
        ) from None
    if "\x00" in text:
        raise refused("CHARSET", f"The input has a NUL character at position {text.index(chr(0)):,}.")
    return text
