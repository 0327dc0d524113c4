"""What a partner's transport is set to is looked at when he is tried or added, all of it at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncssh
import orjson
import pytest
from cryptography.hazmat.primitives import serialization

from connectors.edi.partnerfile import read_partner_file
from connectors.edi.trying import opened
from core.domain.vocabulary import Mode
from core.errors import Conflict, InputError, Misconfigured
from core.services.connections import set_mode
from core.services.edi_partners import set_up
from core.services.switching import switch
from core.store.unit import Store
from tests.connectors.edi.as2_world import OURS, THEIRS
from tests.connectors.edi.keys import identity, pem
from tests.connectors.edi.partner_world import MAPS, EdiWorld

AS2 = {
    "kind": "as2", "url": "https://as2.acme.example/in", "our_name": "HUB", "their_name": "ACME",
    "our_certificates": [pem(OURS)[0].decode()], "their_certificates": [pem(THEIRS)[0].decode()],
}  # fmt: skip
SSH = asyncssh.generate_private_key("ssh-ed25519")
SFTP = {"kind": "sftp", "host": "sftp.acme.example", "user": "hub", "host_keys": [SSH.get_fingerprint()]}
MAIL = {"kind": "mail", "our_address": "edi@hub.example", "user": "edi", "inbox_host": "imap.hub.example",
        "senders": ["edi@acme.example"], "smtp_host": "smtp.hub.example", "their_address": "in@acme.test"}  # fmt: skip
HTTP = {"kind": "http", "url": "https://network.example/cxml"}
ENDED = identity("ended", begins=-5_000, ends=-2_500)


def written(tmp_path: Path, transport: Mapping[str, Any], document: str = "850") -> Path:
    """Write a partner's file; JSON is YAML."""
    file = tmp_path / "acme.yaml"
    profile = {
        "partner": "acme-retail", "maps": str(MAPS), "transport": dict(transport),
        "identifiers": {"ours": {"id": "HUB"}, "theirs": {"id": "ACME"}},
        "documents": [{"in": document, "map": document if document == "850" else "cxml/order_request.in"}],
    }  # fmt: skip
    file.write_bytes(orjson.dumps(profile))
    return file


