"""What a profile may say: every key with its values and defaults; unknown keys are refused."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields, pre_load, validate, validates_schema

from core.domain.vocabulary import Answers
from mappings.edi.xml.kinds import standard_of
from mappings.schema import Strict

DURATION = validate.Regexp(r"\d+[smhd]\Z", error="must be a duration such as 15m, 24h or 400d")
CHARACTER = validate.Length(equal=1, error="must be one character")
EDI_KIND = re.compile(r"([A-Z]{6}|[0-9]{3})\Z")
SIZES = {"kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
MAX_BYTES = 209_715_200
SEGMENT_QUALIFIER = 4
"""Characters of a qualifier in UNB; ISA has fewer, and the domains of cXML are names."""
ISA_ID, ISA_QUALIFIER = 15, 2


def is_kind(value: str) -> None:
    """Refuse what is no kind of message or document."""
    if not EDI_KIND.match(value) and standard_of(value) is None:
        raise ValidationError(
            "must be a message such as ORDERS, a set such as 850, a document of UBL such as Order, or one of cXML such "
            "as OrderRequest"
        )


class Text(fields.String):
    """A text; numbers that YAML read as such are taken as they were written."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        return str(super()._deserialize(value, attr, data, **kwargs))


class Size(fields.Integer):
    """Bytes: a number, or one with kB, MB or GB."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        text = str(value)
        for unit, times in SIZES.items():
            if text.endswith(unit) and text[: -len(unit)].strip().isdigit():
                value = int(text[: -len(unit)]) * times
        found = super()._deserialize(value, attr, data, **kwargs)
        assert found is not None
        return int(found)


class IdentitySchema(Strict):
    """One side."""

    id = Text(required=True, validate=validate.Length(1, 35))
    qualifier = Text(load_default="", validate=validate.Length(max=60))
    group = Text(load_default="", validate=validate.Length(max=15))
    also = fields.List(Text(validate=validate.Length(1, 35)), load_default=list)


class IdentifiersSchema(Strict):
    """Who we are."""

    ours = fields.Nested(IdentitySchema, required=True)
    theirs = fields.Nested(IdentitySchema, required=True)


class EdifactSchema(Strict):
    """How EDIFACT is written."""

    syntax = fields.String(load_default="UNOC", validate=validate.Regexp(r"UNO[A-LWXY]\Z", error="is no UNOA to UNOY"))
    version = Text(load_default="3", validate=validate.OneOf(["1", "2", "3", "4"]))
    una = fields.String(validate=validate.Length(equal=6, error="must be the six characters behind UNA"))
    una_always = fields.Boolean(load_default=False)
    line_ends = fields.Boolean(load_default=False)
    ack_requested = fields.Boolean(load_default=False)
    agreement = Text(load_default="", validate=validate.Length(max=35))
    contrl = fields.String(load_default="D:3:UN", validate=validate.Regexp(r"[^:]+:[^:]+:[^:]+(:[^:]+)?\Z"))


class X12Schema(Strict):
    """How X12 is written."""

    element = fields.String(load_default="*", validate=CHARACTER)
    component = fields.String(load_default=">", validate=CHARACTER)
    repetition = fields.String(load_default="^", validate=CHARACTER)
    terminator = fields.String(load_default="~", validate=CHARACTER)
    newline = fields.Boolean(load_default=False)
    isa12 = Text(load_default="00401", validate=validate.Regexp(r"00[2-9]\d\d\Z", error="must be such as '00401'"))
    gs08 = Text(load_default="004010", validate=validate.Regexp(r"00\d{4}\w*\Z", error="must be such as '004010'"))
    usage = fields.String(load_default="P", validate=validate.OneOf(["P", "T", "I"]))
    ack_requested = fields.Boolean(load_default=False)

    @validates_schema
    def apart(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse delimiters that cannot be told apart."""
        marks = [data[each] for each in ("element", "component", "repetition", "terminator")]
        if len(set(marks)) < len(marks):
            raise ValidationError("two delimiters are the same", "element")


class NumbersSchema(Strict):
    """Our control numbers."""

    scope = fields.String(load_default="partner+direction", validate=validate.OneOf(["partner+direction"]))
    start = fields.Integer(load_default=1, validate=validate.Range(min=1))
    width = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(3, 14))
    on_rollover = fields.String(load_default="continue", validate=validate.OneOf(["continue", "stop"]))


class SendSchema(Strict):
    """Which acknowledgements we send."""

    contrl = fields.String(load_default="on_error", validate=validate.OneOf(["always", "on_error", "never"]))
    functional = Text(load_default="997", validate=validate.OneOf(["997", "999", "never"]))
    ta1 = fields.String(load_default="if_isa14", validate=validate.OneOf(["if_isa14", "never"]))
    business = fields.String(load_default="never", validate=validate.OneOf(["always", "on_error", "never"]))
    deadline = fields.String(load_default="15m", validate=DURATION)


class ExpectSchema(Strict):
    """By when the partner answers, counted from when a document left."""

    received = fields.String(validate=DURATION)
    accepted = fields.String(load_default="24h", validate=DURATION, allow_none=True)
    answered = fields.String(validate=DURATION)


class AcksSchema(Strict):
    """Acknowledgements both ways."""

    send = fields.Nested(SendSchema, load_default=lambda: SendSchema().load({}))
    expect = fields.Nested(ExpectSchema, load_default=lambda: ExpectSchema().load({}))


