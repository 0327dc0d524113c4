"""Every crossdock command in the docs exists, with the options it is shown with."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from console.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")),
         *sorted((ROOT / "connectors").glob("*/README.md"))]  # fmt: skip
FENCE = re.compile(r"^```(?:console|sh|bash)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|\| *|\$\()(?:\.venv/bin/)?crossdock ([^|)\n]*)")
INLINE = re.compile(r"`(?:\.venv/bin/)?crossdock ([a-z][^`]*)`")


def shown(page: str) -> Iterator[str]:
    """Yield the arguments of each crossdock command of a page, in fenced blocks and in running text."""
    for block in FENCE.findall(page):
        for line in block.replace("\\\n", " ").splitlines():
            yield from COMMAND.findall(line.removeprefix("$ ").strip())
    for found in INLINE.findall(FENCE.sub("", page)):
        yield found.replace("\n", " ")


def complaint(arguments: str) -> str | None:
    """Return what is wrong with a command line, None when it can be parsed."""
    words = shlex.split(arguments.split("…")[0], comments=True)
    command: click.Command = cli
    context = click.Context(cli, info_name="crossdock")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            if command.invoke_without_command or "|" in words[0]:
                break
            return f"there is no `{words[0]}`"
        context, command, words = click.Context(found, parent=context, info_name=words[0]), found, words[1:]
    try:
        command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        return error.format_message()
    return None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(path: Path) -> None:
    found = {each: complaint(each) for each in shown(path.read_text(encoding="utf-8"))}
    assert {each: why for each, why in found.items() if why is not None} == {}


def examples(command: click.Command) -> Iterator[str]:
    """Yield the arguments of the example each command gives of itself."""
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            yield from examples(inner)
    elif (command.epilog or "").startswith("Example: "):
        yield str(command.epilog).removeprefix("Example: crossdock ").partition(" > ")[0]


def test_the_examples_in_help_can_be_called() -> None:
    found = list(examples(cli))
    assert len(found) == 54
    assert {each: why for each in found if (why := complaint(each)) is not None} == {}


def test_commands_are_found_and_wrong_ones_are_told() -> None:
    assert sum(len(list(shown(path.read_text(encoding="utf-8")))) for path in PAGES) > 60
    assert complaint("orders list --phase held   # what waits") is None
    assert complaint("orders dance") == "there is no `dance`"
    assert complaint("orders hold 5001 --detail x") is not None
