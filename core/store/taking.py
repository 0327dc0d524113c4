"""Taking stock: locking positions for it, and writing soft reservations, in as few round trips as it can be done.

Whoever wants units of a hot item waits for its position, so what is done while it is locked is one statement, and where
nothing has to be decided one by one, locking is part of that statement too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from psycopg.errors import CheckViolation
from sqlalchemy.exc import IntegrityError

from core.domain.ids import uuid7
from core.domain.shelf import NO_PARTS, Kits, Shelf
from core.store.direct import run
from core.store.guarding import guarded
from core.store.locks import MARK_LISTINGS
from core.store.read.shelves import guarded_shelf
from core.store.unit import Unit

FREE = "p.on_hand - p.safety - p.uncertain - p.reserved - p.allocated + p.backorder_limit"
GUARDED = guarded("p.item_id")
LOTTED = "(SELECT i.tracking = 'lot' FROM item i WHERE i.tenant_id = p.tenant_id AND i.id = p.item_id)"

# To take stock of an item that a rule over all nodes protects, all its positions are locked. `guarded` says that a rule
# holds for it. Arrays are read by a SELECT of their own so that the planner does not see how long they are: it would
# find each one worth a plan of its own, and planning costs more than the rest.
LOCK_TO_TAKE = f"""
SELECT p.item_id, p.node_id, {FREE} AS free, {guarded("p.item_id", in_kits=True)} AS guarded, {LOTTED} AS lotted
FROM stock_position p JOIN (
    SELECT item_id, node_id FROM unnest((SELECT %(items)s::uuid[]), (SELECT %(nodes)s::uuid[])) AS w(item_id, node_id)
    UNION
    SELECT q.item_id, q.node_id FROM stock_position q WHERE q.tenant_id = %(tenant)s AND q.item_id = ANY(ARRAY(
        SELECT w.item_id FROM unnest((SELECT %(items)s::uuid[])) AS w(item_id)
        WHERE {guarded("w.item_id", "AND r.node_id IS NULL", in_kits=True)}))
) w ON p.item_id = w.item_id AND p.node_id = w.node_id
WHERE p.tenant_id = %(tenant)s
ORDER BY p.item_id, p.node_id
FOR NO KEY UPDATE OF p
"""  # noqa: S608 - the interpolated text is constants

HELD = """held AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(groups)s::uuid[], %(connections)s::uuid[], %(items)s::uuid[],
                         %(nodes)s::uuid[], %(units)s::numeric[], %(lots)s::text[], %(seconds)s::float8[],
                         %(kits)s::uuid[], %(per_unit)s::numeric[], %(follows)s::bool[])
         AS h(id, group_id, connection_id, item_id, node_id, units, lot, seconds, kit_id, per_unit, follows)
)"""
SUMS = "SELECT item_id, node_id, sum(units) AS units FROM held GROUP BY item_id, node_id ORDER BY item_id, node_id"
# What is taken is in `taken`: all of it, or nothing.
WRITE_HELD = f"""moved AS (
    UPDATE stock_position p SET reserved = p.reserved + d.units, version = p.version + 1
    FROM taken d WHERE p.tenant_id = %(tenant)s AND p.item_id = d.item_id AND p.node_id = d.node_id
), noted AS (
    INSERT INTO stock_movement (tenant_id, item_id, node_id, kind, reserved, cause, actor)
    SELECT %(tenant)s, item_id, node_id, 'reserve', units, %(cause)s::text, %(actor)s::text FROM taken
), marked AS ({
    MARK_LISTINGS.replace("unnest(%(items)b::uuid[])", "item_id FROM taken").replace(
        "ANY(%(items)b::uuid[])", "ANY(ARRAY(SELECT item_id FROM taken))"
    )
})
INSERT INTO reservation (tenant_id, id, group_id, connection_id, item_id, node_id, quantity, lot, expires_at, kit_id,
                         per_unit, follows, state)
SELECT %(tenant)s, coalesce(id, group_id), group_id, connection_id, item_id, node_id, units, lot,
       transaction_timestamp() + make_interval(secs => seconds), kit_id, coalesce(per_unit, 1),
       coalesce(follows, false), 'held'
