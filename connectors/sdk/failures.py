"""Exchanges that broke: what the libraries raised becomes the class that says whether something may have been done."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from http.client import IncompleteRead, InvalidURL
from typing import Any

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from connectors.sdk.errors import FIXES
from connectors.sdk.network import AddressRefused
from core.errors import ConnectorError, Misconfigured, OutcomeUnknown, Transient

# With these nothing has left the hub.
UNSENT = (NewConnectionError, ConnectTimeoutError, NameResolutionError)

# The request could not even be written down.
UNUSABLE = (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, InvalidURL, UnicodeError)
# OpenSSL's names of what goes wrong before the first byte of a request.
HANDSHAKE = re.compile("WRONG_VERSION|HTTP_REQUEST|HANDSHAKE|CERTIFICATE|PROTOCOL|UNRECOGNIZED_NAME")


class OversizedAnswer(requests.RequestException):
    """The answer is larger than the connection takes."""


def failure(partner: str, error: Exception, verb: str, *, write: bool, status: int | None) -> ConnectorError:
    """Return the error for an exchange that broke.

    Args:
        partner: how errors call it.
        write: whether the partner's state may have changed.
        status: of an answer that began to come in.
    """
    reasons = list(causes(error))
    if any(isinstance(each, AddressRefused) for each in reasons):
        refused = next(each for each in reasons if isinstance(each, AddressRefused))
        return Misconfigured(
            f"{partner} was not called.",
            why=str(refused),
            fix="Name the host in the connection's settings if it is meant.",
            code="OUT-HOST-403",
        )
    if any(handshake_failed(each) for each in reasons):
        return Misconfigured(
            f"{partner} cannot be reached safely for {verb}.",
            why="Its TLS certificate does not verify, or it does not speak TLS there.",
            fix="Install a valid certificate at the partner, or correct the address.",
        )
    if any(isinstance(each, UNUSABLE) for each in reasons):
        return Misconfigured(
            f"{partner} cannot be called for {verb}.",
            why="The address or a header of the request has characters that cannot be sent.",
            fix="Correct the address and the credentials in the connection's settings.",
        )
    unsent = any(isinstance(each, (*UNSENT, requests.ConnectTimeout)) for each in reasons)
    if unsent or not write:
        return Transient(
            f"{partner} did not answer {verb}." if not unsent else f"{partner} could not be reached.",
            why=plain_reason(reasons),
            fix=FIXES[Transient],
        )
    return OutcomeUnknown(
        f"{partner} took {verb}, but its answer was lost.",
        why=plain_reason(reasons),
        fix=FIXES[OutcomeUnknown],
        http_status=status,
    )


def handshake_failed(error: BaseException) -> bool:
    """Return whether TLS was never agreed on; a TLS connection that breaks in the middle is a cut like any other."""
    if not isinstance(error, ssl.SSLError):
        return False
    return isinstance(error, ssl.SSLCertVerificationError) or HANDSHAKE.search(str(error.reason)) is not None


def causes(error: BaseException) -> list[BaseException]:
    """Return the error and everything it came from: libraries wrap the reason several times."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or each in found:
            continue
        found.append(each)
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return found


def plain_reason(reasons: Sequence[BaseException]) -> str:
    """Return why an exchange broke in our own words, so that no address or secret slips through."""
    table: list[tuple[Any, str]] = [
        (OversizedAnswer, "The answer is larger than the connection takes."),
        (NameResolutionError, "Its name could not be resolved."),
        (ConnectionRefusedError, "It refused the connection."),
        (NewConnectionError, "No connection could be made."),
        ((requests.Timeout, ReadTimeoutError, ConnectTimeoutError, TimeoutError), "It took too long."),
        ((IncompleteRead, ProtocolError, ConnectionError), "The connection was cut."),
    ]
    for kinds, sentence in table:
        if any(isinstance(each, kinds) for each in reasons):
            return sentence
    return f"{type(reasons[0]).__name__}."
