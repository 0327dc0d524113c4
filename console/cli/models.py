"""`crossdock models`: list, train, promote."""

from __future__ import annotations

from typing import Any

import click

from console.cli.base import Session, actor, changes, find_id, group, pass_session
from console.cli.lists import limit_option, pages

COLUMNS = (
    "id", "model", "state", "watch.verdict=watch", "watched_at=watched", "outcomes", "corrected_at=corrected",
    "approved_by=approved by", "created_at=made",
)  # fmt: skip


@group("models")
def models_command() -> None:
    """Versions of the models behind promises."""


@models_command.command("list")
@click.option(
    "--state", multiple=True, type=click.Choice(["challenger", "champion", "set_aside", "retired"]), help="Only these."
)
@limit_option
@pass_session
def list_(session: Session, /, limit: int, **given: Any) -> None:
    """List versions, newest first."""
    from core.store.read.promises import list_models

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_models(conn, piece, **given), limit),
            COLUMNS,
            empty="No model yet: promises follow the rule until enough parcels have arrived.",
        )


@models_command.command("train")
@click.option("--engine", type=click.Choice(["lanes", "boosted"]), default="lanes", show_default=True)
@changes
@pass_session
def train(session: Session, /, engine: str) -> None:
    """Train a challenger of the transit model on all outcomes and compare it with the champion."""
    from core.domain.ids import public_id
    from core.services.models import train_transit
    from core.store.read.promises import read_model_version

    with session.hub() as hub, session.changing(hub) as unit:
        model_id = train_transit(unit, engine, actor())
        shown = read_model_version(unit.conn, model_id)
    verdict = shown["metrics"]["verdict"]
    told = f"gain {verdict['gain']:+.1%} over the champion"
    outcome = "it won" if verdict["won"] else f"it has not won: {'; '.join(verdict['reasons'])}"
    following = [f"crossdock models promote {public_id('model', model_id)}"] if verdict["won"] else []
    session.out.did(
        shown, f"{shown['model']} is trained on {shown['outcomes']} parcels; {told}; {outcome}.", *following
    )


@models_command.command("promote")
@click.argument("model")
@changes
@pass_session
def promote_(session: Session, /, model: str) -> None:
    """Make a challenger that won the champion."""
    from core.services.models import promote
    from core.store.read.promises import read_model_version

    with session.hub() as hub:
        session.agree(f"Promise by {model} from now on?")
        with session.changing(hub) as unit:
            model_id = find_id(unit.conn, "model", model)
            promote(unit, model_id, actor())
            shown = read_model_version(unit.conn, model_id)
    session.out.did(shown, f"{shown['model']} is the champion.", "crossdock promises report")