def refusal(tmp_path: Path, transport: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> InputError:
    document = "OrderRequest" if transport["kind"] == "http" else "850"
    with (
        pytest.raises(InputError) as refused,
        opened(read_partner_file(written(tmp_path, transport, document)), secrets),
    ):
        pass
    return refused.value


@pytest.mark.parametrize("good", [AS2, SFTP, MAIL, {"kind": "folder", "root": "/srv/edi/acme"},
                                  {"kind": "hosted", "root": "/srv/edi/acme"}])  # fmt: skip
def test_what_fits_is_taken_without_a_call_and_without_secrets(tmp_path: Path, good: Mapping[str, Any]) -> None:
    with opened(read_partner_file(written(tmp_path, good))) as connector:
        assert connector.profile.transport["kind"] == good["kind"]
    with opened(read_partner_file(written(tmp_path, HTTP, "OrderRequest"))):
        pass


@pytest.mark.parametrize(
    ("transport", "faults"),
    [
        (
            {**AS2, "url": "as2.acme.example/in", "signed": "sha256", "encrypt": "des", "their_name": ""},
            ["transport.url is no address: it must be http:// or https://", "transport.signed is not known; sign is",
             "transport.encrypt is none of aes128_cbc", "transport.their_name is missing"],
        ),
        (
            {**AS2, "their_name": "HUB", "their_certificates": AS2["our_certificates"]},
            ["transport.their_name is the same as our_name", "transport.their_certificates has one of ours"],
        ),
        (
            {**AS2, "their_certificates": [pem(ENDED)[0].decode()], "receipt": "async"},
            ["transport.their_certificates has none that holds now: it ended on 2020-01-24; ask the partner for his",
             "transport.receipt_url is missing"],
        ),
        (
            {**AS2, "our_certificates": ["none"], "their_certificates": [pem(THEIRS)[1].decode()]},
            ["transport.our_certificates.0 names", "transport.their_certificates.0 is no certificate in PEM form"],
        ),
        (
            {**SFTP, "host": "sftp://sftp.acme.example", "port": 0, "host_keys": ["SHA256:…"], "after": "burn"},
            ["transport.host is sftp://sftp.acme.example", "transport.port is no number from 1 to 65535",
             "transport.host_keys.0 is neither a fingerprint", "transport.after is none of archive, delete"],
        ),
        (
            {**MAIL, "inbox_host": "", "smtp_host": "", "their_address": "acme", "security": "ssl"},
            ["transport.inbox_host and smtp_host are missing", "transport.their_address is 'acme', which is no mail",
             "transport.security is none of tls, starttls, none"],
        ),
        (
            {**HTTP, "url": "network.example", "timeout": 90},
            ["transport.url is no address", "transport.timeout is no number from 1 to 25"],
        ),
        (
            {"kind": "folder", "root": "edi/acme", "rooot": "x", "ready": "now"},
            ["transport.rooot is not known; root is", "transport.root is edi/acme, which is no whole path",
             "transport.ready is none of stable-or-done, done"],
        ),
        (
            {**AS2, "url": "http://exa mple/as2", "our_name": "", "their_name": "  "},
            ["transport.url is no address", "transport.our_name is missing", "transport.their_name is no AS2 name"],
        ),
        (
            {**MAIL, "senders": [], "smtp_host": "a b"},
            ["transport.senders is missing", "transport.smtp_host is 'a b': it is the name or address"],
        ),
        (
            {**MAIL, "senders": [], "inbox_host": None},
            ["transport.inbox_host is missing: what he sends, as `documents` has it, could not come"],
        ),
        ({"kind": "hosted", "root": "/srv/x", "authorized_keys": ["ssh"]}, ["transport.authorized_keys.0 is no"]),
        ({"kind": "ftp"}, ["transport.kind is 'ftp', and there is none of that name: it is one of as2, folder"]),
    ],
)  # fmt: skip
def test_every_fault_is_named_at_once(tmp_path: Path, transport: Mapping[str, Any], faults: list[str]) -> None:
    error = refusal(tmp_path, transport)
    assert [each for each in faults if each not in error.what] == []
    assert error.error_code == "EDI-PROFILE-422"
    assert "PRIVATE KEY" not in str(error)


@pytest.mark.parametrize("sound", [True, False])
def test_faults_of_identifiers_documents_transport_and_terms_are_one_answer(tmp_path: Path, sound: bool) -> None:
    file = written(tmp_path, {**AS2, "url": "as2.acme.example/in"})
    profile = orjson.loads(file.read_bytes())
    store = {"external_id": "0815", "name": "Kiel", "gln": "4098765000003"}
    profile["terms"] = {"seller": {"name": "Fjord & Pine"}, "stores": [store, {**store, "gln": "4098765000010"}]}
    expected = ["stores.1.external_id: 0815 is a store above already", "transport.url is no address"]
    if sound:
        profile["documents"].append({"out": "855", "map": "850"})
        expected.append("documents.1 (out: 855, map: 850)")
    else:
        profile["documents"].append({"in": "850", "map": "850"})
        profile["identifiers"] = {"ours": {"id": "H" * 19, "qualifier": "123"}, "theirs": {"id": "ACME"}}
        expected += ["documents.1.in: 850 stands above already", "identifiers.ours.id: is longer than 15 characters",
                     "identifiers.ours.qualifier: has 2 characters in ISA"]  # fmt: skip
    file.write_bytes(orjson.dumps(profile))
    with pytest.raises(InputError) as refused, opened(read_partner_file(file)):
        pass
    assert [each for each in expected if each not in str(refused.value)] == []


def test_a_fault_of_the_schema_hides_none_of_maps_transport_and_ids(tmp_path: Path) -> None:
    file = written(tmp_path, {**AS2, "url": "as2.acme.example/in"})
    profile = orjson.loads(file.read_bytes())
    profile["identifiers"]["theirs"] = {"id": "A" * 19}
    profile["acks"] = {"send": {"contrl": "sometimes"}}
    profile["x12"] = {"gs08": "005010", "newline": "perhaps"}
    profile["documents"] += [
        {"out": "855", "map": "850"}, {"out": "856", "map": "nobody"}, {"in": "86O", "map": "850"},
        {"in": "850", "map": "850"}, {"out": "810", "map": "x12/810.004010"},
    ]  # fmt: skip
    file.write_bytes(orjson.dumps(profile))
    with pytest.raises(InputError) as refused:
        read_partner_file(file)
    expected = [
        "acks.send.contrl: ", "x12.newline: ", "documents.3.in: must be a message", "documents.4.in: 850 stands above",
        "identifiers.theirs.id: is longer than 15 characters", "documents.1 (out: 855, map: 850): the map is for",
        "documents.2 (out: 856, map: nobody): The map nobody of acme-retail cannot be used",
        "transport.url is no address",
        "documents.5 (out: 810, map: x12/810.004010): the map writes version 004010, and x12.gs08 is 005010",
    ]  # fmt: skip
    assert [each for each in expected if each not in refused.value.what] == []
    assert "documents.0 " not in refused.value.what
    assert "documents.3 (" not in refused.value.what
    profile["maps"] = "nowhere"
    file.write_bytes(orjson.dumps(profile))
    with pytest.raises(InputError, match=r"there is no folder .*nowhere, which `maps` names"):
        read_partner_file(file)


def test_secrets_that_are_given_must_fit(tmp_path: Path) -> None:
    other = {"as2_keys": pem(THEIRS)[1].decode()}
    assert "the secret as2_keys has no key for our certificate" in refusal(tmp_path, AS2, other).what
    assert "the secret ssh_key cannot be read" in refusal(tmp_path, SFTP, {"ssh_key": "no key"}).what
    hosted = {"kind": "hosted", "root": "/srv/edi/acme"}
    error = refusal(tmp_path, hosted, {"password": "a-word"})
    assert "the secret password is shorter than 12 characters" in error.what
    assert "a-word" not in str(error)


def test_certificates_are_named_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "ours.pem").write_bytes(pem(OURS)[0])
    (tmp_path / "theirs.pem").write_bytes(pem(THEIRS)[0])
    named = {**AS2, "our_certificates": "ours.pem", "their_certificates": ["theirs.pem"]}
    taken = read_partner_file(written(tmp_path, named)).settings["transport"]
    assert taken["our_certificates"] == AS2["our_certificates"]
    assert taken["their_certificates"] == AS2["their_certificates"]
    (tmp_path / "theirs.der").write_bytes(THEIRS.certificate.public_bytes(serialization.Encoding.DER))
    said = refusal(
        tmp_path, {**named, "our_certificates": ["gone.pem"], "their_certificates": "theirs.der", "url": "x"}
    )
    for fault in (
        f"transport.our_certificates.0 names {tmp_path / 'gone.pem'}, which cannot be read: no such file",
        "openssl x509 -inform der -in theirs.der",
        "transport.url is no address",
    ):
        assert fault in said.what


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    return EdiWorld(store, tmp_path / "acme")


