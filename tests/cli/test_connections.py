"""Connections and their secrets, people and keys."""

import os
from io import TextIOWrapper
from pathlib import Path

import pytest

from core.services.catalog import connection_named
from core.services.connections import config_of
from core.services.secretbox import SecretBox
from core.store.engine import open_engine
from core.store.unit import Store
from tests.cli.conftest import SECRET_KEY, Crossdock

WMS = ("connection", "add", "north", "--connector", "rest-wms", "--set", "warehouse=MAIN",
       "--set", "base_url=http://127.0.0.1:9")  # fmt: skip


def secrets_of(db_url: str, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """The secrets of a connection, now and before."""
    engine = open_engine(db_url, pool_size=1)
    try:
        with Store(engine).begin() as unit:
            found = config_of(connection_named(unit, name), SecretBox(SECRET_KEY), unit.now)
            return dict(found.secrets), dict(found.previous_secrets)
    finally:
        engine.dispose()


def test_secrets_come_from_files_input_and_environment(
    crossdock: Crossdock, place: Path, db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "key").write_text("from a file\n")
    added = crossdock(*WMS, "--secret-file", "api_key=key", "--secret-file", "webhook_secret=-", stdin="from input\n")
    assert added.code == 0, added.err
    assert secrets_of(db_url, "north") == ({"api_key": "from a file", "webhook_secret": "from input"}, {})
    monkeypatch.setenv("OTHER", "from a variable")
    done = crossdock("connection", "secrets", "north", "--secret-env", "api_key=OTHER", "--json")
    assert done.code == 0
    assert secrets_of(db_url, "north") == (
        {"api_key": "from a variable", "webhook_secret": "from input"},
        {"api_key": "from a file", "webhook_secret": "from input"},
    )
    said = added.out + added.err + done.out + done.err + crossdock("connection", "show", "north", "--json").out
    assert "from a" not in said
    assert "from input" not in said


def test_a_secret_as_a_flag_is_refused_as_unsafe(crossdock: Crossdock) -> None:
    result = crossdock(*WMS, "--set", "api_key=topsecret", "--json")
    assert (result.code, result.one["error"]["code"]) == (5, "CLI-SECRET-403")
    assert "topsecret" not in result.out + result.err


def test_missing_secrets_are_named_and_nothing_is_asked_without_a_terminal(crossdock: Crossdock) -> None:
    result = crossdock(*WMS)
    assert result.code == 2
    assert "api_key is missing" in result.err
    assert crossdock("connection", "list", "--json").rows == []


@pytest.mark.parametrize("word", ["--secret-file=nonsense=x", "--secret-env=api_key=NOT_THERE", "--secret-env=api_key"])
def test_secrets_that_are_not_there_are_wrong_use(crossdock: Crossdock, word: str) -> None:
    assert crossdock(*WMS, word).code == 2


def test_a_connection_through_its_life(company: Crossdock) -> None:
    [listed] = company("connection", "list", "--json").rows
    assert (listed["name"], listed["mode"], listed["paused"], listed["has_secrets"]) == ("shop", "live", False, True)
    shown = company("connection", "show", "shop", "--json").one
    assert shown["webhook_url"] == "http://127.0.0.1:8700/webhooks/shop"
    assert company("connection", "mode", "shop", "observe", "--dry-run", "--json").one["mode"] == "observe"
    assert company("connection", "show", "shop", "--json").one["mode"] == "live"
    assert company("connection", "mode", "shop", "shadow").out == "shop is shadow.\n"
    assert company("connection", "pause", "shop", "--until", "2h", "--json").one["paused"] is True
    assert company("connection", "resume", "shop", "--json").one["paused"] is False
    assert company("connection", "remove", "shop", "--json").one == {"name": "shop", "removed": True}
    assert company("connection", "show", "shop").code == 4


class Terminal(TextIOWrapper):
    """Somebody who types."""

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True


def test_a_terminal_is_asked_before_what_cannot_be_taken_back(
    company: Crossdock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.cli.conftest.TextIOWrapper", Terminal)
    no = company("connection", "remove", "shop", stdin="n\n")
    assert (no.code, no.out) == (130, "")
    assert no.err == "Remove connection shop and its secrets? [y/N]: Stopped.\n"
    assert company("connection", "show", "shop").code == 0
    assert company("connection", "remove", "shop", "--dry-run").code == 0
    assert company("connection", "remove", "shop", "--yes").out == "shop is removed.\n"


def test_a_test_call_that_fails_is_1_and_says_why(company: Crossdock) -> None:
    result = company("connection", "test", "shop", "--json")
    assert result.code == 1
    assert (result.one["ok"], result.one["error"]["code"]) == (False, "OUT-TRANSIENT-503")
    assert "Code: OUT-TRANSIENT-503" in company("connection", "test", "shop").err


def test_a_kind_that_is_never_called_has_nothing_to_test(company: Crossdock, place: Path) -> None:
    (place / "secret").write_text("whsec_" + "A" * 32)
    added = company("connection", "add", "own", "--connector", "canonical", "--secret-file", "webhook_secret=secret")
    assert added.err.endswith("Next:  crossdock connection show own\n"), added.err
    result = company("connection", "test", "own")
    assert (result.code, result.out) == (0, "own: nothing to call, as a connector of this kind makes no calls.\n")
    found = company("connection", "test", "own", "--json").one
    assert found == {"connection": "own", "ok": True, "answer": None, "error": None}


def test_a_connection_without_its_secret_is_told_how_to_give_it(
    company: Crossdock, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CROSSDOCK_CLI_SECRET_WEBHOOK_SECRET")
    refused = company("connection", "add", "own", "--connector", "canonical", "--yes", "--json")
    assert (refused.code, refused.one["error"]["code"]) == (2, "OUT-CONFIG-401")
    assert refused.one["error"]["fix"] == (
        "Give --secret-file webhook_secret=PATH or --secret-env webhook_secret=VARIABLE; "
        "`crossdock connector info canonical` says what each is."
    )
    assert company("connection", "show", "own").code == 4
    (place / "secret").write_text("whsec_" + "A" * 32)
    given = company("connection", "add", "own", "--connector", "canonical", "--secret-file", "webhook_secret=secret")
    assert given.code == 0


def test_a_connection_in_use_is_not_removed(orders: Crossdock) -> None:
    result = orders("connection", "remove", "shop", "--json")
    assert (result.code, result.one["error"]["code"]) == (1, "CONN-USED-409")
    assert result.one["error"]["what"] == "The connection cannot be removed: it has messages."


def test_people_are_added_changed_and_shut_out(crossdock: Crossdock, monkeypatch: pytest.MonkeyPatch) -> None:
    made = crossdock("user", "add", "Mira@Example.com", "--role", "admin", "--password-file", "-", "--json",
                     stdin="a long enough one\n").one  # fmt: skip
    assert (made["email"], made["role"]) == ("mira@example.com", "admin")
    assert [each["email"] for each in crossdock("user", "list", "--json").rows] == ["mira@example.com"]
    monkeypatch.setenv("CROSSDOCK_CLI_PASSWORD", "another long one")
    assert crossdock("user", "password", "mira@example.com").code == 0
    assert crossdock("user", "remove", "mira@example.com", "--json").one["removed"] is True
    assert [each["active"] for each in crossdock("user", "list", "--json").rows] == [False]
    assert crossdock("user", "remove", "nobody@example.com").code == 4
    monkeypatch.delenv("CROSSDOCK_CLI_PASSWORD")
    assert crossdock("user", "add", "x@example.com").code == 2


def test_a_key_is_shown_once_or_kept_in_a_private_file(crossdock: Crossdock, place: Path) -> None:
    made = crossdock("key", "create", "bot", "--scope", "orders:read", "--expires", "90d", "--json").one
    assert made["key"].startswith("cd_live_")
    assert made["expires_at"] is not None
    quiet = crossdock("key", "create", "quiet", "--scope", "admin", "--key-file", "quiet.key")
    assert "cd_live_" not in quiet.out
    assert (place / "quiet.key").read_text().startswith("cd_live_")
    assert os.stat(place / "quiet.key").st_mode & 0o777 == 0o600
    listed = crossdock("key", "list", "--json").rows
    assert [each["name"] for each in listed] == ["quiet", "bot"]
    assert all("key" not in each for each in listed)
    assert crossdock("key", "revoke", made["id"], "--json").one["revoked_at"] is not None
    wrong = crossdock("key", "create", "x", "--scope", "everything", "--json")
    assert (wrong.code, wrong.one["error"]["code"]) == (2, "KEY-SCOPE-422")
