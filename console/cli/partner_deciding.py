"""`crossdock partner send`, `take` and `refuse`: interchanges sent anew, and what is done with one set aside."""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.base import Session, changes, command, find_id, pass_session


@command("send", epilog="Example: crossdock partner send ich_0198f3c2 --remap")
@click.argument("interchange")
@click.option("--remap", is_flag=True, help="Write its paper again by today's map.")
@click.option(
    "--edited", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Send this text instead of it."
)
@changes
@pass_session
def send_command(session: Session, /, interchange: str, remap: bool, edited: Path | None) -> None:
    """Send INTERCHANGE anew, under a new number.

    The old one stays in the history. INTERCHANGE is an id that `crossdock partner interchanges` lists.
    """
    from core.domain.ids import public_id
    from core.services import audit
    from core.services.edi_resending import send_anew

    if remap and edited:
        raise click.UsageError("Give --remap or --edited, not both.")
    way = "edit" if edited else "remap" if remap else "resend"
    try:
        text = edited.read_text(encoding="utf-8") if edited else None
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{edited} is not UTF-8: byte {error.start} belongs to no character.") from None
    with session.hub() as hub, session.changing(hub) as unit:
        found = find_id(unit.conn, "interchange", interchange)
        delivery = public_id("delivery", send_anew(unit, hub.connectors, hub.box, found, way, text))
        audit.record(unit, f"interchange.{way}", interchange, {"delivery": delivery})
    session.out.did(
        {"interchange": interchange, "delivery": delivery, "way": way},
        f"{interchange} is sent anew with {delivery}.",
        f"crossdock deliveries show {delivery}",
    )


@command("take", epilog="Example: crossdock partner take ich_0198f3c2")
@click.argument("interchange")
@changes
@pass_session
def take_command(session: Session, /, interchange: str) -> None:
    """Work on INTERCHANGE although it was set aside.

    It was, because its number came before with other content (state `quarantined`). An order is still made once only.
    """
    from core.services import audit
    from core.services.edi_deciding import take_anyway

    with session.hub() as hub, session.changing(hub) as unit:
        found = find_id(unit.conn, "interchange", interchange)
        facts = hub.facts.get(unit.conn, unit.tenant)
        taken = take_anyway(unit, facts, hub.connectors, hub.box, found)
        audit.record(unit, "interchange.taken", interchange, {"messages": taken})
    session.out.did(
        {"interchange": interchange, "state": "taken", "messages": taken},
        f"{interchange} is taken: {taken} messages.",
        "crossdock partner documents",
    )


@command("refuse", epilog='Example: crossdock partner refuse ich_0198f3c2 --note "Sent by mistake."')
@click.argument("interchange")
@click.option("--note", help="Why, for the audit log.")
@changes
@pass_session
def refuse_command(session: Session, /, interchange: str, note: str | None) -> None:
    """Leave INTERCHANGE, which was set aside, undone for good.

    It was, because its number came before with other content (state `quarantined`).
    """
    from core.services import audit
    from core.services.edi_deciding import refuse_for_good

    with session.hub() as hub, session.changing(hub) as unit:
        refuse_for_good(unit, find_id(unit.conn, "interchange", interchange))
        audit.record(unit, "interchange.refused", interchange, {"note": note})
    session.out.did({"interchange": interchange, "state": "refused"}, f"{interchange} is refused for good.")
