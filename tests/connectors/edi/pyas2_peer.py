"""Runs in an environment of its own with pyas2lib (GPL): reads one JSON job from stdin, does it, writes JSON.

{"do": "take", "raw"} takes a message of ours and returns its content and the receipt; {"do": "make", "data"} makes a
message for us.
"""

import base64
import json
import re
import sys
from typing import Any

search = re.search


def two_digits(pattern: Any, text: Any, *more: Any) -> Any:
    """oscrypto 1.3.0 reads only one digit of the last part of OpenSSL's version (oscrypto#78)."""
    if pattern == "\\b(\\d\\.\\d\\.\\d[a-z]*)\\b":
        pattern = "\\b(\\d\\.\\d\\.\\d+[a-z]*)\\b"
    return search(pattern, text, *more)


re.search = two_digits  # type: ignore[assignment]
from pyas2lib import as2  # type: ignore[import-not-found]  # noqa: E402

job = json.loads(sys.stdin.read())


def raw(name: str) -> bytes:
    return base64.b64decode(job[name])


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


key = raw("key")
acme = as2.Organization(as2_name="acme", sign_key=key, sign_key_pass="x", decrypt_key=key, decrypt_key_pass="x")
hub = as2.Partner(
    as2_name="crossdock", verify_cert=raw("certificate"), encrypt_cert=raw("certificate"), validate_certs=False,
    mdn_mode="SYNC", mdn_digest_alg="sha256", digest_alg="sha256", sign=True, encrypt=True, compress=job["compress"],
    enc_alg=job["cipher"],
)  # fmt: skip
answer: dict[str, Any] = {}
if job["do"] == "take":
    message = as2.Message()
    status, (error, _), mdn = message.parse(
        raw("raw"), lambda _: acme, lambda _: hub, lambda _id, _partner: job["duplicate"]
    )
    answer = {"status": status, "error": str(error or ""), "mdn": text(mdn.content), "headers": dict(mdn.headers)}
    answer["content"] = text(message.content) if status == "processed" else ""
else:
    message = as2.Message(sender=acme, receiver=hub)
    message.build(raw("data"), filename="orders.edi", disposition_notification_to="edi@acme.example")
    sys.stdout.write(json.dumps({"headers": dict(message.headers), "content": text(message.content)}) + "\n")
    sys.stdout.flush()
    sys.exit(0)
sys.stdout.write(json.dumps(answer) + "\n")
