"""The whole hub on one machine: servers, then services, kept running until told to stop."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import NamedTuple, Self

import psycopg

from console.servers.ballast import Ballast
from console.servers.datadir import DataDir
from console.servers.errors import ServerMissing, StartFailed
from console.servers.keeper import Keeper
from console.servers.leftovers import DATA_MARK, clear_orphans
from console.servers.postgres import Postgres
from console.servers.process import Part
from console.servers.redis import EmbeddedRedis, redis_answers
from console.servers.sockets import remove_socket_folder
from console.servers.state import PartState, State, without_password, write_state

EXTERNAL_SECONDS = 30.0
"""How long a database reached by URL may take to answer (it may be starting beside us)."""


class Urls(NamedTuple):
    """Where the servers are; `redis` is None when there is none, and jobs are then found by the sweep alone."""

    database: str
    redis: str | None


@dataclass(frozen=True)
class Service:
    """A process of the hub itself: web, a worker, the relay.

    Args:
        env: added to this process's environment and CROSSDOCK_DATA_DIR.
        ready: asked until it is true before the next service starts; None means ready once started.
        port: the TCP port it listens on, for `crossdock status`.
        grace: seconds it gets after SIGTERM before it is killed.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    cwd: Path | None = None
    port: int | None = None
    grace: float = 10.0


class Supervisor:
    """Starts PostgreSQL, Redis and the services in this order, keeps them running, and stops them in reverse.

    Args:
        data: the data folder, made when missing.
        services: tells the services once the servers' URLs are known.
        database_url, redis_url: servers of your own; None starts the embedded one.
        on_servers_ready: called before the first service starts (migrations).
        say: receives one sentence for the person at the terminal.
        postgres_port: let the embedded PostgreSQL also listen on 127.0.0.1 at this port, for tools.
        keep_ballast: hold 64 MB that are given back when the disk is full.
    """

    def __init__(
        self,
        data: Path,
        services: Callable[[Urls], list[Service]],
        *,
        database_url: str | None = None,
        redis_url: str | None = None,
        on_servers_ready: Callable[[Urls], None] = lambda _urls: None,
        say: Callable[[str], None] = lambda _text: None,
        postgres_port: int | None = None,
        keep_ballast: bool = True,
    ) -> None:
        self.data = DataDir(data)
        self._services = services
        self._database_url = database_url
        self._redis_url = redis_url
        self._postgres_port = postgres_port
        self._on_servers_ready = on_servers_ready
        self._say = say
        self._ballast = Ballast(self.data.path / "ballast", say) if keep_ballast else None
        self._keeper = Keeper(say, self._write_state, self._each_second)
        self._asked_to_stop = threading.Event()
        self._started_at = datetime.now(UTC)
        self._writing = threading.Lock()
        self.urls: Urls | None = None

    def start(self) -> Urls:
        """Start everything and return once it is ready to use.

        Raises:
            ServerError: something cannot start; what had started is stopped again.
        """
        self.data.lock()
        try:
            clear_orphans(self.data.path, self._say)
            if self._ballast:
                self._ballast.lay()
            self._keeper.start()
            self.urls = Urls(self._start_database(), self._start_redis())
            self._write_state()
            self._on_servers_ready(self.urls)
            for service in self._services(self.urls):
                self._keeper.keep(_part(service, self.data.path))
                self._keeper.wait_ready(service.name)
            # A part is ready a moment before its keeper has written so: whoever starts us may look at once.
            self._write_state()
        except BaseException:
            self.stop()
            raise
        return self.urls

    def _start_database(self) -> str:
        if self._database_url is not None:
            return _reach_database(self._database_url, self._say)
        try:
            server = Postgres(self.data, self._say, tcp_port=self._postgres_port)
            part = server.part()
        except OSError as error:
            raise StartFailed(
                "SERVER-DATA-006",
                f"The database folder below {self.data.path} cannot be prepared: {error}. Check the folder's owner, "
                f"free space and that its file system allows changing owners, or choose another: --data DIR.",
            ) from error
        self._keeper.keep(part)
        self._keeper.wait_ready("postgres")
        server.create_database()
        return server.url

    def _start_redis(self) -> str | None:
        if self._redis_url is not None:
            if not redis_answers(self._redis_url):
                self._say(
                    f"Redis at {without_password(self._redis_url)} does not answer. The hub works on without it, "
                    f"only slower to wake up, and uses it as soon as it is there."
                )
            return self._redis_url
        try:
            server = EmbeddedRedis(self.data, self._say)
            self._keeper.keep(server.part())
            self._keeper.wait_ready("redis")
        except (ServerMissing, StartFailed) as error:
            self._say(str(error))
            return None
        return server.url

    def run_forever(self) -> None:
        """Wait for SIGINT, SIGTERM or SIGHUP, then stop everything; call it in the main thread.

        A second signal does not wait for a clean end: this process dies and the kernel ends its children.
        """
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            while not (self._asked_to_stop.is_set() or self._keeper.ended.is_set()):
                self._asked_to_stop.wait(1)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            broken = self._keeper.broken
            self.stop()
        if broken is not None:
            raise broken

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._say(f"{signal.Signals(number).name}: stopping.")
        self._asked_to_stop.set()

    def ask_to_stop(self) -> None:
        """Make `run_forever` return, from any thread."""
        self._asked_to_stop.set()

    def stop(self) -> None:
        """Stop the services, then Redis, then PostgreSQL, and let the data folder go."""
        if not self.data.locked:
            return
        self._keeper.stop_all()
        remove_socket_folder(self.data)
        (self.data.run / "state.json").unlink(missing_ok=True)
        self.data.unlock()

    def pids(self) -> dict[str, int]:
        """The process id of each part that runs now, by name."""
        return {kept.part.name: kept.process.pid for kept in self._keeper.kept() if kept.process is not None}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _each_second(self) -> None:
        if self._ballast and self._ballast.watch():
            self._write_state()

    def _write_state(self) -> None:
        # The keeper's thread writes as well; the newest picture must be the one that stays.
        with self._writing:
            parts = {
                kept.part.name: PartState(
                    pid=kept.process.pid if kept.process else None,
                    port=kept.part.port,
                    started_at=kept.started_at.isoformat() if kept.started_at else None,
                    restarts=max(0, kept.starts - 1),
                    error=kept.error,
                )
                for kept in self._keeper.kept()
            }
            state = State(
                supervisor=os.getpid(),
                started_at=self._started_at.isoformat(),
                database=without_password(self.urls.database) if self.urls else None,
                redis=without_password(self.urls.redis) if self.urls and self.urls.redis else None,
                disk_full=bool(self._ballast and self._ballast.given),
                parts=parts,
            )
            try:
                write_state(self.data.run / "state.json", state)
            except OSError as error:
                self._say(f"The state file in {self.data.run} could not be written: {error.strerror}.")


