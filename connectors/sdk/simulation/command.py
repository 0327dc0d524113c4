"""The simulator as a process of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

import orjson

from connectors.sdk.simulation.faults import Faults
from connectors.sdk.simulator import simulator_class
from core.errors import CrossdockError

SECRETS = "CROSSDOCK_SIM_SECRETS"


def pairs(given: Sequence[str]) -> dict[str, Any]:
    """Return NAME=VALUE arguments, values read as JSON where they are."""
    found: dict[str, Any] = {}
    for each in given:
        name, _, value = each.partition("=")
        try:
            found[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[name] = value
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a simulator until it is told to stop; its address is the first line on stdout."""
    parser = argparse.ArgumentParser(prog="python -m connectors.sdk.simulator", description="Run a simulated partner.")
    parser.add_argument("connector")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--webhook-url")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=P")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    parser.epilog = f"Secrets come from the environment: {SECRETS} is a JSON object of the secret settings."
    given = parser.parse_args(arguments)
    kind = simulator_class(given.connector)
    if kind is None:
        parser.error(f"connector {given.connector} has no simulator")
    try:
        partner = kind(
            host=given.host,
            port=given.port,
            seed=given.seed,
            faults=Faults().changed(pairs(given.fault)),
            webhook_url=given.webhook_url,
            secrets=orjson.loads(os.environ.get(SECRETS, "{}")),
            options=pairs(given.option),
        )
    except (ValueError, OSError, CrossdockError) as error:
        parser.error(str(error))
    done = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: done.set())
    with partner:
        sys.stdout.write(orjson.dumps({"url": partner.url, "connector": given.connector}).decode() + "\n")
        sys.stdout.flush()
        done.wait()
    return 0
