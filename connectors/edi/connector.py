"""A trading partner who speaks EDI: files in and out, acknowledged and numbered as his profile says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from config.settings import load_settings
from connectors.edi.agreed import COMES, document_faults
from connectors.edi.calls import Calls
from connectors.edi.choosing import chosen, with_rarer
from connectors.edi.documents import is_xml, refuse_faults
from connectors.edi.inbound import owed, read_findings, terms_of, unpacked
from connectors.edi.keeping import keepable
from connectors.edi.profile import Exchanged, Profile, read_profile
from connectors.edi.transports.base import RECEIPT_TOPIC, Incoming, KeepsExchanges, Transport
from connectors.edi.transports.needs import missing_secrets
from connectors.edi.transports.opening import open_transport
from connectors.edi.transports.vetting import as_error, faults_beside, transport_faults
from connectors.edi.writes import Writes
from connectors.sdk.base import BaseConnector, document, ignored
from core.domain.vocabulary import DocumentType
from core.errors import InputError, MappingError, Misconfigured
from core.ports.connectors import Document, Exchange, InboundMessage, InboundRecord, Json
from core.ports.partners import (
    INTERCHANGE_TOPIC,
    TEST_HEADER,
    IncomingInterchange,
)
from mappings.edi.acks.terms import Terms
from mappings.edi.shipped import named_map, shipped_map
from mappings.edi.xml.schemas import Schemas
from mappings.engine import Map

FILES_AT_ONCE = 50


class Connector(Writes, Calls, BaseConnector):
    """One trading partner."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        try:
            self.profile: Profile = read_profile(self.settings, self.config.name)
        except Misconfigured as error:
            # Imported here: it opens connectors itself.
            from connectors.edi.partial import with_rest

            raise with_rest(error, self.config.name, self.settings, self.secrets) from None
        self.answer_within = self.profile.answer_within
        self._taken: list[Incoming] = []
        # Maps of the partner's own, by name, with when their files changed.
        self._maps: dict[str, tuple[int, Map | None]] = {}

    @cached_property
    def transport(self) -> Transport:
        """The way files go."""
        added = {
            "secrets": self.secrets, "previous": self.config.previous_secrets, "connection": str(self.config.id),
            "profile": self.profile,
        }  # fmt: skip
        return open_transport({**self.profile.transport, **added}, max_bytes=self.profile.max_bytes)

    @cached_property
    def schemas(self) -> Schemas:
        """The schemas of the hub's settings that XML documents are checked with."""
        found = load_settings().schemas
        return Schemas(found.ubl, found.cxml)

    def map(self, name: str) -> Map:
        """Return a map: one of the partner's own folder, or an overlay there, else a shipped one."""
        own = self._own(name, f"{name}.yaml")
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

    def rules_of(self, kind: str) -> list[Path]:
        """Return the files of rules that a document of a kind must keep before it leaves.

        Raises:
            Misconfigured: one of them is not in the partner's own folder.
        """
        names = [name for row in self.profile.outgoing if row.kind == kind for name in row.rules]
        return [self._rules(name) for name in dict.fromkeys(names)]

    def _rules(self, name: str) -> Path:
        found = self._own(name)
        if found is None:
            raise Misconfigured(
                f"There is no file {name} with rules for {self.config.name}.",
                fix="Put it into the folder of the setting `maps`; docs/edi.md says where rules are published.",
                code="EDI-RULES-404",
            )
        return found

    def _own(self, *names: str) -> Path | None:
        """Return the first file of these names in the partner's own folder."""
        if not self.settings.get("maps"):
            return None
        folder = Path(self.settings["maps"]).expanduser().resolve()
        found = [path for path in (folder / name for name in names) if path.is_file()]
        return found[0] if found and found[0].resolve().is_relative_to(folder) else None

    # -- in

    def claim_files(self) -> Iterator[InboundRecord]:
        """Yield the files that wait, as they are: they are taken apart only when they are stored."""
        for incoming in self.transport.fetch(FILES_AT_ONCE):
            self._taken.append(incoming)
            record = InboundRecord(
                topic=INTERCHANGE_TOPIC,
                dedupe_key=incoming.dedupe_key,
                body=incoming.body,
                content_type=incoming.content_type,
                headers={"file": incoming.name[:200]},
                occurred_at=incoming.received_at,
            )
            yield keepable(record)

    def settle_files(self, stored: bool) -> None:
        """Give up the files that were stored, after the commit; keep the others for the next round."""
        waiting, self._taken = self._taken, []
        if stored:
            for each in waiting:
                each.done()
        else:
            self.transport.close()

    def terms(self) -> Terms:
        """Return how his files are judged: by his profile, the schemas of the hub and what his maps say of counts."""
        return terms_of(self.profile, self.schemas, self.counts)

    def counts(self, kind: str) -> bool:
        """Return whether control totals of a kind of message are compared with what it holds: its map says so."""
        rows = self.profile.incoming(kind) or [each for each in self.profile.documents if each.kind == kind][:1]
        try:
            return all(self.map(row.map).document.options.get("counts", True) for row in rows if not is_xml(row.syntax))
        except Misconfigured:
            # The file is taken all the same; its message says, when it is mapped, that the map cannot be used.
            return True

    def unpack(self, message: InboundMessage) -> Sequence[IncomingInterchange]:
        """Return the interchanges of a stored file.

        Raises:
            MappingError: it is no EDI, or too large.
        """
        return list(unpacked(message.body, self.profile, self.terms()))

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
        row = self.row_for(message.topic, message.body)
        if self.map(row.map).canonical_type not in COMES:
            # Profiles are refused for it when they are set up; a map of the partner's own may have changed since.
            self._refuse(document_faults(self.profile, self.map))
        found = self._read(row, message)
        if TEST_HEADER in message.headers:
            said = ", ".join(each.type.replace("_", " ") for each in found)
            return [ignored(f"A test: it reads as {said}, and nothing of it is done.")]
        return found

    def row_for(self, kind: str, body: bytes) -> Exchanged:
        """Return what was agreed of a message that comes: of several rows of its kind the one that takes it.

        Raises:
            MappingError: the partner's profile has none for it.
        """
        rows = self.profile.incoming(kind)
        if not rows:
            raise MappingError(
                f"{kind[:60]} was not agreed with {self.config.name}.",
                fix="Add it to `documents` of the partner's profile, with its map.",
                code="EDI-KIND-422",
            )
        return chosen(with_rarer(rows, self.map), body, self.map, self.config.name)

    def _read(self, row: Exchanged, message: InboundMessage) -> list[Document]:
        if is_xml(row.syntax):
            refuse_faults(message.body, self.terms())
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

    # -- trying it

    def require_settings(self, beside: Mapping[str, Mapping[str, Any]] | None = None, *, here: bool = True) -> None:
        """Refuse a profile whose maps do not fit its documents, or whose transport could not work as it is set.

        Args:
            beside: the settings of other partners, by name of their connections, whose ways his must not cross.
            here: whether the folders it names must be on this machine.

        Raises:
            Misconfigured: every complaint names its key or its row of `documents`; or a file of rules is not there.
        """
        wrong = document_faults(self.profile, self.map)
        wrong += transport_faults(self.profile, self.secrets, here=here)
        wrong += faults_beside(self.profile, beside or {})
        self._refuse(wrong)
        for row in self.profile.outgoing:
            self.rules_of(row.kind)

    def require_apart(self, beside: Mapping[str, Mapping[str, Any]]) -> None:
        """Refuse a profile whose ids, AS2 names or inbox are those of another partner.

        Args:
            beside: the settings of the other partners, by name of their connections.

        Raises:
            Misconfigured: every complaint names its key.
        """
        self._refuse(faults_beside(self.profile, beside))

    def _refuse(self, wrong: list[str]) -> None:
        if wrong:
            raise Misconfigured(
                f"The profile of {self.config.name} does not fit: {'; '.join(wrong)}.",
                fix="docs/partners.md has what comes in and leaves, docs/edi-transports.md every key of `transport`; "
                "`crossdock partner maps` lists the maps.",
                code="EDI-PROFILE-422",
                errors=[as_error(each) for each in wrong],
            )  # fmt: skip

    def missing_folder(self) -> str | None:
        """Return the folder its files would be in, where it is not on this machine."""
        root = str(self.profile.transport.get("root") or "")
        return root if root and not Path(root).expanduser().exists() else None

    def missing_secrets(self) -> Sequence[str]:
        """Return the secrets its transport needs and has not got; nothing is opened."""
        return missing_secrets(self.profile, self.secrets)

    def check(self) -> Json | None:
        """Open all maps of the profile and look whether files could go both ways."""
        self.require_settings()
        return {**self._unchecked(), **self.transport.check()}

    def _unchecked(self) -> Json:
        """Return which XML documents no schema checks, where there are some."""
        kinds = [
            row.kind
            for row in self.profile.documents
            if is_xml(row.syntax) and not self.schemas.has(row.syntax, row.kind)
        ]
        return {"without_schema": kinds} if kinds else {}

    def exchanges(self) -> Sequence[Exchange]:
        """Return and forget the exchanges since the last call, where the transport keeps them."""
        opened = self.__dict__.get("transport")
        return opened.exchanges() if isinstance(opened, KeepsExchanges) else super().exchanges()

    def close(self) -> None:
        """Give back what was claimed and not settled."""
        if "transport" in self.__dict__:
            self.transport.close()
        super().close()