def _part(service: Service, data: Path) -> Part:
    program = shutil.which(service.argv[0])
    if program is None:
        raise ServerMissing(
            "SERVER-START-004",
            f"{service.name} cannot start: the program {service.argv[0]} is not there. Reinstall the hub.",
        )
    return Part(
        name=service.name,
        argv=[program, *service.argv[1:]],
        env={**os.environ, DATA_MARK: str(data), **service.env},
        cwd=service.cwd,
        port=service.port,
        stop_signals=((signal.SIGTERM, service.grace), (signal.SIGKILL, 5.0)),
        ready=service.ready,
    )


def _reach_database(url: str, say: Callable[[str], None]) -> str:
    """The URL in SQLAlchemy's form, once the database behind it answers."""
    plain = "postgresql://" + url.split("://", 1)[-1]
    end = time.monotonic() + EXTERNAL_SECONDS
    told = False
    while True:
        try:
            psycopg.connect(plain, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > end:
                raise StartFailed(
                    "SERVER-DATABASE-001",
                    f"The database {without_password(url)} cannot be reached: {str(error).strip()} Check "
                    f"CROSSDOCK_DATABASE_URL and that the server runs, or leave it unset for an embedded one.",
                ) from None
            if not told:
                told = True
                say(f"The database {without_password(url)} does not answer yet; waiting for it.")
            time.sleep(0.5)
        else:
            return "postgresql+psycopg://" + url.split("://", 1)[-1]


@contextmanager
def embedded_servers(data: Path, say: Callable[[str], None] = lambda _text: None) -> Iterator[Urls]:
    """PostgreSQL and Redis alone, for tests and benchmarks, stopped at the end of the block."""
    supervisor = Supervisor(data, lambda _urls: [], say=say, keep_ballast=False)
    try:
        yield supervisor.start()
    finally:
        supervisor.stop()
