"""One group of routes: reads with a scope, writes in a unit of work with idempotency, documented as they run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Response, request
from flask_smorest import Blueprint
from marshmallow import RAISE, Schema, fields, validate
from sqlalchemy import Connection
from webargs.fields import DelimitedList
from webargs.flaskparser import FlaskParser
from werkzeug.wrappers import Request

from core.domain.documents import Strict, misfit
from core.domain.quick import NO_NUL, Whole
from core.errors import VersionConflict
from core.store.read.page import Listed, Slice
from core.store.unit import Unit
from webhooks.api import cursors, idempotency
from webhooks.api.auth import authenticate, caller
from webhooks.api.transactions import in_unit, reading
from webhooks.bodies import parse, require_json
from webhooks.runtime import runtime

BASE = "/api/v1"
MOST = 500


class Parser(FlaskParser):
    """Reads bodies strictly and turns what does not fit into one problem with every reason."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {"json": None, "query": RAISE}  # noqa: RUF012

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002
        """Return the body, `{}` when there is none."""
        body = req.get_data(cache=True)
        if not body:
            return {}
        require_json(req.content_type)
        return parse(body)

    def load_querystring(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002
        """Return the query; a parameter given twice counts as a list."""
        return {name: ",".join(values) for name, values in req.args.lists()}

    def handle_error(self, error: Any, req: Any, schema: Any, *, error_status_code: Any, error_headers: Any) -> Any:  # noqa: ARG002
        """Raise what the problem document is made of."""
        # By location first: what is wrong in a body, then in a query.
        complaints = list(error.messages.values())
        raise misfit(complaints, "The request does not fit", fix="Compare it with /api/v1/openapi.json.")


def words() -> fields.Field[Any]:
    """Return a query field of one or more words: `a,b` or given twice."""
    return DelimitedList(fields.String(validate=[validate.Length(min=1, max=200), NO_NUL]), load_default=[])


def word(limit: int = 200) -> fields.String:
    """Return a query field of one text."""
    return fields.String(load_default=None, validate=[validate.Length(min=1, max=limit), NO_NUL])


class PageQuery(Strict):
    """What every list takes."""

    limit = Whole(load_default=50, validate=validate.Range(1, MOST), metadata={"description": "Objects of a page."})
    cursor = fields.String(
        load_default=None,
        validate=validate.Length(max=1_000),
        metadata={"description": "`next_cursor` of the page before, unchanged."},
    )


@dataclass(slots=True)
class Answer:
    """What a handler returns when there is more to say than a body.

    Attributes:
        data: the body.
        status: instead of the route's own.
        location: path of what was made.
        headers: more of them.
        shown_once: fields of the body that are not kept for a repeated request: it gets null there.
    """

    data: Any
    status: int | None = None
    location: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    shown_once: tuple[str, ...] = ()


def render(found: Any, status: int) -> Response:
    """Return the answer as JSON; single objects carry an ETag: their version, else a hash of what is shown."""
    if isinstance(found, Response):
        return found
    answer = found if isinstance(found, Answer) else Answer(found)
    body = orjson.dumps(answer.data)
    response = Response(body, answer.status or status, answer.headers, content_type="application/json")
    if answer.location:
        response.headers["Location"] = answer.location
    if isinstance(answer.data, dict) and "id" in answer.data and "ETag" not in answer.headers:
        version = answer.data.get("version")
        tag = f"v{version}" if version is not None else hashlib.sha256(body).hexdigest()[:16]
        response.headers["ETag"] = f'"{tag}"'
    return response


def fresh(given: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """Return what a handler may take apart: after a deadlock it is called again with the same."""
    return [dict(each) for each in given]


def _kept(found: Any, answer: Response) -> bytes:
    """Return the body as it is stored for a repeated request."""
    if isinstance(found, Answer) and found.shown_once:
        return orjson.dumps({**found.data, **dict.fromkeys(found.shown_once)})
    return answer.get_data()


# Changes of these honor `If-Match` (`require_version`): of the thing itself, or of one named in the path.
VERSIONED = frozenset({"/items", "/nodes"})
VERSIONED_BELOW = ("/orders/", "/exceptions/", "/fulfillment-orders/", "/connections/")


def require_version(version: int) -> None:
    """Honor `If-Match`: go on only when the caller saw the version that is current.

    Raises:
        VersionConflict: the caller saw another one.
    """
    wanted = request.if_match
    if request.headers.get("If-Match") and not (wanted.star_tag or f"v{version}" in wanted.as_set(include_weak=True)):
        raise VersionConflict(
            f"It is at version {version} now.", why="Somebody changed it meanwhile.", fix="Read it again."
        )


class ApiBlueprint(Blueprint):  # type: ignore[misc]
    """Routes of one kind of thing under `/api/v1`."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, __name__, url_prefix=BASE, description=description)
        self.before_request(authenticate)

    def reads(
        self, rule: str, *, scope: str, shape: str | None, query: type[Schema] | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a GET: the handler gets a session, its query and the path's parts, and returns the body."""

        def decorator(handler: Callable[..., Any]) -> Callable[..., Any]:
            def view(*given: dict[str, Any], **parts: str) -> Response:
                response = render(reading(lambda conn: handler(conn, *fresh(given), **parts)), 200)
                tag, _ = response.get_etag()
                if tag is not None and request.if_none_match.contains_weak(tag):
                    return Response(status=304, headers={"ETag": response.headers["ETag"]})
                return response

            self._register(rule, "GET", view, handler, scope, {200: shape}, keeps=False, query=query)
            return handler

        return decorator

    def serves(
        self, rule: str, *, scope: str, shape: str, query: type[Schema], also: str
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a GET whose handler opens its own sessions; `also` is the media type of its other form."""

        def decorator(handler: Callable[..., Any]) -> Callable[..., Any]:
            def view(given: dict[str, Any]) -> Response:
                return render(handler(given), 200)

            documented = self.alt_response(200, schema={"type": "string"}, content_type=also)(view)
            self._register(rule, "GET", documented, handler, scope, {200: shape}, keeps=True, query=query)
            return handler

        return decorator

    def lists(
        self, rule: str, *, scope: str, shape: str, query: type[PageQuery] = PageQuery, keeps: bool = False
    ) -> Callable[[Callable[..., Listed]], Callable[..., Listed]]:
        """Register a GET of a list: the handler gets a session, the wanted page and its filters.

        `keeps` says that the page is kept to what belongs to the connection of the key (see core/store/read/owned.py).
        """

        def decorator(handler: Callable[..., Listed]) -> Callable[..., Listed]:
            def view(given: dict[str, Any], **parts: str) -> Response:
                key, cursor = runtime().secret_key, given.pop("cursor")
                after, own = cursors.unpack(key, rule, cursor), caller().connection_id
                piece = Slice(given.pop("limit"), after, own)
                found = reading(lambda conn: handler(conn, piece, *fresh((given,)), **parts))
                return render({"data": found.data, "next_cursor": cursors.pack(key, rule, found.after)}, 200)

            self._register(rule, "GET", view, handler, scope, {200: f"{shape}Page"}, keeps=keeps, query=query)
            return handler

        return decorator

    def writes(
        self,
        rule: str,
        *,
        scope: str,
        shape: str | None,
        body: type[Schema] | None = None,
        status: int = 200,
        method: str = "POST",
        shared: Callable[..., Any] | None = None,
        also: tuple[int, ...] = (),
        keeps: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a change: the handler gets a unit of work, the checked body and the path's parts.

        What it returns is the answer, stored with the effect when the caller gave an Idempotency-Key. Without one
        `shared` answers instead where it is given: it shares a transaction with other callers and gets no unit.
        `also` are other statuses it answers with. `keeps` says that the handler itself keeps a key of one connection
        to what is its own, as one has to whose path names nothing.
        """

        def decorator(handler: Callable[..., Any]) -> Callable[..., Any]:
            def view(*given: dict[str, Any], **parts: str) -> Response:
                key = caller()
                slot = idempotency.slot_of(key.id)
                if slot is None and shared is not None:
                    return render(shared(*given, **parts), status)

                def work(unit: Unit) -> Response:
                    if slot is not None and (before := idempotency.stored_answer(unit, slot)) is not None:
                        return before
                    found = handler(unit, *fresh(given), **parts)
                    answer = render(found, status)
                    if slot is not None:
                        idempotency.keep(unit, slot, answer, _kept(found, answer))
                    return answer

                return in_unit(work, actor=f"key:{key.name}")

            self._register(
                rule, method, view, handler, scope, dict.fromkeys((status, *also), shape), keeps=keeps, body=body
            )
            return handler

        return decorator

    def _register(
        self,
        rule: str,
        method: str,
        view: Callable[..., Response],
        handler: Callable[..., Any],
        scope: str,
        shapes: Mapping[int, str | None],
        *,
        keeps: bool,
        query: type[Schema] | None = None,
        body: type[Schema] | None = None,
    ) -> None:
        view.__name__ = handler.__name__
        view.__doc__ = handler.__doc__
        for status, shape in shapes.items():
            view = self.response(status, shape)(view)
        if query is not None:
            view = self.arguments(query, location="query")(view)
        if body is not None:
            needed = any(each.required for each in body().fields.values())
            view = self.arguments(body, location="json", required=needed)(view)
        extra: dict[str, Any] = {"security": [{"key": [scope]}]}
        parameters = ["IdempotencyKey"] if method == "POST" else []
        if method != "GET" and (rule in VERSIONED or rule.startswith(VERSIONED_BELOW)):
            parameters.append("IfMatch")
        if parameters:
            extra["parameters"] = parameters
        view = self.doc(**extra)(view)
        view.scope = scope  # type: ignore[attr-defined]
        view.keeps = keeps  # type: ignore[attr-defined]
        self.add_url_rule(rule, f"{method.lower()}_{handler.__name__}", view, methods=[method])


__all__ = ["Answer", "ApiBlueprint", "Connection", "PageQuery", "require_version", "word", "words"]
