"""Protection rules: what of the stock is kept from a channel or for it; listed, set, ended."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import forms, params
from console.web.context import me, require_changes, services
from core.domain.ids import parse_id, public_id
from core.domain.vocabulary import Protection
from core.errors import CrossdockError
from core.services import audit
from core.services.protecting import end_rule, set_rule
from core.store.read.page import Slice
from core.store.read.protection import list_rules
from core.store.views import inventory, supply
from webhooks.api.protection import RuleBody

TABS = {"": "In force and planned", "ended": "Ended"}
TONES = {"holds": "ok", "planned": "info", "ended": ""}
KINDS = {
    Protection.BUFFER: ("Buffer", "units are never promised to it"),
    Protection.CAP: ("Cap", "units at most are promised to it at once"),
    Protection.FLOOR: ("Floor", "units are for it alone; no other channel gets them"),
    Protection.REMAINING_LIFE: ("Remaining life", "days a lot must still have to be promised to it"),
}
NAMED = [(str(kind), name) for kind, (name, _) in KINDS.items()]
PER_PAGE = 50
blueprint = Blueprint("rules", __name__, url_prefix="/inventory/rules")


@blueprint.get("")
def page() -> str:
    """Show the rules of a tab."""
    hub, show = services(), params.word("tab", TABS)
    wanted = {name: params.word(name) for name in ("connection", "sku")}
    wanted["kind"] = params.word("kind", [str(each) for each in Protection])
    before = params.cursor("before", "protection")
    with hub.store.read() as conn:
        found = list_rules(
            conn,
            Slice(PER_PAGE, [str(before)] if before else None),
            connection=params.chosen(wanted["connection"]),
            sku=params.chosen(wanted["sku"]),
            kind=params.chosen(wanted["kind"]),
            state=["ended"] if show else [],
            tenant=hub.tenant,
        )
        counts = supply.rule_counts(conn, hub.tenant, **wanted)
        channels = supply.connections(conn, hub.tenant)
    return render_template(
        "console/rules.html",
        rows=found.data,
        tabs=params.tabs("console.inventory.rules.page", TABS, show, {"": counts["live"], "ended": counts["ended"]}),
        pager=params.listed("console.inventory.rules.page", "protection", found, counts["ended" if show else "live"]),
        wanted=wanted,
        show=show,
        channels=channels,
        kinds=KINDS,
        kinds_named=NAMED,
        tones=TONES,
    )


@blueprint.get("/new")
def new() -> str:
    """Show the form for a rule, filled with what the address says."""
    require_changes()
    names = ("connection", "kind", "sku", "node", "quantity")
    return _form(forms.Form({name: params.word(name) for name in names}))


@blueprint.post("/new")
def create() -> AnyResponse | tuple[str, int]:
    """Set a rule, or say beside the fields why not."""
    require_changes()
    form = forms.sent()
    try:
        body = forms.read(RuleBody())
        made = forms.submit(
            lambda unit: set_rule(unit, **body), "protection.set", lambda rule: public_id("protection", rule), body
        )
    except CrossdockError as error:
        return _form(form.refused(error)), error.status
    if made is not None:
        flash(f"{KINDS[body['kind']][0]} set for {body['connection']}; what is promised already stays promised.")
    return redirect(url_for(".page"), 303)


@blueprint.post("/<rule>/end")
def end(rule: str) -> AnyResponse:
    """End a rule now; one that has ended stays as it is."""
    require_changes()
    rule_id = parse_id("protection", rule)
    try:
        with services().store.begin(actor=me().actor) as unit:
            end_rule(unit, rule_id)
            audit.record(unit, "protection.ended", rule)
        flash("The rule is ended; channels are told what they may be promised now.")
    except CrossdockError as error:
        if error.error_code != "PROTECT-ENDED-409":
            raise
        flash(str(error), "error")
    return redirect(url_for(".page"), 303)


def _form(form: forms.Form) -> str:
    hub = services()
    with hub.store.read() as conn:
        channels, nodes = supply.connections(conn, hub.tenant), inventory.nodes(conn, hub.tenant)
    return render_template(
        "console/rule_new.html", form=form, channels=channels, nodes=nodes, kinds=KINDS, kinds_named=NAMED
    )
