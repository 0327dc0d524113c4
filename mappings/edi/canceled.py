"""Answers to cancellations: what is said of the whole, and in ORDRSP lines that are deleted and not refused."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
REJECTED, DELETED = "rejected", "deleted"
"""Status of a line of which nothing comes: because we cannot, and because the buyer wants it no more."""


def to_answers(paper: Json) -> Json:
    """Return an order response arranged for ORDRSP: a cancellation that was done in full is accepted."""
    made = {name: value for name, value in paper.items() if name != "canceled"}
    if not paper.get("canceled"):
        return made
    lines = [_with(each, REJECTED, DELETED) for each in paper.get("lines", ())]
    return {**made, "status": done(paper, whole="accepted"), "lines": lines}


def from_answers(found: Json) -> Json:
    """Return the canonical order response of an ORDRSP."""
    lines = found.get("lines", ())
    if all(each.get("status") != DELETED for each in lines):
        return found
    paper = {**found, "canceled": True, "lines": [_with(each, DELETED, REJECTED) for each in lines]}
    return {**paper, "status": done(paper, whole="rejected")}


def done(paper: Json, *, whole: str) -> str:
    """Return the status of a response to a cancellation: `whole` where nothing of the order is left, else changed."""
    return whole if all(each.get("status") == REJECTED for each in paper.get("lines", ())) else "changed"


def _with(line: Json, status: str, other: str) -> Json:
    return {**line, "status": other} if line.get("status") == status else line
