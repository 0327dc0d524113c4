"""The profile of a trading partner: who he and we are, how his files are written and read, and what is exchanged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from marshmallow import ValidationError

from connectors.edi.profile_schema import ProfileSchema
from core.domain.documents import reasons
from core.domain.vocabulary import Answers
from core.errors import Misconfigured
from mappings.edi.edifact.characters import Delimiters as EdifactDelimiters
from mappings.edi.limits import Mode
from mappings.edi.x12.segments import Delimiters as X12Delimiters
from mappings.edi.xml.kinds import standard_of

SECTIONS = (
    "identifiers", "edifact", "x12", "control_numbers", "acks", "duplicates", "test", "documents", "reading",
    "transport",
)  # fmt: skip
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
CHANGE_ANSWER = "865"
"""The set of X12 that answers a change of an order."""
DURATION = re.compile(r"(\d+)([smhd])\Z")


def seconds(text: str | None) -> float | None:
    """Return the seconds of a duration such as `15m`, None for none."""
    match = DURATION.match(text or "")
    return timedelta(seconds=int(match[1]) * UNITS[match[2]]).total_seconds() if match else None


@dataclass(frozen=True, slots=True)
class Identity:
    """An id with its qualifier; `group` is what stands in GS where that differs."""

    id: str
    qualifier: str = ""
    group: str = ""
    also: tuple[str, ...] = ()

    @property
    def every(self) -> frozenset[str]:
        """The ids that are taken for it."""
        return frozenset({self.id, *self.also})

    @property
    def qualifiers(self) -> Mapping[str, str]:
        """The qualifier the id must stand with; an id of `also` may have any, and so may this one named there too."""
        return {self.id: self.qualifier} if self.qualifier and self.id not in self.also else {}


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One kind of message that is exchanged: ORDERS, 850 or Order, which way, and by which map.

    `answers` is what an order response of this kind answers where there are two: an order, or a change of it. `rules`
    are files of Schematron in the partner's own folder that a document must keep before it leaves.
    """

    kind: str
    incoming: bool
    map: str
    answers: str = Answers.ORDER
    rules: tuple[str, ...] = ()

    @property
    def syntax(self) -> str:
        """`x12` for three digits, `ubl` or `cxml` for their documents, else `edifact`."""
        return "x12" if self.kind.isdigit() else standard_of(self.kind) or "edifact"


@dataclass(frozen=True, slots=True)
class Edifact:
    """How EDIFACT is written for the partner."""

    syntax: str = "UNOC"
    version: str = "3"
    una_always: bool = False
    line_ends: bool = False
    ack_requested: bool = False
    agreement: str = ""
    contrl: str = "D:3:UN"
    delimiters: EdifactDelimiters | None = None


