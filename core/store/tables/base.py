"""What every table shares: one metadata, tenant-leading keys, UUIDv7 identifiers, database time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    Column,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSON, UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# Hot rows are updated in place: free room in the page keeps the update off the indexes.
HOT: dict[str, Any] = {"postgresql_with": {"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"}}


def tenant() -> Column[int]:
    """Return the tenant column that leads every key, so that a tenant never crosses a shard."""
    return Column("tenant_id", SmallInteger, nullable=False, server_default="1")


def uid(name: str, *, null: bool = False) -> Column[Any]:
    """Return a UUID column."""
    return Column(name, UUID, nullable=null)


def text(name: str, *, null: bool = True, default: str | None = None) -> Column[str]:
    """Return a text column."""
    return Column(name, Text, nullable=null, server_default=default)


def number(name: str, *, null: bool = False, default: str | None = None) -> Column[Any]:
    """Return an exact decimal column, for amounts and quantities."""
    return Column(name, Numeric, nullable=null, server_default=default)


def whole(name: str, *, null: bool = False, default: str | None = "0") -> Column[int]:
    """Return an integer column."""
    return Column(name, Integer, nullable=null, server_default=default)


def instant(name: str, *, null: bool = True) -> Column[Any]:
    """Return an aware time column; one that may not be null is filled by the database's clock."""
    return Column(
        name, TIMESTAMP(timezone=True), nullable=null, server_default=None if null else func.clock_timestamp()
    )


def document(name: str, *, null: bool = True, default: str | None = None) -> Column[Any]:
    """Return a JSON column; kept as text, as documents are read whole and never searched inside; None is NULL."""
    return Column(name, JSON(none_as_null=True), nullable=null, server_default=default)


def key(*names: str) -> PrimaryKeyConstraint:
    """Return the primary key, tenant first."""
    return PrimaryKeyConstraint("tenant_id", *(names or ("id",)))
