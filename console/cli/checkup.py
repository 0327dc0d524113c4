"""The checks of `crossdock doctor`: what is looked at, what is wrong, what mends it."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from config.settings import Settings
from console.cli.base import Session, registry
from console.cli.status import relay_leads
from core.errors import CrossdockError
from core.jobs.hub import Hub
from core.jobs.schedule import NODE_PATIENCE_HOURS, STUCK_ORDERS
from core.services import audit
from core.services.connections import config_of
from core.services.settling import find_unpaid
from core.store import migrate
from core.store.read.gauges import read_gauges
from core.store.unit import DEFAULT_TENANT

LEAST_POSTGRES = 16
LEAST_FREE = 2 * 2**30
MOST_SKEW_MS = 1_000
LEDGER = """
SELECT count(*) FROM stock_position p LEFT JOIN (
    SELECT item_id, node_id, sum(on_hand) AS on_hand, sum(reserved) AS reserved, sum(allocated) AS allocated,
           sum(uncertain) AS uncertain
    FROM stock_movement WHERE tenant_id = :t GROUP BY item_id, node_id) m
  ON m.item_id = p.item_id AND m.node_id = p.node_id
WHERE p.tenant_id = :t AND (p.on_hand, p.reserved, p.allocated, p.uncertain) IS DISTINCT FROM
  (coalesce(m.on_hand, 0), coalesce(m.reserved, 0), coalesce(m.allocated, 0), coalesce(m.uncertain, 0))
