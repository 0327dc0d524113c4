"""Waves kept: sealed with what they were made from, checked as a whole, and made again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, insert, text

from core.domain.ids import floor_of
from core.domain.packing import Corrupt, pack, unpack
from core.domain.payloads import dump
from core.domain.seals import altered, seal
from core.routing import record
from core.routing.waverecord import Plans, again, assignments_of, faults, inputs_of, plan_of, wave_of
from core.services.recording import share
from core.services.redeciding import Bases, Difference, Verdict
from core.services.wavepool import WavePool
from core.services.wavesearch import Found
from core.store import schema as t
from core.store.unit import DEFAULT_TENANT, Unit

Json = dict[str, Any]
FIELDS = (
    "id", "cause", "orders", "found", "changed", "cost_before", "cost_after", "bound", "finished", "report", "inputs",
    "choice", "duration_us", "actor", "at",
)  # fmt: skip
"""What the seal of a wave covers, in this order."""
# report::text is the very text that was written; the driver would hand out its own reading of it.
ROWS = text(f"SELECT {', '.join(FIELDS).replace('report', 'report::text AS report')}, seal FROM wave"  # noqa: S608
            " WHERE tenant_id = :t AND id >= :since ORDER BY id DESC LIMIT :limit")  # fmt: skip
PATIENCE_SECONDS = 60.0
"""A wave that ended by itself is searched again for so long at most."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A wave that ran: what it was made from, what was found, which plans were carried out, and what all costs now."""

    id: UUID
    cause: str
    pool: WavePool
    found: Found
    plans: Plans
    after: int
    report: Json
    duration_us: int


def keep_wave(unit: Unit, kept: Kept) -> None:
    """Write a wave; what it was made from is kept where it changed something."""
    wave, members = kept.found.wave, list(kept.pool.members.values())
    inputs = choice = None
    if kept.plans:
        nodes = list(kept.pool.facts.nodes.values())
        pooled = [member.pooled for member in members]
        bases = share(unit, [each.problem for each in pooled], nodes)
        inputs = pack(dump(inputs_of(pooled, bases, kept.pool.stock, kept.pool.limits, nodes)).encode())
        at = {node.id: index for index, node in enumerate(nodes)}
        plans = {
            each.order_id.hex: plan_of(each, kept.plans[each.order_id], at)
            for each in pooled
            if each.order_id in kept.plans
        }
        chosen = {"engine": record.ENGINE, "searched": wave.after, "plans": plans}
        choice = pack(dump(chosen).encode())
    values: Json = {
        "id": kept.id, "cause": kept.cause, "orders": len(members), "found": len(kept.found.granted),
        "changed": len(kept.plans), "cost_before": wave.before, "cost_after": kept.after,
        "bound": min(wave.bound, kept.after), "finished": wave.finished, "report": kept.report, "inputs": inputs,
        "choice": choice, "duration_us": kept.duration_us, "actor": unit.actor, "at": unit.now,
    }  # fmt: skip
    sealed = seal([_bytes({**values, "report": dump(kept.report)}[name]) for name in FIELDS])
    unit.conn.execute(insert(t.wave).values(tenant_id=unit.tenant, **values, seal=sealed))


def verify_waves(
    conn: Connection, since: datetime | None, limit: int | None = None, tenant: int = DEFAULT_TENANT
) -> Verdict:
    """Check the seals of waves, check each as a whole, and search again those whose search ended by itself."""
    verdict, bases = Verdict(), Bases(conn, tenant)
    for row in conn.execute(ROWS, {"t": tenant, "since": floor_of(since), "limit": limit}):
        verdict.decisions += 1
        wrong = _wrong(row, bases, verdict)
        verdict.agree += wrong == []
        verdict.differ += wrong or []
    return verdict


def _wrong(row: Row[Any], bases: Bases, verdict: Verdict) -> list[Difference] | None:
    """Return what is wrong with a wave, None when it is whole but of an older engine."""
    changed = altered([_bytes(getattr(row, name)) for name in FIELDS], bytes(row.seal))
    if changed is not None:
        names = [FIELDS[at] for at in changed] or ["seal"]
        return [Difference(row.id, name, "was altered", "wave") for name in names]
    if row.inputs is None:
        return []
    try:
        choice = orjson.loads(unpack(bytes(row.choice)))
        if choice["engine"] != record.ENGINE:
            verdict.older += 1
            return None
        inputs = orjson.loads(unpack(bytes(row.inputs)))
        pool, stock, limits = wave_of(inputs, bases.get)
        nodes = bases.get(bytes.fromhex(inputs["orders"][0]["basis"])).nodes
    except (Corrupt, orjson.JSONDecodeError) as error:
        return [Difference(row.id, "inputs", f"what it was made from cannot be used: {error}", "wave")]
    orders = {each.order_id: each for each in pool}
    plans = {UUID(name): assignments_of(orders[UUID(name)], rows, nodes) for name, rows in choice["plans"].items()}
    told = faults(pool, stock, limits, plans, row.cost_before, row.cost_after)
    found = [Difference(row.id, "choice", each, "wave") for each in told]
    made = again(pool, stock, limits, PATIENCE_SECONDS) if row.finished else None
    if made is not None and made != choice["searched"]:
        how = f"the search comes to {made} today, not {choice['searched']}"
        found.append(Difference(row.id, "choice", how, "wave"))
    return found


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").encode()
    if isinstance(value, UUID):
        return value.bytes
    return value if isinstance(value, bytes) else str(value).encode()
