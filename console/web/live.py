"""The pulse of open pages: a stream that says "something changed", and the same answer for pages that poll.

The stream carries no data; parts of a page that show live facts fetch themselves again. Each open stream occupies one
thread of the web server, so a process serves only a few and ends each after a while; a page beyond that polls.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import structlog
from flask import Blueprint, Flask, Response, current_app, jsonify, render_template, request
from sqlalchemy.exc import SQLAlchemyError

from console.web import frame
from console.web.context import ConsoleServices, services
from core.store.views import shell
from webhooks.places import PROBE, PROBE_SECONDS, Places

LOG = structlog.get_logger(__name__)
LOOK_S = 1.0
HEARTBEAT_S = 15.0
STREAM_S = 55.0
PLACES = "crossdock_console_streams"
blueprint = Blueprint("live", __name__)


def install(app: Flask, streams: int) -> None:
    """Give this process so many places for streams."""
    app.extensions[PLACES] = Places(streams)


@blueprint.get("/live")
def stream() -> Response:
    """Tell when the event feed moves on, until the stream's time is over; 503 when all places are taken."""
    hub = services()
    places: Places = current_app.extensions[PLACES]
    if not places.take():
        return Response("No free stream; ask /live/since instead.\n", status=503, mimetype="text/plain")
    after = request.headers.get("Last-Event-ID") or request.args.get("after", "0")
    answer = Response(_pulse(hub, int(after) if after.isdecimal() else 0), mimetype="text/event-stream")
    answer.call_on_close(places.give_back)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


@blueprint.get("/live/since")
def since() -> Response:
    """Return how far the event feed is."""
    with services().store.read() as conn:
        return jsonify(last=shell.last_event(conn, services().tenant))


@blueprint.get("/live/menu")
def menu() -> str:
    """Show the menu again, with the counts of now."""
    here = request.args.get("here", "")[:40]
    return render_template("console/nav.html", nav=frame.menu(here), here=here)


def _pulse(hub: ConsoleServices, seen: int) -> Iterator[bytes]:
    began = time.monotonic()
    spoke = 0.0
    while time.monotonic() - began < STREAM_S:
        try:
            with hub.store.read() as conn:
                last = shell.last_event(conn, hub.tenant)
                rate = shell.messages_per_minute(conn, hub.tenant, datetime.now(UTC))
        except SQLAlchemyError as error:
            # The page asks again, and meanwhile polls; what is wrong is said by whoever needs the database.
            LOG.info("console_stream_ended", kind=type(error).__name__)
            return
        if last != seen:
            yield _event("cd:change", {"last": last}, last)
        if last != seen or time.monotonic() - spoke > HEARTBEAT_S or not spoke:
            yield _event("cd:state", {"rate": rate}, last)
            spoke = time.monotonic()
        seen = last
        look = time.monotonic() + LOOK_S
        while time.monotonic() < look:
            if hub.stopping.wait(PROBE_SECONDS):
                return
            yield PROBE


def _event(name: str, data: dict[str, int], number: int) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), orjson.dumps(data))
