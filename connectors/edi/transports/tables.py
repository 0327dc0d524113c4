"""The `transport` table of a profile, checked: what is not known is refused, with the nearest name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from core.errors import Misconfigured

# Put into the table by the connector.
ADDED = ("kind", "secrets", "previous", "connection", "profile")


def filled(kind: str, table: Mapping[str, Any], defaults: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any]:
    """Return the settings of a transport with defaults filled in, each of the default's type.

    Args:
        kind: of transport, for errors.
        table: as given, with what the connector adds to it.
        defaults: of those that may be left out; a None takes any text.
        required: texts that must be there.

    Raises:
        Misconfigured: one is missing, not known or of another type.
    """
    known = {*defaults, *required}
    given = {name: value for name, value in table.items() if name not in ADDED}
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            refuse(kind, str(name)[:60], f"is not known{f'; {near[0]} is' if near else ''}")
    for name in required:
        if not isinstance(given.get(name), str) or not given[name]:
            refuse(kind, name, "is missing")
    found = {**defaults, **given}
    for name, default in defaults.items():
        _of_type(kind, name, found[name], default)
    return found


def _of_type(kind: str, name: str, value: Any, default: Any) -> None:
    if isinstance(default, bool):
        if not isinstance(value, bool):
            refuse(kind, name, "is neither true nor false")
    elif isinstance(default, int | float):
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            refuse(kind, name, "is no number of 0 or more")
    elif isinstance(default, list):
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            refuse(kind, name, "is no list of texts")
    elif not isinstance(value, str) and value is not default:
        refuse(kind, name, "is no text")


def refuse(kind: str, name: str, what: str) -> NoReturn:
    """Refuse a setting.

    Raises:
        Misconfigured: always.
    """
    raise Misconfigured(
        f"The setting transport.{name} {what}.",
        fix=f"The settings of {kind} are described in docs/edi-transports.md.",
        code="EDI-TRANSPORT-422",
    )
