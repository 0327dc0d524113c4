"""What EDIFACT and X12 share as syntaxes of maps: documents are messages grouped along their grammar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from mappings.access import Access, SourceDocument
from mappings.edi.faults import EdiFault, Kind, Level
from mappings.edi.grammar.loader import GrammarError, load_grammar
from mappings.edi.grammar.model import Grammar
from mappings.edi.places.drafts import GroupDraft
from mappings.edi.places.message import EdiMessage, make_message, where
from mappings.edi.places.numbers import Numbers
from mappings.edi.places.reading import Places
from mappings.edi.places.rules import RuleCheck
from mappings.faults import MapError
from mappings.paths import Put, Setter
from mappings.rules import Rule
from mappings.schema import Strict
from mappings.syntaxes.text import refused

PARTIES = ("sender", "recipient")


class EdiOptions(Strict):
    """Options of EDI maps.

    `faults: pass` reads messages in spite of what is wrong with them.
    """

    message = fields.String(required=True, validate=validate.Length(min=1))
    version = fields.String(required=True, validate=validate.Length(min=1))
    faults = fields.String(load_default="refuse", validate=validate.OneOf(["refuse", "pass"]))
    also = fields.List(fields.String(), load_default=list)
    counts = fields.Boolean(truthy={True}, falsy={False}, load_default=True)
    envelope = fields.Dict(keys=fields.String(), values=fields.Raw(), load_default=None, allow_none=True)
    max_bytes = fields.Integer(strict=True, load_default=None, validate=validate.Range(min=1))


class EdiSyntax:
    """Shared by both standards."""

    standard: str
    schema: type[EdiOptions] = EdiOptions

    @cached_property
    def options(self) -> Schema:
        """Checks the options; a message without grammar is named."""
        standard = self.standard

        class Checked(self.schema):  # type: ignore[name-defined,misc]
            def load(self, data: Any, **more: Any) -> Any:
                found = super().load(data, **more)
                try:
                    found["grammar"] = load_grammar(standard, found["message"], found["version"])
                except GrammarError as error:
                    raise ValidationError({"message": [error.what]}) from None
                return found

        return Checked()

    def access(self, options: Mapping[str, Any]) -> Access:
        """Return access by the places of a message."""
        grammar: Grammar = options["grammar"]
        places = Places(Numbers(grammar))

        def check(rules: tuple[Rule, ...], inbound: bool) -> None:
            RuleCheck(grammar, inbound=inbound).rules(rules, grammar.root)

        return Access(
            places.value, places.scope, places.items, places.condition, setter, join="/", first=1, check=check
        )

    def finish(self, document: dict[str, Any], options: Mapping[str, Any]) -> EdiMessage:
        """Return the message, its segments in the order of the grammar.

        Raises:
            MapError: a value has no place, or the message would be wrong.
        """
        grammar: Grammar = options["grammar"]
        draft = GroupDraft(grammar.message, Numbers(grammar))
        draft.fill(document)
        return make_message(grammar, draft, self.opening(options), self.segment, counts=options["counts"])

    def opening(self, options: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the segments that begin and end a message; references and counts are those of its envelope."""
        raise NotImplementedError

    def segment(self, tag: str, elements: list[Any]) -> Any:
        """Return a segment."""
        raise NotImplementedError

    def documents(
        self, data: bytes, options: Mapping[str, Any], *, records: str | None, group_by: str | None
    ) -> Iterator[SourceDocument]:
        """Yield the messages of all interchanges; one that is wrong, or another message, stops only itself."""
        raise NotImplementedError


def setter(path: str) -> Setter:
    """Return a setter into the dict that `finish` turns into segments."""
    return Put(path)


def is_for(options: Mapping[str, Any], message: str, version: str) -> bool:
    """Return whether a map with some options reads a message: of its version, or one that it reads as well.

    Args:
        version: as the message says it, perhaps with an industry's suffix.
    """
    return message == options["message"] and version.startswith((options["version"], *options["also"]))


def judged(
    number: int, message: Callable[[], EdiMessage], found: list[EdiFault], options: Mapping[str, Any]
) -> SourceDocument:
    """Return a message as a document, or its first fault where faults are refused.

    Args:
        message: makes it; called only when the envelope is right, or faults pass.
        found: faults of its envelope.
    """
    passing = options["faults"] == "pass"
    wrong = first_error(found)
    if wrong is not None and not passing:
        return SourceDocument(number, error=unusable(wrong, options))
    made = message()
    made.faults[:0] = found
    wrong = first_error(made.faults)
    if wrong is not None and not passing:
        return SourceDocument(number, error=unusable(wrong, options))
    return SourceDocument(number, made)


def first_error(faults: list[EdiFault]) -> EdiFault | None:
    """Return the first fault that is an error."""
    return next((each for each in faults if each.kind is Kind.ERROR), None)


def unusable(fault: EdiFault, options: Mapping[str, Any]) -> MapError:
    """Return the error of a message with a fault."""
    return refused(
        "EDI",
        f"The {options['message']} is wrong at {where(fault)}: {fault.text}",
        fix="Let the partner mend it, or say `options: {faults: pass}` and look at what the map leaves unread.",
        fault=fault.public(),
    )


def other(number: int, found: str, options: Mapping[str, Any]) -> SourceDocument:
    """Return the document of a message that another map is for."""
    wanted = f"{options['message']} {options['version']}"
    what = f"Message {number} is {found}, this map is for {wanted}."
    error = refused("EDI", what, fix="Use the map of that message.")
    return SourceDocument(number, error=error)


def rejected(number: int, faults: Sequence[EdiFault]) -> SourceDocument:
    """Return what stands for an interchange that is wrong as a whole, whose messages were yielded before."""
    wrong = next((each for each in faults if each.rejects is Level.INTERCHANGE), None)
    text = wrong.text if wrong else "It is not complete."
    error = refused(
        "EDI",
        f"The interchange is rejected: {text}",
        fix="Do not use its messages, or say `options: {faults: pass}`.",
        fault=wrong.public() if wrong else None,
    )
    return SourceDocument(number, error=error)


def envelope(said: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return what a map says of its interchange.

    Raises:
        MapError: sender, recipient or reference are missing.
    """
    missing = [name for name in (*PARTIES, "reference") if not (said or {}).get(name)]
    if said is None or missing:
        raise MapError(
            f"Nothing says the {' and '.join(missing)} of the interchange.",
            fix="Give `options: {envelope: {sender: ..., recipient: ..., reference: ...}}`, or --sender and the like.",
            code="MAP-SYNTAX-422",
        )
    return said
