"""`crossdock import`: items, nodes, stock, orders and what routing knows, from CSV, XLSX and JSON lines."""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.base import Session, changes, group, pass_session

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
file_argument = click.argument("file", type=FILE)
bad_option = click.option(
    "--bad", type=click.Path(path_type=Path, dir_okay=False), help="Where bad rows go [FILE.bad.csv beside the file]."
)


@group("import")
def import_command() -> None:
    """Data from files: good rows go in, bad rows into a file with their reasons.

    Columns are those of the drop folder (connectors/files/README.md); a JSON line is the canonical document.
    Exit 1 when some rows are bad.
    """


@import_command.command("items")
@file_argument
@click.option("--connection", help="Whose codes the references are; that channel then lists the items.")
@bad_option
@changes
@pass_session
def items(session: Session, /, file: Path, connection: str | None, bad: Path | None) -> None:
    """Write items by SKU: sku, title, gtin, unit, price, currency, weight_g, active."""
    _run(session, "items", file, bad, connection)


@import_command.command("nodes")
@file_argument
@bad_option
@changes
@pass_session
def nodes(session: Session, /, file: Path, bad: Path | None) -> None:
    """Write nodes by code: code, name, kind, connection, country, postal_code, city, latitude, longitude, …"""
    _run(session, "nodes", file, bad, None)


@import_command.command("services")
@file_argument
@bad_option
@changes
@pass_session
def services(session: Session, /, file: Path, bad: Path | None) -> None:
    """Write carriers' services: carrier, service, level, nodes, cutoff, transit_days, on_time, max_weight_g, …"""
    _run(session, "services", file, bad, None)


@import_command.command("rates")
@file_argument
@bad_option
@changes
@pass_session
def rates(session: Session, /, file: Path, bad: Path | None) -> None:
    """Write rates: carrier, service, zone, from_country, to_country, to_postal, up_to_g, price, per_kg, currency, …"""
    _run(session, "rates", file, bad, None)


@import_command.command("places")
@file_argument
@bad_option
@changes
@pass_session
def places(session: Session, /, file: Path, bad: Path | None) -> None:
    """Write where postcodes are: country, postal_code, place, latitude, longitude; or a .txt file of GeoNames."""
    _run(session, "places", file, bad, None)


@import_command.command("substitutes")
@file_argument
@bad_option
@changes
@pass_session
def substitutes(session: Session, /, file: Path, bad: Path | None) -> None:
    """Write which item may go instead of another: sku, substitute, ratio, rank, connections, approved_by."""
    _run(session, "substitutes", file, bad, None)


@import_command.command("supplier-prices")
@file_argument
@bad_option
@changes
@pass_session
def supplier_prices(session: Session, /, file: Path, bad: Path | None) -> None:
    """Write what suppliers charge: node, sku, code, price, currency."""
    _run(session, "supplier-prices", file, bad, None)


@import_command.command("markdowns")
@file_argument
@bad_option
@changes
@pass_session
def markdowns(session: Session, /, file: Path, bad: Path | None) -> None:
    """Write which units will be sold off: sku, node, units, benefit, valid_to."""
    _run(session, "markdowns", file, bad, None)


@import_command.command("stock")
@file_argument
@click.option("--connection", help="Whose codes the SKUs are; ours otherwise.")
@bad_option
@changes
@pass_session
def stock(session: Session, /, file: Path, connection: str | None, bad: Path | None) -> None:
    """Count stock: sku, node, on_hand, as_of. A count is absolute; one that is older than the last changes nothing."""
    _run(session, "stock", file, bad, connection)


@import_command.command("orders")
@file_argument
@click.option("--connection", required=True, help="The connection the orders belong to.")
@bad_option
@changes
@pass_session
def orders(session: Session, /, file: Path, connection: str, bad: Path | None) -> None:
    """Take orders in, one row per line; the same order again is the same order."""
    _run(session, "orders", file, bad, connection)


def _run(session: Session, what: str, file: Path, bad: Path | None, connection: str | None) -> None:
    from console.cli.importing import import_file

    target = bad or file.with_name(f"{file.name}.bad.csv")
    with session.hub() as hub:
        found = import_file(session, hub, what, file, target, connection)
    sentence = f"{found['good']} rows taken, {found['bad']} bad"
    if found["bad"]:
        sentence += f"; they are in {target} with their reasons"
    following = {
        "items": ["crossdock import stock FILE"], "nodes": ["crossdock import stock FILE"],
        "stock": ["crossdock explain stock SKU"], "orders": [f"crossdock orders list --connection {connection}"],
        "services": ["crossdock import rates FILE"],
    }  # fmt: skip
    session.out.did(
        {**found, "bad_file": str(target) if found["bad"] else None}, f"{sentence}.", *following.get(what, ())
    )
    if found["bad"]:
        raise click.exceptions.Exit(1)
