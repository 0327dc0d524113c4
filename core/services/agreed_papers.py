"""Sending a paper by hand to a partner with whom it was agreed; what was not agreed cannot leave."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from core.domain.vocabulary import Mode, Paper
from core.errors import Conflict
from core.ports.connectors import ConnectionConfig, Connectors
from core.ports.partners import AgreesPapers
from core.services.connections import row_of
from core.services.facts import Facts
from core.services.papers import WRITE_OF, send_by_hand
from core.store import schema as t
from core.store.unit import Unit


def send_agreed(unit: Unit, facts: Facts, connectors: Connectors, paper_id: UUID) -> None:
    """Send a paper that was kept back, was not agreed then, or whose delivery failed, because a person says so.

    Args:
        unit: the running transaction.
        facts: connections.
        connectors: opens the partner's connector, which knows what was agreed with him.
        paper_id: the paper.

    Raises:
        NotFound: there is no such paper.
        Conflict: it has left or waits to leave, its connection cannot take it, or the partner's profile has no document
            for it.
    """
    c = t.paper.c
    paper = unit.conn.execute(
        select(c.kind, c.number, c.connection_id, c.body).where(c.tenant_id == unit.tenant, c.id == paper_id)
    ).one_or_none()
    taker = None if paper is None else facts.connections.get(paper.connection_id)
    # One that takes no such paper at all is refused below.
    if paper is not None and taker is not None and taker.takes(WRITE_OF[Paper(paper.kind)]):
        row = row_of(unit, paper.connection_id)
        # What was agreed is in the settings; nothing is called, so no secret is opened.
        config = ConnectionConfig(row.id, row.name, row.connector, Mode(row.mode), row.settings, {})
        opened = connectors.open(config)
        try:
            agreed = not isinstance(opened, AgreesPapers) or opened.agrees(
                paper.kind, str(WRITE_OF[Paper(paper.kind)]), paper.body.get("answers")
            )
        finally:
            opened.close()
        if not agreed:
            words = str(paper.kind).replace("_", " ")
            raise Conflict(
                f"{paper.number} cannot leave: {words} was not agreed with {row.name}.",
                why="His profile has no document with a map for it, so nothing would be written.",
                fix=f"Agree on it and add the document to his file, take it over with `crossdock partner add FILE "
                f"--replace`, and send the paper then. Else tell {row.name} by other means.",
                code="PAPER-AGREED-409",
            )
    send_by_hand(unit, facts, paper_id)
