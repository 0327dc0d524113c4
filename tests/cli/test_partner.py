"""`crossdock partner` on the command line."""

import json
import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from sqlalchemy import text

from console import cli
from core.services.secretbox import SecretBox
from core.store.read.short_ids import KEYS
from core.store.unit import Store
from tests.cli.conftest import SECRET_KEY, Crossdock
from tests.connectors.edi.as2_world import OURS, THEIRS
from tests.connectors.edi.keys import pem
from tests.connectors.edi.partner_world import MAPS, EdiWorld, order, x12
from tests.core.trade_world import TERMS

PROFILE = """
partner: acme-retail
label: Acme Retail
maps: {maps}
identifiers: {{ours: {{id: HUB, qualifier: ZZ}}, theirs: {{id: ACME, qualifier: ZZ}}}}
documents: [{{in: 850, map: "850"}}, {{out: 855, map: "855"}}]
transport: {{kind: folder, root: {root}}}
"""


@pytest.fixture
def profile(place: Path) -> Path:
    """A partner's file and a sample of his order beside it."""
    (place / "edi").mkdir()
    file = place / "acme.yaml"
    file.write_text(PROFILE.format(maps=MAPS, root=place / "edi"))
    (place / "order.x12").write_bytes(x12(order("PO-1")))
    return file


def test_p1_samples_are_tried_without_a_hub(profile: Path, bare: Crossdock, place: Path) -> None:
    good = bare("partner", "test", profile, "order.x12")
    assert (good.code, good.out.count("pass  ")) == (0, 3)
    assert good.err.endswith("3 passed, 0 failed.\n")
    shown = bare("partner", "test", profile, "order.x12", "--show").out
    assert '"external_id": "PO-1"' in shown
    rows = bare("partner", "test", profile, "order.x12", "--json").rows
    assert [(each["kind"], each["direction"], each["passed"]) for each in rows] == [
        ("850", "in", True), ("997", "out", True), ("855", "out", True),
    ]  # fmt: skip
    (place / "order.x12").write_bytes(x12(order("PO-1", count=3)))
    bad = bare("partner", "test", profile, "order.x12")
    assert bad.code == 1
    assert "FAIL  850" in bad.out
    assert "SE01 states 3 segments, but 8 came. (SE number 8)" in bad.out
    profile.write_text("partner: acme\nwhat: ever\n")
    assert "there is no key what" in bare("partner", "test", profile).err


def test_a_partner_is_added_shown_and_changed(profile: Path, crossdock: Crossdock) -> None:
    assert crossdock("partner", "list").out == ""
    assert crossdock("partner", "add", profile, "--mode", "observe").code == 0
    [row] = crossdock("partner", "list", "--json").rows
    assert (row["name"], row["label"], row["mode"], row["theirs"]) == (
        "acme-retail", "Acme Retail", "observe", "ZZ:ACME",
    )  # fmt: skip
    refused = crossdock("partner", "add", profile)
    assert refused.code != 0
    assert "crossdock partner add FILE --replace" in refused.err
    profile.write_text(profile.read_text().replace("Acme Retail", "Acme Retail Ltd"))
    assert crossdock("partner", "add", profile, "--replace").code == 0
    # His mode is his own; to name one is no silent nothing.
    named = crossdock("partner", "add", profile, "--replace", "--mode", "live")
    assert (named.code, "crossdock connection mode NAME MODE" in named.err) == (2, True)
    shown = crossdock("partner", "show", "acme-retail", "--json").one
    assert (shown["label"], shown["mode"]) == ("Acme Retail Ltd", "observe")
    assert {"map": "x12/850.004010", "canonical": "order"} in crossdock("partner", "maps", "--json").rows


def test_commands_know_the_beginning_of_every_identifier_they_take(crossdock: Crossdock) -> None:
    source = "".join(each.read_text() for each in Path(cli.__file__).parent.glob("*.py"))
    taken = set(re.findall(r'find_id\((?:unit\.)?conn, "(\w+)"', source))
    assert {"interchange", "paper", "chargeback"} <= taken
    assert taken - set(KEYS) == set()
    for command in (("partner", "send", "ich_0198f3c2"), ("papers", "send", "pap_0198f3c2")):
        assert crossdock(*command).code == 4


