"""Joining the console to the Flask app of the hub."""

from __future__ import annotations

import hashlib
import hmac

from flask import Blueprint, Flask, g, request
from werkzeug.wrappers import Response as AnyResponse

from console.web import (
    auth,
    connections,
    csrf,
    deliveries,
    errors,
    exceptions,
    format,
    frame,
    inventory,
    kinds,
    live,
    messages,
    nodes,
    orders,
    overview,
    partners,
    promises,
    routing,
    search,
    trade,
)
from console.web.assets import STATIC, Assets, assets_blueprint
from console.web.context import EXTENSION, ConsoleServices
from console.web.security import secure
from core.domain.ids import public_id

# Open to those who have not signed in yet.
OPEN = ("console.auth.page", "console.auth.login")
SCREENS = (
    auth,
    overview,
    orders,
    exceptions,
    inventory,
    trade,
    routing,
    nodes,
    promises,
    connections,
    partners,
    messages,
    deliveries,
    search,
    live,
)


def create_console(app: Flask, services: ConsoleServices) -> None:
    """Register the console's screens at `/` and its files at `/assets/` on the app of the hub."""
    assets = Assets()
    app.extensions[EXTENSION] = services
    # A key of its own, so that the cookie of notices says nothing about the key of stored credentials.
    app.secret_key = hmac.digest(services.secret_key.encode(), b"crossdock console notices", hashlib.sha256)
    app.config.update(
        SESSION_COOKIE_NAME="crossdock_notice",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=services.secure_cookies,
    )
    console = Blueprint("console", __name__, template_folder=str(STATIC.parent / "templates"))
    for module in SCREENS:
        console.register_blueprint(module.blueprint)
    console.before_request(_admit)
    console.after_request(secure)
    frame.install(console, assets)
    errors.install(app)
    live.install(app, services.streams)
    console.add_app_template_global(public_id, "public_id")
    console.add_app_template_global(kinds.kind_of, "kind_of")
    console.add_app_template_global(kinds.kind_icon, "kind_icon")
    console.add_app_template_global(kinds.health_word, "health_word")
    console.add_app_template_global(exceptions.case_icon, "case_icon")
    format.install(app)
    app.register_blueprint(console)
    app.register_blueprint(assets_blueprint(assets))


def _admit() -> AnyResponse | None:
    """Find out who asks, send strangers to the sign-in form, and refuse forms without their token."""
    auth.load_person()
    if g.console_person is None and request.endpoint not in OPEN:
        return auth.to_login()
    csrf.check()
    return None
