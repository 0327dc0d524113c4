"""Seconds until `crossdock up` is ready, the first time on a folder and again, and until `crossdock --help` is done.

Ready means that it says so: servers, migrations, web (asked over HTTP), workers and relay are there. Beside it, in the
same run: PostgreSQL and Redis alone on a folder of their own, and an interpreter that does nothing.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import report
from benchmarks.running import forget_environment, ratio, sizes, time_limit
from benchmarks.whole import Up
from console.servers.supervisor import embedded_servers

PROGRAM_SECONDS = 60.0


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="crossdock bench startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="starts of each kind; the median is reported")
    parser.add_argument("--calls", type=int, default=20, help="calls of the short commands")
    options = sizes(parser, argv, runs=1, calls=5, limit=240)
    forget_environment()
    with time_limit(options.limit), tempfile.TemporaryDirectory(prefix="crossdock-bench-") as folder:
        starts = [
            _starts(Path(folder) / f"hub{number}", Path(folder) / f"alone{number}") for number in range(options.runs)
        ]
        program = Path(sys.executable).with_name("crossdock")
        command = [str(program)] if program.exists() else [sys.executable, "-m", "console.cli.main"]
        helped = [_call([*command, "--help"]) for _ in range(options.calls)]
        bare = [_call([sys.executable, "-c", "pass"]) for _ in range(options.calls)]
    medians = {name: round(statistics.median(each[name] for each in starts), 2) for name in starts[0]}
    report(
        "startup",
        up=medians,
        ratio_cold_to_servers_alone=ratio(medians["cold_seconds"], medians["servers_alone_cold_seconds"]),
        help={"command": "crossdock --help", **_milliseconds(helped)},
        interpreter={"command": "python -c pass", **_milliseconds(bare)},
        ratio_help_to_interpreter=ratio(statistics.median(helped), statistics.median(bare)),
    )


def _starts(hub: Path, alone: Path) -> dict[str, float]:
    """Start a hub twice on a new folder, and its servers alone twice on another."""
    with Up(hub) as cold:
        pass
    with Up(hub) as warm:
        pass
    return {
        "cold_seconds": cold.seconds,
        "warm_seconds": warm.seconds,
        "stop_seconds": warm.stop_seconds,
        "servers_alone_cold_seconds": _servers(alone),
        "servers_alone_warm_seconds": _servers(alone),
    }


def _servers(folder: Path) -> float:
    began = time.perf_counter()
    with embedded_servers(folder):
        return time.perf_counter() - began


def _call(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=PROGRAM_SECONDS)
    return time.perf_counter() - began


def _milliseconds(seconds: list[float]) -> dict[str, Any]:
    ordered = [round(each * 1000, 1) for each in sorted(seconds)]
    return {"median_ms": round(statistics.median(ordered), 1), "best_ms": ordered[0], "worst_ms": ordered[-1]}


if __name__ == "__main__":
    main()
