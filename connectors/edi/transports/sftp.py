"""SFTP: files on the partner's server, put there whole and taken from there whole, once."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncssh
import structlog

from connectors.edi.transports.base import Incoming, Sent
from connectors.edi.transports.endings import SEEN, has_end
from connectors.edi.transports.folder import unusable
from connectors.edi.transports.sftp_profile import read_settings, server_of
from connectors.edi.transports.ssh import Session, read_from
from connectors.edi.transports.tables import Faults
from connectors.sdk.drop.claims import DIGITS, SIGN, short
from connectors.sdk.drop.readiness import DONE, is_candidate
from core.errors import ConnectorError

# A claim that is older belonged to a worker that is gone.
LEASE_SECONDS = 900
KIND = "application/octet-stream"
# What a server answers to whom it does not let make folders or files.
FORBIDDEN = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure, asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
log = structlog.get_logger(__name__)
Seen = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Found:
    """A file on the server: path, own name, size in bytes, time of change in Unix seconds."""

    path: str
    name: str
    size: int
    changed: int


class SftpTransport:
    """One partner's SFTP server.

    Args:
        table: the profile's `transport`, with the connection's `secrets`.
        max_bytes: of the largest file that is taken.
        wait: pauses between two listings; replaced in tests.

    Raises:
        Misconfigured: a setting is missing or does not fit.
    """

    def __init__(self, table: Mapping[str, Any], *, max_bytes: int, wait: Callable[[float], None] = time.sleep) -> None:
        faults, kept = Faults("sftp"), table.get("secrets", {})
        self.settings, pins = read_settings(faults, table)
        if not kept.get("password") and not kept.get("ssh_key"):
            faults.add("user", "has neither the secret password nor ssh_key")
        faults.refuse()
        self.max_bytes, self._wait = max_bytes, wait
        self.session = Session(server_of(self.settings, pins, kept))
        self.inbox, self.outbox = (self.settings[name].rstrip("/") or "/" for name in ("inbox", "outbox"))
        self.processing = self.settings["processing"] or f"{self.inbox}/processing"
        self.archive = self.settings["archive"] or f"{self.inbox}/archive"
        # Where files are deleted nothing is left at the partner, unless a folder for it is named.
        aside = f"{self.inbox}/error" if self.settings["after"] == "archive" else None
        self.error: str | None = self.settings["error"] or aside
        self._held: dict[str, Found] = {}

    # -- out

    def send(self, name: str, body: bytes, content_type: str) -> Sent:
        """Put a file into the outbox: under a hidden name first, then renamed, so that it is never seen in part."""
        del content_type
        target, hidden = f"{self.outbox}/{name}", f"{self.outbox}/.{name}.tmp"

        async def put(sftp: asyncssh.SFTPClient) -> bool:
            if await _same(sftp, target, body):
                return False
            async with sftp.open(hidden, "wb") as handle:
                await handle.write(body)
                with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                    await handle.fsync()
            self.session.may_be_done = True
            try:
                await sftp.posix_rename(hidden, target)
            except asyncssh.SFTPOpUnsupported:
                with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                    await sftp.remove(target)
                await sftp.rename(hidden, target)
            return True

        written = self.session.run(put, f"putting {name}")
        return Sent(name, detail={"file": name, "bytes": len(body), "written": written})

    # -- in

    def fetch(self, limit: int) -> Iterator[Incoming]:
        """Claim complete files by rename: first those a worker left behind."""
        self.session.run(self._make_folders, "making folders")
        waiting = [*self._abandoned(), *self._ready()]
        for found in waiting[:limit]:
            claim = self._claim(found)
            if claim is not None:
                self._held[claim.path] = claim
                yield self._incoming(claim)

    def _ready(self) -> list[Found]:
        """Return the complete files, oldest first."""
        first, _, signed = self._listing()
        if self.settings["ready"] == "done":
            return [each for each in self._sorted(first) if _sign_of(each.name, signed)]
        if first.keys() - {name for name in first if _sign_of(name, signed)}:
            self._wait(float(self.settings["settle_seconds"]))
        second, order, signed = self._listing()
        calm = [each for each in order if _sign_of(each.name, signed) or first.get(each.name) == second[each.name]]
        stale = time.time() - float(self.settings["stale_minutes"]) * 60
        # A file that never gets its end is taken in the end, so that its reader says what is wrong with it.
        return [each for each in calm if each.changed < stale or self._has_end(each)]

    def _sorted(self, seen: Seen) -> list[Found]:
        found = [Found(f"{self.inbox}/{name}", name, size, changed) for name, (size, changed) in seen.items()]
        return sorted(found, key=lambda each: (each.changed, each.name))

    def _listing(self) -> tuple[Seen, list[Found], set[str]]:
        async def look(sftp: asyncssh.SFTPClient) -> list[tuple[str, asyncssh.SFTPAttrs]]:
            return [(str(each.filename), each.attrs) for each in await sftp.readdir(self.inbox)]

        entries = self.session.run(look, "listing the inbox")
        seen = {
            name: (int(attrs.size or 0), int(attrs.mtime or 0))
            for name, attrs in entries
            if is_candidate(name) and attrs.type == asyncssh.FILEXFER_TYPE_REGULAR
        }
        return seen, self._sorted(seen), {name for name, _ in entries if name.lower().endswith(DONE)}

    def _has_end(self, found: Found) -> bool:
        async def ends(sftp: asyncssh.SFTPClient) -> tuple[bytes, bytes]:
            async with sftp.open(found.path, "rb") as handle:
                head = await read_from(handle, SEEN)
                return head, await read_from(handle, SEEN, max(found.size - SEEN, 0))

        try:
            return has_end(*self.session.run(ends, f"looking at {found.name}"))
        except ConnectorError as error:
            if error.error_code == "SFTP-FOLDER-404":
                return False  # somebody was faster
            raise

    def _abandoned(self) -> list[Found]:
        async def look(sftp: asyncssh.SFTPClient) -> list[Found]:
            found = []
            for each in await sftp.readdir(self.processing):
                name = str(each.filename)
                stamp, sign, own = name[: DIGITS // 2], name[DIGITS : DIGITS + 1], name[DIGITS + 1 :]
                with contextlib.suppress(ValueError):
                    if sign == SIGN and own and int(stamp, 16) < time.time() - LEASE_SECONDS:
                        size, changed = int(each.attrs.size or 0), int(each.attrs.mtime or 0)
                        found.append(Found(f"{self.processing}/{name}", own, size, changed))
            return found

        return self.session.run(look, "listing the files in work")

    def _claim(self, found: Found) -> Found | None:
        """Rename a file into `processing`; None when somebody else was faster."""
        path = f"{self.processing}/{_stamp()}{SIGN}{short(found.name)}"

        async def take(sftp: asyncssh.SFTPClient) -> bool:
            try:
                await sftp.rename(found.path, path)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return False
            return True

        if not self.session.run(take, f"claiming {found.name}"):
            return None
        return Found(path, found.name, found.size, found.changed)

    def _incoming(self, claim: Found) -> Incoming:
        async def read(sftp: asyncssh.SFTPClient) -> bytes:
            async with sftp.open(claim.path, "rb") as handle:
                # One byte more than may be, so that a file that is too large is seen as such and is not cut.
                return await read_from(handle, self.max_bytes + 1)

        body = self.session.run(read, f"reading {claim.name}")
        mark = hashlib.sha256(body).hexdigest()[:32]
        # A rename keeps the time of change: taken up again after a crash the file has the same key, and the same
        # content put there once more has another one.
        key = f"sftp:{claim.name[:200]}:{claim.changed}:{mark}"
        changed = datetime.fromtimestamp(claim.changed, UTC)
        # It is stored all the same; who put it there sees it in the error folder and not among what was taken.
        reason = unusable(body)
        return Incoming(body, claim.name, KIND, key, changed, lambda: self._done(claim, reason))

    def _done(self, claim: Found, reason: str | None) -> None:
        async def settle(sftp: asyncssh.SFTPClient) -> None:
            if reason is not None and await self._set_aside(sftp, claim, reason):
                pass
            elif self.settings["after"] == "delete":
                await sftp.remove(claim.path)
            else:
                await _move(sftp, claim, f"{self.archive}/{datetime.now(UTC):%Y-%m-%d}")
            for sign in _signs(claim.name):
                with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                    await sftp.remove(f"{self.inbox}/{sign}")

        if self._held.pop(claim.path, None) is not None:
            self.session.run(settle, f"putting {claim.name} away")

    async def _set_aside(self, sftp: asyncssh.SFTPClient, claim: Found, reason: str) -> bool:
        """Move a file nobody can work on to the error folder, the reason beside it; False where that is forbidden."""
        if self.error is None:
            return False
        try:
            kept = await _move(sftp, claim, self.error)
        except FORBIDDEN as error:
            log.warning("sftp.no_error_folder", folder=self.error, why=str(error)[:200])
            return False
        with contextlib.suppress(*FORBIDDEN):
            async with sftp.open(f"{kept}.txt", "wb") as handle:
                await handle.write(f"{reason}\n".encode())
        return True

    async def _make_folders(self, sftp: asyncssh.SFTPClient) -> None:
        for folder in (self.processing, *([self.archive] if self.settings["after"] == "archive" else [])):
            await sftp.makedirs(folder, exist_ok=True)

    # -- looking after it

    def check(self) -> Mapping[str, Any]:
        """Log in, write and remove a file in the outbox, and count what waits."""

        async def probe(sftp: asyncssh.SFTPClient) -> None:
            name = f"{self.outbox}/.crossdock-check.tmp"
            async with sftp.open(name, "wb"):
                pass
            await sftp.remove(name)

        self.session.run(probe, "writing to the outbox")
        return {"host": self.settings["host"], "waiting": len(self._listing()[0])}

    def close(self) -> None:
        """Give back what was claimed and is not done: the next round takes it up at once."""
        held, self._held = self._held, {}
        for claim in held.values():
            with contextlib.suppress(ConnectorError):
                self.session.run(lambda sftp, claim=claim: self._give_back(sftp, claim), f"giving {claim.name} back")  # type: ignore[misc]
        self.session.close()

    async def _give_back(self, sftp: asyncssh.SFTPClient, claim: Found) -> None:
        await sftp.rename(claim.path, f"{self.processing}/{_stamp(0)}{SIGN}{short(claim.name)}")


async def _move(sftp: asyncssh.SFTPClient, claim: Found, folder: str) -> str:
    """Move a file into a folder, made where it is missing, under a name that is free; return where it is."""
    await sftp.makedirs(folder, exist_ok=True)
    taken = await sftp.exists(f"{folder}/{claim.name}")
    target = f"{folder}/{f'{_stamp()}{SIGN}' if taken else ''}{claim.name}"
    await sftp.rename(claim.path, target)
    return target


async def _same(sftp: asyncssh.SFTPClient, path: str, body: bytes) -> bool:
    """Return whether this very file lies there already, from a try whose answer was lost."""
    try:
        if (await sftp.stat(path)).size != len(body):
            return False
        async with sftp.open(path, "rb") as handle:
            return await read_from(handle, len(body) + 1) == body
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return False


def _stamp(at: int | None = None) -> str:
    return f"{int(time.time()) if at is None else at:08x}{secrets.token_hex(DIGITS // 4)}"


def _signs(name: str) -> tuple[str, str]:
    return name + DONE, (name.rpartition(".")[0] or name) + DONE


def _sign_of(name: str, signed: set[str]) -> bool:
    return any(each in signed for each in _signs(name))
