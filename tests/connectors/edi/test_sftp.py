"""SFTP against two real servers: asyncssh's own, and OpenSSH's sftp-server where it is installed."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors.edi.transports import sftp
from connectors.edi.transports.endings import has_end
from connectors.edi.transports.sftp import SftpTransport
from core.errors import Misconfigured, OutcomeUnknown, Transient
from tests.connectors.edi.loops import Loop

ORDERS = b"UNB+UNOA:3+A+B+261128:1200+1'UNH+1+ORDERS:D:96A:UN'UNT+2+1'UNZ+1+1'\r\n"
PASSWORD = "an invented password"
OPENSSH = next(
    (
        each
        for each in (
            os.environ.get("CROSSDOCK_TEST_SFTP_SERVER", ""),
            "/usr/lib/openssh/sftp-server",
            "/usr/libexec/openssh/sftp-server",
            "/usr/lib/ssh/sftp-server",
            shutil.which("sftp-server") or "",
        )
        if each and Path(each).is_file()
    ),
    None,
)


# Connections of the server that runs; those still open are cut when it ends.
LIVE: list[asyncssh.SSHServerConnection] = []


class Login(asyncssh.SSHServer):
    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        LIVE.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("crossdock", PASSWORD)


# What carries bytes between a channel and a program.
CARRIERS: list[asyncio.Future[None]] = []


class Piped(asyncssh.SSHServerSession[bytes]):
    """OpenSSH's sftp-server as the subsystem; asyncssh only carries its bytes."""

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self.channel = chan
        self.early: list[bytes] = []
        self.peer: asyncio.subprocess.Process | None = None

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def session_started(self) -> None:
        CARRIERS.append(asyncio.ensure_future(self.carry()))

    async def carry(self) -> None:
        assert OPENSSH is not None
        peer = await asyncio.create_subprocess_exec(
            OPENSSH, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self.peer = peer
        assert peer.stdin is not None
        assert peer.stdout is not None
        for each in self.early:
            peer.stdin.write(each)
        while data := await peer.stdout.read(65_536):
            self.channel.write(data)
        code = await peer.wait()
        with contextlib.suppress(OSError, asyncssh.Error):
            self.channel.exit(code)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self.peer is None or self.peer.stdin is None:
            self.early.append(data)
        else:
            self.peer.stdin.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer is None:
            CARRIERS[-1].cancel()
        elif self.peer.stdin is not None:
            self.peer.stdin.close()


class PipedLogin(Login):
    def session_requested(self) -> Any:
        return Piped()


@dataclass
class Partner:
    """A partner's server with a root that is his file system."""

    root: Path
    port: int
    key: asyncssh.SSHKey
    prefix: str

    def table(self, **more: Any) -> dict[str, Any]:
        found = {
            "kind": "sftp", "host": "127.0.0.1", "port": self.port, "user": "crossdock",
            "host_keys": [self.key.get_fingerprint()], "inbox": f"{self.prefix}/out", "outbox": f"{self.prefix}/in",
            "settle_seconds": 0, "secrets": {"password": PASSWORD}, "connection": "c1",
        }  # fmt: skip
        return {**found, **more}

    def put(self, name: str, body: bytes = ORDERS, *, age: float = 0) -> Path:
        path = self.root / "out" / name
        path.write_bytes(body)
        at = int(time.time() - age)
        os.utime(path, (at, at))
        return path


Open = Callable[..., SftpTransport]


@pytest.fixture(params=["asyncssh", "openssh"])
def partner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Partner]:
    if request.param == "openssh" and OPENSSH is None:
        pytest.skip("OpenSSH's sftp-server is not installed; CROSSDOCK_TEST_SFTP_SERVER may name it")
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    with serving(tmp_path, openssh=request.param == "openssh") as found:
        yield found


@contextmanager
def serving(root: Path, *, openssh: bool = False, **options: Any) -> Iterator[Partner]:
    loop, key = Loop(), asyncssh.generate_private_key("ssh-ed25519")

    async def start() -> Any:
        how: dict[str, Any] = {"sftp_factory": lambda channel: asyncssh.SFTPServer(channel, chroot=os.fsencode(root))}
        if openssh:
            how = {"encoding": None}
        given = {
            "server_factory": PipedLogin if openssh else Login,
            "server_host_keys": [key],
            "gss_host": None,
            **how,
            **options,
        }
        return await asyncssh.listen("127.0.0.1", 0, **given)

    async def stop(server: Any) -> None:
        server.close()
        await server.wait_closed()
        for each in LIVE:
            each.abort()
            await each.wait_closed()
        LIVE.clear()

    server = loop.do(start())
    try:
        yield Partner(root, server.get_port(), key, str(root) if openssh else "")
    finally:
        loop.do(stop(server))
        loop.end()


