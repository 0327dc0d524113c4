"""A hub started as a person starts it, `crossdock up`, in a process of its own."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CROSSDOCK = (sys.executable, "-P", "-m", "console.cli.main")
READY_SECONDS = 120.0
STOP_SECONDS = 60.0


class Up:
    """`crossdock up` on a data folder, ready once the block begins and stopped at its end.

    Args:
        folder: its data folder.

    Attributes:
        seconds: from start to its word that it is ready.
        said: the JSON it said then: `url`, `parts` with a pid each.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.seconds = 0.0
        self.stop_seconds = 0.0
        self.said: dict[str, Any] = {}

    def __enter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSDOCK_")}
        began = time.perf_counter()
        with self._folder.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(
                [*CROSSDOCK, "up", "--json", "--port", "0"],
                env={**kept, "CROSSDOCK_DATA_DIR": str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            line = self._first_line(began + READY_SECONDS)
            self.seconds = time.perf_counter() - began
            self.said = json.loads(line)
        except BaseException:
            self._stop()
            raise
        return self

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._process.pid

    def _first_line(self, end: float) -> bytes:
        assert self._process.stdout is not None
        got = b""
        while not got.endswith(b"\n"):
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.perf_counter()))
            more = os.read(self._process.stdout.fileno(), 65_536) if readable else b""
            if not more:
                log = self._folder.with_suffix(".log").read_text(errors="replace")
                raise RuntimeError(f"crossdock up did not become ready; its log ends:\n{log[-2000:]}")
            got += more
        return got

    def _stop(self) -> None:
        began = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            assert self._process.stdout is not None
            self._process.stdout.close()
        self.stop_seconds = time.perf_counter() - began

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
