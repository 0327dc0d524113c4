"""Every error as `application/problem+json` (RFC 9457): stable code, cause and way out, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from flask import Flask, Response, current_app, request
from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from core.errors import CrossdockError, RateLimited, Unavailable

MEDIA_TYPE = "application/problem+json"
HTML_ERRORS = "crossdock.html_errors"
MACHINE_PATHS = ("/api/", "/webhooks/", "/healthz", "/readyz", "/metrics")
RETRY_SECONDS = 2
# A page for people in place of a problem document: (status, problem) -> response.
HtmlErrors = Callable[[int, Mapping[str, Any]], Response]

log = structlog.get_logger(__name__)


def document(
    status: int, detail: str, code: str, *, instance: str | None = None, errors: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return a problem document.

    Args:
        status: the HTTP status it is sent with.
        detail: one or more sentences for this occurrence.
        code: stable code; `type` is derived from it.
        instance: the path it happened at.
        errors: [{path, reason}] when single fields are at fault.
    """
    found: dict[str, Any] = {
        "type": f"urn:crossdock:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": list(errors),
    }
    if instance is not None:
        found["instance"] = instance
    return found


def response(status: int, problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document as an answer."""
    return Response(orjson.dumps(problem), status, headers or {}, content_type=MEDIA_TYPE)


def of_error(error: CrossdockError, instance: str | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the problem document of an expected failure, and the headers that go with it."""
    errors = error.data.get("errors", ())
    problem = document(error.status, str(error), error.error_code, instance=instance, errors=errors)
    headers = {}
    wait = error.data.get("retry_after", getattr(error, "retry_after", None))
    if wait is None and isinstance(error, Unavailable | RateLimited):
        wait = RETRY_SECONDS
    if wait is not None:
        headers["Retry-After"] = str(max(1, int(wait)))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="crossdock"'
    return problem, headers


def register(app: Flask) -> None:
    """Answer every failure of the application with a problem document.

    Paths of machines always get the document; others get the page of `app.extensions[HTML_ERRORS]` where one is set.
    """
    app.register_error_handler(CrossdockError, _expected)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DataError, _bad_value)
    app.register_error_handler(IntegrityError, _collision)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(PoolTimeout, _busy)
    app.register_error_handler(Exception, _unexpected)


def _answer(problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    status = problem["status"]
    html: HtmlErrors | None = current_app.extensions.get(HTML_ERRORS)
    if html is not None and not request.path.startswith(MACHINE_PATHS):
        page = html(status, problem)
        page.headers.update(headers or {})
        return page
    return response(status, problem, headers)


def _expected(error: CrossdockError) -> Response:
    problem, headers = of_error(error, request.path)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_failed", code=error.error_code, path=request.path, why=error.why)
    return _answer(problem, headers)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, InternalServerError):
        return _unexpected(error.original_exception or error)
    if status < HTTPStatus.BAD_REQUEST:  # a redirect
        found = error.get_response()
        assert isinstance(found, Response)
        return found
    detail = {
        404: f"There is nothing at {request.path[:200]}.",
        405: f"{request.method} is not possible at {request.path[:200]}.",
        413: "The body is larger than this hub takes in one request.",
        415: "The body has a media type this address does not read.",
    }.get(status, error.description or HTTPStatus(status).phrase)
    word = {404: "PATH", 405: "METHOD", 413: "SIZE", 415: "TYPE"}.get(status, "REQUEST")
    headers = {key: value for key, value in error.get_headers() if key in ("Allow", "Retry-After")}
    return _answer(document(status, detail, f"HTTP-{word}-{status}", instance=request.path), headers)


def _bad_value(error: DataError) -> Response:
    # The values were checked before; what reaches this line is what only the database can know (numeric range).
    log.info("value_refused_by_database", path=request.path, kind=type(error.orig).__name__)
    detail = "A value is outside what the hub can store. Nothing was changed."
    return _answer(document(422, detail, "INPUT-RANGE-422", instance=request.path))


def _collision(error: IntegrityError) -> Response:
    log.info("collision", path=request.path, kind=type(error.orig).__name__)
    detail = "It collides with something stored at the same moment. Nothing was changed; read it again."
    return _answer(document(409, detail, "HUB-COLLISION-409", instance=request.path))


def _database(error: DBAPIError) -> Response:
    log.warning("database_failed", path=request.path, kind=type(error.orig).__name__)
    detail = "The database cannot answer now. Nothing was changed; send it again."
    if isinstance(error.orig, DeadlockDetected | SerializationFailure):
        detail = "Others changed the same rows at the same moment. Nothing was changed; send it again."
    problem = document(503, detail, "DB-AWAY-503", instance=request.path)
    return _answer(problem, {"Retry-After": str(RETRY_SECONDS)})


def _busy(error: PoolTimeout) -> Response:
    log.warning("database_busy", path=request.path, kind=type(error).__name__)
    problem = document(
        503, "The hub is busy. Nothing was changed; send it again.", "DB-BUSY-503", instance=request.path
    )
    return _answer(problem, {"Retry-After": str(RETRY_SECONDS)})


def _unexpected(error: BaseException) -> Response:
    log.error("request_crashed", path=request.path, method=request.method, exc_info=error)
    detail = "The hub failed in a way nobody foresaw. It is logged under this path and time."
    return _answer(document(500, detail, "HUB-ERROR-500", instance=request.path))
