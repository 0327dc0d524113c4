"""Combining: every caller gets its own answer, whoever came during a commit shares the next one."""

import threading
from collections.abc import Sequence

import pytest

from core.errors import Unavailable
from core.services.combining import Combiner


def test_callers_that_come_during_a_commit_share_the_next_one() -> None:
    batches: list[list[int]] = []
    first, go = threading.Event(), threading.Event()

    def work(batch: Sequence[int]) -> list[int]:
        batches.append(list(batch))
        first.set()
        assert go.wait(10)
        return [number * 10 for number in batch]

    combiner = Combiner(work, "It failed.", "TEST-FAIL-503", most=4)
    answers: dict[int, int] = {}

    def call(number: int) -> None:
        answers[number] = combiner.call(number)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    threads[0].start()
    assert first.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(combiner._waiting) < 7:
        threading.Event().wait(0.001)
    go.set()
    for thread in threads:
        thread.join(10)
    assert answers == {number: number * 10 for number in range(8)}
    assert [len(batch) for batch in batches] == [1, 4, 3]
    assert combiner.call(9) == 90  # an idle combiner works at once


def test_a_bad_request_costs_only_itself() -> None:
    together, go = threading.Event(), threading.Event()

    def work(batch: Sequence[int]) -> list[int]:
        if batch == [0]:
            together.set()
            assert go.wait(10)
        if 3 in batch:
            raise ValueError("three")
        return list(batch)

    combiner = Combiner(work, "It failed.", "TEST-FAIL-503")
    found: dict[int, object] = {}

    def call(number: int) -> None:
        try:
            found[number] = combiner.call(number)
        except Unavailable as error:
            found[number] = (error.error_code, error.why)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(6)]
    threads[0].start()
    assert together.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(combiner._waiting) < 5:
        threading.Event().wait(0.001)
    go.set()
    for thread in threads:
        thread.join(10)
    assert found == {0: 0, 1: 1, 2: 2, 3: ("TEST-FAIL-503", "ValueError"), 4: 4, 5: 5}


def test_an_interrupt_leaves_nobody_waiting() -> None:
    def work(batch: Sequence[int]) -> list[int]:
        raise KeyboardInterrupt

    combiner = Combiner(work, "It failed.", "TEST-FAIL-503")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            combiner.call(1)


def test_many_requests_of_one_caller_stay_together_and_fail_alone() -> None:
    batches: list[list[int]] = []
    first, go = threading.Event(), threading.Event()

    def work(batch: Sequence[int]) -> list[int]:
        batches.append(list(batch))
        first.set()
        assert go.wait(10)
        if 30 in batch:
            raise ValueError("thirty")
        return [-number for number in batch]

    combiner = Combiner(work, "It failed.", "TEST-FAIL-503", most=4)
    found: dict[int, list[object]] = {}

    def call(*requests: int) -> None:
        answers = combiner.call_all(requests)
        found[requests[0]] = [each.why if isinstance(each, Unavailable) else each for each in answers]

    threads = [threading.Thread(target=call, args=(0,))]
    threads[0].start()
    assert first.wait(10)
    for waiting, requests in enumerate(((10, 11, 12), (20,), (30, 31), tuple(range(40, 46))), start=1):
        threads.append(threading.Thread(target=call, args=requests))
        threads[-1].start()
        while len(combiner._waiting) < waiting:
            threading.Event().wait(0.001)
    go.set()
    for thread in threads:
        thread.join(10)
    assert found == {
        0: [0], 10: [-10, -11, -12], 20: [-20], 30: ["ValueError", -31], 40: [-number for number in range(40, 46)]
    }  # fmt: skip
    assert batches == [[0], [10, 11, 12, 20], [30, 31], [30], [31], list(range(40, 46))]
    assert combiner.call_all(()) == []
