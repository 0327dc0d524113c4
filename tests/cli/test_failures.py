"""Failures are words and exit codes, never tracebacks."""

from pathlib import Path

import pytest

from config.errors import SettingsError
from console.cli import failures
from console.cli.failures import Failure, describe
from console.servers.errors import PortTaken, ServerError
from core.errors import Conflict, InputError, Misconfigured, NotFound, Refused, Unavailable
from tests.cli.conftest import Crossdock


def test_wrong_use_is_2_and_points_to_the_help(bare: Crossdock) -> None:
    result = bare("orders", "list", "--nonsense")
    assert result.code == 2
    assert result.out == ""
    assert result.err == (
        "Error: No such option '--nonsense'.\n  Fix:  See `crossdock orders list --help`.\n  Code: CLI-USAGE-400\n"
    )


def test_wrong_use_as_json_is_one_object_with_a_code(bare: Crossdock) -> None:
    result = bare("nonsense", "--json")
    assert result.code == 2
    assert result.one == {
        "error": {
            "code": "CLI-USAGE-400",
            "what": "No such command 'nonsense'.",
            "why": None,
            "fix": "See `crossdock --help`.",
        }
    }


@pytest.mark.parametrize("words", [["orders", "list"], ["worker"], ["relay"], ["web"], ["status"], ["db", "check"]])
def test_no_hub_is_3_and_says_how_to_start_one(bare: Crossdock, place: Path, words: list[str]) -> None:
    result = bare(*words, "--json")
    assert result.code == 3
    assert result.one["error"]["code"] == "HUB-DOWN-503"
    assert "crossdock up" in result.one["error"]["what"]
    assert not (place / "data").exists()


def test_data_names_the_folder(bare: Crossdock, place: Path) -> None:
    result = bare("status", "--data", place / "elsewhere")
    assert result.code == 3
    assert f"No hub runs on {place / 'elsewhere'}" in result.err


def test_a_database_that_does_not_answer_is_3(bare: Crossdock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSDOCK_DATABASE_URL", "postgresql://crossdock:topsecret@127.0.0.1:1/none")
    result = bare("orders", "list")
    assert result.code == 3
    assert "The database cannot be reached." in result.err
    assert "topsecret" not in result.err


def test_a_database_without_schema_says_what_to_do(
    bare: Crossdock, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSDOCK_DATABASE_URL", empty_database)
    result = bare("orders", "list", "--json")
    assert result.code == 1
    assert result.one["error"]["code"] == "DB-SCHEMA-503"
    assert result.one["error"]["fix"] == "Run `crossdock db upgrade`."


def test_wrong_settings_are_2(bare: Crossdock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSDOCK_PROT", "1")
    result = bare("status")
    assert result.code == 2
    assert "CROSSDOCK_PROT: unknown setting" in result.err


def test_a_stranger_is_4(crossdock: Crossdock) -> None:
    result = crossdock("orders", "show", "ord_" + "0" * 32)
    assert result.code == 4
    assert result.err.endswith("Code: HUB-MISSING-404\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("x"), 4),
        (InputError("x"), 2),
        (Refused("x"), 5),
        (Unavailable("x"), 3),
        (Conflict("x"), 1),
        (Misconfigured("x"), 1),
        (SettingsError("CONFIG-KEY-400", "x"), 2),
        (ServerError("HUB-DOWN-503", "x"), 3),
        (PortTaken("SERVER-PORT-001", "x"), 1),
        (FileNotFoundError(2, "No such file", "a.csv"), 2),
        (ValueError("x"), 1),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    assert describe(error).exit_code == code


def test_a_fault_of_ours_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSSDOCK_CLI_DEBUG", raising=False)
    assert describe(KeyError("x")) == Failure(
        "A fault of the command: KeyError: 'x'",
        "CLI-FAULT-500",
        failures.FAILED,
        fix="Set CROSSDOCK_CLI_DEBUG=1 to see where, and report it.",
    )


def test_all_that_is_known_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    error = Refused("It is too late.", why="It has shipped.", fix="Start a return.", code="ORDER-LATE-409")
    assert failures.report(error, as_json=False) == 5
    assert capsys.readouterr().err == (
        "Error: It is too late.\n  Why:  It has shipped.\n  Fix:  Start a return.\n  Code: ORDER-LATE-409\n"
    )