def added(
    world: EdiWorld, name: str, transport: Mapping[str, Any], *, replace: bool = False, mode: Mode = Mode.LIVE,
    **profile: Any,
) -> None:  # fmt: skip
    settings = {
        "maps": str(MAPS), "transport": dict(transport), "documents": [{"in": "850", "map": "850"}],
        "identifiers": {"ours": {"id": "HUB"}, "theirs": {"id": name}}, **profile,
    }  # fmt: skip
    with world.store.begin() as unit:
        set_up(unit, world.partners, world.hub.box, name=name, label=None, settings=settings, terms=None, secrets={},
               mode=mode, replace=replace)  # fmt: skip


def test_two_partners_have_neither_one_name_nor_one_inbox(world: EdiWorld, tmp_path: Path) -> None:
    added(world, "first", AS2)
    added(world, "second", {**AS2, "their_name": "SECOND"})
    added(world, "second", {**AS2, "their_name": "SECOND"}, replace=True)
    for transport, said in (
        (
            {**AS2, "our_name": "ACME", "their_name": "THIRD"},
            "our_name is 'ACME', which is the AS2 name of the partner",
        ),
        ({**AS2, "their_name": "HUB", "our_name": "THIRD"}, "which is the AS2 name of ours in the profile of first"),
        ({"kind": "folder", "root": str(world.root)}, "takes files from where those of acme are taken"),
        ({"kind": "folder", "root": str(tmp_path / "nowhere")}, "there is no such folder here: make it"),
    ):
        with pytest.raises(Misconfigured) as refused:
            added(world, "third", transport)
        assert said in refused.value.what
        assert {each["path"].partition(".")[0] for each in refused.value.data["errors"]} == {"transport"}
    # Who is switched off is in nobody's way.
    with world.store.begin() as unit:
        set_mode(unit, world.acme, Mode.OFF)
    added(world, "third", {"kind": "folder", "root": str(world.root)})
    assert [row.name for row in world.all("SELECT name FROM connection WHERE connector = 'edi' ORDER BY name")] == [
        "acme", "first", "second", "third",
    ]  # fmt: skip


