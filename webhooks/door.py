"""The webhook door: size, sender, signature, one durable insert, answer.

It stands before the web framework because this is the one path that takes a thousand calls a second: it reads the WSGI
environment itself and answers with a list of bytes. Nothing a caller sends makes it fail: what cannot be taken is
refused with a problem document, and nothing is kept of it.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, TypeGuard
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
import structlog

from core.domain.ids import public_id
from core.errors import CrossdockError, InputError, Misconfigured, NotFound, Unavailable
from core.ports.connectors import Connector, InboundRecord, Json, WebhookRequest
from core.ports.webhooks import AnswersCalls, CallAnswer
from core.services.intake import IntakeCombiner
from webhooks import problems
from webhooks.accounts import Account, Accounts
from webhooks.bodies import Malformed, TooLarge, WrongType, media_type, read_limited, require_json
from webhooks.metrics import WEBHOOKS
from webhooks.records import storable

PREFIX = "/webhooks/"
NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
NO_CONTENT = 204
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Granian puts the process environment into the request's; those are not headers of anybody.
NOT_HEADERS = frozenset(name for name in os.environ if name.startswith("HTTP_"))
JSON = ("Content-Type", "application/json")
PROBLEM = ("Content-Type", problems.MEDIA_TYPE)
SAFE = [("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")]

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
log = structlog.get_logger(__name__)


class Door:
    """Takes the calls to `/webhooks/…` and hands everything else to the application.

    Args:
        application: what answers the other paths.
        accounts: the connections.
        combiner: stores messages, many in one commit.
        max_body: bytes a body without announced length may have on the other paths.
        follow_up: notes what a call leaves to be done: a receipt owed, a refusal to be told of, what is kept aside.
    """

    def __init__(
        self,
        application: Wsgi,
        accounts: Accounts,
        combiner: IntakeCombiner,
        max_body: int,
        follow_up: Callable[[UUID, Json | None, CrossdockError | None, InboundRecord | None], object],
    ) -> None:
        self._application = application
        self._max_body = max_body
        self._accounts = accounts
        self._combiner = combiner
        self._follow_up = follow_up

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        path: str = environ.get("PATH_INFO", "")
        method: str = environ.get("REQUEST_METHOD", "GET")
        name = path[len(PREFIX) :]
        try:
            if not path.startswith(PREFIX):
                if method in WITH_BODY and not environ.get("CONTENT_LENGTH"):
                    _announce(environ, self._max_body)
                return self._application(environ, start_response)
            if method == "POST":
                return self._post(name, environ, start_response)
            if method in ("GET", "HEAD"):
                status, body = self._challenge(name, environ)
                kind = ("Content-Type", "text/plain; charset=utf-8")
            else:
                raise MethodRefused(f"{method[:20]} is not possible here.")
            headers = [kind, *SAFE]
        except CrossdockError as error:
            status, body, headers = self._refuse(error, name, path)
        except Exception as error:
            log.error("door_crashed", exc_info=error)
            crash = CrossdockError("The hub failed in a way nobody foresaw.", code="HUB-ERROR-500")
            status, body, headers = self._refuse(crash, name, path)
        start_response(
            f"{status} {'OK' if status < 400 else 'Refused'}", [*headers, ("Content-Length", str(len(body)))]
        )
        return [b"" if method == "HEAD" else body]

    def _post(self, name: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        account = self._find(name, environ)
        body = _body(environ, account.max_body)
        connector = account.connector
        if connector is not None and answers_itself(connector):
            answered = self._converse(account, connector, WebhookRequest(_headers(environ), body, datetime.now(UTC)))
            status, body, headers = answered.status, answered.body, [*answered.headers.items(), *SAFE]
        else:
            _accept_type(environ, account)
            status, body = self._take(account, connector, body, environ)
            headers = [JSON, *SAFE]
        start_response(
            f"{status} {'OK' if status < 400 else 'Refused'}", [*headers, ("Content-Length", str(len(body)))]
        )
        return [body]

    def _converse(self, account: Account, connector: AnswersCalls, request: WebhookRequest) -> CallAnswer:
        """Take a call of a protocol with proofs of its own: what is proven is on disk before the proof is made."""
        try:
            call = connector.take_call(request)
            duplicate = False
            if call.record is not None:
                try:
                    accepted = self._combiner.accept_one(account.id, storable(call.record))
                except Unavailable as error:
                    if call.unstored is None:
                        raise
                    log.warning("call_not_stored", connection=account.name, code=error.error_code)
                    WEBHOOKS.labels(account.name, f"refused_{error.status}").inc()
                    return call.unstored()
                if accepted.differs and call.otherwise is not None:
                    call = call.otherwise()
                else:
                    duplicate = accepted.duplicate
            answer = call.answer(duplicate)
        except Misconfigured as error:
            log.warning("connection_unusable", connection=account.name, code=error.error_code, why=error.what)
            raise _unusable() from error
        except CrossdockError as error:
            # What a protocol has a word for is for people to see; the caller is told by the status alone.
            if "modifier" in error.data:
                with suppress(Unavailable):
                    self._follow_up(account.id, None, error, None)
            raise
        if answer.owed is not None or call.refusal is not None:
            aside = None if call.aside is None else storable(call.aside)
            self._follow_up(account.id, answer.owed, call.refusal, aside)
        taken = "duplicate" if duplicate else "accepted"
        word = taken if call.record is not None else "asked" if call.asked else "refused"
        WEBHOOKS.labels(account.name, word).inc()
        return answer

    def _take(
        self, account: Account, connector: Connector | None, body: bytes, environ: dict[str, Any]
    ) -> tuple[int, bytes]:
        if connector is None:
            raise _unusable()
        request = WebhookRequest(_headers(environ), body, datetime.now(UTC), _query(environ))
        try:
            record = connector.verify_webhook(request)
        except Misconfigured as error:
            log.warning("connection_unusable", connection=account.name, code=error.error_code, why=error.what)
            raise _unusable() from error
        except CrossdockError:
            raise
        except Exception as error:
            # A body that upsets a connector is refused, not a reason to fall over; the log has the traceback.
            log.error("connector_failed_at_door", connection=account.name, exc_info=error)
            raise InputError(
                "The connector could not read this call.", fix="See the log of the hub.", code="HOOK-UNREADABLE-422"
            ) from None
        accepted = self._combiner.accept_one(account.id, storable(record))
        WEBHOOKS.labels(account.name, "duplicate" if accepted.duplicate else "accepted").inc()
        answer = {"message_id": public_id("message", accepted.message_id), "duplicate": accepted.duplicate}
        return account.terms.status, b"" if account.terms.status == NO_CONTENT else orjson.dumps(answer)

    def _challenge(self, name: str, environ: dict[str, Any]) -> tuple[int, bytes]:
        account = self._find(name, environ)
        parameter = account.terms.challenge
        if parameter is None:
            raise MethodRefused("This connection is called with POST.")
        value = _query(environ).get(parameter, "")
        if not value:
            raise Malformed(f"The query has no {parameter}.", code="HOOK-CHALLENGE-400")
        return 200, value[:1_000].encode("utf-8", "replace")

    def _find(self, name: str, environ: dict[str, Any]) -> Account:
        if NAME.match(name):
            try:
                return self._accounts.get(name)
            except NotFound:
                pass
        # An unknown name costs what a wrong signature costs, so that names cannot be told by the clock.
        hmac.digest(b"nobody", _body(environ, 1 << 21), "sha256")
        raise NotFound("There is no such connection.", code="HOOK-UNKNOWN-404")

    def _refuse(self, error: CrossdockError, name: str, path: str) -> tuple[int, bytes, list[tuple[str, str]]]:
        problem, more = problems.of_error(error, path[:300])
        if path.startswith(PREFIX):
            known = name if self._accounts.knows(name) else "unknown"
            WEBHOOKS.labels(known, f"refused_{error.status}").inc()
            log.info("webhook_refused", connection=known, code=error.error_code, status=error.status)
        more.pop("WWW-Authenticate", None)  # a signature is not a log-in
        if isinstance(error, MethodRefused):
            more["Allow"] = "POST"
        return error.status, orjson.dumps(problem), [PROBLEM, *SAFE, *more.items()]


def answers_itself(connector: Connector) -> TypeGuard[AnswersCalls]:
    """Return whether the connection's protocol has answers of its own."""
    return isinstance(connector, AnswersCalls) and connector.answers_calls


