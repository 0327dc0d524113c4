"""`crossdock terms`: list, show, set, prices, price, packs, pack."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

import click

from console.cli.base import Session, changes, group, pass_session

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

TERMS = ("connection", "seller", "respond_within_hours=respond h", "advise_within_hours=advise h",
         "accept_within_hours=accepted h", "rules", "updated_at=updated")  # fmt: skip
PRICES = ("sku", "price", "currency", "from_quantity=from", "valid_from", "valid_to")
PACKS = ("sku", "unit", "units", "gtin")
day = click.DateTime(formats=["%Y-%m-%d"])


@group("terms")
def terms_command() -> None:
    """What was agreed with trading partners: terms, prices, packs."""


@terms_command.command("list")
@pass_session
def list_(session: Session, /) -> None:
    """List the partners we have terms with."""
    from core.store.read.agreements import all_terms

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(
            all_terms(conn), TERMS, empty="No terms were agreed with anybody: crossdock terms set NAME FILE."
        )


@terms_command.command("show", epilog="Example: crossdock terms show retailer --json > terms.json")
@click.argument("connection")
@pass_session
def show(session: Session, /, connection: str) -> None:
    """Show the terms with the partner behind a connection."""
    from core.domain.payloads import jsonable
    from core.errors import NotFound
    from core.services.agreements import terms_of

    with session.hub() as hub, hub.store.read() as conn:
        found = terms_of(conn, _connection(conn, connection))
        if found is None:
            raise NotFound(
                f"No terms of trade were agreed with {connection}.", fix=f"crossdock terms set {connection} FILE"
            )
        session.out.one(jsonable(found))


@terms_command.command("set", epilog="Example: crossdock terms set retailer terms.json")
@click.argument("connection")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@changes
@pass_session
def set_(session: Session, /, connection: str, file: IO[str]) -> None:
    """Set the terms with a partner from a JSON file; they hold for papers made from now on."""
    from core.errors import InputError
    from core.services import audit
    from core.services.agreements import set_terms

    try:
        given: Any = json.load(file, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file.name} is not JSON: {error}.", fix="docs/b2b.md shows terms of trade.") from None
    with session.hub() as hub, session.changing(hub) as unit:
        found = set_terms(unit, _connection(unit.conn, connection), _as_text(given))
        audit.record(unit, "terms.set", connection)
    session.out.did(found, f"The terms with {connection} hold from now on.", f"crossdock terms show {connection}")


@terms_command.command("prices", epilog="Example: crossdock terms prices retailer --sku FP-MUG-350-GRN")
@click.argument("connection")
@click.option("--sku", help="Only of this item.")
@pass_session
def prices(session: Session, /, connection: str, sku: str | None) -> None:
    """List the prices agreed with a partner."""
    from core.store.read.agreements import all_prices

    with session.hub() as hub, hub.store.read() as conn:
        found = all_prices(conn, _connection(conn, connection), sku)
        session.out.rows(found, PRICES, empty=f"No prices were agreed with {connection}.")


@terms_command.command(
    "price", epilog="Example: crossdock terms price retailer FP-MUG-350-GRN 4.20 EUR --from 2026-12-01"
)
@click.argument("connection")
@click.argument("sku")
@click.argument("price")
@click.argument("currency")
@click.option("--from", "valid_from", type=day, required=True, help="The first day it holds.")
@click.option("--until", "valid_to", type=day, help="The last day it holds; open otherwise.")
@click.option("--from-quantity", help="From so many units on [all].")
@changes
@pass_session
def price(
    session: Session,
    /,
    connection: str,
    valid_from: datetime,
    valid_to: datetime | None,
    **given: Any,
) -> None:
    """Agree the price of one unit; the same item, currency, quantity and day again replaces it."""
    from console.cli.bodies import body_of
    from core.services import audit
    from core.services.agreements import set_price
    from webhooks.api.trade import PriceSchema

    first, last = valid_from.date(), valid_to.date() if valid_to else None
    body = body_of(PriceSchema, valid_from=first, valid_to=last, **given)
    quantity = {"from_quantity": body["from_quantity"]} if "from_quantity" in body else {}
    with session.hub() as hub, session.changing(hub) as unit:
        set_price(
            unit, _connection(unit.conn, connection), body["sku"], body["price"], body["currency"], since=first,
            until=last, **quantity,
        )  # fmt: skip
        audit.record(unit, "prices.set", connection, {"prices": 1})
    shown = {"connection": connection, **given, "valid_from": first.isoformat()}
    session.out.did(shown, f"{body['sku']} costs {connection} {given['price']} {body['currency']} from {first} on.")


@terms_command.command("packs", epilog="Example: crossdock terms packs --sku FP-MUG-350-GRN")
@click.option("--sku", help="Only of this item.")
@pass_session
def packs(session: Session, /, sku: str | None) -> None:
    """List how many units the packs of items hold."""
    from core.store.read.agreements import all_packs

    with session.hub() as hub, hub.store.read() as conn:
        session.out.rows(all_packs(conn, sku), PACKS, empty="No packs are known.")


@terms_command.command("pack", epilog="Example: crossdock terms pack FP-MUG-350-GRN CT 12")
@click.argument("sku")
@click.argument("unit")
@click.argument("units")
@changes
@pass_session
def pack(session: Session, /, **given: str) -> None:
    """Say how many units one pack of an item holds; UNIT is its UN/ECE code, such as CT."""
    from console.cli.bodies import body_of
    from core.services import audit
    from core.services.agreements import set_pack
    from webhooks.api.trade import PackSchema

    body = body_of(PackSchema, **given)
    with session.hub() as hub, session.changing(hub) as unit:
        set_pack(unit, body["sku"], body["unit"], body["units"])
        audit.record(unit, "packs.set", "packs", {"packs": 1})
    session.out.did(given, f"One {body['unit']} of {body['sku']} holds {given['units']}.")


def _connection(conn: Connection, name: str) -> UUID:
    from core.domain.ids import parse_id
    from core.store.read.plumbing import read_connection

    return parse_id("connection", read_connection(conn, name)["id"])


def _as_text(value: Any) -> Any:
    """Return JSON with its decimals as text: they are exact there."""
    if isinstance(value, dict):
        return {name: _as_text(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return str(value) if isinstance(value, Decimal) else value