class DuplicatesSchema(Strict):
    """What becomes of a control reference that came before with other content."""

    on_duplicate = fields.String(load_default="quarantine", validate=validate.OneOf(["quarantine"]))


class TestSchema(Strict):
    """Tests: whether ours are marked so; his are read, checked and acknowledged, and never worked on."""

    __test__ = False
    indicator = fields.Boolean(load_default=False)
    route = fields.String(load_default="sandbox", validate=validate.OneOf(["sandbox"]))


NAME = validate.Regexp(r"[A-Za-z0-9][A-Za-z0-9._/-]*\Z")
"""Name of a map, or of a file in the partner's own folder."""


class ExchangedSchema(Strict):
    """One kind of message."""

    class Meta(Strict.Meta):
        """`in` cannot be an attribute of a class."""

        include = {"in": Text(validate=is_kind)}  # noqa: RUF012 - as marshmallow wants it

    out = Text(validate=is_kind)
    map = fields.String(required=True, validate=NAME)
    rules = fields.List(fields.String(validate=NAME), validate=validate.Length(min=1, max=10))
    answers = fields.String(validate=validate.OneOf([str(each) for each in Answers]))

    @validates_schema
    def one_way(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a row that goes both ways or none."""
        if ("in" in data) == ("out" in data):
            raise ValidationError("says either `in` or `out`", "map")
        if "in" in data and "answers" in data:
            raise ValidationError("only what leaves answers something", "answers")
        if data.get("rules") and not standard_of(data.get("out", "")):
            raise ValidationError("only documents of XML that leave are checked by rules", "rules")


class ReadingSchema(Strict):
    """How his files are read."""

    mode = fields.String(load_default="tolerant", validate=validate.OneOf(["tolerant", "strict"]))
    schemas = fields.String(load_default="if_there", validate=validate.OneOf(["if_there", "required"]))
    max_bytes = Size(load_default=MAX_BYTES, validate=validate.Range(min=1))


def _kinds(data: dict[str, Any]) -> list[str]:
    """Return the kinds of the rows that have a sound one."""
    found = [each.get("in") or each.get("out") for each in data.get("documents") or ()]
    return [each for each in found if each]


def _sides(data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return both sides, with what of them is sound."""
    return list((data.get("identifiers") or {}).items())


class ProfileSchema(Strict):
    """A profile."""

    identifiers = fields.Nested(IdentifiersSchema, required=True)
    edifact = fields.Nested(EdifactSchema, load_default=lambda: EdifactSchema().load({}))
    x12 = fields.Nested(X12Schema, load_default=lambda: X12Schema().load({}))
    control_numbers = fields.Nested(NumbersSchema, load_default=lambda: NumbersSchema().load({}))
    acks = fields.Nested(AcksSchema, load_default=lambda: AcksSchema().load({}))
    duplicates = fields.Nested(DuplicatesSchema, load_default=lambda: DuplicatesSchema().load({}))
    test = fields.Nested(TestSchema, load_default=lambda: TestSchema().load({}))
    documents = fields.List(fields.Nested(ExchangedSchema), required=True, validate=validate.Length(1, 50))
    reading = fields.Nested(ReadingSchema, load_default=lambda: ReadingSchema().load({}))
    transport = fields.Dict(keys=fields.String(), required=True)

    # These look at what is sound by itself, so that a fault elsewhere does not hide theirs.
    @validates_schema(skip_on_field_errors=False)
    def short_qualifiers(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a qualifier that only documents of XML have room for, where there are others."""
        if all(standard_of(each) for each in _kinds(data)):
            return
        for side, each in _sides(data):
            if len(each.get("qualifier", "")) > SEGMENT_QUALIFIER:
                said = f"is longer than {SEGMENT_QUALIFIER} characters"
                raise ValidationError({"identifiers": {side: {"qualifier": [said]}}})

    @validates_schema(skip_on_field_errors=False)
    def fits_isa(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse ids and qualifiers that ISA has no room for, where sets of X12 are exchanged."""
        if not any(each.isdigit() for each in _kinds(data)):
            return
        wrong: dict[str, Any] = {}
        for side, each in _sides(data):
            if any(len(name) > ISA_ID for name in (each.get("id", ""), *each.get("also", ()))):
                wrong.setdefault(side, {})["id"] = [f"is longer than {ISA_ID} characters, which ISA has no room for"]
            if each.get("qualifier") and len(each["qualifier"]) != ISA_QUALIFIER:
                wrong.setdefault(side, {})["qualifier"] = [f"has {ISA_QUALIFIER} characters in ISA, such as ZZ or 01"]
        if wrong:
            raise ValidationError({"identifiers": wrong})

    @validates_schema(skip_on_field_errors=False)
    def each_row_once(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a document that stands twice with the same map."""
        seen: set[tuple[str, ...]] = set()
        for at, each in enumerate(data.get("documents") or ()):
            way = "in" if "in" in each else "out"
            row = (way, each.get(way, ""), each.get("map", ""), each.get("answers") or "")
            if row in seen and row[1]:
                raise ValidationError({"documents": {at: {row[0]: [f"{row[1]} stands above already; take one out"]}}})
            seen.add(row)

    @pre_load
    def yes_and_no(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Take the test indicator as partners write it: "1" or T."""
        test = data.get("test")
        if isinstance(test, dict) and test.get("indicator") in ("T", "1", 1):
            data = {**data, "test": {**test, "indicator": True}}
        return data
