"""Certificates of partners are looked at one connection after the other, and when a partner is set up."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.edi.as2.cms import Identity
from connectors.edi.transports.as2_profile import ending_soon
from core.domain.vocabulary import Mode
from core.jobs.certificates import watch_certificates
from core.services.connections import rotate_secrets
from core.services.edi_partners import set_up
from core.store.unit import Store
from tests.connectors.edi.as2_world import OURS, THEIRS, settings_of
from tests.connectors.edi.keys import NOW, identity, pem
from tests.connectors.edi.partner_world import MAPS, EdiWorld

KEY = {"as2_keys": pem(OURS)[1].decode()}


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    return EdiWorld(store, tmp_path / "acme")


def added(world: EdiWorld, name: str, theirs: Identity, secrets: Mapping[str, str], *, replace: bool = False) -> None:
    settings: dict[str, Any] = {
        "maps": str(MAPS), "documents": [{"in": "850", "map": "850"}],
        "identifiers": {"ours": {"id": "HUB"}, "theirs": {"id": name.upper()}},
        "transport": {"kind": "as2", **settings_of(OURS, theirs, ("HUB", name.upper()), "https://as2.acme.example/in")},
    }  # fmt: skip
    with world.store.begin() as unit:
        set_up(unit, world.partners, world.hub.box, name=name, label=None, settings=settings, terms=None,
               secrets=secrets, mode=Mode.LIVE, replace=replace)  # fmt: skip


def open_cases(world: EdiWorld) -> list[str]:
    rows = world.all(
        "SELECT c.name, e.code FROM exception_case e JOIN connection c ON c.id = e.connection_id WHERE e.state = 'open'"
    )
    return sorted(f"{row.name} {row.code}" for row in rows)


def days_from_now(days: int) -> int:
    return days + (datetime.now(UTC) - NOW) // timedelta(days=1)


def test_a_partner_without_his_key_ends_nobody_elses_warnings(world: EdiWorld) -> None:
    added(world, "broken", THEIRS, {})
    added(world, "whole", THEIRS, KEY)

    def watch() -> list[str]:
        with world.store.begin() as unit:
            unit.began = THEIRS.certificate.not_valid_after_utc - timedelta(days=29)
            watch_certificates(world.hub, unit)
        return open_cases(world)

    others = ["whole CONN-CERTIFICATE-001"] * 2
    assert watch() == ["broken CONN-CERTIFICATE-503", *others]
    assert watch() == ["broken CONN-CERTIFICATE-503", *others], "it is told once"
    sentence = world.one("SELECT sentence FROM exception_case WHERE code = 'CONN-CERTIFICATE-503'").sentence
    assert "has no key for our certificate" in sentence
    assert "PRIVATE" not in sentence
    with world.store.begin() as unit:
        broken = world.one("SELECT id FROM connection WHERE name = 'broken'").id
        rotate_secrets(unit, world.hub.box, broken, KEY)
    assert watch() == [*["broken CONN-CERTIFICATE-001"] * 2, *others], "it ends once the key is there"


def test_a_certificate_that_ends_soon_is_told_when_a_partner_is_added_or_changed(world: EdiWorld) -> None:
    soon = identity("soon", ends=days_from_now(20))
    added(world, "short", soon, KEY)
    assert open_cases(world) == ["short CONN-CERTIFICATE-001"]
    added(world, "short", THEIRS, KEY, replace=True)
    assert open_cases(world) == [], "it ends with the certificate"
    added(world, "short", soon, {}, replace=True)
    assert open_cases(world) == ["short CONN-CERTIFICATE-001"]
    added(world, "keyless", soon, {})
    assert open_cases(world) == ["short CONN-CERTIFICATE-001"], "the key may be still to come"


def test_who_sets_up_a_partner_is_told_of_certificates_that_end_within_thirty_days() -> None:
    def said(*theirs: Identity) -> list[str]:
        texts = [pem(each)[0].decode() for each in theirs]
        return ending_soon({"kind": "as2", "our_certificates": pem(OURS)[0].decode(), "their_certificates": texts}, NOW)

    soon = identity("soon", ends=29)
    [sentence] = said(soon)
    assert "transport.their_certificates: the last one ends on 2026-12-27, in 29 days" in sentence
    assert said(soon, THEIRS) == []
    assert said(identity("later", ends=31)) == []
    assert ending_soon({"kind": "folder", "root": "/srv/edi"}, NOW) == []
