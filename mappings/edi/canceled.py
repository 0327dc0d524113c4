"""Answers to cancellations: what is said of the whole, and in ORDRSP lines that are deleted and not refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mappings.numbers import exact

Json = dict[str, Any]
REJECTED, DELETED = "rejected", "deleted"
"""Status of a line of which nothing comes: because we cannot, and because the buyer wants it no more."""


def to_answers(paper: Json) -> Json:
    """Return an order response arranged for ORDRSP: a cancellation that was done in full is accepted."""
    whole = bool(paper.get("canceled")) or (is_canceled(paper) and not paper.get("refused"))
    made = {name: value for name, value in paper.items() if name != "canceled"}
    made["lines"] = [_deleted(each, whole=whole) for each in paper.get("lines", ())]
    return {**made, "status": done(paper, whole="accepted")} if whole else made


def from_answers(found: Json) -> Json:
    """Return the canonical order response of an ORDRSP."""
    lines = found.get("lines", ())
    if all(each.get("status") != DELETED for each in lines):
        return found
    paper = {**found, "lines": [_rejected(each) for each in lines]}
    return {**paper, "canceled": True, "status": "rejected"} if is_canceled(paper) else paper


def done(paper: Json, *, whole: str) -> str:
    """Return the status of a response to a cancellation: `whole` where nothing of the order is left, else changed."""
    return whole if all(each.get("status") == REJECTED for each in paper.get("lines", ())) else "changed"


def is_canceled(paper: Json) -> bool:
    """Return whether the buyer wants nothing of an order any more, by its lines alone."""
    lines = paper.get("lines", ())
    return any(map(taken_off, lines)) and all(each.get("status") == REJECTED and not refused(each) for each in lines)


def taken_off(line: Json, *, whole: bool = False) -> Decimal:
    """Return how much of what is rejected of a line the buyer took off; all of it in an order he canceled (`whole`)."""
    never = exact(line.get("rejected") or 0)
    if line.get("canceled") is None:
        return never if whole else Decimal(0)
    return min(exact(line["canceled"]), never)


def refused(line: Json, *, whole: bool = False) -> Decimal:
    """Return how much of what is rejected of a line we refused."""
    return exact(line.get("rejected") or 0) - taken_off(line, whole=whole)


def _deleted(line: Json, *, whole: bool) -> Json:
    made = {name: value for name, value in line.items() if name != "canceled"}
    deleted = line.get("status") == REJECTED and taken_off(line, whole=whole) and not refused(line, whole=whole)
    return {**made, "status": DELETED} if deleted else made


def _rejected(line: Json) -> Json:
    if line.get("status") != DELETED:
        return line
    return {**line, "status": REJECTED, "canceled": line.get("rejected")}
