"""Whether a partner's address works, told by what it answers to a harmless look."""

from __future__ import annotations

from connectors.sdk.http import Http
from core.errors import Misconfigured, Transient

# What an address answers that takes documents by POST and nothing else: it is there, and was not asked rightly.
POST_ONLY = frozenset({400, 405, 406, 411, 415, 422})
WHY = {
    401: "It wants a log-in that is not set here.",
    403: "It does not let us in; perhaps it takes calls of known addresses alone.",
    404: "There is nothing at its path.",
    407: "Something on the way wants a log-in.",
    410: "There is nothing at its path any more.",
    501: "Its server does not do what it is asked.",
    502: "Its server cannot reach what is behind it.",
    503: "It is down or overloaded.",
    504: "Its server waits in vain for what is behind it.",
}


def look(http: Http, url: str) -> int:
    """Ask an address for nothing and return its status, where that is one of an address that takes documents.

    Args:
        http: the connection's way out.
        url: where documents are posted to.

    Raises:
        Misconfigured: it answers that documents cannot be posted there.
        Transient: it is away.
    """
    answer = http.request("GET", url, verb="check", write=False, ok=range(200, 600), reads=None)
    if 200 <= answer.status < 300 or answer.status in POST_ONLY:
        return answer.status
    why = WHY.get(answer.status)
    if answer.status < 400:
        elsewhere = answer.headers.get("location", "another address")[:200]
        why = f"It sends callers on to {elsewhere}, and a document is not sent on."
    kind = Transient if answer.status in (408, 429, 500, 502, 503, 504) else Misconfigured
    raise kind(
        f"{url.partition('?')[0][:200]} of {http.partner} answers {answer.status}: documents cannot be posted there.",
        why=why,
        fix="Compare transport.url with the partner's address, path and port included, and ask him whether it is up.",
        code="EDI-ADDRESS-502" if kind is Transient else "EDI-ADDRESS-404",
        http_status=answer.status,
    )
