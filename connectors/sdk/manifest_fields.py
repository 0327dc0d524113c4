"""The kinds of fields the manifest's schema is made of; every one has a help text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

UNKNOWN = "Unknown field."


def text(help: str, **more: Any) -> fields.String:
    """Return a text field; numbers such as an unquoted version are refused, because YAML would change them."""
    return fields.String(metadata={"help": help}, error_messages={"invalid": "must be text; put it in quotes"}, **more)


def expression(help: str) -> fields.String:
    """Return a JMESPath expression; one that cannot be compiled is refused."""
    return text(help, validate=compiles)


def compiles(path: str) -> None:
    """Refuse what is not JMESPath."""
    try:
        jmespath.compile(path)
    except JMESPathError as error:
        raise ValidationError(f"is not JMESPath ({' '.join(str(error).split())[:120]})") from None


def one_of(help: str, allowed: Iterable[str], **more: Any) -> fields.String:
    """Return a text field with a closed list of values."""
    return text(help, validate=validate.OneOf(list(allowed)), **more)


def header_name(help: str, **more: Any) -> fields.String:
    """Return the name of an HTTP header; kept in lower case, as incoming headers are."""
    return LowerCase(metadata={"help": help}, validate=validate.Regexp(r"\A[A-Za-z0-9-]+\Z"), **more)


def statuses(help: str) -> fields.List[Any]:
    """Return a list of HTTP statuses."""
    return fields.List(fields.Integer(validate=validate.Range(100, 599)), metadata={"help": help})


def texts(help: str) -> fields.Dict:
    """Return a table of texts."""
    return fields.Dict(keys=fields.String(), values=fields.String(), metadata={"help": help})


class LowerCase(fields.String):
    """Text that is kept in lower case."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        found: str = super()._deserialize(value, attr, data, **kwargs)
        return found.lower()


class Part(Schema):
    """A part of the manifest: unknown keys are refused with the nearest known one; loads into its dataclass."""

    makes: type | None = None

    class Meta:
        """Unknown keys are errors."""

        unknown = RAISE

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **kwargs: Any) -> None:
        """Say which known key was probably meant."""
        del data, many, kwargs
        if not isinstance(error.messages, dict):
            return
        known = [each.data_key or name for name, each in self.load_fields.items()]
        for key, complaints in error.messages.items():
            if complaints == [UNKNOWN]:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}."
                error.messages[key] = [f"is not a key of the manifest here; {hint}"]

    @post_load
    def make(self, found: dict[str, Any], **_more: Any) -> Any:
        """Return the dataclass, lists as tuples."""
        if self.makes is None:
            return found
        plain = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
        if "body" in found:
            plain["body"] = found["body"]
        return self.makes(**plain)
