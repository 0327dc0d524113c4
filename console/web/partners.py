"""Trading partners: who they are, what went between them and us, and each document beside its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import actions, forms, params
from console.web.context import me, require_changes, services
from console.web.messages import SHOWN_BYTES, pretty
from console.web.segments import lined, segments_of_document
from core.domain.ids import parse_id, public_id
from core.errors import CrossdockError
from core.services import audit
from core.services.edi_deciding import refuse_for_good, take_anyway
from core.services.edi_resending import LONGEST_EDIT, send_anew
from core.services.facts import read_facts
from core.services.secretbox import SecretBox
from core.store.read.page import Json, Slice
from core.store.read.partner_list import list_partners, read_partner
from core.store.read.partners import (
    DIRECTIONS,
    DOCUMENT_STATES,
    INTERCHANGE_STATES,
    list_documents,
    list_interchanges,
    raw_document,
    raw_interchange,
    read_document,
    read_interchange,
)
from core.store.views import partners as views

PER_PAGE = 50
TABS = {
    "all": "All",
    "refused": "Refused",
    "set_aside": "Set aside",
    "silent": "Unanswered",
    "open": "Waiting",
    "in": "Came in",
    "out": "Left",
}
# What the tabs that go by it show.
STATES = {"refused": ["refused"], "set_aside": ["quarantined"], "open": ["made", "sent", "received"]}
TONES = {
    "made": "info", "sent": "info", "received": "info", "accepted": "ok", "answered": "ok", "refused": "bad",
    "replaced": "", "taken": "ok", "repeated": "", "quarantined": "bad", "discarded": "",
}  # fmt: skip
# How far a document of ours is: the four states of its way, in order.
WAY = ("sent", "received", "accepted", "answered")
blueprint = Blueprint("partners", __name__, url_prefix="/partners")


@dataclass(frozen=True, slots=True)
class Step:
    """One state of a document's way: reached when, expected by when."""

    name: str
    at: str | None
    due: str | None = None


@blueprint.get("")
def page() -> str:
    """Show the partners."""
    hub = services()
    with hub.store.read() as conn:
        found = list_partners(conn, Slice(500), tenant=hub.tenant)
    return render_template("console/partners.html", rows=found.data)


@blueprint.get("/of/<partner>")
def partner(partner: str) -> str:
    """Show one partner: his profile, and what went on lately."""
    hub = services()
    with hub.store.read() as conn:
        found = read_partner(conn, partner, hub.tenant)
        lately = list_documents(conn, Slice(20), partner=partner, tenant=hub.tenant)
    profile = [(name, pretty(value)) for name, value in found["profile"].items()]
    return render_template("console/partner.html", row=found, profile=profile, documents=lately.data, tones=TONES)


@blueprint.get("/interchanges")
def interchanges() -> str:
    """Show the interchanges."""
    hub = services()
    name, way = params.word("partner"), params.word("direction", DIRECTIONS)
    state, reference = params.word("state", INTERCHANGE_STATES), params.word("reference")
    before = params.cursor("before", "interchange")
    with hub.store.read() as conn:
        found = list_interchanges(
            conn, Slice(PER_PAGE, [str(before)] if before else None), partner=name or None, direction=way or None,
            state=params.chosen(state), reference=reference or None, tenant=hub.tenant,
        )  # fmt: skip
        total = views.count_interchanges(conn, hub.tenant, name, way, state, reference)
        names = [each["name"] for each in list_partners(conn, Slice(500), tenant=hub.tenant).data]
    return render_template(
        "console/interchanges.html",
        rows=found.data,
        pager=params.listed("console.partners.interchanges", "interchange", found, total),
        names=[(each, each) for each in names],
        states=[(each, each) for each in INTERCHANGE_STATES],
        wanted={"partner": name, "direction": way, "state": state, "reference": reference},
        tones=TONES,
    )


@blueprint.get("/interchanges/<interchange>")
def interchange(interchange: str) -> str:
    """Show one interchange with its documents and, of one that left, the form to send it anew."""
    return _interchange(interchange, forms.Form())


def _interchange(interchange: str, form: forms.Form) -> str:
    hub, key = services(), parse_id("interchange", interchange)
    with hub.store.read() as conn:
        row = read_interchange(conn, key, hub.tenant)
        body = raw_interchange(conn, key, hub.tenant)
    _audit("interchange.read", interchange)
    text = lined(body[:SHOWN_BYTES].decode("utf-8", "replace"))
    if not form.values:
        form = forms.Form({"text": text})
    return render_template(
        "console/interchange.html", row=row, raw=text, size=len(body), cut=len(body) > SHOWN_BYTES, form=form,
        editable=row["direction"] == "out" and len(body) <= min(SHOWN_BYTES, LONGEST_EDIT), tones=TONES,
    )  # fmt: skip


