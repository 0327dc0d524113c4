"""`crossdock messages`: list, show, replay, correct, discard."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import Moment, limit_option, list_about, names_of_all

COLUMNS = ("id", "received_at=received", "connection", "topic", "via", "state", "outcome", "order")


@group("messages")
def messages_command() -> None:
    """What came in, as it came."""


@messages_command.command("list")
@click.option("--state", multiple=True, help="Only in this state; may be repeated.")
@click.option("--connection", help="Only from this connection.")
@click.option("--topic", help="Only of this topic.")
@click.option("--via", multiple=True, help="Only by this door: webhook, poll, file, api, import.")
@click.option("--order", help="Only about this order.")
@click.option("--since", type=Moment(), help="Received since, such as 2h.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, since: datetime | None, order: str | None, **given: Any) -> None:
    """List messages, newest first."""
    from core.store.read.plumbing import list_messages

    list_about(session, list_messages, COLUMNS, limit=limit, order=order, received_since=since, **given)


@messages_command.command("show")
@click.argument("message")
@click.option("--raw", is_flag=True, help="Its bytes, and nothing else.")
@pass_session
def show(session: Session, /, message: str, raw: bool) -> None:
    """Show one message, or its raw bytes."""
    from core.store.read.plumbing import read_message, read_raw

    with session.hub() as hub, hub.store.read() as conn:
        message_id = find_id(conn, "message", message)
        if raw:
            sys.stdout.buffer.write(bytes(read_raw(conn, message_id).body))
            return
        found = read_message(conn, message_id)
    session.out.one(found)


@messages_command.command("replay")
@click.argument("messages", nargs=-1)
@click.option("--quarantined", is_flag=True, help="All that are quarantined.")
@click.option("--connection", help="With --quarantined: only from this connection.")
@changes
@pass_session
def replay(session: Session, /, messages: tuple[str, ...], quarantined: bool, connection: str | None) -> None:
    """Read messages again under today's map; their effect is there at most once."""
    from core.domain.ids import public_id
    from core.services import audit
    from core.services.replaying import replay_message
    from core.store.read.plumbing import list_messages

    if bool(messages) == quarantined:
        raise click.UsageError("Name messages (msg_…), or say --quarantined.")
    with session.hub() as hub:
        if quarantined:
            messages = names_of_all(
                session,
                hub,
                list_messages,
                empty="No message is quarantined.",
                state=["quarantined"],
                connection=connection,
            )

        def again(message: str) -> tuple[dict[str, Any], str]:
            with session.changing(hub) as unit:
                message_id = find_id(unit.conn, "message", message)
                name, state = public_id("message", message_id), replay_message(unit, message_id)
                audit.record(unit, "message.replayed", name)
            return {"id": name, "state": state}, f"{name} is read again."

        session.for_each(messages, again)


@messages_command.command("correct", epilog="Example: crossdock messages correct msg_0198f3c2 --file mended.x12")
@click.argument("message")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The whole message as it should have been; `messages show --raw` writes it as it came.",
)
@click.option("--reason", help="Why it is corrected, for the audit log.")
@changes
@pass_session
def correct(session: Session, /, message: str, file: Path, reason: str | None) -> None:
    """Have an edition of a quarantined message worked on instead of it; the message stays as it came, given up."""
    from core.domain.ids import public_id
    from core.services.correcting import correct_message

    with session.hub() as hub, session.changing(hub) as unit:
        message_id = find_id(unit.conn, "message", message)
        name = public_id("message", message_id)
        edition = public_id("message", correct_message(unit, message_id, file.read_bytes(), reason))
    said = f"{name} is given up, and {edition} is worked on instead."
    session.out.did({"id": edition, "corrects": name}, said, f"crossdock messages show {edition}")


@messages_command.command("discard")
@click.argument("message")
@click.option("--reason", required=True, help="Why it is given up.")
@changes
@pass_session
def discard(session: Session, /, message: str, reason: str) -> None:
    """Give a quarantined message up; its bytes stay."""
    from core.domain.ids import public_id
    from core.services import audit
    from core.services.replaying import discard_message

    session.agree(f"Give up {message} for good?")
    with session.hub() as hub, session.changing(hub) as unit:
        message_id = find_id(unit.conn, "message", message)
        name, state = public_id("message", message_id), discard_message(unit, message_id, reason)
        audit.record(unit, "message.discarded", name, {"reason": reason})
    session.out.did({"id": name, "state": state}, f"{name} is {state}.")
