"""The hub's own SFTP server: partners who push log in as their connection and see two folders, `inbox` and `outbox`."""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import structlog

from connectors.edi.transports.folder import FolderTransport, vet_folders
from connectors.edi.transports.ssh import algorithms
from connectors.edi.transports.tables import Faults, filled
from core.errors import CrossdockError

DEFAULTS: Mapping[str, Any] = {
    "inbox": "inbox", "outbox": "outbox", "settle_seconds": 10, "ready": "stable-or-done", "authorized_keys": [],
}  # fmt: skip
SHORTEST_PASSWORD = 12
LOGIN_SECONDS = 20
WRONG_SECONDS = 1.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Guest:
    """Who may log in.

    Args:
        inbox, outbox: the two folders, absolute.
        keys: public keys.
        password: a secret; None where only keys are taken.
        max_bytes: of the largest file.
    """

    inbox: Path
    outbox: Path
    keys: frozenset[bytes]
    password: str | None = field(default=None, repr=False)
    max_bytes: int = 200_000_000


# The guest of a name; None for nobody.
Lookup = Callable[[str], Guest | None]


def open_hosted(table: Mapping[str, Any], *, max_bytes: int) -> FolderTransport:
    """Return the transport of a partner who logs in at the hub: the folders he sees.

    Raises:
        Misconfigured: the root is missing, or there is nothing he could log in with.
    """
    faults = Faults("hosted")
    settings = _read(faults, table)
    if not settings["authorized_keys"] and not table.get("secrets", {}).get("password"):
        faults.add("authorized_keys", "is missing, and so is the secret password: nobody could log in")
    faults.refuse()
    return FolderTransport(settings, max_bytes=max_bytes)


def vet(faults: Faults, table: Mapping[str, Any], *, here: bool) -> None:
    """Note what is wrong with the settings of a partner who logs in at the hub, and with the secrets that are there.

    Args:
        faults: takes it.
        table: the profile's `transport`, with `secrets`.
        here: whether the folders must be on this machine.
    """
    vet_folders(faults, _read(faults, table), here=here)


def _read(faults: Faults, table: Mapping[str, Any]) -> dict[str, Any]:
    settings = filled(faults, table, DEFAULTS, ("root",))
    _keys(settings["authorized_keys"], faults)
    password = table.get("secrets", {}).get("password")
    if password and len(password) < SHORTEST_PASSWORD:
        faults.secret("password", f"is shorter than {SHORTEST_PASSWORD} characters")
    return settings


def guest_of(table: Mapping[str, Any], *, max_bytes: int) -> Guest:
    """Return who logs in for a connection of this transport.

    Raises:
        Misconfigured: as `open_hosted`.
    """
    transport = open_hosted(table, max_bytes=max_bytes)
    try:
        folders = transport.folders
        password = table.get("secrets", {}).get("password") or None
        keys = _keys(table.get("authorized_keys", []), Faults("hosted"))
        return Guest(folders.inbox, folders.outbox, keys, password, max_bytes)
    finally:
        transport.close()


def _keys(lines: list[str], faults: Faults) -> frozenset[bytes]:
    found = set()
    for number, each in enumerate(lines):
        try:
            found.add(asyncssh.import_public_key(each).public_data)
        except asyncssh.KeyImportError:
            faults.add(f"authorized_keys.{number}", "is no public key, such as `ssh-ed25519 AAAA…`")
    return frozenset(found)


class _Login(asyncssh.SSHServer):
    """One login; nothing but files is offered afterwards."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._guest: Guest | None = None
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember the connection."""
        self._connection = conn

    async def begin_auth(self, username: str) -> bool:
        """Find the guest; that there is none shows only in that no proof is good enough."""
        try:
            self._guest = await asyncio.to_thread(self._lookup, username)
        except CrossdockError as error:
            log.warning("sftp.guest_unusable", user=username[:64], code=error.error_code)
        return True

    def password_auth_supported(self) -> bool:
        """Offer passwords to everybody, so that names cannot be told apart."""
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """Tell whether the password is the guest's."""
        guest = self._guest
        kept = guest.password if guest is not None and guest.password else None
        good = hmac.compare_digest((kept or "-").encode(), password.encode()) and kept is not None
        return await self._judge(username, good)

    def public_key_auth_supported(self) -> bool:
        """Offer keys."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Tell whether the key is one of the guest's; that he holds it is proven afterwards."""
        del username
        good = self._guest is not None and key.public_data in self._guest.keys
        if good and self._connection is not None:
            self._connection.set_extra_info(guest=self._guest)
        return good

    async def _judge(self, username: str, good: bool) -> bool:
        if good and self._connection is not None:
            self._connection.set_extra_info(guest=self._guest)
        if not good:
            log.info("sftp.login_refused", user=username[:64])
            await asyncio.sleep(WRONG_SECONDS)
        return good


