"""A profile: which operations of a WSDL stand for our verbs, how their bodies are made, what its faults mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields, validate
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from connectors.sdk.manifest import ErrorRow
from connectors.sdk.manifest_fields import Part
from connectors.sdk.manifest_parts import ErrorRowPart
from core.domain.documents import reasons
from core.errors import Misconfigured

VERBS = (
    "push_order",
    "push_order.created",
    "push_order.changed",
    "push_order.allocated",
    "cancel_order",
    "push_shipment",
    "list_stock",
    "find_by_reference",
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb.

    Args:
        operation: name in the WSDL; empty when the verb is skipped.
        map: map file, relative to the profile; it writes the body, or reads the records of `list_stock`.
        body: fixed values of the body; `{reference}` stands for ours.
        reference: JMESPath to the partner's document number in the reply, or in what was found.
        found: JMESPath to the found document, or a list of them, in the reply of a look-up; nothing there means none.
        match: JMESPath to our reference in a found document; only one that bears it counts.
        send_cursor: field of the body that asks for the next page.
        next_cursor: JMESPath to the cursor of the next page in the reply.
        create_on: fault codes that say that the ERP does not know the order yet; then it is created.
        skip: why the verb is not sent at all.
    """

    operation: str = ""
    map: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None
    found: str | None = None
    match: str | None = None
    send_cursor: str | None = None
    next_cursor: str | None = None
    create_on: tuple[str, ...] = ()
    skip: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A whole profile and the folder its maps stand in."""

    folder: Path
    operations: Mapping[str, Operation]
    fault_codes: tuple[str, ...] = ("Code",)
    faults: tuple[ErrorRow, ...] = ()

    def operation(self, verb: str, event: str | None = None) -> Operation:
        """Return the operation of a verb, of one event of it where the profile tells them apart.

        Raises:
            Misconfigured: the profile has none.
        """
        for name in (f"{verb}.{event}", verb):
            if name in self.operations:
                return self.operations[name]
        raise Misconfigured(
            f"The profile has no operation for {verb}{f' ({event})' if event else ''}.",
            fix="Add it, or say `skip: why` if the ERP needs none.",
            code="SOAP-PROFILE-404",
        )


class OperationPart(Part):
    """One row of `operations`."""

    makes = Operation
    operation = fields.String(metadata={"help": "Name in the WSDL."})
    map = fields.String(metadata={"help": "Map file, relative to the profile."})
    body = fields.Dict(keys=fields.String(), metadata={"help": "Fixed values of the body."})
    reference = fields.String(metadata={"help": "Where the partner's document number stands."})
    found = fields.String(metadata={"help": "Where a look-up's reply has the document."})
    match = fields.String(metadata={"help": "Where a found document bears our reference."})
    send_cursor = fields.String(metadata={"help": "Field that asks for the next page."})
    next_cursor = fields.String(metadata={"help": "Where the reply names the next page."})
    create_on = fields.List(fields.String(), metadata={"help": "Fault codes that say that the order is not there yet."})
    skip = fields.String(metadata={"help": "Why the verb is not sent."}, validate=validate.Length(min=5))


class ProfilePart(Part):
    """The whole of a profile."""

    operations = fields.Dict(
        keys=fields.String(validate=validate.OneOf(VERBS)), values=fields.Nested(OperationPart), required=True
    )
    fault_codes = fields.List(fields.String())
    faults = fields.List(fields.Nested(ErrorRowPart))


def load_profile(path: Path) -> Profile:
    """Return the profile in a file.

    Raises:
        Misconfigured: it cannot be read, or does not fit; every complaint names its key.
    """
    try:
        loaded = ProfilePart().load(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))
        for verb, row in loaded["operations"].items():
            if bool(row.operation) == bool(row.skip):
                raise ValidationError({"operations": {verb: ["names either an operation or a reason to skip it"]}})
    except OSError as error:
        raise _wrong(path, error.strerror or "it cannot be read") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise _wrong(path, " ".join(str(error).split())[:300]) from None
    except ValidationError as error:
        raise _wrong(path, "; ".join(f"{each['path']}: {each['reason']}" for each in reasons(error.messages))) from None
    return Profile(
        path.parent.resolve(),
        loaded["operations"],
        tuple(loaded.get("fault_codes", ("Code",))),
        tuple(loaded.get("faults", ())),
    )


def _wrong(path: Path, why: str) -> Misconfigured:
    return Misconfigured(
        f"The SOAP profile {path} cannot be used.",
        why=why,
        fix="profiles/default/profile.yaml in connectors/soap_erp shows every key.",
        code="SOAP-PROFILE-422",
    )
