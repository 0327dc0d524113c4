"""Words for writing JSON Schemas: the plain types, what may be null, lists, references, objects."""

from __future__ import annotations

from typing import Any

Shape = dict[str, Any]

TEXT: Shape = {"type": "string"}
MAYBE: Shape = {"type": ["string", "null"]}
WHOLE: Shape = {"type": "integer"}
MAYBE_WHOLE: Shape = {"type": ["integer", "null"]}
FLAG: Shape = {"type": "boolean"}
MAYBE_FLAG: Shape = {"type": ["boolean", "null"]}
AMOUNT: Shape = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "description": "Exact decimal as text."}
MAYBE_AMOUNT: Shape = {**AMOUNT, "type": ["string", "null"]}
INSTANT: Shape = {"type": "string", "format": "date-time"}
MAYBE_INSTANT: Shape = {"type": ["string", "null"], "format": "date-time"}
MAYBE_DAY: Shape = {"type": ["string", "null"], "format": "date"}
MAYBE_NUMBER: Shape = {"type": ["number", "null"]}
ANYTHING: Shape = {"type": "object", "description": "Free form."}
MAYBE_ANYTHING: Shape = {"type": ["object", "null"], "description": "Free form."}


def identifier(prefix: str) -> Shape:
    """Return the shape of a public id."""
    return {"type": "string", "pattern": f"^{prefix}_[0-9a-f]{{32}}$"}


def maybe(shape: Shape) -> Shape:
    """Return a shape that may also be null."""
    return {"anyOf": [shape, {"type": "null"}]}


def many(shape: Shape) -> Shape:
    """Return a list of a shape."""
    return {"type": "array", "items": shape}


def ref(name: str) -> Shape:
    """Return the reference to a named shape."""
    return {"$ref": f"#/components/schemas/{name}"}


def thing(words: str, **properties: Shape) -> Shape:
    """Return an object all of whose fields are always there; more may be added in later versions."""
    return {"type": "object", "description": words, "required": list(properties), "properties": properties}


def page(name: str) -> Shape:
    """Return one page of a list."""
    return thing(f"One page of {name}.", data=many(ref(name)), next_cursor=MAYBE)


def maybe_id(prefix: str) -> Shape:
    return maybe(identifier(prefix))
