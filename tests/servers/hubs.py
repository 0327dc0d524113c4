"""A hub in a process of its own, and how tests wait for it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from console.servers.state import State, read_state

ROOT = Path(__file__).parents[2]


def plain(url: str) -> str:
    """The URL as libpq takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something that must come, and fail when it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def gone(process: psutil.Process) -> bool:
    """Whether the process has ended, reaped or not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Hub:
    """The small hub on a data folder; what it says is in `said`."""

    def __init__(self, data: Path, *deaf: str) -> None:
        self.data = data
        self._output = data.with_suffix(".out")
        with self._output.open("w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "tests/servers/small_hub.py", data, *deaf],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        until(lambda: "READY" in self.said or self.process.poll() is not None)
        assert "READY" in self.said, self.said

    @property
    def said(self) -> list[str]:
        """The lines it wrote so far."""
        return self._output.read_text().splitlines()

    @property
    def state(self) -> State:
        """What the state file says now."""
        state = read_state(self.data)
        assert state is not None
        return state

    def pid(self, name: str) -> int | None:
        """The process id of a part by its role."""
        return self.state.parts[name].pid

    def part(self, name: str) -> psutil.Process:
        """The running process of a part by its role."""
        pid = self.pid(name)
        assert pid is not None
        return psutil.Process(pid)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the supervisor and wait for its end."""
        self.process.send_signal(number)
        return self.process.wait(20)
