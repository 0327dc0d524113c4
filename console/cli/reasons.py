"""Why things are as they are, read from history: nothing is computed anew, so it holds for any time asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select

from console.cli.base import find_id
from console.cli.lists import find_order
from console.web.decision import explain as explain_decision
from core.domain.ids import kind_of, parse_id
from core.domain.money import plain
from core.services.counterfactuals import would_change
from core.store import schema as t
from core.store.read.cases import list_cases, read_case
from core.store.read.decisions import costs_of, read_decision
from core.store.read.orders import read_order
from core.store.read.page import Slice
from core.store.read.plumbing import list_deliveries, read_delivery, read_message
from core.store.read.text import instant
from core.store.read.timeline import read_timeline
from core.store.unit import DEFAULT_TENANT

Json = dict[str, Any]


@dataclass(frozen=True)
class Reasons:
    """What is said: all facts for programs; a headline, sentences and tables for people."""

    facts: Json
    headline: str
    lines: list[str] = field(default_factory=list)
    tables: list[tuple[str, list[Json], Sequence[str]]] = field(default_factory=list)
    following: list[str] = field(default_factory=list)


def of(conn: Connection, subject: Sequence[str], as_of: datetime | None) -> Reasons:
    """Return why one thing is as it is, or was.

    Raises:
        NotFound: there is no such thing.
    """
    name = subject[-1]
    kinds = {"decision": of_decision, "message": of_message, "delivery": of_delivery, "case": of_case}
    kind = kind_of(name)
    if kind in kinds:
        return kinds[kind](conn, find_id(conn, kind, name), as_of)
    return of_order(conn, find_order(conn, name), as_of)


def until(entries: list[Json], as_of: datetime | None, at: str = "at") -> list[Json]:
    """Return the entries up to a time."""
    return [each for each in entries if as_of is None or (each[at] and datetime.fromisoformat(each[at]) <= as_of)]


def of_order(conn: Connection, order_id: UUID, as_of: datetime | None) -> Reasons:
    """Return what happened to an order, how its nodes were chosen, and what stops it."""
    order = read_order(conn, order_id)
    timeline = until(read_timeline(conn, order_id), as_of)
    decided = [each["id"] for each in timeline if each["kind"] == "decision"]
    decision = _decision(conn, parse_id("decision", decided[-1])) if decided else None
    cases = list_cases(conn, Slice(50), order_id=order_id, live=True).data if as_of is None else []
    waiting = [
        each
        for each in list_deliveries(conn, Slice(50), order_id=order_id).data
        if as_of is None and each["state"] in ("due", "waiting", "sending", "unknown", "dead")
    ]
    name = order["number"] or order["external_id"]
    state = order["state"] if as_of is None else _state_then(timeline)
    lines = [f"{order['connection']} · {len(order['lines'])} lines · placed {order['placed_at']}"]
    if as_of is None:
        lines += [f"held: {each['kind']} {each['detail'] or ''}" for each in order["holds"]]
        lines += [f"stopped by {each['id']}: {each['title']}" for each in cases]
        lines += [f"waits for {each['kind']} to {each['connection']}: {each['state']}" for each in waiting]
    facts = {
        "subject": order["id"], "kind": "order", "as_of": instant(as_of), "state": state,
        "phase": order["phase"] if as_of is None else None, "order": order, "decision": decision, "exceptions": cases,
        "waiting": waiting, "timeline": timeline,
    }  # fmt: skip
    tables: list[tuple[str, list[Json], Sequence[str]]] = []
    if decision:
        lines += _would_change(decision)
        tables.append((f"Decision {decision['id']} · {decision['policy']}", decision["candidates"], CANDIDATE))
    tables.append(("What happened", timeline, ("at", "kind", "name", "state", "connection", "outcome", "actor")))
    return Reasons(facts, f"Order {name} is {state}", lines, tables, [f"crossdock orders show {order['id']}"])


CANDIDATE = (
    "node", "service", "chosen", "lines", "distance=km", "shipment=ship", "handling=handle", "dearer", "reason",
)  # fmt: skip


CHANGE = ("sentence", "before", "still=stays at", "after=changes at")


def _state_then(timeline: list[Json]) -> str:
    """Return the state the events up to a time lead to: the last one that says something of the order itself."""
    words = {"received": "received", "held": "held", "accepted": "accepted", "released": "accepted",
             "allocated": "in_progress", "canceled": "canceled", "completed": "completed"}  # fmt: skip
    for each in reversed(timeline):
        subject, _, verb = each["name"].partition(".")
        if each["kind"] == "event" and subject == "order" and verb in words:
            return words[verb]
    return "not there yet"


def of_decision(conn: Connection, decision_id: UUID, as_of: datetime | None) -> Reasons:
    """Return a decision with what it was made from; it says the same at any time."""
    found = _decision(conn, decision_id)
    lines = [f"order {found['order']} · policy {found['policy']} · {found['bound']} · {found['duration_us']} µs"]
    lines += _would_change(found)
    if found["short"]:
        lines.append("Not everything could be promised; the rest waits for stock.")
    return Reasons(
        {"subject": found["id"], "kind": "decision", "as_of": instant(as_of), "decision": found},
        f"Decision {found['id']}: {found['kind']}, cost {found['cost']}"
        + (f", weighed {found['weighed']}" if found["weighed"] != found["cost"] else ""),
        lines,
        [("Candidates", found["candidates"], CANDIDATE), ("Would change", found["would_change"], CHANGE)],
        [f"crossdock explain {found['order']}"] if found["order"] else [],
    )


def _decision(conn: Connection, decision_id: UUID) -> Json:
    found = read_decision(conn, decision_id)
    d = t.decision.c
    row = conn.execute(select(t.decision).where(d.tenant_id == DEFAULT_TENANT, d.id == decision_id)).mappings().one()
    told = explain_decision(row, costs_of(conn, [row]).get(decision_id))
    candidates = [
        {
            "node": each.node,
            "service": each.service,
            "chosen": each.chosen,
            "lines": each.lines,
            "kilometers": each.kilometers,
            "distance": "unknown" if each.unplaced else each.kilometers,
            "shipment": _amount(each.shipment),
            "handling": _amount(each.handling),
            "terms": {name: _amount(amount) for name, amount in each.terms},
            "dearer": _amount(each.dearer),
            "reason": each.reason,
        }
        for each in told.candidates
    ]
    changed = would_change(conn, decision_id)
    return {
        **found,
        "cost": _amount(told.cost),
        "weighed": _amount(told.weighed),
        "short": told.short,
        "candidates": candidates,
        "would_change": changed["changes"],
        "would_change_unknown": changed["unknown"],
    }


def _would_change(decision: Json) -> list[str]:
    """Return the smallest change of one input that would have made another choice, as a line or none."""
    if decision["would_change"]:
        return [str(decision["would_change"][0]["sentence"])]
    why = decision["would_change_unknown"]
    return [f"what would have changed it is not known: {why}"] if why else []


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def of_message(conn: Connection, message_id: UUID, as_of: datetime | None) -> Reasons:
    """Return how a message came in and what became of it."""
    found = read_message(conn, message_id)
    lines = [f"{found['connection']} · {found['topic']} · by {found['via']} at {found['received_at']}"]
    if found["repeats"]:
        lines.append(f"It came {found['repeats']} more times with the same key; nothing was done again.")
    if found["error"]:
        lines += [f"{name}: {found['error'][name]}" for name in ("what", "why", "fix") if found["error"].get(name)]
    if found["outcome"]:
        lines.append(f"outcome: {found['outcome']}")
    following = [f"crossdock messages replay {found['id']}"] if found["state"] == "quarantined" else []
    if found["order"]:
        following.append(f"crossdock explain {found['order']}")
    return Reasons(
        {"subject": found["id"], "kind": "message", "as_of": instant(as_of), "message": found},
        f"Message {found['id']} is {found['state']} after {found['attempts']} attempts",
        lines,
        following=following,
    )


def of_delivery(conn: Connection, delivery_id: UUID, as_of: datetime | None) -> Reasons:
    """Return every attempt of a delivery and what stands before it in its lane."""
    found = read_delivery(conn, delivery_id)
    tries = until(found["tries"], as_of, "started_at")
    d = t.delivery.c
    row = conn.execute(select(t.delivery).where(d.tenant_id == DEFAULT_TENANT, d.id == delivery_id)).one()
    before = conn.execute(
        select(func.count()).where(
            d.tenant_id == DEFAULT_TENANT,
            d.connection_id == row.connection_id,
            d.lane == row.lane,
            d.seq < row.seq,
            d.state.in_(("due", "waiting", "sending", "unknown")),
        )
    ).scalar_one()
    lines = [f"{found['kind']} to {found['connection']} · lane {found['lane']} · next look {found['run_at']}"]
    if before and found["state"] in ("due", "waiting"):
        lines.append(f"{before} deliveries of the same lane go first.")
    if found["error"]:
        lines += [f"{name}: {found['error'][name]}" for name in ("what", "why", "fix") if found["error"].get(name)]
    return Reasons(
        {"subject": found["id"], "kind": "delivery", "as_of": instant(as_of), "delivery": {**found, "tries": tries},
         "before_it": before},
        f"Delivery {found['id']} is {found['state']} after {len(tries)} attempts",
        lines,
        [("Attempts", tries, ("number", "started_at", "outcome", "duration_ms=ms", "error.what=error"))],
        [f"crossdock deliveries retry {found['id']}"] if found["state"] == "dead" else [],
    )  # fmt: skip


def of_case(conn: Connection, case_id: UUID, as_of: datetime | None) -> Reasons:
    """Return the cause of an exception, what it stops and the way out."""
    found = read_case(conn, case_id)
    way = found["recommended"] or {}
    lines = [found["sentence"], *(f"{name.replace('_', ' ')}: {value}" for name, value in found["evidence"].items())]
    if way.get("label"):
        lines.append(f"way out: {way['label']}")
    return Reasons(
        {"subject": found["id"], "kind": "exception", "as_of": instant(as_of), "exception": found},
        f"{found['title']} ({found['code']}, {found['state']})",
        lines,
        [("It stops", found["members"], ("subject", "id", "order", "since", "resolved_at=resolved"))],
        [f"crossdock exceptions apply {found['id']}"] if way.get("action") else [],
    )
