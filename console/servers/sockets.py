"""Where the servers' unix sockets are."""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from console.servers.datadir import SOCKET_PATH_LIMIT, DataDir
from console.servers.errors import DataFolderError
from console.servers.process import Account

LONGEST_NAME = "/.s.PGSQL.5432.lock"


def socket_folder(data: DataDir, account: Account | None, say: Callable[[str], None]) -> Path:
    """The folder for the sockets: `run` of the data folder, or a short one where that path is too long.

    Only the servers' user (and root) can open it: whoever reaches a socket can try passwords.

    Raises:
        DataFolderError: the short folder exists and belongs to somebody else.
    """
    if data.sockets is None:
        data.sockets = _choose(data, account, say)
    return data.sockets


def _choose(data: DataDir, account: Account | None, say: Callable[[str], None]) -> Path:
    if len(os.fsencode(data.run)) + len(LONGEST_NAME) <= SOCKET_PATH_LIMIT:
        return data.run
    folder = Path(tempfile.gettempdir()) / f"crossdock-{_digest(data.path)}"
    owner = account.uid if account else os.geteuid()
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {os.geteuid(), owner}:
        raise DataFolderError(
            "SERVER-DATA-003",
            f"The folder {folder} for this hub's sockets belongs to another user (uid {status.st_uid}). It is used "
            f"because {data.run} is too long for a unix socket. Remove that folder, or use a data folder with a "
            f"path under {SOCKET_PATH_LIMIT - len(LONGEST_NAME) - len('/run')} bytes: --data DIR.",
        )
    if account:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)
    say(f"The path {data.run} is too long for a unix socket; the sockets are in {folder} instead.")
    return folder


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def remove_socket_folder(data: DataDir) -> None:
    """Take the short folder away after a clean stop."""
    if data.sockets is not None and data.sockets != data.run:
        shutil.rmtree(data.sockets)
