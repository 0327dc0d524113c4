"""A trading partner who speaks EDI: files in and out, acknowledged and numbered as his profile says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from connectors.edi.calls import Calls
from connectors.edi.envelope import Content, pack
from connectors.edi.inbound import acknowledgement, owed, read_findings, unpacked
from connectors.edi.profile import Exchanged, Profile, read_profile
from connectors.edi.repacking import contents_of
from connectors.edi.transports.base import RECEIPT_TOPIC, Incoming, Transport
from connectors.edi.transports.opening import open_transport
from connectors.edi.writes import Writes
from connectors.sdk.base import BaseConnector, document, ignored
from core.domain.vocabulary import DocumentType
from core.errors import InputError, MappingError, Misconfigured
from core.ports.connectors import Document, InboundMessage, InboundRecord, Json, Push, Receipt
from core.ports.partners import (
    INTERCHANGE_TOPIC,
    REPEATED_HEADER,
    TEST_HEADER,
    Book,
    IncomingInterchange,
    Numbers,
    OutgoingInterchange,
)
from mappings.edi.shipped import named_map, shipped_map
from mappings.engine import Map

FILES_AT_ONCE = 50


class Connector(Writes, Calls, BaseConnector):
    """One trading partner."""

    book: Book | None = None

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.profile: Profile = read_profile(self.settings, self.config.name)
        self.answer_within = self.profile.answer_within
        self._taken: list[Incoming] = []
        # Maps of the partner's own, by name, with when their files changed.
        self._maps: dict[str, tuple[int, Map | None]] = {}

    @cached_property
    def transport(self) -> Transport:
        """The way files go."""
        return open_transport(
            {**self.profile.transport, "secrets": self.secrets, "connection": str(self.config.id)},
            max_bytes=self.profile.max_bytes,
        )

    def map(self, name: str) -> Map:
        """Return a map: one of the partner's own folder, or an overlay there, else a shipped one."""
        own = self._own_map(name)
        try:
            if own is None:
                return shipped_map(name)
            changed = own.stat().st_mtime_ns
            if self._maps.get(name, (0, None))[0] != changed:
                self._maps[name] = changed, named_map(own.name, own.parent)
            found = self._maps[name][1]
            assert found is not None
        except InputError as error:
            raise Misconfigured(
                f"The map {name} of {self.config.name} cannot be used: {error.what}",
                why=error.why,
                fix="Put it into the folder of the setting `maps`, or name a shipped one: `crossdock partner maps`.",
                code="EDI-MAP-404",
            ) from None
        return found

    def _own_map(self, name: str) -> Path | None:
        if not self.settings.get("maps"):
            return None
        folder = Path(self.settings["maps"]).expanduser().resolve()
        found = [path for path in (folder / name, folder / f"{name}.yaml") if path.is_file()]
        return found[0] if found and found[0].resolve().is_relative_to(folder) else None

    # -- in

    def claim_files(self) -> Iterator[InboundRecord]:
        """Yield the files that wait, as they are: they are taken apart only when they are stored."""
        for incoming in self.transport.fetch(FILES_AT_ONCE):
            self._taken.append(incoming)
            yield InboundRecord(
                topic=INTERCHANGE_TOPIC,
                dedupe_key=incoming.dedupe_key,
                body=incoming.body,
                content_type=incoming.content_type,
                headers={"file": incoming.name[:200]},
                occurred_at=incoming.received_at,
            )

    def settle_files(self, stored: bool) -> None:
        """Give up the files that were stored, after the commit; keep the others for the next round."""
        waiting, self._taken = self._taken, []
        if stored:
            for each in waiting:
                each.done()
        else:
            self.transport.close()

    def unpack(self, message: InboundMessage) -> Sequence[IncomingInterchange]:
        """Return the interchanges of a stored file.

        Raises:
            MappingError: it is no EDI, or too large.
        """
        return list(unpacked(message.body, self.profile))

    def owes(self, findings: Mapping[str, Any]) -> bool:
        """Return whether an interchange with these findings is owed an acknowledgement."""
        return owed(read_findings(findings), self.profile)

    def normalize(self, message: InboundMessage) -> Sequence[Document]:
        """Return the canonical documents of one message of an interchange.

        Raises:
            MappingError: it does not fit its map, or the partner's profile has none for it.
        """
        if message.topic == INTERCHANGE_TOPIC:
            return [ignored("A file of interchanges; its messages are worked on one by one.")]
        if message.topic == RECEIPT_TOPIC:
            return [self.read_receipt(message)]
        row = self.profile.incoming(message.topic)
        if row is None:
            raise MappingError(
                f"{message.topic[:60]} was not agreed with {self.config.name}.",
                fix="Add it to `documents` of the partner's profile, with its map.",
                code="EDI-KIND-422",
            )
        found = self._read(row, message)
        if TEST_HEADER in message.headers:
            said = ", ".join(each.type.replace("_", " ") for each in found)
            return [ignored(f"A test: it reads as {said}, and nothing of it is done.")]
        if REPEATED_HEADER in message.headers:
            return [ignored(f"Its number came before, in {message.headers[REPEATED_HEADER]}; nothing of it is done.")]
        return found

    def _read(self, row: Exchanged, message: InboundMessage) -> list[Document]:
        found = []
        for reading in self.map(row.map).read_bytes(message.body):
            if reading.result is None:
                raise reading.error or MappingError(f"The {row.kind} cannot be read.")
            kind = DocumentType(self.map(row.map).canonical_type)
            found.append(document(kind, reading.result.canonical, reading.result.holds))
        if not found:
            raise MappingError(
                f"The map {row.map} finds nothing in the {row.kind}.",
                fix="Compare message and version of the map with those the partner sends.",
                code="MAP-EMPTY-422",
            )
        return found

    # -- out

    def push_acknowledgement(self, push: Push) -> Receipt:
        """Send the functional acknowledgement of an interchange that came."""
        findings = read_findings(push.payload["findings"])

        def build() -> OutgoingInterchange:
            contents, note = acknowledgement(findings, self.profile)
            # Its answer to a test is a test.
            return pack(
                self.profile, self.numbers(), findings.syntax, contents, ta1=note, answers=push.payload["interchange"],
                replaces=(push.payload.get("again") or {}).get("interchange"), test=findings.test or None,
            )  # fmt: skip

        return self.leave(push, build)

    def find_by_reference(self, push: Push) -> Receipt | None:
        """Return None: a partner can be asked for nothing, and the same interchange sent again has the effect of once.

        Its bytes and its number are those of the first try, by which transports and partners tell that it came before.
        """
        del push
        return None

    def packed(self, syntax: str, contents: Sequence[Content], numbers: Numbers) -> OutgoingInterchange:
        """Return an interchange with messages, its numbers from elsewhere than the connection's own book."""
        return pack(self.profile, numbers, syntax, contents)

    def leave(self, push: Push, build: Callable[[], OutgoingInterchange]) -> Receipt:
        """Send the interchange of a write: the one made on the first try, whatever try this is."""
        book = self.numbers()
        kept = book.kept(push.reference)
        if kept is None:
            again = push.payload.get("again") or {}
            # A paper mapped anew is built like any other; what is sent as it was, or edited, is packed again.
            made = build() if not again or again.get("remap") else self._again(again)
            kept = book.keep(push.reference, made)
        sent = self.transport.send(kept.name, kept.body, kept.content_type)
        detail: Json = {"interchange": kept.reference, "sent_as": sent.reference, **sent.detail}
        if sent.received_at is not None:
            detail["received_at"] = sent.received_at.isoformat()
        return Receipt(kept.reference, detail)

    def _again(self, again: Mapping[str, Any]) -> OutgoingInterchange:
        """Return what was sent before, or what a person made of it, under new numbers."""
        replaces = again["interchange"]
        body = str(again["text"]).encode() if again.get("text") else self.numbers().sent_as(replaces).body
        syntax, contents, note, test = contents_of(body, self.profile)
        return pack(self.profile, self.numbers(), syntax, contents, ta1=note, replaces=replaces, test=test or None)

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

    # -- trying it

    def check(self) -> Json | None:
        """Open all maps of the profile and look whether files could go both ways."""
        for row in self.profile.documents:
            self.map(row.map)
        return dict(self.transport.check())

    def close(self) -> None:
        """Give back what was claimed and not settled."""
        if "transport" in self.__dict__:
            self.transport.close()
        super().close()
