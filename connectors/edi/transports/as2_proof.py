"""What the receipt in a partner's answer proves of a file that was posted to him."""

from __future__ import annotations

import base64
from datetime import datetime

from connectors.edi.as2 import message, mime, receipt
from connectors.edi.as2.errors import As2Error
from connectors.edi.as2.profile import Profile
from connectors.sdk.http import Answer
from core.errors import OutcomeUnknown, Rejected, Transient

# What a partner says when something else than the message was wrong; it has not taken it and may later.
TRY_AGAIN = frozenset({"unexpected-processing-error"})


def proof(partner: str, profile: Profile, out: message.Outgoing, answer: Answer, now: datetime) -> str:
    """Return the receipt in base64 once it proves that the partner has what was sent.

    Args:
        partner: his name in errors.
        profile: the connection.
        out: what was sent.
        answer: of the partner, with his receipt.
        now: what certificates are chosen by.

    Raises:
        OutcomeUnknown: there is no receipt.
        Transient: he took nothing, and may later.
        Rejected: he did not take it, or the receipt proves nothing.
    """
    headers, body = answer.headers, answer.body
    if not body:
        raise OutcomeUnknown(
            f"{partner} answered without a receipt.",
            why="The profile asks for one in the answer (`receipt: sync`).",
            fix="Nothing: it is sent again under its name, which the partner knows. Ask him if it stays so.",
            code="AS2-RECEIPT-504",
        )
    twice = ""
    try:
        fields, said = receipt.read(headers, body, profile, now)
        if said.modifier == "duplicate-document":
            # Some products leave the hash out of these.
            twice = " He says that he had the message before: if he confirms it, discard this delivery."
        said = receipt.judge(out, fields, said)
    except As2Error as error:
        raise Rejected(
            f"The receipt of {partner} proves nothing: {error.what}",
            why=error.why,
            fix=f"Ask the partner what arrived before sending again.{twice}",
            code="AS2-RECEIPT-422",
            modifier=error.modifier,
        ) from None
    if said.taken:
        return base64.b64encode(mime.part_from(headers, body).raw).decode()
    kind = Transient if (said.modifier or "").lower() in TRY_AGAIN else Rejected
    raise kind(
        f"{partner} did not take the message: {said.modifier or 'it does not say why'}.",
        why=said.text or None,
        fix="Compare names, certificates and what is signed and encrypted with the partner's.",
        code="AS2-REFUSED-422",
        modifier=said.modifier,
    )
