"""One trading partner from file to order and back: statements R2, R3, R8, D1, D2, D4, A1, A3, A5 to A7 and P2."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.edi.leaving import Leaving
from connectors.edi.transports.base import Sent
from connectors.edi.transports.folder import FolderTransport
from core.errors import Conflict, InputError, OutcomeUnknown, Rejected
from core.services.edi_resending import send_anew
from core.services.edi_states import watch_answers
from core.services.replaying import replay_message, retry_delivery
from core.store.read.page import Slice
from core.store.read.partners import list_documents
from core.store.read.trade import read_paper
from core.store.unit import Store
from mappings.edi.acks.judging import judge
from tests.connectors.edi.partner_world import EdiWorld, order, x12

OVERDUE = "UPDATE interchange SET answered_at = NULL, answer_due_at = at WHERE direction = 'in'"


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    return EdiWorld(store, tmp_path / "acme")


def texts(bodies: list[bytes]) -> list[list[str]]:
    return [body.decode().rstrip("~").split("~") for body in bodies]


def numbers(world: EdiWorld) -> list[str]:
    return [row.external_id for row in world.all("SELECT external_id FROM orders ORDER BY external_id")]


def test_r2_r3_r8_a1_a_file_becomes_orders_and_is_acknowledged_group_by_group(world: EdiWorld) -> None:
    body = x12(order("PO-1"), order("PO-2", st="0002", count=99), order("PO-3", st="0003")) + x12(order("PO-4"), ref=2)
    world.drop(body)
    assert numbers(world) == ["PO-1", "PO-3", "PO-4"]
    [stored] = world.all("SELECT body, state, outcome FROM message WHERE topic = 'interchange'")
    assert (bytes(stored.body), stored.state, stored.outcome) == (body, "applied", "2 interchanges, 4 messages")
    first, second = texts(world.sent())
    assert [each for each in first if each[:2] == "AK"] == [
        "AK1*PO*7", "AK2*850*0001", "AK5*A", "AK2*850*0002", "AK5*R*4", "AK2*850*0003", "AK5*A", "AK9*P*3*3*2",
    ]  # fmt: skip
    assert [each for each in second if each.startswith("AK9")] == ["AK9*A*1*1*1"]
    # The ids of GS are swapped, and the numbers are ours.
    assert first[1].split("*")[1:4] == ["FA", "HUB", "ACME"]
    assert [each[0].split("*")[13] for each in (first, second)] == ["000000001", "000000002"]
    [refused] = world.all("SELECT number, state, problems FROM edi_document WHERE state = 'refused'")
    assert (refused.number, refused.problems[0]["text"]) == ("PO-2", "SE01 states 99 segments, but 8 came.")


def test_a7_the_acknowledgement_is_owed_for_fifteen_minutes_and_noted_when_it_left(
    world: EdiWorld,
) -> None:
    world.drop(x12(order("PO-1")))
    row = world.one("SELECT i.*, m.received_at FROM interchange i JOIN message m ON m.id = i.message_id")
    assert (row.answer_due_at - row.received_at, row.answered_at) == (timedelta(minutes=15), None)
    world.sent()
    assert world.one("SELECT answered_at FROM interchange WHERE direction = 'in'").answered_at is not None
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql(
            "UPDATE interchange SET answered_at = NULL, answer_due_at = at WHERE messages > 0 AND direction = 'in'"
        )
        assert watch_answers(unit) == 1
        assert watch_answers(unit) == 0
    assert "EDI-OWED-408" in world.cases()


def test_d1_the_same_interchange_again_makes_no_second_order_and_is_acknowledged_alike(world: EdiWorld) -> None:
    world.drop(x12(order("PO-1"), ack="1"))
    [first] = texts(world.sent())
    world.drop(x12(order("PO-1"), ack="1"))
    [again] = texts(world.sent())
    about = ("TA1", "AK")
    assert [each for each in again if each.startswith(about)] == [each for each in first if each.startswith(about)]
    assert [each for each in first if each.startswith("TA1")] == ["TA1*000000001*260301*1200*A*000"]
    assert numbers(world) == ["PO-1"]
    assert [row.state for row in world.all("SELECT state FROM interchange WHERE direction = 'in' ORDER BY at")] == [
        "taken", "repeated",
    ]  # fmt: skip


def test_d1_a3_other_content_under_the_same_number_is_quarantined_and_refused_with_025(world: EdiWorld) -> None:
    world.drop(x12(order("PO-1"), ack="1"))
    world.sent()
    world.drop(x12(order("PO-9"), ack="1"))
    [answer] = texts(world.sent())
    assert answer[1] == "TA1*000000001*260301*1200*R*025"
    assert not [each for each in answer if each.startswith("AK")]
    assert numbers(world) == ["PO-1"]
    assert "EDI-DUPLICATE-409" in world.cases()


def test_d2_an_order_number_that_came_before_is_shown_and_not_created_again(world: EdiWorld) -> None:
    world.drop(x12(order("PO-1")))
    world.drop(x12(order("PO-1", quantity="5"), ref=2, group=8))
    assert numbers(world) == ["PO-1"]
    assert world.one("SELECT sum(quantity) AS n FROM order_line").n == 3
    [row] = world.all("SELECT duplicate_of, message_id FROM edi_document WHERE duplicate_of IS NOT NULL")
    message = world.one("SELECT state, outcome FROM message WHERE id = :m", m=row.message_id)
    assert (message.state, message.outcome.startswith("Order PO-1 came before")) == ("quarantined", True)


def test_d4_a_test_is_read_and_acknowledged_and_never_worked_on(world: EdiWorld) -> None:
    world.drop(x12(order("PO-1"), usage="T"))
    [answer] = texts(world.sent())
    assert answer[0].split("*")[15] == "T"
    assert "AK9*A*1*1*1" in answer
    assert numbers(world) == []
    message = world.one("SELECT state, outcome FROM message WHERE topic = '850'")
    assert (message.state, message.outcome) == ("ignored", "A test: it reads as order, and nothing of it is done.")
    # Not by a replay either.
    message_id = world.one("SELECT id FROM message WHERE topic = '850'").id
    with world.store.begin() as unit:
        replay_message(unit, message_id)
    world.drain()
    assert numbers(world) == []
    # And the same number in earnest is no duplicate of it.
    world.drop(x12(order("PO-1"), ref=1))
    assert numbers(world) == ["PO-1"]


def response(world: EdiWorld) -> list[str]:
    world.drop(x12(order("PO-1")))
    world.sent()
    world.settle()
    [body] = texts(world.sent())
    return body


def test_a5_a_paper_goes_from_sent_to_accepted(world: EdiWorld) -> None:
    body = response(world)
    assert [each.split("*")[0] for each in body] == ["ISA", "GS", "ST", "BAK", "PO1", "CTT", "SE", "GE", "IEA"]
    row = world.one("SELECT * FROM edi_document WHERE kind = '855'")
    assert (row.state, row.due_at - row.sent_at) == ("sent", timedelta(hours=24))
    group, interchange = body[1].split("*")[6], body[0].split("*")[13]
    world.drop(answer(group, "AK5*A", "AK9*A*1*1*1"))
    after = world.one("SELECT * FROM edi_document WHERE kind = '855'")
    assert (after.state, after.due_at, after.accepted_at is not None) == ("accepted", None, True)
    assert world.one("SELECT state FROM paper WHERE kind = 'order_response'").state == "accepted"
    assert interchange == "000000002"
    # A2: what acknowledges is not acknowledged.
    assert world.sent() == []


def test_p2_what_left_is_sent_anew_under_new_numbers_and_stays_in_the_history(world: EdiWorld) -> None:
    first = response(world)
    old = world.one("SELECT id FROM interchange WHERE direction = 'out' AND reference = '000000002'").id
    texts_sent = [first]
    for way, text in (("resend", None), ("edit", "~".join(first).replace("*3*EA", "*2*EA") + "~"), ("remap", None)):
        with world.store.begin() as unit:
            send_anew(unit, world.partners, world.hub.box, old, way, text)
        [body] = texts(world.sent())
        texts_sent.append(body)
        old = world.one("SELECT id FROM interchange WHERE direction = 'out' ORDER BY id DESC LIMIT 1").id
    assert [each[0].split("*")[13] for each in texts_sent] == [f"00000000{n}" for n in (2, 3, 4, 5)]
    bodies = [[one for one in each if one[:3] not in ("ISA", "IEA", "GS*", "GE*")] for each in texts_sent]
    assert bodies[1] == bodies[0] == bodies[3]
    assert [one for one in bodies[2] if one.startswith("PO1")] == ["PO1*1*2*EA*****VP*A".replace("*****", "***")]
    states = world.all("SELECT d.state FROM edi_document d WHERE d.kind = '855' ORDER BY d.id")
    assert [row.state for row in states] == ["replaced", "replaced", "replaced", "sent"]
    with world.store.begin() as unit, pytest.raises(Conflict):
        send_anew(
            unit,
            world.partners,
            world.hub.box,
            world.one("SELECT id FROM interchange WHERE reference = '000000002'").id,
            "resend",
        )
    # The answer to the newest one is that of the paper.
    world.drop(answer(texts_sent[-1][1].split("*")[6], "AK5*A", "AK9*A*1*1*1"))
    assert world.one("SELECT state FROM paper WHERE kind = 'order_response'").state == "accepted"


def left(world: EdiWorld) -> Any:
    """The newest interchange of ours."""
    return world.one("SELECT id, body FROM interchange WHERE direction = 'out' ORDER BY id DESC LIMIT 1")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("ISA*", "IS*", "no interchange"),
        ("BAK*", "BOK*", "855: "),
        ("PO1*1*3*EA", "PO1*1*three*EA", "855: "),
        ("AC*R", "AC*Q", ", where 855 R"),
        ("ST*855*", "ST*810*", ""),
    ],
)
def test_p2_an_edit_that_cannot_leave_is_refused_before_anything_is_written(
    world: EdiWorld, old: str, new: str, why: str
) -> None:
    response(world)
    row = left(world)
    before = [world.all(f"SELECT * FROM {each} ORDER BY id") for each in ("delivery", "paper", "edi_document")]
    text = bytes(row.body).decode()
    assert old in text
    with pytest.raises(InputError) as refused, world.store.begin() as unit:
        send_anew(unit, world.partners, world.hub.box, row.id, "edit", text.replace(old, new))
    assert refused.value.error_code == "EDI-EDIT-422"
    assert why in str(refused.value)
    assert before == [world.all(f"SELECT * FROM {each} ORDER BY id") for each in ("delivery", "paper", "edi_document")]


def test_p2_a_re_send_that_fails_leaves_the_paper_its_first_time_and_the_next_one_carries_it(
    world: EdiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    response(world)
    row, paper_id = left(world), world.one("SELECT id FROM paper").id

    def shown() -> Any:
        with world.store.read() as conn:
            found = read_paper(conn, paper_id)
        return found["state"], found["sent_at"]

    state, first_sent = shown()
    assert (state, first_sent is not None) == ("sent", True)

    def refuse(*_: Any) -> Any:
        raise Rejected("It cannot be packed again.", code="EDI-EDIT-422")

    with monkeypatch.context() as patched:
        patched.setattr(Leaving, "_again", refuse)
        with world.store.begin() as unit:
            send_anew(unit, world.partners, world.hub.box, row.id, "resend")
        assert shown() == ("waiting", first_sent)
        with world.store.begin() as unit, pytest.raises(Conflict, match="is being sent anew"):
            send_anew(unit, world.partners, world.hub.box, row.id, "resend")
        assert world.sent() == []
    assert shown() == ("failed", first_sent)
    with world.store.begin() as unit:
        send_anew(unit, world.partners, world.hub.box, row.id, "resend")
    [body] = texts(world.sent())
    assert shown() == ("sent", first_sent)
    world.drop(answer(body[1].split("*")[6], "AK5*A", "AK9*A*1*1*1"))
    assert shown() == ("accepted", first_sent)


@pytest.mark.parametrize("proof", ["retry", "accepted"])
def test_a5_what_could_not_be_delivered_is_refused_until_it_arrives(
    world: EdiWorld, monkeypatch: pytest.MonkeyPatch, proof: str
) -> None:
    world.drop(x12(order("PO-1")))
    world.sent()
    world.settle()

    def refuse(*_: Any) -> Any:
        raise Rejected("The partner's server does not take the file.")

    with monkeypatch.context() as patched:
        patched.setattr(FolderTransport, "send", refuse)
        assert world.sent() == []
    with world.store.read() as conn:
        [shown] = list_documents(conn, Slice(), state=["refused"]).data
    assert (shown["kind"], shown["sent_at"]) == ("855", None)
    assert shown["problems"] == [
        {"code": "OUT-REJECTED-422", "text": "The partner's server does not take the file.", "undelivered": True}
    ]
    if proof == "retry":
        with world.store.begin() as unit:
            retry_delivery(unit, world.one("SELECT id FROM delivery WHERE state = 'dead'").id)
        assert len(world.sent()) == 1
    else:  # It had arrived all the same.
        body = bytes(left(world).body).decode().split("~")
        world.drop(answer(body[1].split("*")[6], "AK5*A", "AK9*A*1*1*1"))
    row = world.one("SELECT state, problems FROM edi_document WHERE kind = '855'")
    assert (row.state, row.problems) == ("sent" if proof == "retry" else "accepted", [])


def answer(group: str, *segments: str, ref: int = 50) -> bytes:
    inner = f"ST*997*0001~AK1*PR*{group}~AK2*855*0001~{'~'.join(segments)}~SE*{len(segments) + 4}*0001~"
    return x12(inner, ref=ref, function="FA", group=ref)


def test_a5_silence_opens_a_case_and_a_late_answer_closes_it(world: EdiWorld) -> None:
    body = response(world)
    with world.store.begin() as unit:
        assert watch_answers(unit) == 0
        unit.conn.exec_driver_sql("UPDATE edi_document SET due_at = clock_timestamp() WHERE kind = '855'")
    with world.store.begin() as unit:
        assert watch_answers(unit) == 1
    assert "EDI-SILENT-408" in world.cases()
    world.drop(answer(body[1].split("*")[6], "AK5*A", "AK9*A*1*1*1"))
    assert "EDI-SILENT-408" not in world.cases()


def test_a6_a_refusal_opens_the_document_again_with_the_partners_codes_in_words(world: EdiWorld) -> None:
    body = response(world)
    world.drop(answer(body[1].split("*")[6], "AK3*PO1*3**8", "AK4*2**6*three", "AK5*R*5", "AK9*R*1*1*0"))
    row = world.one("SELECT state, problems FROM edi_document WHERE kind = '855'")
    assert row.state == "refused"
    assert row.problems[0]["text"] == "a character is not allowed (PO1 number 3 element 2) [6]"
    paper = world.one("SELECT state, answer FROM paper WHERE kind = 'order_response'")
    assert (paper.state, paper.answer["reasons"][0]["code"]) == ("refused", "6")
    case = world.one("SELECT sentence FROM exception_case WHERE code = 'EDI-REFUSED-422'")
    assert "acme refuses 855" in case.sentence
    assert "a character is not allowed" in case.sentence


def test_a5_an_824_is_the_business_answer(world: EdiWorld) -> None:
    response(world)
    number = world.one("SELECT number FROM edi_document WHERE kind = '855'").number
    inner = f"ST*824*0001~BGN*11*9*20260301~OTI*TR*TN*{number}*******855~TED*007*Price differs~SE*5*0001~"
    world.drop(x12(inner, ref=60, function="AG"))
    row = world.one("SELECT state, problems FROM edi_document WHERE kind = '855'")
    assert (row.state, row.problems[0]["text"]) == ("refused", "Price differs")


def test_r8_a_message_its_map_cannot_read_waits_alone(world: EdiWorld) -> None:
    world.drop(x12(order("PO-1"), order("PO-2", st="0002").replace("**20260301~", "**20261301~")))
    world.drop(x12(order("PO-3"), order("PO-4", sku="NOPE", st="0002"), ref=2))
    assert numbers(world) == ["PO-1", "PO-3", "PO-4"]


def test_a_file_that_is_no_edi_is_quarantined(world: EdiWorld) -> None:
    world.drop(b"Dear all, please find our order attached.")
    row = world.one("SELECT state, error FROM message WHERE topic = 'interchange'")
    assert (row.state, row.error["code"]) == ("quarantined", "EDI-SYNTAX-415")


def test_edifact_orders_come_in_and_contrl_goes_out(store: Store, tmp_path: Path) -> None:
    world = EdiWorld(store, tmp_path / "acme", acks={"send": {"contrl": "always"}})
    world.drop(
        b"UNA:+.? 'UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260301:1200+77'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+PO-5+9'"
        b"DTM+137:20260301:102'NAD+DP+4098765000003::9++Store+Am Markt 1+Kiel++24103+DE'LIN+1'PIA+1+A:SA'QTY+21:2'"
        b"UNS+S'UNT+9+1'UNZ+1+77'"
    )
    assert numbers(world) == ["PO-5"]
    [body] = world.sent()
    assert b"UCI+77+ACME:ZZ+HUB:ZZ+7'" in body
    [judged] = judge(body)
    assert [each.kind for each in judged.findings.messages()] == ["CONTRL"]
    assert judged.findings.sender == ("ZZ", "HUB", "")


EDIFACT = {
    "documents": [
        {"in": "ORDERS", "map": "edifact/orders.D96A"},
        {"out": "ORDRSP", "map": "edifact/ordrsp.D96A"},
    ],
    "edifact": {"una_always": True},
    "maps": None,
}
ORDERS = (
    "UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260301:1200+77'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+PO-5+9'DTM+137:20260301:102'"
    "NAD+BY+4098765000003::9'NAD+DP+4098765000003::9++Store+Am Markt 1+Kiel++24103+DE'CUX+2:EUR:9'LIN+1'PIA+1+A:SA'"
    "QTY+21:2'PRI+AAA:10.00'UNS+S'UNT+12+1'UNZ+1+77'"
)


@pytest.mark.parametrize(
    ("segments", "state"),
    [
        ("UCI+{ref}+HUB:ZZ+ACME:ZZ+7'", "accepted"),
        ("UCI+{ref}+HUB:ZZ+ACME:ZZ+8'", "received"),
        ("UCI+{ref}+HUB:ZZ+ACME:ZZ+4+29+UNZ'", "refused"),
        ("UCI+{ref}+HUB:ZZ+ACME:ZZ+7'UCM+1+ORDRSP:D:96A:UN+4+18'UCS+3'UCD+12+2:1'", "refused"),
    ],
)
def test_a5_a6_contrl_moves_what_left_with_the_shipped_maps(
    store: Store, tmp_path: Path, segments: str, state: str
) -> None:
    world = EdiWorld(store, tmp_path / "acme", **EDIFACT)
    world.drop(ORDERS.encode())
    assert numbers(world) == ["PO-5"]
    assert world.sent() == []  # without errors, and unless UNB 0031 asks, no CONTRL is owed
    world.settle()
    [body] = world.sent()
    [judged] = judge(body)
    assert [(each.kind, each.accepted) for each in judged.findings.messages()] == [("ORDRSP", True)]
    answered = segments.format(ref=judged.findings.reference)
    count = answered.count("'") + 2
    world.drop(
        f"UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260301:1300+78'UNH+1+CONTRL:D:3:UN'{answered}UNT+{count}+1'UNZ+1+78'".encode()
    )
    row = world.one("SELECT state, problems FROM edi_document WHERE kind = 'ORDRSP'")
    assert row.state == state
    assert (row.problems != []) is (state == "refused")


def test_d3_a_reply_lost_in_sending_repeats_the_same_bytes_under_the_same_number(
    world: EdiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    send = FolderTransport.send

    def lost(transport: FolderTransport, name: str, body: bytes, kind: str) -> Sent:
        seen.append(body)
        if len(seen) == 1:
            raise OutcomeUnknown("The reply was lost.")
        return send(transport, name, body, kind)

    world.drop(x12(order("PO-1")))
    monkeypatch.setattr(FolderTransport, "send", lost)
    [body] = world.sent()
    assert seen == [body, body]
    kept = world.all("SELECT state FROM interchange WHERE direction = 'out'")
    assert [row.state for row in kept] == ["sent"]
