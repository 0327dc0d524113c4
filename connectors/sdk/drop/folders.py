"""The folders of one drop-folder connection, none of which can lie outside the root that was configured."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Misconfigured, Transient

NAMES = ("inbox", "outbox", "processing", "archive", "error")
MODE = 0o750


@dataclass(frozen=True, slots=True)
class Folders:
    """Where files come in, go out, are worked on, are kept, and are put when something is wrong with them."""

    root: Path
    inbox: Path
    outbox: Path
    processing: Path
    archive: Path
    error: Path

    @property
    def sent(self) -> Path:
        """Where a copy of every file that went out is kept: the proof that it did."""
        return self.archive / "sent"


def open_folders(settings: Mapping[str, Any]) -> Folders:
    """Return the folders named in the settings, made where they are missing.

    Args:
        settings: `root` (absolute, must exist), and `inbox`, `outbox`, `processing`, `archive`, `error` relative to it.

    Raises:
        Misconfigured: the root is missing, a folder leads out of it, or two of them are the same.
        Transient: the disk cannot be reached now.
    """
    found = placed(settings)
    try:
        for path in (*(getattr(found, name) for name in NAMES), found.sent):
            path.mkdir(mode=MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise unreachable(found.root, error) from None
    return found


def placed(settings: Mapping[str, Any]) -> Folders:
    """Return where the folders named in the settings are; nothing is made.

    Raises:
        Misconfigured: the root is missing, a folder leads out of it, or two of them are the same.
    """
    root = Path(settings["root"]).expanduser()
    if not root.is_absolute() or not root.is_dir():
        raise Misconfigured(
            f"The folder {root} of the setting `root` is no existing absolute folder.",
            fix="Make it, let the hub's user read and write there, and give its whole path.",
            code="FILES-ROOT-404",
        )
    root = root.resolve()
    found = {name: inside(root, settings.get(name) or name, name) for name in NAMES}
    for name, path in found.items():
        near = [other for other in NAMES if other != name and path.is_relative_to(found[other])]
        if path == root or near:
            raise Misconfigured(
                f"The folder of the setting `{name}` lies in that of `{near[0] if near else 'root'}`.",
                fix="Give every folder a place of its own under `root`.",
                code="FILES-FOLDER-409",
            )
    return Folders(root, **found)


def inside(root: Path, name: str, setting: str) -> Path:
    """Return a folder under the root, links followed.

    Raises:
        Misconfigured: it lies elsewhere.
    """
    found = (root / str(name)).resolve()
    if not found.is_relative_to(root) or "\x00" in str(name):
        raise Misconfigured(
            f"The folder of the setting `{setting}` leads out of the root.",
            fix="Name a folder under `root`, relative to it, that is no link to elsewhere.",
            code="FILES-FOLDER-403",
        )
    return found


def unreachable(place: Path, error: OSError) -> Misconfigured | Transient:
    """Return the error for a folder that cannot be used: permissions are for a person, the rest passes."""
    why = error.strerror or type(error).__name__
    if isinstance(error, PermissionError):
        return Misconfigured(
            f"The hub may not use {place}.",
            why=why,
            fix="Give its user read and write rights there.",
            code="FILES-RIGHTS-403",
        )
    return Transient(f"The folder {place} cannot be used now.", why=why, code="FILES-DISK-503")


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
