"""`crossdock scores`: what carriers and nodes are worth by their outcomes."""

from __future__ import annotations

from typing import Any

import click

from console.cli.base import Session, command, pass_session
from console.cli.lists import limit_option, pages

COLUMNS = ("subject", "name", "part", "measure", "value", "low", "high", "outcomes", "weight", "prior")


@command("scores")
@click.option("--subject", multiple=True, type=click.Choice(["carrier", "node"]), help="Only of these.")
@click.option("--name", multiple=True, help="Only of this carrier or node; may be repeated.")
@click.option("--measure", multiple=True, help="Only this measure, such as on_time; may be repeated.")
@limit_option
@pass_session
def scores_command(session: Session, /, limit: int, **given: Any) -> None:
    """List the scores of carriers and nodes: time-decayed, with the number of outcomes behind each."""
    from core.store.read.promises import list_scores

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_scores(conn, piece, **given), limit),
            COLUMNS,
            empty="No outcomes yet; scores are computed every hour.",
        )
