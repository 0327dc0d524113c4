"""What leaves for a partner: packed as his profile says, numbered, kept and sent; and acknowledgements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.edi.calls import HasReceipts
from connectors.edi.documents import is_xml, pack_document
from connectors.edi.envelope import Content, pack
from connectors.edi.inbound import acknowledgement, read_findings
from connectors.edi.profile import Profile
from connectors.edi.repacking import contents_of, refused_edit
from connectors.edi.transports.base import Transport
from connectors.edi.tried import Numbers as Untaken
from core.errors import Misconfigured
from core.ports.connectors import UNREAD, ConnectionConfig, Json, Push, Receipt
from core.ports.partners import Book, Numbers, OutgoingInterchange
from mappings.edi.xml.schemas import Schemas
from mappings.engine import Map


def replaced_by(push: Push) -> str | None:
    """Return the public id of the interchange that a write is sent again instead of; None where it is the first."""
    interchange: str | None = (push.payload.get("again") or {}).get("interchange")
    return interchange


def _named(documents: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{kind} {number}".strip() for kind, number in documents) or "nothing"


class Leaving:
    """What a connector does with what leaves: it is numbered, kept, and sent, the same bytes again on every try."""

    book: Book | None = None
    profile: Profile
    config: ConnectionConfig

    @property
    def transport(self) -> Transport:
        """The way files go."""
        raise NotImplementedError

    @property
    def schemas(self) -> Schemas:
        """What XML documents are checked with."""
        raise NotImplementedError

    def counts(self, kind: str) -> bool:
        """Return whether control totals of a kind of message are compared with what it holds."""
        raise NotImplementedError

    def map(self, name: str) -> Map:
        """Return a map by its name."""
        raise NotImplementedError

    def rules_of(self, kind: str) -> Sequence[Path]:
        """Return the files of rules that a document of a kind must keep before it leaves."""
        raise NotImplementedError

    def push_acknowledgement(self, push: Push) -> Receipt:
        """Send the functional acknowledgement of an interchange that came."""
        findings = read_findings(push.payload["findings"])

        def build() -> OutgoingInterchange:
            contents, note = acknowledgement(findings, self.profile)
            # Its answer to a test is a test.
            return pack(
                self.profile, self.numbers(), findings.syntax, contents, ta1=note, answers=push.payload["interchange"],
                replaces=replaced_by(push), test=findings.test or None,
            )  # fmt: skip

        return self.leave(push, build)

    def find_by_reference(self, push: Push) -> Receipt | None:
        """Return None: a partner can be asked for nothing, and the same interchange sent again has the effect of once.

        Its bytes and its number are those of the first try, by which transports and partners tell that it came before.
        """
        del push
        return None

    def packed(self, syntax: str, contents: Sequence[Content], numbers: Numbers, **how: Any) -> OutgoingInterchange:
        """Return what leaves with these messages: an interchange, or one XML document.

        Args:
            syntax: of the messages.
            contents: the messages.
            numbers: gives the control numbers.
            how: name, replaces, test and, of interchanges, ta1, as `pack` has them.

        Raises:
            Rejected: it cannot be written for this partner.
        """
        if is_xml(syntax):
            rules = self.rules_of(contents[0].kind)
            return pack_document(self.profile, numbers, syntax, contents, self.schemas, rules=rules, **how)
        return pack(self.profile, numbers, syntax, contents, **how)

    def leave(self, push: Push, build: Callable[[], OutgoingInterchange]) -> Receipt:
        """Send the interchange of a write: the one made on the first try, whatever try this is."""
        book = self.numbers()
        kept = book.kept(push.reference)
        if kept is None:
            again = push.payload.get("again") or {}
            # A paper mapped anew is built like any other; what is sent as it was, or edited, is packed again.
            made = build() if not again or again.get("remap") else self._again(again)
            kept = book.keep(push.reference, made)
        unread = push.payload.get(UNREAD, 0)
        if unread and isinstance(self.transport, HasReceipts):
            sent = self.transport.send(kept.name, kept.body, kept.content_type, unread)
        else:
            sent = self.transport.send(kept.name, kept.body, kept.content_type)
        detail: Json = {"interchange": kept.reference, "sent_as": sent.reference, **sent.detail}
        if sent.received_at is not None:
            detail["received_at"] = sent.received_at.isoformat()
        return Receipt(kept.reference, detail)

    def _again(self, again: Mapping[str, Any]) -> OutgoingInterchange:
        """Return what was sent before, or what a person made of it, under new numbers."""
        replaces = again["interchange"]
        body = str(again["text"]).encode() if again.get("text") else self.numbers().sent_as(replaces).body
        syntax, contents, note, test = contents_of(body, self.profile, self.counts)
        more = {} if note is None else {"ta1": note}
        return self.packed(syntax, contents, self.numbers(), replaces=replaces, test=test or None, **more)

    def check_edit(self, sent: bytes, text: str) -> None:
        """Look whether a person's edition of what left can leave instead of it; nothing is written, no number taken.

        Args:
            sent: the interchange as it left.
            text: the edition.

        Raises:
            Rejected: it breaks its grammar, cannot be written for this partner, or has other documents.
        """
        were, are = (self._dry(body) for body in (sent, text.encode()))
        if were != are:
            raise refused_edit(
                f"It has {_named(are)}, where {_named(were)} left.",
                "Keep the documents and their numbers; another document is sent as a paper of its own.",
            )

    def _dry(self, body: bytes) -> list[tuple[str, str]]:
        """Return kinds and numbers of the documents of an interchange, packed as if it left."""
        syntax, contents, note, test = contents_of(body, self.profile, self.counts)
        more = {} if note is None else {"ta1": note}
        made = self.packed(syntax, contents, Untaken(), test=test or None, **more)
        # What people call it, not its control reference, which is anew each time.
        return sorted((each.kind, each.number or "") for each in made.documents)

    def numbers(self) -> Book:
        """Return what gives control numbers.

        Raises:
            Misconfigured: the connector was opened without one.
        """
        if self.book is None:
            raise Misconfigured(
                f"{self.config.name} has no book of control numbers.",
                fix="Send through the hub: it gives each connection its own.",
                code="EDI-BOOK-500",
            )
        return self.book
