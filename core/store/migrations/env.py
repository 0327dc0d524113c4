"""Alembic's entry: runs the migrations on the connection that core.store.migrate hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from core.store.schema import metadata
from core.store.tables.oversight import Xid8


def _own_type(kind: str, value: Any, _context: AutogenContext) -> str | Literal[False]:
    return "Xid8()" if kind == "type" and isinstance(value, Xid8) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    render_item=_own_type,
)
with context.begin_transaction():
    context.run_migrations()
