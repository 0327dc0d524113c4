"""How a syntax's documents are read and written by path; the compiler knows documents only through this."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from marshmallow import Schema

from core.errors import MappingError
from mappings import paths
from mappings.faults import Unfit, kind_of
from mappings.paths import Getter, Setter, Test
from mappings.rules import Rule


@dataclass(frozen=True, slots=True)
class Access:
    """Compilers of the paths of one kind of document; each raises Unfit for a path it cannot compile.

    Args:
        value: path -> getter of one value.
        scope: path -> getter of one sub-object; its result is a scope for further paths.
        items: path -> getter of a list of scopes.
        condition: expression -> test.
        setter: path -> setter into the dict a document is built from.
        join: what stands between the parts of a path when it is shown.
        first: the number of the first member of a list in shown paths.
        check: (rules, whether they read) -> nothing, or the Fault of a rule whose path is in no document.
    """

    value: Callable[[str], Getter]
    scope: Callable[[str], Getter]
    items: Callable[[str], Getter]
    condition: Callable[[str], Test]
    setter: Callable[[str], Setter]
    join: str = "."
    first: int = 0
    check: Callable[[tuple[Rule, ...], bool], None] | None = None


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """One partner document found in an input.

    Args:
        number: its place in the input, from 1: line, row or document.
        value: the parsed document; None when `error` says why it could not be parsed.
    """

    number: int
    value: Any = None
    error: MappingError | None = None


class Syntax(Protocol):
    """Bytes to documents and back."""

    @property
    def options(self) -> Schema:
        """Checks the map's `options:`."""

    def access(self, options: Mapping[str, Any]) -> Access:
        """Return how paths of this syntax are compiled."""

    def documents(
        self, data: bytes, options: Mapping[str, Any], *, records: str | None, group_by: str | None
    ) -> Iterator[SourceDocument]:
        """Yield the documents in the input; one that cannot be read stops only itself.

        Raises:
            MapError: the input as a whole cannot be read.
        """

    def finish(self, document: dict[str, Any], options: Mapping[str, Any]) -> Any:
        """Return the document as `access` would read it, from the dict the setters filled."""

    def format(self, documents: list[Any], options: Mapping[str, Any]) -> bytes:
        """Return the input that holds these documents.

        Raises:
            MapError: a value cannot be expressed in the syntax.
        """


def object_scope(path: str) -> Getter:
    """Return a getter of one nested object."""
    get = paths.getter(path)

    def scope(value: Any, root: Any) -> Any:
        found = get(value, root)
        if found is None or isinstance(found, dict):
            return found
        raise Unfit(f"is {kind_of(found)}, not an object")

    return scope


def object_items(path: str) -> Getter:
    """Return a getter of a list of objects."""
    get = paths.getter(path)

    def items(value: Any, root: Any) -> Any:
        found = get(value, root)
        if found is None:
            return None
        if not isinstance(found, list):
            raise Unfit(f"is {kind_of(found)}, not a list")
        for index, each in enumerate(found):
            if not isinstance(each, dict):
                raise Unfit(f"has {kind_of(each)} at {index}, not an object")
        return found

    return items


OBJECTS = Access(paths.getter, object_scope, object_items, paths.condition, paths.setter)
