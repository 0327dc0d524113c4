"""`crossdock chargebacks`: list, show, dispute, accept, recover."""

from __future__ import annotations

from typing import Any

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import limit_option, list_about

STATES = ("open", "disputed", "accepted", "recovered")
COLUMNS = ("id", "created_at=noted", "connection", "invoice", "amount", "currency", "code", "rule", "state")
TRACE = ("kind", "number", "state", "due_at=due", "sent_at=sent", "acknowledged_at=acknowledged", "failed")
note_option = click.option("--note", help="Why; it stands with the deduction.")


@group("chargebacks")
def chargebacks_command() -> None:
    """What partners kept back, traced to papers and times."""


@chargebacks_command.command("list", epilog="Example: crossdock chargebacks list --state open")
@click.option("--order", help="Only of this order.")
@click.option("--connection", help="Only of the partner behind this connection.")
@click.option("--state", multiple=True, type=click.Choice(STATES), help="Only in this state; may be repeated.")
@click.option("--invoice", help="Only from this invoice.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, order: str | None, **given: Any) -> None:
    """List deductions, newest first."""
    from core.store.read.trade import list_chargebacks

    list_about(session, list_chargebacks, COLUMNS, limit=limit, order=order, empty="Nothing was kept back.", **given)


@chargebacks_command.command("show", epilog="Example: crossdock chargebacks show cbk_0198f3c2")
@click.argument("chargeback")
@pass_session
def show(session: Session, /, chargeback: str) -> None:
    """Show one deduction with the papers it is traced to."""
    from core.store.read.trade import read_chargeback

    with session.hub() as hub, hub.store.read() as conn:
        found = read_chargeback(conn, find_id(conn, "chargeback", chargeback))
    session.out.one_with(found, "trace", TRACE)


@chargebacks_command.command(
    "dispute", epilog='Example: crossdock chargebacks dispute cbk_0198f3c2 --note "sent 14:05"'
)
@click.argument("chargeback")
@note_option
@changes
@pass_session
def dispute(session: Session, /, chargeback: str, note: str | None) -> None:
    """Note that we dispute a deduction."""
    _move(session, chargeback, "disputed", note)


@chargebacks_command.command("accept")
@click.argument("chargeback")
@note_option
@changes
@pass_session
def accept(session: Session, /, chargeback: str, note: str | None) -> None:
    """Accept a deduction; its exception ends."""
    _move(session, chargeback, "accepted", note)


@chargebacks_command.command("recover")
@click.argument("chargeback")
@note_option
@changes
@pass_session
def recover(session: Session, /, chargeback: str, note: str | None) -> None:
    """Note that the partner paid after all; the exception ends."""
    _move(session, chargeback, "recovered", note)


def _move(session: Session, chargeback: str, state: str, note: str | None) -> None:
    from core.services import audit
    from core.services.chargebacks import set_state
    from core.store.read.trade import read_chargeback

    with session.hub() as hub, session.changing(hub) as unit:
        chargeback_id = find_id(unit.conn, "chargeback", chargeback)
        set_state(unit, chargeback_id, state, note)
        found = read_chargeback(unit.conn, chargeback_id, unit.tenant)
        audit.record(unit, f"chargeback.{state}", found["id"], {"state": state, "note": note})
    session.out.did(found, f"{found['amount']} {found['currency']} of {found['invoice']}: {state}.")
