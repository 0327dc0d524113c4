"""The headers of every page: a content policy with a nonce per answer, no framing, no referrer, no sniffing."""

from __future__ import annotations

import secrets

from flask import Response, g

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def nonce() -> str:
    """Return the nonce of the answer under way, made on first use."""
    if "console_nonce" not in g:
        g.console_nonce = secrets.token_urlsafe(16)
    return str(g.console_nonce)


def secure(response: Response) -> Response:
    """Set the headers on a page or fragment of the console; pages are never kept by caches."""
    response.headers["Content-Security-Policy"] = POLICY.format(nonce=nonce())
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
