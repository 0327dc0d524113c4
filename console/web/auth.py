"""Signing in and out."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web import sessions
from console.web.context import services
from core.errors import Refused

COOKIE = "crossdock_session"
blueprint = Blueprint("auth", __name__)


def load_person() -> None:
    """Find out who asks, from the session cookie."""
    token = request.cookies.get(COOKIE)
    g.console_person = sessions.session_person(services().store, token) if token else None


@blueprint.get("/login")
def page() -> AnyResponse:
    """Show the form; someone signed in goes on at once."""
    if g.console_person is not None:
        return redirect(_inside(request.args.get("next", "")))
    return _form(status=200)


@blueprint.post("/login")
def login() -> AnyResponse:
    """Open a session, or say why not."""
    try:
        token = sessions.sign_in(
            services().store, request.form.get("email", "")[:254], request.form.get("password", "")[:1024]
        )
    except Refused as refusal:
        return _form(status=429 if refusal.error_code == "USER-LOCKED-403" else 401, error=str(refusal))
    answer = redirect(_inside(request.form.get("next", "")), 303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(sessions.SESSION_LIFE.total_seconds()),
        secure=services().secure_cookies,
        httponly=True,
        samesite="Lax",
    )
    return answer


@blueprint.post("/logout")
def logout() -> AnyResponse:
    """Close the session."""
    token = request.cookies.get(COOKIE)
    if token:
        sessions.sign_out(services().store, token)
    answer = redirect(url_for("console.auth.page"), 303)
    answer.delete_cookie(COOKIE, secure=services().secure_cookies, httponly=True, samesite="Lax")
    return answer


def to_login() -> AnyResponse:
    """Send someone unknown to the form and back afterwards; htmx is told to load the page anew."""
    if request.headers.get("HX-Request") == "true":
        return Response(status=401, headers={"HX-Refresh": "true"})
    if request.method != "GET":
        return redirect(url_for("console.auth.page"), 303)
    wanted = request.full_path if request.query_string else request.path
    return redirect(url_for("console.auth.page", next=None if wanted == "/" else wanted))


def _form(*, status: int, error: str | None = None) -> Response:
    values = {"email": request.form.get("email", ""), "next_url": request.values.get("next", ""), "error": error}
    return make_response(render_template("console/login.html", **values), status)


def _inside(wanted: str) -> str:
    """Return the wanted page when it is one of ours, else the overview: no sending people elsewhere."""
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        return url_for("console.overview.page")
    return wanted
