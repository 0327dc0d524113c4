"""`crossdock papers`: list, show, send."""

from __future__ import annotations

from typing import Any

import click

from console.cli.base import Session, changes, find_id, group, pass_session
from console.cli.lists import limit_option, list_about

KINDS = ("order_response", "despatch_advice", "invoice", "credit_note")
STATES = ("kept_back", "waiting", "sent", "failed", "accepted", "refused", "not_agreed")
COLUMNS = ("id", "made_at=made", "connection", "kind", "number", "state", "due_at=due", "accept_by", "sent_at=sent",
           "acknowledged_at=acknowledged")  # fmt: skip


@group("papers")
def papers_command() -> None:
    """Order responses, despatch advices, invoices and credit notes, as they left."""


@papers_command.command("list", epilog="Example: crossdock papers list --order PO-7")
@click.option("--order", help="Only of this order.")
@click.option("--connection", help="Only for the partner behind this connection.")
@click.option("--kind", multiple=True, type=click.Choice(KINDS), help="Only of this kind; may be repeated.")
@click.option("--state", multiple=True, type=click.Choice(STATES), help="Only in this state; may be repeated.")
@click.option("--number", help="Only with this number.")
@click.option("--late", is_flag=True, help="Only despatch advices that missed their deadline.")
@limit_option
@pass_session
def list_(session: Session, /, limit: int, order: str | None, **given: Any) -> None:
    """List papers, newest first, each with its clock."""
    from core.store.read.trade import list_papers

    list_about(session, list_papers, COLUMNS, limit=limit, order=order, empty="No such papers.", **given)


@papers_command.command("show", epilog="Example: crossdock papers show pap_0198f3c2")
@click.argument("paper")
@pass_session
def show(session: Session, /, paper: str) -> None:
    """Show one paper with what the partner's rules say of it."""
    from core.store.read.trade import read_paper

    with session.hub() as hub, hub.store.read() as conn:
        found = read_paper(conn, find_id(conn, "paper", paper))
    session.out.one_with(found, "checks", ("check", "passed", "block", "detail", "fee"))


@papers_command.command("send", epilog="Example: crossdock papers send pap_0198f3c2")
@click.argument("paper")
@changes
@pass_session
def send(session: Session, /, paper: str) -> None:
    """Send a paper that was kept back as it is, or one whose delivery failed again."""
    from core.services import audit
    from core.services.agreed_papers import send_agreed
    from core.store.read.trade import read_paper

    with session.hub() as hub, session.changing(hub) as unit:
        paper_id = find_id(unit.conn, "paper", paper)
        send_agreed(unit, hub.facts.get(unit.conn, unit.tenant), hub.connectors, paper_id)
        found = read_paper(unit.conn, paper_id, unit.tenant)
        audit.record(unit, "paper.sent", found["id"])
    session.out.did(found, f"{found['number']} is on its way.", f"crossdock deliveries show {found['delivery']}")
