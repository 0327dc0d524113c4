"""Templates of the manifest: `{payload.order.id}` in texts, filled from the push, the settings and the cursor."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from core.errors import Rejected

PLACE = re.compile(r"\{([a-z_]+(?:\.[A-Za-z0-9_]+)*)\}")


def look_up(scope: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, None when it is not there."""
    found: Any = scope
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def fill(template: str, scope: Mapping[str, Any], encode: Callable[[str], str] = str) -> str:
    """Return the text with every place filled.

    Args:
        encode: applied to each value.

    Raises:
        Rejected: a value that is named is empty.
    """

    def value(match: re.Match[str]) -> str:
        found = look_up(scope, match[1])
        if found is None or found == "" or isinstance(found, Mapping | list):
            raise Rejected(
                f"The request cannot be made: {match[1]} is empty.",
                why=f"The manifest's template {template!r} needs it.",
                fix="Complete the data, or change the template.",
            )
        return encode(str(found).lower() if isinstance(found, bool) else str(found))

    return PLACE.sub(value, template)


def fill_path(template: str, scope: Mapping[str, Any]) -> str:
    """Return a URL path; values cannot leave their segment.

    Raises:
        Rejected: a value is empty or a step up the path.
    """

    def segment(value: str) -> str:
        if value in {".", ".."}:
            raise Rejected("The request cannot be made: an identifier is a path step.", fix="Correct the identifier.")
        return quote(value, safe="")

    return fill(template, scope, segment)


def fill_query(query: Mapping[str, str], scope: Mapping[str, Any]) -> dict[str, str]:
    """Return query parameters; one that is a single empty place is left out."""
    found = {}
    for name, template in query.items():
        only = PLACE.fullmatch(template)
        if only and look_up(scope, only[1]) in (None, ""):
            continue
        found[name] = fill(template, scope)
    return found


def fill_body(body: Any, scope: Mapping[str, Any]) -> Any:
    """Return an inline body; a text that is a single place becomes the value itself, whatever its type."""
    if isinstance(body, Mapping):
        return {name: fill_body(inner, scope) for name, inner in body.items()}
    if isinstance(body, list):
        return [fill_body(inner, scope) for inner in body]
    if not isinstance(body, str):
        return body
    only = PLACE.fullmatch(body)
    return look_up(scope, only[1]) if only else fill(body, scope)
