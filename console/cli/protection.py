"""`crossdock protection`: list, set, end."""

from __future__ import annotations

from datetime import datetime

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import Moment, limit_option, pages

COLUMNS = ("id", "connection", "kind", "quantity", "sku", "node", "state", "valid_from=from", "valid_to=until")
KINDS = click.Choice(["buffer", "cap", "floor", "remaining_life"])


@group("protection")
def protection_command() -> None:
    """Protection rules: what of the stock is kept from a channel, or for it."""


@protection_command.command("list", epilog="Example: crossdock protection list --connection shop-eu")
@click.option("--connection", multiple=True, help="Only of this channel; may be repeated.")
@click.option("--sku", multiple=True, help="Only of this item; may be repeated.")
@click.option("--kind", multiple=True, type=KINDS, help="Only of this kind; may be repeated.")
@click.option("--all", "ended", is_flag=True, help="Those that have ended as well.")
@limit_option
@pass_session
def list_(
    session: Session,
    /,
    limit: int,
    connection: tuple[str, ...],
    sku: tuple[str, ...],
    kind: tuple[str, ...],
    ended: bool,
) -> None:
    """List rules that hold or will, newest first."""
    from core.store.read.protection import list_rules

    with session.hub() as hub, hub.store.read() as conn:
        found = pages(
            lambda piece: list_rules(conn, piece, connection=connection, sku=sku, kind=kind, ended=ended), limit
        )
        session.out.rows(found, COLUMNS)


@protection_command.command(
    "set",
    epilog="Example: crossdock protection set shop-eu cap 40 --sku FP-MUG-350-GRN",
    context_settings={"ignore_unknown_options": True},  # so that -4 is a quantity, refused as one
)
@click.argument("connection")
@click.argument("kind", type=KINDS)
@click.argument("quantity")
@click.option("--sku", help="The item; each item when left out.")
@click.option("--node", help="The node; all nodes together when left out.")
@click.option("--from", "valid_from", type=Moment(ahead=True), help="When it begins [now].")
@click.option("--until", "valid_to", type=Moment(ahead=True), help="When it gives way to the lasting rule, such as 2d.")
@changes
@pass_session
def set_(
    session: Session,
    /,
    connection: str,
    kind: str,
    quantity: str,
    sku: str | None,
    node: str | None,
    valid_from: datetime | None,
    valid_to: datetime | None,
) -> None:
    """Set a rule in units, or in days for remaining_life; one without --until replaces the lasting one."""
    from console.cli.bodies import body_of
    from core.services import audit
    from core.services.protecting import set_rule
    from core.store.read.protection import read_rule
    from webhooks.api.protection import RuleBody

    rule = body_of(
        RuleBody, connection=connection, kind=kind, quantity=quantity, sku=sku, node=node, valid_from=valid_from,
        valid_to=valid_to,
    )  # fmt: skip
    with session.hub() as hub, session.changing(hub) as unit:
        shown = read_rule(unit.conn, set_rule(unit, **rule), unit.tenant)
        audit.record(unit, "protection.set", shown["id"], rule)
    of = shown["sku"] or "each item"
    session.out.did(
        shown,
        f"{shown['id']}: {kind} of {shown['quantity']} for {connection}, {of}, {shown['state']}.",
        f"crossdock protection end {shown['id']}",
    )


@protection_command.command("end", epilog="Example: crossdock protection end prt_0198f3c2")
@click.argument("rule")
@changes
@pass_session
def end(session: Session, /, rule: str) -> None:
    """End a rule now; figures of the past stay explained."""
    from core.services import audit
    from core.services.protecting import end_rule
    from core.store.read.protection import read_rule

    with session.hub() as hub:
        with hub.store.read() as conn:
            rule_id = find_id(conn, "protection", rule)
            shown = read_rule(conn, rule_id)
        session.agree(f"End the {shown['kind']} of {shown['quantity']} for {shown['connection']}?")
        with session.changing(hub) as unit:
            end_rule(unit, rule_id)
            audit.record(unit, "protection.ended", shown["id"])
            shown = read_rule(unit.conn, rule_id, unit.tenant)
    session.out.did(shown, f"{shown['id']} has ended.")
