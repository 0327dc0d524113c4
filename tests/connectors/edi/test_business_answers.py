"""What became of the content of a partner's document is told him, where his profile asks for it."""

from pathlib import Path
from typing import Any

import pytest

from connectors.edi.inbound import segments_of
from core.services.replaying import replay_message
from core.store.unit import Store
from mappings.edi.acks.business import business_answer
from mappings.edi.acks.judging import judge
from tests.connectors.edi.partner_world import EdiWorld, order, x12
from tests.connectors.edi.test_partner import EDIFACT, ORDERS
from tests.connectors.edi.warehouse_world import WarehouseWorld

X12 = [{"in": "850", "map": "x12/850.004010"}, {"out": "855", "map": "x12/855.004010"}]
NONSENSE = ["W06*F*F-NONE*20260302*SHP-1", "N1*WH*Depot", "LX*1", "W12*CC*3*2**EA**VN*A", "W03*3"]


def partner(store: Store, root: Path, policy: str, **profile: Any) -> EdiWorld:
    world = EdiWorld(store, root, **{"documents": X12, **profile, "acks": {"send": {"business": policy}}})
    return world


def answers(world: EdiWorld, kind: str) -> list[Any]:
    """Deliver what is due, judge it as the partner would, and return what the answers of a kind say."""
    found = []
    for body in world.sent():
        for judged in judge(body):
            assert judged.findings.rejected is False
            for message in judged.findings.messages():
                assert message.accepted, message.problems
                if message.kind == kind:
                    found += business_answer(kind, segments_of(judged.bodies[message.position]))
    return found


def test_an_applied_850_is_answered_by_an_824(store: Store, tmp_path: Path) -> None:
    world = partner(store, tmp_path / "acme", "always")
    world.drop(x12(order("PO-1")))
    [said] = answers(world, "824")
    assert (said.verdict, said.number, said.kind, said.reasons) == ("accepted", "PO-1", "850", [])


def test_a_945_that_waits_in_quarantine_is_refused_by_an_824_with_the_reason(store: Store, tmp_path: Path) -> None:
    world = WarehouseWorld(store, tmp_path / "depot", acks={"send": {"business": "on_error"}})
    world.tell("945", *NONSENSE)
    [body] = [each for each in world.sent() if b"ST*824*" in each]
    texts = body.decode().rstrip("~").split("~")
    told = [each for each in texts if each.startswith(("OTI", "TED", "NTE"))]
    assert told[0].startswith("OTI*TR*TN*F-NONE*****1*0001*945")
    assert told[1] == "TED*ZZZ*MAP-TOTAL-422"
    assert told[2] == "NTE*ERN*The message states 3 units in all, its lines come to 2."


def test_the_words_of_an_824_stand_with_its_reasons() -> None:
    def said(*inner: str) -> list[Any]:
        body = x12("~".join(["ST*824*0001", "BGN*11*9*20260301", *inner, f"SE*{len(inner) + 3}*0001~"]))
        return [each.reasons for each in business_answer("824", segments_of(body))]

    refused = "OTI*TR*TN*9001*******855"
    assert said(
        refused,
        "TED*024*PO number not valid*****19.90",
        "NTE*ERR*We never",
        "NTE*ERR*ordered this",
        "TED*007*Price differs",
        "OTI*TA*TN*9002*******855",
        "NTE*GEN*Thank you",
    ) == [
        [
            {"code": "024", "text": "PO number not valid (19.90): We never ordered this"},
            {"code": "007", "text": "Price differs"},
        ],
        [{"code": "GEN", "text": "Thank you"}],
    ]
    many = said(refused, "TED*024*No", *(["NTE*ERR*more"] * 150))
    assert many == [[{"code": "024", "text": "No: " + " ".join(["more"] * 100)}]]


def test_only_what_is_refused_is_answered_on_error_and_nothing_by_default(store: Store, tmp_path: Path) -> None:
    world = partner(store, tmp_path / "acme", "on_error")
    world.drop(x12(order("PO-1")))
    assert answers(world, "824") == []
    assert world.all("SELECT id FROM delivery WHERE kind = 'answer_document'") == []


def test_a_test_and_a_repeated_number_are_not_answered_and_a_replay_is(store: Store, tmp_path: Path) -> None:
    world = partner(store, tmp_path / "acme", "always")
    world.drop(x12(order("PO-1"), usage="T"))
    world.drop(x12(order("PO-2"), ref=2, group=8))
    world.drop(x12(order("PO-2", quantity="9"), ref=3, group=9))
    assert [each.number for each in answers(world, "824")] == ["PO-2"]
    message = world.one("SELECT id FROM message WHERE topic = '850' AND state = 'applied'")
    with world.store.begin() as unit:
        replay_message(unit, message.id)
    world.drain()
    after = world.one("SELECT state FROM message WHERE id = :m", m=message.id).state
    assert [each.number for each in answers(world, "824")] == (["PO-2"] if after == "applied" else [])


@pytest.mark.parametrize(("text", "verdict"), [(ORDERS, "accepted"), (ORDERS.replace("CUX+2:EUR:9", "CUX+2:XYZ:9"),
                                                                       "rejected")])  # fmt: skip
def test_edifact_is_answered_by_aperak(store: Store, tmp_path: Path, text: str, verdict: str) -> None:
    world = EdiWorld(store, tmp_path / "acme", **{**EDIFACT, "acks": {"send": {"business": "always"}}})
    world.drop(text.encode())
    [said] = answers(world, "APERAK")
    assert (said.verdict, said.number) == (verdict, "PO-5")
    assert bool(said.reasons) is (verdict == "rejected")
