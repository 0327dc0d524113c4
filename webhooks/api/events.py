"""The event feed: in pieces by cursor, or live as server-sent events."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from uuid import UUID

import orjson
import structlog
from flask import Response, request
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from core.domain.ids import kind_of, parse_id
from core.errors import NotFound, Unavailable
from core.store.read.events import Place, end_of_feed, read_events
from core.store.read.page import Json
from webhooks.api import cursors
from webhooks.api.auth import caller
from webhooks.api.blueprint import ApiBlueprint, PageQuery, word, words
from webhooks.api.transactions import reading
from webhooks.places import PROBE, PROBE_SECONDS
from webhooks.runtime import Parts, parts, runtime

routes = ApiBlueprint("events", "What happened, once each, in order.")
STREAM = "text/event-stream"
FEED = "events"
PIECE = 200
LOOK_SECONDS = 0.5
log = structlog.get_logger(__name__)


class EventQuery(PageQuery):
    """What narrows the feed; `type` as `order.accepted,order.held`, `subject` any public id."""

    type = words()
    order, subject = word(), word()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events."""

    types: tuple[str, ...]
    order_id: UUID | None
    subject: UUID | None
    own: UUID | None

    def after(self, conn: Connection, place: Place, limit: int) -> list[tuple[Place, Json]]:
        """Return up to `limit` of them after a place."""
        return read_events(
            conn, place, limit, types=self.types, order_id=self.order_id, subject=self.subject, own=self.own
        )


@routes.serves("/events", scope="events:read", shape="EventPage", query=EventQuery, also=STREAM)
def get_events(query: Json) -> Response | Json:
    """Read the feed, oldest first.

    With `Accept: text/event-stream` the answer stays open: each event comes as it is committed, `id` is its place,
    and a client that comes back with `Last-Event-ID` goes on after it. Without a place the stream begins now.
    """
    wanted = Wanted(tuple(query["type"]), *_about(query), caller().connection_id)
    start = cursors.unpack(runtime().secret_key, FEED, query["cursor"])
    live = request.accept_mimetypes.best_match(["application/json", STREAM]) == STREAM
    if live:
        last = request.headers.get("Last-Event-ID")
        place = Place.parse(last) if last else Place.parse(start[0]) if start else reading(end_of_feed)
        return _stream(wanted, place)
    place = Place.parse(start[0]) if start else Place()
    found = reading(lambda conn: wanted.after(conn, place, query["limit"] + 1))
    more, found = len(found) > query["limit"], found[: query["limit"]]
    resume = cursors.pack(runtime().secret_key, FEED, [str(found[-1][0] if found else place)])
    return {
        "data": [event for _, event in found],
        "next_cursor": resume if more else None,
        "resume_cursor": resume,
    }


def _about(query: Json) -> tuple[UUID | None, UUID | None]:
    order_id = parse_id("order", query["order"]) if query["order"] else None
    if not query["subject"]:
        return order_id, None
    kind = kind_of(query["subject"])
    if kind is None:
        raise NotFound(f"{query['subject'][:60]!r} names nothing.", fix="Public ids look like ord_ and 32 digits.")
    return order_id, parse_id(kind, query["subject"])


def _stream(wanted: Wanted, place: Place) -> Response:
    kept = parts()
    if not kept.streams.take():
        raise Unavailable(
            "As many streams are open as this process can serve.", fix="Try again later.", code="EVENT-FULL-503"
        )
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(_Feed(kept, wanted, place), headers=headers, content_type=STREAM)


class _Feed:
    """The events as bytes of a stream; gives its place back however it ends."""

    def __init__(self, kept: Parts, wanted: Wanted, place: Place) -> None:
        self._kept = kept
        self._lines = self._run(wanted, place)
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._lines)

    def close(self) -> None:
        """End the stream; called by the server when the client is gone."""
        if not self._closed:
            self._closed = True
            self._lines.close()
            self._kept.streams.give_back()

    def _run(self, wanted: Wanted, place: Place) -> Generator[bytes, None, None]:
        store, stopping = self._kept.runtime.store, self._kept.runtime.stopping
        yield b"retry: 2000\n\n"
        while not stopping.is_set():
            try:
                with store.read() as conn:
                    end = end_of_feed(conn)
                    found = wanted.after(conn, place, PIECE)
            except SQLAlchemyError as error:
                # The client comes back with its place when the database does.
                log.warning("stream_ended", kind=type(error).__name__)
                return
            for place, event in found:
                yield b"id: %s\nevent: %s\ndata: %s\n\n" % (
                    str(place).encode(),
                    event["type"].encode(),
                    orjson.dumps(event),
                )
            if len(found) == PIECE:
                continue
            # Events the filter leaves out are not looked at again.
            place = max(place, end)
            look = time.monotonic() + LOOK_SECONDS
            while time.monotonic() < look and not stopping.wait(PROBE_SECONDS):
                yield PROBE