@pytest.fixture
def opened() -> Iterator[Open]:
    made: list[SftpTransport] = []

    def open_(table: dict[str, Any], **more: Any) -> SftpTransport:
        made.append(SftpTransport(table, max_bytes=1_000_000, **more))
        return made[-1]

    yield open_
    for each in made:
        each.close()


def test_a_file_is_put_whole_under_its_name_and_once(partner: Partner, opened: Open) -> None:
    transport = opened(partner.table())
    sent = transport.send("orders-1.edi", ORDERS, "application/edifact")
    assert (sent.reference, sent.received_at, sent.detail["written"]) == ("orders-1.edi", None, True)
    assert [each.name for each in (partner.root / "in").iterdir()] == ["orders-1.edi"]
    assert (partner.root / "in" / "orders-1.edi").read_bytes() == ORDERS
    assert transport.send("orders-1.edi", ORDERS, "").detail["written"] is False
    assert transport.send("orders-1.edi", ORDERS + b"x", "").detail["written"] is True
    assert (partner.root / "in" / "orders-1.edi").read_bytes() == ORDERS + b"x"


def test_a_file_is_taken_once_and_put_away_when_it_is_stored(partner: Partner, opened: Open) -> None:
    partner.put("b.edi", age=10)
    partner.put("a.edi", b"\xff\x00 no EDI at all", age=5)
    for name in (".c.edi", "d.tmp", "e.edi.part", "f.filepart"):
        partner.put(name)
    transport = opened(partner.table())
    found = list(transport.fetch(10))
    assert [(each.name, each.body) for each in found] == [("b.edi", ORDERS), ("a.edi", b"\xff\x00 no EDI at all")]
    assert list(opened(partner.table()).fetch(10)) == []
    for each in found:
        each.done()
    assert [each.name for each in (partner.root / "out" / "archive").glob("*/*")] == ["b.edi"]
    assert sorted(each.name for each in (partner.root / "out" / "error").iterdir()) == ["a.edi", "a.edi.txt"]
    assert list((partner.root / "out" / "processing").iterdir()) == []


def test_a_file_that_still_grows_is_left(partner: Partner, opened: Open) -> None:
    path = partner.put("grows.edi", age=100)
    partner.put("calm.edi", age=50)

    def grow(_: float) -> None:
        path.write_bytes(path.read_bytes() + ORDERS)

    assert [each.name for each in opened(partner.table(), wait=grow).fetch(10)] == ["calm.edi"]
    assert path.exists()


def test_a_file_without_its_end_is_left_until_it_is_stale(partner: Partner, opened: Open) -> None:
    partner.put("cut.edi", ORDERS[:-12], age=100)
    partner.put("cut.x12", b"ISA*00*GS*PO~", age=100)
    partner.put("stale.edi", ORDERS[:-12], age=7_200)
    assert [each.name for each in opened(partner.table()).fetch(10)] == ["stale.edi"]


def test_with_a_sign_a_file_is_taken_at_once_and_the_sign_goes_with_it(partner: Partner, opened: Open) -> None:
    partner.put("one.edi")
    partner.put("two.edi")
    (partner.root / "out" / "one.edi.done").touch()
    transport = opened(partner.table(ready="done", after="delete"), wait=pytest.fail)
    (found,) = transport.fetch(10)
    assert found.name == "one.edi"
    found.done()
    left = {each.name for each in (partner.root / "out").iterdir() if each.is_file()}
    assert left == {"two.edi"}


def test_r3_what_was_not_stored_comes_again_under_the_same_key(partner: Partner, opened: Open) -> None:
    partner.put("orders.edi", age=60)
    first = SftpTransport(partner.table(), max_bytes=1_000_000)
    (before,) = first.fetch(10)
    first.close()
    second = opened(partner.table())
    (after,) = second.fetch(10)
    assert (after.body, after.dedupe_key, after.name) == (before.body, before.dedupe_key, "orders.edi")
    after.done()
    partner.put("orders.edi", age=30)
    (again,) = second.fetch(10)
    assert again.dedupe_key != after.dedupe_key


