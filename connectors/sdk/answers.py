"""Reading a partner's answer by the JMESPath expressions of the manifest."""

from __future__ import annotations

from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from core.errors import Transient


def search(path: str, document: Any) -> Any:
    """Return what stands at a path of an answer, None when there is nothing.

    Raises:
        Transient: the expression cannot be evaluated on this answer, so nothing may be concluded from it.
    """
    try:
        return jmespath.search(path, document)
    except (JMESPathError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Transient(
            "The partner's answer cannot be read as the manifest says.",
            why=f"{path!r} cannot be evaluated on it ({type(error).__name__}).",
            fix="Compare the expression in the manifest with the partner's answer.",
        ) from None


def identifier(document: Any, path: str) -> str | None:
    """Return a partner's identifier as text, None when it is not there."""
    found = search(path, document) if document is not None else None
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found else None
