"""Files for the partner: complete the moment they appear, and written once however often it is asked for."""

from __future__ import annotations

import os
from pathlib import Path

from connectors.sdk.drop.folders import Folders, sync_folder


def drop(folders: Folders, name: str, content: bytes, mark: str) -> bool:
    """Put a file into the outbox, unless this very content has already left.

    The copy in `archive/sent` is made after the file is visible, so it never claims what did not happen.

    Args:
        folders: of the connection.
        name: made by `file_name`.
        content: the bytes.
        mark: fingerprint of what the file says; a repeat of the push has the same one.

    Returns:
        Whether the file was written now.
    """
    sent, seal = folders.sent / name, folders.sent / f".{name}.seal"
    if sent.exists() and seal.exists() and seal.read_text() == mark:
        return False
    write(folders.outbox, name, content)
    copy = folders.sent / f".{name}.tmp"
    copy.write_bytes(content)
    os.replace(copy, sent)
    seal.write_text(mark)
    sync_folder(folders.sent)
    return True


def write(folder: Path, name: str, content: bytes) -> None:
    """Write a file that is there whole or not at all: hidden temporary name, fsync, rename."""
    temporary = folder / f".{name}.tmp"
    with temporary.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, folder / name)
    sync_folder(folder)
