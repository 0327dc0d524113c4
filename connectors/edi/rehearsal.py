"""The partner's AS2 station, played here: a profile seen from his side, so that a connection can be rehearsed."""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from connectors.edi.envelope import pack
from connectors.edi.inbound import acknowledgement, owed
from connectors.edi.profile import Profile, read_profile
from connectors.edi.transports.as2 import As2Transport, open_as2
from connectors.edi.transports.as2_profile import KEYS
from connectors.sdk.simulation.server import SimRequest, SimResponse
from core.domain.ids import uuid7
from core.errors import CrossdockError, InputError
from core.ports.connectors import InboundMessage, InboundRecord, Json, WebhookRequest
from core.ports.partners import OutgoingInterchange
from mappings.edi.acks.judging import judge
from mappings.edi.detect import HEAD, detect

HIGHEST = 10**9 - 1
CONTENT_TYPES = {"edifact": "application/edifact", "x12": "application/edi-x12"}


@dataclass(slots=True)
class Came:
    """What the hub sent to the station: a file with its kinds, or a receipt that came by itself, and what was answered.

    Args:
        name: of the file.
        body: its bytes.
        kinds: of the documents in it.
        refused: why it was not taken.
        receipt: of a receipt, what it says, with whether its hash is that of what was sent (`proven`).
        owed: the receipt that is to be sent by a call of its own.
    """

    name: str = ""
    body: bytes = field(default=b"", repr=False)
    kinds: list[str] = field(default_factory=list)
    refused: CrossdockError | None = None
    receipt: Json | None = None
    owed: Json | None = None


class Station:
    """Sends to the hub's door as the partner would, and takes what the hub sends.

    Args:
        name: of the partner's connection.
        settings: of it, as the hub has them.
        key: the partner's private key as PEM; its certificate is one of `their_certificates`.
        hub: address of the hub's door for this partner.
        here: address the station listens at.
        receipt: how it asks for receipts: `sync`, `async` or `none`.

    Raises:
        InputError: the partner does not speak AS2, or the key is not his.
        Misconfigured: the settings of his transport do not fit.
    """

    def __init__(
        self, name: str, settings: Mapping[str, Any], key: str, *, hub: str, here: str, receipt: str = "sync"
    ) -> None:
        table = as2_table(name, settings)
        self.transport: As2Transport = open_as2(
            {**_mirrored(name, table, key, hub, here, receipt), "secrets": {KEYS: key}, "connection": f"play:{name}"},
            max_bytes=read_profile(settings, name).max_bytes,
        )
        self.profile: Profile = read_profile(_seen_from_there(settings), name)
        self._sent: dict[str, str] = {}
        self._numbers: dict[str, itertools.count[int]] = {}
        self._taken: set[str] = set()

    # -- out

    def send(self, name: str, body: bytes) -> Json:
        """Send a file to the hub, and return what its receipt says.

        Raises:
            ConnectorError: the hub did not take it, or proves nothing.
        """
        kind = CONTENT_TYPES.get(detect(body[:HEAD]) or "", "application/xml")
        sent = self.transport.send(name, body, kind)
        self._sent[sent.reference] = str(sent.detail.get("mic", ""))
        verdict = "processed" if sent.received_at else "sent"
        return {"file": name, "bytes": len(body), "message_id": sent.reference, "verdict": verdict,
                "mic": sent.detail.get("mic"), "said": _said(sent.detail.get("receipt"))}  # fmt: skip

    def acknowledgements(self, body: bytes) -> list[OutgoingInterchange]:
        """Return what acknowledges a file of the hub: 997, 999, TA1 or CONTRL; nothing acknowledges these."""
        made = []
        for judged in judge(body):
            if owed(judged.findings, self.profile):
                contents, note = acknowledgement(judged.findings, self.profile)
                test = judged.findings.test or None
                made.append(pack(self.profile, self, judged.findings.syntax, contents, ta1=note, test=test))
        return made

    def number(self, series: str, *, start: int, limit: int, on_rollover: str) -> tuple[int, int]:
        """Return a control number: seconds of the clock, so that a later rehearsal has others."""
        del start, on_rollover
        most = min(limit, HIGHEST)
        return next(self._numbers.setdefault(series, itertools.count(int(time.time()) % most + 1))), 0

    # -- in

    def take(self, request: SimRequest) -> tuple[SimResponse, Came | None]:
        """Take a call of the hub: return the answer to it and what came, None where it only looks who is here."""
        if request.method != "POST":
            return SimResponse(405, b"An AS2 station: files are posted.\n", {"Allow": "POST"}), None
        given = WebhookRequest(dict(request.headers), request.body, datetime.now(UTC))
        try:
            call = self.transport.take_call(given)
        except CrossdockError as error:
            said = f"{error}\n".encode()
            return SimResponse(400, said, {"Content-Type": "text/plain; charset=utf-8"}), Came(refused=error)
        record = call.record
        if record is not None and record.topic != self.transport.topic:
            return SimResponse(200), Came(receipt=self._receipt(record))
        again = record is not None and record.dedupe_key in self._taken
        answer = call.answer(again)
        if record is None:
            came = Came(refused=call.refusal, owed=answer.owed)
        else:
            self._taken.add(record.dedupe_key)
            name = Path(record.headers.get("x-as2-filename") or "received").name
            came = Came(name, record.body, _kinds(record.body), owed=answer.owed)
        return SimResponse(answer.status, answer.body, dict(answer.headers)), came

    def _receipt(self, record: InboundRecord) -> Json:
        now = datetime.now(UTC)
        stored = InboundMessage(uuid7(), record.topic, record.body, record.content_type, record.headers, now)
        said = self.transport.read_receipt(stored)
        mic = self._sent.get(said["message_id"])
        return {**said, "known": mic is not None, "proven": bool(said["taken"]) and said["mic"] == mic}

    def close(self) -> None:
        """Give back the sockets."""
        self.transport.close()


