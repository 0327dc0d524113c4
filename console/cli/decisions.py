"""`crossdock decisions`: list, show, verify."""

from __future__ import annotations

from datetime import datetime

import click

from console.cli.base import Session, find_id, group, pass_session
from console.cli.lists import Moment, find_order, limit_option, pages
from console.cli.output import hint

COLUMNS = ("id", "at", "kind", "order", "policy", "choice.cost=cost", "bound", "duration_us=us", "actor")


@group("decisions")
def decisions_command() -> None:
    """Choices the hub made, with all they were made from."""


@decisions_command.command("list")
@click.option("--kind", multiple=True, help="Only of this kind, such as sourcing; may be repeated.")
@click.option("--order", help="Only about this order.")
@click.option("--policy", help="Only under this version of a policy, such as cheapest@1.")
@click.option("--since", type=Moment(), help="Made since, such as 2h.")
@limit_option
@pass_session
def list_(
    session: Session,
    /,
    limit: int,
    kind: tuple[str, ...],
    order: str | None,
    policy: str | None,
    since: datetime | None,
) -> None:
    """List decisions, newest first; costs are in 1/10,000 of the currency."""
    from core.store.read.decisions import list_decisions

    with session.hub() as hub, hub.store.read() as conn:
        about = find_order(conn, order) if order else None
        session.out.rows(
            pages(
                lambda piece: list_decisions(conn, piece, kind=kind, order_id=about, policy=policy, at_since=since),
                limit,
            ),
            COLUMNS,
        )


@decisions_command.command("show")
@click.argument("decision")
@pass_session
def show(session: Session, /, decision: str) -> None:
    """Show one decision with everything it was made from."""
    from core.store.read.decisions import read_decision

    with session.hub() as hub, hub.store.read() as conn:
        session.out.one(read_decision(conn, find_id(conn, "decision", decision)))


@decisions_command.command("verify")
@click.option("--since", type=Moment(), help="Only those made since, such as 7d.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the newest so many; all by default.")
@click.option("--processes", type=click.IntRange(1, 16), default=2, show_default=True, help="Processes that work.")
@pass_session
def verify(session: Session, /, since: datetime | None, limit: int | None, processes: int) -> None:
    """Make stored decisions again; each must come out to the byte. Exit 1 when one differs or was altered.

    Waves are checked as a whole (possible, no promise broken, not dearer) and searched again unless time ended them.
    """
    from core.services.redeciding import Verdict, pieces, verify_pieces
    from core.services.sharing import shared_out
    from core.services.wavekeeping import verify_waves

    verdict = Verdict()
    with session.hub() as hub:
        with hub.store.read() as conn:
            wanted = pieces(conn, since, limit)
            waves = verify_waves(conn, since, limit)
        for share in shared_out(hub.store.engine, verify_pieces, wanted, processes=processes):
            verdict.add(share)
    differ = [each.as_json() for each in (*verdict.differ, *waves.differ)]
    if session.json:
        session.out.line(
            {
                "decisions": verdict.decisions,
                "agree": verdict.agree,
                "older": verdict.older,
                "waves": waves.decisions,
                "waves_agree": waves.agree,
                "differ": differ,
            }
        )
    else:
        click.echo(f"{verdict.agree:,} of {verdict.decisions:,} decisions were made again and agree to the byte.")
        if verdict.older:
            click.echo(f"{verdict.older:,} are whole, but were made by an older engine and need not come out alike.")
        if waves.decisions:
            click.echo(f"{waves.agree:,} of {waves.decisions:,} waves are whole, keep every promise and cost no more.")
        session.out.rows(differ, ("id", "field", "how"), empty="Nothing differs.")
    if differ:
        what = "wave" if differ[0]["id"].startswith("wav_") else "decisions"
        hint(f"crossdock {what} show {differ[0]['id']}")
        raise click.exceptions.Exit(1)
