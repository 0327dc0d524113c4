"""Identifiers as people type them: whole, or only as much of their beginning as tells them from all others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, select

from core.domain.ids import PREFIXES, parse_id, public_id
from core.errors import InputError
from core.store import schema as t
from core.store.unit import DEFAULT_TENANT

# Where what a public identifier names is kept.
KEYS: Mapping[str, ColumnElement[UUID]] = {
    "case": t.exception_case.c.id,
    "chargeback": t.chargeback.c.id,
    "decision": t.decision.c.id,
    "delivery": t.delivery.c.id,
    "disruption": t.disruption.c.id,
    "hold": t.hold.c.id,
    "interchange": t.interchange.c.id,
    "key": t.api_key.c.id,
    "message": t.message.c.id,
    "model": t.model_version.c.id,
    "order": t.orders.c.id,
    "paper": t.paper.c.id,
    "promise": t.promise.c.id,
    "protection": t.protection_rule.c.id,
    "reservation": t.reservation.c.group_id,
    "shipment": t.shipment.c.id,
    "supply": t.supply.c.id,
    "transfer": t.transfer.c.id,
    "wave": t.wave.c.id,
}
WHOLE = 32
SHORT = re.compile(r"[0-9a-f]{1,31}")
# So many candidates are told.
MOST_TOLD = 5


def find_by_short_id(conn: Connection, kind: str, text: str, tenant: int = DEFAULT_TENANT) -> UUID:
    """Return the UUID of a public identifier, or of the one thing of that kind whose identifier begins like this.

    Args:
        conn: a session.
        kind: of thing, one of `KEYS`.
        text: such as `ord_0198f3c2`, or all of it.
        tenant: the tenant.

    Raises:
        NotFound: nothing of this kind is called so.
        InputError: the identifiers of several begin like this.
    """
    prefix, _, digits = text.partition("_")
    if prefix != PREFIXES[kind] or not SHORT.fullmatch(digits):
        return parse_id(kind, text)
    key = KEYS[kind]
    first, last = (UUID(hex=digits.ljust(WHOLE, fill)) for fill in "0f")
    query = select(key).where(key.table.c.tenant_id == tenant, key.between(first, last))
    found = conn.execute(query.distinct().order_by(key).limit(MOST_TOLD + 1)).scalars().all()
    if not found:
        return parse_id(kind, text)
    if len(found) > 1:
        told = ", ".join(public_id(kind, each) for each in found[:MOST_TOLD])
        raise InputError(
            f"Several have an identifier that begins with {text!r}.",
            fix=f"Name one: {told}{', …' if len(found) > MOST_TOLD else ''}.",
            code="CLI-ID-409",
        )
    return UUID(str(found[0]))
