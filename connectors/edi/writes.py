"""What a trading partner is written: papers of orders, and work for a warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.edi.agreed import PAPER_OF
from connectors.edi.documents import content_of, is_xml
from connectors.edi.envelope import Content, pack
from connectors.edi.inbound import BUSINESS
from connectors.edi.leaving import Leaving, replaced_by
from connectors.edi.profile import Exchanged
from core.domain.vocabulary import DocumentType
from core.errors import Declined, MappingError, Rejected, Unwritable
from core.ports.connectors import Json, Push, Receipt
from core.ports.partners import OutgoingInterchange
from mappings.edi.acks.business import application_advice, application_error
from mappings.edi.acks.findings import ANSWERS
from mappings.edi.warehouse_orders import depositor_number
from mappings.engine import Map

# Version of the APERAK we send.
APERAK = ("D", "96A", "UN", "")


class Writes(Leaving):
    """What a connector does with writes that become a message."""

    def acknowledge_order(self, push: Push) -> Receipt:
        """Send the order response."""
        return self._paper(push)

    def push_despatch_advice(self, push: Push) -> Receipt:
        """Send the despatch advice."""
        return self._paper(push)

    def push_invoice(self, push: Push) -> Receipt:
        """Send the invoice."""
        return self._paper(push)

    def push_credit_note(self, push: Push) -> Receipt:
        """Send the credit note."""
        return self._paper(push)

    def push_fulfillment_order(self, push: Push) -> Receipt:
        """Send work to a warehouse; the receipt's reference is the number its answers name it by.

        A partner who neither is told of work nor reports any, but counts a node, leaves the work to the console.

        Raises:
            Rejected: he reports shipments and no message for work was agreed, or it cannot be written.
        """
        found = self.outgoing(push.kind)
        if found is None and not self._reports_shipments():
            return Receipt(None, {"skipped": "work was not agreed with this partner: people see to it"})
        if found is None:
            raise Rejected(
                "The partner reports shipments, and no message that tells him of work was agreed.",
                fix='Add one to `documents` of his profile, such as {out: "940", map: x12/940.004010}.',
                code="EDI-KIND-422",
            )
        return self._work(push, *found)

    def push_incoming(self, push: Push) -> Receipt:
        """Announce what is on its way to a warehouse; its receipt names it by the reference.

        Raises:
            Unwritable: it cannot be written.
        """
        found = self.outgoing(push.kind)
        if found is None:
            return Receipt(None, {"skipped": "announcements of goods were not agreed with this partner"})
        return self._send(push, *found, push.payload, [("number", push.payload["incoming"]["reference"])])

    def cancel_fulfillment_order(self, push: Push) -> Receipt:
        """Ask a warehouse to stop; it answers by what it reports of the work.

        Raises:
            Declined: no message for it was agreed: the work goes on.
            Unwritable: it cannot be written.
        """
        found = self.outgoing(push.kind)
        if found is None:
            raise Declined("The partner cannot be asked to stop: no message for it was agreed.", code="EDI-KIND-422")
        return self._work(push, *found)

    def wants_answer(self, kind: str, *, accepted: bool) -> bool:
        """Return whether a document of this kind gets a business answer; an answer never gets one."""
        policy = self.profile.business
        return kind not in (*BUSINESS, *ANSWERS) and (policy == "always" or (policy == "on_error" and not accepted))

    def answer_document(self, push: Push) -> Receipt:
        """Tell the partner what became of the content of a document of his: 824, or APERAK."""
        answer = push.payload

        def build() -> OutgoingInterchange:
            now = datetime.now(UTC)
            if str(answer["kind"]).isdigit():
                content, syntax = Content("824", application_advice(answer, now)), "x12"
            else:
                content, syntax = Content("APERAK", application_error(answer, now), APERAK), "edifact"
            replaces = replaced_by(push)
            return pack(self.profile, self.numbers(), syntax, [content], name=content.kind, replaces=replaces)

        return self.leave(push, build)

    def _reports_shipments(self) -> bool:
        agreed = (self.map(row.map).canonical_type for row in self.profile.documents if row.incoming)
        return DocumentType.SHIPMENT in agreed

    def _work(self, push: Push, row: Exchanged, map_: Map) -> Receipt:
        number = depositor_number(push.payload["fulfillment"])
        sent = self._send(push, row, map_, push.payload, _keys_of_work(number, push.payload))
        return Receipt(number, sent.detail)

    def _paper(self, push: Push) -> Receipt:
        kind = PAPER_OF[push.kind]
        found = self.outgoing(kind, push.kind, answers=push.payload[kind].get("answers"))
        if found is None:
            return Receipt(None, {"skipped": f"{kind.replace('_', ' ')} was not agreed with this partner"})
        row, map_ = found
        body = push.payload[kind] if map_.canonical_type == kind else push.payload
        return self._send(push, row, map_, body, keys_of_paper(push.payload[kind]))

    def _send(self, push: Push, row: Exchanged, map_: Map, body: Json, keys: Sequence[tuple[str, str]]) -> Receipt:
        def build() -> OutgoingInterchange:
            replaces = replaced_by(push)
            content = self.write(row, map_, body, keys)
            return self.packed(row.syntax, [content], self.numbers(), name=row.kind, replaces=replaces)

        return self.leave(push, build)

    def agrees(self, paper: str, write: str, answers: str | None) -> bool:
        """Return whether the profile has a document for a paper, by its kind or its write."""
        return self.outgoing(paper, write, answers=answers) is not None

    def outgoing(self, *kinds: str, answers: str | None = None) -> tuple[Exchanged, Map] | None:
        """Return what was agreed for a paper or write, and its map; None where it is not exchanged.

        Args:
            kinds: canonical names of the paper or write; either will do.
            answers: what an order response answers; where no row is for that, the first one is.
        """
        found = [(row, self.map(row.map)) for row in self.profile.outgoing]
        fitting = [(row, map_) for row, map_ in found if map_.canonical_type in kinds]
        return next((each for each in fitting if each[0].answers == answers), next(iter(fitting), None))

    def write(self, row: Exchanged, map_: Map, body: Json, keys: Sequence[tuple[str, str]] = ()) -> Content:
        """Return the message a body becomes.

        Raises:
            Unwritable: it does not fit the map, or the message would be wrong.
        """
        try:
            if is_xml(row.syntax):
                return content_of(row.kind, map_, body, self.profile, keys)
            message = map_.write(body)
        except MappingError as error:
            what = map_.canonical_type.removeprefix("push_").replace("_", " ")
            raise Unwritable(
                f"The {what} cannot be written as {row.kind} by the map {row.map}.",
                why=" ".join(part for part in (error.what, error.why) if part),
                fix=error.fix or "Mend the map, or what the paper is made of; then send it again.",
                code=error.error_code,
            ) from None
        options = map_.document.options
        version: tuple[str, ...] = ()
        if row.syntax == "edifact":
            directory = str(options["version"])
            version = (directory[:1], directory[1:], "UN", options.get("association") or "")
        return Content(row.kind, message.body, version, expects=dict(self.profile.expects), keys=keys)


def keys_of_paper(paper: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the numbers of a paper, wherever its map puts them: its own, its order's, its packages'."""
    orders = {paper.get("order_number"), paper.get("order_external_id")}
    packages = [("sscc", each["sscc"]) for each in paper.get("packages", ()) if each.get("sscc")]
    return [("number", paper["number"]), *(("po", each) for each in orders if each), *packages]


def _keys_of_work(number: str, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the numbers of work: what the warehouse is told, ours, and those of its order."""
    order = payload.get("order") or {}
    orders = {order.get("number"), order.get("external_id")}
    own = dict.fromkeys((number, payload["fulfillment"]["number"]))
    return [*(("number", each) for each in own), *(("po", each) for each in orders if each)]
