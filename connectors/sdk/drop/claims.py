"""Claiming a file: a rename that only one can win, and a lock that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from connectors.sdk.drop.folders import Folders, sync_folder
from connectors.sdk.drop.readiness import companion

# claim name = 16 hexadecimal digits, a tilde, the file's own name
SIGN = "~"
DIGITS = 16
LONGEST = 180


class Claim:
    """One file in `processing/` that this process alone works on until it is settled."""

    def __init__(self, folders: Folders, path: Path, handle: BinaryIO) -> None:
        self.folders, self.path, self.handle = folders, path, handle
        self.name = path.name[DIGITS + len(SIGN) :]
        # Set by the reader: settling an unread file would lose its rest.
        self.read_whole = False
        self.refused = False
        # What is kept of the file instead of its own bytes, where these hold a secret.
        self.instead: bytes | None = None
        # Why the whole file is refused, for whoever looks into the error folder.
        self.reason: str | None = None

    @property
    def changed_at(self) -> datetime:
        """When the file was last written."""
        return datetime.fromtimestamp(os.fstat(self.handle.fileno()).st_mtime, UTC)

    @property
    def notes(self) -> Path:
        """Where the bad rows are collected until the claim is settled."""
        return self.path.with_name(f".{self.path.name}.errors.tmp")

    def archive(self) -> Path:
        """Move the file to the archive of today, or to the error folder when it was refused; release it.

        Where it was refused for a reason, `NAME.txt` beside it says which.
        """
        target = self.folders.error if self.refused else self.folders.archive / f"{datetime.now(UTC):%Y-%m-%d}"
        target.mkdir(exist_ok=True)
        if self.notes.exists():
            _move(self.notes, self.folders.error, f"{self.name}.errors.csv")
        kept = _move(self.path if self.instead is None else self._written(self.instead), target, self.name)
        if self.instead is not None:
            self.path.unlink()
        if self.refused and self.reason:
            kept.with_name(f"{kept.name}.txt").write_text(f"{self.reason}\n", encoding="utf-8")
        done = companion(self.folders.inbox, self.name)
        # The sign stays when the partner has already put the next file of that name.
        if done is not None and not (self.folders.inbox / self.name).exists():
            done.unlink(missing_ok=True)
        self.handle.close()
        return kept

    def _written(self, body: bytes) -> Path:
        """Return a new file of these bytes, whole and durable; the claim stays where it is, locked."""
        fresh = self.path.with_name(f".{self.path.name}.kept.tmp")
        with open(os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o640), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        return fresh

    def give_back(self) -> None:
        """Leave the file where it is, unlocked: the next round finds it and starts over."""
        self.notes.unlink(missing_ok=True)
        self.handle.close()


def take(folders: Folders, path: Path) -> Claim | None:
    """Claim a file of the inbox; None when somebody else was faster."""
    claimed = folders.processing / f"{secrets.token_hex(DIGITS // 2)}{SIGN}{short(path.name)}"
    try:
        os.rename(path, claimed)
    except FileNotFoundError:
        return None
    sync_folder(folders.processing)
    return _lock(folders, claimed)


def abandoned(folders: Folders) -> Iterator[Claim]:
    """Yield claims whose process died or gave them back, oldest first, locked for us."""
    waiting = [
        path for path in folders.processing.iterdir() if path.name[DIGITS : DIGITS + 1] == SIGN and path.is_file()
    ]
    for path in sorted(waiting, key=_age):
        if (claim := _lock(folders, path)) is not None:
            yield claim


def short(name: str) -> str:
    """Return a file name that is UTF-8 and leaves room for what we put before and behind it."""
    text = name.encode("utf-8", "backslashreplace").decode()
    if len(text.encode()) <= LONGEST:
        return text
    stem, dot, ending = text.rpartition(".")
    mark = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    cut = (stem or ending).encode()[: LONGEST // 2].decode("utf-8", "ignore")
    return f"{cut}-{mark}{dot if stem else ''}{ending[:10] if stem else ''}"


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _lock(folders: Folders, path: Path) -> Claim | None:
    """Lock a claimed file; None when it is locked, or was settled between finding and locking it."""
    try:
        handle = path.open("rb")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(handle.fileno()).st_ino:
            return Claim(folders, path, handle)
    except (BlockingIOError, FileNotFoundError):
        pass
    handle.close()
    return None


def _move(path: Path, folder: Path, name: str) -> Path:
    """Move a file under a name that is free, without ever replacing one that is there."""
    stem, dot, ending = name.partition(".")
    for number in range(1, 10_000):
        target = folder / (name if number == 1 else f"{stem}-{number}{dot}{ending}")
        try:
            # Taking the name first: a rename alone would replace what has it.
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
        except FileExistsError:
            continue
        os.replace(path, target)
        sync_folder(folder)
        return target
    raise FileExistsError(f"{folder} holds 10,000 files named like {name}")