def test_what_a_partner_sends_is_not_done_for_two(world: EdiWorld) -> None:
    added(world, "first", AS2)
    sides = {"ours": {"id": "HUB"}, "theirs": {"id": "first", "qualifier": "ZZ"}}
    twin = {**AS2, "url": "https://as2.acme.example/other"}
    with pytest.raises(Misconfigured) as refused:
        added(world, "second", twin, identifiers=sides)
    assert [each["path"] for each in refused.value.data["errors"]] == ["identifiers.theirs", "transport.their_name"]
    assert "which is the AS2 name of the partner first" in refused.value.what
    # Ids alone, over another transport, and one that is only taken for his.
    other = {**AS2, "their_name": "SECOND"}
    for also in (sides, {"ours": {"id": "HUB"}, "theirs": {"id": "X", "also": ["first"]}}):
        with pytest.raises(Misconfigured, match="which is the id of first"):
            added(world, "second", other, identifiers=also)
    for free in ({"ours": {"id": "HUB"}, "theirs": {"id": "first", "qualifier": "01"}},
                 {"ours": {"id": "HUB-2"}, "theirs": {"id": "first"}}):  # fmt: skip
        added(world, "second", other, identifiers=free, replace=world.all(
            "SELECT 1 FROM connection WHERE name = 'second'") != [])  # fmt: skip
    # Switched off he is in nobody's way, and is not switched on beside the other.
    added(world, "third", twin, identifiers=sides, mode=Mode.OFF)
    third, first = (world.one(f"SELECT id FROM connection WHERE name = '{each}'").id for each in ("third", "first"))
    with world.store.begin() as unit, pytest.raises(Conflict) as conflict:
        switch(unit, world.partners, world.hub.box, third, Mode.LIVE)
    assert conflict.value.error_code == "CONN-BESIDE-409"
    assert world.one("SELECT mode FROM connection WHERE name = 'third'").mode == "off"
    with world.store.begin() as unit:
        switch(unit, world.partners, world.hub.box, first, Mode.OFF)
        switch(unit, world.partners, world.hub.box, third, Mode.LIVE)
    assert world.one("SELECT mode FROM connection WHERE name = 'third'").mode == "live"
