"""The calendar of a node as a form: its week, its cut-off, how long it needs, and the days that differ."""

from __future__ import annotations

from datetime import time
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from marshmallow import fields
from werkzeug.wrappers import Response as AnyResponse

from console.web import forms
from console.web.context import require_changes, services
from core.domain.ids import parse_id
from core.errors import CrossdockError, InputError
from core.services.nodehours import set_calendar, set_cutoff
from core.store.read.calendars import read_calendar
from core.store.read.catalog import read_node
from core.store.read.page import Json
from core.store.unit import Unit
from webhooks.api.calendars import CLOCK, CalendarBody

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = ("opens", "closes")
CLOSURE = ("day", "opens", "closes", "label")
MORE_ROWS, MOST_ROWS = 4, 400
blueprint = Blueprint("calendars", __name__, url_prefix="/nodes")


class CalendarForm(CalendarBody):
    """A whole calendar with the node's cut-off; without one, closing time counts."""

    cutoff = fields.String(validate=CLOCK)


@blueprint.get("/<code>/calendar")
def edit(code: str) -> str:
    """Show the form, filled with what holds now."""
    require_changes()
    return _form(code, None)


@blueprint.post("/<code>/calendar")
def change(code: str) -> AnyResponse | tuple[str, int]:
    """Write the calendar, or say beside the fields why not; waiting work is looked at again."""
    require_changes()
    form, closures = forms.sent(), forms.rows("closures", CLOSURE)
    try:
        body = _body(list(closures.values()))
        hub = services()
        with hub.store.read() as conn:
            node = parse_id("node", read_node(conn, code, hub.tenant)["id"])

        def write(unit: Unit) -> bool:
            set_calendar(unit, node, body["week"], body["handling_minutes"], body["closures"])
            set_cutoff(unit, node, time.fromisoformat(body["cutoff"]) if body.get("cutoff") else None)
            return True

        made = forms.submit(write)
    except CrossdockError as error:
        return _form(code, form.refused(forms.placed(error, "closures", list(closures)))), error.status
    if made:
        flash(f"The calendar of {code} is written; what waits there is looked at again.")
    return redirect(url_for("console.network.detail", code=code), 303)


def _body(closures: list[dict[str, str]]) -> Json:
    """Return the calendar that was sent, as the API would take it.

    Raises:
        InputError: fields are wrong; each is named as it is in the form.
    """
    week = forms.rows("week", HOURS)
    given: dict[str, Any] = {"week": [week.get(place) for place in range(len(DAYS))], "closures": closures}
    body = forms.read(CalendarForm(), given)
    wrong = [
        (f"{name}.{place}.closes", day)
        for name, days in (("week", body["week"]), ("closures", body["closures"]))
        for place, day in enumerate(days)
        if day and day.get("opens") and day["closes"] <= day["opens"]
    ]
    if wrong:
        raise InputError(
            "A working day closes after it opens, and nothing was written.",
            fix="Give a later closing time; a shift past midnight is two days.",
            code="NODE-CALENDAR-422",
            errors=[{"path": path, "reason": f"must be after {day['opens']}"} for path, day in wrong],
        )
    return body


def _form(code: str, form: forms.Form | None) -> str:
    hub = services()
    with hub.store.read() as conn:
        calendar = read_calendar(conn, code, hub.tenant)
        node = read_node(conn, code, hub.tenant)
    shown = form or forms.Form(_values(calendar))
    given = {int(name.split(".")[1]) + 1 for name in shown.values if name.startswith("closures.")}
    wanted = request.args.get("rows", "")
    more = min(int(wanted), MOST_ROWS) if wanted.isdecimal() and len(wanted) < 4 else 0
    rows = max([len(calendar["closures"]) + MORE_ROWS, more, *given])
    return render_template(
        "console/calendar.html", form=shown, node=node, calendar=calendar, days=DAYS, rows=rows, most=MOST_ROWS
    )


def _values(calendar: Json) -> dict[str, str]:
    """Return what stands in the fields of a calendar."""
    found = {"cutoff": calendar["cutoff"] or "", "handling_minutes": str(calendar["handling_minutes"])}
    for prefix, days in (("week", calendar["week"]), ("closures", calendar["closures"])):
        for place, day in enumerate(days):
            found.update({f"{prefix}.{place}.{name}": value for name, value in (day or {}).items() if value})
    return found
