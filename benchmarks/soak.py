"""The long run under faults: `make soak`, or `python -m benchmarks.soak --orders 5000 --kills 5`.

A whole hub as `crossdock up` runs it and its simulated partners in processes of their own. Each of web, both workers,
relay, Redis and PostgreSQL is killed with SIGKILL at random moments under load, Redis is flushed, partners drop replies
or answer 429, send events twice and out of order. Afterwards everything must settle without help. Prints one JSON
object and exits 1 when a rule was broken.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chaos.plan import Plan
from benchmarks.chaos.races import sell_out
from benchmarks.chaos.run import run
from benchmarks.common import report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the report, and return 0 when every rule held."""
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Trade under faults, then judge.")
    parser.add_argument("--orders", type=int, default=plan.orders)
    parser.add_argument("--rate", type=float, default=plan.rate, help="orders a second")
    parser.add_argument("--kills", type=int, default=plan.kills, help="how often each process is killed")
    parser.add_argument("--trouble", type=float, default=plan.trouble, help="probability of each fault of a partner")
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--settle", type=float, default=plan.settle, help="seconds it may take to settle")
    parser.add_argument("--idle", type=float, default=plan.idle, help="seconds without anything finished: it is stuck")
    parser.add_argument("--races", type=int, default=20, help="seeds of 200 clients for 50 units; 0 leaves them out")
    parser.add_argument("--keep", type=Path, help="an empty folder to work in and to leave the logs and data in")
    given = parser.parse_args(arguments)
    # Asked to end, it ends the hub and the partners it started too.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    plan = Plan(given.orders, given.rate, given.kills, given.trouble, given.seed, given.settle, given.idle)
    with tempfile.TemporaryDirectory(prefix="crossdock-soak-", ignore_cleanup_errors=True) as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = run(plan, folder, lambda text: print(text, file=sys.stderr, flush=True))
    races = sell_out(range(given.seed, given.seed + given.races)) if given.races else {}
    good = bool(found.pop("good")) and races.get("good", True)
    report("soak", good=good, seed=plan.seed, trouble=plan.trouble, **found, sell_out=races)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
