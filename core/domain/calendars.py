"""Node calendars: when a node works, when an order must be in to leave the same day, and when a parcel leaves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from core.errors import InputError

# A node that ships nothing within this many days ships nothing as far as a promise is concerned.
HORIZON_DAYS = 60
WEEK = 7


@dataclass(frozen=True, slots=True)
class Hours:
    """One working day: opened, closed, both as wall-clock times of the node; what is packed leaves at closing.

    Raises:
        InputError: it does not close after it opens.
    """

    opens: time
    closes: time

    def __post_init__(self) -> None:
        """Refuse a day that ends before it begins."""
        if self.closes <= self.opens:
            raise InputError(
                f"A working day cannot close at {self.closes:%H:%M} when it opens at {self.opens:%H:%M}.",
                fix="Give a later closing time; a shift past midnight is two days.",
                code="NODE-CALENDAR-422",
            )


OFFICE_DAY = Hours(time(8), time(17))
# The rule for a node nobody gave a calendar: Monday to Friday, 8 to 17 by its own clock.
DEFAULT_WEEK: tuple[Hours | None, ...] = (*(OFFICE_DAY,) * 5, None, None)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When one node works.

    Args:
        timezone: IANA name; every time below is wall-clock time there.
        week: seven entries, Monday first; None is a day off.
        days: single days that differ from the week: None is a holiday, hours are a special working day.
        cutoff: what is ready by then leaves the same day; None is closing time. A cut-off after a day's closing
            means closing time on that day.
        handling: working time from order to parcel where nothing else is asked for.

    Raises:
        InputError: the week does not have seven days.
    """

    timezone: str = "UTC"
    week: Sequence[Hours | None] = DEFAULT_WEEK
    days: Mapping[date, Hours | None] = field(default_factory=dict)
    cutoff: time | None = None
    handling: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        """Refuse a week of any other length."""
        if len(self.week) != WEEK:
            raise InputError(
                f"A week has seven days, Monday first; {len(self.week)} were given.", code="NODE-CALENDAR-422"
            )

    def hours(self, day: date) -> Hours | None:
        """Return the hours of a day at the node, None when it is closed."""
        return self.days[day] if day in self.days else self.week[day.weekday()]


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def day_in(timezone: str, moment: datetime) -> date:
    """Return the day it is in a time zone at an aware moment."""
    return moment.astimezone(_zone(timezone)).date()


def local_day(calendar: Calendar, moment: datetime) -> date:
    """Return the day it is at the node at an aware moment."""
    return day_in(calendar.timezone, moment)


def ready_moment(calendar: Calendar, now: datetime, handling: timedelta | None = None) -> datetime | None:
    """Return when work begun now is done, counting working time only.

    Args:
        calendar: the node's.
        now: an aware moment.
        handling: working time needed; the calendar's own when left out.

    Returns:
        An aware UTC moment; `now` itself when nothing is to be done; None when the node does not work long enough
        within `HORIZON_DAYS`.
    """
    left = calendar.handling if handling is None else handling
    if left <= timedelta(0):
        return now.astimezone(UTC)
    first = local_day(calendar, now)
    for ahead in range(HORIZON_DAYS + 1):
        window = _window(calendar, first + timedelta(days=ahead))
        if window is None or window[1] <= now:
            continue
        begins = max(window[0], now)
        if begins + left <= window[1]:
            return begins + left
        left -= window[1] - begins
    return None


def next_ship_moment(
    calendar: Calendar,
    now: datetime,
    *,
    handling: timedelta | None = None,
    full: Collection[date] = (),
) -> datetime | None:
    """Return when a parcel ordered now leaves the node: closing time of the first day whose cut-off it makes.

    Args:
        calendar: the node's.
        now: an aware moment.
        handling: working time needed before it is ready; the calendar's own when left out.
        full: days at the node whose capacity is used up; nothing more leaves then.

    Returns:
        An aware UTC moment not before `now`, or None when the node ships nothing within `HORIZON_DAYS`.
    """
    ready = ready_moment(calendar, now, handling)
    if ready is None:
        return None
    first = local_day(calendar, ready)
    for ahead in range(HORIZON_DAYS + 1):
        day = first + timedelta(days=ahead)
        last, window = last_call(calendar, day), _window(calendar, day)
        if last is not None and window is not None and ready <= last and day not in full:
            return window[1]
    return None


def until_fetched(calendar: Calendar, cutoff: time | None) -> Calendar:
    """Return a calendar whose cut-off is not after a carrier's, by the node's clock; None is any time."""
    return calendar if cutoff is None else replace(calendar, cutoff=min(calendar.cutoff or time.max, cutoff))


def latest_start(calendar: Calendar, now: datetime, ship_at: datetime, most: int) -> datetime | None:
    """Return the last whole minute from now on at which work that begins still leaves by a moment.

    Args:
        calendar: the node's.
        now: an aware moment.
        ship_at: when it is to leave at the latest.
        most: minutes to look ahead.

    Returns:
        An aware moment, `most` minutes from now at the latest; None when it is too late already.
    """

    def leaves(after: int) -> bool:
        at = next_ship_moment(calendar, now + timedelta(minutes=after))
        return at is not None and at <= ship_at

    if not leaves(0):
        return None
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if leaves(middle) else (low, middle - 1)
    return now + timedelta(minutes=low)


def closing(calendar: Calendar, day: date) -> datetime | None:
    """Return the aware UTC moment at which what leaves on a day is gone, None when nothing leaves then."""
    window = _window(calendar, day)
    return None if window is None else window[1]


def last_call(calendar: Calendar, day: date) -> datetime | None:
    """Return the aware UTC moment by which a parcel must be ready to leave on a day, None when nothing leaves then."""
    window = _window(calendar, day)
    if window is None:
        return None
    if calendar.cutoff is None:
        return window[1]
    return min(window[1], _at(calendar, day, calendar.cutoff))


def _window(calendar: Calendar, day: date) -> tuple[datetime, datetime] | None:
    hours = calendar.hours(day)
    return None if hours is None else (_at(calendar, day, hours.opens), _at(calendar, day, hours.closes))


def _at(calendar: Calendar, day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, _zone(calendar.timezone)).astimezone(UTC)
