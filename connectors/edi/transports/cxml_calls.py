"""Calls of a partner who posts cXML: who he is, what he sends, and the Response each of them is answered with."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.edi.inbound import BUSINESS
from connectors.edi.profile import Profile
from core.errors import CrossdockError, Misconfigured, Refused
from core.ports.connectors import InboundRecord, WebhookRequest
from core.ports.partners import INTERCHANGE_TOPIC
from core.ports.webhooks import Call, CallAnswer
from mappings.edi.faults import Kind
from mappings.edi.xml.credentials import Credential, has_proofs, sender_credentials, without_proofs
from mappings.edi.xml.documents import XmlDocument, read_document
from mappings.edi.xml.responses import (
    AWAY,
    BAD,
    OK,
    UNAUTHORIZED,
    UNKNOWN_KIND,
    UNREADABLE,
    write_profile,
    write_response,
)

PROFILE = "ProfileRequest"
STARTED = datetime.now(UTC)
CONTENT_TYPE = "text/xml; charset=UTF-8"
XML_TYPES = frozenset({"text/xml", "application/xml"})
KEPT = ("user-agent", "date")
RETRY = "60"
DIGEST = 32
SHOWN = 80


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of a partner who calls.

    Args:
        profile: what was agreed with him.
        secrets: any of which proves him; two while one takes over from the other.
        senders: identities that Sender of his documents may name.
        max_bytes: of a document.
        url: ours, as he is told it when he asks what may be sent; empty where he is not told.
    """

    profile: Profile
    secrets: tuple[str, ...] = field(repr=False)
    senders: frozenset[str]
    max_bytes: int
    url: str = ""


class _No(Exception):
    """What a call is answered with when nothing of it is taken; `told` is what people here are told of it."""

    def __init__(self, code: int, said: str, told: CrossdockError | None = None) -> None:
        super().__init__(said)
        self.code, self.said, self.told = code, said, told


def take_call(request: WebhookRequest, caller: Caller) -> Call:
    """Return what to store of a call, and the answers to it.

    Nothing is answered with 200 before it is stored. Strangers are refused without telling anybody here: they could
    fill the list of exceptions.

    Raises:
        Misconfigured: there is no secret to know the partner by.
        Refused: nothing was agreed to come.
    """
    if not any(each.incoming for each in caller.profile.documents):
        raise Refused("Nothing was agreed to come from this partner.", fix="Add it to `documents` of his profile.")
    if not caller.secrets:
        raise Misconfigured(
            "The secret shared_secret_in is missing, so nobody could be known by it.",
            fix="`crossdock connection secrets NAME --secret-file shared_secret_in=FILE` sets it.",
            code="EDI-TRANSPORT-422",
        )
    now = request.received_at
    try:
        document = _read(request, caller)
        _prove(document, caller)
        if document.type == PROFILE and caller.url:
            return Call(None, lambda _: _profile(caller, now), asked=True)
        record = _record(document, request, caller)
    except _No as no:
        refused = _answer(no.code, no.said, now)
        return Call(None, lambda _: refused, no.told)
    return Call(
        record,
        lambda duplicate: _answer(OK, "It was here already." if duplicate else "It is stored.", now),
        unstored=lambda: _answer(AWAY, "It could not be stored. Send it again.", now),
    )


def _answer(code: int, said: str, now: datetime) -> CallAnswer:
    """Return a response.

    HTTP says 200 to whatever cXML has a final word for: by its specification any other status of HTTP means that the
    same is to be sent again.
    """
    headers = {"Content-Type": CONTENT_TYPE}
    if code == AWAY:
        return CallAnswer(503, {**headers, "Retry-After": RETRY}, write_response(code, said, now))
    return CallAnswer(200, headers, write_response(code, said, now))


def _profile(caller: Caller, now: datetime) -> CallAnswer:
    """Return what the partner may send: the harmless question by which networks find out."""
    agreed = [each.kind for each in caller.profile.documents if each.incoming]
    kinds = dict.fromkeys([PROFILE, *agreed, "StatusUpdateRequest"])
    return CallAnswer(200, {"Content-Type": CONTENT_TYPE}, write_profile(kinds, caller.url, STARTED, now))


