"""The AS2 door: our sender against our own endpoint over HTTP, with the database between."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import text

from connectors.edi.as2 import message, receipt
from connectors.edi.as2.errors import As2Error
from connectors.edi.as2.profile import Profile
from connectors.edi.transports.as2_profile import read_settings
from core.jobs.certificates import watch_certificates
from core.services import transport_receipts
from core.services.replaying import replay_message
from core.store import schema
from core.store.unit import Store
from tests.connectors.edi.as2_world import LIMIT, LONG, OURS, THEIRS, Pair, order, pair, settings_of, transport_of
from tests.connectors.edi.keys import identity, pem


@pytest.fixture
def world(store: Store) -> Iterator[Pair]:
    with pair(store) as found:
        yield found


def acme(world: Pair, **more: Any) -> Any:
    """Acme's profile, to write messages and read receipts by hand."""
    found = settings_of(THEIRS, OURS, ("Acme B2B", "crossdock"), f"{world.url}/webhooks/here", **more)
    return read_settings(found, {"as2_keys": pem(THEIRS)[1].decode()}).profile


def post(world: Pair, out: message.Outgoing, name: str = "here") -> requests.Response:
    return requests.post(f"{world.url}/webhooks/{name}", data=out.body, headers=out.headers, timeout=60)


def written(world: Pair, body: bytes = b"", *, message_id: str | None = None, **more: Any) -> message.Outgoing:
    body = body or json.dumps(order("PO-1")).encode()
    return message.write(body, acme(world, **more), datetime.now(UTC), filename="po.json", message_id=message_id)


def said(world: Pair, out: message.Outgoing, answer: requests.Response, **more: Any) -> receipt.Receipt:
    profile = acme(world, **more)
    return receipt.judge(out, *receipt.read(answer.headers, answer.content, profile, datetime.now(UTC)))


def counts(world: Pair) -> tuple[int, int]:
    """Messages and orders."""
    return tuple(world.one("SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM orders)"))


def test_s1_a_file_is_sent_and_proven_by_the_receipt_in_the_answer(world: Pair) -> None:
    delivery = world.send()
    assert world.one("SELECT state FROM delivery WHERE id = :d", d=delivery).state == "delivered"
    row = world.one("SELECT * FROM transport_receipt")
    assert (row.state, row.delivery_id, row.settled_at is not None, row.due_at) == ("received", delivery, True, None)
    assert b"disposition-notification" in bytes(row.evidence)
    stored = world.one("SELECT * FROM message")
    assert (bytes(stored.body), stored.connection_id) == (b"UNB+UNOA:3+A+B+261128:1200+1'UNZ+0+1'", world.there)
    assert (stored.content_type, stored.source_id) == ("application/edifact", row.message_id)
    assert stored.headers["x-as2-mic"] == f"{row.mic}, {row.mic_algorithm}"
    assert (stored.headers["x-as2-signed"], stored.headers["x-as2-encrypted"]) == ("sha256", "aes256_cbc")


def test_s1_an_asynchronous_receipt_settles_what_was_sent(world: Pair) -> None:
    world.change("here", receipt="async", receipt_url=f"{world.url}/webhooks/here")
    world.change("there", their_receipt_url=f"{world.url}/webhooks/here")
    delivery = world.send()
    row = world.one("SELECT * FROM transport_receipt")
    assert (row.state, row.settled_at) == ("pending", None)
    assert row.due_at - row.sent_at == timedelta(hours=2)
    owed = world.one("SELECT * FROM delivery WHERE kind = 'send_receipt'")
    assert (owed.connection_id, owed.state) == (world.there, "due")
    assert world.deliver(world.there) == 1
    world.drain()
    assert world.one("SELECT state FROM transport_receipt").state == "received"
    assert world.one("SELECT state FROM message WHERE topic = 'transport.receipt'").state == "applied"
    told = world.one("SELECT * FROM event WHERE type = 'delivery.received'")
    assert (told.subject_id, told.data["message_id"]) == (delivery, row.message_id)


