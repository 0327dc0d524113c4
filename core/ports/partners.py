"""What the core needs of a connector that speaks EDI, and what it gives one: numbers, and a book of what left.

The syntaxes stay in the connector. The core sees interchanges with their documents, keeps them, tells duplicates from
new ones, and follows what left until it is answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from core.ports.connectors import InboundMessage, Json, Push, Receipt

# Topic of a message that is a whole file of interchanges.
INTERCHANGE_TOPIC = "interchange"
# Headers of the messages that are made of an interchange's documents; the document's public id is in the last.
TEST_HEADER, REPEATED_HEADER, DOCUMENT_HEADER = "edi-test", "edi-repeated", "edi-document"
# Header of an order that came again with other content and that a person takes as a change.
REPLACES_HEADER = "edi-replaces"


@runtime_checkable
class Vetted(Protocol):
    """A connector that can tell, without a call, that what its settings name is not there or does not fit."""

    def require_settings(self, beside: Mapping[str, Mapping[str, Any]]) -> None:
        """Raise Misconfigured where a setting cannot be used, such as a map that is not there; all are named.

        Args:
            beside: the settings of the other connections of its kind by name, whose ways it must not cross.
        """

    def require_apart(self, beside: Mapping[str, Mapping[str, Any]]) -> None:
        """Raise Misconfigured where its ways cross those of another connection, whatever else is wrong with it.

        Args:
            beside: the settings of the other connections of its kind by name.
        """


@runtime_checkable
class NeedsSecrets(Protocol):
    """A connector that can tell, without a call, which secrets it still needs."""

    def missing_secrets(self) -> Sequence[str]:
        """Return their names; `a or b` where one of several will do."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a partner says of something of ours.

    Args:
        level: `interchange`, `group` or `message`; `business` where he speaks of the content.
        verdict: `received`, `accepted`, `partly` or `rejected`.
        interchange: our control reference, where it is named.
        group: our group's.
        message: our message's.
        kind: of the message, where it is named.
        number: number of the paper, of a business answer.
        reasons: [{code, text, segment, position, element}].
    """

    level: str
    verdict: str
    interchange: str = ""
    group: str = ""
    message: str = ""
    kind: str = ""
    number: str = ""
    reasons: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class IncomingDocument:
    """One message of an interchange.

    Args:
        kind: such as ORDERS or 850.
        reference: its control reference.
        number: what people call it, such as the order number.
        body: its bytes as they came, in its interchange's envelope.
        accepted: whether its syntax is right.
        applies: whether the normal intake works on it; acknowledgements say what they say by their verdicts.
        unique: whether the same number again is the same business document (an order).
        set_aside: whether the normal intake gets it although it is not accepted, to set it aside where people look:
            no acknowledgement tells the partner.
        problems: [{code, text, …}] why it is not accepted.
        keys: (kind, value) it can be found by.
        verdicts: on papers of ours.
    """

    kind: str
    reference: str
    number: str | None
    body: bytes = field(repr=False)
    group_reference: str | None = None
    accepted: bool = True
    applies: bool = True
    unique: bool = False
    set_aside: bool = False
    problems: Sequence[Json] = ()
    keys: Sequence[tuple[str, str]] = ()
    verdicts: Sequence[Verdict] = ()


@dataclass(frozen=True, slots=True)
class IncomingInterchange:
    """An interchange as it came.

    Args:
        syntax: edifact, x12, ubl or cxml.
        sender: id with its qualifier.
        recipient: id with its qualifier.
        reference: the control reference.
        test: whether it is marked as a test, which is never worked on as if it were none (D4).
        sha256: of its content.
        rejected: whether it is refused as a whole.
        findings: what its acknowledgement is made of.
        documents: its messages.
        numbered: whether the reference is the interchange's own; an order of UBL has none but the order's number, under
            which it may come again with other content.
        anew: whether the same content again is worked on again where the first was left undone: its sender is told
            nothing by an acknowledgement, so that silence would lose it.
    """

    syntax: str
    sender: str
    recipient: str
    reference: str
    test: bool
    sha256: str
    rejected: bool
    findings: Json
    groups: int = 0
    documents: Sequence[IncomingDocument] = ()
    numbered: bool = True
    anew: bool = False


@dataclass(frozen=True, slots=True)
class OutgoingDocument:
    """One message of an interchange that leaves; see `IncomingDocument`.

    Args:
        expects: seconds after it left by which it must be in a state (`received`, `accepted`, `answered`).
    """

    kind: str
    reference: str
    number: str | None
    group_reference: str | None = None
    keys: Sequence[tuple[str, str]] = ()
    expects: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutgoingInterchange:
    """An interchange ready to leave; the same bytes leave on every try.

    Args:
        name: of the file.
        body: the bytes.
        answers: public id of the interchange it acknowledges.
        replaces: public id of the interchange it is sent instead of.
    """

    syntax: str
    sender: str
    recipient: str
    reference: str
    round: int
    test: bool
    name: str
    content_type: str
    body: bytes = field(repr=False)
    groups: int = 0
    documents: Sequence[OutgoingDocument] = ()
    answers: str | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What the book has of an interchange of ours."""

    reference: str
    name: str
    content_type: str
    body: bytes = field(repr=False)


