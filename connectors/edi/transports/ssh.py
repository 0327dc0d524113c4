"""A connection to a partner's SFTP server: known by its key, and with algorithms that are still safe unless agreed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncssh
from asyncssh import encryption, kex, mac

from connectors.sdk.network import AddressRefused, refuse_address
from core.errors import ConnectorError, Misconfigured, OutcomeUnknown, Transient

T = TypeVar("T")
HOST_KEYS = (
    "ssh-ed25519", "ssh-ed448", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
    "rsa-sha2-256",
)  # fmt: skip
WEAK = ("sha1", "md5", "gss-", "rsa2048", "-96")
# What old servers still ask for; each is broken or close to it.
OLD_KEX = ("diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1")
OLD_CIPHERS = ("aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc")
OLD_MACS = ("hmac-sha1",)
OLD_HOST_KEYS = ("ssh-rsa",)


@dataclass(frozen=True, slots=True)
class Server:
    """A server and who we are there.

    Args:
        host: name or address.
        port: of SSH.
        user: our name there.
        pins: fingerprints (`SHA256:…`) of its host keys.
        password, key: secrets, one of them.
        passphrase: of the key.
        legacy: whether algorithms that are no longer safe may be used.
        timeout: seconds a step may take.
    """

    host: str
    port: int
    user: str
    pins: frozenset[str]
    password: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    legacy: bool = False
    timeout: float = 20


class _Pinned(asyncssh.SSHClient):
    def __init__(self, pins: frozenset[str]) -> None:
        self.pins = pins
        self.shown: str | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Tell whether the server is one that was agreed on."""
        del host, addr, port
        self.shown = key.get_fingerprint()
        return self.shown in self.pins


def algorithms(*, legacy: bool) -> dict[str, Sequence[str]]:
    """Return the algorithms offered; old ones only where they were agreed on, and then last."""

    def good(names: Sequence[bytes]) -> list[str]:
        return [name for each in names if not any(weak in (name := each.decode()) for weak in WEAK)]

    return {
        "kex_algs": [*good(kex.get_default_kex_algs()), *(OLD_KEX if legacy else ())],
        "encryption_algs": [*good(encryption.get_default_encryption_algs()), *(OLD_CIPHERS if legacy else ())],
        "mac_algs": [*good(mac.get_default_mac_algs()), *(OLD_MACS if legacy else ())],
        "server_host_key_algs": [*HOST_KEYS, *(OLD_HOST_KEYS if legacy else ())],
        "signature_algs": [*HOST_KEYS, *(OLD_HOST_KEYS if legacy else ())],
    }


async def read_from(handle: Any, size: int, offset: int = 0) -> bytes:
    """Return at most so many bytes of an open file, from an offset on."""
    found = await handle.read(size, offset)
    assert isinstance(found, bytes)
    return found


async def _end(connection: asyncssh.SSHClientConnection) -> None:
    connection.abort()
    # The socket is closed by the loop, which runs only here.
    await connection.wait_closed()


class Session:
    """A connection that is opened when it is needed and again after it broke; used by one thread.

    Args:
        server: where to.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._runner = asyncio.Runner()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._sftp: asyncssh.SFTPClient | None = None
        # Set by a step from which on its effect may be there although it failed.
        self.may_be_done = False

    def run(self, step: Callable[[asyncssh.SFTPClient], Awaitable[T]], verb: str) -> T:
        """Do one step on the server.

        Args:
            step: what to do.
            verb: what is being done, for errors.

        Raises:
            Transient: the server cannot be reached now, nothing was done.
            OutcomeUnknown: it was lost at a point where it may have been done.
            Misconfigured: it is another server, does not let us in, or has no such folder.
        """
        self.may_be_done = False
        try:
            return self._runner.run(self._step(step))
        except ConnectorError:
            raise
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPPermissionDenied) as error:
            raise self._no_place(error, verb) from None
        except (OSError, TimeoutError, asyncssh.Error) as error:
            self._drop()
            kind = OutcomeUnknown if self.may_be_done else Transient
            raise kind(
                f"{self.server.host} did not finish {verb}.",
                why=f"{type(error).__name__}: {error}"[:200],
                fix="Nothing: the hub tries again.",
                code="SFTP-LOST-504" if self.may_be_done else "SFTP-AWAY-503",
            ) from None

    def close(self) -> None:
        """Give back the connection."""
        self._drop()
        self._runner.close()

    def _drop(self) -> None:
        connection, self._connection, self._sftp = self._connection, None, None
        if connection is not None:
            self._runner.run(_end(connection))

    async def _step(self, step: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        if self._sftp is None:
            async with asyncio.timeout(self.server.timeout):
                self._connection = await self._connect()
                self._sftp = await self._connection.start_sftp_client()
        async with asyncio.timeout(self.server.timeout):
            return await step(self._sftp)

    async def _connect(self) -> asyncssh.SSHClientConnection:
        server = self.server
        client = _Pinned(server.pins)
        try:
            key = asyncssh.import_private_key(server.key, server.passphrase) if server.key else None
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            raise Misconfigured(
                "The secret ssh_key cannot be read.",
                why="It is no private key in OpenSSH or PEM form, or its passphrase is another one.",
                fix="Set ssh_key and ssh_key_passphrase anew.",
                code="SFTP-KEY-422",
            ) from None
        try:
            return await asyncssh.connect(
                await self._address(), server.port, username=server.user, password=server.password,
                client_keys=[key] if key else None, client_factory=lambda: client, known_hosts=([], [], []),
                config=None, agent_path=None, gss_host=None, x509_trusted_certs=None,
                **algorithms(legacy=server.legacy),
            )  # fmt: skip
        except asyncssh.HostKeyNotVerifiable:
            raise Misconfigured(
                f"{server.host} is not the server that was agreed on, or its key has changed.",
                why=f"Its host key is {client.shown or 'unknown'}.",
                fix="Ask the partner whether that is right, then add it to transport.host_keys.",
                code="SFTP-HOSTKEY-403",
            ) from None
        except asyncssh.KeyExchangeFailed as error:
            raise Misconfigured(
                f"{server.host} speaks only algorithms that are no longer safe, or none we know.",
                why=str(error)[:300],
                fix="Ask the partner for newer ones; transport.legacy allows the old ones for this partner alone.",
                code="SFTP-ALGORITHMS-409",
            ) from None
        except asyncssh.PermissionDenied:
            raise Misconfigured(
                f"{server.host} does not let {server.user} in.",
                fix="Compare user, password and key with the partner's.",
                code="SFTP-LOGIN-401",
            ) from None

    async def _address(self) -> str:
        """Return the server's address, checked before it is called."""
        host = self.server.host
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, self.server.port, type=socket.SOCK_STREAM)
        address = str(found[0][4][0])
        try:
            refuse_address(host, address, private_allowed=True)
        except AddressRefused as error:
            raise Misconfigured(
                f"{host} was not called.", why=str(error), fix="Correct transport.host.", code="OUT-HOST-403"
            ) from None
        return address

    def _no_place(self, error: Any, verb: str) -> Misconfigured:
        denied = isinstance(error, asyncssh.SFTPPermissionDenied)
        return Misconfigured(
            f"{self.server.host} {'does not allow' if denied else 'has no folder for'} {verb}.",
            why=str(error)[:200],
            fix="Compare the folders of the profile with those on the server, and our rights there.",
            code="SFTP-RIGHTS-403" if denied else "SFTP-FOLDER-404",
        )
