"""Transforms of what EDI says in several parts: dates with their form or time beside them, and texts cut into lines."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Any

from mappings.edi.forms import FORMS
from mappings.faults import Unfit, kind_of
from mappings.times import canonical_instant, day, find_zone
from mappings.transform import Transform

PERIODS = {"717": "%y%m%d", "718": "%Y%m%d", "711": "%Y%m%d", "719": "%Y%m%d%H%M", "713": "%y%m%d%H%M"}
"""Forms of periods -> that of each of their ends."""
BY_LENGTH = {6: "101", 8: "102", 10: "201", 12: "203", 14: "204"}
"""The form that is meant where none is said."""
ZONES = {
    "UT": "UTC", "GM": "UTC", "LT": None,
    "ET": "America/New_York", "CT": "America/Chicago", "MT": "America/Denver", "PT": "America/Los_Angeles",
    "ES": "Etc/GMT+5", "ED": "Etc/GMT+4", "CS": "Etc/GMT+6", "CD": "Etc/GMT+5",
    "MS": "Etc/GMT+7", "MD": "Etc/GMT+6", "PS": "Etc/GMT+8", "PD": "Etc/GMT+7",
}  # fmt: skip
"""Time codes of X12 -> zone; None stands for the partner's own."""
CLOCKS = {4: "%H%M", 6: "%H%M%S"}
X12_PERIODS = {"D6": "%y%m%d", "D8": "%Y%m%d", "DT": "%Y%m%d%H%M", "TM": "%H%M", "RD8": "%Y%m%d", "RDT": "%Y%m%d%H%M"}
Parts = tuple[str, ...]
CENTURY, PIVOT, YEAR = 2000, 70, 0
"""Years of two digits below the pivot are of this century, as in UNB; a time alone is of the year 2000."""


