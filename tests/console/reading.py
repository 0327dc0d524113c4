"""Reading pages in tests."""

import re
from collections.abc import Iterator

from werkzeug.test import TestResponse


def group(pattern: str, page: str) -> str:
    """Return the first group of the first match; no match fails the test."""
    found = re.search(pattern, page, re.S)
    assert found is not None, f"{pattern} is not on the page"
    return found[1]


def shown(page: str) -> str:
    """The text of a list's "n of m" line."""
    return group(r'cd-pager cd-num"><span>([^<]+)<', page)


def chunks(answer: TestResponse) -> Iterator[str]:
    """The pieces of a stream as they come."""
    for piece in answer.response:
        yield piece.decode() if isinstance(piece, bytes) else piece
