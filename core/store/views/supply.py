"""How many rules, supplies and transfers each tab of the inventory screens holds, and what their forms offer."""

from __future__ import annotations

from sqlalchemy import Connection, text

RULES = text(
    """
    SELECT count(*) FILTER (WHERE r.valid_to IS NULL OR r.valid_to > clock_timestamp()) AS live,
           count(*) FILTER (WHERE r.valid_to <= clock_timestamp()) AS ended
      FROM protection_rule r JOIN connection c ON c.tenant_id = r.tenant_id AND c.id = r.connection_id
      LEFT JOIN item i ON i.tenant_id = r.tenant_id AND i.id = r.item_id
     WHERE r.tenant_id = :tenant AND (:connection = '' OR c.name = :connection) AND (:sku = '' OR i.sku = :sku)
       AND (:kind = '' OR r.kind = :kind)
    """
)
SUPPLIES = text(
    """
    SELECT count(*) FILTER (WHERE s.state IN ('expected', 'in_transit')) AS open,
           count(*) FILTER (WHERE s.state IN ('expected', 'in_transit') AND s.expected_at < clock_timestamp()) AS late,
           count(*) FILTER (WHERE s.state = 'received') AS received,
           count(*) FILTER (WHERE s.state = 'canceled') AS canceled
      FROM supply s JOIN item i ON i.tenant_id = s.tenant_id AND i.id = s.item_id
      JOIN node n ON n.tenant_id = s.tenant_id AND n.id = s.node_id
     WHERE s.tenant_id = :tenant AND (:sku = '' OR i.sku = :sku) AND (:node = '' OR n.code = :node)
    """
)
TRANSFERS = text(
    """
    SELECT count(*) FILTER (WHERE f.state = 'in_transit') AS in_transit,
           count(*) FILTER (WHERE f.state = 'in_transit' AND f.expected_at < clock_timestamp()) AS late,
           count(*) FILTER (WHERE f.state = 'received') AS received,
           count(*) FILTER (WHERE EXISTS (SELECT 1 FROM transfer_line l WHERE l.tenant_id = f.tenant_id
                                          AND l.transfer_id = f.id AND l.lost > 0)) AS lost
      FROM transfer f WHERE f.tenant_id = :tenant AND (:reference = '' OR f.reference = :reference)
    """
)
CONNECTIONS = text(
    "SELECT name, coalesce(label, name) AS label FROM connection WHERE tenant_id = :tenant ORDER BY name"
)


def rule_counts(conn: Connection, tenant: int, *, connection: str, sku: str, kind: str) -> dict[str, int]:
    """Return how many protection rules there are by tab, with the filters of the list."""
    values = {"tenant": tenant, "connection": connection, "sku": sku, "kind": kind}
    return dict(conn.execute(RULES, values).mappings().one())


def supply_counts(conn: Connection, tenant: int, *, sku: str, node: str) -> dict[str, int]:
    """Return how many supplies there are by tab, with the filters of the list."""
    return dict(conn.execute(SUPPLIES, {"tenant": tenant, "sku": sku, "node": node}).mappings().one())


def transfer_counts(conn: Connection, tenant: int, *, reference: str) -> dict[str, int]:
    """Return how many transfers there are by tab, with the filter of the list."""
    return dict(conn.execute(TRANSFERS, {"tenant": tenant, "reference": reference}).mappings().one())


def connections(conn: Connection, tenant: int) -> list[tuple[str, str]]:
    """Return name and label of every connection."""
    return [(row.name, row.label) for row in conn.execute(CONNECTIONS, {"tenant": tenant})]