def test_a_changed_partner_keeps_the_addresses_people_gave_since(profile: Path, crossdock: Crossdock) -> None:
    def stores() -> list[tuple[str, str]]:
        body = crossdock("terms", "show", "acme-retail", "--json").one
        return [(each["external_id"], each["city"]) for each in body["stores"]]

    place = {"name": "Store", "line1": "Weg 1", "country": "DE"}
    own = [{**place, "external_id": "1", "city": "Kiel"}, {**place, "external_id": "2", "city": "Bonn"}]
    kept = yaml.safe_load(profile.read_text())
    profile.write_text(yaml.safe_dump({**kept, "terms": {**TERMS, "stores": own}}))
    added = crossdock("partner", "add", profile)
    assert (added.code, "were kept" in added.err) == (0, False), added.err
    moved = [{**own[0], "city": "Jena"}]
    profile.write_text(yaml.safe_dump({**kept, "terms": {**TERMS, "stores": moved}}))
    changed = crossdock("partner", "add", profile, "--replace")
    assert changed.code == 0
    assert "Addresses of stores that FILE does not have were kept: 2." in changed.err
    assert stores() == [("1", "Jena"), ("2", "Bonn")]


def test_a_second_partner_with_the_ids_of_one_is_refused(profile: Path, crossdock: Crossdock, place: Path) -> None:
    assert crossdock("partner", "add", profile).code == 0
    (place / "twin").mkdir()
    twin = place / "twin.yaml"
    twin.write_text(
        profile.read_text().replace("partner: acme-retail", "partner: twin").replace(f"{place}/edi", f"{place}/twin")
    )
    refused = crossdock("partner", "add", twin)
    assert (refused.code != 0, "identifiers.theirs is 'ACME', which is the id of acme-retail" in refused.err) == (
        True, True,
    )  # fmt: skip
    assert [each["name"] for each in crossdock("partner", "list", "--json").rows] == ["acme-retail"]
    assert crossdock("partner", "add", twin, "--mode", "off").code == 0
    on = crossdock("connection", "mode", "twin", "live")
    assert (on.code != 0, "CONN-BESIDE-409" in on.err) == (True, True)


def test_what_is_missing_or_paused_is_said(crossdock: Crossdock, profile: Path, place: Path) -> None:
    kept = profile.read_text()
    transport = next(line for line in kept.splitlines() if line.startswith("transport:"))
    sftp = "transport: {kind: sftp, host: edi.example.com, user: hub, host_keys: ['SHA256:" + 43 * "x" + "']}"
    profile.write_text(kept.replace(transport, sftp))
    lacking = crossdock("partner", "add", profile)
    assert lacking.code == 0
    assert "The secret ssh_key or password is still missing" in lacking.err
    assert "crossdock connection secrets acme-retail --secret-file ssh_key=FILE" in lacking.err
    (place / "word").write_text("a-long-password")
    given = crossdock("partner", "add", profile, "--replace", "--secret-file", "password=word")
    assert (given.code, "missing" in given.err, "paused" in given.err) == (0, False, False)
    profile.write_text(kept)
    assert "paused" not in crossdock("connection", "pause", "acme-retail", "--reason", "no key").err
    resume = "Next:  crossdock connection resume acme-retail"
    for words in (
        ("partner", "add", profile, "--replace"),
        ("connection", "mode", "acme-retail", "live"),
        ("connection", "test", "acme-retail"),
    ):
        told = crossdock(*words)
        assert told.code == 0
        assert "acme-retail is paused, and nothing is sent or fetched: no key." in told.err
        assert told.err.endswith(f"{resume}\n")
    assert "paused" not in crossdock("connection", "resume", "acme-retail").err


