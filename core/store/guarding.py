"""The condition that some protection rule holds for an item, for statements that lock before they look closer."""

from __future__ import annotations

IN_FORCE = "r.tenant_id = %(tenant)s AND (r.valid_to IS NULL OR r.valid_to > clock_timestamp())"


def guarded(item: str, more: str = "", *, in_kits: bool = False) -> str:
    """Return SQL that says whether a rule in force holds for an item: its own, one for each item, a floor of its kits.

    Args:
        item: the column with the item.
        more: what else must be true of the rule `r`.
        in_kits: any rule of a kit counts that the item is taken as part of; the statement is given `parts` and
            `kits`, the components of these kits.

    The statement is given `tenant`. What does not depend on the item is looked for once a statement, not once a row.
    """
    rule = f"{IN_FORCE} {more}"
    found = f"""EXISTS (SELECT 1 FROM protection_rule r WHERE {rule} AND r.item_id IS NULL)
        OR EXISTS (SELECT 1 FROM protection_rule r WHERE {rule} AND r.item_id = {item})
        OR EXISTS (SELECT 1 FROM protection_rule r WHERE {rule} AND r.kind = 'floor') AND EXISTS (
            SELECT 1 FROM kit_component k JOIN protection_rule r ON r.item_id = k.kit_id AND r.kind = 'floor'
            WHERE k.tenant_id = %(tenant)s AND k.component_id = {item} AND k.ended_at IS NULL AND {rule})"""  # noqa: S608 - the interpolated text is constants
    if in_kits:
        found += f"""
        OR EXISTS (
            SELECT 1 FROM unnest((SELECT %(parts)s::uuid[]), (SELECT %(kits)s::uuid[])) AS k(component_id, kit_id)
            JOIN protection_rule r ON r.item_id = k.kit_id WHERE k.component_id = {item} AND {rule})"""  # noqa: S608 - the interpolated text is constants
    return f"({found})"
