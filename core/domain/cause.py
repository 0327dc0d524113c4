"""One cause the hub opens exception cases for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of exception.

    Args:
        code: stable code, documented in docs/errors.md.
        group: class of the exception object, as in console.md.
        title, sentence: templates over the case's evidence.
        action: recommended action, a name in core.services.actions; None when only a person can tell.
        label: the action in words.
        confidence: how often that action has been right, as far as it is known by construction.
        hours: how long until it hurts; None when it does not get worse by itself.
    """

    code: str
    group: str
    severity: str
    title: str
    sentence: str
    action: str | None
    label: str
    confidence: float | None = None
    hours: float | None = None
