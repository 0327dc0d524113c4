"""The thread that starts processes, restarts them when they end, and stops them in reverse order."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from console.servers.errors import ServerError, StartFailed
from console.servers.process import Part, kill_group, spawn, stop

TICK_SECONDS = 0.1
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
HEALTHY_SECONDS = 10.0
"""A process that ran this long is well: the next restart is prompt again."""
TRIES_AT_START = 5


@dataclass
class Kept:
    """A part and its current process."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    started_at: datetime | None = None
    starts: int = 0
    failures: int = 0
    next_start: float = 0.0
    error: str = ""
    """Why the last start or run failed; empty while all is well."""


class Keeper(threading.Thread):
    """Keeps parts running, all of them children of this one thread.

    One thread, because the kernel ties a child's death signal to the thread that made it.

    Args:
        say: tells the person at the terminal what happened.
        changed: called after a process started or ended.
        each_second: called about once a second.
    """

    def __init__(
        self, say: Callable[[str], None], changed: Callable[[], None], each_second: Callable[[], None]
    ) -> None:
        super().__init__(name="supervisor", daemon=True)
        self._say = say
        self._changed = changed
        self._each_second = each_second
        self._kept: dict[str, Kept] = {}
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.ended = threading.Event()
        self.broken: BaseException | None = None

    def keep(self, part: Part) -> None:
        """Start the part now and again whenever it ends."""
        with self._guard:
            self._kept[part.name] = Kept(part)
        self._wake.set()

    def kept(self) -> list[Kept]:
        """The parts in the order they were given."""
        with self._guard:
            return list(self._kept.values())

    def stop_all(self) -> None:
        """Stop every part, last one first, and end the thread."""
        self._stopping.set()
        self._wake.set()
        if self.ident is not None:
            self.join()

    def wait_ready(self, name: str) -> None:
        """Return once the part is ready to use.

        Raises:
            StartFailed: it ended several times in a row, or its time ran out.
        """
        kept = self._kept[name]
        begun = told = time.monotonic()
        while True:
            if self.ended.is_set():
                raise StartFailed("SERVER-START-003", f"{name} was stopped before it became ready.") from self.broken
            now = time.monotonic()
            if kept.failures >= TRIES_AT_START:
                raise StartFailed(
                    "SERVER-START-001",
                    f"{name} does not start: {kept.error}. It was tried {kept.failures} times. {last_words(kept.part)}",
                )
            if kept.process is not None and (kept.part.ready is None or kept.part.ready()):
                return
            if kept.part.ready_seconds is not None and now - begun > kept.part.ready_seconds:
                raise StartFailed(
                    "SERVER-START-002",
                    f"{name} runs but was not ready after {kept.part.ready_seconds:.0f} s. {last_words(kept.part)}"
                    " If that says nothing, the machine was too busy"
                    f" (load {os.getloadavg()[0]:.0f} on {os.cpu_count()} processors): start again when it is not.",
                )
            if now - told > 5:
                told = now
                self._say(f"Still waiting for {name} ({now - begun:.0f} s): it is starting or recovering.")
            time.sleep(0.02)

    def run(self) -> None:
        """Keep until told to stop; a fault of our own stops everything rather than leaving it unwatched."""
        last_second = 0.0
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                for kept in self.kept():
                    self._look_after(kept)
                if time.monotonic() - last_second >= 1:
                    last_second = time.monotonic()
                    self._each_second()
                self._wake.wait(TICK_SECONDS)
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
            self.broken = error
        finally:
            self._stop_in_reverse()
            self.ended.set()

    def _look_after(self, kept: Kept) -> None:
        now = time.monotonic()
        if kept.process is not None:
            code = kept.process.poll()
            if code is None:
                if kept.failures and now - kept.started > HEALTHY_SECONDS:
                    kept.failures = 0
                    kept.error = ""
                return
            kill_group(kept.process.pid)
            kept.process = None
            self._failed(kept, how_it_ended(code))
            self._changed()
        elif now >= kept.next_start:
            try:
                if kept.part.before_start:
                    kept.part.before_start()
                kept.process = spawn(kept.part)
            except (OSError, ServerError) as error:
                self._failed(kept, str(error))
                return
            kept.started = time.monotonic()
            kept.started_at = datetime.now(UTC)
            kept.starts += 1
            self._changed()

    def _failed(self, kept: Kept, why: str) -> None:
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2**kept.failures)
        kept.failures += 1
        kept.error = why
        kept.next_start = time.monotonic() + delay
        self._say(f"{kept.part.name} {why}; starting it again in {delay:.1f} s.")

    def _stop_in_reverse(self) -> None:
        """Ask all services at once, wait for them, then stop the servers one by one."""
        running = [kept for kept in reversed(self.kept()) if kept.process is not None]
        for kept in running:
            assert kept.process is not None
            if not kept.part.is_server and kept.process.poll() is None:
                kept.process.send_signal(kept.part.stop_signals[0][0])
        for kept in running:
            assert kept.process is not None
            stop(kept.process, kept.part)
            kept.process = None


def how_it_ended(code: int) -> str:
    """An exit code of `subprocess` in words."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"


def last_words(part: Part) -> str:
    """The end of the part's log, for an error message."""
    if part.log is None or not part.log.exists():
        return "What it wrote above says why."
    with part.log.open("rb") as stream:
        stream.seek(max(0, part.log.stat().st_size - 800))
        text = stream.read().decode("utf-8", "replace").strip()
    return f"The end of {part.log}: {text}"
