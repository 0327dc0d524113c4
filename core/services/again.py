"""An order that comes again under its number: whether it says what it said the first time, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.domain.payloads import jsonable
from core.ports.connectors import Document, Json

# What every sending has of its own.
OWN = frozenset({"purpose", "source_version", "source_updated_at"})
# And of cXML the id of its envelope, which papers name.
OWN_REFERENCES = frozenset({"payload_id"})
# Of people it is said that they differ, not who they are.
PARTIES = ("ship_to", "bill_to", "buyer", "seller", "stores")
SHOWN = 8
Statement = tuple[str, str]


def without_purpose(body: Json) -> Json:
    """Return an order without what it says of its own sending alone."""
    return {name: value for name, value in body.items() if name != "purpose"}


def said_again(references: Mapping[str, str] | None) -> dict[str, str]:
    """Return the references of an order that every sending of it has."""
    return {name: value for name, value in (references or {}).items() if name not in OWN_REFERENCES}


def differences(earlier: Sequence[Document], now: Sequence[Document]) -> list[str]:
    """Return in words what an order says otherwise than the first time; nothing where it says the same.

    Args:
        earlier: what came first, split by store, as today's map reads it.
        now: what has come again.
    """
    before, after = (dict(_all(each)) for each in (earlier, now))
    found = []
    for path in dict.fromkeys((*before, *after)):
        was, is_ = before.get(path), after.get(path)
        if was == is_:
            continue
        if any(f"{party}." in f"{path}." for party in PARTIES):
            found.append(f"{path} differs")
        elif was is None:
            found.append(f"{path} is new: {is_}")
        elif is_ is None:
            found.append(f"{path} is gone, it was {was}")
        else:
            found.append(f"{path} is {is_}, it was {was}")
    return found


def in_words(found: Sequence[str]) -> str:
    """Return differences as one text, the first of them by name."""
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def _all(documents: Sequence[Document]) -> Iterator[Statement]:
    whole = len(documents) == 1
    for document in documents:
        body = {name: value for name, value in document.body.items() if name not in OWN}
        body["references"] = said_again(body.get("references"))
        prefix = "" if whole and not body.get("split_from") else f"{body.get('external_id')}: "
        for path, value in _flat(jsonable(body)):
            yield prefix + path, value
        for hold in document.holds:
            yield f"{prefix}{hold.get('path') or hold.get('kind')} as it was read", str(hold.get("detail"))


def _flat(value: Any, path: str = "") -> Iterator[Statement]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for name, inner in _named(value, path):
            yield from _flat(inner, name)
    elif value is not None:
        yield path, str(value)


def _named(values: Sequence[Any], path: str) -> Iterator[tuple[str, Any]]:
    """Yield the entries of a list under their names: lines by their ids where these tell them apart."""
    ids = [each.get("external_id") if isinstance(each, Mapping) else None for each in values]
    own = all(ids) and len(set(ids)) == len(ids)
    for index, each in enumerate(values):
        name = ids[index] if own else index + 1
        yield (f"line {name}" if path == "lines" else f"{path}.{name}"), each
