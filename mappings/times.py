"""Transforms of times and dates: aware UTC inside, a naive time only with its zone named in the map."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mappings.faults import Unfit, kind_of
from mappings.numbers import exact
from mappings.transform import Transform

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ISO = re.compile(
    r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[Tt ][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]{1,9})?)?)?"
    r"(?:[Zz]| ?[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
UNITS = {"seconds": 1, "milliseconds": 1_000}


def instant(
    *, zone: str | None = None, format: str | None = None, unix: str | None = None, part: str | None = None
) -> Transform:
    """A point in time.

    Args:
        zone: IANA zone of times that say none; times are then also written in it. In the hour that a clock change
            repeats, the first is meant.
        format: strptime pattern of the partner, instead of ISO 8601.
        unix: `seconds` or `milliseconds` since 1970, instead of text.
        part: `date` or `time`: write only this, ISO 8601; the time with its zone. A part is not read.
    """
    if unix is not None and (unix not in UNITS or zone or format):
        raise Unfit("`unix` is seconds or milliseconds and stands alone")
    if part is not None and (part not in ("date", "time") or format or unix):
        raise Unfit("`part` is date or time, without `format` and `unix`")
    place = find_zone(zone)

    def read(value: Any) -> datetime:
        found = from_unix(value, UNITS[unix]) if unix else parsed(value, format)
        if found.tzinfo is None:
            if place is None:
                raise Unfit("has no time zone and the rule names none")
            found = found.replace(tzinfo=place)
        try:
            return found.astimezone(UTC)
        except (OverflowError, ValueError):
            raise Unfit("is outside the years 1 to 9999") from None

    def write(value: Any) -> Any:
        at = canonical_instant(value)
        if unix:
            return to_unix(at, UNITS[unix])
        local = at.astimezone(place or UTC)
        if part:
            whole = local.isoformat().replace("+00:00", "Z")
            return whole[:10] if part == "date" else whole[11:]
        if format:
            return local.strftime(format)
        return local.isoformat().replace("+00:00", "Z")

    return Transform("datetime", no_part if part else read, write)


def no_part(_value: Any) -> datetime:
    """Refuse to read a part of a time."""
    raise Unfit("is a part of a time; read both parts with `concat`")


def find_zone(name: str | None) -> ZoneInfo | None:
    """Return the zone of an IANA name."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Unfit(f"{name!r} is no IANA time zone such as Europe/Copenhagen") from None


def parsed(value: Any, pattern: str | None) -> datetime:
    """Return a time as the partner wrote it, naive when it says no zone."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise Unfit(f"is {kind_of(value)}, not a time")
    text = value.strip()
    try:
        if pattern:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is added by the caller
        if not ISO.fullmatch(text):
            raise Unfit("is not an ISO 8601 time such as 2026-11-20T09:41:00Z")
        return datetime.fromisoformat(text.upper().replace(" +", "+").replace(" -", "-"))
    except ValueError:
        raise Unfit(f"is not a time of the form {pattern}" if pattern else "is not a valid time") from None


def canonical_instant(value: Any) -> datetime:
    """Return a canonical time, given as aware datetime or as its JSON text."""
    at = parsed(value, None)
    if at.tzinfo is None:
        raise Unfit("has no time zone")
    return at


def from_unix(value: Any, per_second: int) -> datetime:
    """Return the time of a Unix count."""
    count = exact(value)
    microseconds = count * (1_000_000 // per_second)
    if microseconds != microseconds.to_integral_value():
        raise Unfit("is finer than a microsecond")
    try:
        return EPOCH + timedelta(microseconds=int(microseconds))
    except OverflowError:
        raise Unfit("is outside the years 1 to 9999") from None


def to_unix(at: datetime, per_second: int) -> int | Decimal:
    """Return the Unix count of a time; a whole number where it is one."""
    count = Decimal((at - EPOCH) // timedelta(microseconds=1)) * per_second / 1_000_000
    return int(count) if count == count.to_integral_value() else count.normalize()


def day(*, format: str | None = None) -> Transform:
    """A calendar day, without time.

    Args:
        format: strptime pattern of the partner, instead of ISO 8601.
    """

    def read(value: Any) -> date:
        if isinstance(value, datetime):
            if value.time() != time():
                raise Unfit("has a time of day; read it with `as: datetime`")
            return value.date()
        if isinstance(value, date):
            return value
        if not isinstance(value, str):
            raise Unfit(f"is {kind_of(value)}, not a date")
        try:
            if format:
                return datetime.strptime(value.strip(), format).date()  # noqa: DTZ007 - a day has no zone
            return date.fromisoformat(value.strip())
        except ValueError:
            raise Unfit(f"is not a date of the form {format or '2026-11-20'}") from None

    def write(value: Any) -> str:
        found = value if isinstance(value, date) and not isinstance(value, datetime) else None
        if found is None:
            if not isinstance(value, str):
                raise Unfit(f"is {kind_of(value)}, not a date")
            try:
                found = date.fromisoformat(value)
            except ValueError:
                raise Unfit("is not a date of the form 2026-11-20") from None
        return found.strftime(format) if format else found.isoformat()

    return Transform("date", read, write)