class Numbers(Protocol):
    """What gives control numbers."""

    def number(self, series: str, *, start: int, limit: int, on_rollover: str) -> tuple[int, int]:
        """Return a number nobody has had, and its round.

        Args:
            series: such as `x12:interchange`.
            start: first number of all.
            limit: the highest that fits its place.
            on_rollover: `continue` begins again with 1 in another round, `stop` refuses.

        Raises:
            Misconfigured: the numbers are used up.
        """


class Book(Numbers, Protocol):
    """Numbers and interchanges of one connection; everything it returns is committed."""

    def kept(self, reference: str) -> Kept | None:
        """Return the interchange made for a write before, by the write's reference."""

    def keep(self, reference: str, made: OutgoingInterchange) -> Kept:
        """Keep an interchange before it leaves, and return it: the one kept first, where two were made of one write."""

    def sent_as(self, interchange: str) -> Kept:
        """Return an interchange that was made before, by its public id.

        Raises:
            NotFound: there is none.
        """


@runtime_checkable
class UsesBook(Protocol):
    """A connector that numbers what it sends."""

    book: Book | None


@runtime_checkable
class AgreesPapers(Protocol):
    """A connector that can tell, without a call, which papers were agreed with its partner."""

    def agrees(self, paper: str, write: str, answers: str | None) -> bool:
        """Return whether a paper would be written.

        Args:
            paper: its kind.
            write: the write that carries it.
            answers: what an order response answers.
        """


@runtime_checkable
class ChecksEdits(Protocol):
    """A connector that can tell, without a call, whether a person's edition of what left can leave."""

    def check_edit(self, sent: bytes, text: str) -> None:
        """Raise Rejected where a text breaks its grammar, cannot be written, or has other documents than what left.

        Args:
            sent: the interchange as it left.
            text: what is to leave instead of it.
        """


@runtime_checkable
class AnswersDocuments(Protocol):
    """A connector that tells a partner what became of the content of his documents."""

    def wants_answer(self, kind: str, *, accepted: bool) -> bool:
        """Return whether a document of this kind gets an answer, now that it was applied or not."""

    def answer_document(self, push: Push) -> Receipt:
        """Send the business answer to one document."""


@runtime_checkable
class Unpacks(Protocol):
    """A connector whose messages are files of interchanges."""

    # Seconds in which an acknowledgement must have left (A7).
    answer_within: float

    def unpack(self, message: InboundMessage) -> Sequence[IncomingInterchange]:
        """Return the interchanges of a stored file; nothing a partner sent raises but a file that is none at all.

        Raises:
            MappingError: it is no EDI.
        """

    def owes(self, findings: Mapping[str, Any]) -> bool:
        """Return whether an interchange with these findings is owed an acknowledgement."""
