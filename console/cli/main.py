"""`crossdock`: the commands, each loaded only when it is called, so that help appears at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from console.cli import failures
from console.cli.base import DATA, JSON, Session

VERSION = "0.1.0"
SECTIONS = {
    "Run": {
        "up": "The whole hub in the foreground",
        "demo": "The hub with a company at work: simulated partners and traffic",
        "web": "One web process, for production",
        "worker": "One worker process, for production",
        "relay": "One relay process, for production",
        "sftp": "The SFTP server for partners who push files",
    },
    "Look": {
        "status": "What runs and what lags",
        "doctor": "Checks, each with its fix",
        "tail": "Events or messages as they happen",
        "scores": "What carriers and nodes are worth by their outcomes",
        "explain": "Why an order, message, delivery, case or stock figure is as it is",
    },
    "Work": {
        "orders": "Orders: list, show, cancel, change, hold, release, refund",
        "promises": "Dates given and how they were kept: list, show, report",
        "exceptions": "What needs a person: list, show, apply, assign, snooze, resolve",
        "messages": "What came in: list, show, replay, discard",
        "deliveries": "What goes out: list, show, retry",
        "nodes": "Nodes: list, off, on, capacity; released work goes elsewhere",
        "calendars": "When nodes work: list, show, export, import",
        "stock": "Stock: list, movements, lots, serials, move",
        "supply": "What is expected: list, show, expect, receive, end",
        "transfers": "Stock between nodes: list, show, send, receive",
        "reservations": "Units held for a while: list, show, make, release",
        "disruptions": "Areas that are shut: list, add, replan, end",
        "papers": "Order responses, despatch advices, invoices, credit notes: list, show, send",
        "chargebacks": "What partners kept back: list, show, dispute, accept, recover",
        "label": "The labels of a shipment's packages, as PDF or for a label printer",
        "import": "Items, nodes, stock, orders, rates and places from files",
    },
    "Decide": {
        "route": "Decide without booking; what if",
        "wave": "Waiting work planned again together: run, list, show",
        "policy": "Policies: list, show, diff, new, approve, simulate, activate, rollback, retire",
        "decisions": "Choices the hub made: list, show, verify",
        "protection": "What is kept from or for a channel: list, set, end",
        "carriers": "Carriers' services and rates: services, service, rates",
    },
    "Connect": {
        "connection": "Accounts at partners: add, list, show, test, mode, pause, resume, remove",
        "terms": "Terms of trade: list, show, set; agreed prices and packs",
        "connector": "Kinds of partners: list, info, new, test",
        "partner": "Trading partners: test, add, play, list, show, interchanges, documents, raw, send, take, refuse",
        "as2": "Keys and certificates of our own for AS2: certificate",
        "trigger": "A signed delivery through the true door",
        "edi": "EDI files: read, check, write",
    },
    "Administer": {
        "user": "People who may sign in: add, list, password, remove",
        "key": "API keys: create, list, revoke",
        "models": "Models behind promises: list, train, promote",
        "db": "The database schema: upgrade, check",
        "openapi": "The HTTP contract as JSON",
        "bench": "The measured claims, each one JSON object",
    },
}
COMMANDS = {name: help_ for section in SECTIONS.values() for name, help_ in section.items()}
MODULES = {"import": "imports", "web": "processes", "worker": "processes", "relay": "processes", "sftp": "processes"}
"""Commands whose module is not named like them."""


class LazyGroup(click.Group):
    """A group that imports the module of a command when somebody calls it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, without loading anything."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command, loading its module; None when there is no such command."""
        if name not in COMMANDS:
            return None
        module = import_module(f"console.cli.{MODULES.get(name, name)}")
        found: click.Command = getattr(module, f"{name}_command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by what they are for, without loading them."""
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(list(commands.items()))


@click.group(
    cls=LazyGroup,
    params=[JSON, DATA],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog='Completion in bash: eval "$(_CROSSDOCK_COMPLETE=bash_source crossdock)"; zsh and fish likewise.',
)
@click.version_option(VERSION, message="crossdock %(version)s")
def cli() -> None:
    """Crossdock: a self-hosted order integration hub.

    Data goes to stdout, all else to stderr. Every command takes --json and --data DIR, the hub's data
    folder; only `demo` calls that --data-dir, as its --data is a folder of orders to run.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; what fails is said, never thrown."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(words, prog_name="crossdock", standalone_mode=False, color=failures.colors(), obj=Session())
    except Exception as error:  # noqa: BLE001 - the one place where every failure becomes words and an exit code
        return failures.report(error, as_json="--json" in words)
    except KeyboardInterrupt:
        return failures.STOPPED
    except SystemExit:
        # The only way click itself ends a program here: whoever read our output, such as `head`, has gone.
        return failures.OK
    return code if isinstance(code, int) else 0


def main() -> None:
    """Be the `crossdock` program."""
    sys.exit(run())


if __name__ == "__main__":
    main()
