"""Policies as people write them: a strict document, the orders it is for, and the way a version goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from core.domain.documents import CURRENCY, NOT_NEGATIVE, Strict, checked
from core.domain.machine import Machine
from core.domain.payloads import jsonable
from core.domain.quick import NO_NUL
from core.errors import InputError

Json = dict[str, Any]
NAME = validate.Regexp(
    r"\A[a-z0-9][a-z0-9._-]{0,62}\Z", error="may have lower-case letters, digits, dots, dashes and underscores"
)
TERMS = (
    "shipment", "way", "rate", "carbon", "handling", "carriage", "late", "load", "tier",
)  # fmt: skip
"""The cost terms a policy may weigh; what each is stands in core/routing/costs.py and docs/policies.md."""
MOST_WEIGHT = 10_000
LONGEST_WAIT_MINUTES = 7 * 24 * 60


class PolicyState(StrEnum):
    """Where a version of a policy stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    ACTIVE = "active"
    RETIRED = "retired"


S = PolicyState
POLICY = Machine(
    "policy",
    PolicyState,
    {S.DRAFT},
    set(),
    {
        (S.DRAFT, "approve"): S.APPROVED,
        (S.DRAFT, "retire"): S.RETIRED,
        (S.APPROVED, "activate"): S.ACTIVE,
        (S.APPROVED, "retire"): S.RETIRED,
        (S.ACTIVE, "retire"): S.RETIRED,
        (S.RETIRED, "restore"): S.ACTIVE,
    },
)


@dataclass(frozen=True, slots=True)
class Traits:
    """What policies look at in an order.

    Attributes:
        type: b2c, b2b and so on, as the canonical order says.
        connection: the name of the channel it came by.
        value: its grand total in `currency`.
        tags: the order's tags; a customer's tier is one of them.
        service: the service level asked for.
        margin: what is left of the value after the items' costs, in percent; None when a cost is not known.
        parts: whether the order itself allows that a part goes ahead.
    """

    type: str = "b2c"
    connection: str = ""
    value: Decimal = Decimal(0)
    currency: str = ""
    tags: tuple[str, ...] = ()
    service: str | None = None
    margin: Decimal | None = None
    parts: bool = True

    def as_json(self) -> Json:
        """Return the traits as they stand in a stored decision; what is unknown is left out."""
        found: Json = {
            "type": self.type,
            "connection": self.connection,
            "value": format(self.value, "f"),
            "currency": self.currency,
            "tags": list(self.tags),
            "service": self.service,
            "margin": None if self.margin is None else format(self.margin, "f"),
        }
        return {name: value for name, value in found.items() if value} | ({} if self.parts else {"parts": False})


def order_traits(kind: str, value: Decimal, currency: str, body: Mapping[str, Any]) -> Traits:
    """Return the traits an order states itself; `body` is the order's document or what is kept of it."""
    return Traits(
        kind, value=value, currency=currency, tags=tuple(body.get("tags") or ()), service=body.get("service_level")
    )


def traits_of(kept: Mapping[str, Any]) -> Traits:
    """Return the traits that stand in a stored decision."""
    values = {**kept, "value": Decimal(kept.get("value", "0")), "tags": tuple(kept.get("tags", ()))}
    return Traits(**{**values, "margin": Decimal(kept["margin"]) if "margin" in kept else None})


class Range(Strict):
    """At least this and less than that; one of them may be left out."""

    at_least = fields.Decimal(validate=validate.Range(-(Decimal(10) ** 12), Decimal(10) ** 12))
    below = fields.Decimal(validate=validate.Range(-(Decimal(10) ** 12), Decimal(10) ** 12))

    @validates_schema
    def _not_empty(self, data: Json, **_: Any) -> None:
        if not {"at_least", "below"} & data.keys():
            raise ValidationError("needs at_least, below or both")
        if "at_least" in data and "below" in data and data["at_least"] >= data["below"]:
            raise ValidationError("below must be more than at_least")


class ValueRange(Range):
    """A range of order values; only orders of that currency can lie in it."""

    currency = fields.String(required=True, validate=CURRENCY)


def _words() -> fields.List[str]:
    word = fields.String(validate=[validate.Length(1, 120), NO_NUL])
    return fields.List(word, validate=validate.Length(1, 100))


