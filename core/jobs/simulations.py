"""Simulations that were asked for: each is one walk over recorded decisions, told of every second."""

from __future__ import annotations

import time

import structlog

from core.domain.ids import public_id
from core.errors import CrossdockError
from core.jobs.hub import Hub
from core.services.simulations import ClaimLost, claim, end, go_on
from core.services.trials import simulate

log = structlog.get_logger()
TELL_SECONDS = 1.0


def run_simulation(hub: Hub) -> int:
    """Make the decisions of the oldest waiting simulation again; return 1 when there was one."""
    with hub.store.begin() as unit:
        row = claim(unit)
    if row is None:
        return 0
    told = time.monotonic()

    def tell(done: int, pieces: int) -> None:
        nonlocal told
        if done < pieces and time.monotonic() - told < TELL_SECONDS:
            return
        told = time.monotonic()
        with hub.store.begin() as unit:
            go_on(unit, row, done, pieces)

    try:
        with hub.store.read() as conn:
            found = simulate(
                conn,
                public_id("policy", row.policy_id),
                row.created_at,
                row.since,
                carry=row.carry,
                tell=tell,
                tenant=row.tenant_id,
            )
        with hub.store.begin(actor=row.actor) as unit:
            end(unit, row, found)
    except CrossdockError as error:
        with hub.store.begin(actor=row.actor) as unit:
            end(unit, row, error)
    except ClaimLost as lost:
        log.warning("simulation.claim_lost", simulation=str(lost))
    return 1
