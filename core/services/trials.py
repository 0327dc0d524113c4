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
from core.services.takeovers import title, titles
from core.services.whatif import retiring, trying
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
ACTIVATE, RETIRE = "activate", "retire"
DECIDED_BEFORE = text("SELECT EXISTS (SELECT 1 FROM decision WHERE tenant_id = :t AND id < :floor)")
DECIDED = text("SELECT EXISTS (SELECT 1 FROM decision WHERE tenant_id = :t AND kind = 'sourcing')")


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
    """Return what a change of policy would have made of the recorded decisions it is about; nothing is stored.

    The change is that the version is activated; of one that is in force, that it is retired.  It is about the orders
    that the version gets, and about those that come from one policy to another by it.

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
    holding = read_in_force(conn, tenant)
    change = RETIRE if title(policy) in titles(holding) else ACTIVATE
    limits = strictest(
        [check_policy(row.document)] + [check_policy(each.document) for each in conn.execute(IN_FORCE, {"t": tenant})]
    )
    scenario = (retiring if change == RETIRE else trying)(policy, holding)
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
    if not replayed.looked_at:
        # A hub that has decided nothing yet has nothing to be worse than.
        found["passed"] = None
    said = {"policy": title(policy), "change": change, "in_force": titles(holding), "everything": not earlier}
    return {**said, **found}


def rooms(conn: Connection, tenant: int = DEFAULT_TENANT) -> dict[str, int | None]:
    """Return how many fulfillment orders each node takes a day, by its code; None where it has no limit."""
    n = t.node.c
    rows = conn.execute(select(n.code, n.capacity_per_day).where(n.tenant_id == tenant))
    return {row.code: row.capacity_per_day for row in rows}


def check_simulation(conn: Connection, row: Row[Any], now: datetime, change: str, *, later: bool = False) -> None:
    """Refuse a change of policy that the last simulation of its version does not allow.

    Args:
        conn: a session to read with, in which no other changes what is in force.
        row: the version.
        now: the database's time.
        change: `ACTIVATE` or `RETIRE`.
        later: whether it is to happen at a time to come.

    Raises:
        Refused: there is none, it is too old, covers too little, other policies are in force than then, or a guardrail
            does not hold.
    """
    name, found = f"{row.name}@{row.number}", row.simulation
    what = name if change == ACTIVATE else f"Retiring {name}"
    fix = f"Run `crossdock policy simulate {name}`."

    def unproven(said: str, fix: str = fix) -> Refused:
        return Refused(said, fix=fix, code="POLICY-SIMULATION-403")

    if found is None or found.get("change", ACTIVATE) != change:
        raise unproven(f"{what} was not simulated.")
    if now - row.simulated_at > STANDS:
        raise unproven(f"The simulation of {name} is older than {STANDS.days} days.")
    holding = titles(read_in_force(conn, row.tenant_id))
    if found.get("in_force") != holding:
        raise unproven(f"{what} was simulated while other policies were in force than {', '.join(holding) or 'none'}.")
    covered = now - datetime.fromisoformat(found["since"])
    if not found["everything"] and covered < COVERS and found["looked_at"] < ENOUGH:
        raise unproven(
            f"The simulation of {name} covers less than {COVERS.days} days and {ENOUGH:,} decisions.",
            f"{fix[:-2]} --since 30d`.",
        )
    if found["passed"] is None:
        if later:
            raise unproven(f"{what} was compared over no order, and may be by then.", "Leave the time out.")
        if conn.execute(DECIDED, {"t": row.tenant_id}).scalar_one():
            raise unproven(f"{what} was simulated before the first order was decided.")
        return
    broken = [each for each in found["guardrails"] if not each["holds"]]
    if not broken:
        return
    named = ", ".join(
        f"{each['name']} is {'not known' if each['value'] is None else each['value']}, limit {each['limit']:g}"
        for each in broken
    )
    none = not found["orders"]
    raise Refused(
        f"{what} breaks a guardrail: {named}.",
        why="No recorded order would come to it, so no figure is known." if none else "Its simulation says so.",
        fix="Simulate it when there are orders it is for."
        if none
        else "Change the policy, or have its guardrails changed by a version of their own.",
        code="POLICY-GUARDRAIL-403",
        guardrails=broken,
    )
