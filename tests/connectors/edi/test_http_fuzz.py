"""Damaged calls of cXML: each is answered by a Response, and no secret is ever among what is kept."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.edi.profile import read_profile
from connectors.edi.transports.cxml_calls import Caller, take_call
from core.ports.connectors import WebhookRequest
from mappings.edi.xml.credentials import has_proofs, without_proofs
from mappings.edi.xml.documents import read_document
from mappings.edi.xml.responses import read_response
from tests.connectors.edi.http_world import proven_order
from tests.connectors.edi.test_xml_fuzz import EXAMPLES, PIECES
from tests.connectors.edi.xml_world import CXML_PROFILE

SECRET = "tell-nobody"
SAMPLE = proven_order("PO-1", secret=SECRET)
PROOFS = [
    b"<SharedSecret>another</SharedSecret>", b"<SharedSecret>", b"</SharedSecret>", b"<SharedSecret/>",
    b"<x:SharedSecret xmlns:x='y'>another</x:SharedSecret>", b"<CredentialMac a='>'>", b"<!-- -->",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    body = draw(st.sampled_from([SAMPLE, SAMPLE.decode().replace("UTF-8", "UTF-16").encode("utf-16")]))
    near = body.find("SharedSecret".encode("utf-16-le" if body[:2] == b"\xff\xfe" else "utf-8"))
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.one_of(st.integers(0, len(body)), st.integers(max(near - 80, 0), near + 80)))
        end = min(len(body), begin + draw(st.sampled_from([0, 0, 1, 5, 60])))
        body = body[:begin] + draw(st.sampled_from(PIECES + PROOFS)) + body[end:]
    return body


def test_a_damaged_call_is_answered_and_no_secret_is_kept_of_it() -> None:
    profile = read_profile({**CXML_PROFILE, "transport": {"kind": "http"}}, "acme")
    caller = Caller(profile, (SECRET,), profile.theirs.every, 100_000)
    kinds = {"content-type": "text/xml"}
    codes = set()

    slow = [HealthCheck.too_slow]

    @settings(max_examples=EXAMPLES * 2, deadline=None, derandomize=EXAMPLES < 1000, suppress_health_check=slow)
    @given(damaged())
    def holds(body: bytes) -> None:
        call = take_call(WebhookRequest(kinds, body, datetime.now(UTC)), caller)
        answer = read_response(call.answer(False).body)
        assert answer is not None
        codes.add(answer.code)
        assert (answer.code == 200) == (call.record is not None)
        assert SECRET not in f"{answer.words}{call.refusal}"
        if call.record is not None:
            assert SECRET.encode() not in call.record.body
            assert SECRET.encode("utf-16-le") not in call.record.body
            assert not has_proofs(read_document(call.record.body).root)
            assert SECRET not in f"{call.record.dedupe_key}{call.record.headers}{call.record.source_id}"

    holds()
    assert {200, 401, 406} <= codes


@pytest.mark.parametrize("around", [b"", b"\xef\xbb\xbf", b"\n \x00", b"\x1a"])
def test_what_is_taken_out_leaves_every_other_byte(around: bytes) -> None:
    body = around + SAMPLE + around.replace(b"\xef\xbb\xbf", b"")
    kept = without_proofs(body)
    assert kept == body.replace(SECRET.encode(), b"")
    assert not has_proofs(read_document(kept).root)
    assert has_proofs(read_document(body).root)
    assert without_proofs(kept) == kept