def parts_of(value: Any) -> Parts:
    """Return the texts of a composite, or of several elements."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise Unfit(f"is {kind_of(value)}, not a date with its form")
    return tuple(each.strip() for each in found)


def parse(text: str, pattern: str, form: str) -> datetime:
    """Return the moment of a text, without a zone unless it says UTC."""
    zone: tzinfo | None = None
    if pattern.endswith("%Z"):
        if text[-3:].upper() not in ("UTC", "GMT"):
            raise Unfit("names a time zone other than UTC or GMT")
        text, pattern, zone = text[:-3], pattern.removesuffix("%Z"), UTC
    if not text.isascii() or not text.isdigit():
        raise Unfit(f"is no date of form {form}")
    said, at = {"m": 1, "d": 1}, 0
    # Not strptime, which would be a tenth of the time a whole order takes.
    for letter in pattern[1::2]:
        width = 4 if letter == "Y" else 2
        if at + width > len(text):
            raise Unfit(f"is no date of form {form}")
        said[letter] = int(text[at : at + width])
        at += width
    year = said.get("Y") or said.get("y", YEAR) + (CENTURY if said.get("y", 0) < PIVOT else CENTURY - 100)
    try:
        if at != len(text):
            raise ValueError(text)
        found = datetime(year, said["m"], said["d"], said.get("H", 0), said.get("M", 0), said.get("S", 0), tzinfo=zone)
    except ValueError:
        raise Unfit(f"is no date of form {form}") from None
    return found


def edifact_moment(value: Any, part: str | None) -> tuple[datetime, str]:
    """Return the moment of a DTM composite [qualifier, value, form], and the pattern it was read by."""
    _, text, form = (*parts_of(value), "", "", "")[:3]
    form = form or BY_LENGTH.get(len(text), "")
    if form in PERIODS:
        if part is None:
            raise Unfit(f"is a period (form {form}); the rule must say part: start or end")
        ends = text.split("-") if "-" in text else [text[: len(text) // 2], text[len(text) // 2 :]]
        if len(ends) != 2:
            raise Unfit(f"is no period of form {form}")
        return parse(ends[part == "end"], PERIODS[form], form), PERIODS[form]
    pattern = FORMS.get(form)
    if pattern is None:
        raise Unfit(f"has the date form {form or 'of no known length'}; known are {', '.join([*FORMS, *PERIODS])}")
    return parse(text, pattern, form), pattern


def check_part(part: str | None) -> None:
    """Refuse a part of a period that is neither end."""
    if part not in (None, "start", "end"):
        raise Unfit("`part` is start or end")


def check_form(form: str, *, clock: bool) -> str:
    """Return the pattern of a form that is written."""
    pattern = FORMS.get(form)
    if pattern is None or ("%H" in pattern) is not clock or "%Z" in pattern or "%d" not in pattern:
        raise Unfit(f"{form!r} is no form that can be written here")
    return pattern


def edifact_date(*, form: str = "102", part: str | None = None) -> Transform:
    """A calendar day in `DTM/1.*`, read by the form beside it (2379).

    Args:
        form: that is written.
        part: of a period, start or end.
    """
    check_part(part)
    pattern = check_form(str(form), clock=False)
    write_day = day().write

    def read(value: Any) -> date:
        return edifact_moment(value, part)[0].date()

    def write(value: Any) -> list[str]:
        assert write_day is not None
        return ["", date.fromisoformat(write_day(value)).strftime(pattern), str(form)]

    return Transform("edifact_date", read, write)


def edifact_time(*, zone: str = "UTC", form: str | None = None, part: str | None = None) -> Transform:
    """A point in time in `DTM/1.*`, read by the form beside it (2379); a day alone begins at midnight.

    Args:
        zone: of times that say none.
        form: that is written; 203, or 204 where there are seconds, unless given. Fractions of seconds are not written.
        part: of a period, start or end.
    """
    check_part(part)
    place = find_zone(zone)
    if form is not None:
        check_form(str(form), clock="%H" in FORMS.get(str(form), ""))

    def read(value: Any) -> datetime:
        found, _ = edifact_moment(value, part)
        return (found if found.tzinfo else found.replace(tzinfo=place)).astimezone(UTC)

    def write(value: Any) -> list[str]:
        local = canonical_instant(value).astimezone(place)
        used = str(form) if form is not None else "204" if local.second else "203"
        return ["", local.strftime(FORMS[used]), used]

    return Transform("edifact_time", read, write)


def x12_moment(value: Any, part: str | None) -> tuple[datetime, str]:
    """Return the moment of [date, time, zone, form, period], and its zone code."""
    day_, clock, zone, form, period = (*parts_of(value), "", "", "", "", "")[:5]
    if not day_ and form:
        pattern = X12_PERIODS.get(form)
        if pattern is None:
            raise Unfit(f"has the date form {form}; known are {', '.join(X12_PERIODS)}")
        if form.startswith("R"):
            if part is None:
                raise Unfit(f"is a period (form {form}); the rule must say part: start or end")
            ends = period.split("-")
            if len(ends) != 2:
                raise Unfit(f"is no period of form {form}")
            period = ends[part == "end"]
        return parse(period, pattern, form), zone
    if len(day_) not in (6, 8):
        raise Unfit("is no date of 8 digits")
    found = parse(day_, "%Y%m%d" if len(day_) == 8 else "%y%m%d", "CCYYMMDD")
    if clock:
        seconds = clock[:6] if len(clock) > 6 else clock
        if len(seconds) not in CLOCKS:
            raise Unfit("has a time that is not HHMM or HHMMSS")
        at = parse(seconds, CLOCKS[len(seconds)], "HHMM")
        found = found.replace(hour=at.hour, minute=at.minute, second=at.second)
    return found, zone


def x12_date(*, part: str | None = None) -> Transform:
    """A calendar day in one element, or in the elements of a DTM from its date on (`DTM/2-6`).

    Args:
        part: of a period, start or end.
    """
    check_part(part)
    write_day = day().write

    def write(value: Any) -> str:
        assert write_day is not None
        return date.fromisoformat(write_day(value)).strftime("%Y%m%d")

    return Transform("x12_date", lambda value: x12_moment(value, part)[0].date(), write)


def x12_day(*, zone: str = "UTC") -> Transform:
    """A point in time of which X12 has only the day (`BEG/5`): it begins at midnight, and its hours are not written.

    Args:
        zone: whose midnight it is.
    """
    place = find_zone(zone)

    def read(value: Any) -> datetime:
        return x12_moment(value, None)[0].replace(tzinfo=place).astimezone(UTC)

    return Transform("x12_day", read, lambda value: canonical_instant(value).astimezone(place).strftime("%Y%m%d"))


def x12_time(*, zone: str = "UTC", part: str | None = None, qualified: bool = False) -> Transform:
    """A point in time in elements from a date on: date, time and zone (`DTM/2-4`, `BSN/3-4`).

    Args:
        zone: of times that say none; they are written in it, without a code. Fractions of seconds are not written.
        part: of a period, start or end.
        qualified: a qualifier stands between date and time (`G62/2-5`); only the day is written then.
    """
    check_part(part)
    place = find_zone(zone)

    def read(value: Any) -> datetime:
        said = parts_of(value)
        found, code = x12_moment([*said[:1], *said[2:]] if qualified else value, part)
        if code and code not in ZONES:
            raise Unfit(f"has the time code {code}; known are {', '.join(ZONES)}")
        named = ZONES.get(code)
        return found.replace(tzinfo=find_zone(named) if named else place).astimezone(UTC)

    def write(value: Any) -> list[str]:
        local = canonical_instant(value).astimezone(place)
        day_ = local.strftime("%Y%m%d")
        return [day_] if qualified else [day_, local.strftime("%H%M%S" if local.second else "%H%M")]

    return Transform("x12_time", read, write)


def lines(*, width: int, join: str = "\n") -> Transform:
    """A text in lines of limited width (`FTX[1=AAI]*/4.*`); a line that ends in a blank goes on in the next.

    Args:
        width: characters of a line.
        join: what stands between lines in the text: a line break, or a blank for names that are one line to us.
    """
    if join not in ("\n", " "):
        raise Unfit("`join` is a line break or a blank")
    if isinstance(width, bool) or not isinstance(width, int) or width < 2:
        raise Unfit("`width` is a whole number from 2")

    def read(value: Any) -> str:
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list):
            raise Unfit(f"is {kind_of(value)}, not lines of text")
        if len(found) == 1 and found[0] and found[0][-1] not in "\n ":
            # Nearly always: names and short texts are one line.
            return str(found[0])
        return "".join(each if each.endswith(" ") else f"{each}{join}" for each in found if each).removesuffix(join)

    def write(value: Any) -> list[str]:
        if not isinstance(value, str):
            raise Unfit(f"is {kind_of(value)}, not text")
        return [piece for line in value.splitlines() for piece in wrapped(line, width)]

    return Transform("lines", read, write)


def wrapped(line: str, width: int) -> list[str]:
    """Return a line in pieces; all but the last end in a blank.

    Raises:
        Unfit: a word is longer than a line.
    """
    found = []
    line = line.rstrip(" ")
    while len(line) > width:
        cut = line.rfind(" ", 0, width) + 1
        if not cut:
            raise Unfit(f"has a word that does not fit into lines of {width} characters")
        found.append(line[:cut])
        line = line[cut:]
    return [*found, line] if line else found
