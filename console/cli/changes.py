"""An order as its source would send it again, with some fields changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

Json = dict[str, Any]


def changed_document(shown: Json, sets: Sequence[str], file: Path | None) -> tuple[Json, bytes]:
    """Return the canonical document and its bytes: the file's, or the order as it is with the values set.

    Args:
        shown: the order as the API shows it.
        sets: PATH=VALUE; a value that is JSON is taken as such, anything else as text.
        file: the whole document instead.
    """
    document: Json = json.loads(file.read_bytes()) if file else canonical(shown)
    if not isinstance(document, dict):
        raise click.UsageError("The file holds no order: one JSON object is expected.")
    for each in sets:
        set_path(document, each)
    return document, json.dumps(document, ensure_ascii=False).encode()


def canonical(shown: Json) -> Json:
    """Return an order without what the hub added; what was canceled stays taken off."""
    from core.domain.documents import LineSchema, OrderSchema

    document = {name: shown[name] for name in OrderSchema().fields if name in shown}
    lines = LineSchema().fields
    document["lines"] = [
        {**{name: line[name] for name in lines if name in line}, "removed": line["canceled"]} for line in shown["lines"]
    ]
    return document


def set_path(document: Any, assignment: str) -> None:
    """Set one value by its dotted path; numbers count list entries from 0.

    Raises:
        UsageError: no equals sign, or the path leads nowhere.
    """
    path, equals, text = assignment.partition("=")
    if not equals or not path:
        raise click.UsageError(f"{assignment!r} is not PATH=VALUE.")
    *above, last = path.split(".")
    here = document
    for name in above:
        here = _step(here, name, path)
    value = parsed(text)
    if isinstance(here, list):
        _step(here, last, path)
        here[int(last)] = value
    elif isinstance(here, Mapping):
        here[last] = value  # type: ignore[index]
    else:
        raise click.UsageError(f"{path!r} leads nowhere: {last!r} has no parent that holds values.")


def _step(here: Any, name: str, path: str) -> Any:
    if isinstance(here, list) and name.isdigit() and int(name) < len(here):
        return here[int(name)]
    if isinstance(here, dict):
        if here.get(name) is None:
            here[name] = {}
        return here[name]
    raise click.UsageError(f"{path!r} leads nowhere: there is no {name!r}.")


def parsed(text: str) -> Any:
    """Return a value typed on the command line: JSON where it is JSON, else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
