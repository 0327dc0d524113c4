"""Chargebacks: what partners kept back, traced to papers and times, and what becomes of it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import params
from console.web.context import me, require_changes, services
from core.domain.ids import parse_id
from core.errors import InputError
from core.services import audit
from core.services.chargebacks import STATES, set_state
from core.store.read.page import Slice
from core.store.read.trade import list_chargebacks, read_chargeback
from core.store.views import trade

TABS = {"open": "Open", "disputed": "Disputed", "accepted": "Accepted", "recovered": "Recovered", "all": "All"}
TONES = {"open": "bad", "disputed": "warn", "accepted": "", "recovered": "ok"}
PER_PAGE = 50
blueprint = Blueprint("chargebacks", __name__, url_prefix="/chargebacks")


@blueprint.get("")
def page() -> str:
    """Show the deductions of a tab."""
    hub, show, invoice = services(), params.word("tab", TABS, "open") or "open", params.word("invoice")
    before = params.cursor("before", "chargeback")
    with hub.store.read() as conn:
        found = list_chargebacks(
            conn,
            Slice(PER_PAGE, [str(before)] if before else None),
            state=[] if show == "all" else [show],
            invoice=invoice or None,
            tenant=hub.tenant,
        )
        sums = trade.chargeback_sums(conn, hub.tenant)
    counts = {name: sum(row.n for row in sums if name in ("all", row.state)) for name in TABS}
    return render_template(
        "console/chargebacks.html",
        rows=found.data,
        sums=[row for row in sums if show in ("all", row.state)],
        tabs=params.tabs("console.trade.chargebacks.page", TABS, show, counts, hot=("open",)),
        pager=params.listed(
            "console.trade.chargebacks.page", "chargeback", found, len(found.data) if invoice else counts[show]
        ),
        invoice=invoice,
        show=show,
        tones=TONES,
    )


@blueprint.get("/<chargeback>")
def detail(chargeback: str) -> str:
    """Show one deduction with the papers it is traced to."""
    hub = services()
    with hub.store.read() as conn:
        row = read_chargeback(conn, parse_id("chargeback", chargeback), hub.tenant)
    return render_template("console/chargeback.html", row=row, tones=TONES)


@blueprint.post("/<chargeback>/state")
def move(chargeback: str) -> AnyResponse:
    """Dispute a deduction, accept it, or note that it was recovered."""
    require_changes()
    state, note = request.form.get("state", ""), request.form.get("note", "").strip()[:1000]
    if state not in STATES:
        raise InputError("A deduction is disputed, accepted or recovered.", fix="Use one of the buttons of the page.")
    with services().store.begin(actor=me().actor) as unit:
        set_state(unit, parse_id("chargeback", chargeback), state, note or None)
        audit.record(unit, f"chargeback.{state}", chargeback, {"state": state, "note": note or None})
    flash(f"The deduction is {state}.")
    return redirect(url_for(".detail", chargeback=chargeback), 303)
