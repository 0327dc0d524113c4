"""Secrets stay inside, in whatever form they turn up."""

import base64
import json
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk.redaction import Redactor

SECRETS = st.text(min_size=8, max_size=40).filter(lambda text: text.strip() == text and "redacted" not in text)


@given(secret=SECRETS, before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_form_of_a_secret_is_left(secret: str, before: str, after: str) -> None:
    hide = Redactor([secret])
    forms = [secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]]
    forms.append(base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode())
    for form in (secret, *forms[1:3]):
        assert form not in hide.text(f"{before}{form}{after}").replace("[redacted]", "")
    shown = hide.value({"a": [secret, {"b": f"x{secret}y"}], secret: 1})
    assert secret not in json.dumps(shown, ensure_ascii=False).replace("[redacted]", "")


def test_keys_and_headers_that_sound_secret_are_hidden_whole() -> None:
    hide = Redactor()
    assert hide.value({"access_token": "x", "Password": "y", "name": "z", "secret": None}) == {
        "access_token": "[redacted]", "Password": "[redacted]", "name": "z", "secret": None,
    }  # fmt: skip
    headers = {"Authorization": "Basic x", "X-Api-Key": "k", "X-Hub-Signature-256": "s", "Cookie": "c", "Accept": "*/*"}
    assert hide.headers(headers) == {
        "authorization": "[redacted]", "x-api-key": "[redacted]", "x-hub-signature-256": "[redacted]",
        "cookie": "[redacted]", "accept": "*/*",
    }  # fmt: skip


def test_a_longer_secret_is_not_half_hidden_by_a_shorter_one() -> None:
    assert Redactor(["abc", "abcdef"]).text("abcdef") == "[redacted]"


def test_a_secret_learned_later_is_hidden_too() -> None:
    hide = Redactor(["first"])
    assert hide.text("first second") == "[redacted] second"
    hide.add("second")
    assert hide.text("first second") == "[redacted] [redacted]"
    assert "second" not in repr(hide)


def test_bodies_are_redacted_before_they_are_cut() -> None:
    hide = Redactor(["needle-in-a-haystack"])
    body = b"x" * 8_185 + b"needle-in-a-haystack"
    assert hide.body(body) is not None
    assert "needle" not in str(hide.body(body))
    assert hide.body(b"") is None
    assert hide.body(b"\xff\xfe") == "\ufffd\ufffd"
