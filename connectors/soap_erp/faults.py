"""SOAP faults: what a partner says went wrong, and the class of error that becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from connectors.sdk.errors import CLASSES, FIXES
from connectors.sdk.manifest import ErrorRow
from core.errors import ConnectorError, OutcomeUnknown, Transient

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
# The fault codes of SOAP itself and of WS-Security, when no row says better. Server and Receiver are left out: they say
# only that something broke over there, so a write that met them may have happened.
STANDARD: Mapping[str, str] = {
    "Client": "rejected",
    "Sender": "rejected",
    "VersionMismatch": "misconfigured",
    "MustUnderstand": "misconfigured",
    "DataEncodingUnknown": "misconfigured",
    "FailedAuthentication": "misconfigured",
    "InvalidSecurity": "misconfigured",
    "InvalidSecurityToken": "misconfigured",
    "SecurityTokenUnavailable": "misconfigured",
    "FailedCheck": "misconfigured",
    "MessageExpired": "misconfigured",
    "UnsupportedSecurityToken": "misconfigured",
}
CODES_SHOWN = 5
SHOWN = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it stood in the reply.

    Args:
        codes: every code it carries, the most telling first: codes in the detail, sub-codes, the fault code, the actor.
        message: the partner's own sentence.
    """

    codes: tuple[str, ...]
    message: str


def read(element: etree._Element, code_names: Sequence[str]) -> Fault:
    """Return the fault in a `Fault` element of SOAP 1.1 or 1.2.

    Args:
        code_names: local names of the elements in the detail that hold the partner's code.
    """
    if etree.QName(element).namespace == SOAP_12:
        values = [_local(each.text) for each in element.iter(f"{{{SOAP_12}}}Value")][::-1]
        actor = element.findtext(f"{{{SOAP_12}}}Role")
        said = element.findtext(f"{{{SOAP_12}}}Reason/{{{SOAP_12}}}Text")
        detail = element.find(f"{{{SOAP_12}}}Detail")
    else:
        # `Client.Authentication` is also a `Client`.
        whole = _local(element.findtext("faultcode"))
        values = [whole, *([whole.partition(".")[0]] if "." in whole else [])]
        actor = element.findtext("faultactor")
        said = element.findtext("faultstring")
        detail = element.find("detail")
    inner = [] if detail is None else list(detail.iter("*"))
    own = [(each.text or "").strip() for each in inner if etree.QName(each).localname in code_names]
    kinds = [etree.QName(each).localname for each in ([] if detail is None else detail)]
    codes = [*own, *kinds, *values, (actor or "").strip()]
    texts = [(each.text or "").strip() for each in inner if etree.QName(each).localname in ("Message", "message")]
    message = " ".join(dict.fromkeys(text for text in (said or "", *texts) if text)).strip()
    return Fault(tuple(dict.fromkeys(code for code in codes if code)), message[:SHOWN])


def _local(name: str | None) -> str:
    return (name or "").strip().rpartition(":")[2]


def error_of(fault: Fault, *, verb: str, operation: str, rows: Sequence[ErrorRow], writes: bool) -> ConnectorError:
    """Return the error a fault becomes.

    Args:
        rows: the manifest's and the profile's rows; the first that fits decides.
        writes: the call would have changed something over there.
    """
    shown = ", ".join(fault.codes[:CODES_SHOWN]) or "no code"
    what = f"{operation} was answered with the SOAP fault {shown}."
    for code in fault.codes:
        for row in rows:
            if row.code == code and row.status is None and (not row.verbs or verb in row.verbs):
                return _made(CLASSES[row.raises], what, fault, row.fix)
    for code in fault.codes:
        if code in STANDARD:
            return _made(CLASSES[STANDARD[code]], what, fault, None)
    return _made(OutcomeUnknown if writes else Transient, what, fault, None)


def _made(kind: type[ConnectorError], what: str, fault: Fault, fix: str | None) -> ConnectorError:
    return kind(what, why=fault.message or None, fix=fix or FIXES[kind], partner_codes=list(fault.codes[:CODES_SHOWN]))
