"""AS2 calls that are refused are seen by people: one case for each sender and reason, counted, whatever comes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from connectors.edi.as2 import message, receipt
from core.errors import Refused
from core.services.call_alarms import MOST_SENDERS
from core.store.unit import Store
from tests.connectors.edi.as2_world import LONG, Pair, pair
from tests.connectors.edi.keys import identity, pem
from tests.connectors.edi.test_as2_door import acme, counts, post, written
from webhooks.refusals import AGAIN_SECONDS, MOST_KINDS, Refusals


@pytest.fixture
def world(store: Store) -> Iterator[Pair]:
    with pair(store) as found:
        yield found


def cases(world: Pair) -> list[Any]:
    return world.rows("SELECT title, sentence, evidence, state FROM exception_case WHERE code = 'TRADE-CALL-400'")


def test_wrong_names_open_one_case_for_each_sender_and_few_in_all(world: Pair) -> None:
    out = written(world)
    for _ in range(3):
        out.headers["AS2-To"] = "Crossdock"
        assert post(world, out).status_code == 403
    [case] = cases(world)
    assert case.evidence["modifier"] == "unknown-names"
    assert case.evidence["count"] == 2  # told of the first, and when they had doubled
    assert "It is from 'Acme B2B' to 'Crossdock'" in case.sentence
    for number in range(18):
        out.headers["AS2-From"] = f"mallory {number}"
        assert post(world, out).status_code == 403
    assert len(cases(world)) == MOST_SENDERS + 1
    assert counts(world) == (0, 0)
    assert sorted(each.evidence["count"] for each in cases(world))[-1] == 18 - (MOST_SENDERS - 1)


def test_a_call_that_names_nobody_is_no_case(world: Pair) -> None:
    out = written(world)
    del out.headers["AS2-From"], out.headers["AS2-To"]
    assert post(world, out).status_code == 403
    assert cases(world) == []


@pytest.mark.parametrize("wanted", ["sync", "none"])
def test_a_certificate_nobody_knows_is_a_case_with_or_without_a_receipt(world: Pair, wanted: str) -> None:
    mallory = identity("mallory", **LONG)
    world.change("here", their_certificates=[pem(mallory)[0].decode()])
    for _ in range(2):
        answer = post(world, written(world, receipt=wanted))
        assert answer.status_code == (200 if wanted == "sync" else 400)
    [case] = cases(world)
    assert (case.evidence["modifier"], case.evidence["count"]) == ("authentication-failed", 2)
    assert "a certificate that its partner's profile does not hold" in case.sentence
    assert counts(world) == (0, 0)


def test_content_that_was_changed_on_the_way_is_a_case(world: Pair) -> None:
    # Signed, and not encrypted, so that it can be changed.
    world.change("here", require_encrypted=False)
    out = written(world, encrypt=None, receipt="none")
    body = out.body.replace(b"PO-1", b"PO-2")
    changed = message.Outgoing(out.message_id, out.headers, body, out.mic, out.mic_algorithm)
    assert post(world, changed).status_code == 400
    [case] = cases(world)
    assert case.evidence["modifier"] == "integrity-check-failed"


def test_a_receipt_that_proves_nothing_is_a_case(world: Pair) -> None:
    found = message.begin({"Message-ID": "<1@crossdock>", "Disposition-Notification-To": "x"})
    headers, body = receipt.write(found, acme(world), datetime.now(UTC))
    answer = post(world, message.Outgoing("<1@crossdock>", headers, body, b"", "sha256"))
    assert answer.status_code == 400  # unsigned
    [case] = cases(world)
    assert case.evidence["modifier"] == "insufficient-message-security"


def test_a_flood_is_told_a_few_times() -> None:
    now = 0.0
    refusals = Refusals(lambda: now)
    error = Refused("No.", modifier="unknown-names", sender="mallory")
    told = [refusals.due(UUID(int=1), error) for _ in range(10_000)]
    assert sum(each > 0 for each in told) == 14
    assert sum(told) == 8192
    now = AGAIN_SECONDS
    assert refusals.due(UUID(int=1), error) == 10_001 - 8192
    invented = [Refused("No.", modifier="unknown-names", sender=str(number)) for number in range(10_000)]
    assert sum(refusals.due(UUID(int=1), each) > 0 for each in invented) < 40
    for number in range(MOST_KINDS * 3):
        refusals.due(UUID(int=number), error)
    assert len(refusals._tallies) <= MOST_KINDS
