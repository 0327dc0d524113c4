"""Identifiers made one after the other sort in that order, whatever the clock does."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122

import pytest

from core.domain import ids
from core.domain.ids import uuid7, uuid7s


def test_ids_of_one_process_sort_in_the_order_they_were_made() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert {(each.version, each.variant) for each in made} == {(7, "specified in RFC 4122")}


def test_a_clock_that_stands_or_goes_back_makes_no_id_twice_and_none_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = uuid7()
    for now in (time.time_ns(), time.time_ns(), time.time_ns() - 3_600_000_000_000):
        monkeypatch.setattr(time, "time_ns", lambda now=now: now)
        following = [uuid7() for _ in range(1_000)]
        assert [begun, *following] == sorted({begun, *following})
        begun = following[-1]


def test_many_made_at_once_come_after_those_before_and_before_those_after() -> None:
    made = [uuid7(), *uuid7s(500), uuid7(), *uuid7s(1), *uuid7s(0), uuid7()]
    assert made == sorted(made)
    assert len({each.int for each in made}) == len(made) == 504
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}


def test_threads_share_no_id() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: uuid7(), range(8_000)))
    assert len(set(made)) == 8_000


def test_a_forked_process_does_not_make_its_parents_next_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    uuid7()
    last = ids._last
    ours = [uuid7() for _ in range(500)]
    monkeypatch.setattr(ids, "_last", last)
    assert not set(ours) & {uuid7() for _ in range(500)}


def test_a_given_time_is_kept_to_the_millisecond() -> None:
    assert [uuid7(at).int >> 80 for at in (0, 1_700_000_000_123)] == [0, 1_700_000_000_123]