def test_what_went_is_listed_found_read_and_sent_anew(store: Store, crossdock: Crossdock, place: Path) -> None:
    world = EdiWorld(store, place / "acme")
    world.drop(x12(order("PO-1")))
    world.sent()
    world.settle()
    [body] = world.sent()
    found = crossdock("partner", "documents", "--find", "po-1", "--json").rows
    assert sorted(each["kind"] for each in found) == ["850", "855"]
    [ours] = crossdock("partner", "interchanges", "--reference", "000000002", "--json").rows
    assert crossdock("partner", "raw", ours["id"]).out.encode() == body
    with store.begin() as unit:  # the command has a key of its own
        unit.conn.execute(
            text("UPDATE connection SET secrets = :s WHERE name = 'acme'"), {"s": SecretBox(SECRET_KEY).seal({})}
        )
    (place / "broken.x12").write_bytes(body.replace(b"*3*EA", b"*three*EA"))
    broken = crossdock("partner", "send", ours["id"], "--edited", "broken.x12")
    assert (broken.code != 0, "EDI-EDIT-422" in broken.err) == (True, True)
    (place / "latin.x12").write_bytes(body.replace(b"*3*EA", b"*\xe9*EA"))
    assert "is not UTF-8" in crossdock("partner", "send", ours["id"], "--edited", "latin.x12").err
    (place / "fix.x12").write_bytes(body.replace(b"*3*EA", b"*1*EA"))
    done = crossdock("partner", "send", ours["id"], "--edited", "fix.x12", "--json").one
    assert done["way"] == "edit"
    [again] = world.sent()
    assert b"*1*EA" in again
    assert crossdock("partner", "send", ours["id"]).code != 0
    actions = [row.action for row in world.all("SELECT action FROM audit_entry ORDER BY seq")]
    assert actions == ["interchange.read", "interchange.edit"]
    assert json.loads(crossdock("partner", "list", "--json").out)["came"] == 1


def test_d1_what_was_set_aside_is_taken_or_refused(store: Store, crossdock: Crossdock, place: Path) -> None:
    world = EdiWorld(store, place / "acme")
    for po in ("PO-1", "PO-8", "PO-9"):
        world.drop(x12(order(po)))
    aside = crossdock("partner", "interchanges", "--state", "quarantined", "--json").rows
    with store.begin() as unit:  # the command has a key of its own
        unit.conn.execute(
            text("UPDATE connection SET secrets = :s WHERE name = 'acme'"), {"s": SecretBox(SECRET_KEY).seal({})}
        )
    assert crossdock("partner", "take", aside[0]["id"], "--json").one["messages"] == 1
    assert crossdock("partner", "refuse", aside[1]["id"], "--note", "By mistake.").code == 0
    assert crossdock("partner", "interchanges", "--state", "quarantined", "--json").rows == []
    world.drain()
    assert [row.external_id for row in world.all("SELECT external_id FROM orders ORDER BY 1")] == ["PO-1", "PO-9"]


def test_a_key_of_another_certificate_is_not_taken(crossdock: Crossdock, profile: Path, place: Path) -> None:
    kept = profile.read_text()
    transport = next(line for line in kept.splitlines() if line.startswith("transport:"))
    as2 = ("transport: {kind: as2, url: 'http://127.0.0.1:8790/as2', our_name: HUB, their_name: ACME, "
           "our_certificates: [ours.pem], their_certificates: [theirs.pem]}")  # fmt: skip
    profile.write_text(kept.replace(transport, as2))
    for name, who in (("ours", OURS), ("theirs", THEIRS)):
        (place / f"{name}.pem").write_bytes(pem(who)[0])
        (place / f"{name}.key").write_bytes(pem(who)[1])
    for words in (("test", profile, "order.x12"), ("add", profile)):
        refused = crossdock("partner", *words, "--secret-file", "as2_keys=theirs.key")
        assert (refused.code, "the secret as2_keys has no key for our certificate" in refused.err) == (2, True)
    assert crossdock("partner", "list").out == ""
    assert crossdock("partner", "add", profile).code == 0
    later = crossdock("connection", "secrets", "acme-retail", "--secret-file", "as2_keys=theirs.key")
    assert (later.code, "as2_keys has no key for our certificate" in later.err) == (2, True)
    assert crossdock("connection", "secrets", "acme-retail", "--secret-file", "as2_keys=ours.key").code == 0
    assert crossdock("partner", "add", profile, "--replace").code == 0
