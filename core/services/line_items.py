"""Which item an order line means: asked of all the codes it carries, and not chosen where they contradict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from core.domain.line_codes import BUYER, GTIN, Code, gtin_forms, line_codes
from core.ports.connectors import Json
from core.services.catalog import ANY_CONNECTION, resolve_skus
from core.store.unit import Unit

Key = tuple[UUID, Code]
Known = Mapping[Key, UUID]
REFERENCES = """
SELECT DISTINCT ON (w.n) w.n, r.item_id
FROM unnest(%(connections)s::uuid[], %(schemes)s::text[], %(codes)s::text[], %(numbers)s::int[])
     AS w(connection_id, scheme, code, n)
JOIN item_reference r ON r.tenant_id = %(tenant)s AND r.connection_id IN (w.connection_id, %(any)s)
  AND r.scheme = w.scheme AND r.code = w.code
WHERE r.valid_from <= clock_timestamp() AND (r.valid_to IS NULL OR r.valid_to > clock_timestamp())
ORDER BY w.n, (r.connection_id = w.connection_id) DESC, r.code
"""
BY_GTIN = """
SELECT w.gtin, array_agg(DISTINCT i.id) AS items FROM unnest(%(gtins)s::text[], %(forms)s::text[]) AS w(gtin, form)
JOIN item i ON i.tenant_id = %(tenant)s AND i.gtin = w.form AND i.active
GROUP BY w.gtin
"""


def resolve_lines(unit: Unit, lines: Iterable[tuple[UUID, Json]]) -> Known:
    """Return the item behind each code of these lines of connections; a code nobody knows is left out.

    A seller's code is a reference or our SKU (see `resolve_skus`), a buyer's part number a reference of scheme
    `buyer`, and a GTIN a reference of scheme `gtin` or that of exactly one active item.
    """
    keys = {(connection, code) for connection, line in lines for code in line_codes(line)}
    own = {key for key in keys if key[1].scheme not in (BUYER, GTIN)}
    plain = {(connection, code.code) for connection, code in own}
    # A buyer's part number that reads like our SKU is not meant by a seller's code, unless nothing else has it.
    skus = resolve_skus(unit, plain, without=(BUYER, GTIN))
    skus |= resolve_skus(unit, plain - skus.keys())
    found = {key: skus[key[0], key[1].code] for key in own if (key[0], key[1].code) in skus}
    found |= _referred(unit, sorted(keys - own))
    return found | _by_gtin(unit, {key for key in keys - own - found.keys() if key[1].scheme == GTIN})


def _referred(unit: Unit, keys: list[Key]) -> dict[Key, UUID]:
    if not keys:
        return {}
    asked = [
        (number, connection, code.scheme, form)
        for number, (connection, code) in enumerate(keys)
        for form in {code.code, *(gtin_forms(code.code) if code.scheme == GTIN else ())}
    ]
    rows = unit.conn.exec_driver_sql(
        REFERENCES,
        {
            "tenant": unit.tenant,
            "any": ANY_CONNECTION,
            "numbers": [each[0] for each in asked],
            "connections": [each[1] for each in asked],
            "schemes": [each[2] for each in asked],
            "codes": [each[3] for each in asked],
        },
    )
    return {keys[row.n]: row.item_id for row in rows}


def _by_gtin(unit: Unit, keys: set[Key]) -> dict[Key, UUID]:
    forms = [(code.code, form) for _, code in sorted(keys) for form in gtin_forms(code.code)]
    having: dict[str, list[UUID]] = {}
    if forms:
        rows = unit.conn.exec_driver_sql(
            BY_GTIN,
            {"tenant": unit.tenant, "gtins": [gtin for gtin, _ in forms], "forms": [form for _, form in forms]},
        )
        having = {row.gtin: row.items for row in rows}
    found = {key: having[key[1].code][0] for key in keys if len(having.get(key[1].code, ())) == 1}
    # Some sell under the GTIN itself: it is the SKU, or a reference of another name.
    nowhere = {(connection, code.code) for connection, code in keys if code.code not in having}
    skus = resolve_skus(unit, nowhere)
    return found | {key: skus[key[0], key[1].code] for key in keys if (key[0], key[1].code) in skus}


def item_of(known: Known, connection_id: UUID, line: Json) -> UUID | None:
    """Return the item a line means, or None where no code of it is known or its GTIN names another item."""
    if clash_of(known, connection_id, line) is not None:
        return None
    return next((known[connection_id, code] for code in line_codes(line) if (connection_id, code) in known), None)


def clash_of(known: Known, connection_id: UUID, line: Json) -> tuple[Code, Code] | None:
    """Return the two codes of a line that name different items: the best known one, and its GTIN."""
    codes = [code for code in line_codes(line) if (connection_id, code) in known]
    if len(codes) < 2 or codes[-1].scheme != GTIN:
        return None
    best, gtin = codes[0], codes[-1]
    return (best, gtin) if known[connection_id, best] != known[connection_id, gtin] else None


def clashes(known: Known, connection_id: UUID, lines: Iterable[Json]) -> dict[int, tuple[Code, Code]]:
    """Return by index the lines whose codes name different items; see `clash_of`."""
    found = ((index, clash_of(known, connection_id, line)) for index, line in enumerate(lines))
    return {index: pair for index, pair in found if pair is not None}
