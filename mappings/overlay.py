"""Overlays: a partner's own map said as what is different from another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields, validate

from mappings.codes import CodeList
from mappings.document import Functions, Loader, flat
from mappings.engine import Map
from mappings.faults import MapDocumentError
from mappings.schema import Strict
from mappings.yaml_text import YamlText, read_yaml

Path_ = tuple[Any, ...]
SOURCES = frozenset({"path", "const", "first_of", "concat"})


class OverlaySchema(Strict):
    """An overlay document."""

    overlay = fields.String(required=True, validate=validate.Length(min=1))
    version = fields.Integer(strict=True, validate=validate.Range(min=1))
    note = fields.String()
    options = fields.Dict(keys=fields.String())
    guide = fields.Dict(keys=fields.String())
    fields_ = fields.Dict(keys=fields.String(), data_key="fields")


class BaseLine(int):
    """A line of the map below, which says its file when it is shown."""

    file: str

    def __new__(cls, line: int, file: str) -> BaseLine:
        """Return the line of a file."""
        made = super().__new__(cls, line)
        made.file = file
        return made

    def __str__(self) -> str:
        return f"{self.file}:{int(self)}"

    def __format__(self, spec: str) -> str:
        return str(self)


def is_overlay(text: YamlText) -> bool:
    """Return whether a document says what is different from another map."""
    return isinstance(text.value, dict) and "overlay" in text.value


def load_overlay(
    text: YamlText,
    name: str,
    base: Callable[[str], Path],
    *,
    functions: Functions | None = None,
    codes: Mapping[str, CodeList] | None = None,
) -> Map:
    """Return the map that an overlay comes to.

    Args:
        text: of the overlay.
        name: of its file, for errors.
        base: returns the file of the map named in `overlay:`.

    Raises:
        MapDocumentError: overlay or map are wrong; lines of the map below are shown with its file.
    """
    try:
        data = OverlaySchema().load(text.value)
    except ValidationError as error:
        raise complain(name, text, flat(error.messages)) from None
    below = base(data["overlay"])
    under = read_yaml(below.read_text(encoding="utf-8"), below.name)
    if is_overlay(under):
        raise complain(name, text, [(("overlay",), f"{below.name} is an overlay itself; name the map under it")])
    lines: dict[Path_, int] = {path: BaseLine(line, below.name) for path, line in under.lines.items()}
    lines.update(text.lines)
    merged = dict(under.value)
    for key in ("options", "guide"):
        if key in data:
            merged[key] = {**merged.get(key, {}), **data[key]}
    for key in ("version", "note"):
        if key in data:
            merged[key] = data[key]
    merged["fields"] = joined(
        merged["fields"], data.get("fields_", {}), ("fields",), lambda path, why: complain(name, text, [(path, why)])
    )
    whole = YamlText(merged, lines, f"{under.digest}+{text.digest}")
    return Map(Loader(name, whole, functions or {}, codes or {}).document())


def joined(
    under: Mapping[str, Any], over: Mapping[str, Any], path: Path_, wrong: Callable[[Path_, str], MapDocumentError]
) -> dict[str, Any]:
    """Return rules with those of an overlay in their place; null takes a rule away."""
    found = dict(under)
    for key, rule in over.items():
        here = (*path, key)
        below = found.get(key)
        if rule is None:
            if key not in found:
                raise wrong(here, "takes away a rule that is not there")
            del found[key]
        elif isinstance(rule, dict) and isinstance(below, dict) and "fields" in below and not SOURCES & set(rule):
            inner = joined(below["fields"], rule.get("fields") or {}, (*here, "fields"), wrong)
            found[key] = {**below, **rule, "fields": inner}
        else:
            found[key] = rule
    return found


def complain(name: str, text: YamlText, reasons: list[tuple[Path_, str]]) -> MapDocumentError:
    """Return the error that lists what is wrong with an overlay."""
    listed = []
    for path, reason in reasons:
        at = path
        while at and at not in text.lines:
            at = at[:-1]
        listed.append(f"{name}:{text.lines.get(at, 1)} {'.'.join(map(str, path))}: {reason.rstrip('.')}")
    return MapDocumentError(
        f"The overlay is wrong: {'; '.join(listed[:5])}.", fix="See docs/edi-maps.md.", errors=listed
    )
