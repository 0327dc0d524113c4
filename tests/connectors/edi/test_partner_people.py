"""What people are told of a partner's files nobody can work on, and what they decide of those that were set aside."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from core.errors import Conflict, MappingError
from core.services.actions import apply_case
from core.services.agreements import set_terms
from core.services.edi_deciding import refuse_for_good, take_anyway
from core.store.read.partners import read_interchange
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld, order, x12
from tests.connectors.edi.test_partner import ORDERS, answer, numbers, response, texts
from tests.core.trade_world import TERMS


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    return EdiWorld(store, tmp_path / "acme")


def case(world: EdiWorld, code: str) -> Any:
    found = world.all("SELECT title, sentence, state FROM exception_case WHERE code = :c", c=code)
    assert len(found) == 1, [each.title for each in found]
    return found[0]


def take(world: EdiWorld, interchange_id: UUID) -> int:
    with world.store.begin(actor="mira@example.com") as unit:
        facts = world.hub.facts.get(unit.conn, unit.tenant)
        return take_anyway(unit, facts, world.partners, world.hub.box, interchange_id)


def test_an_answer_to_a_group_that_never_left_is_told(world: EdiWorld) -> None:
    world.drop(answer("4711", "AK5*A", "AK9*A*1*1*1"))
    found = case(world, "EDI-STRAY-404")
    assert found.title == "acme answers what was never sent"
    assert "has 997 for group 4711 message 0001" in found.sentence
    [message] = world.all("SELECT outcome FROM message WHERE topic = 'interchange'")
    assert message.outcome.startswith("1 interchanges, 1 messages; 997 for group 4711")


def test_an_answer_to_what_was_sent_anew_since_is_no_stray(world: EdiWorld) -> None:
    body = response(world)
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE edi_document SET state = 'replaced' WHERE kind = '855'")
    world.drop(answer(body[1].split("*")[6], "AK5*A", "AK9*A*1*1*1"))
    assert "EDI-STRAY-404" not in world.cases()


def test_a_strangers_files_are_one_case(world: EdiWorld) -> None:
    for ref in (1, 2):
        world.drop(x12(order("PO-1"), ref=ref).replace(b"ACME           ", b"OTHER          "))
    found = case(world, "EDI-REJECTED-422")
    assert found.title == "acme sent interchange 000000001 of ZZ:OTHER, which cannot be taken"
    assert "The sender 'OTHER' is not the partner's id" in found.sentence
    assert numbers(world) == []


@pytest.mark.parametrize("syntax", ["x12", "edifact"])
def test_an_id_under_another_qualifier_is_another_partner(world: EdiWorld, syntax: str) -> None:
    def body(qualifier: str, ref: int) -> bytes:
        if syntax == "x12":
            return x12(order("PO-5"), ref=ref).replace(b"*ZZ*ACME", f"*{qualifier}*ACME".encode(), 1)
        said = f"ACME:{qualifier}" if qualifier else "ACME"
        return ORDERS.replace("ACME:ZZ", said).replace("+77'", f"+{ref}'").encode()

    world.drop(body("14", 1))
    found = case(world, "EDI-REJECTED-422")
    assert "The sender 'ACME' has the qualifier '14', agreed is 'ZZ'" in found.sentence
    assert numbers(world) == []
    # A partner who is known by both says so, and EDIFACT need not say one.
    if syntax == "edifact":
        world.drop(body("", 2))
    else:
        theirs = {"id": "ACME", "qualifier": "ZZ", "also": ["ACME"]}
        world.change(identifiers={"ours": {"id": "HUB", "qualifier": "ZZ"}, "theirs": theirs})
        world.drop(body("14", 3))
    assert numbers(world) == ["PO-5"]


def test_a_refused_document_is_told_until_it_comes_again_and_is_right(world: EdiWorld) -> None:
    world.drop(x12(order("PO-1"), order("PO-2", st="0002", count=99)))
    found = case(world, "EDI-REJECTED-422")
    assert found.title == "acme sent 850 PO-2, which cannot be taken"
    assert "850 PO-2: SE01 states 99 segments, but 8 came" in found.sentence
    world.drop(x12(order("PO-2"), ref=2))
    assert case(world, "EDI-REJECTED-422").state == "superseded"
    assert numbers(world) == ["PO-1", "PO-2"]


def test_a_test_that_is_wrong_is_no_case(world: EdiWorld) -> None:
    world.drop(x12(order("PO-2", count=99), usage="T"))
    assert world.cases() == []


@pytest.mark.parametrize(("ack", "told"), [("1", "The acknowledgement tells the partner so."), ("0", "was not told")])
def test_d1_the_exception_says_whether_the_partner_was_told(world: EdiWorld, ack: str, told: str) -> None:
    world.drop(x12(order("PO-1"), ack=ack))
    world.sent()
    world.drop(x12(order("PO-9"), ack=ack))
    assert len(world.sent()) == (1 if ack == "1" else 0)
    assert told in case(world, "EDI-DUPLICATE-409").sentence
    [way] = world.all("SELECT recommended ->> 'label' AS label FROM exception_case WHERE code = 'EDI-DUPLICATE-409'")
    [aside] = world.all("SELECT id FROM interchange WHERE duplicate_of IS NOT NULL")
    assert way.label.endswith(f"take it: crossdock partner take ich_{aside.id.hex}")


def test_d1_what_was_set_aside_is_taken_by_a_person(world: EdiWorld) -> None:
    world.drop(x12(order("PO-1")))
    world.sent()
    world.drop(x12(order("PO-1", quantity="5"), order("PO-9", st="0002")))
    world.sent()
    aside = world.one("SELECT id FROM interchange WHERE state = 'quarantined'").id
    assert take(world, aside) == 2
    world.drain()
    # The number that came before is still no second order.
    assert numbers(world) == ["PO-1", "PO-9"]
    assert case(world, "EDI-DUPLICATE-409").state == "superseded"
    [said] = texts(world.sent())
    assert [each for each in said if each.startswith("AK9")] == ["AK9*A*2*2*2"]
    row = world.one("SELECT state, answered_at FROM interchange WHERE id = :i", i=aside)
    assert (row.state, row.answered_at is not None) == ("taken", True)
    with pytest.raises(Conflict, match="is taken; there is nothing to decide"):
        take(world, aside)


def test_d1_what_was_set_aside_is_refused_for_good(world: EdiWorld) -> None:
    world.drop(x12(order("PO-1")))
    world.drop(x12(order("PO-9")))
    aside = world.one("SELECT id FROM interchange WHERE state = 'quarantined'").id
    with world.store.begin() as unit:
        refuse_for_good(unit, aside)
    assert world.one("SELECT state FROM interchange WHERE id = :i", i=aside).state == "refused"
    assert case(world, "EDI-DUPLICATE-409").state == "superseded"
    with pytest.raises(Conflict):
        take(world, aside)
    assert numbers(world) == ["PO-1"]


def test_what_is_refused_as_a_whole_by_now_is_not_taken(world: EdiWorld) -> None:
    world.drop(x12(order("PO-1")))
    world.drop(x12(order("PO-9")))
    aside = world.one("SELECT id FROM interchange WHERE state = 'quarantined'").id
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql(
            """UPDATE connection SET version = version + 1, settings = jsonb_set(settings::jsonb,
               '{identifiers,theirs,id}', '"OTHER"')::json WHERE name = 'acme'"""
        )
    with pytest.raises(MappingError, match="refused as a whole"):
        take(world, aside)
    assert world.one("SELECT state FROM interchange WHERE id = :i", i=aside).state == "quarantined"
    assert numbers(world) == ["PO-1"]


def test_an_interchange_says_when_and_by_which_it_was_acknowledged(world: EdiWorld) -> None:
    body = response(world)
    world.drop(answer(body[1].split("*")[6], "AK5*A", "AK9*A*1*1*1"))
    with world.store.read() as conn:
        rows = {
            row.reference: read_interchange(conn, row.id)
            for row in world.all("SELECT id, reference FROM interchange WHERE direction = 'out'")
        }
        [paper] = [each for each in rows.values() if each["documents"][0]["kind"] == "855"]
        heard = read_interchange(conn, UUID(re.sub("^ich_", "", paper["answered_by"])))
        [own] = world.all("SELECT id FROM interchange WHERE direction = 'in' AND sender = 'ZZ:ACME' AND reference = :r",
                          r="000000001")  # fmt: skip
        ours = read_interchange(conn, own.id)
    assert paper["answered_at"] is not None
    assert [each["kind"] for each in heard["documents"]] == ["997"]
    # And the partner's, by ours.
    assert [each["kind"] for each in rows["000000001"]["documents"]] == ["997"]
    assert ours["answered_by"] == rows["000000001"]["id"]


def test_a_paper_that_was_not_agreed_is_never_said_to_be_sent(world: EdiWorld) -> None:
    world.drop(x12(order("PO-1")))
    world.settle()
    world.sent()
    world.ship(world.one("SELECT * FROM orders"), tracking_number="K-1")
    world.settle()
    assert world.sent() == []
    rows = world.all("SELECT type, data ->> 'kind' AS kind FROM event WHERE type LIKE 'paper.%' ORDER BY seq")
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.kind, []).append(row.type)
    assert found == {
        "order_response": ["paper.released", "paper.sent"],
        "despatch_advice": ["paper.released", "paper.not_agreed"],
        "invoice": ["paper.released", "paper.not_agreed"],
    }


def test_a_paper_that_was_kept_back_and_not_agreed_cannot_be_sent_from_its_exception(world: EdiWorld) -> None:
    with world.store.begin() as unit:
        set_terms(unit, world.acme, {**TERMS, "rules": [{"check": "gtin_on_every_line", "code": "ITEM-01"}]})
    world.drop(x12(order("PO-1")))
    world.settle()
    world.sent()
    world.ship(world.one("SELECT * FROM orders"), tracking_number="K-1")
    world.settle()
    kept = world.one("SELECT * FROM exception_case WHERE code = 'PAPER-RULE-422' AND evidence ->> 'kind' = 'invoice'")
    agreed: list[Any] = [{"in": "850", "map": "850"}, {"out": "855", "map": "855"}]

    def send() -> int:
        with world.store.begin() as unit:
            done: int = apply_case(unit, world.facts, world.hub.connectors, kept.id)["done"]
        return done

    with pytest.raises(Conflict, match="invoice was not agreed with acme") as caught:
        send()
    assert (caught.value.error_code, "add the document to his file" in (caught.value.fix or "")) == (
        "PAPER-AGREED-409", True,
    )  # fmt: skip
    assert world.papers("invoice")[0].state == "kept_back"
    assert world.one("SELECT state FROM exception_case WHERE id = :c", c=kept.id).state == "open"
    assert world.one("SELECT count(*) AS n FROM delivery WHERE kind = 'push_invoice'").n == 0
    world.change(documents=[*agreed, {"out": "810", "map": "x12/810.004010"}])
    assert send() == 1
    assert world.papers("invoice")[0].state == "sent"
