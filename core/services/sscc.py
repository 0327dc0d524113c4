"""SSCC-18: serial numbers of packages, none used twice within twelve months, not even after a restore from backup.

Serials come in blocks. A block is taken in a transaction of its own, committed before its first number is used, so a
crash costs numbers and never repeats one. `next` only rises; printed is `next` modulo the room of the series (10^9 with
a company prefix of 7 digits). A restored database would hand out numbers again that left after the backup, so two
witnesses are asked first: a file beside the data that keeps the highest number handed out, and what the database says
of itself (cluster, timeline, database, table: another one is a copy). Where the file knows more, the series goes on
behind it. Where only the copy is seen, nobody knows how much was used, and a tenth of the room is left out.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from core.domain.checkdigits import check_digit
from core.errors import Conflict
from core.services.witness import Witness
from core.store.unit import DEFAULT_TENANT, Store, Unit

KEY_DIGITS = 17
BLOCK = 200
SKIP = 10
# Series have no id of their own: the event names the prefix.
SERIES = UUID(int=0)
KEPT = timedelta(days=366)
IDENTITY = text(
    "SELECT (SELECT system_identifier FROM pg_control_system())::text || ':'"
    " || (SELECT timeline_id FROM pg_control_checkpoint()) || ':'"
    " || (SELECT oid FROM pg_database WHERE datname = current_database()) || ':' || 'sscc_series'::regclass::oid"
)
BEGIN = text("INSERT INTO sscc_series (tenant_id, prefix, database) VALUES (:t, :p, :d) ON CONFLICT DO NOTHING")
LOCK = text("SELECT next, database FROM sscc_series WHERE tenant_id = :t AND prefix = :p FOR UPDATE")
TAKE = text(
    "UPDATE sscc_series SET next = :next, database = :d, taken_at = clock_timestamp()"
    " WHERE tenant_id = :t AND prefix = :p"
)
USED = text(
    "SELECT sscc FROM package WHERE tenant_id = :t AND sscc = ANY(:ssccs) AND created_at > clock_timestamp() - :kept"
)


def room_of(prefix: str) -> int:
    """Return how many serials a series has: what its 17 digits leave."""
    return int(10 ** (KEY_DIGITS - len(prefix)))


def sscc_of(prefix: str, number: int) -> str:
    """Return the SSCC of a number of a series (extension digit and company prefix), with its check digit."""
    digits = prefix + str(number % room_of(prefix)).zfill(KEY_DIGITS - len(prefix))
    return digits + check_digit(digits)


@dataclass(slots=True)
class Numbers:
    """Hands out SSCCs to one process.

    Args:
        store: the database; blocks are taken in transactions of their own.
        witness: what remembers beside it; without one only the database's word counts.
        tenant: whose.
    """

    store: Store
    witness: Witness | None = None
    tenant: int = DEFAULT_TENANT
    block: int = BLOCK
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _left: dict[str, range] = field(default_factory=dict)

    def take(self, unit: Unit, prefix: str, count: int) -> list[str]:
        """Return `count` SSCCs of a series that no package of the last twelve months has.

        Args:
            unit: the transaction that uses them; only read here.
            prefix: extension digit and company prefix.
            count: how many.

        Raises:
            Conflict: the series has no free number left.
        """
        found: list[str] = []
        tried = 0
        while len(found) < count:
            if tried >= room_of(prefix):
                raise Conflict(
                    f"The SSCC series {prefix} has no number that was not used within twelve months.",
                    fix="Use another extension digit in the terms of trade.",
                    code="SSCC-ROOM-409",
                )
            wanted = [sscc_of(prefix, each) for each in self._numbers(prefix, count - len(found))]
            tried += len(wanted)
            used = set(unit.conn.execute(USED, {"t": self.tenant, "ssccs": wanted, "kept": KEPT}).scalars())
            found += [each for each in wanted if each not in used]
        return found

    def _numbers(self, prefix: str, count: int) -> list[int]:
        with self._lock:
            left = self._left.get(prefix, range(0))
            taken = list(left[:count])
            left = left[len(taken) :]
            if len(taken) < count:
                more = self._block(prefix, max(self.block, count - len(taken)))
                missing = count - len(taken)
                taken, left = taken + list(more[:missing]), more[missing:]
            self._left[prefix] = left
            return taken

    def _block(self, prefix: str, size: int) -> range:
        """Commit that a block is taken and return it; the witness is told before the commit, so it never knows less."""
        with self.store.begin() as unit:
            names = {"t": self.tenant, "p": prefix}
            database = unit.conn.execute(IDENTITY).scalar_one()
            unit.conn.execute(BEGIN, {**names, "d": database})
            row = unit.conn.execute(LOCK, names).one()
            seen = self.witness.highest(prefix) if self.witness else 0
            first, why = _first(prefix, row.next, row.database == database, seen)
            if self.witness:
                self.witness.rise(prefix, first + size)
            unit.conn.execute(TAKE, {**names, "next": first + size, "d": database})
            if why:
                unit.event(
                    "sscc.skipped", "series", SERIES, {"prefix": prefix, "skipped": first - row.next, "why": why}
                )
        return range(first, first + size)


def _first(prefix: str, known: int, same: bool, seen: int) -> tuple[int, str | None]:
    """Return where the next block begins, and why it is not where the database says."""
    if seen > known:
        return seen, "the file beside the database knows of higher numbers"
    if not same and known > 0 and seen < known:
        return known + room_of(prefix) // SKIP, "this database is a copy of the one that handed out numbers"
    return known, None
