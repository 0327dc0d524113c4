"""The marshmallow schema of a map document: unknown keys are refused, and so are combinations that mean nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from core.domain.vocabulary import DocumentType, HoldKind, Paper, Write

SYNTAXES = ("json", "jsonl", "csv", "xlsx", "xml", "edifact", "x12")
EDI = ("edifact", "x12")
CANONICAL = sorted({*DocumentType, *Paper, *Write})
SHAPES = (
    "edifact_answers", "pack_levels", "pack_tree", "received_levels", "sales_levels", "warehouse_cancellation",
    "warehouse_incoming", "warehouse_order", "warehouse_receipt", "warehouse_receipt_levels", "warehouse_shipment",
    "x12", "x12_answers", "x12_change", "x12_change_answers", "x12_invoice", "x12_order", "x12_pack_tree",
    "x12_remittance",
)  # fmt: skip
HOLDS = [f"hold.{kind}" for kind in HoldKind]
SOURCES = ("path", "const", "first_of", "concat", "fields")
Data = Mapping[str, Any]


class Strict(Schema):
    """A mapping that refuses what it does not know."""

    class Meta:
        """Unknown keys are errors."""

        unknown = RAISE


class RuleField(fields.Field[dict[str, Any]]):
    """A field rule: a path, or a mapping of RuleSchema."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if isinstance(value, str):
            if not value.strip():
                raise ValidationError("is an empty path")
            return {"path": value}
        if not isinstance(value, Mapping):
            raise ValidationError("must be a path or a mapping")
        found: dict[str, Any] = RuleSchema().load(value)
        return found


class RulesField(fields.Field[dict[str, Any]]):
    """Field name -> rule."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not value:
            raise ValidationError("must be a mapping of field names to rules")
        found: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for key, rule in value.items():
            try:
                found[key] = RuleField().deserialize(rule)
            except ValidationError as error:
                errors[key] = error.messages
        if errors:
            raise ValidationError(errors)
        return found


class ExactField(fields.Field[Decimal]):
    """A number of the map, whole or Decimal, never a boolean."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise ValidationError("must be a number")
        return Decimal(value)


class PatternField(fields.Field[re.Pattern[str]]):
    """A regular expression that the whole text must match."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> re.Pattern[str]:
        try:
            return re.compile(value)
        except (re.error, TypeError) as error:
            raise ValidationError(f"is not a regular expression: {error}") from None


def an_expression(key: str | None = None) -> fields.String:
    """Return a field of one path or expression."""
    return fields.String(data_key=key, validate=validate.Regexp(r"\S", error="must not be empty"))


class RuleSchema(Strict):
    """The long form of a rule; docs/maps.md says what each key does."""

    path = an_expression()
    const = fields.Raw(validate=lambda value: plain(value))
    default = fields.Raw(validate=lambda value: plain(value))
    first_of = fields.List(RuleField(), validate=validate.Length(min=1))
    concat = fields.List(RuleField(), validate=validate.Length(min=1))
    separator = fields.String()
    scope = an_expression("from")
    fields_ = RulesField(data_key="fields")
    each = an_expression()
    where = an_expression()
    when = an_expression()
    transforms = fields.Raw(data_key="as")
    codes = fields.String()
    required = fields.Boolean(truthy={True}, falsy={False})
    on_missing = fields.String(validate=validate.OneOf(HOLDS))
    on_invalid = fields.String(validate=validate.OneOf(HOLDS))
    one_way = fields.Boolean(truthy={True}, falsy={False})
    max_length = fields.Integer(strict=True, validate=validate.Range(min=1))
    pattern = PatternField()
    min = ExactField()
    max = ExactField()
    note = fields.String()

    @validates_schema(skip_on_field_errors=True)
    def check(self, data: Data, **_kwargs: Any) -> None:
        """Refuse combinations that mean nothing."""
        named = [key for key in SOURCES if key in data or f"{key}_" in data]
        if len(named) != 1:
            raise ValidationError(f"needs exactly one of {', '.join(SOURCES)}; it has {', '.join(named) or 'none'}")
        source = named[0]
        for key, owners in OWNED.items():
            if key in data and source not in owners:
                raise ValidationError(f"goes with {' or '.join(owners)}, not with {source}", SHOWN.get(key, key))
        if "where" in data and "each" not in data:
            raise ValidationError("goes with each", "where")
        if "each" in data and "scope" in data:
            raise ValidationError("each and from exclude one another: put the whole path in each", "from")
        if data.get("required") is False and "on_missing" in data:
            raise ValidationError("on_missing makes the field required", "required")


# Key -> the sources it makes sense with.
VALUED = ("path", "const", "first_of", "concat")
OWNED: Mapping[str, tuple[str, ...]] = {
    "default": ("path", "first_of", "concat"),
    "separator": ("concat",),
    "scope": ("fields",),
    "each": ("fields",),
    "transforms": VALUED,
    "codes": VALUED,
    "max_length": VALUED,
    "pattern": VALUED,
    "min": VALUED,
    "max": VALUED,
    "required": ("path", "first_of", "concat", "fields"),
    "on_missing": ("path", "first_of", "concat", "fields"),
}
SHOWN = {"scope": "from", "transforms": "as"}


def plain(value: Any) -> None:
    """Refuse constants that are not one plain value."""
    if value is None or isinstance(value, dict | list):
        raise ValidationError("must be one plain value")


class MapSchema(Strict):
    """A whole map document."""

    map = fields.String(required=True, validate=validate.OneOf(CANONICAL))
    inbound = fields.String(data_key="from", validate=validate.OneOf(SYNTAXES))
    outbound = fields.String(data_key="to", validate=validate.OneOf(SYNTAXES))
    version = fields.Integer(strict=True, load_default=1, validate=validate.Range(min=1))
    note = fields.String()
    options = fields.Dict(keys=fields.String())
    records = an_expression()
    group_by = an_expression()
    shape = fields.String(load_default=None, validate=validate.OneOf(SHAPES))
    guide = fields.Dict(keys=fields.String(), load_default=dict)
    fields_ = RulesField(
        data_key="fields", required=True, error_messages={"null": "has no rules yet: write one line per field"}
    )

    @validates_schema(skip_on_field_errors=True)
    def check(self, data: Data, **_kwargs: Any) -> None:
        """Refuse combinations that mean nothing."""
        if ("inbound" in data) == ("outbound" in data):
            raise ValidationError("needs either from (a map that reads) or to (a map that writes)")
        syntax = data.get("inbound") or data.get("outbound")
        if "group_by" in data and syntax not in ("csv", "xlsx"):
            raise ValidationError(f"groups rows; {syntax} has none", "group_by")
        if "records" in data and syntax not in ("json", "xml"):
            raise ValidationError(f"{syntax} already holds one document per row or line", "records")
        for key in ("guide", "shape"):
            if data.get(key) and syntax not in EDI:
                raise ValidationError(f"is for EDI; {syntax} has none", key)