class ConditionsSchema(Strict):
    """Which orders a policy is for; all that is said must hold, nothing said is every order."""

    types, connections, tiers, service_levels = _words(), _words(), _words(), _words()
    value = fields.Nested(ValueRange)
    margin_percent = fields.Nested(Range)


def _percent(most: int = 100) -> fields.Decimal:
    return fields.Decimal(validate=validate.Range(Decimal(0), Decimal(most)))


class GuardrailsSchema(Strict):
    """What a simulation may show at worst before the policy may be activated."""

    cost_up_percent = _percent(1_000)
    short_up_points = _percent()
    split_percent = _percent()
    promise_kept_percent = _percent()


class PolicySchema(Strict):
    """What a version of a policy says; what is left out is as in the policy every hub is born with."""

    priority = fields.Integer(strict=True, load_default=0, validate=validate.Range(0, 1_000))
    conditions = fields.Nested(ConditionsSchema, load_default=dict)
    weights = fields.Dict(
        keys=fields.String(validate=validate.OneOf(TERMS)),
        values=fields.Integer(strict=True, validate=validate.Range(0, MOST_WEIGHT)),
        load_default=dict,
    )
    most_nodes = fields.Integer(strict=True, load_default=3, validate=validate.Range(1, 10))
    ship_complete = fields.Boolean(load_default=False)
    substitutes = fields.Boolean(load_default=False)
    late_penalty_percent = fields.Decimal(load_default=Decimal(0), validate=validate.Range(Decimal(0), Decimal(1_000)))
    carbon_price = fields.Decimal(load_default=Decimal(0), validate=NOT_NEGATIVE)
    load_penalty = fields.Decimal(load_default=Decimal(0), validate=NOT_NEGATIVE)
    search_ms = fields.Integer(strict=True, load_default=100, validate=validate.Range(1, 10_000))
    release_after_minutes = fields.Integer(
        strict=True, load_default=0, validate=validate.Range(0, LONGEST_WAIT_MINUTES)
    )
    guardrails = fields.Nested(GuardrailsSchema, load_default=dict)


_SCHEMA = PolicySchema()


def check_name(name: str) -> None:
    """Refuse a name no policy can have.

    Raises:
        InputError: it does not fit.
    """
    try:
        NAME(name)
    except ValidationError as error:
        raise InputError(
            f"{name[:60]!r} cannot be a policy's name: it {error.messages[0]}.",
            fix="Choose one such as express-orders.",
            code="POLICY-NAME-422",
        ) from None


def check_policy(document: Any) -> Json:
    """Return a policy's document with every default filled in.

    Raises:
        InputError: it does not fit; every reason is told with its path.
    """
    return checked(
        _SCHEMA,
        document,
        "The policy does not fit",
        fix="Compare it with docs/policies.md.",
        code="POLICY-SCHEMA-422",
    )


def applies(conditions: Mapping[str, Any], traits: Traits) -> bool:
    """Return whether a policy is for an order: every condition that is given holds; what is unknown never does."""
    tiers = conditions.get("tiers")
    if tiers is not None and not {tag.removeprefix("tier:") for tag in traits.tags} & set(tiers):
        return False
    for name, value in (("types", traits.type), ("connections", traits.connection), ("service_levels", traits.service)):
        if name in conditions and value not in conditions[name]:
            return False
    value = conditions.get("value")
    if value is not None and not (traits.currency == value["currency"] and _within(value, traits.value)):
        return False
    margin = conditions.get("margin_percent")
    return margin is None or (traits.margin is not None and _within(margin, traits.margin))


def _within(span: Mapping[str, Decimal], value: Decimal) -> bool:
    return ("at_least" not in span or value >= span["at_least"]) and ("below" not in span or value < span["below"])


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Json]:
    """Return what two documents say differently, by dotted path; what a document leaves out is its default."""
    left, right = _flat(jsonable(check_policy(one))), _flat(jsonable(check_policy(other)))
    return [
        {"path": path, "before": left.get(path), "after": right.get(path)}
        for path in sorted(left.keys() | right.keys())
        if left.get(path) != right.get(path)
    ]


def _flat(document: Any, path: str = "") -> Json:
    if not isinstance(document, dict):
        return {path: document}
    found: Json = {}
    for name, value in document.items():
        found |= _flat(value, f"{path}.{name}".lstrip("."))
    return found
