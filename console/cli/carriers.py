"""`crossdock carriers`: services, service, rates; they come from `crossdock import services` and `import rates`."""

from __future__ import annotations

import click

from console.cli.base import Session, group, pass_session
from console.cli.lists import limit_option, pages

SERVICES = (
    "carrier", "service", "level", "nodes", "cutoff", "pickup_limit=a day", "transit_days", "on_time",
    "max_weight_g=up to g", "active",
)  # fmt: skip
RATES = (
    "carrier", "service", "zone", "from_country=from", "to_country=to", "to_postal=postal", "up_to_g=up to g", "price",
    "per_kg", "currency", "valid_from=since", "valid_to=until",
)  # fmt: skip


@group("carriers")
def carriers_command() -> None:
    """Carriers' services and what they cost."""


@carriers_command.command("services", epilog="Example: crossdock carriers services --carrier nordpost")
@click.option("--carrier", multiple=True, help="Only of this carrier; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Those that are switched off as well.")
@limit_option
@pass_session
def services(session: Session, /, limit: int, carrier: tuple[str, ...], everything: bool) -> None:
    """List services by carrier and name."""
    from core.store.read.routing import list_services

    active = None if everything else True
    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_services(conn, piece, carrier=carrier, active=active), limit),
            SERVICES,
            empty="There is no service. Write them: crossdock import services FILE",
        )


@carriers_command.command("service", epilog="Example: crossdock carriers service nordpost/parcel")
@click.argument("service")
@pass_session
def service_(session: Session, /, service: str) -> None:
    """Show one service, named as CARRIER/SERVICE."""
    from core.store.read.routing import read_service

    with session.hub() as hub, hub.store.read() as conn:
        session.out.one(read_service(conn, service))


@carriers_command.command("rates", epilog="Example: crossdock carriers rates --carrier nordpost --to DK")
@click.option("--carrier", help="Only of this carrier.")
@click.option("--service", help="Only of this service.")
@click.option("--to", "to_country", metavar="COUNTRY", help="Only to this country, such as DK.")
@limit_option
@pass_session
def rates(session: Session, /, limit: int, carrier: str | None, service: str | None, to_country: str | None) -> None:
    """List rates, the newest first."""
    from core.store.read.routing import list_rates

    country = to_country.upper() if to_country else None
    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            pages(lambda piece: list_rates(conn, piece, carrier=carrier, service=service, to_country=country), limit),
            RATES,
            empty="There is no such rate. Write them: crossdock import rates FILE",
        )
