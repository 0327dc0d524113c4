"""Results: text for people, JSON lines for programs, nothing else on stdout."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from console.cli.lists import Moment, Span, as_span
from console.cli.output import Output

ROWS: list[dict[str, Any]] = [
    {"id": "a", "deep": {"er": "x"}, "tags": ["b", "c"], "none": None, "yes": True},
    {"id": "long one", "deep": {}},
]


def test_a_table_is_aligned_and_shows_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert Output(False).rows(ROWS, ("id", "deep.er=inner", "tags", "none", "yes")) == 2
    assert capsys.readouterr().out.splitlines() == [
        "id        inner  tags  none  yes",
        "a         x      b, c  -     yes",
        "long one  -      -     -     -",
    ]


def test_json_lines_leave_nothing_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert Output(True).rows(ROWS, ("id",)) == 2
    assert capsys.readouterr().out.splitlines() == [
        '{"id": "a", "deep": {"er": "x"}, "tags": ["b", "c"], "none": null, "yes": true}',
        '{"id": "long one", "deep": {}}',
    ]


def test_nothing_found_is_said_beside_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert Output(False).rows([], ("id",), empty="Nothing here.") == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "Nothing here.\n")
    assert Output(True).rows([], ("id",)) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_what_comes_next_is_said_beside_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    Output(False).did({"id": 1}, "Done.", "crossdock status", "crossdock doctor")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("Done.\n", "Next:  crossdock status\n       crossdock doctor\n")


def test_a_dry_run_says_so_in_both_forms(capsys: pytest.CaptureFixture[str]) -> None:
    Output(False, dry_run=True).did({"id": 1}, "Done.", "crossdock status")
    said = capsys.readouterr()
    assert said.out == "Would be done: Done.\n"
    assert said.err == "Nothing was changed. Run it without --dry-run to do it.\n"
    Output(True, dry_run=True).did({"id": 1}, "Done.")
    assert capsys.readouterr().out == '{"id": 1, "dry_run": true}\n'


@pytest.mark.parametrize(
    ("text", "span"),
    [("30s", timedelta(seconds=30)), ("1.5h", timedelta(minutes=90)), ("7d", timedelta(days=7)), ("x", None),
     ("2", None), ("h", None), ("-2h", None)],
)  # fmt: skip
def test_spans(text: str, span: timedelta | None) -> None:
    assert as_span(text) == span


def test_a_moment_is_a_time_or_an_age() -> None:
    kind = Moment()
    assert kind.convert("2026-11-20T09:41:00+01:00", None, None) == datetime(2026, 11, 20, 8, 41, tzinfo=UTC)
    assert kind.convert("2026-11-20", None, None) == datetime(2026, 11, 20, tzinfo=UTC)
    assert kind.convert("2h", None, None) < datetime.now(UTC)
    assert Moment(ahead=True).convert("2h", None, None) > datetime.now(UTC)
    with pytest.raises(click.BadParameter, match="neither a time"):
        kind.convert("soon", None, None)
    with pytest.raises(click.BadParameter, match="no span"):
        Span().convert("soon", None, None)


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    program = [sys.executable, "-P", "-m", "console.cli.main", "openapi"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == b"{\n"
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0
