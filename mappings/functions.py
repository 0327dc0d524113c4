"""The functions every map can name in `as:`; a connector adds its own from `transforms.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from mappings import codes, numbers, times
from mappings.edi import dates
from mappings.faults import Unfit, kind_of
from mappings.transform import Maker, Transform

GID = re.compile(r"gid://[A-Za-z0-9_-]+/(?P<kind>[A-Za-z0-9_]+)/(?P<id>[^/?#\s]+)(?:\?.*)?")
YES = frozenset(["true", "1", "yes", "y", "on"])
NO = frozenset(["false", "0", "no", "n", "off"])


def read_scalar(value: Any) -> Any:
    """Return a plain value as it is, numbers as text: what a rule without `as:` does."""
    kind = type(value)
    if kind is str or kind is bool:
        return value
    if kind is int:
        return whole_text(value)
    if kind is Decimal:
        return format(numbers.exact(value), "f")
    if isinstance(value, date):
        return value.isoformat()
    raise Unfit(f"is {kind_of(value)}, not a plain value")


def write_scalar(value: Any) -> Any:
    """Return a canonical value as the partner's document takes it."""
    kind = type(value)
    if kind is str or kind is bool or kind is int:
        return value
    if kind is Decimal:
        return format(numbers.exact(value), "f")
    if isinstance(value, datetime):
        return times.instant().write(value)  # type: ignore[misc]  # instant always writes
    if isinstance(value, date):
        return value.isoformat()
    raise Unfit(f"is {kind_of(value)}, not a plain value")


def whole_text(value: int) -> str:
    """Return the digits of a whole number of sane length."""
    if value.bit_length() > 256:
        raise Unfit("has more than 77 digits")
    return str(value)


def read_text(value: Any) -> str | None:
    """Return trimmed text, None when nothing is left."""
    found = read_scalar(value)
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found).strip() or None


def write_text(value: Any) -> str:
    """Return the value as text, numbers included."""
    found = write_scalar(value)
    if isinstance(found, bool):
        return "true" if found else "false"
    return whole_text(found) if isinstance(found, int) else str(found)


def changed(name: str, change: Any) -> Transform:
    """Return a transform that changes text the same way in both directions."""

    def convert(value: Any) -> Any:
        found = read_text(value)
        return None if found is None else change(found)

    return Transform(name, convert, convert)


def boolean(*, true: Any = None, false: Any = None) -> Transform:
    """True or false.

    Args:
        true: what the partner writes for true, when it is not one of true, 1, yes, y, on.
        false: what the partner writes for false; give both or none.
    """
    if (true is None) != (false is None):
        raise Unfit("`true` and `false` are given together or not at all")

    def read(value: Any) -> bool:
        if true is not None:
            said = read_text(value)
            if said == str(true):
                return True
            if said == str(false):
                return False
            raise Unfit(f"is neither {true!r} nor {false!r}")
        if isinstance(value, bool):
            return value
        word = (read_text(value) or "").lower()
        if word in YES:
            return True
        if word in NO:
            return False
        raise Unfit("is neither true nor false")

    def write(value: Any) -> Any:
        if not isinstance(value, bool):
            raise Unfit(f"is {kind_of(value)}, not true or false")
        return value if true is None else (true if value else false)

    return Transform("boolean", read, write)


def gid(*, kind: str | None = None) -> Transform:
    """The number in a Shopify global id: `gid://shopify/Order/123` is read as `123`.

    Args:
        kind: the object kind, such as Order; needed for writing, checked when reading.
    """

    def read(value: Any) -> str:
        text = read_text(value) or ""
        found = GID.fullmatch(text)
        if found is None:
            raise Unfit("is not a global id such as gid://shopify/Order/123")
        if kind is not None and found["kind"] != kind:
            raise Unfit(f"is the id of a {found['kind']}, not of a {kind}")
        return found["id"]

    def write(value: Any) -> str:
        text = write_text(value)
        if text.startswith("gid://"):
            read(text)
            return text
        made = f"gid://shopify/{kind}/{text}"
        if GID.fullmatch(made) is None:
            raise Unfit("cannot be part of a global id")
        return made

    return Transform("gid", read, write if kind else None)


def split(*, by: str = ",") -> Transform:
    """Text with separators as a list of trimmed, non-empty texts."""

    def read(value: Any) -> list[str]:
        text = read_text(value) or ""
        return [part.strip() for part in text.split(by) if part.strip()]

    def write(value: Any) -> str:
        parts = read_list(value)
        if any(by in part for part in parts):
            raise Unfit(f"has a part with {by!r} in it")
        return (by if by.isspace() else f"{by} ").join(parts)

    return Transform("split", read, write)


def read_list(value: Any) -> list[str]:
    """Return a list of texts; anything else than a list of plain values is refused."""
    if not isinstance(value, list):
        raise Unfit(f"is {kind_of(value)}, not a list")
    return [text for each in value if each is not None and (text := read_text(each)) is not None]


def same(value: Any) -> Any:
    """Return the value untouched."""
    return value


def after(*, prefix: str) -> Transform:
    """Text behind a fixed prefix, which must be there when reading and is put back when writing."""

    def read(value: Any) -> str | None:
        text = read_text(value) or ""
        if not text.startswith(prefix):
            raise Unfit(f"does not start with {prefix!r}")
        return text.removeprefix(prefix) or None

    return Transform("after", read, lambda value: prefix + write_text(value))


FUNCTIONS: Mapping[str, Maker | Transform] = {
    "text": Transform("text", read_text, write_text),
    "upper": changed("upper", str.upper),
    "lower": changed("lower", str.lower),
    "boolean": boolean,
    "integer": Transform("integer", numbers.read_integer, numbers.read_integer),
    "number": numbers.number,
    "money": numbers.money,
    "quantity": numbers.quantity,
    "scaled": numbers.scaled,
    "ratio": Transform("ratio", numbers.read_ratio),
    "sum": Transform("sum", numbers.read_sum),
    "datetime": times.instant,
    "date": times.day,
    "country": Transform("country", codes.read_country, codes.read_country),
    "currency": Transform("currency", codes.read_currency, codes.read_currency),
    "gid": gid,
    "after": after,
    "split": split,
    "list": Transform("list", read_list, read_list),
    "any": Transform("any", same, same),
    "edifact_date": dates.edifact_date,
    "edifact_time": dates.edifact_time,
    "x12_date": dates.x12_date,
    "x12_day": dates.x12_day,
    "x12_time": dates.x12_time,
    "lines": dates.lines,
}
SCALAR = Transform("plain value", read_scalar, write_scalar)
