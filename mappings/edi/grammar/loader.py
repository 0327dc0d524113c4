"""Reads grammars: shipped ones by name, and files of one's own; what is wrong in one is said with its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from marshmallow import Schema, ValidationError, fields, validate

from core.errors import InputError
from mappings.edi.grammar import notation
from mappings.edi.grammar.model import ElementType, Grammar, Node, SegmentType, Standard, Use, group, leaves
from mappings.faults import MapDocumentError
from mappings.schema import Strict
from mappings.yaml_text import YamlText, read_yaml

FOLDER = Path(__file__).parent
DICTIONARY = "segments.yaml"
Path_ = tuple[Any, ...]
Made = TypeVar("Made")


class GrammarError(InputError):
    """A grammar is wrong or missing; where it is wrong, the message names file and line."""

    code = "EDI-GRAMMAR-422"


class Texts(fields.Dict):
    """A mapping of ids to short texts."""

    def __init__(self) -> None:
        super().__init__(keys=fields.String(), values=fields.String())


class DictionarySchema(Strict):
    """What segments hold."""

    uses = fields.String(validate=validate.Regexp(r"[a-z0-9]+/[A-Za-z0-9]+\Z"))
    elements = Texts()
    composites = Texts()
    segments = Texts()


class GrammarSchema(DictionarySchema):
    """A message."""

    standard = fields.String(required=True, validate=validate.OneOf([*Standard]))
    message = fields.String(required=True, validate=validate.Length(min=1))
    version = fields.String(required=True, validate=validate.Length(min=1))
    structure = fields.List(fields.Raw(), required=True, validate=validate.Length(min=1))


class Source:
    """A grammar file with its lines, and what was described before it.

    Args:
        name: of the file, for errors.
    """

    def __init__(self, name: str, text: str, schema: Schema) -> None:
        self.name = name
        try:
            self.yaml: YamlText = read_yaml(text, name)
        except MapDocumentError as error:
            raise GrammarError(error.what, fix="Mend the line named.") from None
        try:
            self.value: dict[str, Any] = schema.load(self.yaml.value if isinstance(self.yaml.value, dict) else {})
        except ValidationError as error:
            path, reason = first(error.messages)
            raise self.error(path, reason) from None

    def error(self, path: Path_, reason: str) -> GrammarError:
        """Return an error with the line a path stands on."""
        lines = self.yaml.lines
        line = next((lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in lines), 1)
        where = ".".join(map(str, path))
        return GrammarError(f"{self.name}:{line} {where}: {reason}.", fix="Mend the line named.")

    def made(self, path: Path_, make: Callable[[], Made]) -> Made:
        """Return what is made of the text at a path."""
        try:
            return make()
        except notation.Unclear as error:
            raise self.error(path, str(error)) from None

    def dictionary(self, base: Dictionary) -> Dictionary:
        """Return what segments hold: the base, and what this file says instead."""
        types = dict(base[0])
        for name, text in self.value.get("elements", {}).items():
            types[name] = self.made(("elements", name), lambda n=name, t=text: notation.element_type(n, t))  # type: ignore[misc]
        composites = {name: rebuilt(parts, types) for name, parts in base[1].items()}
        for name, text in self.value.get("composites", {}).items():
            composites[name] = self.made(("composites", name), lambda t=text: notation.uses(t, types, {}))  # type: ignore[misc]
        segments = {
            tag: SegmentType(tag, rebuilt(found.uses, types, composites), found.conditions)
            for tag, found in base[2].items()
        }
        for tag, text in self.value.get("segments", {}).items():
            segments[tag] = self.made(
                ("segments", tag),
                lambda n=tag, t=text: notation.segment_type(n, t, types, composites),  # type: ignore[misc]
            )
        return types, composites, segments

    def structure(self, items: list[Any], path: Path_) -> list[Node]:
        """Return the nodes of a list."""
        nodes = []
        for index, item in enumerate(items):
            here = (*path, index)
            if isinstance(item, str):
                name, low, high, _ = self.made(here, lambda text=item: notation.place(text))  # type: ignore[misc]
                nodes.append(Node(name, low, high))
            elif isinstance(item, dict) and len(item) == 1:
                ((key, inner),) = item.items()
                name, low, high, nested = self.made(here, lambda text=key: notation.place(text))  # type: ignore[misc]
                if not isinstance(inner, list) or not inner or not isinstance(inner[0], str):
                    raise self.error((*here, key), "a group is a list that begins with a segment")
                members = self.structure(inner, (*here, key))
                members[0].low = members[0].high = 1
                nodes.append(group(name, low, high, members, nested=nested))
            else:
                raise self.error(here, "is neither a segment nor a group: write - REF 0..* or - N1 0..200: with a list")
        return nodes


Dictionary = tuple[Mapping[str, ElementType], Mapping[str, tuple[Use, ...]], Mapping[str, SegmentType]]
EMPTY: Dictionary = ({}, {}, {})


def rebuilt(
    parts: tuple[Use, ...], types: Mapping[str, ElementType], composites: Mapping[str, tuple[Use, ...]] | None = None
) -> tuple[Use, ...]:
    """Return uses with the types and composites as they are now."""
    known = composites or {}
    return tuple(
        Use(
            each.id,
            each.required,
            types.get(each.id, each.type) if each.type else None,
            known.get(each.id, each.parts),
            each.high,
        )
        for each in parts
    )


def first(messages: Any, path: Path_ = ()) -> tuple[Path_, str]:
    """Return path and text of the first complaint."""
    while isinstance(messages, dict):
        key, messages = next(iter(messages.items()))
        path = (*path, key) if key not in ("_schema", "value", "key") else path
    return path, str(messages[0] if isinstance(messages, list) else messages).rstrip(".")


@lru_cache(maxsize=8)
def dictionary(standard: str, version: str) -> Dictionary:
    """Return what the segments of a version hold.

    Raises:
        GrammarError: that version is not shipped.
    """
    path = FOLDER / standard / version / DICTIONARY
    if not path.is_file():
        raise GrammarError(
            f"There is no dictionary for {standard} {version}.", fix="Describe segments in the grammar itself."
        )
    source = Source(path.name, path.read_text(encoding="utf-8"), DictionarySchema())
    return source.dictionary(base_of(source))


def base_of(source: Source) -> Dictionary:
    """Return the dictionary a file builds on."""
    if "uses" not in source.value:
        return EMPTY
    try:
        return dictionary(*source.value["uses"].split("/"))
    except GrammarError as error:
        raise source.error(("uses",), error.what.rstrip(".")) from None


def read_grammar(text: str, name: str) -> Grammar:
    """Return the grammar a text describes.

    Args:
        name: of the file, for errors.

    Raises:
        GrammarError: it is not YAML, or says something a grammar cannot say.
    """
    source = Source(name, text, GrammarSchema())
    found = source.value
    segments = source.dictionary(base_of(source))[2]
    root = group(found["message"], 1, 1, source.structure(found["structure"], ("structure",)))
    unknown = sorted({tag for tag in leaves(root) if tag not in segments})
    if unknown:
        raise source.error(("structure",), f"nothing says what these segments hold: {', '.join(unknown)}")
    return Grammar(Standard(found["standard"]), found["message"], found["version"], root, segments)


@lru_cache(maxsize=128)
def load_grammar(standard: str, message: str, version: str) -> Grammar:
    """Return a shipped grammar.

    Raises:
        GrammarError: it is not shipped; the message names those that are.
    """
    path = FOLDER / standard / version / f"{message}.yaml"
    if not message.isalnum() or not version.isalnum() or standard not in [*Standard] or not path.is_file():
        shipped = ", ".join(f"{known} {release}" for kind, known, release in shipped_grammars() if kind == standard)
        raise GrammarError(
            f"There is no grammar for {standard} {message} {version}; there are {shipped or 'none'}.",
            fix="Import the partner's guide with `crossdock edi import-grammar`.",
        )
    return read_grammar(path.read_text(encoding="utf-8"), path.name)


def shipped_grammars() -> list[tuple[str, str, str]]:
    """Return (standard, message, version) of all shipped grammars."""
    return sorted(
        (path.parents[1].name, path.stem, path.parent.name)
        for path in FOLDER.glob("*/*/*.yaml")
        if path.name != DICTIONARY
    )
