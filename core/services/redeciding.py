"""The decision store, reading: stored decisions are made again, and must come out to the byte as they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, text

from core.domain.ids import floor_of, public_id
from core.domain.packing import Corrupt, unpack
from core.domain.payloads import dump
from core.domain.seals import altered
from core.intelligence.drifting import choice_of
from core.routing import record
from core.routing.optimizer import solve
from core.routing.problem import Problem
from core.services.recording import MODEL, SEALED, basis_hash, plan_texts, sealed
from core.store.unit import DEFAULT_TENANT

Json = dict[str, Any]
IDS = text("SELECT id FROM decision WHERE tenant_id = :t AND id >= :since ORDER BY id DESC LIMIT :limit")
# choice::text is the very text that was written; the driver would hand out its own reading of it.
ROWS = text("""
SELECT id, kind, order_id, policy, basis, inputs, candidates, choice::text AS choice, bound, duration_us, actor, at,
       seal
FROM decision WHERE tenant_id = :t AND id BETWEEN :first AND :last ORDER BY id
""")
BASIS = text("SELECT body FROM decision_basis WHERE tenant_id = :t AND hash = :hash")
PIECE = 250
"""Decisions read at once."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that is not what it was, or does not come out again.

    Attributes:
        field: where: a column of the decision, `basis`, or `seal`.
        how: what is wrong with it, in words.
        kind: whose id it is: a decision's or a wave's.
    """

    id: UUID
    field: str
    how: str
    kind: str = "decision"

    def as_json(self) -> Json:
        """Return it as the API and the command line show it."""
        return {"id": public_id(self.kind, self.id), "field": self.field, "how": self.how}


@dataclass(slots=True)
class Verdict:
    """What came of making decisions again.

    Attributes:
        decisions: how many were looked at.
        agree: how many came out to the byte.
        older: how many are whole but were made by an engine whose choices this one need not repeat.
    """

    decisions: int = 0
    agree: int = 0
    older: int = 0
    differ: list[Difference] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Count what was found elsewhere as well."""
        self.decisions += other.decisions
        self.agree += other.agree
        self.older += other.older
        self.differ += other.differ


class Bases:
    """What decisions share, read once each.

    Args:
        conn: the session to read with.
        tenant: whose decisions.
    """

    def __init__(self, conn: Connection, tenant: int) -> None:
        self._conn, self._tenant = conn, tenant
        self._known: dict[bytes, record.Shared] = {}

    def get(self, key: bytes) -> record.Shared:
        """Return a shared document.

        Raises:
            Corrupt: it is gone, or is not what its hash says.
        """
        if key not in self._known:
            body = self._conn.execute(BASIS, {"t": self._tenant, "hash": key}).scalar_one_or_none()
            if body is None:
                raise Corrupt("it is not there")
            plain = unpack(bytes(body))
            if basis_hash(plain) != key:
                raise Corrupt("it is not what its hash says")
            self._known[key] = record.shared_from(orjson.loads(plain))
        return self._known[key]


def pieces(
    conn: Connection,
    since: datetime | None,
    limit: int | None = None,
    least: int | None = None,
    tenant: int = DEFAULT_TENANT,
) -> list[tuple[UUID, UUID]]:
    """Return the first and last id of each piece of the newest decisions, oldest piece first.

    Args:
        conn: the session to read with.
        since: made then or later; all when None.
        limit: at most so many decisions; all when None.
        least: at least so many pieces where there are enough decisions, each of `PIECE` decisions at most.
        tenant: whose decisions.
    """
    found = list(conn.execute(IDS, {"t": tenant, "since": floor_of(since), "limit": limit}).scalars())[::-1]
    size = PIECE if least is None else max(1, min(PIECE, len(found) // least))
    return [(piece[0], piece[-1]) for piece in (found[at : at + size] for at in range(0, len(found), size))]


def rows_of(conn: Connection, piece: tuple[UUID, UUID], tenant: int = DEFAULT_TENANT) -> Iterator[Row[Any]]:
    """Yield the decisions of a piece as they are stored, oldest first."""
    yield from conn.execute(ROWS, {"t": tenant, "first": piece[0], "last": piece[1]})


def verify_pieces(conn: Connection, wanted: Sequence[tuple[UUID, UUID]], tenant: int = DEFAULT_TENANT) -> Verdict:
    """Check the seals of decisions, make each again, and return what came of it."""
    found, bases = Verdict(), Bases(conn, tenant)
    for piece in wanted:
        for row in rows_of(conn, piece, tenant):
            found.decisions += 1
            differences = _verify(row, bases, found)
            found.differ += differences
    return found


def problem_behind(row: Row[Any], bases: Bases) -> tuple[Problem, Json]:
    """Return the problem a decision solved, and its inputs as they are stored.

    Raises:
        Corrupt: what it was made from cannot be read.
    """
    inputs = orjson.loads(unpack(bytes(row.inputs)))
    return record.problem_of(bases.get(bytes(row.basis)), inputs), inputs


def _verify(row: Row[Any], bases: Bases, verdict: Verdict) -> list[Difference]:
    """Return what is wrong with one decision; count it where nothing is."""
    if row.basis is None and row.seal is None:
        # From before decisions were sealed and could be made again.
        verdict.older += 1
        return []
    wrong = altered(_fields(row), bytes(row.seal or b""))
    if wrong is not None:
        return [Difference(row.id, SEALED[at], "was altered") for at in wrong] or [
            Difference(row.id, "seal", "was altered")
        ]
    if row.kind == MODEL:
        return _compared(
            row, {"choice": (row.choice, dump(choice_of(orjson.loads(unpack(bytes(row.inputs))))))}, verdict
        )
    try:
        shared = bases.get(bytes(row.basis))
    except (Corrupt, orjson.JSONDecodeError) as error:
        return [Difference(row.id, "basis", f"what it shares with others cannot be used: {error}")]
    if shared.engine != record.ENGINE:
        verdict.older += 1
        return []
    problem, _ = problem_behind(row, bases)
    candidates, choice, bound = plan_texts(problem, solve(problem))
    again = {"choice": (row.choice, choice), "bound": (row.bound, bound),
             "candidates": (unpack(bytes(row.candidates)).decode(), candidates)}  # fmt: skip
    return _compared(row, again, verdict)


def _compared(row: Row[Any], again: Mapping[str, tuple[Any, Any]], verdict: Verdict) -> list[Difference]:
    """Return the fields that were kept otherwise than they are made today; count the decision where there is none."""
    found = [
        Difference(row.id, name, "comes out differently today") for name, (kept, made) in again.items() if kept != made
    ]
    verdict.agree += not found
    return found


def _fields(row: Row[Any]) -> list[bytes]:
    return sealed(
        row.id, row.kind, row.order_id, row.policy, bytes(row.basis or b""), bytes(row.inputs), bytes(row.candidates),
        row.choice, row.bound, row.duration_us, row.actor, row.at,
    )  # fmt: skip
