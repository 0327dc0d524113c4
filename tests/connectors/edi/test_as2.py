"""AS2: what we write is read as it was, what others write is read, and what is not right is refused in their words."""

import random
import re
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from connectors.edi.as2 import cms, message, mime, receipt
from connectors.edi.as2.errors import As2Error
from connectors.edi.as2.profile import Profile
from core.errors import Misconfigured
from tests.connectors.edi.keys import NOW, identity, pem

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpora" / "as2"
PAYLOAD = b"UNB+UNOA:3+CROSSDOCK+ACME+261128:1200+77'\nUNZ+0+77'\n" * 40

OURS, THEIRS = identity("crossdock"), identity("acme")
# The same connection from both sides.
HERE = Profile("crossdock", "Acme B2B", [OURS], [THEIRS.certificate])
THERE = Profile("Acme B2B", "crossdock", [THEIRS], [OURS.certificate])


def sent(profile: Profile = HERE, payload: bytes = PAYLOAD) -> message.Outgoing:
    return message.write(payload, profile, NOW, filename="orders 1.edi")


def read_by(out: message.Outgoing, profile: Profile, now: datetime = NOW) -> message.Received:
    return message.read(out.headers, out.body, profile, now)


def refused(headers: dict[str, str], body: bytes, profile: Profile = THERE) -> str:
    with pytest.raises(As2Error) as found:
        message.read(headers, body, profile, NOW)
    return found.value.modifier


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("encrypt", [None, "aes128_cbc", "aes192_cbc", "aes256_cbc", "tripledes_3key"])
@pytest.mark.parametrize("sign", [None, "sha256", "sha512"])
def test_what_is_written_is_read(sign: str | None, encrypt: str | None, compress: bool) -> None:
    how: dict[str, Any] = {"sign": sign, "encrypt": encrypt, "compress": compress}
    out = sent(replace(HERE, **how))
    found = message.read(out.headers, out.body, replace(THERE, require_signed=False, require_encrypted=False), NOW)
    assert (found.payload, found.filename, found.kind) == (PAYLOAD, "orders_1.edi", "application/edifact")
    assert (found.signed_with, found.encrypted_with, found.compressed) == (sign, encrypt, compress)
    assert (found.message_id, found.mic) == (out.message_id, out.mic)


@pytest.mark.parametrize("signed", [True, False])
def test_s1_a_receipt_proves_what_arrived(signed: bool) -> None:
    here = replace(HERE, receipt_signed=signed)
    out = sent(here)
    found = message.read(out.headers, out.body, THERE, NOW)
    headers, body = receipt.write(found, THERE, NOW)
    fields, said = receipt.read(headers, body, here, NOW)
    judged = receipt.judge(out, fields, said)
    assert (judged.taken, judged.modifier, judged.original) == (True, None, out.message_id)
    assert judged.signed_with == ("sha256" if signed else None)


def test_s1_a_receipt_without_our_hash_or_for_another_message_proves_nothing() -> None:
    out = sent()
    found = message.read(out.headers, out.body, THERE, NOW)
    fields, said = receipt.read(*receipt.write(found, THERE, NOW), HERE, NOW)
    for changed in (replace(out, mic=b"x" * 32), replace(out, mic_algorithm="sha-512"), sent()):
        with pytest.raises(As2Error):
            receipt.judge(changed, fields, said)
    del fields["Received-Content-MIC"]
    with pytest.raises(As2Error, match="does not prove") as missing:
        receipt.judge(out, fields, said)
    assert missing.value.modifier == "integrity-check-failed"


def test_s1_a_receipt_says_what_was_wrong_and_that_a_message_came_twice() -> None:
    out = sent()
    found = message.read(out.headers, out.body, THERE, NOW)
    _, twice = receipt.read(*receipt.write(found, THERE, NOW, duplicate=True), HERE, NOW)
    assert (twice.taken, twice.modifier) == (True, "duplicate-document")
    error = As2Error("It is damaged.", "integrity-check-failed")
    fields, said = receipt.read(*receipt.write(found, THERE, NOW, error=error), HERE, NOW)
    judged = receipt.judge(out, fields, said)
    assert (judged.taken, judged.modifier, judged.text) == (
        False, "integrity-check-failed", "The message was not taken: It is damaged.",
    )  # fmt: skip


