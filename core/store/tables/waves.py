"""Waves: what was planned again together, what it saved, and what it was made from."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table

from core.store.tables.base import document, instant, key, metadata, tenant, text, uid, whole

wave = Table(
    "wave",
    metadata,
    tenant(),
    uid("id"),
    # Why it ran: its time came (schedule), a cut-off comes (cutoff), a person asked (asked).
    text("cause", null=False),
    # Orders that waited; that the search found better plans for; that got them.
    whole("orders"),
    whole("found"),
    whole("changed"),
    # In 1/10,000 of the currency; no plans that keep the promises cost less than the bound.
    Column("cost_before", BigInteger, nullable=False),
    Column("cost_after", BigInteger, nullable=False),
    Column("bound", BigInteger, nullable=False),
    # Whether the search ended by itself, rather than by the clock.
    Column("finished", Boolean, nullable=False),
    # What moved, what did not and why, as people read it.
    document("report", null=False),
    # Packed JSON (core.routing.waverecord) and the plans chosen; null where nothing was changed.
    Column("inputs", LargeBinary),
    Column("choice", LargeBinary),
    whole("duration_us"),
    text("actor", null=False, default="hub"),
    instant("at", null=False),
    Column("seal", LargeBinary, nullable=False),
    key(),
    Index("ix_wave_at", "tenant_id", "at"),
)
