"""The key that encrypts what the hub stores for others; made on first start, kept beside the data."""

from __future__ import annotations

import fcntl
import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

from config.errors import SettingsError

NAME = "CROSSDOCK_SECRET_KEY"


def ensure_secret_key(data_dir: Path) -> str:
    """Return the secret key of a data folder, making it on first use.

    It is the line CROSSDOCK_SECRET_KEY of the file `env` (mode 0600), beside the folder's other secrets. Processes
    that start at the same moment get the same key.

    Returns:
        32 random bytes as base64url.

    Raises:
        SettingsError: the folder cannot be written, or others may read the file.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            return _read_or_make(data_dir / "env")
        finally:
            os.close(folder)
    except OSError as error:
        raise SettingsError(
            "CONFIG-SECRET-500",
            f"{data_dir}: the secret key cannot be kept here: {error.strerror or error}; "
            f"choose another folder with CROSSDOCK_DATA_DIR or give the key as {NAME}",
        ) from error


def _read_or_make(file: Path) -> str:
    lines: list[str] = []
    if file.exists():
        if file.stat().st_mode & 0o077:
            raise SettingsError(
                "CONFIG-SECRET-403", f"{file}: other users may read the secret key; run: chmod 600 {file}"
            )
        lines = file.read_text(encoding="utf-8").splitlines()
        for line in lines:
            name, _, value = line.partition("=")
            if name.strip() == NAME and value.strip():
                return value.strip()
    key = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    new = file.with_name("env.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write("\n".join([*lines, f"{NAME}={key}", ""]))
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
    return key
