"""`crossdock exceptions`: list, show, apply, assign, snooze, resolve."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from console.cli.base import Session, actor, changes, find_id, group, pass_session
from console.cli.lists import Moment, limit_option, list_about
from console.cli.output import note

SHOWN_MEMBERS = 20
LIVE_CASE = ("open", "auto_resolving", "assigned", "snoozed")
COLUMNS = (
    "id",
    "severity",
    "state",
    "title",
    "member_count=stops",
    "owner",
    "last_seen=seen",
    "recommended.label=way out",
)


@group("exceptions")
def exceptions_command() -> None:
    """What needs a person, each with its cause and the way out."""


@exceptions_command.command("list")
@click.option("--all", "every", is_flag=True, help="Settled ones too.")
@click.option("--state", multiple=True, help="Only in this state; may be repeated.")
@click.option("--code", multiple=True, help="Only of this cause; may be repeated.")
@click.option("--severity", multiple=True, type=click.Choice(["high", "medium", "low"]), help="Only of this severity.")
@click.option("--connection", help="Only of this connection.")
@click.option("--order", help="Only those that stop this order.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, every: bool, order: str | None, **given: Any) -> None:
    """List exceptions that are not settled, newest first."""
    from core.store.read.cases import list_cases

    live = None if every or given["state"] else True
    list_about(
        session, list_cases, COLUMNS, limit=limit, order=order, empty="Nothing needs a person.", live=live, **given
    )


@exceptions_command.command("show")
@click.argument("case")
@click.option("--all", "every", is_flag=True, help=f"All it stops, not only the first {SHOWN_MEMBERS}.")
@pass_session
def show(session: Session, /, case: str, every: bool) -> None:
    """Show one exception with its evidence and what it stops; as JSON always all of it."""
    from core.store.read.cases import read_case

    with session.hub() as hub, hub.store.read() as conn:
        found = read_case(conn, find_id(conn, "case", case))
    hidden = 0 if every or session.json else max(len(found["members"]) - SHOWN_MEMBERS, 0)
    session.out.one({**found, "members": found["members"][:SHOWN_MEMBERS]} if hidden else found)
    if hidden:
        note(f"{hidden} more: crossdock exceptions show {case} --all")
    for words in [] if session.json else _ways(found):
        note(words)


@exceptions_command.command("apply")
@click.argument("cases", nargs=-1, required=True)
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="A value the action needs, such as sku=….")
@click.option("--action", help="Another of its ways out than the recommended one; `exceptions show` lists them.")
@changes
@pass_session
def apply(session: Session, /, cases: tuple[str, ...], sets: tuple[str, ...], action: str | None) -> None:
    """Do what is recommended for an exception, or another of its ways out, for all it stops."""
    from core.services import audit
    from core.services.actions import apply_case, done_in_words
    from core.store.read.cases import read_case

    arguments = dict(_pair(each) for each in sets)
    with session.hub() as hub:

        def apply_one(case: str) -> tuple[dict[str, Any], str]:
            with hub.store.read() as conn:
                case_id = find_id(conn, "case", case)
                shown = read_case(conn, case_id)
            ways = {each["action"]: each["label"] for each in shown["alternatives"]}
            label = ways.get(action) if action else None
            session.agree(f"{shown['title']}: {label or (shown['recommended'] or {}).get('label')}?")
            with session.changing(hub) as unit:
                facts = hub.facts.get(unit.conn, unit.tenant)
                answer = apply_case(unit, facts, hub.connectors, case_id, arguments, action)
                audit.record(unit, "exception.apply", shown["id"], {"action": answer["action"]})
            return {
                "id": shown["id"],
                **answer,
            }, f"{case}: {answer['action'].replace('_', ' ')}, {done_in_words(answer)}."

        session.for_each(cases, apply_one)


@exceptions_command.command("assign")
@click.argument("case")
@click.argument("owner")
@changes
@pass_session
def assign(session: Session, /, case: str, owner: str) -> None:
    """Give an exception to somebody; `-` gives it back to everybody."""
    if owner == "-":
        _move(session, case, "unassign", owner="")
    else:
        _move(session, case, "assign", owner=owner)


@exceptions_command.command("snooze")
@click.argument("case")
@click.option("--until", type=Moment(ahead=True), required=True, help="A time to come, or a span such as 4h.")
@changes
@pass_session
def snooze(session: Session, /, case: str, until: datetime) -> None:
    """Put an exception out of sight until a time."""
    _move(session, case, "snooze", until=until)


@exceptions_command.command("resolve")
@click.argument("case")
@click.option("--resolution", help="How it was settled.")
@changes
@pass_session
def resolve(session: Session, /, case: str, resolution: str | None) -> None:
    """Say that an exception is settled; the same cause again opens it again."""
    _move(session, case, "resolve", resolution=resolution or f"resolved by {actor()}")


def _move(session: Session, /, case: str, trigger: str, **more: Any) -> None:
    from core.services import audit
    from core.services.cases import move_case

    with session.hub() as hub, session.changing(hub) as unit:
        answer = move_case(unit, find_id(unit.conn, "case", case), trigger, **more)
        audit.record(unit, f"exception.{trigger}", answer["id"], {name: str(value) for name, value in more.items()})
    session.out.did(answer, f"{answer['id']} is {answer['state']}.", "crossdock exceptions list")


def _ways(case: dict[str, Any]) -> list[str]:
    """Return how each way out of a case is gone on the command line."""
    if case["state"] not in LIVE_CASE:
        return []
    best = case["recommended"] or {}
    found = []
    for way in [*([best] if best.get("action") else []), *case["alternatives"]]:
        chosen = "" if way is best else f" --action {way['action']}"
        said = "".join(f" --set {name}=…" for name in way.get("fields") or ())
        found.append(f"{way['label']}: crossdock exceptions apply {case['id']}{chosen}{said}")
    return found


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{text!r} is not NAME=VALUE.")
    return name, value
