"""The data folder: its lock, its secrets and its layout."""

import contextlib
import fcntl
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import psutil

from console.servers.errors import DataFolderError
from console.servers.process import Account

SOCKET_PATH_LIMIT = 100
"""Bytes a unix socket path may have; the kernel takes 107 and PostgreSQL adds a lock file of its own."""


class DataDir:
    """The folder that survives restarts: `env`, `pgpass`, `pg/`, `redis/`, `run/`, `log/`, `ballast`, `lock`."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.run = self.path / "run"
        self.log = self.path / "log"
        self.sockets: Path | None = None
        """Where the unix sockets are; known once a server was prepared."""
        self._lock: int | None = None
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.run, self.log):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._unwritable(error) from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise self._unwritable(PermissionError(0, "no permission to write"))

    def _unwritable(self, error: OSError) -> DataFolderError:
        return DataFolderError(
            "SERVER-DATA-001",
            f"The data folder {self.path} cannot be written: {error.strerror or error}. The hub keeps its database "
            f"and secrets there. Choose another folder with --data DIR (of `demo` "
            f"--data-dir DIR) or CROSSDOCK_DATA_DIR, or give this user "
            f"(uid {os.geteuid()}) the right to write it.",
        )

    def lock(self) -> None:
        """Hold the folder for this process until `unlock` or the process ends.

        Raises:
            DataFolderError: another process holds it.
        """
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise DataFolderError(
                "SERVER-DATA-002",
                f"The data folder {self.path} is in use by another running hub: {_describe(holder)}. Two hubs on "
                f"one database folder would destroy it. Stop that one (Ctrl-C, or kill {holder or 'its pid'}), or "
                f"start this one with another folder: --data DIR (of `demo` --data-dir DIR).",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock = descriptor

    @property
    def locked(self) -> bool:
        """Whether this object holds the folder."""
        return self._lock is not None

    def unlock(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def env(self) -> dict[str, str]:
        """The folder's own secrets, made on first use and kept in `env` with mode 0600."""
        with _alone_in(self.path):
            return self._read_or_make_env(self.path / "env")

    @staticmethod
    def _read_or_make_env(file: Path) -> dict[str, str]:
        values: dict[str, str] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in file.read_text().splitlines():
                name, equals, value = line.partition("=")
                if equals and not name.startswith("#"):
                    values[name.strip()] = value.strip()
        fresh = {
            "CROSSDOCK_SECRET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "CROSSDOCK_POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        }
        if not fresh.keys() <= values.keys():
            values = fresh | values
            text = "# Secrets of this hub. Without the secret key, stored credentials cannot be read: back it up.\n"
            write_private(file, text + "".join(f"{name}={value}\n" for name, value in values.items()))
        return values

    @property
    def secret_key(self) -> str:
        """The key that encrypts stored credentials: 32 random bytes, base64url."""
        return self.env()["CROSSDOCK_SECRET_KEY"]

    def open_to(self, account: Account | None) -> None:
        """Give the servers' user its folders, and passage through this one, and others nothing."""
        if account is None:
            self.path.chmod(0o700)
            self.run.chmod(0o700)
            return
        os.chown(self.path, os.geteuid(), account.gid)
        self.path.chmod(0o710)
        os.chown(self.run, account.uid, account.gid)
        self.run.chmod(0o700)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep two processes from making secrets at once: each would believe its own."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_private(path: Path, text: str) -> None:
    """Replace a file at once by one that only its owner can read."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)


def _describe(holder: str) -> str:
    try:
        return f"pid {holder} ({' '.join(psutil.Process(int(holder)).cmdline())[:120]})"
    except (ValueError, psutil.Error):
        return f"pid {holder}" if holder else "pid unknown"
