"""Disruptions: areas where nothing leaves or one carrier stands still; previewed, made, re-planned, ended."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import forms, params, replans
from console.web.context import me, require_changes, services
from core.domain.ids import parse_id, public_id
from core.errors import Conflict, CrossdockError
from core.services.affected import Scope
from core.services.disruptions import add_disruption, end_disruption
from core.store.read.page import Json, Slice
from core.store.read.routing import list_disruptions, read_disruption
from core.store.unit import Unit
from core.store.views import network
from webhooks.api.disruptions import DisruptionBody

TABS = {"live": "Going on and ahead", "over": "Over"}
TONES = {"goes on": "bad", "ahead": "info", "over": ""}
AREA = ("country", "prefixes", "latitude", "longitude", "km")
PER_PAGE = 50
blueprint = Blueprint("disruptions", __name__, url_prefix="/disruptions")


@blueprint.get("")
def page() -> str:
    """Show the disruptions of a tab."""
    hub, show = services(), params.word("tab", TABS, "live")
    before = params.cursor("before", "disruption")
    with hub.store.read() as conn:
        found = list_disruptions(
            conn, Slice(PER_PAGE, [str(before)] if before else None), active=show == "live", tenant=hub.tenant
        )
        counts = network.disruption_counts(conn, hub.tenant)
    return render_template(
        "console/disruptions.html",
        rows=[_shown(row) for row in found.data],
        tabs=params.tabs("console.network.disruptions.page", TABS, show, counts, hot=["live"]),
        pager=params.listed("console.network.disruptions.page", "disruption", found, counts[show]),
        show=show,
        tones=TONES,
    )


def _shown(row: Json) -> Json:
    """Return a disruption with its state and its area in words."""
    now, area = datetime.now(UTC), row["area"]
    over = row["ends_at"] is not None and datetime.fromisoformat(row["ends_at"]) <= now
    state = "over" if over else "ahead" if datetime.fromisoformat(row["starts_at"]) > now else "goes on"
    where = (
        f"{area['km']:g} km around {area['latitude']:g}, {area['longitude']:g}"
        if "km" in area
        else f"{area['country']} {', '.join(area['prefixes'])}"
    )
    return {**row, "state": state, "where": where}


@blueprint.get("/new")
def new() -> str:
    """Show the form for a disruption."""
    require_changes()
    return _form(forms.Form({name: params.word(name) for name in ("label", "carrier", *(f"area.{x}" for x in AREA))}))


@blueprint.post("/new")
def create() -> AnyResponse | tuple[str, int]:
    """Show what a disruption would do to released work, or make it, with that work moved or not."""
    require_changes()
    form, verb = forms.sent(), request.form.get("verb", "")
    try:
        body = forms.read(DisruptionBody(), {"area": _area()})
        if verb == "preview":
            return _form(form, replans.looked(lambda unit: Scope(disruption=add_disruption(unit, body)))), 200
        made = forms.submit(lambda unit: add_disruption(unit, body), "", lambda _: "", None)
        if made is None:
            return redirect(url_for(".page"), 303)
        name = public_id("disruption", made)
        flash(f"{body['label']}: new orders avoid it at once.")
        if verb == "move":
            replans.move(replans.of_disruption(made), body["label"], name)
    except CrossdockError as error:
        return _form(form.refused(error)), error.status
    return redirect(url_for(".detail", disruption=name), 303)


def _area() -> dict[str, Any]:
    """Return the area of the form: what of a circle and of postcodes was filled in."""
    found: dict[str, Any] = {}
    for name in AREA:
        if value := request.form.get(f"area.{name}", "").strip():
            found[name] = [each for each in re.split(r"[\s,;]+", value) if each] if name == "prefixes" else value
    if "country" in found:
        found["country"] = found["country"].upper()
    return found


def _form(form: forms.Form, found: dict[str, Any] | None = None) -> str:
    hub = services()
    with hub.store.read() as conn:
        carriers = network.carriers(conn, hub.tenant)
    return render_template("console/disruption_new.html", form=form, carriers=carriers, found=found)


@blueprint.get("/<disruption>")
def detail(disruption: str) -> str:
    """Show one disruption, and what released work it concerns would become elsewhere."""
    hub, key = services(), parse_id("disruption", disruption)
    with hub.store.read() as conn:
        row = _shown(read_disruption(conn, key, hub.tenant))
    found = replans.looked(replans.of_disruption(key)) if row["state"] != "over" else None
    return render_template("console/disruption.html", row=row, found=found, tones=TONES, form=forms.Form())


@blueprint.post("/<disruption>/move")
def move(disruption: str) -> AnyResponse:
    """Give the released work a disruption concerns to other nodes and services."""
    require_changes()
    hub, key = services(), parse_id("disruption", disruption)
    with hub.store.read() as conn:
        label = read_disruption(conn, key, hub.tenant)["label"]
    replans.move(replans.of_disruption(key), label, disruption)
    return redirect(url_for(".detail", disruption=disruption), 303)


@blueprint.post("/<disruption>/end")
def end(disruption: str) -> AnyResponse:
    """End a disruption now."""
    require_changes()
    try:
        with services().store.begin(actor=me().actor) as unit:
            _end(unit, disruption)
        flash("It is over; orders that wait for its area go on by themselves.")
    except Conflict as error:
        flash(str(error), "error")
    return redirect(url_for(".detail", disruption=disruption), 303)


def _end(unit: Unit, disruption: str) -> None:
    key = parse_id("disruption", disruption)
    read_disruption(unit.conn, key, unit.tenant)  # one that never was is not there, rather than over
    end_disruption(unit, key)
