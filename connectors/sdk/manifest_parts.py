"""The tables inside `connector.yaml`; their help texts are the reference in docs/connectors.md."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from connectors.sdk import manifest as data
from connectors.sdk.manifest_fields import Part, expression, header_name, one_of, statuses, text, texts
from connectors.sdk.manifest_words import (
    AUTH_SCHEMES,
    ERROR_CLASSES,
    NAME,
    PAGING_SCHEMES,
    SETTING_TYPES,
    VERBS,
    WEBHOOK_SCHEMES,
)
from core.domain.vocabulary import DocumentType


class SettingPart(Part):
    """One row of `settings`."""

    makes = data.Setting
    name = text("Name the connector and templates use.", required=True, validate=NAME)
    type = one_of("Kind of value; `url` also allows calls to that address, private ones included.", SETTING_TYPES)
    help = text("One sentence for the person filling it in.", required=True, validate=validate.Length(min=5))
    label = text("Caption in the form; the name by default.")
    secret = fields.Boolean(metadata={"help": "Kept encrypted, never shown, never logged."})
    required = fields.Boolean(metadata={"help": "A connection cannot be opened without it."})
    default = fields.Raw(metadata={"help": "Value when nothing is filled in; not allowed for secrets."})
    choices = fields.List(fields.String(), metadata={"help": "The values of type `choice`."})

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """A secret has no default; a choice has choices."""
        if given.get("secret") and "default" in given:
            raise ValidationError("a secret has no default", "default")
        if (given.get("type") == "choice") != bool(given.get("choices")):
            raise ValidationError("type `choice` and only that has choices", "choices")


class AuthPart(Part):
    """The table `auth`."""

    makes = data.Auth
    scheme = one_of("How requests are authorized; `custom` leaves it to connector.py.", AUTH_SCHEMES, required=True)
    secret = text("Secret setting: key, password, token or client secret.")
    username = text("Setting with the user name (`basic`).")
    header = text("Header of `api_key` and `bearer`; `Authorization` by default.")
    prefix = text("Text before the key in the header; `Bearer ` for `bearer` by default.")
    token_url = text("Where `oauth2` fetches its token (client credentials); a template.")
    client_id = text("Setting with the client id (`oauth2`).")
    scope = text("Scope asked for (`oauth2`).")

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """Each scheme has what it needs."""
        needs = {"api_key": ["secret", "header"], "basic": ["username", "secret"], "bearer": ["secret"]}
        needs["oauth2"] = ["token_url", "client_id", "secret"]
        missing = [name for name in needs.get(given["scheme"], []) if not given.get(name)]
        if missing:
            raise ValidationError(f"scheme {given['scheme']} needs {', '.join(missing)}")


class LimitsPart(Part):
    """The table `limits`."""

    rate = fields.Float(metadata={"help": "Requests per second."}, validate=validate.Range(min=0.01))
    burst = fields.Float(metadata={"help": "Requests at once after a pause."}, validate=validate.Range(min=1))
    concurrency = fields.Integer(metadata={"help": "Requests under way together."}, validate=validate.Range(min=1))
    timeout = fields.Float(
        metadata={"help": "Seconds for one whole request."}, validate=validate.Range(min=0.1, max=300)
    )
    max_body = fields.Integer(
        metadata={"help": "Bytes of the largest webhook or answer taken."}, validate=validate.Range(min=1_024)
    )


class WebhookPart(Part):
    """The table `webhook`."""

    makes = data.Webhook
    scheme = one_of("How a call proves itself; `custom` leaves it to connector.py.", WEBHOOK_SCHEMES, required=True)
    secret = text("Secret setting with the key or shared secret.")
    header = header_name("Header with the signature or secret; `X-Signature` by default. It is never stored.")
    encoding = one_of("How the signature is written; hex by default.", ("hex", "base64"))
    prefix = text("Text before the signature, such as `sha256=`.")
    signed = text("What is signed: a template of `{body}`, `{id}` and `{time}`; `{body}` alone by default.")
    id_header = header_name("Header with the delivery's id; the dedupe key when there is no event id.")
    event_header = header_name("Header with the event's id, the same on every redelivery.")
    topic_header = header_name("Header with the topic.")
    topic_path = text("Where the topic stands in a JSON body, when no header has it.")
    time_header = header_name("Header with the sending time (Unix seconds or ISO 8601): switches on the replay window.")
    tolerance = fields.Integer(
        metadata={"help": "Seconds a call may be old or from the future; 300 by default."},
        validate=validate.Range(min=1),
    )
    challenge = text("Query parameter whose value is echoed when the partner verifies our address.")
    expected_status = fields.Integer(
        metadata={"help": "Status the partner wants for a taken call; 202 by default."},
        validate=validate.Range(200, 299),
    )

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """A built-in scheme has a secret; there is a way to know the topic."""
        if given["scheme"] != "custom" and not given.get("secret"):
            raise ValidationError("names no secret setting", "secret")
        if given["scheme"] != "custom" and not (given.get("topic_header") or given.get("topic_path")):
            raise ValidationError("needs topic_header or topic_path")


class PollPart(Part):
    """One row of `poll`."""

    makes = data.Poll
    interval = fields.Integer(metadata={"help": "Seconds between rounds."}, validate=validate.Range(min=10))
    overlap = fields.Integer(metadata={"help": "Seconds each round looks back again."}, validate=validate.Range(min=0))


class DocumentPart(Part):
    """One row of `documents`."""

    topic = text("Topic of the message; `*` at the end stands for any rest.", required=True)
    type = one_of(
        "Canonical document it becomes; `ignore` for what needs nothing.", DocumentType, required=True, data_key="as"
    )
    map = text("Map file in the connector's folder.")
    canonical = fields.Boolean(
        metadata={"help": "The message is the canonical document itself, as JSON; then there is no map."}
    )
    reason = text("Why it is ignored.")

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """A document has a map or is canonical already; an ignored one has a reason."""
        if given["type"] == DocumentType.IGNORE:
            if not given.get("reason"):
                raise ValidationError("an ignored topic says why", "reason")
        elif not given.get("map") and not given.get("canonical"):
            raise ValidationError("names no map file", "map")
        elif given.get("map") and given.get("canonical"):
            raise ValidationError("a canonical document has no map", "map")

    @post_load
    def make(self, found: dict[str, Any], **_more: Any) -> data.DocumentRow:
        """Return the row with its type as a DocumentType."""
        return data.DocumentRow(**{**found, "type": DocumentType(found["type"])})


class PagingPart(Part):
    """The table `paging` of a list request."""

    makes = data.Paging
    scheme = one_of("How the next page is asked for; `link` follows the Link header.", PAGING_SCHEMES, required=True)
    next = expression("Where the next cursor stands in the answer (`cursor`).")
    parameter = text("Query parameter with the cursor, page number or offset.")
    size_parameter = text("Query parameter with the page size.")
    size = fields.Integer(metadata={"help": "Records per page."}, validate=validate.Range(min=1, max=1_000))
    more = expression("Where the answer says that more is waiting; by default a full page means more.")

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """Every scheme but link has a parameter; a cursor has its place."""
        if given["scheme"] != "link" and not given.get("parameter"):
            raise ValidationError("names no query parameter", "parameter")
        if given["scheme"] == "cursor" and not given.get("next"):
            raise ValidationError("says not where the next cursor stands", "next")


class FindPart(Part):
    """The table `find` of a write request."""

    makes = data.Find
    path = text("Path under base_url; a template.", required=True)
    method = one_of("HTTP method.", ("GET", "POST"))
    query = texts("Query parameters; templates.")
    at = expression(
        "Where the found thing, or a list of such things, stands in the answer; the whole answer by default."
    )
    match = expression(
        "Where a found thing bears what `equals` says; without it the first thing found counts, and the query alone "
        "must single it out."
    )
    equals = text("What a found thing bears at `match`, as text: a template; the write's `{reference}` by default.")
    when = expression("JMESPath condition on the found thing: false means the effect has not happened.")
    reference = expression("Where the partner's id stands in the found thing.")
    missing = statuses("Statuses that mean there is none; 404 by default.")

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """What a thing bears is compared somewhere."""
        if given.get("equals") and not given.get("match"):
            raise ValidationError("says what a found thing bears, and `match` does not say where", "equals")


class RequestPart(Part):
    """One row of `requests`, named by its verb."""

    method = one_of(
        "HTTP method; POST for writes and GET for lists by default.", ("GET", "POST", "PUT", "PATCH", "DELETE")
    )
    path = text("Path under base_url; a template such as `/v1/orders/{payload.order.id}`.", required=True)
    query = texts("Query parameters; templates.")
    headers = texts("Further headers; templates.")
    map = text("Map file that writes the body from the payload.")
    body = fields.Raw(metadata={"help": "Inline body of templates, where no map is needed."})
    idempotency_header = text("Header that carries our reference as idempotency key.")
    ok = statuses("Statuses that mean success; 200, 201, 202 and 204 by default.")
    reference = expression(
        "Where the partner's id stands in the answer (JMESPath); left out where the answer names none."
    )
    find = fields.Nested(FindPart, metadata={"help": "How the effect is looked up; required for every write."})
    topic = text("Topic the listed records get (lists).")
    records = expression("Where the records stand in the answer; left out, the whole page is one record (lists).")
    changed_at = expression("Where a record says when it changed (lists).")
    since = text("Query parameter for the time to start from (lists).")
    paging = fields.Nested(PagingPart, metadata={"help": "How further pages are asked for (lists)."})


class ErrorRowPart(Part):
    """One row of `errors.rows`."""

    makes = data.ErrorRow
    raises = one_of("Class it becomes.", ERROR_CLASSES, required=True)
    status = fields.Integer(metadata={"help": "HTTP status."}, validate=validate.Range(100, 599))
    code = text("The partner's own error code; needs `errors.code`.")
    verbs = fields.List(one_of("Verb.", VERBS), metadata={"help": "Only for these verbs."})
    fix = text("What a person can do about it.")

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """A row has a condition."""
        if "status" not in given and "code" not in given:
            raise ValidationError("names neither status nor code")


class ErrorsPart(Part):
    """The table `errors`."""

    makes = data.Errors
    code = expression("Where the partner's error code stands in its answer (JMESPath).")
    message = expression("Where the partner's message stands in its answer (JMESPath).")
    rows = fields.List(fields.Nested(ErrorRowPart), metadata={"help": "What its errors mean; the first that fits."})


class QualityPart(Part):
    """One rule of `quality`."""

    makes = data.QualityRule
    status = one_of("Where it stands.", ("done", "todo", "exempt"), required=True)
    reason = text("Why it is exempt.")

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """An exemption has a reason."""
        if given["status"] == "exempt" and not given.get("reason"):
            raise ValidationError("an exemption says why", "reason")


class Rule(fields.Nested):
    """A quality rule: `done`, `todo`, or a table with a reason."""

    def _deserialize(self, value: Any, *more: Any, **others: Any) -> Any:
        return super()._deserialize({"status": value} if isinstance(value, str) else value, *more, **others)
