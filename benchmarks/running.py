"""How benchmarks run: sizes, limits of time, percentiles, processor time of processes."""

from __future__ import annotations

import argparse
import faulthandler
import math
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import psutil

ROUND = 3
CLEANING_SECONDS = 60


def sizes(parser: argparse.ArgumentParser, argv: Sequence[str] | None, **small: Any) -> argparse.Namespace:
    """Return the options of a benchmark; every one has `--small` and `--limit`.

    Args:
        parser: with the benchmark's own options.
        argv: the command line, or None for the process's.
        small: what `--small` stands for; options given beside it win.
    """
    parser.add_argument("--small", action="store_true", help="a minute instead of many: shows that it runs, no more")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which it gives up")
    given, _ = parser.parse_known_args(argv)
    if given.small:
        parser.set_defaults(**small)
    return parser.parse_args(argv)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after so many seconds; what cannot clean up within a minute is ended hard.

    For the main thread only. Child processes of embedded servers end with this process, whatever ends it.
    """

    def up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"the benchmark was not done within {seconds:.0f} s (--limit)")

    before = signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + CLEANING_SECONDS, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()


def forget_environment() -> None:
    """Remove the settings of a hub that may run here: benchmarks measure the defaults."""
    for name in [name for name in os.environ if name.startswith("CROSSDOCK_")]:
        del os.environ[name]


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that `part` of all values do not exceed (nearest rank); 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def latency(seconds: Sequence[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum in milliseconds."""
    return {
        "p50_ms": round(percentile(seconds, 0.50) * 1000, ROUND),
        "p99_ms": round(percentile(seconds, 0.99) * 1000, ROUND),
        "max_ms": round(max(seconds, default=0.0) * 1000, ROUND),
    }


def ratio(ours: float, limit: float) -> float | None:
    """Return ours as a part of the limit; None when the limit was not measured."""
    return round(ours / limit, ROUND) if limit else None


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all below it that live."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the processor time that processes and all below them have used, those ended and waited for included."""
    used = 0.0
    for process in {each.pid: each for pid in pids for each in tree(pid)}.values():
        try:
            used += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return used
