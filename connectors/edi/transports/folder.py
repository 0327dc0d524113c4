"""A pair of folders: the partner, or a program that speaks for him, puts files in one and takes them from the other."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from connectors.edi.keeping import without_secrets
from connectors.edi.transports.base import Incoming, Sent
from connectors.edi.transports.tables import Faults, filled
from connectors.sdk.drop import claims, outbox, readiness
from connectors.sdk.drop.folders import open_folders, placed, unreachable
from core.errors import Misconfigured
from mappings.edi.acks.judging import judge
from mappings.edi.detect import HEAD, detect

DEFAULTS: Mapping[str, Any] = {
    "inbox": "inbox", "outbox": "outbox", "processing": "processing", "archive": "archive", "error": "error",
    "settle_seconds": 10, "ready": "stable-or-done",
}  # fmt: skip
READY = ("stable-or-done", "done")
CONTENT_TYPES = {".edi": "application/edifact", ".x12": "application/edi-x12", ".xml": "application/xml"}
MAX_BYTES = 209_715_200
# Up to here a file is read on the way in to see whether it has an interchange; larger ones show it when they are read.
MOST_LOOKED_AT = 1_000_000


class FolderTransport:
    """Files in folders under one root.

    Args:
        settings: `root` and, where they differ from the usual, `inbox`, `outbox`, `processing`, `archive`, `error`,
            `settle_seconds` and `ready` (`done` takes nothing without a `.done` file).
        max_bytes: of the largest file that is taken.

    Raises:
        Misconfigured: the root is missing, or a folder leads out of it.
    """

    def __init__(self, settings: Mapping[str, Any], *, max_bytes: int = MAX_BYTES) -> None:
        self.folders = open_folders(settings)
        self.settle_seconds = float(settings.get("settle_seconds", 10))
        self.done_only = settings.get("ready") == "done"
        self.max_bytes = max_bytes
        self._held: dict[str, claims.Claim] = {}

    def send(self, name: str, body: bytes, content_type: str) -> Sent:
        """Put a file into the outbox, unless this very file has left before."""
        del content_type
        try:
            written = outbox.drop(self.folders, name, body, hashlib.sha256(body).hexdigest()[:16])
        except OSError as error:
            raise unreachable(self.folders.outbox, error) from None
        return Sent(name, detail={"file": name, "bytes": len(body), "written": written})

    def fetch(self, limit: int) -> Iterator[Incoming]:
        """Claim complete files by rename: first those a worker left behind."""
        try:
            for claim in islice(self._claims(), limit):
                yield self._incoming(claim)
        except OSError as error:
            raise unreachable(self.folders.inbox, error) from None

    def _claims(self) -> Iterator[claims.Claim]:
        yield from claims.abandoned(self.folders)
        ready = readiness.ready(
            self.folders.inbox,
            self.folders.processing,
            settle_seconds=self.settle_seconds,
            done_only=self.done_only,
        )
        for path in ready:
            claim = claims.take(self.folders, path)
            if claim is not None:
                yield claim

    def _incoming(self, claim: claims.Claim) -> Incoming:
        # One byte more than may be, so that a file that is too large is seen as such and is not cut.
        body = claim.handle.read(self.max_bytes + 1)
        key = claim.path.name
        self._held[key] = claim
        # It is stored all the same; who put it there sees it in the error folder and not among what was taken.
        claim.reason = unusable(body)
        claim.refused = claim.reason is not None
        kept = without_secrets(body)
        claim.instead = None if kept == body else kept
        # A claim keeps its name until it is archived: taken up again after a crash it has the same key, and the same
        # file put into the folder once more has another one.
        return Incoming(
            body=body,
            name=claim.name,
            content_type=CONTENT_TYPES.get(claim.path.suffix.lower(), "application/octet-stream"),
            dedupe_key=f"file:{key}",
            received_at=claim.changed_at,
            done=lambda: self._done(key),
        )

    def _done(self, key: str) -> None:
        claim = self._held.pop(key, None)
        if claim is not None:
            try:
                claim.archive()
            except OSError as error:
                raise unreachable(self.folders.archive, error) from None

    def check(self) -> Mapping[str, Any]:
        """Write and remove a file in the outbox, and count what waits."""
        try:
            outbox.write(self.folders.outbox, ".crossdock-check", datetime.now(UTC).isoformat().encode())
            (self.folders.outbox / ".crossdock-check").unlink()
            waiting = sum(1 for path in self.folders.inbox.iterdir() if readiness.is_candidate(path.name))
        except OSError as error:
            raise unreachable(self.folders.root, error) from None
        return {"root": str(self.folders.root), "waiting": waiting}

    def close(self) -> None:
        """Give back what was claimed and is not done."""
        held, self._held = self._held, {}
        for claim in held.values():
            claim.give_back()


def vet(faults: Faults, table: Mapping[str, Any], *, here: bool) -> None:
    """Note what is wrong with the settings of a pair of folders.

    Args:
        faults: takes it.
        table: the profile's `transport`.
        here: whether the folders must be on this machine.
    """
    vet_folders(faults, filled(faults, table, DEFAULTS, ("root",)), here=here)


def vet_folders(faults: Faults, settings: Mapping[str, Any], *, here: bool) -> None:
    """Note what is wrong with `root`, the folders below it, and when files are taken; nothing is made."""
    if settings["ready"] not in READY:
        faults.add("ready", f"is none of {', '.join(READY)}")
    if not settings["root"]:
        return
    root = Path(settings["root"]).expanduser()
    if not root.is_absolute():
        faults.add("root", f"is {settings['root'][:80]}, which is no whole path: write it from / on")
    elif not root.exists() and not here:
        return
    elif not root.is_dir():
        faults.add("root", f"is {root}, and there is no such folder here: make it, for the user the hub runs as")
    elif not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        faults.add("root", f"is {root}, which this user may not read and write: give the hub's user the rights")
    else:
        try:
            placed(settings)
        except Misconfigured as error:
            faults.add("root", f"does not do for its folders: {error.what.rstrip('.')}")


def unusable(body: bytes) -> str | None:
    """Return why nothing can be done with a file whatever the partner's profile says, None where something may be."""
    if not body.strip():
        return "The file is empty."
    syntax = detect(body[:HEAD])
    if syntax is None:
        return "The file is neither EDIFACT nor X12 nor XML: it has no UNB or ISA segment. Nothing of it was taken."
    if syntax in ("edifact", "x12") and len(body) <= MOST_LOOKED_AT:
        first = next(iter(judge(body)), None)
        if first is None or not (first.findings.reference or first.findings.groups):
            return "The file holds no interchange that can be read; `crossdock edi check` says why. Nothing was taken."
    return None
