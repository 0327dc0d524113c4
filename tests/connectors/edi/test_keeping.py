"""What proves who sent a document of cXML is in nothing that is kept, by whatever way it came."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.edi.keeping import ORIGINAL, WITHHELD, keepable, without_secrets
from core.ports.connectors import InboundRecord
from core.store.unit import Store
from mappings.edi.xml.documents import read_document
from tests.connectors.edi.http_world import proven_order
from tests.connectors.edi.partner_world import EdiWorld, order, x12
from tests.connectors.edi.test_partner_as2 import trading
from tests.connectors.edi.xml_world import CXML_PROFILE, ubl_order

SECRET = b"tell-nobody"


def proven() -> bytes:
    return proven_order("PO-1", secret=SECRET.decode())


def test_only_the_proof_is_taken_out() -> None:
    body = proven()
    kept = without_secrets(body)
    assert kept == body.replace(SECRET, b"")
    assert without_secrets(kept) == kept
    for other in (ubl_order("PO-1"), x12(order("PO-1")), b"<SharedSecret", b"\x00\xff", b""):
        assert without_secrets(other) == other


@pytest.mark.parametrize(
    "broken",
    [
        lambda body: body.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        lambda body: body[: body.index(SECRET) + len(SECRET)],
        lambda body: body.replace(b"</cXML>", b"</cxml>"),
        lambda body: body.replace(b"<SharedSecret>", b"<SharedSecret x='1'>a <b/> ").replace(b"</Header>", b""),
        lambda body: body.replace(b"SharedSecret>", b"c:SharedSecret>"),
        lambda body: body.replace(b"UTF-8", b"EBCDIC-CP-XX"),
    ],
)
def test_a_document_that_is_written_otherwise_is_not_kept_with_its_secret(broken: Callable[[bytes], bytes]) -> None:
    kept = without_secrets(broken(proven()))
    assert SECRET not in kept
    assert SECRET.decode().encode("utf-16-le") not in kept
    root = read_document(kept).root
    assert kept == WITHHELD or root is None or "tell" not in "".join(root.itertext())


def test_many_tags_that_do_not_end_cost_little() -> None:
    kept = without_secrets(b"<cXML>" + b"<SharedSecret " * 200_000)
    assert len(kept) > 1_000_000


def test_the_digest_of_what_came_is_kept() -> None:
    record = InboundRecord("interchange", "k", proven(), headers={"file": "a.xml"})
    kept = keepable(record)
    assert kept.headers == {"file": "a.xml", ORIGINAL: hashlib.sha256(record.body).hexdigest()}
    plain = InboundRecord("interchange", "k", x12(order("PO-1")))
    assert keepable(plain) is plain


def bodies(world: EdiWorld) -> list[bytes]:
    """Every kept byte of what came and what left."""
    return [
        bytes(row.body)
        for table in ("message", "interchange")
        for row in world.all(f"SELECT body FROM {table} WHERE body IS NOT NULL")
    ]


def test_a_file_in_a_folder_is_kept_without_its_secret_in_the_hub_and_in_the_archive(
    store: Store, tmp_path: Path
) -> None:
    world = EdiWorld(store, tmp_path / "acme", **CXML_PROFILE)
    world.drop(proven(), "po.xml")
    assert world.one("SELECT count(*) AS n FROM orders").n == 1
    assert [each for each in bodies(world) if SECRET in each] == []
    headers = world.one("SELECT headers FROM message WHERE topic = 'interchange'").headers
    assert headers[ORIGINAL] == hashlib.sha256(proven()).hexdigest()
    files = [path for path in (tmp_path / "acme").rglob("*") if path.is_file() and path.name[0] != "."]
    assert [path.name for path in files] == ["po.xml"]
    assert files[0].read_bytes() == proven().replace(SECRET, b"")


def test_a_file_over_as2_is_kept_without_its_secret_and_its_receipt_is_for_what_came(
    store: Store, tmp_path: Path
) -> None:
    with trading(store, tmp_path / "acme", "sync", **CXML_PROFILE) as (world, acme):
        # The receipt repeats the hash of what was sent, so the true bytes were hashed.
        assert acme.transport.send("po.xml", proven(), "application/xml").received_at is not None
        world.drain()
        assert world.one("SELECT count(*) AS n FROM orders").n == 1
        assert [each for each in bodies(world) if SECRET in each] == []
        assert acme.transport.send("po.xml", proven(), "application/xml").received_at is not None
