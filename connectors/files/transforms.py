"""Conversions for what tables hold: a day where a time is wanted, a time where a day is wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mappings.faults import Unfit
from mappings.times import day, instant
from mappings.transform import Maker, Transform

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]00:00(?::00(?:\.0+)?)?")


def moment(*, zone: str = "UTC", format: str | None = None) -> Transform:
    """A point in time; a day alone is its first moment.

    Args:
        zone: IANA zone of times that say none.
        format: strptime pattern of the partner, instead of ISO 8601.
    """
    inner = instant(zone=zone, format=format)

    def read(value: Any) -> datetime:
        text = value.strip() if isinstance(value, str) else value
        if format is None and isinstance(text, str) and DAY.fullmatch(text):
            text = f"{text}T00:00:00"
        found: datetime = inner.read(text)
        return found

    return Transform("moment", read, inner.write)


def calendar_day(*, format: str | None = None) -> Transform:
    """A day; midnight, as spreadsheets store days, is taken for its day.

    Args:
        format: strptime pattern of the partner, instead of ISO 8601.
    """
    inner = day(format=format)

    def read(value: Any) -> Any:
        if isinstance(value, str) and format is None:
            found = MIDNIGHT.fullmatch(value.strip())
            if found is None and "T" in value:
                raise Unfit("has a time of day; read it with `as: moment`")
            value = found[1] if found else value
        return inner.read(value)

    return Transform("calendar_day", read, inner.write)


FUNCTIONS: Mapping[str, Maker | Transform] = {"moment": moment, "calendar_day": calendar_day}
