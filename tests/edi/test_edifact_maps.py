"""The shipped EDIFACT maps: what is written is read as it was, in both directories, and nothing is left out."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.payloads import jsonable
from mappings.edi.shipped import shipped_map
from tests.edi.canonical_documents import (
    TRIED,
    despatch_advices,
    invoices,
    meant,
    order_responses,
    orders,
)

VERSIONS = ["D96A", "D01B"]
WAYS: list[tuple[str, str, Callable[[], st.SearchStrategy[Any]]]] = [
    ("orders", "order", orders),
    ("ordrsp", "order_response", order_responses),
    ("desadv", "despatch_advice", despatch_advices),
    ("invoic", "invoice", invoices),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "kind", "made"), WAYS, ids=[each[0] for each in WAYS])
def test_what_is_written_is_read_as_it_was(
    name: str, kind: str, made: Callable[[], st.SearchStrategy[Any]], version: str
) -> None:
    chosen = shipped_map(f"edifact/{name}.{version}")

    @TRIED
    @given(made())
    def round_trip(document: dict[str, Any]) -> None:
        body = jsonable(document)
        assert chosen.unwritten(body) == []
        message = chosen.write(body)
        assert chosen.unmapped(message) == []
        assert meant(kind, jsonable(chosen.read(message).canonical)) == meant(kind, body)

    round_trip()
