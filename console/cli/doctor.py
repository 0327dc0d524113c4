"""`crossdock doctor`: checks, each with its fix."""

from __future__ import annotations

import click

from console.cli.base import Session, command, pass_session

MARKS = {"ok": (" ✓", "green"), "warn": (" !", "yellow"), "fail": (" ✗", "red"), "skip": (" –", None)}


@command("doctor")
@click.option("--only", multiple=True, metavar="NAME", help="Only this check; may be repeated.")
@pass_session
def doctor_command(session: Session, /, only: tuple[str, ...]) -> None:
    """Check everything the hub stands on; exit 1 when there is a problem."""
    from console.cli import checkup

    unknown = sorted(set(only) - set(checkup.NAMES))
    if unknown:
        raise click.UsageError(f"There is no check {unknown[0]!r}; there are: {', '.join(checkup.NAMES)}.")
    counts = {"ok": 0, "warn": 0, "fail": 0, "skip": 0}
    for found in checkup.run(session, only):
        counts[found.status] += 1
        if session.json:
            session.out.line({"check": found.name, "status": found.status, "detail": found.detail, "fix": found.fix})
            continue
        mark, color = MARKS[found.status]
        fix = f"\n     fix: {found.fix}" if found.fix else ""
        click.echo(f"{click.style(mark, fg=color)} {found.detail}{fix}")
    if not session.json:
        click.echo(f"{counts['fail']} problems, {counts['warn']} warnings", err=True)
    if counts["fail"]:
        raise click.exceptions.Exit(1)
