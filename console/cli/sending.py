"""Webhooks as a partner makes them: body, headers, signature, pace."""

from __future__ import annotations

import json
import random
import re
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
import requests

from connectors.sdk.checks.goldens import Goldens, slug
from connectors.sdk.manifest import DocumentRow, Manifest, Webhook
from connectors.sdk.maps import open_map
from connectors.sdk.webhook import sign, signature_header, time_header
from console.cli.base import Session, registry
from console.cli.changes import set_path
from console.cli.output import hint, note
from core.domain.vocabulary import DocumentType
from core.errors import CrossdockError, InputError, NotFound, Unavailable
from core.jobs.hub import Hub
from core.services.catalog import connection_named
from core.services.connections import config_of

if TYPE_CHECKING:
    from console.demo.control import Control

SECONDS = 30
UPDATES = re.compile(r"updat|edit|cancel|delet|paid|chang", re.IGNORECASE)
"""Topics that speak of something already there: their sample keeps its identity."""


@dataclass
class Sender:
    """Makes deliveries of one topic of one connection.

    Attributes:
        name: of the connection.
        row: what the topic means to the hub.
        webhook: how calls are signed.
        secret: the key they are signed with.
        body: the sample.
        sets: PATH=VALUE to change in it.
        identity: path of what makes it a new order each time; None to keep it.
    """

    name: str
    row: DocumentRow
    webhook: Webhook
    secret: str = field(repr=False)
    body: bytes
    sets: tuple[str, ...] = ()
    identity: str | None = None
    late: timedelta = timedelta(0)
    bad_signature: bool = False

    @classmethod
    def find(cls, hub: Hub, name: str, topic: str, *, file: Path | None, sets: tuple[str, ...], fresh: bool) -> Self:
        """Return the sender of a connection's topic.

        Raises:
            NotFound: no such connection or topic.
            InputError: this kind of partner calls nobody, or has no sample of the topic.
        """
        with hub.store.begin() as unit:
            account = connection_named(unit, name)
            config = config_of(account, hub.box, unit.now)
        manifest = registry(hub).manifest(config.connector)
        if manifest is None or manifest.webhook is None or manifest.webhook.scheme == "custom":
            raise InputError(
                f"{config.connector} sends no signed webhooks.",
                fix="Use a connection of another kind, or the partner's simulator.",
                code="CLI-TRIGGER-422",
            )
        row = _row(manifest, topic)
        body = file.read_bytes() if file else _sample(manifest, row)
        identity = _identity(manifest, row) if fresh and file is None else None
        secret = config.secrets.get(manifest.webhook.secret or "", "")
        return cls(name, row, manifest.webhook, secret, body, sets, identity)

    @property
    def refused(self) -> bool:
        """Whether 401 is the right answer: the signature is wrong, or older than the connector allows."""
        table = self.webhook
        return self.bad_signature or (time_header(table) is not None and self.late.total_seconds() > table.tolerance)

    def make(self, number: int) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of one delivery."""
        body, identifier, now = self.body, str(uuid.uuid4()), datetime.now(UTC)
        if self.sets or self.identity:
            document = _document(body)
            if self.identity:
                _renew(document, self.identity)
            for each in self.sets:
                words = {"{n}": str(number), "{uuid}": identifier, "{now}": now.isoformat()}
                for word, value in words.items():
                    each = each.replace(word, value)
                set_path(document, each)
            body = json.dumps(document, ensure_ascii=False).encode()
        headers = sign(self.webhook, self.secret, body, topic=self.row.topic, identifier=identifier, at=now - self.late)
        if self.bad_signature:
            name = signature_header(self.webhook) if self.webhook.scheme != "bearer" else self.webhook.header
            headers[name] = headers[name][:-4] + "".join("A" if letter != "A" else "B" for letter in headers[name][-4:])
        return body, headers


def _row(manifest: Manifest, topic: str) -> DocumentRow:
    for row in manifest.documents:
        if row.topic == topic or slug(row.topic) == slug(topic):
            return row
    raise NotFound(
        f"{manifest.label} has no topic {topic[:60]!r}.",
        fix=f"Topics are: {', '.join(sorted(each.topic for each in manifest.documents))}.",
    )


def _sample(manifest: Manifest, row: DocumentRow) -> bytes:
    found = [each for each in Goldens(manifest).incoming() if each.topic == row.topic]
    # One that is read without complaint, and the plainest of them: variants have a longer name.
    good = [each for each in found if isinstance(each.expected, list)] or found
    if not good:
        raise InputError(
            f"{manifest.label} has no sample of {row.topic}.", fix="Give the body with --file.", code="CLI-SAMPLE-404"
        )
    return min(good, key=lambda each: len(each.name)).body


def _identity(manifest: Manifest, row: DocumentRow) -> str | None:
    """Return the path in the body of an order's external id, when the topic brings new orders."""
    if row.type is not DocumentType.ORDER or UPDATES.search(row.topic):
        return None
    if row.canonical or row.map is None:
        return "external_id" if row.canonical else None
    rules = open_map(manifest, row.map).document.fields
    return next((rule.path for rule in rules if rule.key == "external_id"), None)


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise InputError("The body is not JSON, so nothing can be set in it.", code="CLI-TRIGGER-415") from None


