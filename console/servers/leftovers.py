"""What an earlier, killed hub may have left: its processes, and in PostgreSQL's folder a pid file."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from console.servers.state import last_state

FAST_SHUTDOWN_SECONDS = 30.0
SERVICE_SECONDS = 10.0
DATA_MARK = "CROSSDOCK_DATA_DIR"
"""Set in the environment of every service."""


def clear_orphans(data: Path, say: Callable[[str], None]) -> None:
    """End the processes of a killed supervisor's services that have not ended by themselves.

    The kernel asked the services to stop when it died; one that hangs, or a child that lost its parent, would
    hold a port and do work beside its successor. They are known by the process group, which the supervisor
    named in its state file, together with the data folder in their environment, because a number may be used
    again. The servers are not services: Redis ends at once, PostgreSQL is left to `clear_leftovers`.
    """
    state = last_state(data)
    if state is None:
        return
    groups = {part.pid for part in state.parts.values()} - {None}
    orphans = [process for process in psutil.process_iter() if _is_orphan(process, groups, data)]
    if not orphans:
        return
    names = ", ".join(f"(pid {process.pid})" for process in orphans)
    say(f"A hub that was killed left processes at work on {data}: {names}. Ending them first.")
    for process in orphans:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, deaf = psutil.wait_procs(orphans, SERVICE_SECONDS)
    for process in deaf:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(deaf, SERVICE_SECONDS)


def _is_orphan(process: psutil.Process, groups: set[int | None], data: Path) -> bool:
    try:
        return os.getpgid(process.pid) in groups and process.environ().get(DATA_MARK) == str(data)
    except (psutil.Error, ProcessLookupError):
        return False


def clear_leftovers(folder: Path, say: Callable[[str], None]) -> None:
    """Make way for a new postmaster in the cluster folder.

    A pid file alone proves nothing: after a crash its number may belong to any process. Who works in this folder
    is seen from each process's working directory. A postmaster that is still there was orphaned (its supervisor
    holds the data folder's lock, and we have that now), so it is stopped; backends that outlived their postmaster
    only delay the recovery and are killed, which costs no more than the crash that orphaned them.
    """
    at_work = _processes_in(folder)
    pid_file = folder / "postmaster.pid"
    named = _named_pid(pid_file)
    postmaster = next((process for process in at_work if process.pid == named), None)
    if postmaster is not None:
        say(f"An earlier PostgreSQL (pid {postmaster.pid}) still runs on {folder}: stopping it first.")
        with contextlib.suppress(psutil.NoSuchProcess):
            postmaster.send_signal(2)  # SIGINT: fast shutdown
            with contextlib.suppress(psutil.TimeoutExpired):
                postmaster.wait(FAST_SHUTDOWN_SECONDS)
    for process in _processes_in(folder):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    end = time.monotonic() + 5
    while _processes_in(folder) and time.monotonic() < end:
        time.sleep(0.02)
    if named is not None:
        pid_file.unlink(missing_ok=True)


def _named_pid(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().split("\n", 1)[0])
    except FileNotFoundError:
        return None
    except ValueError:
        return 0  # cut short by a full disk: names nobody


def _processes_in(folder: Path) -> list[psutil.Process]:
    """The PostgreSQL processes whose working directory is the folder, other than zombies."""
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != "postgres":
            continue
        try:
            if process.status() != psutil.STATUS_ZOMBIE and _works_in(process, folder):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return os.path.realpath(process.cwd()) == os.path.realpath(folder)
    except psutil.AccessDenied:
        # Root in a container without CAP_SYS_PTRACE: only the postmaster's command line tells.
        return str(folder) in process.cmdline()
