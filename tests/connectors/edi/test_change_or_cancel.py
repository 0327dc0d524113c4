"""A partner changes and cancels by one message: 860 and ORDCHG, each read by the map that takes its function."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.edi.partnerfile import read_partner_file
from connectors.edi.tried import Tried
from connectors.edi.trying import opened, try_samples
from core.errors import InputError
from core.store.unit import Store
from mappings.edi.shipped import shipped_map
from tests.connectors.edi.partner_world import EdiWorld, order, x12

CHANGE = "ST*860*0001~BCH*04*SA*PO-1**C-1*20260302~POC*1*QD*2*1*EA*19.95**VP*A~CTT*1~SE*5*0001~"
CANCEL = "ST*860*0001~BCH*01*SA*PO-1**C-2*20260302~N9*L1*TEXT~MSG*Not needed~SE*5*0001~"
ORDCHG = (
    "UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260302:0941+8'UNH+1+ORDCHG:D:96A:UN:EAN006'BGM+230+C-{n}+{function}'"
    "DTM+137:20260302:102'RFF+ON:PO-1'{lines}UNT+{count}+1'UNZ+1+8'"
)


def ordchg(function: str) -> bytes:
    """Return an ORDCHG that changes (4), cancels (1) or does something else."""
    lines = "LIN+1+3'PIA+1+A:SA'QTY+21:2'UNS+S'" if function == "4" else "UNS+S'"
    count = 4 + lines.count("'") + 1
    return ORDCHG.format(n=function, function=function, lines=lines, count=count).encode()


def messages(world: EdiWorld) -> list[tuple[str, str]]:
    """What changes and cancellations came to, in the order they came."""
    rows = world.all("SELECT topic, state FROM message WHERE topic IN ('860', 'ORDCHG') ORDER BY id")
    return [(row.topic, row.state) for row in rows]


ROWS: list[list[dict[str, Any]]] = [
    [{"in": "860", "map": "x12/860.004010"}, {"in": "860", "map": "x12/860-cancel.004010"}],
    # The map of the change brings that of the cancellation; the order of rows says nothing.
    [{"in": "860", "map": "x12/860.004010"}],
    [{"in": "860", "map": "x12/860-cancel.004010"}, {"in": "860", "map": "x12/860.004010"}],
]


@pytest.mark.parametrize("rows", ROWS)
def test_an_860_changes_and_another_cancels(store: Store, tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    world = EdiWorld(store, tmp_path / "acme", documents=[{"in": "850", "map": "850"}, *rows])
    world.drop(x12(order("PO-1")), "a.x12")
    world.drop(x12(CHANGE, ref=2, function="PC"), "b.x12")
    world.settle()
    assert world.one("SELECT quantity - canceled AS n FROM order_line").n == 2
    world.drop(x12(CANCEL, ref=3, function="PC"), "c.x12")
    world.settle()
    assert messages(world) == [("860", "applied"), ("860", "applied")]
    assert world.one("SELECT state FROM orders").state == "canceled"


@pytest.mark.parametrize("extra", [[], [{"in": "ORDCHG", "map": "edifact/ordchg-cancel.D96A"}]])
def test_an_ordchg_changes_and_another_cancels(store: Store, tmp_path: Path, extra: list[dict[str, Any]]) -> None:
    rows = [{"in": "ORDCHG", "map": "edifact/ordchg.D96A"}, *extra]
    world = EdiWorld(store, tmp_path / "acme", documents=[{"in": "850", "map": "850"}, *rows])
    world.drop(x12(order("PO-1")), "a.x12")
    world.drop(ordchg("4"), "b.edi")
    world.settle()
    assert world.one("SELECT quantity - canceled AS n FROM order_line").n == 2
    world.drop(ordchg("1").replace(b"+8'", b"+9'"), "c.edi")
    world.settle()
    assert messages(world) == [("ORDCHG", "applied"), ("ORDCHG", "applied")]
    assert world.one("SELECT state FROM orders").state == "canceled"


def test_a_function_no_map_takes_waits_and_the_codes_of_each_are_named(store: Store, tmp_path: Path) -> None:
    world = EdiWorld(store, tmp_path / "acme", documents=[{"in": "850", "map": "850"}, *ROWS[1]])
    world.drop(x12(order("PO-1")), "a.x12")
    world.drop(x12(CHANGE.replace("BCH*04", "BCH*06"), ref=2, function="PC"), "b.x12")
    assert messages(world) == [("860", "quarantined")]
    said = str(world.one("SELECT error FROM message WHERE topic = '860'").error)
    for each in ("No map of acme takes this 860: BCH/1 is 06", "x12/860.004010 takes BCH/1 04",
                 "x12/860-cancel.004010 takes BCH/1 01", "EDI-KIND-422"):  # fmt: skip
        assert each in said


def test_who_names_the_cancellation_alone_takes_no_change(store: Store, tmp_path: Path) -> None:
    world = EdiWorld(store, tmp_path / "acme", documents=[{"in": "850", "map": "850"}, ROWS[0][1]])
    world.drop(x12(order("PO-1")), "a.x12")
    world.drop(x12(CHANGE, ref=2, function="PC"), "b.x12")
    assert messages(world) == [("860", "quarantined")]
    assert "BCH/1 is none of 01" in str(world.one("SELECT error FROM message WHERE topic = '860'").error)


PROFILE = """
partner: acme-retail
identifiers:
  ours: {{id: HUB, qualifier: ZZ}}
  theirs: {{id: ACME, qualifier: ZZ}}
