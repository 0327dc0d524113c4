"""`crossdock as2 certificate`: a key and a certificate that an AS2 partner's profile takes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from connectors.edi.transports.as2_profile import read_settings

Bare = Callable[..., Any]


def test_a_certificate_is_made_that_a_profile_takes(bare: Bare, place: Path) -> None:
    made = bare("as2", "certificate", "FJORD & PINE", "--days", "400", "--json").one
    assert (made["key"], made["certificate"]) == ("FJORD---PINE.as2.key", "FJORD---PINE.as2.pem")
    key, certificate = (place / made[name] for name in ("key", "certificate"))
    assert [path.stat().st_mode & 0o777 for path in (key, certificate)] == [0o600, 0o600]
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert found.fingerprint(hashes.SHA256()).hex(":").upper() == made["fingerprint"]
    assert timedelta(days=399) < found.not_valid_after_utc - datetime.now(UTC) <= timedelta(days=400)
    text = certificate.read_text()
    profile = read_settings(
        {"url": "https://as2.acme.example/in", "our_name": "FJORD & PINE", "their_name": "ACME",
         "our_certificates": text, "their_certificates": text},
        {"as2_keys": key.read_text()},
    )  # fmt: skip
    assert profile is not None


def test_it_says_what_the_partner_gets_and_never_the_key(bare: Bare, place: Path) -> None:
    done = bare("as2", "certificate", "FJORDPINE")
    assert "Give the partner FJORDPINE.as2.pem" in done.out
    assert "SHA-256 " in done.out
    assert "--secret-file as2_keys=FJORDPINE.as2.key" in done.out + done.err
    assert "PRIVATE KEY" not in done.out + done.err


def test_a_file_that_is_there_is_never_replaced_and_a_dry_run_writes_none(bare: Bare, place: Path) -> None:
    assert bare("as2", "certificate", "FJORDPINE", "--dry-run").code == 0
    assert list(place.glob("*.as2.*")) == []
    (place / "FJORDPINE.as2.pem").write_text("mine")
    refused = bare("as2", "certificate", "FJORDPINE")
    assert (refused.code != 0, "AS2-FILE-409" in refused.err) == (True, True)
    assert [path.name for path in place.glob("*.as2.*")] == ["FJORDPINE.as2.pem"]
    assert bare("as2", "certificate", "x" * 65).code == 2
