"""Reads YAML 1.2 into plain values and remembers on which line each stands."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mappings.faults import MapDocumentError

MAX_BYTES = 1_000_000
MAX_NODES = 20_000
MAX_DEPTH = 32
TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class YamlText:
    """A YAML document.

    Args:
        value: dicts, lists, text, whole numbers, Decimal, booleans and None.
        lines: path of keys and indexes -> line, from 1.
    """

    value: Any
    lines: Mapping[tuple[Any, ...], int]
    digest: str


def read_yaml(text: str, name: str) -> YamlText:
    """Return the one document in the text.

    Args:
        name: of the file, for errors.

    Raises:
        MapDocumentError: it is not YAML, too large, or uses tags, duplicate keys or keys that are not text.
    """
    if len(text) > MAX_BYTES:
        raise MapDocumentError(f"{name} is larger than {MAX_BYTES:,} characters.")
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        reader = Reader(name, yaml)
        value = reader.read(node, ()) if node is not None else None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise MapDocumentError(f"{name}:{line} is not YAML: {reason}.") from None
    except (RecursionError, ValueError) as error:
        raise MapDocumentError(f"{name} cannot be read as YAML: {str(error)[:200]}.") from None
    return YamlText(value, reader.lines, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())


class Reader:
    """Walks a node tree; anchors may be used, but not to blow the document up."""

    def __init__(self, name: str, yaml: YAML) -> None:
        self.name, self.yaml = name, yaml
        self.lines: dict[tuple[Any, ...], int] = {}
        self.nodes = 0

    def read(self, node: Node, path: tuple[Any, ...]) -> Any:
        """Return the value of a node."""
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self.nodes += 1
        if self.nodes > MAX_NODES or len(path) > MAX_DEPTH:
            raise self.error(line, f"has more than {MAX_NODES:,} values or {MAX_DEPTH} levels")
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.read(inner, (*path, index)) for index, inner in enumerate(node.value)]
        return self.scalar(node, line)

    def mapping(self, node: MappingNode, path: tuple[Any, ...]) -> dict[str, Any]:
        """Return a mapping whose keys are text and come once."""
        found: dict[str, Any] = {}
        for key_node, inner in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                raise self.error(line, "has a key that is not plain text")
            key = key_node.value
            if key in found:
                raise self.error(line, f"has the key {key!r} twice")
            self.lines[(*path, key)] = line
            found[key] = self.read(inner, (*path, key))
        return found

    def scalar(self, node: Node, line: int) -> Any:
        """Return a plain value; numbers with a point are Decimal, dates stay text."""
        tag = str(node.tag).removeprefix(TAG)
        if tag in ("str", "timestamp"):
            return node.value
        if tag == "null":
            return None
        if tag == "bool":
            return self.yaml.constructor.construct_yaml_bool(node)
        if tag == "int":
            return self.yaml.constructor.construct_yaml_int(node)
        if tag == "float":
            try:
                number = Decimal(node.value)
            except InvalidOperation:
                raise self.error(line, f"has {node.value!r}, which is no exact number") from None
            if number.is_finite():
                return number
        raise self.error(line, f"has {node.value!r} of a type that maps do not use ({node.tag})")

    def error(self, line: int, reason: str) -> MapDocumentError:
        """Return the error for a line."""
        return MapDocumentError(f"{self.name}:{line} {reason}.")
