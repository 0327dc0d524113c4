"""What the filters of the lists offer."""

from __future__ import annotations

from sqlalchemy import Connection, text

# Distinct values by skipping from one index entry to the next would need an index each; the newest rows say enough.
COUNTRIES = text(
    """
    SELECT DISTINCT ship_country FROM (SELECT ship_country FROM orders WHERE tenant_id = :tenant
                                        ORDER BY id DESC LIMIT 5000) newest
     WHERE ship_country IS NOT NULL ORDER BY 1
    """
)
CARRIERS = text(
    """
    SELECT DISTINCT carrier FROM (SELECT carrier FROM shipment WHERE tenant_id = :tenant
                                   ORDER BY id DESC LIMIT 5000) newest
     WHERE carrier IS NOT NULL ORDER BY 1
    """
)
CONNECTIONS = text("SELECT name, coalesce(label, name) AS label FROM connection WHERE tenant_id = :tenant ORDER BY 1")
NODES = text("SELECT code, name FROM node WHERE tenant_id = :tenant ORDER BY 1")


def connections(conn: Connection, tenant: int) -> list[tuple[str, str]]:
    """Return name and label of every connection."""
    return [(row.name, row.label) for row in conn.execute(CONNECTIONS, {"tenant": tenant})]


def nodes(conn: Connection, tenant: int) -> list[tuple[str, str]]:
    """Return code and name of every node."""
    return [(row.code, row.name) for row in conn.execute(NODES, {"tenant": tenant})]


def countries(conn: Connection, tenant: int) -> list[str]:
    """Return the countries the newest orders go to."""
    return list(conn.execute(COUNTRIES, {"tenant": tenant}).scalars())


def carriers(conn: Connection, tenant: int) -> list[str]:
    """Return the carriers of the newest shipments."""
    return list(conn.execute(CARRIERS, {"tenant": tenant}).scalars())