@blueprint.get("/interchanges/<interchange>/raw")
def raw(interchange: str) -> Response:
    """Send the bytes, always as a download: they are someone else's."""
    hub = services()
    with hub.store.read() as conn:
        body = raw_interchange(conn, parse_id("interchange", interchange), hub.tenant)
    _audit("interchange.read", interchange)
    answer = Response(body, mimetype="application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="{interchange}.edi"'
    return answer


@blueprint.post("/interchanges/<interchange>/send")
def send(interchange: str) -> AnyResponse | tuple[str, int]:
    """Send an interchange anew, or say why not."""
    require_changes()
    hub, form, key = services(), forms.sent(), parse_id("interchange", interchange)
    way = request.form.get("way", "resend")
    text = request.form.get("text", "").replace("\r\n", "\n") if way == "edit" else None
    try:
        delivery = forms.submit(
            lambda unit: send_anew(unit, hub.connectors, SecretBox(hub.secret_key), key, way, text),
            f"interchange.{way}", lambda _: interchange, {"way": way},
        )  # fmt: skip
    except CrossdockError as error:
        return _interchange(interchange, form.refused(error)), error.status
    if delivery is not None:
        flash(f"Sent anew under a new number: {public_id('delivery', delivery)}.")
    return redirect(url_for(".interchange", interchange=interchange), 303)


@blueprint.post("/interchanges/<interchange>/decide")
def decide(interchange: str) -> AnyResponse | tuple[str, int]:
    """Take an interchange that was set aside, or refuse it for good."""
    require_changes()
    hub, key = services(), parse_id("interchange", interchange)
    take = request.form.get("verdict") == "take"
    try:
        with hub.store.begin(actor=me().actor) as unit:
            if take:
                facts = read_facts(unit.conn, hub.connectors, hub.tenant)
                taken = take_anyway(unit, facts, hub.connectors, SecretBox(hub.secret_key), key)
                audit.record(unit, "interchange.taken", interchange, {"messages": taken})
            else:
                refuse_for_good(unit, key)
                audit.record(unit, "interchange.refused", interchange)
    except CrossdockError as error:
        return _interchange(interchange, forms.Form().refused(error)), error.status
    flash("Taken: its messages are worked on." if take else "Refused for good; nothing of it is done.")
    return redirect(url_for(".interchange", interchange=interchange), 303)


@blueprint.get("/documents")
def documents() -> str:
    """Show the documents of interchanges."""
    hub = services()
    tab, name, kind = params.word("tab", TABS, "all"), params.word("partner"), params.word("kind")
    find, before = params.word("q"), params.cursor("before", "edi_document")
    with hub.store.read() as conn:
        found = list_documents(
            conn, Slice(PER_PAGE, [str(before)] if before else None), partner=name or None,
            direction=tab if tab in DIRECTIONS else "out" if tab in ("silent", "open") else None,
            kind=params.chosen(kind),
            state=STATES.get(tab, ()),
            find=find or None, silent=tab == "silent", tenant=hub.tenant,
        )  # fmt: skip
        counts = views.count_documents(conn, hub.tenant, name, kind, find)
        names = [each["name"] for each in list_partners(conn, Slice(500), tenant=hub.tenant).data]
        kinds = views.document_kinds(conn, hub.tenant)
    return render_template(
        "console/edi_documents.html",
        rows=found.data,
        tabs=params.tabs("console.partners.documents", TABS, tab, counts, hot=["refused", "set_aside", "silent"]),
        pager=params.listed("console.partners.documents", "edi_document", found, counts[tab]),
        names=[(each, each) for each in names],
        kinds=[(each, each) for each in kinds],
        wanted={"partner": name, "kind": kind, "q": find},
        tones=TONES,
    )


@blueprint.get("/documents/<document>")
def document(document: str) -> str:
    """Show one document: its segments, each error at its own, beside what it means."""
    hub, key = services(), parse_id("edi_document", document)
    with hub.store.read() as conn:
        row = read_document(conn, key, hub.tenant)
        body = raw_document(conn, key, hub.tenant)
        made_of = views.made_of(conn, hub.tenant, key) if row["direction"] == "out" else None
    _audit("edi_document.read", document)
    meaning: list[tuple[str, str]] = []
    problem = None
    if row["message"]:
        canonical, problem = actions.canonical(parse_id("message", row["message"]))
        meaning = [(kind, pretty(one)) for kind, one in canonical]
    elif made_of is not None:
        meaning = [(kind.replace("_", " "), pretty(one)) for kind, one in made_of.items()]
    return render_template(
        "console/edi_document.html",
        row=row,
        segments=segments_of_document(body, row),
        meaning=meaning,
        problem=problem,
        steps=_steps(row),
        states=DOCUMENT_STATES,
        tones=TONES,
    )


def _steps(row: Json) -> list[Step]:
    if row["direction"] == "in":
        return []
    reached: dict[str, Any] = {name: row[f"{name}_at"] for name in WAY}
    waiting = next((name for name in WAY if reached[name] is None), None)
    return [Step(name, reached[name], row["due_at"] if name == waiting else None) for name in WAY]


def _audit(action: str, subject: str) -> None:
    """Note who looked at what a partner wrote (P4)."""
    with services().store.begin(actor=me().actor) as unit:
        audit.record(unit, action, subject)
