"""Keys and passwords: what is stored, what is let in, what is refused; and the chained audit log."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from core.errors import Conflict, InputError, NotFound, Refused
from core.services import audit
from core.services.access import (
    KEY,
    check_password,
    create_key,
    create_user,
    find_key,
    note_use,
    revoke_key,
)
from core.store import schema as t
from core.store.unit import Store

PEPPER = "pepper-of-the-tests"


def test_a_key_opens_what_its_scopes_say(store: Store) -> None:
    with store.begin(actor="cli") as unit:
        key_id, token = create_key(unit, PEPPER, "erp", ["orders:write", "stock:read", "stock:read"])
    assert KEY.match(token)
    with store.read() as conn:
        found = find_key(conn, PEPPER, token)
        assert found is not None
        assert (found.id, found.name, sorted(found.scopes)) == (key_id, "erp", ["orders:write", "stock:read"])
        allowed = ["orders:write", "orders:read", "stock:read"]
        assert [scope for scope in (*allowed, "stock:write", "items:read", "admin") if found.allows(scope)] == allowed
        stored = conn.execute(select(t.api_key)).one()
        assert token.split("_")[3] not in str(stored)
        assert find_key(conn, "another pepper", token) is None
        for wrong in ("", "x", token[:-1], token[:-1] + "é", token.replace("live", "test"), token[:20] + token[21:]):
            assert find_key(conn, PEPPER, wrong) is None


def test_a_key_ends_by_time_or_by_hand(store: Store) -> None:
    with store.begin() as unit:
        first, token = create_key(unit, PEPPER, "a", ["admin"])
        _, ended = create_key(unit, PEPPER, "b", ["admin"], expires_at=unit.now + timedelta(hours=1))
        unit.conn.execute(
            update(t.api_key).where(t.api_key.c.name == "b").values(expires_at=unit.now - timedelta(seconds=1))
        )
    with store.begin() as unit:
        assert find_key(unit.conn, PEPPER, ended) is None
        note_use(unit, first)
        used = unit.conn.execute(select(t.api_key.c.last_used_at).where(t.api_key.c.id == first)).scalar_one()
        assert used == unit.now
        revoke_key(unit, first)
        assert find_key(unit.conn, PEPPER, token) is None
        revoke_key(unit, first)
        with pytest.raises(NotFound):
            revoke_key(unit, unit.conn.execute(text("SELECT uuidv7()")).scalar_one())


@pytest.mark.parametrize(
    ("name", "scopes", "code"),
    [("x", [], "KEY-SCOPE-422"), ("x", ["orders:eat"], "KEY-SCOPE-422"), (" ", ["admin"], "KEY-NAME-422")],
)
def test_a_key_without_name_or_scope_is_refused(store: Store, name: str, scopes: list[str], code: str) -> None:
    with pytest.raises(InputError) as refused, store.begin() as unit:
        create_key(unit, PEPPER, name, scopes)
    assert refused.value.error_code == code
    with store.read() as conn:
        assert conn.execute(select(t.api_key)).all() == []


def test_passwords_are_checked_and_guessing_locks(store: Store) -> None:
    with store.begin() as unit:
        user_id = create_user(unit, " Ada@Example.com", "Ada", "correct horse battery")
        with pytest.raises(Conflict):
            create_user(unit, "ada@example.com", "Ada again", "correct horse battery")
        with pytest.raises(InputError):
            create_user(unit, "short@example.com", "Shorty", "short")
        found = check_password(unit, "ADA@example.com", "correct horse battery")
        assert found is not None
        assert (found.id, found.email, found.role) == (user_id, "ada@example.com", "operator")
        assert check_password(unit, "nobody@example.com", "correct horse battery") is None
        for _ in range(5):
            assert check_password(unit, "ada@example.com", "wrong") is None
        with pytest.raises(Refused) as locked:
            check_password(unit, "ada@example.com", "correct horse battery")
        assert locked.value.error_code == "USER-LOCKED-403"


def test_the_audit_chain_shows_what_was_touched(store: Store) -> None:
    for number in range(4):
        with store.begin(actor=f"user:{number}") as unit:
            audit.record(unit, "order.canceled", f"ord_{number}", {"at": unit.now, "number": number})
    with store.begin() as unit:
        assert audit.broken_links(unit.conn) == []
        seqs = list(unit.conn.execute(select(t.audit_entry.c.seq).order_by(t.audit_entry.c.seq)).scalars())
        unit.conn.execute(update(t.audit_entry).where(t.audit_entry.c.seq == seqs[1]).values(subject="ord_9"))
        assert audit.broken_links(unit.conn) == [seqs[1]]
        unit.conn.execute(t.audit_entry.delete().where(t.audit_entry.c.seq == seqs[0]))
        assert audit.broken_links(unit.conn) == [seqs[1]]
        unit.conn.execute(t.audit_entry.delete().where(t.audit_entry.c.seq == seqs[2]))
        assert audit.broken_links(unit.conn) == [seqs[1], seqs[3]]
