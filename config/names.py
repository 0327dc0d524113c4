"""The name somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return `; did you mean 'x'?` for the known name closest to a mistyped one, or nothing when none is close.

    Args:
        name: what was written.
        known: what may be written.
        prefix: what all of them begin with; it says nothing about likeness.
    """
    from difflib import get_close_matches

    close = get_close_matches(name.removeprefix(prefix), [other.removeprefix(prefix) for other in known], n=1)
    return f"; did you mean '{prefix}{close[0]}'?" if close else ""
