"""Simulations of policies: what a version would have made of recorded decisions, and whether it may be activated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, text

from core.domain.ids import floor_of
from core.domain.policies import check_policy
from core.errors import InputError, Refused
from core.services.guardrails import report, strictest
from core.services.inforce import IN_FORCE, in_force_of, read_in_force
from core.services.simulating import Told, decide_again
from core.services.whatif import trying
from core.store import schema as t
from core.store.read.policies import policy_row
from core.store.unit import DEFAULT_TENANT

Json = dict[str, Any]
# A simulation older than this says too little of today's orders.
STANDS = timedelta(days=7)
# A simulation must cover this much of the past, or all there is, or so many decisions.
COVERS = timedelta(days=7)
ENOUGH = 20_000
LOOK_BACK = timedelta(days=30)
DECIDED_BEFORE = text("SELECT EXISTS (SELECT 1 FROM decision WHERE tenant_id = :t AND id < :floor)")


def simulate(
    conn: Connection,
    name: str,
    now: datetime,
    since: datetime | None = None,
    *,
    engine: Engine | None = None,
    processes: int = 1,
    limit: int | None = None,
    carry: bool = True,
    tell: Told | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Json:
    """Return what a version would have made of the recorded decisions it is for; nothing is stored.

    Args:
        conn: a session to read with.
        name: of the version.
        now: the database's time.
        since: decisions made then or later; a month back when None.
        engine: of the same database, where several processes may read.
        processes: how many at most, where each decision is made alone.
        limit: only the newest so many decisions; all when None.
        carry: whether what another choice took is missing for later decisions; else each is made alone.
        tell: is told how far it is.
        tenant: whose.

    Raises:
        NotFound: there is no such version.
        InputError: nothing was decided in that time, though something was before.
    """
    row, since = policy_row(conn, name, tenant), since or now - LOOK_BACK
    policy = in_force_of(row.name, row.number, check_policy(row.document))
    limits = strictest(
        [check_policy(row.document)] + [check_policy(each.document) for each in conn.execute(IN_FORCE, {"t": tenant})]
    )
    scenario = trying(policy, read_in_force(conn, tenant))
    replayed = decide_again(
        conn, scenario, since, engine=engine, processes=processes, limit=limit, carry=carry, tell=tell, tenant=tenant
    )
    earlier = bool(conn.execute(DECIDED_BEFORE, {"t": tenant, "floor": floor_of(since)}).scalar_one())
    if limit is not None and replayed.looked_at >= limit and replayed.first is not None:
        since, earlier = replayed.first, True
    if earlier and not replayed.looked_at:
        raise InputError(
            "Nothing was decided in that time, so nothing can be compared.",
            fix="Look further back: --since 30d.",
            code="POLICY-WINDOW-422",
        )
    found = report(replayed, limits, since, now, rooms(conn, tenant))
    return {"policy": f"{row.name}@{row.number}", "everything": not earlier, **found}


def rooms(conn: Connection, tenant: int = DEFAULT_TENANT) -> dict[str, int | None]:
    """Return how many fulfillment orders each node takes a day, by its code; None where it has no limit."""
    n = t.node.c
    rows = conn.execute(select(n.code, n.capacity_per_day).where(n.tenant_id == tenant))
    return {row.code: row.capacity_per_day for row in rows}


def check_simulation(row: Row[Any], now: datetime) -> None:
    """Refuse a version whose simulation does not let it be activated.

    Raises:
        Refused: there is none, it is too old, covers too little, or a guardrail does not hold.
    """
    title, found = f"{row.name}@{row.number}", row.simulation
    fix = f"Run `crossdock policy simulate {title}`."
    if found is None:
        raise Refused(f"{title} was not simulated.", fix=fix, code="POLICY-SIMULATION-403")
    if now - row.simulated_at > STANDS:
        raise Refused(
            f"The simulation of {title} is older than {STANDS.days} days.", fix=fix, code="POLICY-SIMULATION-403"
        )
    covered = now - datetime.fromisoformat(found["since"])
    looked_at = found["orders"] + found["others"]
    if not found["everything"] and covered < COVERS and looked_at < ENOUGH:
        raise Refused(
            f"The simulation of {title} covers less than {COVERS.days} days and {ENOUGH:,} decisions.",
            fix=f"{fix[:-2]} --since 30d`.",
            code="POLICY-SIMULATION-403",
        )
    broken = [each for each in found["guardrails"] if not each["holds"]]
    if broken:
        named = ", ".join(f"{each['name']} is {each['value']}, limit {each['limit']:g}" for each in broken)
        raise Refused(
            f"{title} breaks a guardrail: {named}.",
            why="Its simulation over recorded orders says so.",
            fix="Change the policy, or have its guardrails changed by a version of their own.",
            code="POLICY-GUARDRAIL-403",
            guardrails=broken,
        )
