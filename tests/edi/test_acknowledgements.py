"""Acknowledgements made of findings, and read again: statements R1, R8 and A1 to A4 of the acceptance list."""

import io

import orjson
import pytest

from mappings.edi.acks import words
from mappings.edi.acks.answers import Answer, answers, sentence
from mappings.edi.acks.contrl import contrl, wants_contrl
from mappings.edi.acks.findings import InterchangeFindings
from mappings.edi.acks.judging import judge
from mappings.edi.acks.terms import Judged, Terms
from mappings.edi.acks.x12 import acknowledge_group, groups_to_answer, ta1, wants_ta1
from mappings.edi.edifact.interchanges import read as read_edifact
from mappings.edi.edifact.segments import ReadSegment
from mappings.edi.grammar.check import check
from mappings.edi.grammar.loader import load_grammar
from mappings.edi.x12.reader import X12Reader
from mappings.edi.x12.segments import Segment
from tests.edi.x12_samples import GS, ISA, ORDER, ORDER2, TAIL, WHOLE

UNB = "UNB+UNOC:3+4098765000003:14+4012345000009:14+260301:1200+{ref}++++{ack}++{test}'"
ORDERS = (
    "UNH+{n}+ORDERS:D:96A:UN:EAN008'BGM+220+PO{n}+9'DTM+137:20260301:102'NAD+BY+4098765000003::9'"
    "LIN+1++4006381333931:EN'QTY+21:{q}'UNS+S'CNT+2:1'UNT+{c}+{n}'"
)


def orders(number: int = 1, *, quantity: str = "12", count: int = 9) -> str:
    return ORDERS.format(n=number, q=quantity, c=count)


def interchange(*messages: str, ref: str = "77", ack: str = "", test: str = "", unz: int | None = None) -> bytes:
    unb = UNB.format(ref=ref, ack=ack, test=test).replace("+++++'", "'")
    return f"{unb}{''.join(messages)}UNZ+{len(messages) if unz is None else unz}+{ref}'".encode()


def one(data: bytes, **terms) -> Judged:
    [found] = judge(data, Terms(**terms))
    return found


def plain(segments: list[ReadSegment]) -> list[tuple[object, ...]]:
    return [(each.tag, *each.elements) for each in segments]


def fits_contrl(segments: list[ReadSegment]) -> None:
    whole = [
        ReadSegment("UNH", ["1", ["CONTRL", "D", "3", "UN"]]),
        *segments,
        ReadSegment("UNT", [str(len(segments) + 2), "1"]),
    ]
    assert check(load_grammar("edifact", "CONTRL", "D96A"), whole).faults == []


def fits(kind: str, version: str, segments: list[Segment]) -> None:
    whole = [Segment("ST", [kind, "0001"]), *segments, Segment("SE", [str(len(segments) + 2), "0001"])]
    assert check(load_grammar("x12", kind, version), whole).faults == []


def test_a4_an_interchange_without_errors_is_accepted_by_one_uci_with_7() -> None:
    found = one(interchange(orders(1), orders(2))).findings
    segments = contrl(found)
    assert plain(segments) == [("UCI", "77", ["4098765000003", "14"], ["4012345000009", "14"], "7")]
    fits_contrl(segments)


def test_r1_r8_a4_a_wrong_count_refuses_that_message_with_29_and_its_sibling_stays() -> None:
    found = one(interchange(orders(1, count=8), orders(2)))
    assert [each.accepted for each in found.findings.messages()] == [False, True]
    segments = contrl(found.findings)
    assert plain(segments) == [
        ("UCI", "77", ["4098765000003", "14"], ["4012345000009", "14"], "7"),
        ("UCM", "1", ["ORDERS", "D", "96A", "UN", "EAN008"], "4", "29", "UNT", "2"),
    ]
    fits_contrl(segments)


def test_a_wrong_number_of_lines_refuses_the_message_at_its_total() -> None:
    found = one(interchange(orders(1).replace("CNT+2:1", "CNT+2:3"), orders(2)))
    segments = contrl(found.findings)
    assert plain(segments)[1:] == [
        ("UCM", "1", ["ORDERS", "D", "96A", "UN", "EAN008"], "4", "18"),
        ("UCS", "8"),
        ("UCD", "29", ["2", "2"]),
    ]
    fits_contrl(segments)
    [group] = one((ISA + GS + ORDER.replace("CTT*1", "CTT*7") + TAIL).encode()).findings.groups
    acknowledged = acknowledge_group(group)
    assert [(each.tag, *each.elements) for each in acknowledged[2:]] == [
        ("AK3", "CTT", "4", "", "8"),
        ("AK4", "1", "", "7", "7"),
        ("AK5", "R", "5"),
        ("AK9", "R", "1", "1", "0"),
    ]
    fits("997", "004010", acknowledged)