def test_an_unsigned_or_foreign_receipt_is_none_where_signed_ones_are_asked_for() -> None:
    out = sent()
    found = message.read(out.headers, out.body, THERE, NOW)
    assert found.wish is not None
    found.wish = replace(found.wish, signed=False)
    with pytest.raises(As2Error) as unsigned:
        receipt.read(*receipt.write(found, THERE, NOW), HERE, NOW)
    assert unsigned.value.modifier == "insufficient-message-security"
    found.wish = replace(found.wish, signed=True)
    stranger = replace(THERE, identities=[identity("mallory")])
    with pytest.raises(As2Error) as foreign:
        receipt.read(*receipt.write(found, stranger, NOW), HERE, NOW)
    assert foreign.value.modifier == "authentication-failed"


def test_s4_the_address_of_an_asynchronous_receipt_in_a_message_is_not_followed() -> None:
    out = sent(replace(HERE, receipt="async", receipt_url="http://169.254.169.254/latest"))
    found = message.read(out.headers, out.body, THERE, NOW)
    assert found.wish == message.Wish(signed=True, algorithm="sha-256", asynchronous=True)
    assert "169.254" not in repr(found)


@pytest.mark.parametrize("bomb", [b"\0" * 5_000_000, b"A" * 1_000_001])
def test_s5_what_would_unpack_beyond_the_limit_is_not_unpacked(bomb: bytes) -> None:
    out = sent(replace(HERE, compress=True), bomb)
    assert len(out.body) < 50_000
    small = replace(THERE, max_bytes=1_000_000)
    assert refused(out.headers, out.body, small) == "decompression-failed"
    assert message.read(out.headers, out.body, replace(THERE, max_bytes=6_000_000), NOW).payload == bomb


def test_s6_two_certificates_hold_while_one_takes_over_from_the_other() -> None:
    old, new = identity("acme", ends=20, serial=2), identity("acme", begins=-1, ends=700, serial=3)
    both = replace(HERE, certificates=[old.certificate, new.certificate])
    for signer in (old, new):
        there = replace(THERE, identities=[signer])
        out = message.write(PAYLOAD, there, NOW)
        assert message.read(out.headers, out.body, both, NOW).payload == PAYLOAD
    out = sent(both)
    turned = replace(THERE, identities=[old, new])
    assert message.read(out.headers, out.body, turned, NOW).payload == PAYLOAD
    assert (both.receivers(NOW), turned.signer(NOW)) == ([old.certificate, new.certificate], old)
    later = NOW + timedelta(days=30)
    assert (turned.signer(later), both.trusted(later)) == (new, [new.certificate])
    assert both.receivers(later) == [new.certificate]
    assert read_by(sent(both), replace(THERE, identities=[old])).payload == PAYLOAD, "he has one yet"
    with pytest.raises(Misconfigured, match="None of our certificates"):
        turned.signer(NOW + timedelta(days=800))


def test_s6_a_signature_with_a_certificate_that_has_ended_says_when() -> None:
    old, new = identity("acme", ends=20, serial=2), identity("acme", begins=30, ends=700, serial=3)
    out = message.write(PAYLOAD, replace(THERE, identities=[old]), NOW)
    both = replace(HERE, certificates=[old.certificate, new.certificate])
    with pytest.raises(As2Error, match=r"serial number 2, which ended on 2026-12-18\. Why: .*Have him sign") as ended:
        read_by(out, both, NOW + timedelta(days=25))
    assert ended.value.modifier == "authentication-failed"
    out = message.write(PAYLOAD, replace(THERE, identities=[new]), NOW + timedelta(days=40))
    with pytest.raises(As2Error, match="serial number 3, which begins only on 2026-12-28"):
        read_by(out, both)
    with pytest.raises(As2Error, match="does not hold"):
        read_by(out, replace(HERE, certificates=[old.certificate]))


def test_s6_a_certificate_that_ends_without_another_to_follow_is_told() -> None:
    old, new = identity("acme", ends=20, serial=2), identity("acme", begins=-1, ends=700, serial=3)
    alone = replace(HERE, certificates=[old.certificate])
    assert [(whose, days) for whose, _, days in alone.ending(NOW)] == [("Acme B2B", 20)]
    assert replace(HERE, certificates=[old.certificate, new.certificate]).ending(NOW) == []
    assert [days for _, _, days in alone.ending(NOW + timedelta(days=25))] == [-5]


