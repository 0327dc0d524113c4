"""Who may come in: API keys for machines, passwords for people.

A key is `cd_live_<id>_<secret>_<check>`: the id finds its row, the secret has 190 bits, so a keyed hash is enough to
store it; the check digits let a scanner tell a key from noise. Passwords are stretched (argon2id).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.domain.ids import public_id, uuid7
from core.errors import Conflict, InputError, NotFound, Refused
from core.services import audit
from core.store import schema as t
from core.store.direct import run
from core.store.unit import DEFAULT_TENANT, Unit

AREAS = (
    "orders", "items", "nodes", "stock", "reservations", "promises", "fulfillment", "shipments", "refunds", "routing",
    "exceptions", "decisions", "policies", "connections", "messages", "deliveries", "events", "models",
    "trade",
)  # fmt: skip
ADMIN = "admin"
SCOPES = frozenset({ADMIN, *(f"{area}:{verb}" for area in AREAS for verb in ("read", "write"))})
ROLES = ("viewer", "operator", "admin", "auditor")
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY = re.compile(r"\Acd_live_([0-9A-Za-z]{8})_([0-9A-Za-z]{32})_([0-9A-Za-z]{6})\Z")
EMAIL = re.compile(r"\A[^@\s\x00]{1,64}@[^@\s\x00]{1,189}\Z")
# A use is noted at most once in this time, so that a busy key is not a hot row.
USE_NOTED_EVERY = timedelta(minutes=1)
# Asked by every request, so it is said once and not built each time.
FIND_KEY = """
SELECT secret_hash, id, name, prefix, scopes, connection_id FROM api_key
WHERE tenant_id = %(tenant)s AND prefix = %(prefix)s AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""
FREE_FAILURES = 5
LONGEST_LOCK = timedelta(minutes=15)
LEAST_PASSWORD = 10


@dataclass(frozen=True, slots=True)
class Key:
    """An API key that is valid now."""

    id: UUID
    name: str
    prefix: str
    scopes: frozenset[str]
    connection_id: UUID | None

    def allows(self, scope: str) -> bool:
        """Return whether the key has the scope; whoever may write an area may also read it."""
        area, _, verb = scope.partition(":")
        return ADMIN in self.scopes or scope in self.scopes or (verb == "read" and f"{area}:write" in self.scopes)


@dataclass(frozen=True, slots=True)
class User:
    """A person who may use the console."""

    id: UUID
    email: str
    name: str
    role: str


