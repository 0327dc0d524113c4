"""Every command explains itself, at once, and loads nothing for it."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from console.cli import exceptions, nodes, protection, reservations, stock
from console.cli.main import COMMANDS, SECTIONS, cli
from core.domain.states import LIVE_CASE, ReservationState
from core.domain.vocabulary import Protection, StockMode, StockStatus
from tests.cli.conftest import Crossdock

HEAVY = ("sqlalchemy", "psycopg", "flask", "marshmallow", "rich", "requests", "dramatiq", "redis", "structlog",
         "alembic", "lxml", "openpyxl", "psutil", "orjson", "granian", "console.wiring", "core.errors")  # fmt: skip


def paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and group."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if name != "demo":  # its own tests
                inner = command.get_command(context, name)
                assert inner is not None
                yield from paths(inner, (*path, name))


@pytest.mark.parametrize("path", list(paths(cli)), ids=lambda path: " ".join(path) or "crossdock")
def test_every_command_explains_itself(bare: Crossdock, path: tuple[str, ...]) -> None:
    result = bare(*path, "--help")
    assert result.code == 0
    assert result.err == ""
    assert result.out.startswith("Usage: crossdock")


def test_every_command_takes_json_and_data() -> None:
    context = click.Context(cli)
    for name in set(COMMANDS) - {"demo"}:
        command = cli.get_command(context, name)
        assert command is not None
        leaves = command.commands.values() if isinstance(command, click.Group) else [command]
        for leaf in leaves:
            assert {"--json", "--data"} <= {option for param in leaf.params for option in param.opts}, leaf.name


def test_every_name_of_the_public_surface_is_there() -> None:
    assert set(COMMANDS) == {
        "up", "demo", "web", "worker", "relay", "status", "doctor", "tail", "explain", "orders", "exceptions",
        "messages", "deliveries", "import", "connection", "connector", "trigger", "user", "key", "db", "openapi",
        "bench", "nodes", "disruptions", "route", "edi", "policy", "decisions", "promises", "scores", "models",
        "calendars", "stock", "supply", "transfers", "reservations", "protection", "carriers", "label", "partner",
        "wave", "sftp", "papers", "chargebacks", "terms", "as2",
    }  # fmt: skip
    assert list(SECTIONS) == ["Run", "Look", "Work", "Decide", "Connect", "Administer"]


@pytest.mark.parametrize("words", [["--help"], ["orders", "--help"], ["connection", "add", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    script = (
        "import sys\nfrom console.cli.main import run\ncode = run(sys.argv[1:])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_changing_command_can_be_tried_and_does_not_ask() -> None:
    context = click.Context(cli)
    changing = {
        "orders": {"cancel", "change", "hold", "release", "refund"}, "messages": {"replay", "correct", "discard"},
        "deliveries": {"retry"},
        "exceptions": {"apply", "assign", "snooze", "resolve"}, "import": {
            "items", "nodes", "stock", "orders", "services", "rates", "places", "substitutes", "supplier-prices",
            "markdowns",
        },
        "nodes": {"off", "on", "capacity", "stock"}, "disruptions": {"add", "replan", "end"},
        "connection": {"add", "mode", "secrets", "pause", "resume", "remove"}, "connector": {"new"},
        "user": {"add", "password", "remove"}, "key": {"create", "revoke"}, "db": {"upgrade"},
        "policy": {"new", "approve", "simulate", "activate", "restore", "rollback", "retire"},
        "models": {"train", "promote"}, "protection": {"set", "end"}, "supply": {"expect", "receive", "end"},
        "transfers": {"send", "receive"}, "reservations": {"make", "release"}, "stock": {"move", "settle"},
        "calendars": {"import"}, "wave": {"run"}, "papers": {"send"},
        "partner": {"add", "send", "take", "refuse"}, "as2": {"certificate"},
        "chargebacks": {"dispute", "accept", "recover"}, "terms": {"set", "price", "pack"},
    }  # fmt: skip
    for name in set(COMMANDS) - {"demo"}:
        command = cli.get_command(context, name)
        leaves = command.commands if isinstance(command, click.Group) else {}
        found = {
            leaf for leaf, each in leaves.items()
            if {"--dry-run", "--yes"} <= {option for param in each.params for option in param.opts}
        }  # fmt: skip
        assert found == changing.get(name, set()), name


def test_choices_are_the_words_the_hub_knows() -> None:
    # They stand in the commands themselves, because help loads nothing.
    assert set(exceptions.LIVE_CASE) == {str(each) for each in LIVE_CASE}
    assert set(protection.KINDS.choices) == {str(each) for each in Protection}
    assert set(reservations.STATES.choices) == {str(each) for each in ReservationState}
    assert set(stock.STATUSES.choices) == {str(each) for each in StockStatus}
    assert set(nodes.MODES.choices) == {str(each) for each in StockMode}
