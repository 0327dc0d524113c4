"""Logs: one object a line, whoever writes it, and nothing secret in it."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog

from config.logging import configure_logging
from config.redaction import MAX_DEPTH, REDACTED, is_private, redact, redact_text
from config.settings import Log, Settings

SECRET = "hunter2hunter2"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(Settings(), "worker", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def last(stream: io.StringIO) -> dict[str, object]:
    found: dict[str, object] = json.loads(stream.getvalue().splitlines()[-1])
    return found


def test_an_event_is_one_json_object(lines: io.StringIO) -> None:
    structlog.get_logger("core.services.intake").info("message.applied", message="msg_1", took_ms=1.5, lines=[1, 2])
    found = last(lines)
    assert str(found.pop("timestamp")).endswith("Z")
    assert found == {
        "event": "message.applied",
        "level": "info",
        "logger": "core.services.intake",
        "role": "worker",
        "message": "msg_1",
        "took_ms": 1.5,
        "lines": [1, 2],
    }
    assert lines.getvalue().count("\n") == 1


def test_lines_of_other_libraries_come_out_alike_and_redacted(lines: io.StringIO) -> None:
    logging.getLogger("dramatiq").warning("connecting to redis://:%s@cache", SECRET, extra={"api_key": SECRET})
    found = last(lines)
    assert found["event"] == f"connecting to redis://{REDACTED}@cache"
    assert (found["level"], found["logger"], found["role"]) == ("warning", "dramatiq", "worker")
    assert found["api_key"] == REDACTED


def test_a_traceback_is_kept_without_local_values_and_redacted(lines: io.StringIO) -> None:
    password = SECRET
    try:
        raise ValueError(f"cannot reach postgresql://hub:{password}@db/hub")
    except ValueError:
        structlog.get_logger("x").exception("delivery.failed", delivery="dlv_1")
    text = lines.getvalue()
    assert "Traceback" in text
    assert f"cannot reach postgresql://{REDACTED}@db/hub" in text
    assert SECRET not in text


def test_bound_context_stands_in_every_line(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(connection="shop-eu", order="ord_1"):
        logging.getLogger("y").error("order.held")
    found = last(lines)
    assert (found["connection"], found["order"]) == ("shop-eu", "ord_1")


def test_below_the_level_nothing_is_written(lines: io.StringIO) -> None:
    structlog.get_logger("z").debug("quiet")
    logging.getLogger("urllib3").info("quiet too")
    assert lines.getvalue() == ""


def test_warnings_are_log_lines(lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old way", UserWarning, stacklevel=1)
    found = last(lines)
    assert found["logger"] == "py.warnings"
    assert "UserWarning: old way" in str(found["event"])


def test_the_console_form_is_for_people_and_redacted_too(lines: io.StringIO) -> None:
    settings = replace(Settings(), log=Log(level="debug", format="console"))
    configure_logging(settings, "cli", lines)
    structlog.get_logger("a").debug("user.created", email="ada@example.com")
    assert "user.created" in lines.getvalue()
    assert "ada@example.com" not in lines.getvalue()
    assert not lines.getvalue().startswith("{")


@pytest.mark.parametrize(
    "key",
    ["Authorization", "X-Shopify-Hmac-Sha256", "access_token", "client-secret", "PASSWORD", "api_key", "X-Api-Key",
     "webhook-signature", "Set-Cookie", "email", "phone", "line1", "name", "ship_to", "body"],
)  # fmt: skip
def test_private_keys_are_replaced_at_any_depth(key: str) -> None:
    assert is_private(key)
    event = {"event": "x", key: SECRET, "outer": [{"inner": {key: SECRET}}]}
    assert redact(None, "info", event) == {
        "event": "x", key: REDACTED, "outer": [{"inner": {key: REDACTED}}],
    }  # fmt: skip


@pytest.mark.parametrize("key", ["connection", "order", "idempotency_key", "sku", "filename", "hostname", "status"])
def test_other_keys_are_kept(key: str) -> None:
    assert redact(None, "info", {"event": "x", key: "kept", "n": None}) == {"event": "x", key: "kept", "n": None}


def test_a_private_key_without_a_value_shows_that_there_was_none() -> None:
    assert redact(None, "info", {"event": "x", "email": None}) == {"event": "x", "email": None}


def test_bytes_are_counted_and_deep_values_replaced() -> None:
    deep: object = "bottom"
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    found = redact(None, "info", {"event": "x", "data": b"12345", "deep": deep})
    assert found["data"] == "[5 bytes]"
    assert "bottom" not in json.dumps(found)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET https://u:pw@host/path", f"GET https://{REDACTED}@host/path"),
        ("GET https://host/p?a=1&access_token=abc&b=2", f"GET https://host/p?a=1&access_token={REDACTED}&b=2"),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {REDACTED}"),
        ("{'password': 'a b', 'sku': 'X'}", f"{{'password': {REDACTED}, 'sku': 'X'}}"),
        ("order 12@34 and mail to nobody", "order 12@34 and mail to nobody"),
        ("tokens are counted", "tokens are counted"),
    ],
)
def test_secrets_in_free_text_are_replaced(text: str, clean: str) -> None:
    assert redact_text(text) == clean
