"""The connector that needs no Python: every verb of the manifest's `requests` becomes a method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.sdk.answers import identifier, search
from connectors.sdk.base import BaseConnector
from connectors.sdk.http import SUCCESS, Answer
from connectors.sdk.manifest import Find, Request
from connectors.sdk.manifest_words import LISTS
from connectors.sdk.paging import list_page
from connectors.sdk.template import fill, fill_body, fill_query
from core.errors import MappingError, Misconfigured, OutcomeUnknown, Unwritable
from core.ports.connectors import Json, Page, Push, Receipt
from mappings.syntaxes.json import dump

CONTENT_TYPES = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "xml": "application/xml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""What a body written by a map of each syntax is called; a row's own `headers` win."""


class DeclarativeConnector(BaseConnector):
    """Performs the requests of the manifest; a subclass overrides a verb and may call `perform` or `look_up`."""

    def request_row(self, verb: str) -> Request:
        """Return the manifest's request of a verb.

        Raises:
            Misconfigured: there is none.
        """
        row = self.manifest.requests.get(verb)
        if row is None:
            raise Misconfigured(
                f"{self.manifest.label} cannot {verb.replace('_', ' ')}.",
                fix=f"Add `requests: {verb}` to its manifest.",
            )
        return row

    def scope(self, push: Push) -> dict[str, Any]:
        """Return what the templates of a write can name."""
        return {"payload": push.payload, "reference": push.reference, "settings": self.settings}

    def perform(self, push: Push) -> Receipt:
        """Make the request of a write and return the partner's receipt.

        Raises:
            OutcomeUnknown: it was taken, but the answer does not say under which identifier.
        """
        row = self.request_row(push.kind)
        scope = self.scope(push)
        headers = {name: fill(value, scope) for name, value in row.headers.items()}
        if row.idempotency_header:
            headers[row.idempotency_header] = push.reference
        data = self.body(row, push)
        if data is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = CONTENT_TYPES[self.map(row.map).document.syntax if row.map else "json"]
        answer = self.call(
            row.method,
            self.url(row.path, scope),
            verb=row.verb,
            write=True,
            params=fill_query(row.query, scope),
            headers=headers,
            data=data,
            ok=row.ok,
        )
        return self.receipt(row, answer)

    def body(self, row: Request, push: Push) -> bytes | None:
        """Return the body of a write: written by its map, or the inline one filled in.

        Raises:
            Unwritable: the payload does not fit the map.
        """
        if row.map is None:
            return None if row.body is None else dump(fill_body(row.body, self.scope(push)))
        try:
            return self.map(row.map).write_bytes([self.written(push)])
        except MappingError as error:
            raise Unwritable(
                f"The {push.kind.replace('_', ' ')} cannot be written for {self.manifest.label}.",
                why=error.what,
                fix=error.fix,
                **error.data,
            ) from None

    def written(self, push: Push) -> Json:
        """Return what an outbound map reads: the payload, our reference as `push`, and the settings."""
        about = {"reference": push.reference, "attempt": push.attempt}
        return {**push.payload, "push": about, "settings": self.settings}

    def receipt(self, row: Request, answer: Answer) -> Receipt:
        """Return what a successful answer says of the effect."""
        detail = self.redactor.value(answer.document) if isinstance(answer.document, dict) else {}
        if row.reference is None:
            return Receipt(None, detail)
        reference = identifier(answer.document, row.reference)
        if reference is None:
            raise OutcomeUnknown(
                f"{self.manifest.label} took {row.verb}, but names no identifier at {row.reference}.",
                fix="Nothing: the hub looks it up by reference.",
            )
        return Receipt(reference, detail)

    def look_up(self, push: Push) -> Receipt | None:
        """Return the receipt of an earlier effect of this push, None when there was none."""
        find = self.request_row(push.kind).find
        if find is None:
            raise Misconfigured(
                f"{self.manifest.label} cannot look up {push.kind}.", fix="Add `find` to the request in its manifest."
            )
        scope = self.scope(push)
        answer = self.call(
            find.method,
            self.url(find.path, scope),
            verb="find_by_reference",
            write=False,
            params=fill_query(find.query, scope),
            ok=(*SUCCESS, *find.missing),
        )
        borne = fill(find.equals, scope) if find.match else ""
        return found_receipt(find, borne, answer, self.redactor.value)

    def list_records(self, verb: str, cursor: Json) -> Page:
        """Return the next page of a list."""
        return list_page(self, self.request_row(verb), cursor)


def found_receipt(find: Find, borne: str, answer: Answer, redact: Callable[[Any], Any]) -> Receipt | None:
    """Return what a look-up's answer says of the effect whose things bear this text."""
    if answer.status in find.missing:
        return None
    found = search(find.at, answer.document) if find.at else answer.document
    for thing in found if isinstance(found, list) else [found]:
        if not thing or (find.match and identifier(thing, find.match) != borne):
            continue
        if find.when and not search(find.when, thing):
            continue
        number = identifier(thing, find.reference) if find.reference else None
        return Receipt(number, redact(thing) if isinstance(thing, Mapping) else {})
    return None


def method_for(verb: str) -> Callable[..., Any]:
    """Return the method of a verb the manifest has a request for."""

    def write(self: DeclarativeConnector, push: Push) -> Receipt:
        return self.perform(push)

    def find(self: DeclarativeConnector, push: Push) -> Receipt | None:
        return self.look_up(push)

    def listing(self: DeclarativeConnector, cursor: Json) -> Page:
        return self.list_records(verb, cursor)

    made: Callable[..., Any] = listing if verb in LISTS else find if verb == "find_by_reference" else write
    made.__name__ = verb
    made.__doc__ = f"Do what the manifest's `requests: {verb}` says."
    return made


def with_verbs(kind: type[BaseConnector], verbs: Iterable[str]) -> type[BaseConnector]:
    """Return the class with a method for every declared verb that it does not define itself."""
    missing = [verb for verb in sorted(verbs) if not hasattr(kind, verb)]
    if not missing:
        return kind
    return type(kind.__name__, (kind,), {verb: method_for(verb) for verb in missing})