def test_a_kind_whose_totals_were_agreed_not_to_count_is_accepted() -> None:
    data = interchange(orders(1).replace("CNT+2:1", "CNT+2:3"))
    assert [each.accepted for each in one(data, counts=lambda kind: kind != "ORDERS").findings.messages()] == [True]
    assert [each.accepted for each in one(data, counts=lambda kind: kind == "ORDERS").findings.messages()] == [False]


def test_r1_a_wrong_count_of_messages_refuses_the_interchange_with_4_and_29() -> None:
    found = one(interchange(orders(1), unz=3)).findings
    [uci] = plain(contrl(found))
    assert uci[4:6] == ("4", "29")


def test_a4_ucs_and_ucd_point_to_the_wrong_segment_and_element() -> None:
    found = one(interchange(orders(1, quantity="zwölf"))).findings
    segments = contrl(found)
    assert plain(segments)[1:] == [
        ("UCM", "1", ["ORDERS", "D", "96A", "UN", "EAN008"], "4", "18"),
        ("UCS", "6"),
        ("UCD", "37", ["2", "2"]),
    ]
    fits_contrl(segments)
    # And whoever reads it finds the same place again.
    [whole, message] = answers("CONTRL", segments)
    assert (whole.verdict, message.verdict, message.message) == ("accepted", "rejected", "1")
    assert [(each["code"], each.get("position"), each.get("element")) for each in message.reasons] == [
        ("18", None, None),
        ("37", "6", "1"),
    ]


def test_a4_8_says_only_that_it_came() -> None:
    assert plain(contrl(one(interchange(orders())).findings, receipt_only=True))[0][4] == "8"


@pytest.mark.parametrize(
    ("data", "policy", "owed"),
    [
        (interchange(orders()), "always", True),
        (interchange(orders()), "on_error", False),
        (interchange(orders(), ack="1"), "on_error", True),
        (interchange(orders(), ack="1"), "never", False),
        (interchange(orders(count=3)), "on_error", True),
        (interchange(orders(), unz=2), "on_error", True),
    ],
)
def test_a4_contrl_is_sent_when_the_interchange_or_the_profile_asks(data: bytes, policy: str, owed: bool) -> None:
    assert wants_contrl(one(data).findings, policy) is owed


CONTRL = "UNH+9+CONTRL:D:3:UN'UCI+55+4012345000009:14+4098765000003:14+7'UNT+3+9'"


def test_a2_an_interchange_of_contrl_alone_is_never_acknowledged_and_a_mixed_one_is() -> None:
    assert not wants_contrl(one(interchange(CONTRL, ack="1")).findings, "always")
    assert wants_contrl(one(interchange(CONTRL, orders(), ack="1")).findings, "always")


def test_a1_one_997_for_each_group_with_its_sets_and_totals() -> None:
    bad = ORDER2.replace("SE*5", "SE*7")
    second_group = GS.replace("*1*X", "*2*X") + ORDER + "GE*1*2~"
    [found] = judge((ISA + GS + ORDER + bad + "GE*2*1~" + second_group + "IEA*2*000000001~").encode())
    first, second = groups_to_answer(found.findings)
    segments = acknowledge_group(first)
    assert [(each.tag, *each.elements) for each in segments] == [
        ("AK1", "PO", "1"),
        ("AK2", "850", "0001"), ("AK5", "A"),
        ("AK2", "850", "0002"), ("AK5", "R", "4"),
        ("AK9", "P", "2", "2", "1"),
    ]  # fmt: skip
    assert acknowledge_group(second)[-1].elements == ["A", "1", "1", "1"]
    fits("997", "004010", segments)


def test_r1_a_wrong_count_of_sets_refuses_the_group_with_5_in_ak9() -> None:
    [found] = judge(WHOLE.replace("GE*1*1", "GE*4*1").encode())
    [group] = groups_to_answer(found.findings)
    assert acknowledge_group(group)[-1].elements == ["R", "4", "1", "0", "5"]
    assert group.accepted == []