FROM held WHERE EXISTS (SELECT 1 FROM taken)
"""  # noqa: S608 - the interpolated text is constants
HOLD_STOCK = f"WITH {HELD}, taken AS MATERIALIZED ({SUMS}), {WRITE_HELD}"
# The positions are locked in key order before anything is written: `taken` needs them all.
HOLD_IF_PLENTY = f"""
WITH {HELD}, asked AS MATERIALIZED ({SUMS}), locked AS MATERIALIZED (
    SELECT {FREE} >= a.units AND NOT {GUARDED} AND NOT {LOTTED} AS plenty
    FROM asked a JOIN stock_position p ON p.item_id = a.item_id AND p.node_id = a.node_id
    WHERE p.tenant_id = %(tenant)s
    ORDER BY p.item_id, p.node_id
    FOR NO KEY UPDATE OF p
), taken AS MATERIALIZED (
    SELECT * FROM asked WHERE (SELECT count(*) FILTER (WHERE plenty) FROM locked) = (SELECT count(*) FROM asked)
), {WRITE_HELD}"""  # noqa: S608 - the interpolated text is constants

# Identifier (None: its group's), group, connection, item, node, quantity, lot, seconds, kit, units in one kit, not its
# first component.
Held = tuple[UUID | None, UUID, UUID | None, UUID, UUID, Decimal, str | None, float, UUID | None, Decimal, bool]

# Group, connection, item, node, quantity, seconds: a row without kit or lot; those of a group follow each other.
Plain = tuple[UUID, UUID | None, UUID, UUID, Decimal, float]


def lock_to_take(unit: Unit, keys: Collection[tuple[UUID, UUID]], kits: Kits = NO_PARTS) -> Shelf:
    """Lock stock positions in key order and return what each channel may take of them, and of these kits."""
    if not keys:
        return Shelf({}, kits=kits)
    items, nodes = _uuids(item for item, _ in keys), _uuids(node for _, node in keys)
    of_kits = [(part, kit) for kit, parts in kits.items() for part in parts]
    values = {
        "items": items, "nodes": nodes, "tenant": unit.tenant,
        "parts": _uuids(part for part, _ in of_kits), "kits": _uuids(kit for _, kit in of_kits),
    }  # fmt: skip
    rows = run(unit.conn, LOCK_TO_TAKE, values).fetchall()
    free = {(item, node): units for item, node, units, _, _ in rows}
    lotted = [(item, node) for item, node, _, _, with_lots in rows if with_lots]
    if not lotted and not any(ruled for _, _, _, ruled, _ in rows):
        return Shelf(free, kits=kits)
    return guarded_shelf(unit.conn, free, {item for item, _ in free}, kits, lotted=lotted, tenant=unit.tenant)


def hold_stock(unit: Unit, held: Sequence[Held]) -> None:
    """Write soft reservations, the units they take from locked positions, and that channels must hear of it."""
    run(unit.conn, HOLD_STOCK, _values(unit, held))


def hold_if_plenty(unit: Unit, held: Sequence[Plain]) -> bool:
    """Lock the positions and do what `hold_stock` does, if they have all units and none has rules or lots.

    The first row of a group gets the group's identifier: most have no other.
    The locks are not to be kept when it returns False: those that rules ask for would come after them, out of order.
    """
    try:
        return run(unit.conn, HOLD_IF_PLENTY, _plain_values(unit, held)).rowcount > 0
    except IntegrityError as error:
        # Among many writers some statements judge a position by what it was before they waited for it. The position's
        # own CHECK then takes all of the statement back, and whoever decides one by one finds what is left.
        if not isinstance(error.orig, CheckViolation) or error.orig.diag.table_name != "stock_position":
            raise
        return False


def _values(unit: Unit, held: Sequence[Held]) -> dict[str, object]:
    ids, groups, connections, items, nodes, units, lots, seconds, kits, per_unit, follows = zip(*held, strict=True)
    with_kits = any(kits)
    return {
        **_columns(unit, groups, connections, items, nodes, units, seconds),
        "ids": _uuids(ids) if any(ids) else None, "lots": list(lots) if any(lots) else None,
        "kits": _uuids(kits) if with_kits else None,
        "per_unit": _plain(per_unit) if with_kits else None, "follows": list(follows) if with_kits else None,
    }  # fmt: skip


def _plain_values(unit: Unit, held: Sequence[Plain]) -> dict[str, object]:
    groups, *others = zip(*held, strict=True)
    more = [one is before for one, before in pairwise(groups)]
    ids = _uuids([None, *(uuid7() if each else None for each in more)]) if any(more) else None
    return {**_columns(unit, groups, *others), "ids": ids, **dict.fromkeys(("lots", "kits", "per_unit", "follows"))}


def _columns(
    unit: Unit,
    groups: Iterable[UUID],
    connections: Sequence[UUID | None],
    items: Iterable[UUID],
    nodes: Iterable[UUID],
    units: Iterable[Decimal],
    seconds: Iterable[float],
) -> dict[str, object]:
    return {
        "tenant": unit.tenant, "cause": unit.cause, "actor": unit.actor,
        "groups": _uuids(groups), "connections": _uuids(connections) if any(connections) else None,
        "items": _uuids(items), "nodes": _uuids(nodes), "units": _plain(units), "seconds": _plain(seconds),
    }  # fmt: skip


# Arrays as PostgreSQL reads them from text: a driver that looks at each value for itself takes ten times as long.
def _uuids(values: Iterable[UUID | None]) -> str:
    return "{" + ",".join(["NULL" if value is None else f"{value.int:032x}" for value in values]) + "}"


def _plain(values: Iterable[Decimal | float]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