def as2_table(name: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the `transport` of a partner who speaks AS2.

    Raises:
        InputError: he does not.
    """
    table: Mapping[str, Any] = settings.get("transport") or {}
    if table.get("kind") != "as2":
        raise InputError(
            f"{name} does not speak AS2: his files travel by {str(table.get('kind'))[:40]}.",
            fix="Put files where his transport takes them from, or set transport.kind to as2.",
            code="EDI-PLAY-422",
        )
    return table


def _mirrored(
    name: str, table: Mapping[str, Any], key: str, hub: str, here: str, receipt: str
) -> dict[str, Any]:  # fmt: skip
    """Return the settings the partner has for us, where ours for him are these."""
    sign, encrypt = table.get("sign", "sha256"), table.get("encrypt", "aes256_cbc")
    mirrored = {
        "url": hub,
        "our_name": table["their_name"],
        "their_name": table["our_name"],
        "our_certificates": [_certificate_of(name, table, key)],
        "their_certificates": table["our_certificates"],
        # What the hub demands is given, whether or not it does the same.
        "sign": "sha256" if table.get("require_signed", True) and _no(sign) else sign,
        "encrypt": "aes256_cbc" if table.get("require_encrypted", True) and _no(encrypt) else encrypt,
        "compress": table.get("compress", False),
        "require_signed": not _no(sign),
        "require_encrypted": not _no(encrypt),
        "receipt": receipt,
        "their_receipt_url": hub,
    }
    return {**mirrored, "receipt_url": here} if receipt == "async" else mirrored


def _no(choice: Any) -> bool:
    return choice in (None, False, "none", "")


def _certificate_of(name: str, table: Mapping[str, Any], key: str) -> str:
    """Return the certificate of the profile that belongs to a key."""
    try:
        wanted = load_pem_private_key(key.encode(), None).public_key()
    except (ValueError, TypeError):
        raise InputError(
            "The key cannot be read.", why="It is no private key in PEM form, or has a passphrase.",
            fix="`crossdock as2 certificate NAME` makes one.", code="EDI-PLAY-422",
        ) from None  # fmt: skip
    given = table["their_certificates"]
    for text in [given] if isinstance(given, str) else given:
        for each in x509.load_pem_x509_certificates(text.encode()):
            if each.public_key() == wanted:
                return each.public_bytes(Encoding.PEM).decode()
    raise InputError(
        f"The key belongs to none of the certificates that {name} is known by.",
        why="The hub would refuse what it signs.",
        fix="Put its certificate into transport.their_certificates of his file while you rehearse, then "
        "`crossdock partner add FILE --replace`.",
        code="EDI-PLAY-409",
    )


def _seen_from_there(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile from the partner's side: what is ours to the hub is theirs to him."""
    sides = settings["identifiers"]
    turned = {"in": "out", "out": "in"}
    rows = [
        {turned[way]: each[way], "map": each["map"]} for each in settings["documents"] for way in turned if way in each
    ]
    kept = {name: settings[name] for name in ("x12", "edifact") if name in settings}
    acks = {"send": {"functional": "997", "contrl": "always"}}
    return {**kept, "identifiers": {"ours": sides["theirs"], "theirs": sides["ours"]}, "documents": rows, "acks": acks,
            "transport": settings["transport"]}  # fmt: skip


def _kinds(body: bytes) -> list[str]:
    try:
        return list(dict.fromkeys(each.kind for judged in judge(body) for each in judged.findings.messages()))
    except CrossdockError:
        return []


def _said(receipt: str | None) -> str | None:
    """Return the sentence for people in a receipt."""
    if not receipt:
        return None
    for line in base64.b64decode(receipt).decode("utf-8", "replace").splitlines():
        if line.startswith("The message "):
            return line
    return None
