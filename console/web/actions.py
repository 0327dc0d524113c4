"""What people do from the console: each one unit of work in their name, with an entry in the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import abort

from console.web.context import me, services, trial
from console.web.format import words
from core.domain.ids import public_id
from core.errors import CrossdockError
from core.services import audit, canceling, cases, connections, correcting, holds, replaying
from core.services.actions import apply_case, done_in_words
from core.services.catalog import connection_named
from core.services.facts import Facts, read_facts
from core.services.normalizing import read_again
from core.services.secretbox import SecretBox
from core.store.unit import Unit
from core.store.views.cases import written_events

Args = Mapping[str, str]
VERBS = ("apply", "assign", "snooze", "resolve", "dismiss", "reopen")


def current_facts(unit: Unit) -> Facts:
    """Return the picture of nodes, connections and policies that what people do here goes by."""
    return read_facts(unit.conn, services().connectors, unit.tenant, orders=services().orders)


def release_hold(order_id: UUID, hold_id: UUID) -> None:
    """Release a hold."""
    with services().store.begin(actor=me().actor) as unit:
        holds.release_hold(unit, order_id, hold_id)
        audit.record(unit, "hold.released", public_id("hold", hold_id), {"order": public_id("order", order_id)})


def cancel_order(order_id: UUID, reason: str) -> str:
    """Cancel an order and return what came of it as a sentence."""
    with services().store.begin(actor=me().actor) as unit:
        facts = current_facts(unit)
        answer = canceling.cancel_order(unit, facts, order_id, reason=reason or None)
        audit.record(unit, "order.canceled", public_id("order", order_id), {"reason": reason, "state": answer["state"]})
    if answer["too_late"]:
        return "Too late: nothing of this order is open."
    if answer["requested"]:
        return "The nodes that work on it are asked; the order is canceled when they agree."
    return "Order canceled."


def replay_message(message_id: UUID) -> None:
    """Read a message again under today's map."""
    with services().store.begin(actor=me().actor) as unit:
        replaying.replay_message(unit, message_id)
        audit.record(unit, "message.replayed", public_id("message", message_id))


def correct_message(message_id: UUID, body: bytes, reason: str | None) -> UUID:
    """Have an edition of a quarantined message worked on instead of it, and return the edition's message."""
    with services().store.begin(actor=me().actor) as unit:
        return correcting.correct_message(unit, message_id, body, reason)


def discard_message(message_id: UUID, reason: str) -> None:
    """Give a quarantined message up."""
    with services().store.begin(actor=me().actor) as unit:
        replaying.discard_message(unit, message_id, reason)
        audit.record(unit, "message.discarded", public_id("message", message_id), {"reason": reason})


def retry_delivery(delivery_id: UUID) -> None:
    """Send a delivery again."""
    with services().store.begin(actor=me().actor) as unit:
        replaying.retry_delivery(unit, delivery_id)
        audit.record(unit, "delivery.retried", public_id("delivery", delivery_id))


def pause_connection(name: str, reason: str) -> None:
    """Send nothing to a connection until somebody resumes it."""
    with services().store.begin(actor=me().actor) as unit:
        connections.pause(unit, connection_named(unit, name).id, reason or f"paused by {me().name}")
        audit.record(unit, "connection.paused", name, {"reason": reason})


def resume_connection(name: str) -> None:
    """Let a paused connection go on."""
    with services().store.begin(actor=me().actor) as unit:
        connections.resume(unit, connection_named(unit, name).id)
        audit.record(unit, "connection.resumed", name)


def act_on_cases(
    verb: str, chosen: Sequence[UUID], *, until: datetime | None, note: str, args: Args, action: str | None
) -> tuple[list[str], list[str]]:
    """Do one thing with each case, one unit of work each, and return what was done and what failed."""
    if verb not in VERBS:
        abort(422, f"There is no action {verb[:40]!r}.")
    if not chosen:
        abort(422, "No exception was chosen.")
    done, problems = [], []
    for case_id in chosen:
        try:
            with services().store.begin(actor=me().actor) as unit:
                done.append(_act(unit, verb, case_id, until, note, args, action))
        except CrossdockError as error:
            problems.append(str(error))
    return done, problems


def _act(
    unit: Unit, verb: str, case_id: UUID, until: datetime | None, note: str, args: Args, action: str | None
) -> str:
    """Do one thing with a case and return what came of it as a sentence."""
    public = public_id("case", case_id)
    if verb == "apply":
        facts = current_facts(unit)
        applied = apply_case(unit, facts, services().connectors, case_id, args, action)
        audit.record(unit, "exception.apply", public, applied)
        return f"{words(applied['action'])}: {done_in_words(applied)}."
    owner = me().email if verb == "assign" else None
    resolution = note or f"{verb}d by {me().name}" if verb in ("resolve", "dismiss") else None
    answer = cases.move_case(unit, case_id, verb, owner=owner, until=until, resolution=resolution)
    audit.record(unit, f"exception.{verb}", public, {"note": note})
    return f"{public} is {answer['state']}."


def preview_case(case_id: UUID, args: Args, action: str | None) -> list[tuple[str, int]]:
    """Apply a case in a transaction that is rolled back, and return the events it would write with their numbers."""
    with trial() as unit:
        facts = current_facts(unit)
        apply_case(unit, facts, services().connectors, case_id, args, action)
        unit.flush_events()
        found = written_events(unit.conn, unit.tenant)
    return found


def canonical(message_id: UUID) -> tuple[list[tuple[str, Any]], str | None]:
    """Return what today's map reads in a message, as type and body, and why not when it cannot."""
    hub = services()
    with hub.store.read() as conn:
        unit = Unit(conn, tenant=hub.tenant)
        try:
            documents = read_again(unit, hub.connectors, SecretBox(hub.secret_key), message_id)
        except CrossdockError as error:
            return [], str(error)
    return [(str(one.type), one.body) for one in documents], None
