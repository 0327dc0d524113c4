"""The child of the EDI fuzz: makes inputs and reads them, with a limit of memory and of time for each."""

from __future__ import annotations

import contextlib
import gc
import json
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from benchmarks import edi_fuzz_as2 as as2
from benchmarks.edi_fuzz import HEAD, SHARED, open_shared
from benchmarks.edi_fuzz_doors import DOORS, EXPECTED, WEIGHTS

TELL_SECONDS = 1.0
MEGABYTE = 1 << 20


class TooLong(BaseException):
    """An input has taken more than its processor time; no `except Exception` stops this."""


def main() -> None:
    """Read inputs until the time is over."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    doors = given["doors"] or [name for name in DOORS for _ in range(WEIGHTS.get(name, 1))]
    # What is made once is made before memory is bounded: keys, messages, bombs.
    as2.written(), as2.receipts(), as2.bombs()
    for name in sorted(set(doors)):
        DOORS[name][0](random.Random(name))
    gc.collect()
    loaded = _resident()
    resource.setrlimit(resource.RLIMIT_AS, (_size() + given["memory"] * MEGABYTE,) * 2)
    signal.signal(signal.SIGPROF, _up)
    shared = open_shared(given["shared"])
    until, number = time.monotonic() + given["seconds"], given["start"]
    counts: Counter[str] = Counter()
    told = time.monotonic()
    with Path(given["told"]).open("a", encoding="utf-8") as tell:
        while time.monotonic() < until and number < given["stop"]:
            number += 1
            chance = random.Random(f"{given['seed']}:{number}")
            door = chance.choice(doors)
            data = DOORS[door][0](chance)[: SHARED - HEAD.size]
            shared[HEAD.size : HEAD.size + len(data)] = data
            shared[: HEAD.size] = HEAD.pack(number, len(data), door.encode())
            counts[door] += 1
            if failed := attempt(DOORS[door][1], data, given["each"]):
                _say(tell, {"failed": True, "number": number, "door": door, "data": data.hex(), **failed})
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                _say(tell, {"counts": counts, "peak": _peak() - loaded})
                counts.clear()
        _say(tell, {"counts": counts, "peak": _peak() - loaded})


def attempt(read: Callable[[bytes], None], data: bytes, seconds: float) -> dict[str, str] | None:
    """Read an input; return what was wrong with that, None where nothing was.

    Args:
        read: the reader.
        data: the input.
        seconds: of processor time.
    """
    error: BaseException
    try:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            read(data)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except EXPECTED as expected:
        if expected.what and expected.error_code:
            return None
        error = expected
    except TooLong:
        return {
            "error": f"it took more than {seconds:.0f} s of processor time",
            "trace": traceback.format_exc(limit=-8),
        }
    except BaseException as unexpected:  # noqa: BLE001 - that nothing else is raised is what is tested
        error = unexpected
    else:
        return None
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return {
        "error": f"{type(error).__name__} at {place}: {str(error)[:200]}",
        "trace": "".join(traceback.format_exception(error, limit=-8)),
    }


def replay(file: Path) -> None:
    """Read one kept input again, without limits; what it raises comes out."""
    DOORS[file.name.partition(".")[0]][1](file.read_bytes())
    print("Nothing was wrong with it.")


def _up(_number: int, _frame: FrameType | None) -> None:
    raise TooLong


def _say(tell: TextIO, told: dict[str, Any]) -> None:
    tell.write(json.dumps(told) + "\n")
    tell.flush()


def _size() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / MEGABYTE


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
