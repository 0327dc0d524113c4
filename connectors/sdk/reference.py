"""The tables of every manifest key, made from the schema that checks them."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from marshmallow import Schema, fields, validate

from connectors.sdk.manifest import DEFAULT_LIMITS
from connectors.sdk.manifest_schema import ManifestPart
from connectors.sdk.manifest_words import QUALITY_RULES
from core.domain.documents import SCHEMAS
from core.domain.papers import PAPERS

BEGIN, END = "<!-- manifest keys: made from the schema by docs/generate.py -->", "<!-- end of manifest keys -->"
KINDS: tuple[tuple[type[fields.Field[Any]], str], ...] = (
    (fields.AwareDateTime, "time with a zone"),
    (fields.Boolean, "yes or no"),
    (fields.Decimal, "exact decimal"),
    (fields.Integer, "whole number"),
    (fields.Float, "number"),
    (fields.Date, "date"),
    (fields.String, "text"),
)
# A longer closed list is described by its error text instead.
LISTED = 40


def manifest_reference() -> str:
    """Return one table for the manifest and one for each table in it."""
    lines: list[str] = []
    for title, schema in parts("", ManifestPart()):
        lines += ["", f"### {title or 'connector.yaml'}", "", (schema.__doc__ or "").strip(), ""]
        lines += ["| key | value | meaning |", "|---|---|---|"]
        lines += [row(title, name, each) for name, each in schema.fields.items()]
    lines += ["", "### quality rules", "", "| step | rules |", "|---|---|"]
    lines += [f"| {step} | {', '.join(f'`{rule}`' for rule in rules)} |" for step, rules in QUALITY_RULES.items()]
    return "\n".join(lines).strip() + "\n"


def with_reference(page: str) -> str:
    """Return a page with the tables between its two marks made anew.

    Raises:
        ValueError: the marks are missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no place for the manifest keys")
    return f"{before}{BEGIN}\n\n{manifest_reference()}\n{END}{after}"


def documents_reference() -> str:
    """Return one table for each canonical document and each object in it; an object that came before is only named."""
    lines: list[str] = []
    seen: dict[type[Schema], str] = {}
    for kind, whole in {**SCHEMAS, **PAPERS}.items():
        for place, schema in parts("", whole):
            lines += [f"### {kind}: `{place}`" if place else f"## {kind}", ""]
            if type(schema) in seen:
                lines += [f"As {seen[type(schema)]}.", ""]
                continue
            seen[type(schema)] = f"{kind}: `{place}`"
            # A schema made on the spot has marshmallow's words, which say nothing here.
            if type(schema).__module__ == whole.__module__:
                lines += [cleandoc(schema.__doc__ or ""), ""]
            lines += ["| field | value |", "|---|---|"]
            for name, each in schema.fields.items():
                lines.append(f"| `{each.data_key or name}`{' (required)' if each.required else ''} | {value(each)} |")
            lines.append("")
    return "\n".join(lines)


def parts(title: str, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield a schema and those inside it, each with the path it stands under."""
    yield title, schema
    for name, each in schema.fields.items():
        inner, suffix = each, ""
        if isinstance(inner, fields.List):
            inner, suffix = inner.inner, "[]"
        elif isinstance(inner, fields.Dict):
            inner, suffix = inner.value_field or inner, ".*"
        if isinstance(inner, fields.Nested):
            yield from parts(f"{title}.{each.data_key or name}{suffix}".lstrip("."), inner.schema)


def row(title: str, name: str, each: fields.Field[Any]) -> str:
    """Return the line of one key."""
    key = f"`{each.data_key or name}`{' (required)' if each.required else ''}"
    meaning = str(each.metadata["help"])
    if title == "limits":
        meaning += f" {DEFAULT_LIMITS[name]:,} by default."
    return f"| {key} | {value(each)} | {meaning} |".replace("\n", " ")


def value(each: fields.Field[Any]) -> str:
    """Return what a key takes, in words."""
    if isinstance(each, fields.List):
        return "list" if isinstance(each.inner, fields.Nested) else f"list of {value(each.inner)}"
    if isinstance(each, fields.Dict):
        keys = choices(each.key_field)
        return f"table by {keys}" if keys else "table"
    if isinstance(each, fields.Nested):
        return "table"
    return choices(each) or next((word for kind, word in KINDS if isinstance(each, kind)), "any value")


def choices(each: fields.Field[Any] | None) -> str:
    """Return the closed list of values a field takes, empty when it is open."""
    for rule in each.validators if each is not None else ():
        if isinstance(rule, validate.OneOf):
            named = [f"`{choice}`" for choice in rule.choices]
            return ", ".join(named) if len(named) <= LISTED else str(rule.error).removeprefix("must be ")
    return ""
