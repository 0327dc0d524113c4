"""The `transport` table of a profile, checked: what is not known is refused, with the nearest name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any, NoReturn

from core.errors import Misconfigured

# Put into the table by the connector.
ADDED = ("kind", "secrets", "previous", "connection", "profile")


class Faults:
    """What is wrong with a transport's settings, gathered so that all of it is said at once.

    Args:
        kind: of transport.
        code: of the error.
    """

    def __init__(self, kind: str, code: str = "EDI-TRANSPORT-422") -> None:
        self.kind, self.code = kind, code
        self.found: list[str] = []

    def add(self, name: str, what: str) -> None:
        """Note what is wrong with a setting: what follows its name in the sentence."""
        self.found.append(f"transport.{name} {what}")

    def secret(self, name: str, what: str) -> None:
        """Note what is wrong with a secret."""
        self.found.append(f"the secret {name} {what}")

    def refuse(self) -> None:
        """Refuse the settings where something is wrong with them.

        Raises:
            Misconfigured: something is; every fault is named.
        """
        if not self.found:
            return
        said = f"the setting {self.found[0]}" if self.found[0].startswith("transport.") else self.found[0]
        if len(self.found) > 1:
            said = f"the settings of the transport do not fit: {'; '.join(self.found)}"
        raise Misconfigured(
            f"{said[0].upper()}{said[1:]}.",
            fix=f"The settings of {self.kind} are described in docs/edi-transports.md.",
            code=self.code,
        )


def filled(
    faults: Faults, table: Mapping[str, Any], defaults: Mapping[str, Any], required: Sequence[str]
) -> dict[str, Any]:
    """Return the settings of a transport with defaults filled in, each of the default's type.

    What does not fit is noted, and the default stands in its place.

    Args:
        faults: takes what is missing, not known or of another type.
        table: as given, with what the connector adds to it.
        defaults: of those that may be left out; a None takes any text.
        required: texts that must be there.
    """
    known = {*defaults, *required}
    given = {name: value for name, value in table.items() if name not in ADDED}
    know(faults, given, known)
    for name in required:
        if not isinstance(given.get(name), str) or not given[name]:
            faults.add(name, "is missing")
            given[name] = ""
    found = {**defaults, **{name: value for name, value in given.items() if name in known}}
    for name, default in defaults.items():
        wrong = _of_type(found[name], default)
        if wrong is not None:
            faults.add(name, wrong)
            found[name] = default
    return found


def know(faults: Faults, given: Mapping[str, Any], known: set[str]) -> None:
    """Note the settings that nobody knows, with the nearest name."""
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            faults.add(str(name)[:60], f"is not known{f'; {near[0]} is' if near else ''}")


def _of_type(value: Any, default: Any) -> str | None:
    """Return what is wrong with the type of a value, None for nothing."""
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "is neither true nor false"
    if isinstance(default, int | float):
        fits = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        return None if fits else "is no number of 0 or more"
    if isinstance(default, list):
        fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return None if fits else "is no list of texts"
    return None if isinstance(value, str) or value is default else "is no text"


def refuse(kind: str, name: str, what: str) -> NoReturn:
    """Refuse a setting.

    Raises:
        Misconfigured: always.
    """
    faults = Faults(kind)
    faults.add(name, what)
    faults.refuse()
    raise AssertionError("a fault is refused")


def is_host(text: str) -> bool:
    """Return whether a text may be the name of a server or an address, without scheme, port or path."""
    if ":" not in text:
        return not any(each in "/@" or each.isspace() for each in text)
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
