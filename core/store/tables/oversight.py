"""Events, exception cases, people, keys, idempotency, audit."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
    func,
)
from sqlalchemy import (
    text as sql,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import Text, UserDefinedType

from core.store.tables.base import document, instant, key, metadata, number, tenant, text, uid, whole


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the SQL type."""
        return "xid8"


# SQLAlchemy does not know the type by itself when it reads a schema back.
ischema_names["xid8"] = Xid8

event = Table(
    "event",
    metadata,
    tenant(),
    Column("seq", BigInteger, Identity(always=True), nullable=False),
    # Readers of the feed stop before the oldest running transaction, so a late commit is never skipped.
    Column("xid", Xid8, nullable=False, server_default=func.pg_current_xact_id()),
    text("type", null=False),
    text("subject", null=False),
    uid("subject_id"),
    uid("order_id", null=True),
    document("data", null=False, default="{}"),
    text("actor", null=False, default="hub"),
    text("cause"),
    uid("correlation_id", null=True),
    instant("at", null=False),
    key("seq"),
    Index("ix_event_order", "tenant_id", "order_id", postgresql_where=sql("order_id IS NOT NULL")),
    Index("ix_event_subject", "tenant_id", "subject_id"),
    # The feed is read in this order: no later commit can then stand before what was read already.
    Index("ix_event_feed", "tenant_id", "xid", "seq"),
)

exception_case = Table(
    "exception_case",
    metadata,
    tenant(),
    uid("id"),
    text("code", null=False),
    text("class", null=False),
    text("severity", null=False),
    text("title", null=False),
    text("sentence", null=False),
    text("fingerprint", null=False),
    text("state", null=False, default="open"),
    text("owner"),
    Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
    uid("connection_id", null=True),
    uid("node_id", null=True),
    document("recommended"),
    document("alternatives"),
    document("evidence"),
    instant("deadline"),
    instant("snoozed_until"),
    instant("first_seen", null=False),
    instant("last_seen", null=False),
    instant("resolved_at"),
    text("resolution"),
    whole("version", default="1"),
    key(),
    UniqueConstraint("tenant_id", "fingerprint"),
    Index(
        "ix_exception_case_live",
        "tenant_id",
        "last_seen",
        postgresql_where=sql("state IN ('open', 'auto_resolving', 'assigned', 'snoozed')"),
    ),
)

# What a case is about: orders, messages, deliveries or positions; gone when its own cause is gone.
case_member = Table(
    "case_member",
    metadata,
    tenant(),
    uid("case_id"),
    text("subject", null=False),
    uid("subject_id"),
    uid("order_id", null=True),
    number("value", null=True),
    instant("since", null=False),
    instant("resolved_at"),
    key("case_id", "subject", "subject_id"),
    Index("ix_case_member_order", "tenant_id", "order_id", postgresql_where=sql("resolved_at IS NULL")),
    Index("ix_case_member_subject", "tenant_id", "subject_id", postgresql_where=sql("resolved_at IS NULL")),
)

user_account = Table(
    "user_account",
    metadata,
    tenant(),
    uid("id"),
    text("email", null=False),
    text("name", null=False),
    text("role", null=False, default="operator"),
    text("password_hash", null=False),
    Column("active", Boolean, nullable=False, server_default="true"),
    whole("failed_logins"),
    instant("locked_until"),
    instant("last_login_at"),
    instant("created_at", null=False),
    key(),
    UniqueConstraint("tenant_id", "email"),
)

login_session = Table(
    "login_session",
    metadata,
    tenant(),
    # sha256 of the cookie's token
    Column("token_hash", LargeBinary, nullable=False),
    uid("user_id"),
    text("csrf_token", null=False),
    instant("created_at", null=False),
    instant("seen_at", null=False),
    instant("expires_at"),
    key("token_hash"),
)

api_key = Table(
    "api_key",
    metadata,
    tenant(),
    uid("id"),
    text("name", null=False),
    text("prefix", null=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    uid("connection_id", null=True),
    instant("expires_at"),
    instant("last_used_at"),
    instant("revoked_at"),
    instant("created_at", null=False),
    key(),
    UniqueConstraint("tenant_id", "prefix"),
)

idempotency = Table(
    "idempotency",
    metadata,
    tenant(),
    text("key", null=False),
    Column("fingerprint", LargeBinary, nullable=False),
    whole("status", null=True, default=None),
    document("headers"),
    Column("body", LargeBinary),
    instant("locked_until"),
    instant("created_at", null=False),
    key("key"),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    tenant(),
    Column("seq", BigInteger, Identity(always=True), nullable=False),
    text("actor", null=False),
    text("action", null=False),
    text("subject", null=False),
    document("detail", null=False, default="{}"),
    instant("at", null=False),
    Column("previous_hash", LargeBinary),
    Column("hash", LargeBinary),
    key("seq"),
)

data_request = Table(
    "data_request",
    metadata,
    tenant(),
    uid("id"),
    uid("connection_id"),
    text("kind", null=False),
    document("subject", null=False),
    text("state", null=False, default="open"),
    instant("created_at", null=False),
    instant("finished_at"),
    key(),
)

setting = Table(
    "setting",
    metadata,
    tenant(),
    text("name", null=False),
    document("value", null=False),
    key("name"),
)
