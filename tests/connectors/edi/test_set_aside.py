"""A document whose syntax was acknowledged and whose content cannot be taken: what is said of it, and the ways out."""

from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.services.actions import apply_case
from core.services.correcting import correct_message
from core.store.read.page import Slice
from core.store.read.partner_list import read_partner
from core.store.read.partners import list_documents
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld, order, x12

# PO102 may be empty by the grammar, and the map needs it.
UNMAPPED = order("PO-1").replace("PO1*1*3*EA*", "PO1*1***")


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    found = EdiWorld(store, tmp_path / "acme")
    found.drop(x12(UNMAPPED))
    [acknowledged] = found.sent()
    assert b"AK9*A*1*1*1" in acknowledged
    return found


def documents(world: EdiWorld, *state: str) -> list[Any]:
    with world.store.read() as conn:
        return list(list_documents(conn, Slice(10), partner="acme", direction="in", state=state).data)


def message(world: EdiWorld) -> Any:
    return world.one("SELECT * FROM message WHERE topic = '850' ORDER BY id LIMIT 1")


def apply(world: EdiWorld, action: str | None = None, **args: str) -> Any:
    case = world.one("SELECT id FROM exception_case WHERE code = 'MSG-QUARANTINE-422'")
    with world.store.begin() as unit:
        return apply_case(unit, world.hub.facts.get(unit.conn, 1), world.hub.connectors, case.id, args, action)


def test_nowhere_does_it_pass_for_accepted(world: EdiWorld) -> None:
    assert [(each["state"], each["message_state"]) for each in documents(world)] == [("quarantined", "quarantined")]
    assert (len(documents(world, "quarantined")), documents(world, "taken")) == (1, [])
    with world.store.read() as conn:
        shown = read_partner(conn, "acme")
    assert (shown["came"], shown["set_aside"], shown["refused"]) == (1, 1, 0)
    case = world.one("SELECT sentence, alternatives FROM exception_case WHERE code = 'MSG-QUARANTINE-422'")
    assert "nothing of its content is accepted, and the partner does not know" in case.sentence
    assert [each["action"] for each in case.alternatives] == ["reject_documents", "discard_messages"]


def test_it_is_refused_to_the_partner_with_an_824(world: EdiWorld) -> None:
    with pytest.raises(InputError) as lacking:
        apply(world, "reject_documents")
    assert lacking.value.error_code == "CASE-ARGS-422"
    assert "`--action reject_documents --set reason=…`" in str(lacking.value)
    assert apply(world, "reject_documents", reason="PO102 is missing")["done"] == 1
    [answer] = world.sent()
    assert b"OTI*TR*TN*PO-1" in answer
    assert b"PO102 is missing" in answer
    [row] = documents(world)
    assert (row["state"], row["problems"][0]["text"]) == ("refused", "PO102 is missing")
    assert message(world).state == "discarded"
    assert world.cases() == []


def test_it_is_left_undone_for_a_reason(world: EdiWorld) -> None:
    assert apply(world, "discard_messages", reason="he sends it anew")["done"] == 1
    assert (message(world).state, message(world).outcome) == ("discarded", "he sends it anew")
    assert [each["state"] for each in documents(world)] == ["discarded"]
    assert (world.sent(), world.cases()) == ([], [])


def test_it_is_corrected_and_the_document_goes_on_with_the_edition(world: EdiWorld) -> None:
    before = message(world)
    mended = bytes(before.body).replace(b"PO1*1***", b"PO1*1*4*EA*")
    with world.store.begin() as unit:
        edition = correct_message(unit, before.id, mended)
    world.drain()
    assert world.one("SELECT quantity FROM order_line").quantity == 4
    [row] = documents(world)
    assert (row["state"], row["message_state"], row["message"]) == ("taken", "applied", f"msg_{edition.hex}")
    assert (message(world).state, bytes(message(world).body)) == ("discarded", bytes(before.body))
    assert world.cases() == []


def test_a_correction_that_corrects_nothing_is_refused(world: EdiWorld) -> None:
    with pytest.raises(InputError) as same, world.store.begin() as unit:
        correct_message(unit, message(world).id, bytes(message(world).body))
    assert same.value.error_code == "MSG-EDIT-422"
    assert message(world).state == "quarantined"
