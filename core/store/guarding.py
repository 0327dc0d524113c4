"""The condition that some protection rule holds for an item, for statements that lock before they look closer."""

from __future__ import annotations

# Its own rule, one for each item, the floor of a kit it is part of, or, where it is taken as part of a kit, any rule of
# that kit.
GUARDED = """
(EXISTS (SELECT 1 FROM protection_rule r WHERE r.tenant_id = %(tenant)s AND (r.item_id = ITEM OR r.item_id IS NULL)
         AND RULE)
 OR EXISTS (SELECT 1 FROM kit_component k
            JOIN protection_rule r ON r.tenant_id = k.tenant_id AND r.item_id = k.kit_id AND r.kind = 'floor'
            WHERE k.tenant_id = %(tenant)s AND k.component_id = ITEM AND k.ended_at IS NULL AND RULE)
 OR EXISTS (SELECT 1 FROM unnest(%(parts)b::uuid[], %(kits)b::uuid[]) AS k(component_id, kit_id)
            JOIN protection_rule r ON r.tenant_id = %(tenant)s AND r.item_id = k.kit_id
            WHERE k.component_id = ITEM AND RULE))
"""


def guarded(item: str, more: str = "") -> str:
    """Return SQL that says whether a rule that has not ended holds for an item.

    Args:
        item: the column with the item.
        more: what else must be true of the rule `r`.

    The statement is given `tenant`, and as `parts` and `kits` the components of the kits that are taken.
    """
    rule = f"(r.valid_to IS NULL OR r.valid_to > clock_timestamp()) {more}"
    return GUARDED.replace("ITEM", item).replace("RULE", rule)
