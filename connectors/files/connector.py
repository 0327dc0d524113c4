"""A drop folder: files in, files out, each record and each push exactly once."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

from connectors.files import drop
from connectors.files.records import Reader
from connectors.sdk.base import BaseConnector
from connectors.sdk.drop import claims, outbox, readiness
from connectors.sdk.drop.folders import Folders, open_folders, unreachable
from connectors.sdk.manifest import DocumentRow
from connectors.sdk.maps import open_map
from core.domain.vocabulary import DocumentType
from core.errors import MappingError, Misconfigured, Rejected
from core.ports.connectors import (
    Document,
    Exchange,
    InboundMessage,
    InboundRecord,
    Json,
    Push,
    Receipt,
)
from mappings.engine import Map

ENDINGS = {".csv": "csv", ".xlsx": "csv", ".jsonl": "jsonl"}
SUBJECTS = ("orders", "stock", "items")
OUT_MAPS = {"push_order": "order.out.yaml", "push_shipment": "shipment.out.yaml", "push_stock": "stock.out.yaml"}
NO_MESSAGE = UUID(int=0)


class Connector(BaseConnector):
    """One drop folder of one partner."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._claims: list[claims.Claim] = []
        self._exchanges: list[Exchange] = []

    @cached_property
    def folders(self) -> Folders:
        """The folders of the settings."""
        return open_folders(self.settings)

    def map(self, name: str) -> Map:
        """Return a map: one of the connection's own where there is one, else the shipped one."""
        if self.settings.get("maps"):
            own = Path(self.settings["maps"]).expanduser()
            if (own / name).is_file():
                return open_map(self.manifest, name, own)
        return open_map(self.manifest, name)

    # -- in

    def topic(self, name: str) -> str | None:
        """Return the topic of a file by its name, None when no pattern of the settings fits."""
        stem, ending = Path(name).stem, Path(name).suffix.lower()
        if ending not in ENDINGS:
            return None
        for subject in SUBJECTS:
            if fnmatch.fnmatchcase(stem.lower(), str(self.settings[subject]).lower()):
                return f"{subject}.{ENDINGS[ending]}"
        return None

    def claim_files(self) -> Iterator[InboundRecord]:
        """Yield the records of complete files, claiming one file after the other.

        Raises:
            Misconfigured: the folders cannot be used.
            Transient: the disk cannot be reached now.
        """
        try:
            for claim in self.take_files():
                self._claims.append(claim)
                topic = self.topic(claim.name)
                assert topic is not None, "only files with a topic are claimed"
                row = self.rows(topic)[0]
                yield from Reader(claim, topic, self.map(row.map or ""), self.probe).records()
        except OSError as error:
            raise unreachable(self.folders.root, error) from None

    def take_files(self) -> Iterator[claims.Claim]:
        """Yield claims: first those somebody left behind, then the complete files of the inbox."""
        for claim in claims.abandoned(self.folders):
            if self.topic(claim.name) is None:
                claim.give_back()
            else:
                yield claim
        waiting = readiness.ready(
            self.folders.inbox,
            self.folders.processing,
            settle_seconds=float(self.settings["settle_seconds"]),
            done_only=self.settings["ready"] == "done",
        )
        for path in waiting:
            taken = claims.take(self.folders, path) if self.topic(path.name) is not None else None
            if taken is not None:
                yield taken

    def probe(self, topic: str, body: bytes) -> Sequence[Document]:
        """Return the documents a record would make.

        Raises:
            MappingError: none.
        """
        return self.normalize(InboundMessage(NO_MESSAGE, topic, body, "", {}, datetime.now(UTC)))

    def settle_files(self, stored: bool) -> None:
        """Archive the files that were read to their end, after the commit; give back the others."""
        waiting, self._claims = self._claims, []
        try:
            for claim in waiting:
                if stored and claim.read_whole:
                    claim.archive()
                else:
                    claim.give_back()
        except OSError as error:
            raise unreachable(self.folders.root, error) from None

    def read(self, row: DocumentRow, message: InboundMessage) -> list[Document]:
        """Return the documents of a record; an order that does not say when it changed is as old as its file."""
        found = super().read(row, message)
        if row.type is not DocumentType.ORDER or message.occurred_at is None:
            return found
        return [replace(each, body={"source_updated_at": message.occurred_at, **each.body}) for each in found]

    # -- out

    def push_order(self, push: Push) -> Receipt:
        """Write the order to a file."""
        return self.put(push)

    def push_shipment(self, push: Push) -> Receipt:
        """Write the shipment to a file."""
        return self.put(push)

    def push_stock(self, push: Push) -> Receipt:
        """Write available quantities to a file."""
        return self.put(push)

    def put(self, push: Push) -> Receipt:
        """Write the file of a push; a repeat of it changes nothing.

        Raises:
            Rejected: the payload does not fit the map.
            Misconfigured: the folders cannot be used.
            Transient: the disk cannot be reached now.
        """
        began = time.monotonic()
        ending = str(self.settings["out_format"])
        name = drop.file_name(push.kind, push.reference, ending)
        try:
            content = drop.content(self.map(OUT_MAPS[push.kind]), push.payload, ending)
        except MappingError as error:
            raise Rejected(
                f"The {push.kind.replace('_', ' ')} cannot be written to a file.", why=error.what, fix=error.fix
            ) from None
        try:
            written = outbox.drop(self.folders, name, content, drop.fingerprint(push.payload))
        except OSError as error:
            raise unreachable(self.folders.outbox, error) from None
        took = int((time.monotonic() - began) * 1000)
        self._exchanges.append(Exchange({"file": name, "bytes": len(content)}, {"written": written}, None, took))
        return Receipt(name, {"file": name, "bytes": len(content), "written": written})

    def find_by_reference(self, push: Push) -> Receipt | None:
        """Return the receipt of a push whose file is in the outbox or among those sent."""
        try:
            found = drop.find(self.folders, push.kind, push.reference)
        except OSError as error:
            raise unreachable(self.folders.outbox, error) from None
        return None if found is None else Receipt(found.name, {"file": found.name, "in": found.parent.name})

    # -- trying it

    def check(self) -> Json:
        """Write and remove a file in each folder, and count what waits.

        Raises:
            Misconfigured: a folder may not be written to, or lies on another disk than the inbox.
        """
        folders = self.folders
        try:
            for folder in (folders.inbox, folders.outbox, folders.processing, folders.archive, folders.error):
                outbox.write(folder, ".crossdock-check", b"")
                (folder / ".crossdock-check").unlink()
                if folder.stat().st_dev != folders.inbox.stat().st_dev:
                    raise Misconfigured(
                        f"{folder} lies on another disk than {folders.inbox}, so files cannot be moved in one step.",
                        fix="Put all folders of the connection on one disk.",
                        code="FILES-DISK-409",
                    )
            names = [path.name for path in folders.inbox.iterdir() if readiness.is_candidate(path.name)]
            held = sum(1 for path in folders.processing.iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise unreachable(folders.root, error) from None
        unknown = sorted(name for name in names if self.topic(name) is None)
        return {"waiting": len(names) - len(unknown), "in_work": held, "unknown_names": unknown[:20]}

    def exchanges(self) -> Sequence[Exchange]:
        """Return and forget the files written since the last call."""
        found, self._exchanges = self._exchanges, []
        return found

    def close(self) -> None:
        """Give back what was claimed and not settled."""
        self.settle_files(stored=False)
        super().close()
