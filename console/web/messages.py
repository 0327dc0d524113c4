"""Messages: what came in, what became of it, its bytes beside its meaning, and replay."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import actions, kinds, params
from console.web.context import require_changes, services
from console.web.errors import missing
from core.domain.ids import parse_id, public_id
from core.errors import CrossdockError
from core.store.views import choices, messages

SHOWN_BYTES = 200_000
blueprint = Blueprint("messages", __name__)


@blueprint.get("/messages")
def page() -> str:
    """Show the list."""
    hub = services()
    wanted = messages.MessageFilter(
        tab=params.word("tab", messages.TABS, "all") or "all",
        connection=params.word("connection"),
        topic=params.word("topic"),
        since=params.moment("since", datetime.now(UTC)),
        text=params.word("q"),
    )
    before, newest = params.cursor("before", "message"), params.cursor("newest", "message")
    with hub.store.read() as conn:
        rows, more = messages.page(conn, hub.tenant, wanted, before=before, newest=newest)
        newest = newest or (rows[0].id if rows and before is None else None)
        fresh = messages.newer(conn, hub.tenant, wanted, newest) if newest and before is None else 0
        counts = messages.tab_counts(conn, hub.tenant, wanted)
        total = messages.total(conn, hub.tenant, wanted)
        accounts = choices.connections(conn, hub.tenant)
        topics = messages.topics(conn, hub.tenant, wanted.connection)
    titles = {name: title for name, (title, _) in messages.TABS.items()}
    return render_template(
        "console/messages.html",
        rows=rows,
        tabs=params.tabs("console.messages.page", titles, wanted.tab, counts, hot=("quarantined",)),
        pager=params.pager("console.messages.page", "message", len(rows), total, more),
        fresh=fresh,
        fresh_url=params.link("console.messages.page"),
        again=params.again("console.messages.page", "message", newest),
        wanted=wanted,
        accounts=accounts,
        topics=[(topic, topic) for topic in topics],
        tones=kinds.MESSAGE_TONES,
        spans=params.SPANS,
    )


@blueprint.get("/messages/<message>")
def detail(message: str) -> str:
    """Show one message."""
    hub, message_id = services(), parse_id("message", message)
    with hub.store.read() as conn:
        found = messages.one(conn, hub.tenant, message_id)
    if found is None:
        raise missing("message")
    canonical, problem = actions.canonical(message_id)
    return render_template(
        "console/message.html",
        page=found,
        row=found.row,
        raw=readable(found.body, found.content_type),
        cut=len(found.body) > SHOWN_BYTES,
        edition=editable(found.body) if found.row.state == "quarantined" else None,
        canonical=[(kind, pretty(body)) for kind, body in canonical],
        problem=problem,
        tones=kinds.MESSAGE_TONES,
    )


@blueprint.get("/messages/<message>/raw")
def raw(message: str) -> Response:
    """Send the bytes as they came, always as a download: they are someone else's."""
    hub = services()
    with hub.store.read() as conn:
        found = messages.one(conn, hub.tenant, parse_id("message", message))
    if found is None:
        raise missing("message")
    answer = Response(found.body, mimetype="application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="{message}.bin"'
    return answer


@blueprint.post("/messages/<message>/replay")
def replay(message: str) -> AnyResponse:
    """Read the same bytes again under today's map."""
    require_changes()
    actions.replay_message(parse_id("message", message))
    flash("Queued again; it is read under today's map.")
    return redirect(url_for(".detail", message=message), 303)


@blueprint.post("/messages/<message>/correct")
def correct(message: str) -> AnyResponse:
    """Have a person's edition of a quarantined message worked on instead of it."""
    require_changes()
    text = request.form.get("body", "").replace("\r\n", "\n")
    try:
        reason = request.form.get("reason", "").strip()[:500] or None
        edition = actions.correct_message(parse_id("message", message), text.encode(), reason)
    except CrossdockError as error:
        flash(str(error), "error")
        return redirect(url_for(".detail", message=message), 303)
    flash("The message is given up, and its edition is worked on instead.")
    return redirect(url_for(".detail", message=public_id("message", edition)), 303)


@blueprint.post("/messages/<message>/discard")
def discard(message: str) -> AnyResponse:
    """Put a quarantined message aside for good."""
    require_changes()
    actions.discard_message(parse_id("message", message), "discarded in the console")
    flash("Discarded.")
    return redirect(url_for(".detail", message=message), 303)


def pretty(value: object) -> str:
    """Return JSON with indents."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode()


def readable(body: bytes, content_type: str) -> str:
    """Return the bytes as text: JSON indented when it is JSON, bad bytes marked, long bodies cut for the page."""
    if len(body) <= SHOWN_BYTES and "json" in content_type:
        try:
            return pretty(orjson.loads(body))
        except orjson.JSONDecodeError:
            pass
    return body[:SHOWN_BYTES].decode("utf-8", errors="replace")


def editable(body: bytes) -> str | None:
    """Return the bytes as a text that a form gives back as it is; None where it would not."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if len(body) <= SHOWN_BYTES and "\r" not in text and "\0" not in text else None
