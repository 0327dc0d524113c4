"""Whether a node works now: it is switched on, and not off until a moment that is to come."""

from __future__ import annotations


def works(node: str = "n") -> str:
    """Return SQL that says whether a node works; what lies at one that does not is sold to nobody.

    Args:
        node: the name of a row of the node table.
    """
    return f"({node}.active AND ({node}.off_until IS NULL OR {node}.off_until <= clock_timestamp()))"
