"""What can go wrong between a partner document and a canonical one.

`Unfit` is raised by conversions, paths and code lists; it knows only its reason. The compiled rule turns it into a
`Fault`, which collects the path while it climbs through lists and objects. `Map` turns that into the public error.
"""

from __future__ import annotations

import re
from typing import Any

from core.errors import InputError, MappingError, UnmappedCode

SHOWN = 80
SECRET_NAME = re.compile(
    r"token|secret|passw|authori[sz]ation|api_?key|signature|credential|card|iban|cvv|cvc", re.IGNORECASE
)


class MapError(MappingError):
    """A document does not fit its map; `data` has document_path, canonical_path, value, rule and map (file:line)."""


class MapDocumentError(InputError):
    """A map document is wrong; every complaint names file and line."""

    code = "MAP-DOCUMENT-422"


class Unfit(Exception):
    """A value cannot be converted; the text says why, without the value."""


class Fault(Exception):
    """A failed rule whose paths grow while it climbs out of lists and objects."""

    def __init__(self, reason: str, *, source: str, target: str, value: Any, rule: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.source = source
        self.target = target
        self.value = value
        self.rule = rule
        self.line = line
        self.unmapped = False

    def within(self, source: str, target: str) -> Fault:
        """Put a list position in front of both paths."""
        self.source = prefixed(source, self.source)
        self.target = target + self.target
        return self

    def public(self, map_name: str, *, inbound: bool) -> MappingError:
        """Return the error for the caller."""
        document, canonical = (self.source, self.target) if inbound else (self.target, self.source)
        kind = UnmappedCode if self.unmapped else MapError
        shown = shorten(self.value, self.source)
        where = f"{map_name}:{self.line}"
        return kind(
            f"{document or canonical or 'The document'}: {self.reason} (value {shown}, rule {self.rule}, {where}).",
            fix="Add the code to the code list." if self.unmapped else f"Mend the source or the rule at {where}.",
            document_path=document,
            canonical_path=canonical,
            value=shown,
            rule=self.rule,
            map=where,
        )


def prefixed(prefix: str, path: str) -> str:
    """Return a path with a list position in front; one from the root, and a constant, stays as it is."""
    return path if path == "const" or path.startswith(("$.", "/")) else prefix + path


def shorten(value: Any, path: str = "") -> str:
    """Return a value fit for an error: short, and nothing from a field named like a secret."""
    if SECRET_NAME.search(path):
        return "[redacted]"
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return f"an object of {len(value)} fields"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return "a number of more than 77 digits"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def kind_of(value: Any) -> str:
    """Return how an author would call the type of a value."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, float):
        return "a binary float"
    if isinstance(value, int):
        return "a whole number"
    return f"a {type(value).__name__}"