documents:
  - {{in: "860", map: {first}}}
  - {{in: "860", map: {second}}}
transport: {{kind: folder, root: /var/lib/acme}}
maps: {maps}
"""


def tried(tmp_path: Path, first: str, second: str, overlay: str = "", *samples: bytes) -> list[Tried]:
    """Try a profile with two rows of 860, one of them perhaps with an overlay `own`."""
    maps = tmp_path / "maps"
    maps.mkdir()
    (maps / "own.yaml").write_text(f"overlay: x12/860.004010\nversion: 2\n{overlay}", encoding="utf-8")
    file = tmp_path / "acme.yaml"
    file.write_text(PROFILE.format(first=first, second=second, maps=maps), encoding="utf-8")
    paths = []
    for at, body in enumerate(samples):
        paths.append(tmp_path / f"{at}.x12")
        paths[-1].write_bytes(body)
    with opened(read_partner_file(file)) as connector:
        return try_samples(connector, paths, None)


def test_each_sample_is_tried_by_the_map_that_takes_it(tmp_path: Path) -> None:
    found = tried(tmp_path, "x12/860.004010", "x12/860-cancel.004010", "",
                  x12(CHANGE, function="PC"), x12(CANCEL, ref=2, function="PC"))  # fmt: skip
    assert [(each.map, each.passed, each.reasons) for each in found if each.kind == "860"] == [
        ("x12/860.004010", True, []), ("x12/860-cancel.004010", True, []),
    ]  # fmt: skip


def test_a_row_without_a_sample_is_named_where_another_of_its_kind_has_one(tmp_path: Path) -> None:
    found = tried(tmp_path, "x12/860.004010", "x12/860-cancel.004010", "", x12(CHANGE, function="PC"))
    assert [(each.map, each.passed) for each in found if each.kind == "860"] == [("x12/860.004010", True), ("", False)]


@pytest.mark.parametrize(
    ("second", "overlay"),
    [
        ("own", ""),
        ("own", 'guide:\n  BCH/1: {required: true, codes: ["04", "05"]}\n'),
        # Takes whatever comes, as nothing says that BCH/1 has to be there.
        ("own", 'guide:\n  BCH/1: {pattern: "0[0-9]"}\n'),
    ],
)
def test_two_rows_that_take_the_same_messages_are_refused(tmp_path: Path, second: str, overlay: str) -> None:
    with pytest.raises(InputError) as refused:
        tried(tmp_path, "x12/860.004010", second, overlay)
    assert "documents.1 (in: 860, map: own): it takes " in refused.value.what
    assert "and x12/860.004010 of documents.0 takes BCH/1 04, so that nothing says which is meant" in refused.value.what
    assert refused.value.error_code == "EDI-PROFILE-422"


@pytest.mark.parametrize(
    ("second", "overlay"),
    [
        ("x12/860.005010", ""),
        ("own", 'guide:\n  BCH/1: {required: true, codes: ["05"]}\n'),
    ],
)
def test_rows_of_other_versions_or_codes_stand_beside_each_other(tmp_path: Path, second: str, overlay: str) -> None:
    tried(tmp_path, "x12/860.004010", second, overlay)


def test_the_same_row_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"documents\.1\.in: 860 stands above already"):
        tried(tmp_path, "own", "own")


def canceled(world: EdiWorld, ship: bool, message: bytes) -> list[str]:
    """Have an order come and be answered, perhaps ship it, cancel it by a message, and return what answers that."""
    world.drop(x12(order("PO-1")), "a.x12")
    world.settle()
    if ship:
        world.ship(world.one("SELECT * FROM orders"))
    world.settle()
    world.sent()
    for at in ("b", "c"):
        # The same interchange again, as partners send it whose acknowledgement was lost.
        world.drop(message, f"{at}.edi")
        world.settle()
    bodies = [each.decode() for each in world.sent()]
    return [each for each in bodies if "ST*8" in each or "+ORDRSP" in each]


def rows_out(*kinds: str) -> list[dict[str, Any]]:
    names = {"ORDRSP": "edifact/ordrsp.D96A"}
    return [{"in": "850", "map": "850"}, *ROWS[1], {"in": "ORDCHG", "map": "edifact/ordchg.D96A"},
            *({"out": kind, "map": names.get(kind, f"x12/{kind}.004010")} for kind in kinds)]  # fmt: skip


ANSWERS = [
    # The cancellation is accepted; of the order, 855 says that its lines are deleted.
    ("865", False, ["BCA*00*AD*PO-1**C-2*", "~ACK*ID*3*EA", "MSG*canceled"]),
    ("855", False, ["BAK*00*AC*PO-1*", "~ACK*ID*3*EA", "MSG*canceled"]),
    ("865", True, ["BCA*00*RD*PO-1**C-2*", "~ACK*IC*3*EA", "cancellation C-2 was refused: 3 units of A have been"]),
    ("855", True, ["BAK*00*AC*PO-1*", "~ACK*IC*3*EA", "cancellation C-2 was refused: 3 units of A have been"]),
    ("ORDRSP", False, ["+29'", "LIN+1+2'", "QTY+113:0:C62'", "QTY+185:3'"]),
    ("ORDRSP", True, ["+4'", "LIN+1+3'", "QTY+113:3:C62'", "cancellation C-1 was refused"]),
]


@pytest.mark.parametrize(("kind", "ship", "said"), ANSWERS)
def test_a_cancellation_is_answered_as_it_went(
    store: Store, tmp_path: Path, kind: str, ship: bool, said: list[str]
) -> None:
    world = EdiWorld(store, tmp_path / "acme", documents=rows_out(kind))
    message = ordchg("1") if kind == "ORDRSP" else x12(CANCEL, ref=2, function="PC")
    [body] = [each for each in canceled(world, ship, message) if "*810*" not in each and "*856*" not in each]
    assert [each for each in said if each not in body] == [], body
    assert world.one("SELECT state FROM orders").state == ("completed" if ship else "canceled")
    assert ("ORDER-CHANGE-409" in world.cases()) is ship
    # What was written is read as what it means.
    back = shipped_map("edifact/ordrsp.D96A" if kind == "ORDRSP" else f"x12/{kind}.004010").read_one(body.encode())
    assert back.canonical.get("canceled") is (None if ship else True)
    if not ship:
        assert (back.canonical["status"], back.canonical["lines"][0]["rejected"]) == ("rejected", Decimal(3))


TWO = (
    "ST*850*0001~BEG*00*SA*PO-1**20260301~N1*ST*Store 815*UL*4098765000003~N3*Am Markt 1~N4*Kiel**24103*DE~"
    "PO1*1*3*EA*19.95**VP*A~PO1*2*4*EA*5**VP*B~CTT*2~SE*9*0001~"
)
TAKEN_OFF = "ST*860*0001~BCH*04*SA*PO-1**C-1*20260302~POC*1*DI*3*0*EA***VP*A~POC*2*QD*3*3*EA***VP*B~CTT*2~SE*6*0001~"
TAKEN_OFF_EDIFACT = (
    "UNB+UNOC:3+ACME:ZZ+HUB:ZZ+260302:0941+8'UNH+1+ORDCHG:D:96A:UN:EAN006'BGM+230+C-1+4'DTM+137:20260302:102'"
    "RFF+ON:PO-1'LIN+1+2'PIA+1+A:SA'LIN+2+3'PIA+1+B:SA'QTY+21:3'UNS+S'UNT+11+1'UNZ+1+8'"
)


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("865", ["~ACK*ID*3*EA~", "~ACK*IC*3*EA*", "~ACK*ID*1*EA~"]),
        ("855", ["~ACK*ID*3*EA~", "~ACK*IC*3*EA*", "~ACK*ID*1*EA~"]),
        ("ORDRSP", ["LIN+1+2'", "QTY+185:3'", "LIN+2+3'", "QTY+113:3:C62'", "QTY+185:1'"]),
    ],
)
def test_what_the_buyer_takes_off_himself_is_deleted_and_not_refused(
    store: Store, tmp_path: Path, kind: str, lines: list[str]
) -> None:
    world = EdiWorld(store, tmp_path / "acme", documents=rows_out(kind))
    world.drop(x12(TWO), "a.x12")
    world.settle()
    world.sent()
    world.drop(TAKEN_OFF_EDIFACT.encode() if kind == "ORDRSP" else x12(TAKEN_OFF, ref=2, function="PC"), "b.edi")
    world.settle()
    [body] = [each.decode() for each in world.sent() if b"ST*8" in each or b"+ORDRSP" in each]
    found = [body.find(each) for each in lines]
    assert -1 not in found, body
    assert found == sorted(found), body
    assert "*IR*" not in body
    said = world.papers("order_response")[-1].body["lines"]
    assert [(each["rejected"], each.get("canceled")) for each in said] == [("3", "3"), ("1", "1")]
    back = shipped_map("edifact/ordrsp.D96A" if kind == "ORDRSP" else f"x12/{kind}.004010").read_one(body.encode())
    assert back.canonical.get("canceled") is None
    assert [each["rejected"] for each in back.canonical["lines"]] == [Decimal(3), Decimal(1)]
    assert back.canonical["lines"][0]["canceled"] == Decimal(3)


def lists(standard: str, *numbers: str) -> bytes:
    """Return a cancellation of the whole order that lists lines of it."""
    if standard == "x12":
        loops = "".join(f"POC*{each}*DI*3*0*EA***VP*{'AB'[int(each) - 1]}~" for each in numbers)
        body = f"ST*860*0001~BCH*01*SA*PO-1**C-2*20260302~{loops}CTT*{len(numbers)}~SE*{4 + len(numbers)}*0001~"
        return x12(body, ref=2 + len(numbers), function="PC")
    loops = "".join(f"LIN+{each}+2'" for each in numbers)
    whole = ORDCHG.format(n="C-2", function="1", lines=f"{loops}UNS+S'", count=6 + len(numbers))
    return whole.replace("+8'", f"+{8 + len(numbers)}'").encode()


@pytest.mark.parametrize("standard", ["x12", "edifact"])
def test_a_cancellation_of_the_whole_that_lists_some_lines_is_not_guessed_at(
    store: Store, tmp_path: Path, standard: str
) -> None:
    world = EdiWorld(store, tmp_path / "acme", documents=rows_out("855"))
    world.drop(x12(TWO), "a.x12")
    world.settle()
    world.drop(lists(standard, "1"), "b.edi")
    world.settle()
    assert world.one("SELECT sum(canceled) AS n FROM order_line").n == 0
    case = world.one("SELECT code, sentence FROM exception_case")
    assert case.code == "ORDER-CHANGE-409"
    assert "It cancels the whole order and lists 1 of its lines; 2 are open as well" in case.sentence
    said = world.papers("order_response")[-1].body
    assert said["refused"].startswith("It cancels the whole order and lists 1 of its lines")
    assert [each["status"] for each in said["lines"]] == ["changed", "accepted"]
    # Said as it is meant, it is done, under the same number as well.
    world.drop(lists(standard, "1", "2"), "c.edi")
    world.settle()
    assert world.one("SELECT state FROM orders").state == "canceled"


@pytest.mark.parametrize(("kind", "said"), [("865", "BCA*00*AD*PO-1**C-1*"), ("855", "BAK*00*AC*PO-1*")])
def test_a_change_that_takes_off_all_there_is_was_done_and_not_rejected(
    store: Store, tmp_path: Path, kind: str, said: str
) -> None:
    world = EdiWorld(store, tmp_path / "acme", documents=rows_out(kind))
    world.drop(x12(order("PO-1")), "a.x12")
    world.settle()
    world.sent()
    world.drop(x12(CHANGE.replace("*QD*2*1*EA*19.95", "*QD*0*0*EA*"), ref=2, function="PC"), "b.x12")
    world.settle()
    assert world.one("SELECT state FROM orders").state == "canceled"
    [body] = [each.decode() for each in world.sent() if b"ST*8" in each]
    assert said in body
    assert "~ACK*ID*3*EA" in body
