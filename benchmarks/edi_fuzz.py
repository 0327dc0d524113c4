"""EDI fuzz: damaged and hostile input for every reader: no hang, no memory above the limit, no unhandled exception.

A child process reads, under a limit of memory, and of processor time for each input; this process watches it. Input N
of a seed is the same in every run, messages sealed for AS2 excepted. What failed is kept as it was, and `--replay FILE`
reads it again.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import report
from benchmarks.running import sizes, time_limit

ROOT = Path(__file__).resolve().parents[1]
SHARED = 16_000_000
HEAD = struct.Struct("<QQ16s")
"""Number, length and door of the input that is read just now, before its bytes."""
LOOK = 0.2
GRACE = 3
"""How many times its limit an input may take before the child is ended: its own limit does not reach into libraries."""
START_SECONDS = 900


def main(argv: list[str] | None = None) -> None:
    """Fuzz for some minutes and print one JSON object; exit code 1 when something failed."""
    parser = argparse.ArgumentParser(prog="crossdock bench edi-fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--inputs", type=int, default=10**12, help="stop after so many [no end but the minutes]")
    parser.add_argument("--seed", type=int, help="of the inputs [a new one]")
    parser.add_argument("--memory", type=int, default=256, help="megabytes a reader may take beyond what is loaded")
    parser.add_argument("--each", type=float, default=60, help="seconds of processor time an input may take")
    parser.add_argument("--doors", nargs="*", default=[], help="only these readers")
    parser.add_argument("--keep", type=Path, default=Path("edi-fuzz"), help="folder for inputs that failed")
    parser.add_argument("--replay", type=Path, help="read one kept input again")
    options = sizes(parser, argv, minutes=0.2)
    if options.replay:
        from benchmarks.edi_fuzz_worker import replay

        replay(options.replay)
        return
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"seed {seed}", file=sys.stderr)
    with time_limit(options.limit), tempfile.TemporaryDirectory(prefix="edi-fuzz-") as folder:
        found = Watch(options, seed, Path(folder)).run()
    report("edi-fuzz", seed=seed, minutes=options.minutes, memory_mb=options.memory, each_s=options.each, **found)
    if found["failures"]:
        raise SystemExit(1)


class Watch:
    """Watches children that read, and starts another where one had to be ended.

    Args:
        options: of the command line.
        seed: of the inputs.
        folder: for what the child tells.
    """

    def __init__(self, options: argparse.Namespace, seed: int, folder: Path) -> None:
        self.options, self.seed = options, seed
        self.shared, self.told = folder / "shared", folder / "told"
        self.shared.write_bytes(bytes(SHARED))
        self.failures: list[dict[str, Any]] = []
        self.again: Counter[str] = Counter()
        self.totals: Counter[str] = Counter()
        self.peak = 0.0

    def run(self) -> dict[str, Any]:
        """Return what was found until the time is over."""
        start, left = 0, self.options.minutes * 60
        while left > 0 and start < self.options.inputs:
            began = time.monotonic()
            start = self._child(start, left)
            left -= time.monotonic() - began
        return {
            "inputs": self.totals.total(),
            "by_reader": dict(sorted(self.totals.items())),
            "peak_mb_beyond_loaded": round(self.peak, 1),
            "failures": self.failures,
            "repeated": dict(self.again),
        }

    def _child(self, start: int, seconds: float) -> int:
        """Run a child until the time is over or it has to be ended; return the number of the next input."""
        self.told.write_text("", encoding="utf-8")
        arguments = {
            "seed": self.seed, "start": start, "seconds": seconds, "stop": self.options.inputs,
            "memory": self.options.memory, "each": self.options.each, "doors": self.options.doors,
            "shared": str(self.shared), "told": str(self.told),
        }  # fmt: skip
        command = [sys.executable, "-m", "benchmarks.edi_fuzz_worker", json.dumps(arguments)]
        with tempfile.TemporaryFile() as said:
            child = subprocess.Popen(command, cwd=ROOT, stderr=said)
            try:
                reason = self._watched(psutil.Process(child.pid), child)
            finally:
                child.kill()
                child.wait()
            said.seek(0)
            errors = said.read().decode("utf-8", "replace")
        self._hear()
        number, door, data = self._current()
        if number <= start and child.returncode != 0:
            raise RuntimeError(f"the reader's process did not begin: {errors[-2000:]}")
        if reason is None and child.returncode != 0:
            reason = f"the reader's process ended with {child.returncode}: {errors[-500:]}"
        if reason is not None:
            self._keep(number, door, data, {"error": reason})
        return number

    def _watched(self, process: psutil.Process, child: subprocess.Popen[bytes]) -> str | None:
        """Wait for a child; return why it has to be ended, None where it ended by itself."""
        last, used, since = -1, 0.0, time.monotonic()
        while child.poll() is None:
            time.sleep(LOOK)
            try:
                spent = sum(process.cpu_times()[:2])
            except psutil.Error:
                continue
            number = self._head()[0]
            if number != last:
                last, used, since = number, spent, time.monotonic()
            elif number and spent - used > self.options.each * GRACE:
                return f"it took more than {self.options.each * GRACE:.0f} s of processor time"
            elif time.monotonic() - since > START_SECONDS + self.options.each:
                return f"nothing happened for {START_SECONDS} s"
        return None

    def _head(self) -> tuple[int, int, str]:
        """Return number, length and door of the input that is read now."""
        with self.shared.open("rb") as file:
            number, length, door = HEAD.unpack(file.read(HEAD.size))
        return number, length, door.rstrip(b"\0").decode()

    def _current(self) -> tuple[int, str, bytes]:
        number, length, door = self._head()
        with self.shared.open("rb") as file:
            return number, door, file.read(HEAD.size + length)[HEAD.size :]

    def _hear(self) -> None:
        """Take what the child told: failures, and counts."""
        for line in self.told.read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            if "failed" in told:
                self._keep(told["number"], told["door"], bytes.fromhex(told.pop("data")), told)
            else:
                self.totals.update(told["counts"])
                self.peak = max(self.peak, told["peak"])

    def _keep(self, number: int, door: str, data: bytes, told: dict[str, Any]) -> None:
        key = f"{door}: {told['error'][:200]}"
        self.again[key] += 1
        if self.again[key] > 1:
            return
        self.options.keep.mkdir(parents=True, exist_ok=True)
        file = self.options.keep / f"{door}.{self.seed}.{number}"
        file.write_bytes(data)
        print(f"{key}\n{told.get('trace', '')}kept as {file}", file=sys.stderr)
        self.failures.append({"reader": door, "number": number, "file": str(file), "error": told["error"][:500]})


def open_shared(path: str) -> mmap.mmap:
    """Return the memory a child writes its input into before it reads it."""
    file = os.open(path, os.O_RDWR)
    try:
        return mmap.mmap(file, SHARED)
    finally:
        os.close(file)


if __name__ == "__main__":
    main()
