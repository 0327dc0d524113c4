"""Statuses, Retry-After and the manifest's rows."""

from datetime import UTC, datetime

import pytest

from connectors.sdk.errors import default_class, error_for, retry_after
from connectors.sdk.manifest import ErrorRow, Errors
from core.errors import (
    ConnectorError,
    Declined,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Transient,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "read", "write"),
    [
        (200, Transient, OutcomeUnknown),
        (301, Misconfigured, Misconfigured),
        (400, Rejected, Rejected),
        (401, Misconfigured, Misconfigured),
        (403, Misconfigured, Misconfigured),
        (404, Rejected, Rejected),
        (408, Transient, OutcomeUnknown),
        (409, Rejected, Rejected),
        (410, Rejected, Rejected),
        (422, Rejected, Rejected),
        (425, Transient, Transient),
        (429, RateLimited, RateLimited),
        (500, Transient, OutcomeUnknown),
        (501, Misconfigured, Misconfigured),
        (502, Transient, OutcomeUnknown),
        (503, Transient, Transient),
        (504, Transient, OutcomeUnknown),
        (520, Transient, OutcomeUnknown),
    ],
)
def test_default_classes(status: int, read: type[ConnectorError], write: type[ConnectorError]) -> None:
    assert default_class(status, write=False) is read
    assert default_class(status, write=True) is write


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("0", 0.0),
        ("30", 30.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("999999999", 86_400.0),
        ("Mon, 02 Mar 2026 12:01:30 GMT", 90.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(given: str | None, seconds: float | None) -> None:
    assert retry_after(given, NOW) == seconds


def test_rows_come_first_and_say_what_to_do() -> None:
    rows = (
        ErrorRow("declined", 409, "TOO_LATE", ("cancel_order",)),
        ErrorRow("rejected", None, "BAD", fix="Mend it."),
    )
    table = Errors("error.code", "error.text", rows)

    def error(verb: str, status: int, code: str) -> ConnectorError:
        document = {"error": {"code": code, "text": "So it is."}}
        return error_for(
            partner="Acme", verb=verb, write=True, status=status, headers={}, document=document, table=table
        )

    assert type(error("cancel_order", 409, "TOO_LATE")) is Declined
    assert type(error("push_order", 409, "TOO_LATE")) is Rejected
    assert type(error("push_order", 500, "BAD")) is Rejected
    assert type(error("push_order", 500, "OTHER")) is OutcomeUnknown
    found = error("push_order", 500, "BAD")
    assert (found.what, found.why, found.fix) == ("Acme answered 500 (BAD) to push_order.", "So it is.", "Mend it.")
    assert found.data == {"http_status": 500, "partner_code": "BAD"}


@pytest.mark.parametrize("document", [None, [], "text", {"message": {"deep": 1}}, {"errors": [{"message": " "}]}, 5])
def test_odd_documents_say_nothing(document: object) -> None:
    found = error_for(
        partner="A", verb="v", write=False, status=503, headers={"retry-after": "3"}, document=document, table=Errors()
    )
    assert isinstance(found, Transient)
    assert found.retry_after == 3.0
    assert found.why is None or isinstance(found.why, str)