def test_a1_ak3_and_ak4_point_to_the_wrong_element() -> None:
    [found] = judge(WHOLE.replace("PO1*1*3*", "PO1*1*three*").encode())
    [group] = groups_to_answer(found.findings)
    for kind, version in (("997", "004010"), ("999", "005010")):
        segments = acknowledge_group(group, kind, "*>~")
        three, four, five = (f"{'AK' if kind == '997' else 'IK'}{each}" for each in (3, 4, 5))
        assert [(each.tag, *each.elements) for each in segments[2:]] == [
            (three, "PO1", "3", "", "8"), (four, "2", "", "6", "three"), (five, "R", "5"), ("AK9", "R", "1", "1", "0"),
        ]  # fmt: skip
        fits(kind, version, segments)
        message = answers(kind, segments)[1]
        assert (message.verdict, message.group, message.message) == ("rejected", "1", "0001")
        assert message.reasons[0] == {
            "code": "6", "text": "a character is not allowed", "segment": "PO1", "position": "3", "element": "2",
            "value": "three",
        }  # fmt: skip


def test_a1_a_value_with_a_delimiter_is_shown_without_it() -> None:
    found = one(WHOLE.replace("PO1*1*3*", "PO1*1*th>ree*").encode()).findings
    [four] = [each for each in acknowledge_group(found.groups[0], "997", "*>~") if each.tag == "AK4"]
    assert ">" not in str(four.elements[3])


def test_a2_a_997_is_never_acknowledged() -> None:
    answer = "ST*997*0001~AK1*PO*1~AK9*A*1*1*1~SE*4*0001~"
    [found] = judge((ISA.replace("*0*P", "*1*P") + GS.replace("GS*PO", "GS*FA") + answer + TAIL).encode())
    assert groups_to_answer(found.findings) == []
    assert not wants_ta1(found.findings, "if_isa14")


@pytest.mark.parametrize(("isa14", "owed"), [("0", False), ("1", True)])
def test_a3_ta1_only_when_isa14_asks(isa14: str, owed: bool) -> None:
    [found] = judge(WHOLE.replace("*0*P*", f"*{isa14}*P*").encode())
    assert wants_ta1(found.findings, "if_isa14") is owed
    assert not wants_ta1(found.findings, "never")


def test_a3_a_ta1_names_the_interchange_and_025_for_a_duplicate() -> None:
    [judged] = judge(WHOLE.encode())
    found = judged.findings
    assert ta1(found).elements == ["000000001", "260301", "1200", "A", "000"]
    found.duplicate = True
    assert ta1(found).elements == ["000000001", "260301", "1200", "R", "025"]
    assert groups_to_answer(found) == []
    assert plain(contrl(InterchangeFindings("edifact", "77", ("", "A", ""), ("", "B", ""), duplicate=True))) == [
        ("UCI", "77", "A", "B", "4", "26", "UNB", "6")
    ]
    [answer] = answers("TA1", [ta1(found)])
    assert (answer.verdict, answer.reasons) == (
        "rejected",
        [{"code": "025", "text": "this control number came before"}],
    )


def test_r2_each_interchange_of_a_file_is_judged_by_itself() -> None:
    found = list(judge(interchange(orders(), ref="1") + interchange(orders(count=1), ref="2")))
    assert [(each.findings.reference, [m.accepted for m in each.findings.messages()]) for each in found] == [
        ("1", [True]),
        ("2", [False]),
    ]


def test_what_was_not_agreed_is_refused_by_name() -> None:
    found = one(WHOLE.encode(), agreed=lambda kind: kind == "860").findings
    assert acknowledge_group(found.groups[0])[2].elements == ["R", "1"]
    [message] = one(interchange(orders()), agreed=lambda _: False).findings.messages()
    assert [each.code for each in message.problems] == ["17"]


def test_what_somebody_else_sent_is_refused() -> None:
    assert ta1(one(WHOLE.encode(), sender=frozenset({"OTHER"})).findings).elements[3:] == ["R", "006"]
    assert ta1(one(WHOLE.encode(), recipient=frozenset({"OTHER"})).findings).elements[3:] == ["R", "008"]
    ours, theirs = {"HUB": "01"}, {"ACME": "01"}
    qualified = one(WHOLE.encode(), sender=frozenset({"ACME"}), sender_qualifiers=theirs).findings
    assert ta1(qualified).elements[3:] == ["R", "005"]
    assert (qualified.problems[0].tag, qualified.problems[0].element) == ("ISA", 5)
    qualified = one(WHOLE.encode(), recipient=frozenset({"HUB"}), recipient_qualifiers=ours).findings
    assert ta1(qualified).elements[3:] == ["R", "007"]
    [uci] = plain(contrl(one(interchange(orders()), sender=frozenset({"OTHER"})).findings))
    assert uci[4:] == ("4", "23", "UNB", "3")


