"""Results on stdout, as text or JSON; everything else on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

Json = Mapping[str, Any]


class Output:
    """Writes what a command found.

    Args:
        as_json: one JSON object a line instead of text.
        dry_run: changes are only tried.
    """

    def __init__(self, as_json: bool, *, dry_run: bool = False) -> None:
        self.as_json = as_json
        self.dry_run = dry_run

    def rows(self, found: Iterable[Json], columns: Sequence[str], *, empty: str = "Nothing found.") -> int:
        """Write a list and return its length.

        Args:
            found: the whole objects; as JSON nothing of them is left out.
            columns: fields of the text form, `name` or `name=heading`.
            empty: said on stderr when there is nothing.
        """
        if self.as_json:
            number = 0
            for each in found:
                self.line(each)
                number += 1
            return number
        shown = list(found)
        if not shown:
            click.echo(empty, err=True)
            return 0
        names = [each.partition("=")[0] for each in columns]
        heads = [each.partition("=")[2] or each.partition("=")[0] for each in columns]
        table = [[word(_dig(each, name)) for name in names] for each in shown]
        widths = [max(len(head), *(len(row[at]) for row in table)) for at, head in enumerate(heads)]
        click.echo(click.style(_aligned(heads, widths), bold=True))
        for row in table:
            click.echo(_aligned(row, widths))
        return len(shown)

    def one(self, found: Json) -> None:
        """Write one object."""
        if self.as_json:
            self.line(found)
            return
        width = max((len(name) for name in found), default=0)
        for name, value in found.items():
            if isinstance(value, Mapping | list) and value:
                click.echo(f"{name}:")
                for line in json.dumps(value, indent=2, ensure_ascii=False, default=str).splitlines():
                    click.echo(f"  {line}")
            else:
                click.echo(f"{name:<{width}}  {word(value)}".rstrip())

    def one_with(self, found: Json, name: str, columns: Sequence[str]) -> None:
        """Write one object, and what it lists under a name as a table of these columns."""
        if self.as_json:
            self.line(found)
            return
        self.one({field: value for field, value in found.items() if field != name})
        click.echo()
        self.rows(found[name], columns)

    def line(self, found: Json) -> None:
        """Write one object as a line of JSON, at once."""
        click.echo(json.dumps(found, ensure_ascii=False, default=str))

    def did(self, found: Json, sentence: str, *following: str) -> None:
        """Write what a change came to: the object as JSON, or a sentence; and what may be done next.

        Args:
            found: the object.
            sentence: the same in words.
            following: commands worth knowing now.
        """
        if self.as_json:
            self.line({**found, "dry_run": True} if self.dry_run else found)
        else:
            click.echo(f"{'Would be done: ' if self.dry_run else ''}{sentence}")
        if self.dry_run:
            note("Nothing was changed. Run it without --dry-run to do it.")
        elif following:
            hint(*following)

    def undone(self, found: Json, sentence: str) -> None:
        """Write why a change came to nothing: the object as JSON, or a sentence."""
        if self.as_json:
            self.line({**found, "dry_run": True} if self.dry_run else found)
        else:
            click.echo(sentence)


def note(text: str) -> None:
    """Say something beside the data."""
    click.echo(text, err=True)


def hint(*following: str) -> None:
    """Say what may be done next."""
    for at, each in enumerate(following):
        click.echo(f"{'Next:  ' if at == 0 else '       '}{each}", err=True)


def tell_paused(shown: Json) -> None:
    """Say of a connection that is paused that it is, why, and how it goes on; of one that is not, nothing.

    Args:
        shown: the connection as `connection show` has it.
    """
    if not shown["paused"]:
        return
    until = shown["paused_until"] or ""
    # A pause without an end is kept as the last year there is.
    when = "" if not until or until.startswith("9999") else f" until {until}"
    why = (shown["pause_reason"] or "no reason is given").rstrip(".")
    note(f"{shown['name']} is paused{when}, and nothing is sent or fetched: {why}.")
    hint(f"crossdock connection resume {shown['name']}")


def word(value: Any) -> str:
    """Return a value as it stands in a table."""
    if value is None or value == [] or value == {}:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return " ".join(str(value).split()) or "-"


def _dig(found: Json, path: str) -> Any:
    value: Any = found
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
