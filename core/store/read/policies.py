"""Policies as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from core.domain.ids import kind_of, parse_id, public_id
from core.errors import NotFound
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, only, rows_by_id
from core.store.read.text import instant
from core.store.unit import DEFAULT_TENANT

_p, _s = t.policy.c, t.simulation.c
_SIMULATION = select(t.simulation, _p.name, _p.number).join(
    t.policy, (_p.tenant_id == _s.tenant_id) & (_p.id == _s.policy_id)
)


def policy_row(conn: Connection, name: str, tenant: int = DEFAULT_TENANT) -> Row[Any]:
    """Return the row of a version: `NAME@NUMBER`, its id (`pol_…`), or `NAME` for the newest.

    Raises:
        NotFound: there is none.
    """
    query = select(t.policy).where(_p.tenant_id == tenant)
    title, _, number = name.partition("@")
    if kind_of(name) == "policy":
        query = query.where(_p.id == parse_id("policy", name))
    elif not number:
        query = query.where(_p.name == title)
    elif number.isdecimal() and len(number) < 9:
        query = query.where(_p.name == title, _p.number == int(number))
    else:
        raise _missing(name)
    row = conn.execute(query.order_by(_p.number.desc()).limit(1)).one_or_none()
    if row is None:
        raise _missing(name)
    return row


def counterpart(conn: Connection, row: Row[Any]) -> Row[Any] | None:
    """Return the version in force of the same name, None when there is none; of that one itself, the one before it."""
    others = conn.execute(
        select(t.policy)
        .where(_p.tenant_id == row.tenant_id, _p.name == row.name, _p.id != row.id, _p.active_from.is_not(None))
        .order_by((_p.state == "active").desc(), _p.active_from.desc())
        .limit(1)
    )
    return others.one_or_none()


def _missing(name: str) -> NotFound:
    return NotFound(
        f"There is no policy {name[:80]!r}.",
        fix="Name one as NAME@NUMBER; see `crossdock policy list`.",
        code="POLICY-MISSING-404",
    )


def list_policies(
    conn: Connection,
    piece: Slice,
    *,
    name: str | None = None,
    state: Sequence[str] = (),
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of policies without their simulations' figures, newest first."""
    columns = [each for each in _p if each.key != "simulation"]
    query = only(
        select(*columns, _p.simulation["passed"].label("passed")),
        t.policy,
        tenant,
        name=(_p.name, name),
        state=(_p.state, state),
    )
    rows, after = rows_by_id(conn, query, _p.id, piece)
    return Listed([_policy(row, row.passed) for row in rows], after)


def read_policy(conn: Connection, name: str, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one version with the report of its last simulation, and with the one that is running.

    Raises:
        NotFound: there is none.
    """
    row = policy_row(conn, name, tenant)
    return {
        **_policy(row, (row.simulation or {}).get("passed")),
        "simulation": row.simulation,
        "simulating": open_simulation(conn, row.id, tenant),
    }


def read_simulation(conn: Connection, simulation_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return a simulation that was asked for: how far it is, then its report or what went wrong.

    Raises:
        NotFound: there is none.
    """
    row = conn.execute(_SIMULATION.where(_s.id == simulation_id, _s.tenant_id == tenant)).one_or_none()
    if row is None:
        raise NotFound(f"There is no simulation {public_id('simulation', simulation_id)}.")
    return _simulation(row)


def open_simulation(conn: Connection, policy_id: UUID, tenant: int = DEFAULT_TENANT) -> Json | None:
    """Return the simulation of a version that is queued or running, None when there is none."""
    found = _SIMULATION.where(_s.tenant_id == tenant, _s.policy_id == policy_id, _s.state.in_(("queued", "running")))
    row = conn.execute(found).one_or_none()
    return None if row is None else _simulation(row)


def _simulation(row: Row[Any]) -> Json:
    return {
        "id": public_id("simulation", row.id),
        "policy": f"{row.name}@{row.number}",
        "state": row.state,
        "since": instant(row.since),
        "carry_stock": row.carry,
        "progress": round(row.done / row.pieces, 3) if row.pieces else 0.0,
        "report": row.report,
        "error": row.error,
        "actor": row.actor,
        "created_at": instant(row.created_at),
        "started_at": instant(row.started_at),
        "finished_at": instant(row.finished_at),
        "version": row.version,
    }


def _policy(row: Row[Any], passed: bool | None) -> Json:
    return {
        "id": public_id("policy", row.id),
        "policy": f"{row.name}@{row.number}",
        "name": row.name,
        "number": row.number,
        "state": row.state,
        "document": row.document,
        "author": row.author,
        "approver": row.approver,
        "comments": row.comments,
        "active_from": instant(row.active_from),
        "simulated_at": instant(row.simulated_at),
        "passed": passed,
        "created_at": instant(row.created_at),
        "version": row.version,
    }