def _unusable() -> Unavailable:
    return Unavailable(
        "The connection is not set up rightly, so nothing can be taken for it.",
        fix="Look at it in the console, mend its settings, send again.",
        code="HOOK-BROKEN-503",
    )


class MethodRefused(InputError):
    """The door is called with another method than it has."""

    code = "HTTP-METHOD-405"
    status = 405


def _body(environ: dict[str, Any], limit: int) -> bytes:
    """Read the body, refusing by its announced length before a byte is read."""
    announced = environ.get("CONTENT_LENGTH") or ""
    stream = environ["wsgi.input"]
    if announced:
        if not announced.isascii() or not announced.isdigit():
            raise Malformed("The Content-Length is no number.", code="HTTP-REQUEST-400")
        length = int(announced[:20])
        if length > limit or len(announced) > 20:
            raise TooLarge(f"The body has {announced[:20]} bytes; {limit} are taken.", fix="Send less at once.")
        body: bytes = stream.read(length)
        if len(body) < length:
            raise Malformed("The body ended before its announced length.", code="HTTP-REQUEST-400")
        return body
    if environ.get("wsgi.input_terminated"):
        return read_limited(stream, limit)
    return b""


def _announce(environ: dict[str, Any], limit: int) -> None:
    """Read a body that comes in chunks and give it a length: the framework would cut it at the limit without a word."""
    body = _body(environ, limit)
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))


def _accept_type(environ: dict[str, Any], account: Account) -> None:
    kind, _ = media_type(environ.get("CONTENT_TYPE"))
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise WrongType(f"The body is encoded as {encoding[:40]!r}.", fix="Send it as it is, without compression.")
    wanted = account.terms.content_types
    if kind.endswith("json") and "application/json" in wanted:
        require_json(environ.get("CONTENT_TYPE"))
        return
    if kind in wanted:
        return
    raise WrongType(f"The body is {kind[:80]!r}.", fix=f"This connection reads {', '.join(wanted)}.")


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    found = {
        key[5:].replace("_", "-").lower(): _text(value)
        for key, value in environ.items()
        if key.startswith("HTTP_") and key not in NOT_HEADERS
    }
    if kind := environ.get("CONTENT_TYPE"):
        found["content-type"] = _text(kind)
    return found


def _text(value: str) -> str:
    # WSGI hands header bytes over as Latin-1 (PEP 3333); senders mean UTF-8 where they mean anything.
    value = value.replace("\x00", "")
    return value if value.isascii() else value.encode("latin-1", "replace").decode("utf-8", "replace")


def _query(environ: dict[str, Any]) -> dict[str, str]:
    query = environ.get("QUERY_STRING", "")
    if not query:
        return {}
    try:
        return dict(parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=50))
    except ValueError:
        raise Malformed("The query has more than 50 fields.", code="HTTP-REQUEST-400") from None
