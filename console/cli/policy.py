"""`crossdock policy`: list, show, diff, new, approve, simulate, activate, restore, rollback, retire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.base import Session, changes, group, pass_session
from console.cli.lists import Moment, carry_option, limit_option, pages, processes_option

if TYPE_CHECKING:
    from uuid import UUID

    from core.store.unit import Unit

Json = dict[str, Any]
COLUMNS = (
    "policy",
    "state",
    "active_from=since",
    "document.priority=priority",
    "author",
    "approver",
    "simulated_at=simulated",
    "passed",
)
STATES = click.Choice(["draft", "approved", "active", "retired"])
comment_option = click.option("--comment", help="Why, for those who read it later.")


@group("policy")
def policy_command() -> None:
    """How nodes are chosen: versions of policies, each written, simulated, approved and activated.

    A version is named NAME@NUMBER; NAME alone is the newest.
    """


@policy_command.command("list")
@click.option("--name", help="Only versions of this policy.")
@click.option(
    "--state", multiple=True, type=click.Choice(["draft", "approved", "active", "retired"]), help="Only these."
)
@limit_option
@pass_session
def list_(session: Session, /, limit: int, name: str | None, state: tuple[str, ...]) -> None:
    """List versions of policies, newest first."""
    from core.store.read.policies import list_policies

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(pages(lambda piece: list_policies(conn, piece, name=name, state=state), limit), COLUMNS)


@policy_command.command("show")
@click.argument("policy")
@pass_session
def show(session: Session, /, policy: str) -> None:
    """Show one version with the report of its last simulation."""
    from console.cli.simulation import show_report
    from core.store.read.policies import read_policy

    with session.hub() as hub, hub.store.read() as conn:
        found = read_policy(conn, policy)
    if session.json:
        session.out.line(found)
        return
    report = found.pop("simulation")
    session.out.one(found)
    if report:
        click.echo()
        show_report(session, report)


@policy_command.command("diff")
@click.argument("policy")
@click.argument("other", required=False)
@pass_session
def diff(session: Session, /, policy: str, other: str | None) -> None:
    """Show what a version says differently from another; from the one in force of the same name by default."""
    from core.domain.policies import difference
    from core.store.read.policies import counterpart, policy_row

    with session.hub() as hub, hub.store.read() as conn:
        row = policy_row(conn, policy)
        base = policy_row(conn, other) if other else counterpart(conn, row)
    session.out.rows(
        difference(base.document if base else {}, row.document),
        ("path", "before", "after"),
        empty="They say the same.",
    )


@policy_command.command("new")
@click.argument("name")
@click.option("--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The document, as JSON.")
@click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="One value, such as weights.way=150.")
@comment_option
@changes
@pass_session
def new(session: Session, /, name: str, file: Path | None, sets: tuple[str, ...], comment: str | None) -> None:
    """Write a new version: the file's document, else the newest one's, with the values set."""
    import orjson

    from console.cli.changes import set_path
    from core.errors import InputError, NotFound
    from core.services.policies import draft
    from core.store.read.policies import policy_row, read_policy

    with session.hub() as hub, session.changing(hub) as unit:
        document: Any = {}
        if file is not None:
            try:
                document = orjson.loads(file.read_bytes())
            except orjson.JSONDecodeError as error:
                raise InputError(f"{file} holds no JSON: {error}.", code="POLICY-SCHEMA-422") from None
        else:
            try:
                document = dict(policy_row(unit.conn, name, unit.tenant).document)
            except NotFound:
                document = {}
        for each in sets:
            set_path(document, each)
        policy_id = draft(unit, name, document, comment)
        found = read_policy(unit.conn, f"pol_{policy_id.hex}", unit.tenant)
    title = found["policy"]
    session.out.did(found, f"{title} is written as a draft.", f"crossdock policy simulate {title}")


@policy_command.command("approve")
@click.argument("policy")
@comment_option
@changes
@pass_session
def approve(session: Session, /, policy: str, comment: str | None) -> None:
    """Approve a draft somebody else wrote."""
    from core.services.policies import approve as agree

    _change(session, lambda unit: agree(unit, policy, comment), "is approved", "activate")


@policy_command.command("simulate")
@click.argument("policy")
@click.option("--since", type=Moment(), help="Decisions made since [30d].")
@carry_option
@processes_option
@changes
@pass_session
def simulate(session: Session, /, policy: str, since: datetime | None, carry: bool, processes: int) -> None:
    """Make recorded decisions again under a version and keep the report. Exit 1 when a guardrail does not hold.

    Of a version in force it is seen what its orders would have come to had it been retired.
    """
    from console.cli.simulation import show_report, verdict
    from core.services.policies import keep_simulation
    from core.services.trials import simulate as try_out

    with session.hub() as hub, session.changing(hub) as unit:
        found = try_out(unit.conn, policy, unit.now, since, engine=hub.store.engine, processes=processes, carry=carry)
        keep_simulation(unit, found["policy"], found)
    if session.json:
        session.out.line({**found, "dry_run": True} if session.dry_run else found)
    else:
        show_report(session, found)
        click.echo(verdict(found))
    if found["passed"] is False:
        raise click.exceptions.Exit(1)


@policy_command.command("activate")
@click.argument("policy")
@click.option("--at", type=Moment(ahead=True), help="At a time to come, or after a span such as 4h; now by default.")
@comment_option
@changes
@pass_session
def activate(session: Session, /, policy: str, at: datetime | None, comment: str | None) -> None:
    """Put an approved version in force; its simulation must have passed."""
    from core.services.policies import activate as put_in_force

    session.agree(f"Let {policy} choose nodes {'now' if at is None else f'from {at:%Y-%m-%d %H:%M} UTC'}?")
    sentence = "is in force" if at is None else f"will be in force from {at.isoformat()}"
    _change(session, lambda unit: put_in_force(unit, policy, at, comment), sentence, "list")


@policy_command.command("restore")
@click.argument("policy")
@comment_option
@changes
@pass_session
def restore(session: Session, /, policy: str, comment: str | None) -> None:
    """Put a retired version in force again, such as one that was rolled back; its simulation must have passed."""
    from core.services.policies import restore as put_back

    session.agree(f"Let {policy} choose nodes again?")
    _change(session, lambda unit: put_back(unit, policy, comment), "is in force again", "list")


@policy_command.command("rollback")
@click.argument("name")
@comment_option
@changes
@pass_session
def rollback(session: Session, /, name: str, comment: str | None) -> None:
    """Put the version back in force that was before the one that is."""
    from core.services.policies import rollback as go_back

    session.agree(f"Go back to the version of {name} before this one?")
    _change(session, lambda unit: go_back(unit, name, comment), "is in force again", "list")


@policy_command.command("retire")
@click.argument("policy")
@comment_option
@changes
@pass_session
def retire(session: Session, /, policy: str, comment: str | None) -> None:
    """Take a version out; its orders get the other policies, in the end the one every hub is born with.

    One in force wants a simulation of that and a second person, unless nothing has changed since it was activated.
    """
    from core.services.policies import retire as take_out

    session.agree(f"Take {policy} out?")
    _change(session, lambda unit: take_out(unit, policy, comment), "is retired", "list")


def _change(session: Session, work: Callable[[Unit], UUID], sentence: str, verb: str) -> None:
    from core.store.read.policies import read_policy

    with session.hub() as hub, session.changing(hub) as unit:
        found = read_policy(unit.conn, f"pol_{work(unit).hex}", unit.tenant)
    title = found["policy"]
    # What the change replaced stands in the words that are kept of it.
    _, instead, what = found["comments"][-1]["did"].partition(" instead of ")
    session.out.did(
        found,
        f"{title} {sentence}{instead}{what}.",
        f"crossdock policy {verb}" + (f" {title}" if verb == "activate" else ""),
    )
