"""Connections: configured accounts, their modes, pauses and secrets."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, insert, select, text, update

from core.domain.cases import PAUSED
from core.domain.ids import uuid7
from core.domain.vocabulary import Mode
from core.errors import Conflict, InputError, Misconfigured, NotFound
from core.ports.connectors import ConnectionConfig, Connectors
from core.ports.partners import Vetted
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.secretbox import SecretBox
from core.store import schema as t
from core.store.unit import DELIVERIES, Unit

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")
# A pause by a person or by a fault that only a person can mend; a breaker's or a 429's has an end.
FOREVER = datetime.fromisoformat("9999-01-01T00:00:00+00:00")
ROTATION = timedelta(hours=24)
POLLS = {"list_orders": "orders", "list_stock": "stock", "list_items": "items", "receive_files": "files"}
POLL_SECONDS = {"orders": 600, "stock": 900, "items": 3600, "files": 10}
# Asked for with every delivery, so they are built once.
ROW = select(t.connection).where(t.connection.c.tenant_id == bindparam("tenant"), t.connection.c.id == bindparam("id"))
LOCK_ROW = ROW.with_for_update(key_share=True)


def add_connection(
    unit: Unit,
    connectors: Connectors,
    box: SecretBox,
    *,
    name: str,
    connector: str,
    settings: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    label: str | None = None,
    mode: Mode = Mode.LIVE,
) -> UUID:
    """Configure an account and return its id; its polls start at once.

    Raises:
        InputError: the name is not usable.
        Conflict: the name is taken.
        Misconfigured: there is no such connector, or the settings do not fit its manifest.
    """
    if not NAME.match(name):
        raise InputError(
            f"{name[:60]!r} cannot be a connection's name.",
            fix="Use lower-case letters, digits, dots, dashes and underscores; it is part of the webhook address.",
            code="CONN-NAME-422",
        )
    taken = unit.conn.execute(
        select(t.connection.c.id).where(t.connection.c.tenant_id == unit.tenant, t.connection.c.name == name)
    ).one_or_none()
    if taken:
        raise Conflict(f"There is a connection {name!r} already.", fix="Choose another name.", code="CONN-NAME-409")
    connection_id = uuid7()
    config = ConnectionConfig(connection_id, name, connector, mode, settings or {}, secrets or {})
    require_usable(unit, connectors, config)
    unit.conn.execute(
        insert(t.connection).values(
            tenant_id=unit.tenant,
            id=connection_id,
            name=name,
            connector=connector,
            label=label,
            mode=str(mode),
            settings=dict(settings or {}),
            secrets=box.seal(secrets or {}),
        )
    )
    limits = connectors.limits(connector)
    unit.conn.execute(
        text("INSERT INTO seat (tenant_id, connection_id, n) SELECT :t, :c, n FROM generate_series(1, :seats) n"),
        {"t": unit.tenant, "c": connection_id, "seats": max(1, int(limits["concurrency"]))},
    )
    for capability, poll in POLLS.items():
        if capability in connectors.capabilities(connector):
            unit.conn.execute(
                insert(t.cursor).values(
                    tenant_id=unit.tenant,
                    connection_id=connection_id,
                    name=poll,
                    next_at=unit.now,
                    interval_seconds=int(config.settings.get(f"poll_{poll}_seconds") or POLL_SECONDS[poll]),
                )
            )
    unit.event("connection.added", "connection", connection_id, {"name": name, "connector": connector})
    return connection_id


def require_usable(unit: Unit, connectors: Connectors, config: ConnectionConfig) -> None:
    """Refuse an account whose settings do not fit its connector, or name something that is not there.

    Args:
        unit: the running transaction, with the other accounts of its connector.
        connectors: opens it.
        config: what it is opened with.

    Raises:
        Misconfigured: there is no such connector, or a setting does not fit.
    """
    opened = connectors.open(config)
    try:
        if isinstance(opened, Vetted):
            opened.require_settings(beside(unit, config) if config.mode != Mode.OFF else {})
    finally:
        opened.close()


def beside(unit: Unit, config: ConnectionConfig) -> dict[str, Mapping[str, Any]]:
    """Return the settings of the other connections of a connector that are switched on.

    One that is switched off takes nothing from anybody, and may have been replaced by this one.
    """
    # One change after the other: of two partners added at once, each would not see the other.
    unit.conn.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"beside {config.connector}"})
    c = t.connection.c
    others = select(c.name, c.settings).where(
        c.tenant_id == unit.tenant, c.connector == config.connector, c.id != config.id, c.mode != str(Mode.OFF)
    )
    return {row.name: row.settings for row in unit.conn.execute(others)}


def refuse_unfit_secrets(
    unit: Unit, connectors: Connectors, box: SecretBox, connection_id: UUID, names: Collection[str]
) -> None:
    """Refuse secrets that were given anew and do not fit the settings, such as a key of another certificate.

    Args:
        unit: the running transaction, in which they were stored.
        connectors: opens the account.
        box: opens its secrets.
        connection_id: of the account.
        names: of the secrets that were given; what is wrong with others is no matter now.

    Raises:
        InputError: one does not fit; all that do not are named.
    """
    row = row_of(unit, connection_id)
    try:
        opened = connectors.open(config_of(row, box, unit.now))
    except Misconfigured:
        return  # it is told whenever it is used
    try:
        if isinstance(opened, Vetted):
            opened.require_settings({})
    except Misconfigured as error:
        found = [(each["path"].removeprefix("secrets."), each["reason"]) for each in error.data.get("errors", ())]
        wrong = "; ".join(f"{name} {reason}" for name, reason in found if name in names)
        if wrong:
            raise InputError(
                f"The secrets of {row.name} do not fit: {wrong}.",
                fix="Give those that belong to the settings, or change the settings first; nothing was stored.",
                code=error.error_code,
            ) from None
    finally:
        opened.close()


def row_of(unit: Unit, connection_id: UUID, *, lock: bool = False) -> Row[Any]:
    """Return the row of a connection.

    Raises:
        NotFound: there is no such connection.
    """
    row = unit.conn.execute(LOCK_ROW if lock else ROW, {"tenant": unit.tenant, "id": connection_id}).one_or_none()
    if row is None:
        raise NotFound(f"There is no connection con_{connection_id.hex}.")
    return row


def config_of(row: Row[Any], box: SecretBox, now: datetime) -> ConnectionConfig:
    """Return what a connector is opened with; the previous secrets only while their rotation window lasts."""
    rotating = row.secrets_rotated_at is not None and now - row.secrets_rotated_at < ROTATION
    return ConnectionConfig(
        row.id,
        row.name,
        row.connector,
        Mode(row.mode),
        row.settings,
        box.open(row.secrets),
        box.open(row.previous_secrets) if rotating else {},
    )


def _write(unit: Unit, connection_id: UUID, **values: Any) -> None:
    unit.conn.execute(
        update(t.connection)
        .where(t.connection.c.tenant_id == unit.tenant, t.connection.c.id == connection_id)
        .values(version=t.connection.c.version + 1, **values)
    )


def set_mode(unit: Unit, connection_id: UUID, mode: Mode) -> None:
    """Switch a connection off, or to observe, shadow or live."""
    row_of(unit, connection_id, lock=True)
    _write(unit, connection_id, mode=str(mode))
    unit.event("connection.mode_set", "connection", connection_id, {"mode": str(mode)})
    unit.wake(DELIVERIES)


def rotate_secrets(unit: Unit, box: SecretBox, connection_id: UUID, secrets: Mapping[str, str]) -> None:
    """Replace secrets; webhooks signed with the previous ones are accepted for 24 hours more."""
    row = row_of(unit, connection_id, lock=True)
    _write(
        unit,
        connection_id,
        previous_secrets=row.secrets,
        secrets=box.seal({**box.open(row.secrets), **secrets}),
        secrets_rotated_at=unit.now,
    )
    unit.event("connection.secrets_rotated", "connection", connection_id)


def pause(unit: Unit, connection_id: UUID, reason: str, until: datetime | None = None) -> None:
    """Send nothing to this connection until a time, or until somebody resumes it; everything waits in order."""
    row_of(unit, connection_id, lock=True)
    _write(unit, connection_id, paused_until=until or FOREVER, pause_reason=reason[:500])
    unit.event("connection.paused", "connection", connection_id, {"reason": reason[:500]})


def pause_with_case(unit: Unit, connection_id: UUID, code: str, what: str) -> None:
    """Pause a connection that only a person can mend, and open the case that says so."""
    row = row_of(unit, connection_id)
    pause(unit, connection_id, what)
    open_cases(
        unit,
        [
            Opened(
                PAUSED,
                f"{PAUSED.code}:{connection_id.hex}",
                {"connection": row.name, "code": code, "what": what},
                [Member("connection", connection_id)],
                connection_id=connection_id,
                arguments={"connection": row.name},
            )
        ],
    )


def resume(unit: Unit, connection_id: UUID) -> None:
    """Let a paused connection go on."""
    row_of(unit, connection_id, lock=True)
    _write(unit, connection_id, paused_until=None, pause_reason=None, failures=0, breaker_opened=0)
    settle_members(unit, "connection", [connection_id], codes=[PAUSED.code])
    unit.event("connection.resumed", "connection", connection_id)
    unit.wake(DELIVERIES)


def revoke(unit: Unit, connection_id: UUID, reason: str) -> None:
    """Stop using a connection whose partner has withdrawn our access."""
    _write(unit, connection_id, mode=str(Mode.OFF))
    pause_with_case(unit, connection_id, "revoked", reason)


def remove(unit: Unit, connection_id: UUID) -> None:
    """Remove a connection nothing refers to.

    Raises:
        Conflict: it has messages or deliveries; they are the record of what happened, so it is switched off instead.
    """
    row_of(unit, connection_id, lock=True)
    for table, words in (("message", "messages"), ("delivery", "deliveries"), ("orders", "orders"), ("node", "nodes")):
        used = unit.conn.execute(
            text(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE tenant_id = :t AND connection_id = :c)"),  # noqa: S608
            {"t": unit.tenant, "c": connection_id},
        ).scalar_one()
        if used:
            raise Conflict(
                f"The connection cannot be removed: it has {words}.",
                fix="Switch it off: `crossdock connection mode NAME off`.",
                code="CONN-USED-409",
            )
    for table in ("seat", "cursor", "listing", "item_reference", "connection"):
        column = "id" if table == "connection" else "connection_id"
        unit.conn.execute(
            text(f"DELETE FROM {table} WHERE tenant_id = :t AND {column} = :c"),  # noqa: S608
            {"t": unit.tenant, "c": connection_id},
        )
