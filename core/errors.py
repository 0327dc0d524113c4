"""Every error the hub raises on purpose: the class says what happens next and who must act.

CrossdockError
├── InputError             the sender must change what was sent
│   ├── MappingError       a partner document does not fit its map
│   │   └── UnmappedCode   a partner code nobody has given a meaning
│   └── NotFound           the named thing does not exist
├── Conflict               the thing changed or is in another state; read it again
│   ├── IllegalTransition  the state machine has no such move
│   └── VersionConflict    If-Match or a lease no longer holds
├── Refused                understood and refused: unsafe, not allowed or too late
│   └── SignatureRefused   a webhook that is not authentic, too old or from the future
├── Unavailable            the hub itself cannot do it now (database, disk)
└── ConnectorError         an outgoing call did not simply succeed
    ├── Transient          nothing was done there: try again with backoff
    ├── RateLimited        nothing was done: wait as long as the partner says, then go on
    ├── OutcomeUnknown     it may have been done: look it up by our reference first
    ├── Rejected           the partner refuses this content: dead letter and exception case
    ├── Declined           the partner's normal "no" (too late, already picked)
    └── Misconfigured      credentials, address or permission: pause this connection only
"""

from __future__ import annotations

from typing import Any, ClassVar


def storable(text: str) -> str:
    """Return a text a partner wrote without what PostgreSQL and JSON cannot hold: zero bytes, lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()


class CrossdockError(Exception):
    """An expected failure with a stable code, a sentence, and what to do about it.

    Args:
        what: one sentence naming what failed and where.
        why: the cause, when it is known.
        fix: what the reader can do.
        code: stable code of the form AREA-WORD-NNN; the class's own by default.
        data: values worth keeping with the error; never secrets.
    """

    code: ClassVar[str] = "HUB-ERROR-000"
    status: ClassVar[int] = 500

    def __init__(
        self,
        what: str,
        *,
        why: str | None = None,
        fix: str | None = None,
        code: str | None = None,
        **data: Any,
    ) -> None:
        # Messages often quote a partner, and every error must be fit to be stored.
        self.what = storable(what)
        super().__init__(self.what)
        self.why = storable(why) if why else why
        self.fix = storable(fix) if fix else fix
        self.error_code = code or type(self).code
        self.data = data

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f"Why: {self.why}")
        if self.fix:
            parts.append(f"Fix: {self.fix}")
        return " ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Return the error as stored with a message, a delivery or a problem document."""
        found: dict[str, Any] = {"code": self.error_code, "class": type(self).__name__, "what": self.what}
        if self.why:
            found["why"] = self.why
        if self.fix:
            found["fix"] = self.fix
        if self.data:
            found["data"] = {
                key: value if isinstance(value, int | list | dict | None) else storable(str(value))
                for key, value in self.data.items()
            }
        return found


class InputError(CrossdockError):
    """The sender must change what was sent."""

    code = "INPUT-INVALID-400"
    status = 422


class MappingError(InputError):
    """A partner document does not fit its map."""

    code = "MAP-FIELD-422"


class UnmappedCode(MappingError):
    """A partner code nobody has given a meaning."""

    code = "MAP-CODE-404"


class NotFound(InputError):
    """The named thing does not exist."""

    code = "HUB-MISSING-404"
    status = 404


class Conflict(CrossdockError):
    """The thing changed or is in another state; read it again."""

    code = "HUB-CONFLICT-409"
    status = 409


class IllegalTransition(Conflict):
    """The state machine has no such move."""

    code = "STATE-MOVE-409"


class VersionConflict(Conflict):
    """The version the caller relied on is no longer the current one."""

    code = "HUB-VERSION-412"
    status = 412


class Refused(CrossdockError):
    """Understood and refused: unsafe, not allowed or too late."""

    code = "HUB-REFUSED-403"
    status = 403


class SignatureRefused(Refused):
    """A webhook that is not authentic, too old or from the future."""

    code = "HOOK-SIGNATURE-401"
    status = 401


class Unavailable(CrossdockError):
    """The hub itself cannot do it now; nothing was stored."""

    code = "HUB-UNAVAILABLE-503"
    status = 503


class ConnectorError(CrossdockError):
    """An outgoing call did not simply succeed."""

    code = "OUT-ERROR-500"
    status = 502


class Transient(ConnectorError):
    """Nothing was done at the partner: try again with backoff."""

    code = "OUT-TRANSIENT-503"

    def __init__(self, what: str, *, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(what, **more)
        self.retry_after = retry_after


class RateLimited(Transient):
    """The partner asks us to slow down: the whole connection waits `retry_after` seconds."""

    code = "OUT-RATE-429"


class OutcomeUnknown(ConnectorError):
    """The write may have happened: look it up by our reference before writing again."""

    code = "OUT-UNKNOWN-504"


class Rejected(ConnectorError):
    """The partner refuses this content; a person or a rule must change something."""

    code = "OUT-REJECTED-422"


class Unwritable(Rejected):
    """What is to be sent cannot be written by our map of it: the partner was not asked."""

    code = "MAP-WRITE-422"


class Declined(ConnectorError):
    """The partner's normal "no": too late, already picked."""

    code = "OUT-DECLINED-409"


class Misconfigured(ConnectorError):
    """Credentials, address or permission are wrong: only this connection pauses."""

    code = "OUT-CONFIG-401"