def test_s7_a_message_with_less_security_than_the_profile_asks_for_is_refused() -> None:
    plain = sent(replace(HERE, sign=None))
    assert refused(plain.headers, plain.body) == "insufficient-message-security"
    open_ = sent(replace(HERE, encrypt=None))
    assert refused(open_.headers, open_.body) == "insufficient-message-security"


def test_a_message_signed_by_somebody_else_or_for_somebody_else_is_refused() -> None:
    mallory = identity("mallory")
    forged = sent(replace(HERE, identities=[mallory]))
    assert refused(forged.headers, forged.body) == "authentication-failed"
    astray = sent(replace(HERE, certificates=[mallory.certificate]))
    assert refused(astray.headers, astray.body) == "decryption-failed"


def test_changed_content_is_found() -> None:
    out = sent(replace(HERE, encrypt=None))
    loose = replace(THERE, require_encrypted=False)
    assert refused(out.headers, out.body.replace(b"CROSSDOCK", b"CROSSDOCX"), loose) == "integrity-check-failed"


def test_nothing_is_signed_with_a_broken_hash() -> None:
    with pytest.raises(As2Error, match="any more"):
        sent(replace(HERE, sign="sha1"))


@pytest.mark.parametrize("how", [{}, {"encrypt": None}, {"sign": None}, {"compress": True}])
def test_damaged_messages_are_refused_and_never_crash(how: dict[str, Any]) -> None:
    dice = random.Random(7)
    out = sent(replace(HERE, **how))
    loose = replace(THERE, require_signed=False, require_encrypted=False, max_bytes=1_000_000)
    refusals = []
    for _ in range(150):
        body = bytearray(out.body)
        kind = dice.random()
        if kind < 0.6:
            for _ in range(dice.randint(1, 4)):
                body[dice.randrange(len(body))] = dice.randrange(256)
        elif kind < 0.8:
            del body[dice.randrange(len(body)) :]
        else:
            at = dice.randrange(len(body))
            body[at:at] = dice.randbytes(dice.randint(1, 40))
        try:
            message.read(out.headers, bytes(body), loose, NOW)
        except As2Error as error:
            refusals.append(error.modifier)
    assert len(refusals) > 20
    assert all(re.fullmatch("[A-Za-z-]+", each) for each in refusals)


@pytest.mark.parametrize("name", ["acme", "Acme B2B", 'a "quoted" one', "back\\slash"])
def test_a_name_is_read_as_it_was_written(name: str) -> None:
    assert message.unquote(message.quote(name)) == name


# -- others


def openssl(*words: str, given: bytes) -> bytes:
    done = subprocess.run(["openssl", "cms", *words], input=given, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("cipher", ["aes128_cbc", "aes256_cbc", "tripledes_3key"])
def test_openssl_opens_what_we_seal_and_we_what_it_seals(cipher: str, tmp_path: Path) -> None:
    certificate, key = pem(THEIRS)
    (tmp_path / "their.pem").write_bytes(certificate)
    (tmp_path / "their.key").write_bytes(key)
    opened = openssl(
        "-decrypt", "-inform", "DER", "-inkey", str(tmp_path / "their.key"), "-recip", str(tmp_path / "their.pem"),
        given=cms.encrypt(PAYLOAD, THEIRS.certificate, cipher),
    )  # fmt: skip
    assert opened == PAYLOAD
    flag = {"aes128_cbc": "-aes128", "aes256_cbc": "-aes256", "tripledes_3key": "-des3"}[cipher]
    sealed = openssl("-encrypt", "-binary", "-outform", "DER", flag, str(tmp_path / "their.pem"), given=PAYLOAD)
    assert cms.decrypt(sealed, [THEIRS]) == (PAYLOAD, cipher)


@pytest.mark.parametrize("more", [[], ["-keyopt", "rsa_padding_mode:pss"], ["-keyid"], ["-noattr"]])
def test_openssl_checks_what_we_sign_and_we_what_it_signs(more: list[str], tmp_path: Path) -> None:
    for name, content in zip(("our.pem", "our.key"), pem(OURS), strict=True):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "content").write_bytes(PAYLOAD)
    verified = openssl(
        "-verify", "-binary", "-inform", "DER", "-content", str(tmp_path / "content"), "-noverify",
        given=cms.sign(PAYLOAD, OURS),
    )  # fmt: skip
    assert verified == PAYLOAD
    signature = openssl(
        "-sign", "-binary", "-outform", "DER", "-md", "sha256", "-signer", str(tmp_path / "our.pem"), "-inkey",
        str(tmp_path / "our.key"), *more, given=PAYLOAD,
    )  # fmt: skip
    assert cms.verify(PAYLOAD, signature, [OURS.certificate]) == (OURS.certificate, "sha256")
    with pytest.raises(As2Error):
        cms.verify(PAYLOAD + b"x", signature, [OURS.certificate])


