"""The judge of histories accepts what can have happened and nothing else; small real histories run under kills."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stock_history.batches import Before, check_batch, effects_of, refused_unseen, simulate
from benchmarks.stock_history.calls import Operation, Verdict, read_logs
from benchmarks.stock_history.judge import Entry, _position

ROOT = Path(__file__).resolve().parents[2]


def operation(called: int, returned: int, outcome: str = "ok", kind: str = "reserve", **told: Any) -> Operation:
    return Operation(kind, called, told, returned, outcome)


def verdict(entries: list[Entry], asked: list[Operation] | None = None) -> dict[str, int]:
    found = Verdict()
    _position("A@N1", [Entry(None, "receipt", "seed", (10, 0, 0)), *entries], found, asked or [])
    return dict(found.wrong)


def reserved(units: int, called: int, returned: int) -> Entry:
    return Entry(operation(called, returned), "reserve", f"at-{called}", (0, units, 0))


def refused(units: int, called: int, returned: int) -> Operation:
    return operation(called, returned, "refused", e=[["A", "N1", "reserved", units]])


def test_operations_that_overlap_may_take_effect_in_any_order() -> None:
    assert verdict([reserved(3, 5, 9), reserved(2, 4, 8), reserved(1, 10, 12)]) == {}


def test_one_that_returned_before_another_was_called_comes_first() -> None:
    assert verdict([reserved(3, 10, 12), reserved(2, 4, 8)]) == {"out of order": 1}


def test_no_state_may_be_oversold() -> None:
    assert verdict([reserved(6, 1, 2), reserved(5, 3, 4)]) == {"oversold": 1}
    assert verdict([reserved(-1, 1, 2)]) == {"oversold": 1}


def test_a_refusal_must_fit_a_state_it_can_have_seen() -> None:
    full = [reserved(8, 1, 3), reserved(-8, 10, 13)]
    assert verdict(full, [refused(5, 4, 9)]) == {}
    assert verdict(full, [refused(5, 2, 2)]) == {}
    assert verdict(full, [refused(2, 4, 9)]) == {"wrong answer": 1}
    assert verdict(full, [refused(5, 14, 15)]) == {"wrong answer": 1}
    assert verdict(full, [refused(5, 0, 0)]) == {"wrong answer": 1}


def test_a_count_leaves_what_it_counted_or_what_is_promised() -> None:
    def counted(to: int, change: int, called: int = 5) -> Entry:
        told = operation(called, called + 1, kind="count", c=["A", "N1", to])
        return Entry(told, "adjust", "count", (change, 0, 0))

    assert verdict([counted(7, -3)]) == {}
    assert verdict([reserved(8, 1, 2), counted(5, -2)]) == {}
    assert verdict([counted(7, -4)]) == {"miscounted": 1}
    unchanged = operation(5, 6, kind="count", c=["A", "N1", 10])
    assert verdict([], [unchanged]) == {}
    assert verdict([Entry(operation(1, 2, kind="send"), "transfer_out", "x", (-4, 0, 0))], [unchanged]) == {
        "wrong answer": 1
    }


def test_a_call_that_was_cut_is_one_nobody_knows_the_outcome_of(tmp_path: Path) -> None:
    log = tmp_path / "client-0-0.log"
    said = [
        {"i": "a", "k": "batch", "n": 2, "t0": 1},
        {"i": "a", "t1": 2, "r": "ok", "a": [True, False]},
        {"i": "b", "k": "count", "n": 1, "t0": 3},
    ]
    log.write_text("\n".join(map(json.dumps, said)) + '\n{"i": "c", "k": "cou')
    found = read_logs([log])
    assert {name: each.outcome for name, each in found.items()} == {"a": "ok", "b": "unknown"}
    assert (found["a"].size, found["a"].answers) == (2, (True, False))
    assert (found["a"].returned, found["b"].returned > 10**18) == (2, True)


def batch(*wishes: tuple[str, int], answers: tuple[bool, ...] = (), outcome: str = "ok") -> Operation:
    told = [[[sku, "N1", "reserved", units]] for sku, units in wishes]
    found = operation(1, 2, outcome, "batch", b=told, kits=[0] * len(wishes))
    found.answers = answers
    return found


A, B, C = ("A", "N1"), ("B", "N1"), ("C", "N1")


@pytest.mark.parametrize(
    ("wishes", "before", "answers"),
    [
        ((("A", 6), ("A", 5), ("A", 4)), Before({A: 10}), (True, False, True)),
        ((("A", 6), ("B", 1)), Before({A: 10}), (True, False)),
        ((("C", 4), ("C", 3), ("C", 2)), Before({C: 90}, capped=54), (True, False, True)),
    ],
)
def test_the_answers_of_a_batch_follow_from_what_was_there(
    wishes: tuple[tuple[str, int], ...], before: Before, answers: tuple[bool, ...]
) -> None:
    def judged(said: tuple[bool, ...], done: tuple[bool, ...], outcome: str = "ok") -> dict[str, int]:
        found = Verdict()
        told = batch(*wishes, answers=said, outcome=outcome)
        check_batch("x", told, before, effects_of(told, done), found)
        return dict(found.wrong)

    nothing = (False,) * len(answers)
    assert simulate(batch(*wishes), before) == answers
    assert judged(answers, answers) == {}
    assert judged(answers, nothing) == {"acknowledged and not so": 1}
    assert judged(nothing, nothing) == {"wrong answer": 1}
    assert [judged((), done, "unknown") for done in (answers, nothing)] == [{}, {}]
    assert judged((), answers, "refused") == {"refused and done": 1}
    if sum(answers) > 1:
        assert judged((), (answers[0], *nothing[1:]), "unknown") == {"done in part": 1}


def test_kits_are_answered_as_some_number_of_them_that_was_promised_allows() -> None:
    told = batch(("A", 2), ("A", 4), ("A", 1), answers=(True, False, True))
    told.told["kits"] = [1, 2, 0]
    for promised, rules in (({23}, {}), ({20, 25}, {"wrong answer": 1}), ({20, 23}, {})):
        found = Verdict()
        before = Before({A: 10}, kits=frozenset(promised))
        check_batch("x", told, before, effects_of(told, told.answers), found)
        assert found.wrong == rules


def test_what_a_batch_refused_where_it_left_no_row_is_asked_of_the_position() -> None:
    told = batch(("A", 6), ("B", 4), answers=(True, False))
    [(place, asked)] = refused_unseen(told, Before({A: 10}))
    assert (place, asked.outcome, asked.told["e"]) == (B, "refused", [["B", "N1", "reserved", 4]])
    assert list(refused_unseen(told, Before({A: 10, B: 1}))) == []


def history(*arguments: object) -> tuple[int, dict[str, Any]]:
    words = ["--small", "--clients", 4, *arguments]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "console.cli.main", "bench", "histories", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
    )
    assert done.stdout, done.stderr[-3000:]
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_a_history_under_kills_can_be_explained() -> None:
    code, found = history("--operations", 4_000, "--client-kills", 2, "--database-kills", 1)
    assert (code, found["broken"], found["told"]) == (0, {}, [])
    assert found["killed"] == {"clients": 2, "postgres": 1}
    assert found["operations"] >= 4_000
    outcomes = ("ok", "refused", "unknown")
    assert sum(found["counts"].get(each, 0) for each in outcomes) == found["transactions"]
    assert 0 < found["counts"]["granted in batches"] < found["counts"]["batch"]
    assert {"batch", "reserve", "kit", "lot", "capped", "release", "count", "send", "order"} <= set(found["counts"])


@pytest.mark.parametrize(
    ("bug", "rules"),
    [
        ("no_cap", {"over the cap"}),
        ("lost", {"acknowledged and not so"}),
        ("half", {"acknowledged and not so"}),
    ],
)
def test_a_planted_bug_is_found(bug: str, rules: set[str]) -> None:
    code, found = history("--operations", 3_000, "--client-kills", 0, "--database-kills", 0, "--plant", bug)
    assert code == 1
    assert rules <= set(found["broken"])