def _record(document: XmlDocument, request: WebhookRequest, caller: Caller) -> InboundRecord:
    """Return what is stored of a document."""
    _require_agreed(document, caller.profile)
    if not document.envelope:
        said = "The document has no payloadID, so a repeat of it could not be told from another."
        raise _No(BAD, said, _told(said, caller, "cxml-400"))
    body = _without_proofs(request.body)
    # The same payloadID with other content is stored as well: people see the two, and decide.
    digest = hashlib.sha256(body).hexdigest()[:DIGEST]
    return InboundRecord(
        topic=INTERCHANGE_TOPIC,
        dedupe_key=f"cxml:{digest}:{document.envelope}",
        body=body,
        content_type=request.headers.get("content-type", CONTENT_TYPE)[:100],
        headers=_notes(request.headers),
        source_id=document.envelope[:512],
    )


def _notes(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name][:200] for name in KEPT if name in headers}


def _read(request: WebhookRequest, caller: Caller) -> XmlDocument:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in XML_TYPES:
        said = f"The content type is {kind[:SHOWN] or 'missing'}; text/xml is taken, without attachments."
        raise _No(UNREADABLE, said)
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _No(UNREADABLE, "The document is compressed; send it as it is.")
    if len(request.body) > caller.max_bytes:
        raise _No(UNREADABLE, f"The document is larger than {caller.max_bytes} bytes.")
    document = read_document(request.body)
    if document.root is None or document.standard != "cxml":
        raise _No(UNREADABLE, _faults(document) or "This is no document of cXML.")
    return document


def _faults(document: XmlDocument) -> str:
    """Return what is wrong with a document; what a parser quotes of it may be a secret, and is left out."""
    return " ".join(
        f"This is not well-formed XML, line {each.place.line}." if each.name == "malformed" else each.text
        for each in document.faults[:5]
        if each.kind is Kind.ERROR
    )


def _prove(document: XmlDocument, caller: Caller) -> None:
    """Refuse a document whose Sender does not prove to be the partner; which of the two was wrong is not said."""
    given = list(sender_credentials(document.root))
    known = [each for each in given if each.identity in caller.senders]
    if sum(_matches(each, caller.secrets) for each in known):
        return
    said = "The credentials in Sender are not known."
    if not known:
        raise _No(UNAUTHORIZED, said)
    # Somebody who knows the partner's id: most likely he, with another secret than ours.
    name = known[0].identity[:SHOWN]
    told = _told(f"A document came in the name of {name} with a wrong SharedSecret.", caller, "cxml-401")
    raise _No(UNAUTHORIZED, said, told)


def _matches(credential: Credential, secrets: Iterable[str]) -> bool:
    given = credential.secret.encode()
    # All are compared, so that the time taken tells nothing.
    return sum(hmac.compare_digest(given, each.encode()) for each in secrets) > 0


def _require_agreed(document: XmlDocument, profile: Profile) -> None:
    if document.rejected:
        raise _No(BAD, _faults(document))
    if document.root.find("Request") is None:
        raise _No(UNKNOWN_KIND, "Only a Request is taken.")
    if not profile.incoming(document.type) and document.type not in BUSINESS:
        said = f"{document.type[:SHOWN]} was not agreed."
        fix = "Add it to `documents` of the partner's profile, with its map, if it is meant to come."
        raise _No(UNKNOWN_KIND, said, Refused(said, fix=fix, code="EDI-KIND-422", modifier="cxml-450"))


def _without_proofs(body: bytes) -> bytes:
    """Return a document as it may be kept."""
    try:
        kept = without_proofs(body)
    except ValueError:
        raise _No(UNREADABLE, "The document cannot be read byte by byte; send it in UTF-8.") from None
    root = read_document(kept).root
    if root is None or has_proofs(root):
        raise _No(UNREADABLE, "The document cannot be kept without its SharedSecret; send it in UTF-8.")
    return kept


def _told(what: str, caller: Caller, modifier: str) -> CrossdockError:
    return Refused(
        what,
        why=f"It was answered with the Status {modifier.removeprefix('cxml-')}, and nothing of it was kept.",
        fix=f"Compare it with what was agreed with {caller.profile.theirs.id}, and have it sent again.",
        code="EDI-CALL-403",
        modifier=modifier,
    )