def create_key(
    unit: Unit,
    pepper: str,
    name: str,
    scopes: Iterable[str],
    *,
    connection_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> tuple[UUID, str]:
    """Store a new API key and return its id and the key itself, which nothing can show again.

    Raises:
        InputError: no name, an unknown scope, `admin` for one connection, or an end in the past.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise InputError(
            f"A key needs known scopes; {', '.join(map(repr, unknown[:5])) or 'none'} given.",
            fix=f"Known are: {', '.join(sorted(SCOPES))}.",
            code="KEY-SCOPE-422",
        )
    if ADMIN in wanted and connection_id is not None:
        raise InputError(
            "A key of one connection cannot administer the hub.",
            fix="Leave the connection out, or name the areas it is to read or write.",
            code="KEY-SCOPE-422",
        )
    if not name.strip() or len(name) > 120 or "\x00" in name:
        raise InputError("A key needs a name of up to 120 characters.", code="KEY-NAME-422")
    if expires_at is not None and expires_at <= unit.now:
        raise InputError("A key cannot end in the past.", code="KEY-EXPIRY-422")
    prefix, secret = _random(8), _random(32)
    key_id = uuid7()
    unit.conn.execute(
        insert(t.api_key).values(
            tenant_id=unit.tenant,
            id=key_id,
            name=name.strip(),
            prefix=prefix,
            secret_hash=_hashed(pepper, secret),
            scopes=wanted,
            connection_id=connection_id,
            expires_at=expires_at,
        )
    )
    audit.record(unit, "key.created", public_id("key", key_id), {"scopes": wanted, "expires_at": expires_at})
    body = f"cd_live_{prefix}_{secret}"
    return key_id, f"{body}_{_check(body)}"


def find_key(conn: Connection, pepper: str, token: str, tenant: int = DEFAULT_TENANT) -> Key | None:
    """Return the valid key behind a token, or None; the time taken does not depend on how wrong it is."""
    parts = KEY.match(token)
    if parts is None or not hmac.compare_digest(_check(token.rpartition("_")[0]), parts[3]):
        return None
    row = run(conn, FIND_KEY, {"tenant": tenant, "prefix": parts[1]}).fetchone()
    kept, *known = row or (bytes(32),)
    if not hmac.compare_digest(kept, _hashed(pepper, parts[2])) or row is None:
        return None
    key_id, name, prefix, scopes, connection_id = known
    return Key(key_id, name, prefix, frozenset(scopes), connection_id)


def note_use(unit: Unit, key_id: UUID) -> None:
    """Note that a key was used, unless that was noted just now."""
    k = t.api_key.c
    unit.conn.execute(
        update(t.api_key)
        .where(
            k.tenant_id == unit.tenant,
            k.id == key_id,
            or_(k.last_used_at.is_(None), k.last_used_at < unit.now - USE_NOTED_EVERY),
        )
        .values(last_used_at=unit.now)
    )


def revoke_key(unit: Unit, key_id: UUID) -> None:
    """Make a key useless from now on; one that already is stays so.

    Raises:
        NotFound: there is no such key.
    """
    k = t.api_key.c
    row = unit.conn.execute(
        select(k.revoked_at).where(k.tenant_id == unit.tenant, k.id == key_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no key {public_id('key', key_id)}.")
    if row.revoked_at is None:
        unit.conn.execute(
            update(t.api_key).where(k.tenant_id == unit.tenant, k.id == key_id).values(revoked_at=unit.now)
        )
        audit.record(unit, "key.revoked", public_id("key", key_id))


def create_user(unit: Unit, email: str, name: str, password: str, role: str = "operator") -> UUID:
    """Store a person who may log in and return the id.

    Raises:
        InputError: no e-mail address, an unknown role or a password that is too short.
        Conflict: the address is taken.
    """
    address = email.strip().lower()
    if not EMAIL.match(address):
        raise InputError("A user needs an e-mail address.", code="USER-EMAIL-422")
    if role not in ROLES:
        raise InputError(
            f"There is no role {role[:40]!r}.", fix=f"Roles are: {', '.join(ROLES)}.", code="USER-ROLE-422"
        )
    user_id, stretched = uuid7(), hash_password(password)
    try:
        with unit.conn.begin_nested():
            unit.conn.execute(
                insert(t.user_account).values(
                    tenant_id=unit.tenant,
                    id=user_id,
                    email=address,
                    name=name.strip() or address,
                    role=role,
                    password_hash=stretched,
                )
            )
    except IntegrityError:
        raise Conflict("There is already a user with this e-mail address.", code="USER-TAKEN-409") from None
    audit.record(unit, "user.created", public_id("user", user_id), {"role": role})
    return user_id


def hash_password(password: str) -> str:
    """Return a password stretched with argon2id, as it is stored.

    Raises:
        InputError: it is too short or too long to be stretched.
    """
    if not LEAST_PASSWORD <= len(password) <= 1_000:
        raise InputError(f"A password has at least {LEAST_PASSWORD} characters.", code="USER-PASSWORD-422")
    return PasswordHasher().hash(password)


def check_password(unit: Unit, email: str, password: str) -> User | None:
    """Return the user when address and password fit, else None; the unit must commit in both cases.

    After five failures in a row each further one locks the account for longer, up to a quarter of an hour.

    Raises:
        Refused: the account is locked for now.
    """
    u = t.user_account.c
    row = unit.conn.execute(
        select(t.user_account)
        .where(u.tenant_id == unit.tenant, u.email == email.strip().lower().replace("\x00", ""))
        .with_for_update(key_share=True)
    ).one_or_none()
    if row is not None and row.locked_until is not None and row.locked_until > unit.now:
        seconds = int((row.locked_until - unit.now).total_seconds()) + 1
        raise Refused(
            f"Too many wrong passwords: try again in {seconds} s.", code="USER-LOCKED-403", retry_after=seconds
        )
    # An unknown address costs as much time as a wrong password.
    if not _fits(row.password_hash if row else NOBODY, password) or row is None or not row.active:
        if row is not None:
            failures = row.failed_logins + 1
            wait = min(LONGEST_LOCK, timedelta(seconds=2 ** min(failures - FREE_FAILURES, 12)))
            unit.conn.execute(
                update(t.user_account)
                .where(u.tenant_id == unit.tenant, u.id == row.id)
                .values(failed_logins=failures, locked_until=unit.now + wait if failures >= FREE_FAILURES else None)
            )
        return None
    unit.conn.execute(
        update(t.user_account)
        .where(u.tenant_id == unit.tenant, u.id == row.id)
        .values(failed_logins=0, locked_until=None, last_login_at=unit.now)
    )
    return User(row.id, row.email, row.name, row.role)


# The hash of a password nobody has: what an unknown address is checked against.
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$mKoz+5dTgl7SNSr4Lps5zlzxqcZrB9Xl3Gd0SdXIbl4"


def _fits(stretched: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(stretched, password[:1_000])
    except (VerificationError, InvalidHashError):
        return False


def _random(length: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(length))


def _hashed(pepper: str, secret: str) -> bytes:
    # The pepper serves other purposes too: a key of its own for this one.
    own = hmac.digest(pepper.encode(), b"crossdock api keys", "sha256")
    return hmac.digest(own, secret.encode(), hashlib.sha256)


def _check(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), []
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits.append(BASE62[digit])
    return "".join(reversed(digits))
