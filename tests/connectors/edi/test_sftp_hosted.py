"""The hub's own SFTP server, for partners who push."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors.edi.transports import hosted
from connectors.edi.transports.sftp import SftpTransport
from core.errors import Misconfigured
from tests.connectors.edi.loops import Loop

ORDERS = b"UNB+UNOA:3+A+B+261128:1200+1'UNZ+0+1'"
PASSWORD = "an invented password"
Open = Callable[..., SftpTransport]


@pytest.fixture
def opened() -> Iterator[Open]:
    made: list[SftpTransport] = []

    def open_(table: dict[str, Any]) -> SftpTransport:
        made.append(SftpTransport(table, max_bytes=1_000_000))
        return made[-1]

    yield open_
    for each in made:
        each.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[int, asyncssh.SSHKey, asyncssh.SSHKey]]:
    key, theirs, loop = (
        hosted.host_key(tmp_path / "keys" / "sftp"),
        asyncssh.generate_private_key("ssh-ed25519"),
        Loop(),
    )
    assert (tmp_path / "keys" / "sftp").stat().st_mode & 0o777 == 0o600
    assert hosted.host_key(tmp_path / "keys" / "sftp") == key
    root = tmp_path / "acme"
    root.mkdir()
    table = {
        "root": str(root), "authorized_keys": [theirs.export_public_key().decode()], "secrets": {"password": PASSWORD},
        "settle_seconds": 0,
    }  # fmt: skip

    def lookup(name: str) -> hosted.Guest | None:
        return hosted.guest_of(table, max_bytes=5_000) if name == "acme" else None

    server = loop.do(hosted.listen(lookup, "127.0.0.1", 0, key))
    yield server.get_port(), key, theirs

    async def stop() -> None:
        server.close()
        await server.wait_closed()

    loop.do(stop())
    loop.end()


def guest(house: tuple[int, asyncssh.SSHKey, asyncssh.SSHKey], secrets: dict[str, str]) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": house[0], "user": "acme", "host_keys": [house[1].get_fingerprint()],
        "inbox": "/outbox", "outbox": "/inbox", "secrets": secrets, "after": "delete", "processing": "/outbox",
        "settle_seconds": 0,
    }  # fmt: skip


def test_a_partner_pushes_to_the_hub_with_his_key_or_password(house: Any, opened: Open, tmp_path: Path) -> None:
    by_key = {"ssh_key": house[2].export_private_key().decode()}
    assert opened(guest(house, by_key)).send("a.edi", ORDERS, "").detail["written"] is True
    assert opened(guest(house, {"password": PASSWORD})).send("b.edi", ORDERS, "").detail["written"] is True
    here = hosted.open_hosted(
        {"root": str(tmp_path / "acme"), "secrets": {"password": PASSWORD}, "settle_seconds": 0}, max_bytes=5_000
    )
    list(here.fetch(10))
    found = list(here.fetch(10))
    assert sorted(each.name for each in found) == ["a.edi", "b.edi"]
    here.send("orders-9.edi", ORDERS, "")
    here.close()


def test_nobody_else_gets_in_and_nothing_else_is_reached(house: Any, opened: Open, tmp_path: Path) -> None:
    changes: tuple[dict[str, Any], ...] = ({"user": "nobody"}, {"secrets": {"password": "x" * 20}})
    for change in changes:
        with pytest.raises(Misconfigured) as refused:
            opened({**guest(house, {"password": PASSWORD}), **change}).send("a.edi", ORDERS, "")
        assert refused.value.error_code == "SFTP-LOGIN-401"
    (tmp_path / "secret.txt").write_text("not for partners")
    (tmp_path / "acme" / "inbox").mkdir(exist_ok=True)
    (tmp_path / "acme" / "inbox" / "link").symlink_to(tmp_path / "secret.txt")

    async def look() -> tuple[list[str], list[str]]:
        async with (
            asyncssh.connect("127.0.0.1", house[0], username="acme", password=PASSWORD, known_hosts=None, config=None,
                             client_keys=None, agent_path=None) as connection,
            connection.start_sftp_client() as client,
        ):  # fmt: skip
            seen = sorted(str(name) for name in await client.listdir("/") if str(name) not in (".", ".."))
            refusals = []
            for path in ("/../secret.txt", "/inbox/../../secret.txt", "/inbox/link", "/archive", "/processing/x"):
                try:
                    async with client.open(path, "rb") as handle:
                        refusals.append(f"read {len(await handle.read())}")
                except asyncssh.SFTPError as error:
                    refusals.append(type(error).__name__)
            for work in (client.symlink("/inbox/a", "/inbox/b"), client.mkdir("/inbox/x"), client.rmdir("/outbox")):
                with pytest.raises(asyncssh.SFTPError):
                    await work
            with pytest.raises(asyncssh.SFTPError):
                async with client.open("/inbox/large.edi", "wb") as handle:
                    await handle.write(b"x" * 6_000)
            with pytest.raises(asyncssh.Error):
                await connection.run("id", check=True)
            return seen, refusals

    seen, refusals = asyncio.run(look())
    assert seen == ["inbox", "outbox"]
    assert [each for each in refusals if each.startswith("read")] == []
