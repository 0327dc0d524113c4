"""The decision store, writing: every choice with all it was made from, in few bytes, sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from core.domain.packing import pack
from core.domain.payloads import dump
from core.domain.policies import Traits
from core.domain.seals import seal
from core.routing import record
from core.routing.problem import NodeFacts, Plan, Policy, Problem
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.unit import Unit

SEALED = (
    "id",
    "kind",
    "order",
    "policy",
    "basis",
    "inputs",
    "candidates",
    "choice",
    "bound",
    "duration_us",
    "actor",
    "at",
)
"""What the seal of a decision covers, in this order."""
HASH_BYTES = 16
MODEL = "model"
"""The kind of decisions about models in use; the other is `sourcing`."""
COLUMNS = (
    "id", "kind", "order_id", "policy", "basis", "inputs", "candidates", "choice", "bound", "duration_us", "actor",
    "at", "seal",
)  # fmt: skip
KNOWN = text("SELECT hash FROM decision_basis WHERE tenant_id = :t AND hash = ANY(:hashes)")
ADD = text("INSERT INTO decision_basis (tenant_id, hash, body) VALUES (:t, :hash, :body) ON CONFLICT DO NOTHING")


@dataclass(frozen=True, slots=True)
class Decided:
    """One choice to be kept: for which order, what was asked, what was answered.

    Attributes:
        kind: `sourcing`, or what else was decided.
        duration_us: how long it took, in microseconds.
        traits: what policies look at in the order.
        also: more to be kept with its inputs, which the choice does not depend on.
    """

    id: UUID
    kind: str
    order_id: UUID
    problem: Problem
    plan: Plan
    duration_us: int
    traits: Traits = field(default_factory=Traits)
    also: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of another kind, which a pure function of its inputs makes.

    Attributes:
        kind: which.
        subject: what it is about, in the place of the policy.
        inputs: what it was made from, as JSON.
        choice: what was chosen.
    """

    id: UUID
    kind: str
    subject: str
    inputs: Mapping[str, Any]
    choice: Mapping[str, Any]


def record_choice(unit: Unit, one: Choice) -> None:
    """Write a choice that shares nothing with others: it has no basis and no candidates."""
    inputs, candidates, choice = pack(dump(one.inputs).encode()), pack(b"[]"), dump(one.choice)
    row = one.id, one.kind, None, one.subject, b"", inputs, candidates, choice, None, 0, unit.actor, unit.now
    kept = (*row[:4], None, *row[5:], seal(sealed(*row)))
    copy_rows(unit, t.decision, COLUMNS, [kept])


def record_decisions(unit: Unit, decided: Sequence[Decided], nodes: Sequence[NodeFacts]) -> None:
    """Write decisions in one statement, and what they share where the database does not have it yet.

    Args:
        unit: the running transaction.
        decided: the choices.
        nodes: all there are, as they are for every order; problems name them in the same order.
    """
    shared = share(unit, [one.problem for one in decided], nodes)
    rows = [_row(unit, one, basis, nodes) for one, basis in zip(decided, shared, strict=True)]
    copy_rows(unit, t.decision, COLUMNS, rows)


def share(unit: Unit, problems: Sequence[Problem], nodes: Sequence[NodeFacts]) -> list[bytes]:
    """Keep what problems share with others, and return the hash of that for each."""
    known = tuple(nodes)
    by_policy: dict[bytes, tuple[bytes, bytes]] = {}
    keys = []
    for problem in problems:
        policy = orjson.dumps(problem.policy)
        if policy not in by_policy:
            by_policy[policy] = _basis(known, policy)
        keys.append(by_policy[policy][0])
    _keep(unit, dict(by_policy.values()))
    return keys


@lru_cache(maxsize=64)
def _basis(nodes: tuple[NodeFacts, ...], policy: bytes) -> tuple[bytes, bytes]:
    """Return the hash and the packed form of what decisions share; `policy` is its JSON."""
    plain = dump(record.shared_of(nodes, Policy(**orjson.loads(policy)))).encode()
    return basis_hash(plain), pack(plain)


def basis_hash(plain: bytes) -> bytes:
    """Return the name of a basis: BLAKE2b over its JSON text."""
    return hashlib.blake2b(plain, digest_size=HASH_BYTES).digest()


def inputs_text(
    problem: Problem, nodes: Sequence[NodeFacts], traits: Traits, also: Mapping[str, Any] | None = None
) -> bytes:
    """Return the JSON text of what is an order's own in a decision."""
    return dump({**record.inputs_of(problem, nodes), "order": traits.as_json(), **(also or {})}).encode()


def plan_texts(problem: Problem, plan: Plan) -> tuple[str, str, str]:
    """Return what a plan is stored as: candidates, choice and bound."""
    return dump(list(plan.candidates)), dump(record.choice_of(problem, plan)), plan.proof


def sealed(
    decision_id: UUID,
    kind: str,
    order_id: UUID | None,
    policy: str,
    basis: bytes,
    inputs: bytes,
    candidates: bytes,
    choice: str,
    bound: str | None,
    duration_us: int,
    actor: str,
    at: datetime,
) -> list[bytes]:
    """Return the fields of a decision as its seal covers them, in the order of `SEALED`."""
    return [
        decision_id.bytes,
        kind.encode(),
        order_id.bytes if order_id else b"",
        policy.encode(),
        basis,
        inputs,
        candidates,
        choice.encode(),
        (bound or "").encode(),
        str(duration_us).encode(),
        actor.encode(),
        at.astimezone(UTC).isoformat(timespec="microseconds").encode(),
    ]


def _row(unit: Unit, one: Decided, basis: bytes, nodes: Sequence[NodeFacts]) -> tuple[object, ...]:
    candidates, choice, bound = plan_texts(one.problem, one.plan)
    row = (
        one.id, one.kind, one.order_id, one.problem.policy.version, basis,
        pack(inputs_text(one.problem, nodes, one.traits, one.also)), pack(candidates.encode()), choice,
        bound, one.duration_us, unit.actor, unit.now,
    )  # fmt: skip
    return (*row, seal(sealed(*row)))


def _keep(unit: Unit, bases: dict[bytes, bytes]) -> None:
    """Write what decisions share; looking first keeps units from waiting for each other where it is there already."""
    if not bases:
        return
    known = {bytes(key) for key in unit.conn.execute(KNOWN, {"t": unit.tenant, "hashes": list(bases)}).scalars()}
    for key in sorted(bases.keys() - known):
        unit.conn.execute(ADD, {"t": unit.tenant, "hash": key, "body": bases[key]})