def test_s1_a_receipt_that_is_faster_than_our_own_books_waits_for_them(world: Pair) -> None:
    world.change("here", receipt="async", receipt_url=f"{world.url}/webhooks/here")
    world.change("there", their_receipt_url=f"{world.url}/webhooks/here")
    world.send()
    with world.store.begin() as unit:
        kept = unit.conn.execute(text("DELETE FROM transport_receipt RETURNING *")).mappings().one()
    world.deliver(world.there)
    world.drain()
    assert world.one("SELECT state FROM message WHERE topic = 'transport.receipt'").state == "normalized"
    with world.store.begin() as unit:
        unit.conn.execute(schema.transport_receipt.insert().values(dict(kept)))
    world.drain()
    assert world.one("SELECT state FROM transport_receipt").state == "received"


@pytest.mark.parametrize("broken", ["no hash", "another hash", "refused"])
def test_s1_an_asynchronous_receipt_without_our_hash_is_a_failure_people_are_told_of(
    world: Pair, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.change("here", receipt="async", receipt_url=f"{world.url}/webhooks/here")
    world.change("there", their_receipt_url=f"{world.url}/webhooks/here")
    true = receipt.write

    def lie(found: Any, profile: Any, now: datetime, **more: Any) -> Any:
        if broken == "refused":
            more = {"error": As2Error("It is damaged.", "integrity-check-failed")}
        else:
            found.mic = b"" if broken == "no hash" else b"x" * 32
        return true(found, profile, now, **more)

    monkeypatch.setattr("connectors.edi.transports.as2.receipt.write", lie)
    delivery = world.send()
    world.deliver(world.there)
    world.drain()
    assert world.one("SELECT state FROM transport_receipt").state == "refused"
    case = world.one("SELECT * FROM exception_case WHERE code = 'TRADE-RECEIPT-422'")
    assert case.evidence["modifier"] == "integrity-check-failed"
    assert world.one("SELECT subject_id FROM case_member WHERE case_id = :c", c=case.id).subject_id == delivery


def test_s1_a_receipt_that_does_not_come_is_told_of_once_and_forgotten_when_it_comes(world: Pair) -> None:
    world.change("here", receipt="async", receipt_url=f"{world.url}/webhooks/here")
    world.change("there", their_receipt_url=f"{world.url}/webhooks/here")
    world.send()
    with world.store.begin() as unit:
        assert transport_receipts.alarm(unit) == 0
        unit.conn.execute(text("UPDATE transport_receipt SET due_at = clock_timestamp() - interval '1 second'"))
        assert transport_receipts.alarm(unit) == 1
        assert transport_receipts.alarm(unit) == 0
    assert world.one("SELECT state FROM exception_case WHERE code = 'TRADE-RECEIPT-504'").state == "open"
    world.deliver(world.there)
    world.drain()
    assert world.one("SELECT state FROM exception_case WHERE code = 'TRADE-RECEIPT-504'").state == "superseded"


def test_s2_what_is_proven_is_stored_first_and_a_crash_between_makes_no_second_order(
    world: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = written(world)
    true = receipt.write
    seen: list[int] = []

    def crash(*given: Any, **more: Any) -> Any:
        seen.append(world.one("SELECT count(*) AS n FROM message").n)
        raise RuntimeError("the process dies here")

    monkeypatch.setattr("connectors.edi.transports.as2.receipt.write", crash)
    assert post(world, out).status_code == 500
    assert seen == [1], "the file was not on disk when its receipt was about to be made"
    monkeypatch.setattr("connectors.edi.transports.as2.receipt.write", true)
    again = said(world, out, post(world, out))
    assert (again.taken, again.modifier) == (True, "duplicate-document")
    world.drain()
    assert counts(world) == (1, 1)


def test_s3_a_message_of_one_name_is_taken_once_and_a_failed_try_does_not_count(world: Pair) -> None:
    out = written(world, message_id="<po-1@acme>")
    damaged = message.Outgoing(out.message_id, out.headers, out.body[:-40], out.mic, out.mic_algorithm)
    failed = said(world, damaged, post(world, damaged))
    assert (failed.taken, failed.modifier) == (False, "decryption-failed")
    assert counts(world) == (0, 0)
    case = world.one("SELECT * FROM exception_case")
    assert (case.code, case.evidence["modifier"]) == ("TRADE-CALL-400", "decryption-failed")
    first, second = said(world, out, post(world, out)), said(world, out, post(world, out))
    assert (first.taken, first.modifier) == (True, None)
    assert (second.taken, second.modifier) == (True, "duplicate-document")
    other = written(world, json.dumps(order("PO-2")).encode(), message_id="<po-2@acme>")
    assert said(world, other, post(world, other)).modifier is None
    world.drain()
    assert counts(world) == (2, 2)


def test_s3_other_content_under_a_known_name_is_kept_for_people_and_its_sender_is_told_that_it_failed(
    world: Pair,
) -> None:
    out = written(world, message_id="<po-1@acme>")
    assert said(world, out, post(world, out)).taken
    world.drain()
    other = written(world, json.dumps(order("PO-2")).encode(), message_id="<po-1@acme>")
    answer = post(world, other)
    assert b"Disposition: automatic-action/MDN-sent-automatically; processed/error: " in answer.content
    assert b"Received-Content-MIC" not in answer.content, "a hash would prove that we took it"
    told = said(world, other, answer)
    assert (told.taken, told.modifier) == (False, "unexpected-processing-error")
    assert "came before with other content" in told.text
    world.drain()
    assert counts(world) == (2, 1)
    kept = world.one("SELECT * FROM message WHERE state = 'quarantined'")
    assert (bytes(kept.body), kept.source_id) == (json.dumps(order("PO-2")).encode(), "<po-1@acme>")
    assert kept.error["code"] == "AS2-AGAIN-409"
    case = world.one("SELECT * FROM exception_case WHERE code = 'MSG-QUARANTINE-422'")
    assert (case.state, case.evidence["code"]) == ("open", "AS2-AGAIN-409")
    assert world.one("SELECT subject_id FROM case_member WHERE case_id = :c", c=case.id).subject_id == kept.id
    # Sent once more it is the same refusal, and kept once; the first content is a duplicate as ever.
    assert not said(world, other, post(world, other)).taken
    assert said(world, out, post(world, out)).modifier == "duplicate-document"
    assert counts(world) == (2, 1)
    with world.store.begin() as unit:
        replay_message(unit, kept.id)
    world.drain()
    assert counts(world) == (2, 2)
    assert world.one("SELECT state FROM exception_case WHERE id = :c", c=case.id).state != "open"


def test_s3_other_content_under_a_known_name_is_refused_by_status_where_no_receipt_is_wanted(world: Pair) -> None:
    post(world, written(world, message_id="<po-1@acme>", receipt="none"))
    other = written(world, json.dumps(order("PO-2")).encode(), message_id="<po-1@acme>", receipt="none")
    answer = post(world, other)
    assert (answer.status_code, "came before with other content" in answer.text) == (409, True)
    assert world.one("SELECT count(*) AS n FROM message WHERE state = 'quarantined'").n == 1


def test_s3_names_are_kept_for_longer_than_a_year(world: Pair) -> None:
    out = written(world)
    post(world, out)
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE message SET received_at = received_at - interval '13 months'"))
        from core.jobs.schedule import forget_old

        forget_old(unit)
    assert said(world, out, post(world, out)).modifier == "duplicate-document"


def test_s4_an_asynchronous_receipt_goes_to_the_address_of_the_profile_alone(world: Pair) -> None:
    elsewhere: dict[str, Any] = {"receipt": "async", "receipt_url": "http://127.0.0.1:9/steal"}
    out = written(world, **elsewhere)
    refused = post(world, out)
    assert (refused.status_code, refused.json()["code"]) == (403, "AS2-RECEIPT-403")
    assert counts(world) == (0, 0)
    world.change("here", their_receipt_url=f"{world.url}/webhooks/there")
    assert (post(world, out).status_code, counts(world)[0]) == (200, 1)
    assert "127.0.0.1:9" not in json.dumps(world.one("SELECT payload FROM delivery").payload)
    transport = transport_of(
        settings_of(OURS, THEIRS, ("crossdock", "Acme B2B"), "http://127.0.0.1:9/", their_receipt_url=world.url),
        {"as2_keys": pem(OURS)[1].decode()},
    )
    with pytest.raises(Exception, match="may not be called"):
        transport.http.request("POST", "http://127.0.0.1:10/", verb="x", write=True)


def test_s5_what_unpacks_beyond_the_limit_is_refused_with_the_right_words(world: Pair) -> None:
    world.change("here", max_bytes=100_000)
    out = written(world, b"\0" * 5_000_000, compress=True)
    assert len(out.body) < 50_000
    assert said(world, out, post(world, out)).modifier == "decompression-failed"
    assert counts(world) == (0, 0)


def test_s5_a_call_that_is_too_large_is_refused_by_its_length(world: Pair) -> None:
    out = written(world)
    large = message.Outgoing(out.message_id, out.headers, b"\0" * (LIMIT + 1), out.mic, out.mic_algorithm)
    assert post(world, large).status_code == 413
    assert counts(world) == (0, 0)


def test_s6_a_partner_changes_his_certificate_without_a_gap(world: Pair) -> None:
    old, new = THEIRS, identity("acme", **LONG, serial=7)
    world.change("here", their_certificates=[pem(old)[0].decode(), pem(new)[0].decode()])
    for number, signer in enumerate((old, new)):
        profile = acme(world)
        turned = message.write(
            json.dumps(order(f"PO-{number}")).encode(),
            Profile(profile.ours, profile.theirs, [signer], profile.certificates),
            datetime.now(UTC),
        )
        assert said(world, turned, post(world, turned)).modifier is None
    world.drain()
    assert counts(world) == (2, 2)


@pytest.mark.parametrize("switched", [False, True])
def test_s6_our_files_arrive_before_and_after_the_partner_changes_to_his_new_certificate(
    world: Pair, switched: bool
) -> None:
    """Of two, his station has the one; the other is the older one once he has changed."""
    other = identity("acme", begins=-3_000 if switched else -10, ends=20_000, serial=8)
    world.change("here", their_certificates=[pem(other)[0].decode(), pem(THEIRS)[0].decode()])
    delivery = world.send()
    assert world.one("SELECT state FROM delivery WHERE id = :d", d=delivery).state == "delivered"
    assert world.one("SELECT state FROM transport_receipt").state == "received"
    assert world.one("SELECT count(*) AS n FROM message").n == 1
    refused = world.rows("SELECT evidence FROM exception_case WHERE code = 'TRADE-CALL-400'")
    assert [each.evidence["modifier"] for each in refused] == (["decryption-failed"] if switched else [])


def asynchronous(world: Pair, *certificates: Any) -> None:
    """Have `there` answer by calls of its own, and `here` know these certificates of it."""
    known = [pem(each)[0].decode() for each in certificates]
    world.change("here", their_certificates=known, receipt="async", receipt_url=f"{world.url}/webhooks/here")
    world.change("there", their_receipt_url=f"{world.url}/webhooks/here")


def test_s6_a_file_refused_as_unreadable_by_a_receipt_that_comes_by_itself_is_posted_for_the_next_certificate(
    world: Pair,
) -> None:
    asynchronous(world, identity("acme", begins=-3_000, ends=20_000, serial=8), THEIRS)
    delivery = world.send()
    assert world.deliver(world.there) == 1
    world.drain()
    row = world.one("SELECT * FROM transport_receipt")
    assert (row.state, row.due_at) == ("pending", None), "a proof that overtakes our books finds it waiting"
    assert world.one("SELECT state FROM delivery WHERE id = :d", d=delivery).state == "due"
    told = world.one("SELECT data FROM event WHERE type = 'delivery.unread' AND subject_id = :d", d=delivery).data
    assert told == {"message_id": row.message_id, "certificate": 2, "certificates": 2}
    assert world.deliver(world.here) == 1
    assert world.one("SELECT due_at FROM transport_receipt").due_at is not None
    assert world.deliver(world.there) == 1
    world.drain()
    assert world.one("SELECT state FROM transport_receipt").state == "received"
    assert world.one("SELECT state FROM delivery WHERE id = :d", d=delivery).state == "delivered"
    (taken,) = world.rows("SELECT source_id FROM message WHERE topic <> 'transport.receipt'")
    assert taken.source_id == row.message_id
    assert not world.rows("SELECT 1 FROM exception_case WHERE code LIKE 'TRADE-RECEIPT%'")


def test_s6_a_file_that_no_certificate_makes_readable_is_posted_once_for_each_and_then_told_of(world: Pair) -> None:
    others = [identity("acme", begins=-3_000, ends=20_000, serial=serial) for serial in (8, 9)]
    # `there` signs by the one that `here` knows it by, and cannot read either.
    asynchronous(world, *others)
    world.change("here", receipt_signed=False)
    delivery = world.send()
    for _ in range(3):
        world.deliver(world.there)
        world.drain()
        world.deliver(world.here)
    assert world.one("SELECT state FROM transport_receipt").state == "refused"
    case = world.one("SELECT evidence FROM exception_case WHERE code = 'TRADE-RECEIPT-422'")
    assert case.evidence["modifier"] == "decryption-failed"
    assert world.one("SELECT count(*) AS n FROM attempt WHERE delivery_id = :d", d=delivery).n == 2
    # Should a proof come after all, it counts.
    row = world.one("SELECT * FROM transport_receipt")
    proof = {"message_id": row.message_id, "taken": True, "mic": row.mic, "mic_algorithm": row.mic_algorithm}
    with world.store.begin() as unit:
        assert transport_receipts.settle(unit, world.here, proof)[1:] == ("applied", "received")
    assert world.one("SELECT state FROM transport_receipt").state == "received"
    assert world.one("SELECT state FROM exception_case WHERE code = 'TRADE-RECEIPT-422'").state == "superseded"


def test_s6_the_end_of_a_certificate_is_told_at_60_30_and_7_days(world: Pair) -> None:
    def watch(days: float) -> int:
        with world.store.begin() as unit:
            unit.began = THEIRS.certificate.not_valid_after_utc - timedelta(days=days)
            return watch_certificates(world.hub, unit)

    def open_(name: str) -> list[str]:
        rows = world.rows(
            "SELECT e.evidence FROM exception_case e JOIN connection c ON c.id = e.connection_id"
            " WHERE e.code = 'CONN-CERTIFICATE-001' AND e.state = 'open' AND c.name = :n", n=name,
        )  # fmt: skip
        return sorted(f"{row.evidence['whose']} {row.evidence['days']}" for row in rows)

    assert (watch(61), open_("here")) == (0, [])
    assert watch(59.5) == 4
    assert open_("here") == ["Acme B2B 60", "crossdock 60"]
    assert watch(40) == 0, "the same stage is told once"
    assert watch(29) == 4
    assert open_("here") == ["Acme B2B 30", "crossdock 30"]
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE exception_case SET state = 'resolved' WHERE state = 'open'"))
    assert (watch(28), open_("here")) == (0, []), "what a person closed stays closed"
    assert watch(6) == 4
    assert watch(-1) == 0
    follower = identity("acme", begins=-10, ends=29_000, serial=9)
    world.change("here", their_certificates=[pem(THEIRS)[0].decode(), pem(follower)[0].decode()])
    assert (watch(5), open_("here")) == (0, ["crossdock 7"])


def test_s7_less_security_than_agreed_is_refused_in_the_words_of_the_standard(world: Pair) -> None:
    lesses: tuple[dict[str, Any], ...] = ({"sign": None}, {"encrypt": None})
    for less in lesses:
        out = written(world, **less)
        assert said(world, out, post(world, out)).modifier == "insufficient-message-security"
    assert counts(world) == (0, 0)


def test_strangers_get_no_receipt(world: Pair) -> None:
    out = written(world)
    out.headers["AS2-From"] = "mallory"
    answer = post(world, out)
    assert (answer.status_code, answer.json()["code"]) == (403, "AS2-NAMES-403")
    del out.headers["AS2-From"]
    assert post(world, out).status_code == 403
    assert post(world, out, "nobody").status_code == 404
    assert counts(world) == (0, 0)


def test_a_message_without_a_name_or_without_a_wish_for_a_receipt(world: Pair) -> None:
    out = written(world, receipt="none")
    assert (post(world, out).status_code, post(world, out).content) == (200, b"")
    assert counts(world)[0] == 1
    broken = message.Outgoing(out.message_id, out.headers, out.body[:-9], out.mic, out.mic_algorithm)
    broken.headers["Message-ID"] = "<another@acme>"
    refused = post(world, broken)
    assert (refused.status_code, refused.json()["code"]) == (400, "AS2-MESSAGE-400")
    del broken.headers["Message-ID"]
    assert post(world, broken).status_code == 400
    assert counts(world)[0] == 1


def test_a_lost_answer_is_asked_for_again_under_the_same_name(world: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    true = receipt.write
    tries: list[str] = []

    def once(found: Any, *given: Any, **more: Any) -> Any:
        tries.append(found.message_id)
        if len(tries) == 1:
            raise RuntimeError("the answer is lost")
        return true(found, *given, **more)

    monkeypatch.setattr("connectors.edi.transports.as2.receipt.write", once)
    delivery = world.send()
    while world.one("SELECT state FROM delivery WHERE id = :d", d=delivery).state != "delivered":
        with world.store.begin() as unit:
            unit.conn.execute(text("UPDATE delivery SET run_at = clock_timestamp()"))
            unit.conn.execute(text("UPDATE connection SET paused_until = NULL"))
        assert world.deliver(world.here) == 1
    assert len(tries) == 2
    assert len(set(tries)) == 1
    assert counts(world)[0] == 1
    assert world.one("SELECT state FROM transport_receipt").state == "received"


@pytest.mark.parametrize(
    ("there", "word"),
    [({"their_certificates": [pem(identity("mallory", **LONG))[0].decode()]}, "authentication-failed")],
)
def test_a_file_the_partner_refuses_is_dead_with_his_words(world: Pair, there: dict[str, Any], word: str) -> None:
    world.change("there", **there)
    delivery = world.send()
    row = world.one("SELECT * FROM delivery WHERE id = :d", d=delivery)
    assert (row.state, row.error["code"], row.error["data"]["modifier"]) == ("dead", "AS2-REFUSED-422", word)
    assert world.rows("SELECT 1 FROM transport_receipt") == []


def test_keys_are_in_no_log_of_an_exchange(world: Pair) -> None:
    world.send()
    kept = json.dumps([row.exchanges for row in world.rows("SELECT exchanges FROM attempt")])
    secret = base64.b64encode(pem(OURS)[1]).decode()[:40]
    assert "multipart" in kept or "pkcs7" in kept
    assert secret not in kept
    assert "PRIVATE KEY" not in kept
