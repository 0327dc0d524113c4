"""Settings: which source wins, and how a mistake is refused."""

import os
import stat
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from config.errors import SettingsError
from config.secret import ensure_secret_key
from config.settings import Settings, load_settings

NOWHERE: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(env: dict[str, str], path: Path | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(env, path)
    return caught.value


def write(text: str, name: str = "crossdock.toml") -> Path:
    file = Path(name)
    file.write_text(text)
    return file


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(NOWHERE) == replace(
        Settings(), data_dir=tmp_path / ".crossdock", base_url="http://127.0.0.1:8700"
    )


def test_flag_wins_over_environment_over_file_over_default() -> None:
    write("port = 1111\nworkers = 3\ncompany = 'Fjord Paper'\n[web]\nthreads = 5\n")
    env = {"CROSSDOCK_PORT": "2222", "CROSSDOCK_WORKERS": "4", "CROSSDOCK_COMPANY": ""}
    settings = load_settings(env, overrides={"port": 3333, "host": None, "web.processes": 2})
    assert (settings.port, settings.workers, settings.company) == (3333, 4, "Fjord Paper")
    assert (settings.web.threads, settings.web.processes) == (5, 2)
    assert (settings.host, settings.base_url) == ("127.0.0.1", "http://127.0.0.1:3333")


def test_the_environment_reaches_every_kind_of_value(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "CROSSDOCK_DATA_DIR": "data",
            "CROSSDOCK_RELAY_SWEEP_SECONDS": "0.05",
            "CROSSDOCK_RETRY_SCHEDULE_SECONDS": "0.1, 0.2,1",
            "CROSSDOCK_PRIVATE_HOSTS": "127.0.0.1:9000, WMS.internal,[::1]:80",
            "CROSSDOCK_DATABASE_URL": "postgresql://hub@db/hub",
            "CROSSDOCK_LOG_FORMAT": "json",
        }
    )
    assert settings.data_dir == tmp_path / "data"
    assert settings.relay.sweep_seconds == 0.05
    assert settings.retry.schedule_seconds == (0.1, 0.2, 1.0)
    assert settings.private_hosts == ("127.0.0.1:9000", "wms.internal", "[::1]:80")
    assert settings.database_url == "postgresql://hub@db/hub"
    assert settings.log.format == "json"


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8700"),
        ("::", "http://[::1]:8700"),
        ("::1", "http://[::1]:8700"),
        ("hub.internal", "http://hub.internal:8700"),
    ],
)
def test_the_base_url_follows_the_host_unless_given(host: str, base_url: str) -> None:
    assert load_settings({"CROSSDOCK_HOST": host}).base_url == base_url
    given = {"CROSSDOCK_HOST": host, "CROSSDOCK_BASE_URL": "https://hub.example.com/"}
    assert load_settings(given).base_url == "https://hub.example.com"


@pytest.mark.parametrize(
    ("env", "code", "line"),
    [
        ({"CROSSDOCK_PRT": "1"}, "CONFIG-KEY-400", "CROSSDOCK_PRT: unknown setting; did you mean 'CROSSDOCK_PORT'?"),
        ({"CROSSDOCK_XYZZY": "1"}, "CONFIG-KEY-400", "CROSSDOCK_XYZZY: unknown setting"),
        (
            {"CROSSDOCK_PORT": "soon"},
            "CONFIG-VALUE-422",
            "CROSSDOCK_PORT: 'port' is refused: not a valid integer",
        ),
        (
            {"CROSSDOCK_PORT": "0"},
            "CONFIG-VALUE-422",
            "CROSSDOCK_PORT: 'port' is refused: must be greater than or equal to 1 and less than or equal to 65535",
        ),
        (
            {"CROSSDOCK_PRIVATE_HOSTS": "wms.internal,http://x"},
            "CONFIG-VALUE-422",
            "CROSSDOCK_PRIVATE_HOSTS: 'private_hosts[1]' is refused: "
            "must be a host name or address, with :port at most",
        ),
        (
            {"CROSSDOCK_RETRY_SCHEDULE_SECONDS": "5,nan"},
            "CONFIG-VALUE-422",
            "CROSSDOCK_RETRY_SCHEDULE_SECONDS: 'retry.schedule_seconds[1]' is refused: "
            "special numeric values (nan or infinity) are not permitted",
        ),
        ({"CROSSDOCK_CONFIG": "no.toml"}, "CONFIG-FILE-404", "no.toml: this settings file does not exist"),
    ],
)
def test_a_mistake_in_the_environment_is_one_line(env: dict[str, str], code: str, line: str) -> None:
    error = refused(env)
    assert error.code == code
    assert str(error).removesuffix("; CROSSDOCK_CONFIG names it") == line
    assert "\n" not in str(error)


def test_every_mistake_of_a_file_is_told_at_once_with_its_place() -> None:
    file = write("wokers = 3\nport = 1.5\n[web]\nthread = 2\n[limitss]\nmax_body_bytes = 9\n[log]\nlevel = 'loud'\n")
    error = refused(NOWHERE)
    assert error.code == "CONFIG-VALUE-422"
    assert sorted(error.problems) == [
        f"{file}: 'log.level' is refused: must be one of: debug, info, warning, error",
        f"{file}: 'port' is refused: not a valid integer",
        f"{file}: unknown setting 'limitss'; did you mean 'limits'?",
        f"{file}: unknown setting 'web.thread'; did you mean 'web.threads'?",
        f"{file}: unknown setting 'wokers'; did you mean 'workers'?",
    ]


