"""`crossdock tail`: events or messages as they happen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import click

from console.cli.base import Session, command, pass_session
from console.cli.lists import Moment, Span, find_order

LOOK_SECONDS = 0.3
Json = dict[str, Any]


@command("tail")
@click.argument("what", type=click.Choice(["events", "messages"]), default="events")
@click.option("--type", "types", multiple=True, help="Only events of this type, such as order.received.")
@click.option("--order", help="Only events of this order.")
@click.option("--since", type=Moment(), help="Begin in the past, such as 10m.")
@click.option("--limit", type=click.IntRange(min=1), help="End after so many.")
@click.option("--for", "span", type=Span(), help="End after so long, such as 30s.")
@pass_session
def tail_command(
    session: Session,
    /,
    what: str,
    types: tuple[str, ...],
    order: str | None,
    since: datetime | None,
    limit: int | None,
    span: Any,
) -> None:
    """Follow what happens, one line each, until Ctrl-C."""
    end = time.monotonic() + span.total_seconds() if span else None
    with session.hub() as hub:
        look = _events(hub, types, order, since) if what == "events" else _messages(hub, since)
        for number, each in enumerate(_follow(look, end), 1):
            if session.json:
                session.out.line(each)
            else:
                click.echo(_event_line(each) if what == "events" else _message_line(each))
            if number == limit:
                return


def _follow(look: Callable[[], list[Json]], end: float | None) -> Iterator[Json]:
    while True:
        found = look()
        yield from found
        if end is not None and time.monotonic() >= end:
            return
        if not found:
            time.sleep(LOOK_SECONDS)


def _events(hub: Any, types: tuple[str, ...], order: str | None, since: datetime | None) -> Callable[[], list[Json]]:
    from core.store.read.events import Place, end_of_feed, read_events

    with hub.store.read() as conn:
        place = Place() if since else end_of_feed(conn)
        order_id = find_order(conn, order) if order else None

    def look() -> list[Json]:
        nonlocal place
        with hub.store.read() as conn:
            found = read_events(conn, place, 500, types=types, order_id=order_id)
        if found:
            place = found[-1][0]
        return [each for _, each in found if since is None or datetime.fromisoformat(each["at"]) >= since]

    return look


def _messages(hub: Any, since: datetime | None) -> Callable[[], list[Json]]:
    from core.store.read.page import Slice
    from core.store.read.plumbing import list_messages

    seen: dict[str, str] = {}
    began = since

    def look() -> list[Json]:
        nonlocal began
        with hub.store.read() as conn:
            if began is None:
                began = conn.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
            found = list_messages(conn, Slice(500), received_since=began).data
        news = [each for each in reversed(found) if seen.get(each["id"]) != each["state"]]
        seen.update((each["id"], each["state"]) for each in news)
        return news

    return look


def _event_line(each: Json) -> str:
    data = " ".join(f"{name}={value}" for name, value in each["data"].items())
    return f"{each['at']}  {each['type']:<26} {each['order'] or each['subject_id']}  {each['actor']}  {data}".rstrip()


def _message_line(each: Json) -> str:
    return (
        f"{each['received_at']}  {each['connection']:<16} {each['topic']:<24} {each['state']:<12} {each['id']}"
        f"  {each['outcome'] or ''}"
    ).rstrip()
