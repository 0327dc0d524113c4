"""What answers an order and what answers a change of it, where a partner wants two messages (POC answers)."""

from pathlib import Path
from typing import Any

import pytest

from connectors.edi.partnerfile import read_partner_file
from connectors.edi.tried import Tried
from connectors.edi.trying import opened, try_samples
from core.errors import InputError
from core.store.unit import Store
from mappings.edi.acks.judging import judge
from tests.connectors.edi.partner_world import EdiWorld, order, x12

CHANGE = "ST*860*0001~BCH*04*SA*PO-1**C-1*20260302~POC*1*QD*2*0*EA*19.95**VP*A~CTT*1~SE*5*0001~"
BOTH = [
    {"in": "850", "map": "850"},
    {"in": "860", "map": "x12/860.004010"},
    {"out": "865", "map": "x12/865.004010"},
    {"out": "855", "map": "x12/855.004010"},
]


def kinds(bodies: list[bytes]) -> list[str]:
    """What leaves but acknowledgements."""
    found = [each.kind for body in bodies for judged in judge(body) for each in judged.findings.messages()]
    return [each for each in found if each != "997"]


def exchanged(world: EdiWorld) -> tuple[list[bytes], list[bytes]]:
    """What leaves when an order came, and when a change of it did."""
    world.drop(x12(order("PO-1")), "a.x12")
    world.settle()
    first = world.sent()
    world.drop(x12(CHANGE, ref=2, function="PC"), "b.x12")
    world.settle()
    return first, world.sent()


def test_an_order_is_answered_by_855_and_a_change_by_865_whichever_is_listed_first(
    store: Store, tmp_path: Path
) -> None:
    world = EdiWorld(store, tmp_path / "acme", documents=BOTH)
    first, second = exchanged(world)
    assert (kinds(first), kinds(second)) == (["855"], ["865"])
    [body] = [each.decode() for each in second if b"ST*865" in each]
    # It names the change it answers, and POC has what is ordered now.
    assert "BCA*00*AC*PO-1**C-1*" in body or "BCA*00*AD*PO-1**C-1*" in body
    assert "~POC*1*CA*" in body
    assert [each.body["answers"] for each in world.papers("order_response")] == ["order", "change"]


def test_a_change_before_the_first_answer_leaves_both(store: Store, tmp_path: Path) -> None:
    world = EdiWorld(store, tmp_path / "acme", documents=BOTH)
    world.drop(x12(order("PO-1")), "a.x12")
    world.drop(x12(CHANGE, ref=2, function="PC"), "b.x12")
    world.settle()
    assert sorted(kinds(world.sent())) == ["855", "865"]


@pytest.mark.parametrize("kind", ["855", "865"])
def test_where_one_is_listed_it_answers_both(store: Store, tmp_path: Path, kind: str) -> None:
    documents = [each for each in BOTH if each.get("out") in (None, kind)]
    first, second = exchanged(EdiWorld(store, tmp_path / "acme", documents=documents))
    assert (kinds(first), kinds(second)) == ([kind], [kind])


def test_of_two_ordrsp_the_profile_says_which_answers_a_change(store: Store, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    (maps / "changed.yaml").write_text(
        "overlay: edifact/ordrsp.D96A\nversion: 2\noptions: {association: EAN999}\n", encoding="utf-8"
    )
    documents: list[dict[str, Any]] = [
        {"in": "850", "map": "x12/850.004010"},
        BOTH[1],
        {"out": "ORDRSP", "map": "changed", "answers": "change"},
        {"out": "ORDRSP", "map": "edifact/ordrsp.D96A"},
    ]
    first, second = exchanged(EdiWorld(store, tmp_path / "acme", documents=documents, maps=str(maps)))
    assert [b"EAN999" in each for each in first if b"ORDRSP" in each] == [False]
    assert [b"EAN999" in each for each in second if b"ORDRSP" in each] == [True]


def tried(tmp_path: Path, rows: str) -> list[Tried]:
    file, sample = tmp_path / "acme.yaml", tmp_path / "order.x12"
    file.write_text(
        "partner: acme-retail\nidentifiers:\n  ours: {id: HUB, qualifier: ZZ}\n  theirs: {id: ACME, qualifier: ZZ}\n"
        f'documents:\n  - {{in: "850", map: x12/850.004010}}\n{rows}'
        "transport: {kind: folder, root: /var/lib/acme}\n"
    )
    sample.write_bytes(x12(order("PO-1")))
    with opened(read_partner_file(file)) as connector:
        return try_samples(connector, [sample], None)


def test_p1_both_answers_are_made_of_one_sample(tmp_path: Path) -> None:
    found = tried(tmp_path, '  - {out: "855", map: x12/855.004010}\n  - {out: "865", map: x12/865.004010}\n')
    assert [(each.kind, each.passed, each.sample) for each in found] == [
        ("850", True, "order.x12"), ("997", True, "order.x12"), ("855", True, "made of the order"),
        ("865", True, "made of the order"),
    ]  # fmt: skip


def test_what_comes_answers_nothing_of_ours(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"documents\.1\.answers: only what leaves answers something"):
        tried(tmp_path, '  - {in: "860", map: x12/860.004010, answers: change}\n')


@pytest.mark.parametrize("documents", [BOTH, [each for each in BOTH if each.get("out") != "865"]])
def test_the_answer_to_a_refused_change_says_so(store: Store, tmp_path: Path, documents: list[dict[str, str]]) -> None:
    world = EdiWorld(store, tmp_path / "acme", documents=documents)
    world.drop(x12(order("PO-1")), "a.x12")
    world.settle()
    world.sent()
    world.drop(x12(CHANGE.replace("*EA*", "*KG*"), ref=2, function="PC"), "b.x12")
    world.settle()
    [body] = [each.decode() for each in world.sent() if b"*PO-1*" in each]
    # A set of its own rejects the change; 855 is about the order, which is not rejected.
    assert ("BCA*00*RD*PO-1**C-1*" if documents is BOTH else "BAK*00*AC*PO-1*") in body
    assert "change C-1 was refused: Line '1' is in KGM" in body
    assert "~ACK*IC*3*EA" in body