def test_the_claim_of_a_dead_worker_is_taken_up_after_its_lease(
    partner: Partner, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner.put("orders.edi", age=60)
    dead = SftpTransport(partner.table(), max_bytes=1_000_000)
    assert len(list(dead.fetch(10))) == 1
    dead.session.close()
    assert list(opened(partner.table()).fetch(10)) == []
    monkeypatch.setattr(sftp, "LEASE_SECONDS", -5)
    assert [each.name for each in opened(partner.table()).fetch(10)] == ["orders.edi"]


def test_the_limit_and_the_size_of_files_hold(partner: Partner, opened: Open) -> None:
    for number in range(5):
        partner.put(f"{number}.edi", b"x" * 50, age=50 - number)
    transport = SftpTransport(partner.table(), max_bytes=20)
    assert [len(each.body) for each in transport.fetch(3)] == [21, 21, 21]
    transport.close()


def test_check_looks_without_leaving_anything(partner: Partner, opened: Open) -> None:
    partner.put("orders.edi")
    assert opened(partner.table()).check() == {"host": "127.0.0.1", "waiting": 1}
    assert list((partner.root / "in").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"host_keys": ["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]}, "SFTP-HOSTKEY-403"),
        ({"secrets": {"password": "wrong"}}, "SFTP-LOGIN-401"),
        ({"outbox": "/nowhere"}, "SFTP-FOLDER-404"),
        ({"secrets": {"ssh_key": "no key"}}, "SFTP-KEY-422"),
    ],
)
def test_what_is_set_up_wrongly_is_said(partner: Partner, opened: Open, change: dict[str, Any], code: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        opened(partner.table(**change)).send("a.edi", ORDERS, "")
    assert refused.value.error_code == code
    assert PASSWORD not in str(refused.value)
    assert list((partner.root / "in").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host_keys": []}, "host_keys is missing"),
        ({"host_keys": ["nonsense"]}, "neither a fingerprint"),
        ({"hots": "x"}, "hots is not known; host is"),
        ({"user": ""}, "user is missing"),
        ({"secrets": {}}, "neither the secret password nor ssh_key"),
        ({"legacy": "yes"}, "legacy is neither true nor false"),
        ({"after": "burn"}, "none of archive"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change: dict[str, Any], words: str) -> None:
    given = {"host": "h", "user": "u", "host_keys": [f"SHA256:{43 * 'x'}"], "secrets": {"password": "p"}, **change}
    with pytest.raises(Misconfigured, match=words) as refused:
        SftpTransport(given, max_bytes=1)
    assert refused.value.error_code == "EDI-TRANSPORT-422"


def test_a_server_that_is_away_is_tried_again(opened: Open, tmp_path: Path) -> None:
    with serving(tmp_path) as partner:
        table = partner.table(inbox="out", outbox="in")
    with pytest.raises(Transient) as away:
        opened(table).send("a.edi", ORDERS, "")
    assert away.value.error_code == "SFTP-AWAY-503"


def test_a_connection_that_is_lost_while_renaming_leaves_the_outcome_unknown(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    with serving(tmp_path) as partner:
        transport = opened(partner.table())
        true = asyncssh.SFTPClient.posix_rename

        async def cut(self: Any, *given: Any) -> None:
            await true(self, *given)
            raise asyncssh.ConnectionLost("gone")

        monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", cut)
        with pytest.raises(OutcomeUnknown):
            transport.send("a.edi", ORDERS, "")
        monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", true)
        assert transport.send("a.edi", ORDERS, "").detail["written"] is False


def agreed(opened: Open, table: dict[str, Any]) -> str:
    """Return why nothing was agreed on; the server may hang up before it could be heard why, which is tried again."""
    while True:
        try:
            opened(table).send("a.edi", ORDERS, "")
        except Transient:
            continue
        except Misconfigured as error:
            return error.error_code
        return "sent"


@pytest.mark.filterwarnings("ignore:Diffie-Hellman")
def test_old_algorithms_are_used_only_with_the_partner_they_were_agreed_with(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with serving(tmp_path, kex_algs=["diffie-hellman-group14-sha1"], encryption_algs=["3des-cbc"]) as partner:
        assert agreed(opened, partner.table()) == "SFTP-ALGORITHMS-409"
        assert opened(partner.table(legacy=True)).send("a.edi", ORDERS, "").detail["written"] is True


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        (ORDERS, True),
        (ORDERS.rstrip(), True),
        (b"\xef\xbb\xbfUNA:+.? 'UNB+x'UNZ+1+1'\n", True),
        (b"ISA*00*~GS~GE~IEA*1*000000001~", True),
        (ORDERS[:-12], False),
        (b"UNB+UNOA:3+A+B'UNH+1'UNT+2+1'", False),
        (b"ISA*00*", False),
        (b"<Order/>", True),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<a:Order><b>1</b></a:Order>\n", True),
        (b"<a:Order><b>1</b></a:Order><!-- end -->", True),
        (b"<a:Order><b>1</b>", False),
        (b"<?xml version='1.0'?><!--" + b"-" * 300 + b"--><Order><b>1</b", False),
        (b"<?xml version='1.0'?><!--" + b"-" * 300 + b"--><Order><b>1</b></Order>", True),
        (b"", True),
    ],
)
def test_the_end_of_a_file_is_seen_by_its_last_segment(body: bytes, whole: bool) -> None:
    assert has_end(body[:256], body[-256:]) is whole