"""


@dataclass(frozen=True)
class Found:
    """What a check found: ok, warn, fail or skip, and what mends it."""

    name: str
    status: str
    detail: str
    fix: str | None = None


def run(session: Session, only: Sequence[str]) -> Iterator[Found]:
    """Yield what each check finds; those that need the database say so when it is away."""
    settings = session.settings()
    yield from (check(settings) for name, check in MACHINE.items() if not only or name in only)
    names = [name for name in INSIDE if not only or name in only]
    if not names:
        return
    try:
        with session.hub() as hub, hub.store.read() as conn:
            for name in names:
                yield INSIDE[name](settings, hub, conn)
                conn.rollback()
    except Exception as error:  # noqa: BLE001 - whatever keeps it away, the other checks were worth running
        from console.cli.failures import describe

        failure = describe(error)
        yield Found("database", "fail", f"{failure.what} {failure.why or ''}".strip(), failure.fix)


# -- this machine


def python(_settings: Settings) -> Found:
    """What runs this; a Python that is too old does not get here."""
    return Found("python", "ok", f"Python {platform.python_version()} on {platform.system()}")


def disk(settings: Settings) -> Found:
    """There is room left where the data lies."""
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    detail = f"{usage.free / 2**30:.1f} GB free of {usage.total / 2**30:.0f} GB at {folder}"
    if usage.free < LEAST_FREE // 8:
        return Found("disk", "fail", detail, "Make room: the database stops when the disk is full.")
    if usage.free < LEAST_FREE:
        return Found("disk", "warn", detail, "Make room soon: the database stops when the disk is full.")
    return Found("disk", "ok", detail)


def secrets(settings: Settings) -> Found:
    """The secrets of this hub can be read by nobody else."""
    file = settings.data_dir / "env"
    if not file.exists():
        given = settings.secret_key is not None
        return Found("secrets", "ok" if given else "skip", "The secret key is in the environment." if given else
                     f"{settings.data_dir} holds no secrets yet.")  # fmt: skip
    if file.stat().st_mode & 0o077:
        return Found("secrets", "fail", f"Other users may read {file}.", f"chmod 600 {file}")
    return Found("secrets", "ok", f"Secrets in {file} are the owner's alone.")


def redis(settings: Settings) -> Found:
    """Redis answers and never throws hints away."""
    import redis as client

    from console.servers.errors import ServerError
    from console.wiring import locate

    try:
        url = locate(settings).redis_url
    except ServerError as error:
        return Found("redis", "skip", f"Redis was not looked at. {error}")
    if url is None:
        return Found("redis", "fail", "There is no Redis, so jobs get no hints.", "Set CROSSDOCK_REDIS_URL.")
    try:
        with client.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as connection:
            info: Any = connection.info()
            policy = info.get("maxmemory_policy", "unknown")
            limited = int(info.get("maxmemory", 0)) > 0
    except client.RedisError as error:
        return Found(
            "redis", "fail", f"Redis does not answer ({type(error).__name__}): work is slow to start.",
            "Start it; nothing is lost meanwhile.",
        )  # fmt: skip
    detail = f"Redis {info.get('redis_version')}, policy {policy}"
    if limited and policy != "noeviction":
        return Found("redis", "warn", f"{detail}: hints can vanish when memory is short.", "Set noeviction.")
    return Found("redis", "ok", detail)


# -- the database


def postgres(_settings: Settings, _hub: Hub, conn: Connection) -> Found:
    """PostgreSQL is recent enough and commits durably."""
    number = int(conn.execute(text("SHOW server_version_num")).scalar_one())
    version = conn.execute(text("SHOW server_version")).scalar_one()
    durable = conn.execute(text("SHOW synchronous_commit")).scalar_one()
    fsync = conn.execute(text("SHOW fsync")).scalar_one()
    if number // 10_000 < LEAST_POSTGRES:
        return Found("postgres", "fail", f"PostgreSQL {version} is too old.", f"Use {LEAST_POSTGRES} or newer.")
    if durable == "off" or fsync == "off":
        return Found("postgres", "fail", f"PostgreSQL {version} may lose commits (synchronous_commit={durable}, "
                     f"fsync={fsync}).", "Switch both on.")  # fmt: skip
    return Found("postgres", "ok", f"PostgreSQL {version}, durable commits")


def schema(_settings: Settings, _hub: Hub, conn: Connection) -> Found:
    """The schema is the one this version knows."""
    at, head = migrate.current(conn), migrate.head()
    if at != head:
        return Found("schema", "fail", f"The schema is at {at}, this version needs {head}.", "crossdock db upgrade")
    differing = migrate.differences(conn)
    if differing:
        return Found("schema", "fail", f"The schema differs in {len(differing)} places.", "crossdock db check")
    return Found("schema", "ok", f"The schema is at head ({head}).")


def clock(_settings: Settings, _hub: Hub, conn: Connection) -> Found:
    """This machine and the database agree on the time."""
    before = datetime.now(UTC)
    there: datetime = conn.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = datetime.now(UTC)
    middle = before + (after - before) / 2
    skew = round(abs((there - middle).total_seconds()) * 1_000)
    detail = f"The clocks of this machine and the database differ by {skew} ms."
    if skew > MOST_SKEW_MS:
        return Found("clock", "fail", detail, "Let both follow a time server; signatures depend on it.")
    return Found("clock", "ok", detail)


def ledger(_settings: Settings, _hub: Hub, conn: Connection) -> Found:
    """Stock positions are what the ledger adds up to."""
    wrong = conn.execute(text(LEDGER), {"t": DEFAULT_TENANT}).scalar_one()
    if wrong:
        return Found("ledger", "fail", f"{wrong} stock positions differ from the sum of their movements.",
                     "Report it: somebody wrote to the database by hand, or the hub has a fault.")  # fmt: skip
    return Found("ledger", "ok", "Every stock position is the sum of its movements.")


def figures(_settings: Settings, _hub: Hub, conn: Connection) -> dict[str, float]:
    """Return the gauges without labels by name."""
    return {each.name.removeprefix("crossdock_"): each.value for each in read_gauges(conn) if not each.labels}


def oversell(settings: Settings, hub: Hub, conn: Connection) -> Found:
    """No position promises more than it may."""
    number = int(figures(settings, hub, conn)["positions_oversold"])
    if number:
        return Found("oversell", "fail", f"{number} positions promise more than there is.", "Report it.")
    if unpaid := len(find_unpaid(conn)):
        return Found("oversell", "fail", f"{unpaid} positions sell units that their last count did not find.",
                     "crossdock stock settle")  # fmt: skip
    return Found("oversell", "ok", "No position promises more than there is.")


def audit_chain(_settings: Settings, _hub: Hub, conn: Connection) -> Found:
    """Nobody has touched the audit log."""
    broken = audit.broken_links(conn)
    if broken:
        return Found("audit", "fail", f"{len(broken)} audit entries do not fit the chain, the first is {broken[0]}.",
                     "Compare with a backup: somebody changed the log.")  # fmt: skip
    return Found("audit", "ok", "The audit log is whole.")


def stuck(_settings: Settings, _hub: Hub, conn: Connection) -> Found:
    """No order has stopped in silence."""
    rows = conn.execute(text(STUCK_ORDERS), {"tenant": DEFAULT_TENANT, "patience": NODE_PATIENCE_HOURS}).all()
    if rows:
        names = ", ".join(row.number or row.external_id for row in rows[:3])
        return Found("stuck", "fail", f"{len(rows)} orders have no next step: {names}.",
                     "crossdock exceptions list --code ORDER-STUCK-001")  # fmt: skip
    return Found("stuck", "ok", "Every order that is not finished has a next step.")


def connectors(_settings: Settings, hub: Hub, _conn: Connection) -> Found:
    """Every connector can be read."""
    found = registry(hub)
    if found.broken:
        names = ", ".join(sorted(found.broken))
        return Found(
            "connectors", "fail", f"Broken connectors: {names}.", f"crossdock connector info {min(found.broken)}"
        )
    return Found("connectors", "ok", f"{len(found.manifests)} connectors can be read.")


def connections(_settings: Settings, hub: Hub, conn: Connection) -> Found:
    """Every connection can be opened, and none is paused for a person."""
    rows = conn.execute(
        text("SELECT *, clock_timestamp() AS now FROM connection WHERE tenant_id = :t ORDER BY name"),
        {"t": DEFAULT_TENANT},
    ).all()
    wrong, paused = [], []
    for row in rows:
        try:
            hub.connectors.open(config_of(row, hub.box, row.now)).close()
        except CrossdockError as error:
            wrong.append(f"{row.name}: {error.what}")
        if row.paused_until is not None and row.paused_until > row.now:
            paused.append(row.name)
    if wrong:
        return Found("connections", "fail", " ".join(wrong), "crossdock connection show NAME")
    if paused:
        return Found("connections", "warn", f"Paused: {', '.join(paused)}.", f"crossdock connection resume {paused[0]}")
    return Found("connections", "ok", f"{len(rows)} connections can be opened.")


def relay(_settings: Settings, _hub: Hub, conn: Connection) -> Found:
    """Somebody says what is due."""
    if not relay_leads(conn):
        return Found("relay", "fail", "No relay leads: nothing is sent and no timer runs.", "crossdock relay")
    return Found("relay", "ok", "A relay leads.")


def backlog(settings: Settings, hub: Hub, conn: Connection) -> Found:
    """Nothing waits for a person, and nothing waits too long."""
    now = figures(settings, hub, conn)
    told = [
        f"{int(now[name])} {words}"
        for name, words in (
            ("messages_quarantined", "messages are quarantined"),
            ("deliveries_dead", "deliveries are dead"),
            ("exceptions_open", "exceptions are open"),
        )
        if now[name]
    ]
    if now["message_oldest_seconds"] > 60:
        return Found("backlog", "fail", f"The oldest message has waited {now['message_oldest_seconds']:.0f} s.",
                     "Start workers: crossdock worker")  # fmt: skip
    if told:
        return Found("backlog", "warn", f"{', '.join(told)}.", "crossdock exceptions list")
    return Found("backlog", "ok", "Nothing waits for a person.")


MACHINE: dict[str, Callable[[Settings], Found]] = {"python": python, "disk": disk, "secrets": secrets, "redis": redis}
INSIDE: dict[str, Callable[[Settings, Hub, Connection], Found]] = {
    "postgres": postgres, "schema": schema, "clock": clock, "ledger": ledger, "oversell": oversell,
    "audit": audit_chain, "stuck": stuck, "connectors": connectors, "connections": connections, "relay": relay,
    "backlog": backlog,
}  # fmt: skip
NAMES = (*MACHINE, *INSIDE)
