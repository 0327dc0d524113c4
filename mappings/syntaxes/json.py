"""JSON: exact numbers, no duplicate keys, no NaN, nothing that a store or a stack cannot take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import orjson
from marshmallow import Schema, fields, validate

from core.domain.quick import JSON_LEVELS
from mappings.access import OBJECTS, Access, SourceDocument
from mappings.faults import MapError, Unfit, kind_of
from mappings.paths import getter
from mappings.schema import Strict
from mappings.syntaxes.text import check_size, decode, refused

CONTAINERS = frozenset([dict, list])
ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
ESCAPED_NUL = "\\u0000"


class JsonOptions(Strict):
    """Options of JSON maps."""

    indent = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    max_bytes = fields.Integer(strict=True, load_default=None, validate=validate.Range(min=1))


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; the same name twice would lose one of the values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise refused("SYNTAX", f"The JSON has the name {twice[:80]!r} twice in one object.")
    return found


def constant(name: str) -> Any:
    """Refuse NaN and the infinities, which are not JSON."""
    raise refused("SYNTAX", f"The JSON has {name}, which is not a JSON number.")


def decimal(text: str) -> Decimal:
    """Return a number with a point or exponent, exact."""
    if len(text) > 400:
        raise refused("SYNTAX", "The JSON has a number of more than 400 characters.")
    number = Decimal(text)
    if not -400 <= number.adjusted() <= 400:
        raise refused("SYNTAX", f"The JSON has the number {text[:40]}, which is out of range.")
    return number


DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_constant=constant, parse_float=decimal)


def parse(data: bytes | str, *, max_bytes: int | None = None) -> Any:
    """Return the JSON value in an input, numbers with a point as Decimal.

    Raises:
        MapError: it is not JSON, too large, deeper than `JSON_LEVELS`, or has text that no database takes.
    """
    if isinstance(data, bytes):
        check_size(data, max_bytes)
        text = decode(data)
    else:
        text = data
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise refused(
            "SYNTAX", f"The input is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise refused("DEPTH", f"The JSON is nested deeper than {JSON_LEVELS} levels.") from None
    except ValueError:
        raise refused("SYNTAX", "The JSON has a whole number of more than 4,300 digits.") from None
    if text.count("{") + text.count("[") > JSON_LEVELS:
        check_depth(value)
    if ESCAPED_NUL in text or ESCAPED_SURROGATE.search(text):
        check_text(value)
    return value


def check_depth(value: Any) -> None:
    """Refuse a value nested too deep to walk safely."""
    level = [value]
    for _ in range(JSON_LEVELS):
        level = [
            inner
            for each in level
            for inner in (each.values() if type(each) is dict else each)
            if type(inner) in CONTAINERS
        ]
        if not level:
            return
    raise refused("DEPTH", f"The JSON is nested deeper than {JSON_LEVELS} levels.")


def check_text(value: Any) -> None:
    """Refuse half surrogate pairs and NUL characters, hidden behind escapes."""
    stack = [value]
    while stack:
        each = stack.pop()
        if type(each) is dict:
            stack += each.keys()
            stack += each.values()
        elif type(each) is list:
            stack += each
        elif type(each) is str:
            if "\x00" in each:
                raise refused("CHARSET", "The JSON has a NUL character in a text.")
            try:
                each.encode()
            except UnicodeEncodeError:
                raise refused("CHARSET", "The JSON has half a surrogate pair in a text.") from None


def fragment(value: Any) -> Any:
    """Return what orjson does not know: exact numbers."""
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError(f"{kind_of(value)} has no JSON form")


def dump(value: Any, *, indent: bool = False) -> bytes:
    """Return the value as JSON, Decimal as exact number.

    Raises:
        MapError: a value has no JSON form.
    """
    try:
        return orjson.dumps(value, default=fragment, option=orjson.OPT_INDENT_2 if indent else None)
    except (TypeError, ValueError) as error:
        raise MapError(f"The document cannot be written as JSON: {error}.", code="MAP-SYNTAX-422") from None


class JsonSyntax:
    """One JSON value: the document, or an envelope around a list of them."""

    options: Schema = JsonOptions()

    def access(self, options: Mapping[str, Any]) -> Access:
        """Return dict access."""
        return OBJECTS

    def documents(
        self, data: bytes, options: Mapping[str, Any], *, records: str | None, group_by: str | None
    ) -> Iterator[SourceDocument]:
        """Yield the document, or the members of the list at `records`."""
        value = parse(data, max_bytes=options.get("max_bytes"))
        if records is None:
            yield SourceDocument(1, value)
            return
        try:
            found = getter(records)(value, value)
        except (Unfit, AttributeError) as error:
            raise refused("RECORDS", f"The list of documents at {records} cannot be found: {error}.") from None
        if not isinstance(found, list):
            raise refused("RECORDS", f"At {records} there is {kind_of(found)}, not a list of documents.")
        for number, each in enumerate(found, 1):
            yield SourceDocument(number, each)

    def finish(self, document: dict[str, Any], options: Mapping[str, Any]) -> Any:
        """Return the document as it is."""
        return document

    def format(self, documents: list[Any], options: Mapping[str, Any]) -> bytes:
        """Return one document as JSON; several are a list."""
        value = documents[0] if len(documents) == 1 else documents
        return dump(value, indent=options.get("indent", False))
