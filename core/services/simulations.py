"""Simulations too large for one request: asked for once per version, claimed under a lease, their progress told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from core.domain.ids import floor_of, public_id, uuid7
from core.domain.payloads import jsonable
from core.errors import CrossdockError
from core.services import audit, policies, trials
from core.store.bulk import as_json
from core.store.read.policies import policy_row
from core.store.unit import SIMULATIONS, Unit

Json = dict[str, Any]
AT_ONCE = 5_000
"""Decisions a request makes again itself, in some two seconds; more are a job."""
LEASE_SECONDS = 60
FEW = text(
    "SELECT count(*) <= :most FROM (SELECT 1 FROM decision WHERE tenant_id = :t AND id >= :floor LIMIT :most + 1) found"
)
ASK = text(
    """
    INSERT INTO simulation (tenant_id, id, policy_id, since, carry, actor)
    VALUES (:t, :id, :policy, :since, :carry, :actor)
    ON CONFLICT (tenant_id, policy_id) WHERE state IN ('queued', 'running') DO NOTHING
    """
)
OPEN = text("SELECT id FROM simulation WHERE tenant_id = :t AND policy_id = :policy AND state IN ('queued', 'running')")
CLAIM = text(
    """
    UPDATE simulation SET state = 'running', started_at = clock_timestamp(), done = 0, version = version + 1,
           lease_until = clock_timestamp() + make_interval(secs => :lease)
    WHERE tenant_id = :t AND id = (
        SELECT id FROM simulation WHERE tenant_id = :t
          AND (state = 'queued' OR state = 'running' AND lease_until < clock_timestamp())
        ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING *
    """
)
# Who was too slow to keep its claim finds it begun anew.
GO_ON = text(
    """
    UPDATE simulation SET done = :done, pieces = :pieces, version = version + 1,
           lease_until = clock_timestamp() + make_interval(secs => :lease)
    WHERE tenant_id = :t AND id = :id AND state = 'running' AND started_at = :started
    """
)
END = text(
    """
    UPDATE simulation SET state = :state, report = CAST(:report AS json), error = CAST(:error AS json),
           finished_at = clock_timestamp(), lease_until = NULL, version = version + 1
    WHERE tenant_id = :t AND id = :id AND state = 'running' AND started_at = :started
    """
)


class ClaimLost(RuntimeError):
    """Another worker has begun the simulation anew; nothing more is written here."""


def is_small(conn: Connection, since: datetime, tenant: int) -> bool:
    """Return whether the decisions made since then are few enough to be made again within a request."""
    return bool(conn.execute(FEW, {"t": tenant, "floor": floor_of(since), "most": AT_ONCE}).scalar_one())


def simulate_or_ask(unit: Unit, name: str, since: datetime | None, *, carry: bool = True) -> tuple[UUID, UUID | None]:
    """Simulate a version at once where that is quick, else have a worker do it.

    Args:
        unit: the running transaction.
        name: of the version.
        since: decisions made then or later; a month back when None.
        carry: whether stock is carried on.

    Returns:
        The version's id, and the id of the simulation that is queued or running, None when it is done.

    Raises:
        NotFound: there is no such version.
        InputError: nothing was decided in that time, though something was before.
    """
    row, since = policy_row(unit.conn, name, unit.tenant), since or unit.now - trials.LOOK_BACK
    if is_small(unit.conn, since, unit.tenant):
        found = trials.simulate(unit.conn, name, unit.now, since, carry=carry, tenant=unit.tenant)
        return policies.keep_simulation(unit, name, found), None
    asked = {"t": unit.tenant, "id": uuid7(), "policy": row.id, "since": since, "carry": carry, "actor": unit.actor}
    if unit.conn.execute(ASK, asked).rowcount:
        unit.wake(SIMULATIONS)
        audit.record(unit, "policy.simulate", f"{row.name}@{row.number}", jsonable({"since": since, "carry": carry}))
    return row.id, unit.conn.execute(OPEN, {"t": unit.tenant, "policy": row.id}).scalar_one()


def claim(unit: Unit) -> Row[Any] | None:
    """Claim the oldest simulation that waits, or whose worker is gone; None when there is none."""
    return unit.conn.execute(CLAIM, {"t": unit.tenant, "lease": LEASE_SECONDS}).one_or_none()


def go_on(unit: Unit, row: Row[Any], done: int, pieces: int) -> None:
    """Tell how far a claimed simulation is and keep the claim.

    Raises:
        ClaimLost: it was claimed by another.
    """
    told = {"t": unit.tenant, "id": row.id, "started": row.started_at, "lease": LEASE_SECONDS}
    if not unit.conn.execute(GO_ON, {**told, "done": done, "pieces": pieces}).rowcount:
        raise ClaimLost(public_id("simulation", row.id))


def end(unit: Unit, row: Row[Any], found: Mapping[str, Any] | CrossdockError) -> None:
    """Keep the report of a claimed simulation with itself and its version, or why there is none.

    Raises:
        ClaimLost: it was claimed by another.
    """
    failed = isinstance(found, CrossdockError)
    if not isinstance(found, CrossdockError):
        found = {**found, "by": unit.actor}
    told = {
        "t": unit.tenant,
        "id": row.id,
        "started": row.started_at,
        "state": "failed" if failed else "done",
        "report": None if failed else as_json(jsonable(found)),
        "error": as_json(found.as_dict()) if isinstance(found, CrossdockError) else None,
    }
    if not unit.conn.execute(END, told).rowcount:
        raise ClaimLost(public_id("simulation", row.id))
    if not isinstance(found, CrossdockError):
        policies.keep_simulation(unit, public_id("policy", row.policy_id), found)
