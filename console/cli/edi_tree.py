"""What is in an EDI file or an XML document, as lines of a tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

STARTS = ("interchange", "group", "message")
"""Levels, from the outside in."""


def show(line: dict[str, Any]) -> None:
    """Write one object as a line of the tree."""
    what = line["what"]
    if what == "fault":
        color = "red" if line["kind"] == "error" else "yellow"
        head = f"! {line['kind']} {line['code'] or ''}".rstrip()
        click.echo(f"{click.style(head, fg=color)}  {line['text']}")
    elif what in STARTS:
        indent = "  " * STARTS.index(what)
        click.echo(indent + click.style(" ".join([what, *_words(line)]), bold=True))
    elif what == "segment":
        tag = ":".join([line["tag"], *line.get("nesting", ())])
        elements = "  ".join(f"{at} {_element(each)}" for at, each in enumerate(line["elements"], 1) if each)
        click.echo(f"      {line['number']:>5}  {tag:<4} {elements}")
    elif what == "element":
        attributes = " ".join(f"{name}={value}" for name, value in line["attributes"].items())
        said = f"{'  ' * line['depth']}{line['name']}{f' [{attributes}]' if attributes else ''}"
        click.echo(f"      {line['line']:>5}  {said}  {line['text'] or ''}".rstrip())
    elif line["rejected"]:
        click.echo("  " * STARTS.index(what.removesuffix("_end")) + click.style("rejected", fg="red"))


def _words(line: dict[str, Any]) -> Iterator[str]:
    """Yield what is said of the beginning of a level."""
    if line.get("reference"):
        yield line["reference"]
    if line.get("type"):
        parts = (line.get(name) for name in ("type", "version", "release", "agency", "association"))
        yield ".".join(each for each in parts if each)
    for name, word in (("sender", "from"), ("recipient", "to")):
        if line.get(name):
            yield f"{word} {line[name]['id']}"
    if line.get("status"):
        yield f"status {line['status']}"
    if line.get("test"):
        yield "(test)"


def _element(element: Any) -> str:
    if isinstance(element, dict):
        return " * ".join(_element(each) for each in element["repeated"])
    return ":".join(element) if isinstance(element, list) else str(element)
