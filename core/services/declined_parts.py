"""Parts of a partner's change that a node declined: it had gone on with units the change takes off, the rest is done.

The change counts as done, its answer has the quantities as they are, and an exception names what was not done until it
no longer matters: the units are off the order after all, or the partner asks for another number of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.money import plain
from core.ports.connectors import Json
from core.services.asked_back import open_requests, units_of
from core.services.cases import settle_members
from core.services.refusing import mark_of_part, show_part, show_refused
from core.services.taken_off import TAKEN
from core.store.bulk import as_json
from core.store.unit import Unit

ZERO = Decimal(0)
ASKS = "asks"
"""Key of a partner's change for which nodes were asked: the change sets (`sets`) that say what of them, and by hex of a
line's id the units it is to have then (`lines`)."""
NOT_DONE = "not_done"
"""Key of a partner's change that was done in part: by hex of a line's id, units it was to have."""
GONE_ON = "The warehouse had gone on with it."
"""Why what a partner asked for was refused after its node was asked."""
PARTNERS = text(
    "SELECT id, order_id, state, changes FROM change_set WHERE tenant_id = :t AND order_id = ANY(:o)"
    " AND kind = 'partner' AND state IN ('requested', 'confirmed') ORDER BY id"
)
LINES = text(
    "SELECT id, order_id, external_id, sku, quantity - canceled AS kept FROM order_line"
    " WHERE tenant_id = :t AND order_id = ANY(:o)"
)
HEADS = text(
    "SELECT o.id, o.connection_id, coalesce(o.number, o.external_id) AS called, c.name,"
    " EXISTS (SELECT FROM trade_due d WHERE d.tenant_id = o.tenant_id AND d.subject_id = o.id AND d.subject = 'order'"
    " AND d.done_at IS NULL) AS told"
    " FROM orders o JOIN connection c ON c.tenant_id = o.tenant_id AND c.id = o.connection_id"
    " WHERE o.tenant_id = :t AND o.id = ANY(:o)"
)
WRITE = text("UPDATE change_set SET changes = CAST(:c AS json) WHERE tenant_id = :t AND id = :id")


def asked_now(unit: Unit, order_id: UUID) -> Json:
    """Return what this transaction has asked nodes of an order for, and for no change yet, as `ASKS` keeps it."""
    requests = open_requests(unit, order_id)
    values = {"t": unit.tenant, "o": [order_id]}
    known = {each for row in unit.conn.execute(PARTNERS, values) for each in row.changes.get(ASKS, {}).get("sets", ())}
    own = [row for row in requests if row.created_at >= unit.now and row.id.hex not in known]
    about = {line for row in own for line in row.changes["lines"]}
    # Also by what was asked before and is not answered yet.
    less = units_of(requests)
    kept = {row.id.hex: row.kept for row in unit.conn.execute(LINES, values)}
    wanted = {line: plain(max(kept[line] - less[UUID(hex=line)], ZERO)) for line in about}
    return {"sets": [row.id.hex for row in own], "lines": wanted}


def tell_declined(unit: Unit, told: Sequence[Row[Any]], left: Mapping[UUID, Json]) -> None:
    """Open the exceptions of partners' changes of which nodes declined all or a part, and note the parts.

    Args:
        unit: the running transaction.
        told: partners' changes whose nodes have answered now (id, order_id, state, changes).
        left: by change set that asked nodes, the units by hex of a line's id that they did not give back.
    """
    orders = sorted({row.order_id for row in told if row.state == "declined" or any(_left(row, left).values())})
    if not orders:
        return
    values = {"t": unit.tenant, "o": orders}
    heads = {row.id: row for row in unit.conn.execute(HEADS, values)}
    lines = {row.id.hex: row for row in unit.conn.execute(LINES, values)}
    for row in sorted((each for each in told if each.order_id in heads), key=lambda each: each.id):
        head, cancels = heads[row.order_id], "cancel" in row.changes
        if row.state == "declined":
            show_refused(unit, head.name, [head], head.called, GONE_ON, cancels=cancels, told=head.told)
            continue
        stays = _left(row, left)
        asked = {line: Decimal(units) for line, units in row.changes.get(ASKS, {}).get("lines", {}).items()}
        # What was asked for twice stays once, and may be off by the other change.
        kept = [line for line in stays if line in asked and lines[line].kept > asked[line]]
        if not kept:
            continue
        off = {line: Decimal(units) - stays.get(line, ZERO) for line, units in row.changes.get(TAKEN, {}).items()}
        changes = {
            **row.changes,
            TAKEN: {line: plain(units) for line, units in off.items() if units},
            NOT_DONE: {line: plain(asked[line]) for line in kept},
        }
        unit.conn.execute(WRITE, {"t": unit.tenant, "id": row.id, "c": as_json(changes)})
        said = [(_called(lines[line]), asked[line], lines[line].kept) for line in kept]
        show_part(unit, head, row.id, said, cancels=cancels)
    settle_declined(unit, orders)


def settle_declined(unit: Unit, order_ids: Collection[UUID]) -> None:
    """Settle the exceptions of parts that were declined and no longer matter.

    Args:
        unit: the running transaction.
        order_ids: locked orders that may have such.
    """
    values = {"t": unit.tenant, "o": list(order_ids)}
    changes = unit.conn.execute(PARTNERS, values).all()
    parts = [row for row in changes if NOT_DONE in row.changes]
    if not parts:
        return
    lines = {row.id.hex: row for row in unit.conn.execute(LINES, values)}
    over = [
        row
        for row in parts
        if all(
            lines[line].kept <= Decimal(wanted)
            or any(_is_about(later, lines[line]) for later in changes if later.id > row.id)
            for line, wanted in row.changes[NOT_DONE].items()
        )
    ]
    marks = [mark_of_part(row.order_id, row.id) for row in over]
    settle_members(unit, "order", [row.order_id for row in over], fingerprints=marks)


def _left(change: Row[Any], left: Mapping[UUID, Json]) -> dict[str, Decimal]:
    """Return by hex of a line's id the units that nodes did not give back of those a change asked them for."""
    found: dict[str, Decimal] = {}
    for each in change.changes.get(ASKS, {}).get("sets", ()):
        for line, units in left.get(UUID(hex=each), {}).items():
            found[line] = found.get(line, ZERO) + Decimal(units)
    return found


def _is_about(change: Row[Any], line: Row[Any]) -> bool:
    """Return whether a partner's change says how many of a line he wants."""
    said: Json = change.changes
    if change.order_id != line.order_id:
        return False
    if "replaced" in said or said.get("cancel") == "order":
        return True
    named = [*(said.get("lines") or ()), *(said["cancel"] if isinstance(said.get("cancel"), list) else ())]
    return any(
        each.get("external_id") == line.external_id and (each.get("op") != "change" or each.get("quantity") is not None)
        for each in named
    )


def _called(line: Row[Any]) -> str:
    return f"{line.external_id} ({line.sku})" if line.sku and line.external_id else line.external_id or line.sku or "?"
