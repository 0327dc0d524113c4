"""AS2 against pyas2lib, in an environment of its own (`make pyas2`): its license keeps it out of ours."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from connectors.edi.as2 import message, receipt
from connectors.edi.as2.errors import As2Error
from connectors.edi.as2.profile import Profile
from tests.connectors.edi.keys import NOW, identity, pem
from tests.connectors.edi.pyas2_environment import PYTHON, needs_pyas2

PEER = Path(__file__).with_name("pyas2_peer.py")
ORDERS = b"UNB+UNOA:3+CROSSDOCK+ACME+261128:1200+77'\r\nUNZ+0+77'\r\n"
OURS, THEIRS = identity("crossdock"), identity("acme")
HERE = Profile("crossdock", "acme", [OURS], [THEIRS.certificate])
pytestmark = needs_pyas2
CIPHERS = {"aes128_cbc": "aes_128_cbc", "aes256_cbc": "aes_256_cbc", "tripledes_3key": "tripledes_192_cbc"}


def peer(do: str, *, compress: bool = False, cipher: str = "aes256_cbc", **given: Any) -> dict[str, Any]:
    key = pkcs12.serialize_key_and_certificates(
        b"acme", THEIRS.key, THEIRS.certificate, None, BestAvailableEncryption(b"x")
    )
    job = {
        "do": do, "compress": compress, "cipher": CIPHERS[cipher], "key": base64.b64encode(key).decode(),
        "certificate": base64.b64encode(pem(OURS)[0]).decode(), "duplicate": False, **given,
    }  # fmt: skip
    done = subprocess.run([PYTHON, str(PEER)], input=json.dumps(job).encode(), capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def raw(headers: dict[str, str], body: bytes) -> str:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return base64.b64encode(head.encode() + b"\r\n" + body).decode()


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("cipher", list(CIPHERS))
def test_s1_pyas2_takes_what_we_send_and_its_receipt_proves_it(cipher: str, compress: bool) -> None:
    profile = Profile("crossdock", "acme", [OURS], [THEIRS.certificate], encrypt=cipher, compress=compress)
    out = message.write(ORDERS, profile, NOW, filename="orders.edi")
    said = peer("take", raw=raw(out.headers, out.body))
    assert base64.b64decode(said["content"]) == ORDERS
    fields, found = receipt.read(said["headers"], base64.b64decode(said["mdn"]), profile, NOW)
    judged = receipt.judge(out, fields, found)
    assert (judged.taken, judged.modifier) == (True, None)


def test_s1_pyas2_proves_no_duplicate_and_so_it_is_no_proof() -> None:
    out = message.write(ORDERS, HERE, NOW)
    said = peer("take", raw=raw(out.headers, out.body), duplicate=True)
    fields, found = receipt.read(said["headers"], base64.b64decode(said["mdn"]), HERE, NOW)
    assert (found.taken, found.modifier) == (True, "duplicate-document")
    with pytest.raises(As2Error, match="does not prove"):
        receipt.judge(out, fields, found)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("cipher", list(CIPHERS))
def test_we_take_what_pyas2_sends(cipher: str, compress: bool) -> None:
    made = peer("make", compress=compress, cipher=cipher, data=base64.b64encode(ORDERS).decode())
    found = message.read(made["headers"], base64.b64decode(made["content"]), HERE, NOW)
    assert (found.payload, found.signed_with, found.encrypted_with) == (ORDERS, "sha256", cipher)
    assert (found.compressed, found.filename) == (compress, "orders.edi")


def test_pyas2_refuses_what_somebody_else_signed_and_says_so() -> None:
    out = message.write(ORDERS, Profile("crossdock", "acme", [identity("mallory")], [THEIRS.certificate]), NOW)
    said = peer("take", raw=raw(out.headers, out.body))
    fields, found = receipt.read(said["headers"], base64.b64decode(said["mdn"]), HERE, NOW)
    assert (found.taken, found.modifier) == (False, "authentication-failed")
    assert receipt.judge(out, fields, found).taken is False
