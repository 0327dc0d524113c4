"""Damaged XML documents: each is taken apart, or refused by a sentence; nothing else is raised."""

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.edi.documents import compared
from connectors.edi.inbound import unpacked
from connectors.edi.profile import read_profile
from core.errors import CrossdockError, MappingError
from mappings.edi.shipped import shipped_map
from mappings.edi.xml.comparing import statements
from mappings.edi.xml.documents import read_document
from mappings.edi.xml.parties import keys_of_document, parties
from tests.connectors.edi.xml_world import (
    CXML_PROFILE,
    UBL_PROFILE,
    cxml_order,
    cxml_status,
    ubl_answer,
    ubl_cancellation,
    ubl_change,
    ubl_order,
    ubl_receipt,
)

EXAMPLES = int(os.environ.get("CROSSDOCK_ROUND_TRIPS", "150"))
SAMPLES = [
    ubl_order("PO-1"), ubl_change("PO-1", "CH-1", quantity="2"), ubl_cancellation("PO-1", "CA-1"),
    ubl_receipt("RA-1", "PO-1", "S-1"), ubl_answer("R-1", "RE", said="no"), cxml_order("PO-1"),
    cxml_status("s", "1.ACME@HUB", "450", "no"),
]  # fmt: skip
PIECES = [
    b"<", b">", b"&", b"&amp;", b"&#0;", b"<![CDATA[", b"]]>", b"<!--", b"<?x?>", b"\x00", b"\xff\xfe", b"<a/>",
    b"</a>", b"xmlns:cbc=''", b"<cbc:ID/>", b"-", b"", b"9" * 40, b"<!DOCTYPE a>", b"\xef\xbb\xbf", "ü".encode(),
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    body = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(body)))
        end = min(len(body), begin + draw(st.sampled_from([0, 1, 5, 60, 400])))
        body = body[:begin] + draw(st.sampled_from(PIECES)) + body[end:]
    return body


@pytest.mark.parametrize("given_profile", [UBL_PROFILE, CXML_PROFILE])
def test_a_damaged_document_is_taken_apart_or_refused_by_a_sentence(given_profile: dict[str, Any]) -> None:
    profile = read_profile({**given_profile, "transport": {"kind": "folder"}}, "acme")

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 1000)
    @given(damaged())
    def holds(body: bytes) -> None:
        said: list[str] = []
        try:
            for interchange in unpacked(body, profile):
                assert interchange.reference
                for document in interchange.documents:
                    assert document.accepted or document.problems
        except MappingError as error:
            said += [error.what, error.fix or ""]
        found = read_document(body)
        parties(found)
        keys_of_document(found)
        if found.root is not None:
            statements(found.root)
        row = next((each for each in profile.documents if each.kind == found.type), None)
        if row is not None and found.root is not None:
            try:
                compared(row, shipped_map(row.map), body, profile)
            except CrossdockError as error:
                said.append(error.what)
        assert all(said)

    holds()