@dataclass(frozen=True, slots=True)
class X12:
    """How X12 is written for the partner."""

    delimiters: X12Delimiters = field(default_factory=X12Delimiters)
    newline: bool = False
    isa12: str = "00401"
    gs08: str = "004010"
    usage: str = "P"
    ack_requested: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that was agreed with one partner.

    Args:
        ours, theirs: who we are.
        documents: what is exchanged.
        start, width, on_rollover: of control numbers; a width of None is that of the standard.
        contrl: when a CONTRL is sent.
        functional: `997`, `999` or `never`.
        ta1: `if_isa14` or `never`.
        business: whether his documents get a business answer: `never`, `on_error` or `always`.
        answer_within: seconds in which an acknowledgement leaves.
        expects: seconds after a document left by which it must be in a state.
        test: whether what we send is marked as a test, and whether documents of UBL, which have no mark, are tests.
        mode, max_bytes: of reading.
        schemas_required: whether XML documents are refused for which there is no schema.
        transport: its table, with `kind`.
    """

    ours: Identity
    theirs: Identity
    documents: tuple[Exchanged, ...]
    edifact: Edifact
    x12: X12
    start: int
    width: int | None
    on_rollover: str
    contrl: str
    functional: str
    ta1: str
    business: str
    answer_within: float
    expects: Mapping[str, float]
    test: bool
    mode: Mode
    max_bytes: int
    schemas_required: bool
    transport: Mapping[str, Any]

    def incoming(self, kind: str) -> list[Exchanged]:
        """Return what was agreed of a kind that comes in: rows whose maps take different messages of it."""
        return [each for each in self.documents if each.incoming and each.kind == kind]

    @property
    def outgoing(self) -> list[Exchanged]:
        """What was agreed to leave."""
        return [each for each in self.documents if not each.incoming]


def read_profile(given: Mapping[str, Any], name: str) -> Profile:
    """Return the profile in the settings of a connection.

    Args:
        given: the settings; what is no section of a profile is not looked at.
        name: of the connection, for errors.

    Raises:
        Misconfigured: it does not fit; every complaint names its key.
    """
    sections = {key: given[key] for key in SECTIONS if given.get(key) is not None}
    try:
        found: dict[str, Any] = ProfileSchema().load(sections)
    except ValidationError as error:
        found_wrong = reasons(error.messages)
        wrong = "; ".join(f"{each['path']}: {each['reason']}" for each in found_wrong)
        raise Misconfigured(
            f"The profile of {name} does not fit: {wrong}.",
            fix="docs/partners.md has every key.",
            code="EDI-PROFILE-422",
            errors=found_wrong,
        ) from None
    sides = found["identifiers"]
    numbers, acks, test, reading = (found[key] for key in ("control_numbers", "acks", "test", "reading"))
    send, expect = acks["send"], acks["expect"]
    expects = {state: seconds(expect.get(state)) for state in ("received", "accepted", "answered")}
    return Profile(
        ours=_identity(sides["ours"]),
        theirs=_identity(sides["theirs"]),
        documents=tuple(
            Exchanged(
                str(each.get("in") or each["out"]),
                "in" in each,
                each["map"],
                _answers(each),
                tuple(each.get("rules") or ()),
            )
            for each in found["documents"]
        ),
        edifact=_edifact(found["edifact"]),
        x12=_x12(found["x12"]),
        start=numbers["start"],
        width=numbers["width"],
        on_rollover=numbers["on_rollover"],
        contrl=send["contrl"],
        functional=send["functional"],
        ta1=send["ta1"],
        business=send["business"],
        answer_within=seconds(send["deadline"]) or 900.0,
        expects={state: value for state, value in expects.items() if value},
        test=test["indicator"],
        mode=Mode(reading["mode"]),
        max_bytes=reading["max_bytes"],
        schemas_required=reading["schemas"] == "required",
        transport=found["transport"],
    )


def _answers(row: Mapping[str, Any]) -> str:
    return row.get("answers") or (Answers.CHANGE if row.get("out") == CHANGE_ANSWER else Answers.ORDER)


def _identity(given: Mapping[str, Any]) -> Identity:
    return Identity(given["id"], given["qualifier"], given["group"], tuple(given["also"]))


def _edifact(given: Mapping[str, Any]) -> Edifact:
    plain = {each.name: given[each.name] for each in fields(Edifact) if each.name in given}
    marks = given.get("una")
    if marks is None:
        return Edifact(**plain)
    component, element, decimal, release, repetition, terminator = marks
    used = EdifactDelimiters(
        component, element, decimal, None if release == " " else release, None if repetition == " " else repetition,
        terminator,
    )  # fmt: skip
    return Edifact(**plain, delimiters=used)


def _x12(given: Mapping[str, Any]) -> X12:
    newer = given["isa12"] >= "00402"
    marks = X12Delimiters(
        given["element"], given["component"], given["terminator"], given["repetition"] if newer else None
    )
    return X12(marks, given["newline"], given["isa12"], given["gs08"], given["usage"], given["ack_requested"])
