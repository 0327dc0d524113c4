"""Failures as pages: what happened, what to do, and a line to send to support."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g, make_response, render_template, request

from console.web import auth
from console.web.security import secure
from core.errors import NotFound
from webhooks.problems import HTML_ERRORS

LOG = structlog.get_logger(__name__)
TITLES = {
    400: "This request cannot be read",
    401: "Sign in first",
    403: "This is not open to you",
    404: "There is nothing here",
    405: "This cannot be done here",
    409: "It changed in the meantime",
    412: "It changed in the meantime",
    413: "That is too large",
    422: "That does not fit",
    429: "Too many requests",
    500: "Something broke in the hub",
    503: "The hub cannot answer now",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What an error page says."""

    status: int
    title: str
    sentence: str
    support: str


def page(status: int, problem: Mapping[str, Any]) -> Response:
    """Return an error page with a reference that is also in the log.

    Args:
        status: the HTTP status.
        problem: the problem document (RFC 9457) a machine would get.
    """
    reference = secrets.token_hex(4)
    support = f"{problem['code']} · {request.path[:120]} · {reference}"
    title = TITLES.get(status) or HTTPStatus(status).phrase
    LOG.info("console_error_page", status=status, path=request.path, reference=reference, code=problem["code"])
    # When the hub itself is in trouble the page asks the database nothing.
    g.console_plain = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if not g.console_plain and "console_person" not in g:
        auth.load_person()
    failure = Failure(status, title, str(problem["detail"]), support)
    return secure(make_response(render_template("console/error.html", failure=failure), status))


def install(app: Flask) -> None:
    """Let people see pages where machines get problem documents."""
    app.extensions[HTML_ERRORS] = page


def missing(what: str) -> NotFound:
    """Return the error for a thing that is not there."""
    return NotFound(f"There is no such {what}.", fix="Look it up with the search field.")
