"""Run as a module: one process with the simulated accounts that a file describes, until told to stop.

The file is JSON of [{connector, port, seed, webhook_url, secrets, options, books}]; it holds the accounts' secrets, so
only its owner can read it. A partner that is started again finds its records in its books.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import orjson

from connectors.sdk.simulator import Simulator
from console.demo.simulated import KINDS


def kind_of(connector: str) -> type[Simulator]:
    """Return the simulator of a kind of partner; that of EDI is loaded only where somebody speaks it."""
    if connector == "edi":
        from connectors.edi.simulator import Partner

        return Partner
    return KINDS[connector]


def main(path: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    with ExitStack() as running:
        for each in orjson.loads(Path(path).read_bytes()):
            running.enter_context(kind_of(each.pop("connector"))(**{**each, "books": Path(each["books"])}))
        done.wait()


if __name__ == "__main__":
    main(sys.argv[1])
