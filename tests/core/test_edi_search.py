"""Finding EDI documents among very many: statement P3 of the acceptance list."""

import os
import time

import pytest
from sqlalchemy import text

from core.store.read.page import Slice
from core.store.read.partners import list_documents
from core.store.unit import Store
from core.store.views.partners import count_documents

# A million in earnest (CROSSDOCK_EDI_DOCUMENTS=1000000); fewer where many tests run.
MANY = int(os.environ.get("CROSSDOCK_EDI_DOCUMENTS", "20000"))
FILL = """
WITH con AS (INSERT INTO connection (tenant_id, id, name, connector) VALUES (1, gen_random_uuid(), 'acme', 'edi')
             RETURNING id),
     ich AS (INSERT INTO interchange (tenant_id, id, connection_id, direction, syntax, sender, recipient, reference,
                                      state, sha256)
             SELECT 1, gen_random_uuid(), id, 'in', 'x12', 'A', 'B', '1', 'taken', '' FROM con
             RETURNING id, connection_id),
     doc AS (INSERT INTO edi_document (tenant_id, id, connection_id, interchange_id, direction, kind, reference,
                                       position, number, state)
             SELECT 1, md5(n::text)::uuid, connection_id, ich.id, 'in', '850', '0001', n, 'PO-' || n, 'taken'
             FROM ich, generate_series(1, :n) n RETURNING id, number)
INSERT INTO edi_key (tenant_id, value, kind, document_id)
SELECT 1, number, 'po', id FROM doc UNION ALL SELECT 1, '4098765000003', 'gln', id FROM doc
"""


@pytest.fixture
def filled(store: Store) -> Store:
    with store.begin() as unit:
        unit.conn.execute(text("SET LOCAL statement_timeout = 0"))  # a million take minutes to write
        unit.conn.execute(text(FILL), {"n": MANY})
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("ANALYZE edi_document, edi_key, interchange, connection"))
    return store


@pytest.mark.parametrize(("value", "found"), [(f"po-{MANY // 2}", 1), ("4098765000003", 50), ("PO-0", 0)])
def test_p3_a_document_is_found_by_any_of_its_numbers_within_a_second(filled: Store, value: str, found: int) -> None:
    with filled.read() as conn:
        began = time.process_time()
        # The database's own time counts, not that of a busy machine: plans are what a million rows would show.
        plans = conn.execute(text("SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables")).scalar_one()
        rows = list_documents(conn, Slice(50), find=value).data
        counted = count_documents(conn, 1, "", "", value)["all"]
        read = conn.execute(text("SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables")).scalar_one() - plans
        took = time.process_time() - began
    assert len(rows) == found
    assert counted == {50: min(MANY, 10_001)}.get(found, found)
    assert took < 1
    if found < 50:
        assert read < 100, "whole tables were read to find one document"
