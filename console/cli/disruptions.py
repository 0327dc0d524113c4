"""`crossdock disruptions`: list, add, end, replan."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import Moment, limit_option, pages

COLUMNS = ("id", "label", "carrier", "starts_at=from", "ends_at=until", "actor")


@group("disruptions")
def disruptions_command() -> None:
    """Areas where nothing leaves for a while: weather, strikes, blocked roads."""


@disruptions_command.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over as well.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, everything: bool) -> None:
    """List disruptions, the newest first."""
    from core.store.read.routing import list_disruptions

    with session.hub() as hub, hub.store.read() as conn:
        found = pages(lambda piece: list_disruptions(conn, piece, active=None if everything else True), limit)
        session.out.rows(found, COLUMNS)


@disruptions_command.command("add")
@click.argument("label")
@click.option("--circle", metavar="LAT,LON,KM", help="Degrees north, degrees east, kilometers.")
@click.option(
    "--postal",
    metavar="COUNTRY:PREFIX,…",
    help="Beginnings of postcodes, such as DE:20,21; DE:* for the whole country.",
)
@click.option("--carrier", help="Only what this carrier fetches or brings there.")
@click.option("--from", "starts_at", type=Moment(ahead=True), help="When it begins [now].")
@click.option("--until", "ends_at", type=Moment(ahead=True), help="When it ends, such as 2d; open otherwise.")
@click.option("--keep-work", is_flag=True, help="Leave released work where it is.")
@changes
@pass_session
def add(
    session: Session,
    /,
    label: str,
    circle: str | None,
    postal: str | None,
    carrier: str | None,
    starts_at: datetime | None,
    ends_at: datetime | None,
    keep_work: bool,
) -> None:
    """Say that an area is shut: new orders avoid it at once, released work goes elsewhere when you agree."""
    from console.cli.bodies import body_of
    from console.cli.replans import replan
    from core.services.affected import Scope
    from core.services.disruptions import add_disruption
    from core.store.read.routing import read_disruption
    from webhooks.api.disruptions import DisruptionBody

    area = _area(circle, postal)
    body = body_of(DisruptionBody, label=label, area=area, carrier=carrier, starts_at=starts_at, ends_at=ends_at)
    with session.hub() as hub:
        with session.changing(hub) as unit:
            disruption = add_disruption(unit, body)
            shown = read_disruption(unit.conn, disruption, unit.tenant)
            found = None
            if session.dry_run and not keep_work:
                found = replan(session, hub, Scope(disruption=disruption), label, within=unit)
        if not session.dry_run and not keep_work:
            found = replan(session, hub, Scope(disruption=disruption), label)
    session.out.did({**shown, "replan": found}, f"{label}: {shown['id']}.", f"crossdock disruptions end {shown['id']}")


@disruptions_command.command("replan")
@click.argument("disruption")
@changes
@pass_session
def replan_(session: Session, /, disruption: str) -> None:
    """Compare the released work a disruption concerns with what it would become, and move it when you agree."""
    from console.cli.replans import replan
    from core.services.affected import Scope
    from core.store.read.routing import read_disruption

    with session.hub() as hub:
        with hub.store.read() as conn:
            disruption_id = find_id(conn, "disruption", disruption)
            label = read_disruption(conn, disruption_id)["label"]
        found = replan(session, hub, Scope(disruption=disruption_id), label)
    session.out.did(found, f"{label}: planned anew.")


@disruptions_command.command("end")
@click.argument("disruption")
@changes
@pass_session
def end(session: Session, /, disruption: str) -> None:
    """End a disruption now; orders that wait for its area go on by themselves."""
    from core.services.disruptions import end_disruption
    from core.store.read.routing import read_disruption

    with session.hub() as hub, session.changing(hub) as unit:
        disruption_id = find_id(unit.conn, "disruption", disruption)
        end_disruption(unit, disruption_id)
        shown = read_disruption(unit.conn, disruption_id, unit.tenant)
    session.out.did(shown, f"{shown['label']} is over.")


def _area(circle: str | None, postal: str | None) -> dict[str, Any]:
    if bool(circle) == bool(postal):
        raise click.UsageError("Give --circle LAT,LON,KM or --postal COUNTRY:PREFIX,….")
    if postal:
        country, colon, prefixes = postal.partition(":")
        if not colon:
            raise click.UsageError(f"--postal {postal!r} names no prefix; for the whole country: --postal {postal}:*")
        return {"country": country.upper(), "prefixes": [each.strip() for each in prefixes.split(",")]}
    try:
        latitude, longitude, km = (float(each) for each in str(circle).split(","))
    except ValueError:
        raise click.UsageError(f"--circle {circle!r} is not three numbers: LAT,LON,KM.") from None
    return {"latitude": latitude, "longitude": longitude, "km": km}