class _Files(asyncssh.SFTPServer):
    """The guest's two folders as `/inbox` and `/outbox`; there is nothing else, and no link leads elsewhere."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        guest = channel.get_connection().get_extra_info("guest")
        assert isinstance(guest, Guest)
        self._guest = guest
        self._places = {b"inbox": guest.inbox, b"outbox": guest.outbox}
        super().__init__(channel, chroot=os.fsencode(guest.inbox.parent))

    def map_path(self, path: bytes) -> bytes:
        """Return where a path of the guest really is.

        Raises:
            SFTPNoSuchFile: it is in neither folder.
            SFTPPermissionDenied: a link leads out.
        """
        parts = [each for each in os.path.normpath(b"/" + path).split(b"/") if each]
        if not parts:
            return os.fsencode(self._guest.inbox.parent)
        place = self._places.get(parts[0])
        if place is None or len(parts) > 2:
            raise asyncssh.SFTPNoSuchFile("There are only /inbox and /outbox, without folders in them.")
        real = os.path.join(os.fsencode(place), *parts[1:])
        if os.path.islink(real):
            raise asyncssh.SFTPPermissionDenied("Links are not followed.")
        return real

    def reverse_map_path(self, path: bytes) -> bytes:
        """Return how the guest calls a place."""
        for name, place in self._places.items():
            if path == os.fsencode(place) or path.startswith(os.fsencode(place) + b"/"):
                return b"/" + name + path[len(os.fsencode(place)) :]
        return b"/"

    async def scandir(self, path: bytes) -> Any:
        """Yield what is in a folder: of the top the two folders alone, never what the hub keeps beside files."""
        top = not [each for each in os.path.normpath(b"/" + path).split(b"/") if each]
        if top:
            for name in self._places:
                yield asyncssh.SFTPName(name, attrs=asyncssh.SFTPAttrs.from_local(os.stat(self._places[name])))
            return
        async for entry in super().scandir(path):
            yield entry

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Write, up to the largest size of a file."""
        if offset + len(data) > self._guest.max_bytes:
            raise asyncssh.SFTPFailure(f"Files may have {self._guest.max_bytes:,} bytes.")
        return super().write(file_obj, offset, data)  # type: ignore[return-value]

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """Refuse links."""
        del oldpath, newpath
        raise asyncssh.SFTPOpUnsupported("There are no links here.")

    link = symlink

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Refuse folders."""
        del path, attrs
        raise asyncssh.SFTPPermissionDenied("Folders cannot be made here.")

    def rmdir(self, path: bytes) -> None:
        """Refuse to remove the folders."""
        del path
        raise asyncssh.SFTPPermissionDenied("The folders stay.")

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Leave rights and times as they are: many clients set them, and none needs it."""
        self.map_path(path)
        del attrs

    lsetstat = setstat

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        """Leave rights and times as they are."""
        del file_obj, attrs


def host_key(path: Path) -> asyncssh.SSHKey:
    """Return the server's key, made on the first start and kept in a file only its owner reads."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.tmp")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
            handle.write(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(fresh, path)
    return asyncssh.read_private_key(path)


async def listen(lookup: Lookup, host: str, port: int, key: asyncssh.SSHKey) -> asyncssh.SSHAcceptor:
    """Listen for partners; return what accepts them, to be closed.

    Args:
        lookup: finds guests by name; called in a thread.
        host, port: where; port 0 takes any free one.
        key: the server's.
    """
    return await asyncssh.listen(
        host, port, server_factory=lambda: _Login(lookup), server_host_keys=[key], sftp_factory=_Files,
        allow_scp=False, login_timeout=LOGIN_SECONDS, keepalive_interval=60, agent_forwarding=False,
        x11_forwarding=False, gss_host=None, config=None, server_version="Crossdock",
        **{name: value for name, value in algorithms(legacy=False).items() if name != "server_host_key_algs"},
    )  # fmt: skip
