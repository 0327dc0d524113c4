"""Trading partners over the API: set up, found, shown, sent anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from config.settings import Settings
from core.store.unit import Store
from tests.connectors.edi.partner_world import MAPS, EdiWorld, order, x12
from tests.webhooks.conftest import Client
from webhooks.app import create_app
from webhooks.runtime import EXTENSION, Runtime


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    return EdiWorld(store, tmp_path / "acme")


@pytest.fixture
def app(world: EdiWorld, tmp_path: Path) -> Iterator[Flask]:
    made = create_app(Runtime(Settings(data_dir=tmp_path), world.store, world.partners, "a test's secret key"))
    yield made
    made.extensions[EXTENSION].runtime.stopping.set()


def test_what_came_and_left_is_listed_found_and_sent_anew(api: Client, world: EdiWorld) -> None:
    world.drop(x12(order("PO-1"), order("PO-2", st="0002", count=99)))
    world.sent()
    world.settle()
    [body] = world.sent()
    [partner] = api.get("/partners").get_json()["data"]
    assert (partner["name"], partner["theirs"], partner["came"], partner["refused"]) == ("acme", "ZZ:ACME", 2, 1)
    assert api.get("/partners/acme").get_json()["profile"]["maps"] == str(MAPS)
    [refused] = api.get("/edi-documents?state=refused").get_json()["data"]
    assert refused["number"] == "PO-2"
    # P3: by order number, GLN, control reference.
    for text, kinds in (("po-1", ["850", "855"]), ("4098765000003", ["850", "850"]), ("000000002", ["855"])):
        found = api.get(f"/edi-documents?find={text}").get_json()["data"]
        assert sorted(each["kind"] for each in found if each["kind"] != "997") == kinds, text
    [ours] = api.get("/interchanges?direction=out&reference=000000002").get_json()["data"]
    assert api.post(f"/interchanges/{ours['id']}/raw").get_data() == body
    shown = api.get(f"/interchanges/{ours['id']}").get_json()
    assert [each["kind"] for each in shown["documents"]] == ["855"]
    answer = api.post(f"/interchanges/{ours['id']}/send", {"way": "resend"})
    assert answer.status_code == 200
    assert world.sent() != []
    assert api.post(f"/interchanges/{ours['id']}/send", {"way": "resend"}).status_code == 409
    document = api.get(f"/edi-documents/{shown['documents'][0]['id']}").get_json()
    assert document["state"] == "replaced"
    assert {"kind": "ref", "value": "000000002"} in document["keys"]


def test_a_partner_is_set_up_and_changed(api: Client, tmp_path: Path) -> None:
    (tmp_path / "beta").mkdir()
    profile = {
        "identifiers": {"ours": {"id": "HUB"}, "theirs": {"id": "BETA"}},
        "documents": [{"in": "850", "map": "850"}],
        "transport": {"kind": "folder", "root": str(tmp_path / "beta")},
        "maps": str(MAPS),
    }
    made = api.post("/partners", {"name": "beta", "profile": profile})
    assert (made.status_code, made.get_json()["theirs"]) == (201, "BETA")
    assert api.post("/partners", {"name": "beta", "profile": profile}).status_code == 409
    wrong = {**profile, "identifiers": {"ours": {"id": "HUB"}}}
    refused = api.post("/partners", {"name": "beta", "profile": wrong, "replace": True})
    assert "identifiers.theirs" in refused.get_json()["detail"]
    nowhere = {**profile, "transport": {"kind": "folder", "root": str(tmp_path / "gone"), "reedy": "done"}}
    unfit = api.post("/partners", {"name": "beta", "profile": nowhere, "replace": True})
    assert (unfit.status_code, [each["path"] for each in unfit.get_json()["errors"]]) == (
        422, ["transport.reedy", "transport.root"],
    )  # fmt: skip
    # A fault of the schema hides none of the transport and of the maps.
    both = {**nowhere, "x12": {"usage": "Q"}, "documents": [{"in": "850", "map": "none-such"}]}
    told = api.post("/partners", {"name": "beta", "profile": both, "replace": True})
    assert (told.status_code, [each["path"] for each in told.get_json()["errors"]]) == (
        422, ["x12.usage", "transport.reedy", "transport.root", "documents.0"],
    )  # fmt: skip
    assert "none-such" in told.get_json()["detail"]
    changed = {**profile, "x12": {"usage": "T"}}
    assert api.post("/partners", {"name": "beta", "profile": changed, "replace": True}).status_code == 201
    assert api.get("/partners/beta").get_json()["profile"]["x12"] == {"usage": "T"}
    assert api.post("/partners", {"name": "nobody", "profile": profile, "replace": True}).status_code == 404


def test_d1_what_was_set_aside_is_taken_or_refused_for_good(api: Client, world: EdiWorld) -> None:
    for po in ("PO-1", "PO-8", "PO-9"):
        world.drop(x12(order(po)))
    aside = [each["id"] for each in api.get("/interchanges?state=quarantined").get_json()["data"]]
    taken = api.post(f"/interchanges/{aside[0]}/take").get_json()
    assert (taken["state"], [each["number"] for each in taken["documents"]]) == ("taken", ["PO-9"])
    refused = api.post(f"/interchanges/{aside[1]}/refuse", {"note": "Sent by mistake."}).get_json()
    assert (refused["state"], refused["documents"]) == ("refused", [])
    again = api.post(f"/interchanges/{aside[1]}/take")
    assert (again.status_code, again.get_json()["code"]) == (409, "EDI-TAKE-409")
    said = world.all("SELECT action, detail FROM audit_entry WHERE action LIKE 'interchange.%' ORDER BY seq")
    assert [(each.action, each.detail) for each in said] == [
        ("interchange.taken", {"messages": 1}), ("interchange.refused", {"note": "Sent by mistake."}),
    ]  # fmt: skip
