"""What a partner gets of us: papers and acknowledgements, written by his maps, numbered, kept and sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.edi.agreed import PAPER_OF
from connectors.edi.documents import content_of, is_xml, pack_document
from connectors.edi.envelope import Content, pack
from connectors.edi.inbound import acknowledgement, read_findings
from connectors.edi.profile import Exchanged, Profile
from connectors.edi.repacking import contents_of
from connectors.edi.transports.base import Transport
from core.domain.vocabulary import Paper
from core.errors import MappingError, Misconfigured, Unwritable
from core.ports.connectors import ConnectionConfig, Json, Push, Receipt
from core.ports.partners import Book, Numbers, OutgoingInterchange
from mappings.edi.xml.schemas import Schemas
from mappings.engine import Map


class Papers:
    """What a connector does with what leaves."""

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

    def map(self, name: str) -> Map:
        """Return a map by its name."""
        raise NotImplementedError

    def acknowledge_order(self, push: Push) -> Receipt:
        """Send the order response."""
        return self._paper(push)

    def push_despatch_advice(self, push: Push) -> Receipt:
        """Send the despatch advice."""
        return self._paper(push)

    def push_invoice(self, push: Push) -> Receipt:
        """Send the invoice."""
        return self._paper(push)

    def push_acknowledgement(self, push: Push) -> Receipt:
        """Send the functional acknowledgement of an interchange that came."""
        findings = read_findings(push.payload["findings"])

        def build() -> OutgoingInterchange:
            contents, note = acknowledgement(findings, self.profile)
            # Its answer to a test is a test.
            return pack(
                self.profile, self._book(), findings.syntax, contents, ta1=note, answers=push.payload["interchange"],
                replaces=(push.payload.get("again") or {}).get("interchange"), test=findings.test or None,
            )  # fmt: skip

        return self._leave(push, build)

    def find_by_reference(self, push: Push) -> Receipt | None:
        """Return None: a partner can be asked for nothing, and the same interchange sent again has the effect of once.

        Its bytes and its number are those of the first try, by which transports and partners tell that it came before.
        """
        del push
        return None

    def _paper(self, push: Push) -> Receipt:
        kind = PAPER_OF[push.kind]
        found = self.outgoing(kind, push.kind)
        if found is None:
            return Receipt(None, {"skipped": f"{kind.replace('_', ' ')} was not agreed with this partner"})
        row, map_ = found

        def build() -> OutgoingInterchange:
            content = self.write(row, map_, push.payload, kind)
            replaces = (push.payload.get("again") or {}).get("interchange")
            return self.packed(row.syntax, [content], self._book(), name=row.kind, replaces=replaces)

        return self._leave(push, build)

    def outgoing(self, kind: Paper, verb: str) -> tuple[Exchanged, Map] | None:
        """Return what was agreed for a paper, and its map; None where it is not exchanged."""
        for row in self.profile.outgoing:
            map_ = self.map(row.map)
            if map_.canonical_type in (kind, verb):
                return row, map_
        return None

    def write(self, row: Exchanged, map_: Map, payload: Json, kind: Paper) -> Content:
        """Return the message of a paper.

        Raises:
            Unwritable: it does not fit the map, or the message would be wrong.
        """
        given = payload[kind] if map_.canonical_type == kind else payload
        try:
            if is_xml(row.syntax):
                return content_of(row.kind, map_, given, self.profile, _keys(payload[kind]))
            message = map_.write(given)
        except MappingError as error:
            raise Unwritable(
                f"The {kind.replace('_', ' ')} cannot be written as {row.kind} by the map {row.map}.",
                why=" ".join(part for part in (error.what, error.why) if part),
                fix=error.fix or "Mend the map, or what the paper is made of; then send it again.",
                code=error.error_code,
            ) from None
        options = map_.document.options
        version: tuple[str, ...] = ()
        if row.syntax == "edifact":
            directory = str(options["version"])
            version = (directory[:1], directory[1:], "UN", options.get("association") or "")
        return Content(row.kind, message.body, version, expects=dict(self.profile.expects), keys=_keys(payload[kind]))

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
            return pack_document(self.profile, numbers, syntax, contents, self.schemas, **how)
        return pack(self.profile, numbers, syntax, contents, **how)

    def _leave(self, push: Push, build: Callable[[], OutgoingInterchange]) -> Receipt:
        """Send the interchange of a write: the one made on the first try, whatever try this is."""
        book = self._book()
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
        body = str(again["text"]).encode() if again.get("text") else self._book().sent_as(replaces).body
        syntax, contents, note, test = contents_of(body, self.profile)
        more = {} if note is None else {"ta1": note}
        return self.packed(syntax, contents, self._book(), replaces=replaces, test=test or None, **more)

    def _book(self) -> Book:
        if self.book is None:
            raise Misconfigured(
                f"{self.config.name} has no book of control numbers.",
                fix="Send through the hub: it gives each connection its own.",
                code="EDI-BOOK-500",
            )
        return self.book


def _keys(paper: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the numbers of a paper, wherever its map puts them: its own, its order's, its packages'."""
    orders = {paper.get("order_number"), paper.get("order_external_id")}
    packages = [("sscc", each["sscc"]) for each in paper.get("packages", ()) if each.get("sscc")]
    return [("number", paper["number"]), *(("po", each) for each in orders if each), *packages]