def test_r3_each_body_is_its_message_as_it_came_in_its_envelope() -> None:
    data = interchange(orders(1), orders(2, count=5), orders(3))
    bodies = one(data).bodies
    assert [orders(n).encode() in bodies[n - 1] for n in (1, 3)] == [True, True]
    for number, body in enumerate(bodies, 1):
        again = next(read_edifact(body))
        assert [each.header.reference for each in again.messages()] == [str(number)]
        assert (again.rejected, again.header and again.header.reference) == (False, "77")
    [body] = one(WHOLE.encode()).bodies
    assert ORDER.encode() in body
    assert [type(each).__name__ for each in X12Reader(io.BytesIO(body))] == [
        "Interchange", "Group", "TransactionSet", "GroupEnd", "InterchangeEnd",
    ]  # fmt: skip


def test_findings_survive_as_json() -> None:
    for data in (WHOLE.replace("PO1*1*3*", "PO1*1*three*").encode(), interchange(orders(1, count=8), orders(2))):
        found = one(data).findings
        again = InterchangeFindings.from_dict(orjson.loads(orjson.dumps(found.as_dict())))
        assert again == found


def test_every_code_we_send_has_words() -> None:
    from mappings.edi.grammar.codes import FAULTS
    from mappings.edi.x12.verdicts import VERDICTS

    tables = {"set": words.MESSAGE, "group": words.GROUP, "interchange": words.INTERCHANGE}
    for key, verdict in VERDICTS.items():
        assert verdict.code is None or verdict.code in tables[key.partition(":")[0]], key
    for newer, older, _ in FAULTS.values():
        assert older in words.EDIFACT
        assert newer is None or newer in words.SEGMENT or newer in words.ELEMENT


def test_a6_a_reason_is_a_sentence_with_its_place() -> None:
    where = {"segment": "PO1", "position": "3", "element": "2"}
    answer = Answer("message", "rejected", reasons=[{"code": "7", "text": "the code is not known", **where}])
    assert sentence(answer.reasons[0]) == "the code is not known (PO1 number 3 element 2) [7]"


UBL_SENT = (
    '<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"'
    ' xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"'
    ' xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"><cbc:ID>PO-1</cbc:ID>'
    "<cac:BuyerCustomerParty><cac:Party><cbc:EndpointID{}>4098765000003</cbc:EndpointID>{}</cac:Party>"
    "</cac:BuyerCustomerParty></Order>"
)
CXML_SENT = (
    '<cXML payloadID="p-1@example.com" timestamp="2026-03-01T10:00:00Z"><Header>'
    '<From><Credential domain="{}"><Identity>4098765000003</Identity></Credential>{}</From></Header>'
    '<Request><OrderRequest><OrderRequestHeader orderID="PO-1"/></OrderRequest></Request></cXML>'
)
OWN_ID = '<cac:PartyIdentification><cbc:ID schemeID="GLN">4098765000003</cbc:ID></cac:PartyIdentification>'
OTHER = "has the scheme '{}', agreed is '{}'"


@pytest.mark.parametrize(
    ("document", "agreed", "refused"),
    [
        (UBL_SENT.format(' schemeID="0088"', ""), "0088", ""),
        (UBL_SENT.format(' schemeID="GLN"', ""), "0088", ""),
        (UBL_SENT.format(' schemeID="0088"', ""), "14", ""),
        (UBL_SENT.format("", ""), "0088", ""),
        (UBL_SENT.format(' schemeID="0192"', ""), "", ""),
        (UBL_SENT.format(' schemeID="0192"', ""), "0088", OTHER.format("0192", "0088")),
        (UBL_SENT.format(' schemeID="0192"', OWN_ID), "0088", ""),
        (CXML_SENT.format("NetworkID", ""), "NetworkID", ""),
        (CXML_SENT.format("networkid", ""), "NetworkID", ""),
        (CXML_SENT.format("DUNS", ""), "NetworkID", OTHER.format("DUNS", "NetworkID")),
    ],
)
def test_an_id_of_xml_stands_with_the_scheme_that_was_agreed(document: str, agreed: str, refused: str) -> None:
    own = "4098765000003"
    terms = Terms(sender=frozenset({own}), sender_qualifiers={own: agreed} if agreed else {})
    [found] = judge(document.encode(), terms)
    assert [each.name for each in found.findings.problems] == (["sender-qualifier"] if refused else [])
    assert refused in " ".join(each.text for each in found.findings.problems)