def _renew(document: Any, path: str) -> None:
    """Give what names the order a new value of the same kind; its number follows when there is one."""
    *above, last = path.split(".")
    here = document
    for name in above:
        here = here[name]
    digits = max(len(str(here.get(last, ""))), 8)
    fresh = random.randrange(10 ** (digits - 1), 10**digits)  # noqa: S311 - names a sample, guards nothing
    here[last] = fresh if isinstance(here.get(last), int) else str(fresh)
    for key in ("name", "number"):
        if isinstance(document, dict) and isinstance(document.get(key), str) and document[key].startswith("#"):
            document[key] = f"#T{fresh % 10**7}"


def send_all(
    session: Session,
    sender: Sender,
    url: str,
    *,
    times: int,
    rate: float | None,
    twice: bool,
    partner: Control | None = None,
) -> int:
    """Send deliveries, write what came of each, and return how many were not answered as expected.

    Args:
        url: of the hub.
        times: how many.
        rate: a second; None sends as fast as they are taken.
        twice: send each a second time.
        partner: the simulated one of the demo, which takes an order into its books before the hub hears of it.

    Raises:
        Unavailable: nobody listens there.
    """
    target = f"{url.rstrip('/')}/webhooks/{sender.name}"
    wrong, began = 0, time.monotonic()
    with requests.Session() as http:
        for number in range(1, times + 1):
            if rate is not None:
                time.sleep(max(0.0, began + (number - 1) / rate - time.monotonic()))
            body, headers = sender.make(number)
            if partner is not None and not sender.refused and sender.row.type is DocumentType.ORDER:
                _enter(partner, sender.name, body)
            for _ in range(2 if twice else 1):
                found = _send(http, target, number, body, headers)
                expected = found["status"] == 401 if sender.refused else 200 <= found["status"] < 300
                wrong += not expected
                _tell(session, found)
    if times > 1:
        seconds = time.monotonic() - began
        click.echo(f"{times} sent in {seconds:.1f} s, {wrong} not answered as expected", err=True)
    elif not wrong and not sender.refused:
        hint(f"crossdock messages list --connection {sender.name} --limit 1", "crossdock tail")
    return wrong


def _enter(partner: Control, name: str, body: bytes) -> None:
    """Have the simulated partner know an order; where it cannot, say so: it will not know the order's shipment."""
    try:
        partner.ask(name, "adopt", _document(body))
    except CrossdockError as error:
        note(f"The simulated partner will not know this order: {error.what}")


def _send(http: requests.Session, target: str, number: int, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    started = time.monotonic()
    try:
        answer = http.post(target, data=body, headers=headers, timeout=SECONDS)
    except requests.RequestException as error:
        raise Unavailable(
            f"{target} cannot be reached.",
            why=type(error).__name__,
            fix="Start the hub with `crossdock up`, or name it with --url.",
            code="CLI-DOOR-503",
        ) from None
    try:
        told = answer.json() if answer.content else {}
    except ValueError:
        told = {}
    return {
        "n": number,
        "status": answer.status_code,
        "message_id": told.get("message_id"),
        "duplicate": told.get("duplicate"),
        "code": told.get("code"),
        "detail": told.get("detail"),
        "ms": round((time.monotonic() - started) * 1_000, 1),
    }


def _tell(session: Session, found: dict[str, Any]) -> None:
    if session.json:
        session.out.line(found)
        return
    what = found["message_id"] or f"{found['code'] or ''} {found['detail'] or ''}".strip()
    again = " (a duplicate)" if found["duplicate"] else ""
    click.echo(f"{found['status']}  {what}{again}  {found['ms']} ms")
