"""One child process: how it is started, watched and stopped."""

import contextlib
import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from console.servers.errors import ServerMissing

LAUNCH = str(Path(__file__).with_name("launch.py"))


class Account(NamedTuple):
    """The user a server runs as; `keep_search` lets it walk through folders closed to that user."""

    uid: int
    gid: int
    keep_search: bool = False


@dataclass(frozen=True)
class Part:
    """A process the supervisor keeps alive."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None = None
    account: Account | None = None
    log: Path | None = None
    port: int | None = None
    stop_signals: Sequence[tuple[signal.Signals, float]] = field(
        default=((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
    )
    """Signals to stop it, each with the seconds it gets before the next."""
    is_server: bool = False
    """Servers are stopped after all services, each in its turn."""
    ready: Callable[[], bool] | None = None
    ready_seconds: float | None = 180.0
    """None where starting may take as long as it lives: a database that recovers."""
    before_start: Callable[[], None] | None = None


def server_account(*paths: Path) -> Account | None:
    """The unprivileged user servers run as when the hub runs as root (PostgreSQL refuses root), else None.

    Args:
        paths: what the user must reach; where a folder on the way is closed, `keep_search` is set.
    """
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("crossdock") or known.get("nobody")
    if entry is None:
        raise ServerMissing(
            "SERVER-USER-001",
            "The hub runs as root, PostgreSQL refuses to, and this system has no user named crossdock or nobody to "
            "run it as. Start the hub as an ordinary user, or add one: useradd --system crossdock",
        )
    uid, gid = entry.pw_uid, entry.pw_gid
    return Account(uid, gid, not all(_reachable(path, uid, gid) for path in paths))


def _reachable(path: Path, uid: int, gid: int) -> bool:
    for folder in path.resolve().parents:
        status = folder.stat()
        if status.st_uid == uid:
            searchable = status.st_mode & 0o100
        elif status.st_gid == gid:
            searchable = status.st_mode & 0o010
        else:
            searchable = status.st_mode & 0o001
        if not searchable:
            return False
    return True


def spawn(part: Part) -> subprocess.Popen[bytes]:
    """Start the part as a direct child in a process group of its own.

    The child gets its first stop signal when the calling *thread* ends, however it ends: call this from a
    thread that lives as long as the child may.
    """
    options = {
        "uid": part.account.uid if part.account else None,
        "gid": part.account.gid if part.account else None,
        "keep_search": bool(part.account and part.account.keep_search),
        "death_signal": int(part.stop_signals[0][0]),
        "parent": os.getpid(),
    }
    output = os.open(part.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if part.log else None
    try:
        return subprocess.Popen(  # noqa: S603 - the programs are ours, no shell
            [sys.executable, "-I", "-S", LAUNCH, json.dumps(options), *part.argv],
            env=dict(part.env),
            cwd=part.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,  # Ctrl-C at the terminal reaches the supervisor alone, which then stops in order
            umask=0o077,
        )
    finally:
        if output is not None:
            os.close(output)


def run_once(argv: Sequence[str], *, account: Account | None, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a short program to its end as the given user and return what it wrote."""
    options = {
        "uid": account.uid if account else None,
        "gid": account.gid if account else None,
        "keep_search": bool(account and account.keep_search),
        "death_signal": int(signal.SIGKILL),
        "parent": os.getpid(),
    }
    return subprocess.run(  # noqa: S603 - the programs are ours, no shell
        [sys.executable, "-I", "-S", LAUNCH, json.dumps(options), *argv],
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
    )


def stop(process: subprocess.Popen[bytes], part: Part) -> None:
    """Stop the part, each signal with its patience, and then whatever is left of its process group."""
    for number, patience in part.stop_signals:
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    kill_group(process.pid)


def kill_group(pid: int) -> None:
    """Kill what a dead process left in its group (the workers of a web server, say)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
