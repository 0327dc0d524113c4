"""When a parcel leaves: opening hours, cut-off, holidays, full days, handling, and the night the clocks change."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.calendars import (
    Calendar,
    Hours,
    closing,
    last_call,
    local_day,
    next_ship_moment,
    ready_moment,
)
from core.errors import InputError

BERLIN = Calendar("Europe/Berlin", cutoff=time(14))
NEVER = Calendar("Europe/Berlin", week=(None,) * 7)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "leaves"),
    [
        ("2026-11-18T13:00+00:00", "2026-11-18T16:00+00:00"),  # Wednesday 14:00 there: the cut-off itself still counts
        ("2026-11-18T13:01+00:00", "2026-11-19T16:00+00:00"),
        ("2026-11-20T15:00+00:00", "2026-11-23T16:00+00:00"),  # Friday after the cut-off: Monday
        ("2026-11-21T03:00+00:00", "2026-11-23T16:00+00:00"),  # Saturday
        ("2026-11-17T23:30+00:00", "2026-11-18T16:00+00:00"),  # half past midnight there: already Wednesday
        ("2026-07-15T12:00+00:00", "2026-07-15T15:00+00:00"),  # summer time
    ],
)
def test_a_parcel_leaves_at_closing_of_the_first_day_whose_cutoff_it_makes(now: str, leaves: str) -> None:
    assert next_ship_moment(BERLIN, at(now)) == at(leaves)


def test_the_cutoff_is_by_the_nodes_own_clock() -> None:
    now = at("2026-11-18T19:30+00:00")
    assert next_ship_moment(Calendar("America/Chicago", cutoff=time(14)), now) == at("2026-11-18T23:00+00:00")
    assert next_ship_moment(BERLIN, now) == at("2026-11-19T16:00+00:00")


def test_holidays_special_days_and_full_days_move_it() -> None:
    closed = Calendar("Europe/Berlin", cutoff=time(14), days={date(2026, 11, 18): None})
    assert next_ship_moment(closed, at("2026-11-18T08:00+00:00")) == at("2026-11-19T16:00+00:00")
    saturday = Calendar("Europe/Berlin", days={date(2026, 11, 21): Hours(time(9), time(12))})
    assert next_ship_moment(saturday, at("2026-11-21T10:00+00:00")) == at("2026-11-21T11:00+00:00")
    full = {date(2026, 11, 18), date(2026, 11, 19)}
    assert next_ship_moment(BERLIN, at("2026-11-18T08:00+00:00"), full=full) == at("2026-11-20T16:00+00:00")


def test_handling_counts_working_time_only() -> None:
    # Friday 16:00 there: one hour until closing, two more on Monday from 8.
    begun = at("2026-11-20T15:00+00:00")
    assert ready_moment(BERLIN, begun, timedelta(hours=3)) == at("2026-11-23T09:00+00:00")
    assert next_ship_moment(BERLIN, begun, handling=timedelta(hours=3)) == at("2026-11-23T16:00+00:00")
    assert next_ship_moment(BERLIN, begun, handling=timedelta(hours=8)) == at("2026-11-24T16:00+00:00")
    own = Calendar("Europe/Berlin", cutoff=time(14), handling=timedelta(hours=9))
    assert next_ship_moment(own, at("2026-11-18T09:00+00:00")) == at("2026-11-19T16:00+00:00")
    assert ready_moment(BERLIN, begun, timedelta(0)) == begun


def test_days_of_the_change_of_clocks_have_their_true_length() -> None:
    sunday = Calendar("Europe/Berlin", week=(Hours(time(0), time(6)),) * 7)
    # On 2026-03-29 the clock jumps from 2 to 3: midnight to six is five hours.
    assert ready_moment(sunday, at("2026-03-28T23:00+00:00"), timedelta(hours=5)) == at("2026-03-29T04:00+00:00")
    assert ready_moment(sunday, at("2026-03-28T23:00+00:00"), timedelta(hours=6)) == at("2026-03-29T23:00+00:00")
    # On 2026-10-25 it falls back: the same six hours by the clock last seven.
    assert ready_moment(sunday, at("2026-10-24T22:00+00:00"), timedelta(hours=7)) == at("2026-10-25T05:00+00:00")


def test_a_node_that_never_works_never_ships() -> None:
    now = at("2026-11-18T08:00+00:00")
    assert next_ship_moment(NEVER, now) is None
    assert ready_moment(NEVER, now, timedelta(minutes=1)) is None
    assert last_call(NEVER, date(2026, 11, 18)) is None


def test_a_cutoff_after_closing_is_closing() -> None:
    late = Calendar("Europe/Berlin", cutoff=time(20))
    assert last_call(late, date(2026, 11, 18)) == at("2026-11-18T16:00+00:00")
    assert last_call(BERLIN, date(2026, 11, 18)) == at("2026-11-18T13:00+00:00")


def test_what_leaves_on_a_day_is_gone_at_closing() -> None:
    assert closing(BERLIN, date(2026, 11, 18)) == at("2026-11-18T16:00+00:00")
    assert closing(BERLIN, date(2026, 11, 21)) is None


def test_a_day_is_that_of_the_nodes_own_clock() -> None:
    assert local_day(BERLIN, at("2026-11-18T23:30+00:00")) == date(2026, 11, 19)


def test_impossible_calendars_are_refused() -> None:
    with pytest.raises(InputError, match="cannot close at 08:00 when it opens at 17:00") as found:
        Hours(time(17), time(8))
    assert found.value.error_code == "NODE-CALENDAR-422"
    with pytest.raises(InputError, match="6 were given"):
        Calendar(week=(None,) * 6)


@given(
    st.integers(0, 366 * 24 * 60).map(lambda minutes: at("2026-01-01T00:00+00:00") + timedelta(minutes=minutes)),
    st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia"]),
    st.integers(0, 40),
)
def test_it_never_leaves_before_it_is_ready_and_always_on_a_working_day(now: datetime, zone: str, hours: int) -> None:
    calendar = Calendar(zone, cutoff=time(13, 30))
    ready = ready_moment(calendar, now, timedelta(hours=hours))
    leaves = next_ship_moment(calendar, now, handling=timedelta(hours=hours))
    assert ready is not None
    assert leaves is not None
    day = local_day(calendar, leaves)
    last = last_call(calendar, day)
    assert last is not None
    assert now <= ready <= leaves
    assert day.weekday() < 5
    assert ready <= last <= leaves