def test_compressed_content_is_what_openssl_reads_as_compressed() -> None:
    listed = openssl("-cmsout", "-print", "-inform", "DER", given=cms.compress(PAYLOAD))
    assert b"id-smime-ct-compressedData" in listed
    assert cms.decompress(cms.compress(PAYLOAD), len(PAYLOAD)) == PAYLOAD


corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the folder with others' AS2 messages is not beside this one")


def of_others(name: str) -> tuple[dict[str, str], bytes]:
    raw = (CORPUS / name).read_bytes()
    part = mime.part_of(raw)
    return {name: " ".join(str(value).split()) for name, value in part.head.items()}, part.body


def certificate(name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((CORPUS / name).read_bytes())


@corpus
def test_a_signed_message_of_another_product_is_read() -> None:
    theirs = certificate("cert_mecas2_public.pem")
    profile = Profile("pyas2lib", "mecas2", [OURS], [theirs], require_encrypted=False)
    headers, body = of_others("mecas2_signed.as2")
    found = message.read(headers, body, profile, theirs.not_valid_before_utc + timedelta(days=1))
    assert (found.signed_with, found.filename, found.payload[:9]) == ("sha256", "payload.txt", b"UNB+UNOA:")
    with pytest.raises(As2Error):
        message.read(headers, body.replace(b"ORDERS", b"ORDERZ"), profile, theirs.not_valid_before_utc)


@corpus
def test_a_compressed_message_of_another_product_is_read() -> None:
    headers, body = of_others("mecas2_compressed.as2")
    theirs = certificate("cert_mecas2_public.pem")
    profile = Profile("pyas2lib", "mecas2", [OURS], [theirs], require_encrypted=False)
    found = message.read(headers, body, profile, theirs.not_valid_before_utc + timedelta(days=1))
    assert (found.compressed, found.signed_with, found.payload[:9]) == (True, "sha256", b"UNB+UNOA:")


@corpus
@pytest.mark.parametrize("name", ["mecas2_encrypted.as2", "mecas2_signed_encrypted.as2"])
def test_a_message_for_another_is_refused_as_such(name: str) -> None:
    headers, body = of_others(name)
    with pytest.raises(As2Error, match="not ours") as found:
        message.read(headers, body, Profile("pyas2lib", "mecas2", [OURS], []), NOW)
    assert found.value.modifier == "decryption-failed"


@corpus
def test_a_receipt_of_another_product_is_read() -> None:
    headers, body = of_others("mecas2_signed.mdn")
    loose = Profile("pyas2lib", "mecas2", [OURS], [], receipt_signed=False)
    with pytest.raises(As2Error, match="does not hold"):
        receipt.read(headers, body, loose, NOW)
    part = mime.part_from(headers, body)
    report = mime.split(part)[0]
    _, said = receipt.read({"Content-Type": str(report.head["Content-Type"])}, report.body, loose, NOW)
    assert (said.taken, said.original) == (True, "<20161230102456.10748.40759@imac.local>")


@corpus
def test_a_receipt_signed_with_another_products_key_is_verified() -> None:
    headers, body = of_others("sb2bi_signed.mdn")
    theirs = certificate("cert_sb2bi_public.pem")
    profile = Profile("pyas2lib", "sb2bi", [OURS], [theirs])
    within = theirs.not_valid_before_utc + timedelta(days=1)
    _, said = receipt.read(headers, body, profile, within)
    assert (said.taken, said.signed_with, said.text[:12]) == (True, "sha1", "Your message")
    with pytest.raises(As2Error):
        receipt.read(headers, body.replace(b";processed", b";processee"), profile, within)
