"""The web application for machines; the console registers itself on the same one."""

from __future__ import annotations

import time

from flask import Flask, Response, g, request

from webhooks import health, problems
from webhooks.api import (
    calendars,
    catalog,
    connections,
    decisions,
    deliveries,
    disruptions,
    events,
    exceptions,
    explained,
    fulfillment,
    keys,
    messages,
    models,
    orders,
    partners,
    policies,
    promises,
    protection,
    refunds,
    reservations,
    routing,
    spec,
    stock,
    supply,
    trade,
    waves,
)
from webhooks.door import Door
from webhooks.metrics import REQUESTS, SECONDS
from webhooks.runtime import EXTENSION, Parts, Runtime

GROUPS = (
    orders, catalog, calendars, stock, reservations, explained, protection, supply, routing, promises, fulfillment,
    disruptions, waves, refunds, trade, partners, exceptions, decisions, policies, models, connections, messages,
    deliveries, events, keys,
)  # fmt: skip
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"


def create_app(runtime: Runtime) -> Flask:
    """Return the application: webhook door, REST API, event stream, health and metrics."""
    app = Flask("webhooks", static_folder=None, root_path=str(health.FOLDER))
    app.config["MAX_CONTENT_LENGTH"] = runtime.settings.limits.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = runtime.settings.limits.max_body_bytes
    app.url_map.merge_slashes = False
    parts = app.extensions[EXTENSION] = Parts(runtime)
    problems.register(app)
    app.before_request(_refuse_nul)
    app.before_request(_start_clock)
    app.after_request(_secure)
    app.after_request(_count)
    health.register(app)
    api = spec.make_api(app)
    for group in GROUPS:
        api.register_blueprint(group.routes)
    spec.finish(app, api)
    limit = runtime.settings.limits.max_body_bytes
    app.wsgi_app = Door(  # type: ignore[method-assign]
        app.wsgi_app, parts.accounts, parts.combiner, limit, parts.follow_up
    )
    return app


def _refuse_nul() -> Response | None:
    """No text of the hub holds NUL, so nothing has such a path and no filter such a value."""
    if "\x00" in request.path or "%00" in request.query_string.decode("latin-1"):
        problem = problems.document(422, "The address has the NUL character.", "HTTP-NUL-422")
        return problems.response(422, problem)
    return None


def _start_clock() -> None:
    g.crossdock_started = time.perf_counter()


def _secure(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def _count(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    if route.startswith("/api/"):
        REQUESTS.labels(route, request.method, response.status_code).inc()
        if "crossdock_started" in g and not response.is_streamed:
            SECONDS.labels(route).observe(time.perf_counter() - g.crossdock_started)
    return response
