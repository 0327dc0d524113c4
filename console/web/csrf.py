"""Every POST of the console carries the token of its session, as a form field or as a header."""

from __future__ import annotations

import hmac
import secrets

from flask import abort, g, request, session

BEFORE_SIGN_IN = "csrf"


def token() -> str:
    """Return the token forms on this page must send back: the session's, or before sign-in one of its own."""
    person = g.get("console_person")
    if person is not None:
        return str(person.csrf_token)
    if BEFORE_SIGN_IN not in session:
        session[BEFORE_SIGN_IN] = secrets.token_urlsafe(24)
    return str(session[BEFORE_SIGN_IN])


def check() -> None:
    """Refuse a changing request without the right token."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not hmac.compare_digest(sent.encode(), token().encode()):
        abort(400, "This form is too old or came from elsewhere. Reload the page and try again.")
