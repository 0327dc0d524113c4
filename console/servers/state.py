"""The state file: who runs as what, for `crossdock status` and for tests that kill processes by role."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psutil

from console.servers.datadir import write_private
from console.servers.errors import DataFolderError


@dataclass(frozen=True)
class PartState:
    """One process; `pid` is None between its end and its next start, `error` says why it last ended."""

    pid: int | None
    port: int | None
    started_at: str | None
    restarts: int
    error: str


@dataclass(frozen=True)
class State:
    """The running hub as its supervisor sees it; URLs carry no password, times are ISO 8601 in UTC."""

    supervisor: int
    started_at: str
    database: str | None
    redis: str | None
    disk_full: bool
    parts: dict[str, PartState]


def write_state(path: Path, state: State) -> None:
    """Replace the state file."""
    write_private(path, json.dumps(asdict(state), indent=2) + "\n")


def read_state(data: Path) -> State | None:
    """The state of the hub that runs on the data folder now; None when none does."""
    state = last_state(data)
    if state is None:
        return None
    try:
        process = psutil.Process(state.supervisor)
        # A process that began later only has the number of the one that was killed.
        begun_later = process.create_time() > datetime.fromisoformat(state.started_at).timestamp() + 1
    except psutil.NoSuchProcess:
        return None
    return None if begun_later or process.status() == psutil.STATUS_ZOMBIE else state


def last_state(data: Path) -> State | None:
    """The state last written, by a hub that runs or by one that was killed; None after a clean stop.

    Raises:
        DataFolderError: the folder belongs to another user.
    """
    try:
        raw = json.loads((data / "run" / "state.json").read_text())
    except FileNotFoundError:
        return None
    except PermissionError:
        raise DataFolderError(
            "SERVER-DATA-007",
            f"The data folder {data} belongs to another user, so this one cannot see what runs on it. Ask as the "
            f"user that started the hub (sudo crossdock status, for one started by root).",
        ) from None
    parts = {name: PartState(**part) for name, part in raw.pop("parts").items()}
    return State(parts=parts, **raw)


def without_password(url: str) -> str:
    """The URL with its password, if any, left out."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    return scheme + separator + user.partition(":")[0] + at + host + slash + path