@pytest.mark.parametrize(
    ("text", "env", "line"),
    [
        ("port = ", {}, "crossdock.toml: is not valid TOML: Invalid value (at end of document)"),
        ("web = 3", {}, "crossdock.toml: 'web' is refused: invalid input type"),
        ("web = 3", {"CROSSDOCK_WEB_THREADS": "2"}, "crossdock.toml: 'web' is a section, not a value: [web]"),
        ("[port]", {}, "crossdock.toml: 'port' is refused: not a valid integer"),
        ("[port.x]\ny = 1", {}, "crossdock.toml: 'port' is refused: not a valid integer"),
        ("port = '8700'", {}, "crossdock.toml: 'port' is refused: not a valid integer"),
        ("workers = true", {}, "crossdock.toml: 'workers' is refused: not a valid integer"),
    ],
)
def test_a_malformed_file_is_one_line(text: str, env: dict[str, str], line: str) -> None:
    write(text)
    assert str(refused(env)) == line


def test_a_file_that_is_a_folder_or_not_text_is_refused() -> None:
    Path("folder.toml").mkdir()
    assert str(refused(NOWHERE, Path("folder.toml"))) == "folder.toml: cannot be read: Is a directory"
    Path("bytes.toml").write_bytes(b"\xff\xfe")
    assert refused(NOWHERE, Path("bytes.toml")).code == "CONFIG-FILE-400"


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(SettingsError, match="flags: unknown setting 'prt'; did you mean 'port'"):
        load_settings(NOWHERE, overrides={"prt": 1})


def test_variables_of_the_test_suite_and_of_the_command_line_are_not_settings() -> None:
    env = {"CROSSDOCK_TEST_DATABASE_URL": "x", "CROSSDOCK_CLI_PROFILE": "prod"}
    assert load_settings(env) == load_settings(NOWHERE)


def test_secrets_stand_neither_in_repr_nor_in_refusals() -> None:
    env = {
        "CROSSDOCK_DATABASE_URL": "postgresql://hub:hunter2hunter2@db/hub",
        "CROSSDOCK_REDIS_URL": "redis://:hunter2hunter2@cache",
        "CROSSDOCK_BROKER_URL": "amqp://hub:hunter2hunter2@mq/",
        "CROSSDOCK_SECRET_KEY": "hunter2" * 5,
    }
    assert "hunter2" not in repr(load_settings(env))
    wrong = {
        "CROSSDOCK_DATABASE_URL": "mysql://hub:hunter2@db",
        "CROSSDOCK_REDIS_URL": "hunter2",
        "CROSSDOCK_BROKER_URL": "hunter2",
        "CROSSDOCK_SECRET_KEY": "hunter2",
    }
    error = refused(wrong)
    assert len(error.problems) == 4
    assert "hunter2" not in str(error)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        load_settings(NOWHERE).port = 1  # type: ignore[misc]


def test_importing_the_settings_loads_no_library() -> None:
    heavy = "{'marshmallow', 'structlog', 'rich', 'flask', 'sqlalchemy', 'tomllib', 'difflib'}"
    code = f"import sys, config.settings; print(sorted({heavy} & sys.modules.keys()))"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(root)}
    )
    assert done.stdout == "[]\n"


def test_the_secret_key_is_made_once_and_private(tmp_path: Path) -> None:
    key = ensure_secret_key(tmp_path / "data")
    file = tmp_path / "data" / "env"
    assert len(key) == 44
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == f"CROSSDOCK_SECRET_KEY={key}\n"
    assert ensure_secret_key(tmp_path / "data") == key
    assert load_settings({"CROSSDOCK_SECRET_KEY": key}).secret_key == key


def test_the_secret_key_keeps_what_else_the_file_holds(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("# kept\nOTHER=1\n")
    file.chmod(0o600)
    key = ensure_secret_key(tmp_path)
    assert file.read_text() == f"# kept\nOTHER=1\nCROSSDOCK_SECRET_KEY={key}\n"


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    code = f"from config.secret import *; print(ensure_secret_key(Path({str(tmp_path)!r}) / 'data'))"
    root = Path(__file__).parents[2]
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(4)
    ]
    keys = {process.communicate()[0] for process in running}
    assert keys == {ensure_secret_key(tmp_path / "data") + "\n"}


def test_a_secret_key_others_may_read_is_refused(tmp_path: Path) -> None:
    ensure_secret_key(tmp_path)
    (tmp_path / "env").chmod(0o640)
    with pytest.raises(SettingsError) as caught:
        ensure_secret_key(tmp_path)
    assert str(caught.value) == (f"{tmp_path}/env: other users may read the secret key; run: chmod 600 {tmp_path}/env")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError) as caught:
        ensure_secret_key(tmp_path / "file" / "data")
    assert caught.value.code == "CONFIG-SECRET-500"
    assert os.listdir(tmp_path) == ["file"]
