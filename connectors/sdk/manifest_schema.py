"""The marshmallow schema of `connector.yaml`; the help texts here are the reference in docs/connectors.md."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate, validates_schema

from connectors.sdk import manifest as data
from core.domain.documents import reasons
from core.domain.vocabulary import DocumentType, Write
from core.errors import Misconfigured

KINDS = ("shop", "marketplace", "edi", "erp", "wms", "carrier", "mail", "file", "crm")
LISTS = ("list_orders", "list_stock", "list_items")
VERBS = (*(str(each) for each in Write), *LISTS, "find_by_reference", "receive_orders", "receive_files")
SETTING_TYPES = ("text", "url", "integer", "number", "boolean", "choice", "folder", "json")
AUTH_SCHEMES = ("none", "api_key", "basic", "bearer", "oauth2", "custom")
WEBHOOK_SCHEMES = ("hmac-sha256", "standard-webhooks", "bearer", "custom")
PAGING_SCHEMES = ("cursor", "page", "offset", "link")
ERROR_CLASSES = ("transient", "rate_limited", "outcome_unknown", "rejected", "declined", "misconfigured")
QUALITY_RULES: Mapping[str, tuple[str, ...]] = {
    "bronze": ("maps", "goldens"),
    "silver": ("errors", "replay", "paging", "signature", "find_by_reference"),
    "gold": ("simulator", "backfill", "reconciliation"),
    "platinum": ("vendor_contract", "load"),
}
RULES = tuple(rule for rules in QUALITY_RULES.values() for rule in rules)
ID = validate.Regexp(r"\A[a-z][a-z0-9]*(-[a-z0-9]+)*\Z", error="must be lower case words joined by hyphens")
NAME = validate.Regexp(r"\A[a-z][a-z0-9_]*\Z", error="must be lower case letters, digits and _")
UNKNOWN = "Unknown field."
# Distributions of others put it before the id: crossdock_acme_wms holds acme-wms.
PREFIX = "crossdock_"


def text(help: str, **more: Any) -> fields.String:
    """Return a text field; numbers such as an unquoted version are refused, because YAML would change them."""
    return fields.String(metadata={"help": help}, **more)


def one_of(help: str, allowed: Iterable[str], **more: Any) -> fields.String:
    """Return a text field with a closed list of values."""
    return text(help, validate=validate.OneOf(list(allowed)), **more)


def header_name(help: str, **more: Any) -> fields.String:
    """Return the name of an HTTP header; kept in lower case, as incoming headers are."""
    return LowerCase(metadata={"help": help}, validate=validate.Regexp(r"\A[A-Za-z0-9-]+\Z"), **more)


def statuses(help: str) -> fields.List[Any]:
    """Return a list of HTTP statuses."""
    return fields.List(fields.Integer(validate=validate.Range(100, 599)), metadata={"help": help})


def texts(help: str) -> fields.Dict:
    """Return a table of texts."""
    return fields.Dict(keys=fields.String(), values=fields.String(), metadata={"help": help})


class LowerCase(fields.String):
    """Text that is kept in lower case."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        found: str = super()._deserialize(value, attr, data, **kwargs)
        return found.lower()


class Part(Schema):
    """A part of the manifest: unknown keys are refused with the nearest known one; loads into its dataclass."""

    makes: type | None = None

    class Meta:
        """Unknown keys are errors."""

        unknown = RAISE

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **kwargs: Any) -> None:
        """Say which known key was probably meant."""
        del data, many, kwargs
        if not isinstance(error.messages, dict):
            return
        known = [each.data_key or name for name, each in self.load_fields.items()]
        for key, complaints in error.messages.items():
            if complaints == [UNKNOWN]:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}."
                error.messages[key] = [f"is not a key of the manifest here; {hint}"]

    @post_load
    def make(self, found: dict[str, Any], **_more: Any) -> Any:
        """Return the dataclass, lists as tuples."""
        if self.makes is None:
            return found
        plain = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
        if "body" in found:
            plain["body"] = found["body"]
        return self.makes(**plain)


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
    header = header_name("Header with the signature or secret.")
    encoding = one_of("How the signature is written.", ("hex", "base64"))
    prefix = text("Text before the signature, such as `sha256=`.")
    signed = text("What is signed: a template of `{body}`, `{id}` and `{time}`.")
    id_header = header_name("Header with the delivery's id; the dedupe key when there is no event id.")
    event_header = header_name("Header with the event's id, the same on every redelivery.")
    topic_header = header_name("Header with the topic.")
    topic_path = text("Where the topic stands in a JSON body, when no header has it.")
    time_header = header_name("Header with the sending time (Unix seconds or ISO 8601): switches on the replay window.")
    tolerance = fields.Integer(
        metadata={"help": "Seconds a call may be old or from the future."}, validate=validate.Range(min=1)
    )
    challenge = text("Query parameter whose value is echoed when the partner verifies our address.")
    expected_status = fields.Integer(
        metadata={"help": "Status the partner wants for a taken call."}, validate=validate.Range(200, 299)
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
    reason = text("Why it is ignored.")

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """A document has a map; an ignored one has a reason."""
        if given["type"] == DocumentType.IGNORE:
            if not given.get("reason"):
                raise ValidationError("an ignored topic says why", "reason")
        elif not given.get("map"):
            raise ValidationError("names no map file", "map")

    @post_load
    def make(self, found: dict[str, Any], **_more: Any) -> data.DocumentRow:
        """Return the row with its type as a DocumentType."""
        return data.DocumentRow(**{**found, "type": DocumentType(found["type"])})


class PagingPart(Part):
    """The table `paging` of a list request."""

    makes = data.Paging
    scheme = one_of("How the next page is asked for; `link` follows the Link header.", PAGING_SCHEMES, required=True)
    next = text("Where the next cursor stands in the answer (`cursor`).")
    parameter = text("Query parameter with the cursor, page number or offset.")
    size_parameter = text("Query parameter with the page size.")
    size = fields.Integer(metadata={"help": "Records per page."}, validate=validate.Range(min=1, max=1_000))
    more = text("Where the answer says that more is waiting; by default a full page means more.")

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
    at = text("Where the found thing stands in the answer; the whole answer by default.")
    when = text("JMESPath condition on the found thing: false means the effect has not happened.")
    reference = text("Where the partner's id stands in the found thing.")
    missing = statuses("Statuses that mean there is none; 404 by default.")


class RequestPart(Part):
    """One row of `requests`, named by its verb."""

    method = one_of("HTTP method.", ("GET", "POST", "PUT", "PATCH", "DELETE"))
    path = text("Path under base_url; a template such as `/v1/orders/{payload.order.id}`.", required=True)
    query = texts("Query parameters; templates.")
    headers = texts("Further headers; templates.")
    map = text("Map file that writes the body from the payload.")
    body = fields.Raw(metadata={"help": "Inline body of templates, where no map is needed."})
    idempotency_header = text("Header that carries our reference as idempotency key.")
    ok = statuses("Statuses that mean success; 200, 201, 202 and 204 by default.")
    reference = text("Where the partner's id stands in the answer (JMESPath).")
    find = fields.Nested(FindPart, metadata={"help": "How the effect is looked up; required for every write."})
    topic = text("Topic the listed records get (lists).")
    records = text("Where the records stand in the answer; left out, the whole page is one record (lists).")
    changed_at = text("Where a record says when it changed (lists).")
    since = text("Query parameter for the time to start from (lists).")
    paging = fields.Nested(PagingPart, metadata={"help": "How further pages are asked for (lists)."})


class ErrorRowPart(Part):
    """One row of `errors.rows`."""

    makes = data.ErrorRow
    raises = one_of("Class it becomes.", ERROR_CLASSES, required=True)
    status = fields.Integer(metadata={"help": "HTTP status."}, validate=validate.Range(100, 599))
    code = text("The partner's own error code.")
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
    code = text("Where the partner's error code stands in its answer (JMESPath).")
    message = text("Where the partner's message stands in its answer (JMESPath).")
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


class ManifestPart(Part):
    """The whole of connector.yaml."""

    id = text("The folder's name with `-` for `_`.", required=True, validate=ID)
    label = text("Name shown to people.", required=True)
    kind = one_of("What kind of system it is.", KINDS, required=True)
    api_version = text("Version of the partner's API that is spoken; quoted.")
    end_of_life = fields.Date(metadata={"help": "Day that version stops working."}, allow_none=True)
    capabilities = fields.List(one_of("Verb.", VERBS), metadata={"help": "The verbs it has."}, required=True)
    settings = fields.List(fields.Nested(SettingPart), metadata={"help": "What a person fills in."})
    hosts = fields.List(fields.String(), metadata={"help": "Base addresses no setting of type url names; templates."})
    check = text("Path of a harmless GET that proves address and credentials.")
    auth = fields.Nested(AuthPart, metadata={"help": "How requests prove who they are."})
    limits = fields.Nested(LimitsPart, metadata={"help": "What the partner bears."})
    webhook = fields.Nested(WebhookPart, metadata={"help": "How incoming calls are proven."})
    poll = fields.Dict(
        keys=one_of("List.", ("orders", "stock", "items", "files")),
        values=fields.Nested(PollPart),
        metadata={"help": "How often `list_orders`, `list_stock`, `list_items` and drop folders are asked."},
    )
    documents = fields.List(fields.Nested(DocumentPart), metadata={"help": "What incoming topics mean."})
    requests = fields.Dict(
        keys=one_of("Verb.", [*Write, *LISTS]),
        values=fields.Nested(RequestPart),
        metadata={"help": "Verbs that need no Python."},
    )
    codes = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(),
        metadata={"help": "Code lists: partner code to canonical code, or `read:` and `write:` tables."},
    )
    errors = fields.Nested(ErrorsPart, metadata={"help": "What the partner's errors mean."})
    quality = fields.Dict(
        keys=one_of("Rule.", RULES),
        values=Rule(QualityPart),
        metadata={"help": "The quality scale: rule to `done`, `todo` or `{status: exempt, reason: …}`."},
    )

    @validates_schema
    def sound(self, given: dict[str, Any], **_more: Any) -> None:
        """What is named exists; every write can be looked up."""
        secrets = {each.name for each in given.get("settings", ()) if each.secret}
        named = {each.name for each in given.get("settings", ())}
        auth, webhook = given.get("auth"), given.get("webhook")
        wrong: dict[str, list[str]] = {}
        for part, name, known in (
            ("auth", auth and auth.secret, secrets),
            ("auth", auth and auth.username, named),
            ("auth", auth and auth.client_id, named),
            ("webhook", webhook and webhook.secret, secrets),
        ):
            if name and name not in known:
                kind = "secret setting" if known is secrets else "setting"
                wrong.setdefault(part, []).append(f"{name!r} is no {kind}")
        capabilities = set(given["capabilities"])
        writes = capabilities & set(Write)
        if writes and "find_by_reference" not in capabilities:
            wrong["capabilities"] = ["a connector that writes has find_by_reference"]
        for verb in set(given.get("requests", {})) - capabilities:
            wrong.setdefault("requests", []).append(f"{verb} is not among the capabilities")
        for verb, request in given.get("requests", {}).items():
            if verb in writes and "find" not in request:
                wrong.setdefault("requests", []).append(f"{verb} has no `find`")
            if verb in LISTS and "topic" not in request:
                wrong.setdefault("requests", []).append(f"{verb} has no `topic`")
        if len(named) != len(given.get("settings", ())):
            wrong["settings"] = ["a name stands twice"]
        if wrong:
            raise ValidationError(wrong)

    @post_load
    def make(self, found: dict[str, Any], **_more: Any) -> dict[str, Any]:
        """Return the keyword arguments of the Manifest."""
        for name in ("settings", "hosts", "documents"):
            found[name] = tuple(found.get(name, ()))
        found["capabilities"] = frozenset(found["capabilities"])
        found["limits"] = {**data.DEFAULT_LIMITS, **found.get("limits", {})}
        found["requests"] = {verb: request_of(verb, row) for verb, row in found.get("requests", {}).items()}
        return found


def request_of(verb: str, row: dict[str, Any]) -> data.Request:
    """Return a request row; lists are GET by default."""
    given: dict[str, Any] = {"method": "GET"} if verb in LISTS else {}
    given |= row
    if "ok" in row:
        given["ok"] = tuple(row["ok"])
    return data.Request(verb=verb, **given)


def read_manifest(found: Any, folder: Path) -> data.Manifest:
    """Return the manifest in a loaded YAML document.

    Raises:
        Misconfigured: it does not fit; `errors` = [{path, reason}].
    """
    path = folder / data.FILE
    try:
        if not isinstance(found, dict):
            raise ValidationError("is not a table of keys")
        loaded = ManifestPart().load(found)
        expected = folder.name.removeprefix(PREFIX).replace("_", "-")
        if loaded["id"] != expected:
            raise ValidationError({"id": [f"is {loaded['id']!r}, but the folder says {expected!r}"]})
    except ValidationError as error:
        complaints = reasons(error.messages)
        named = "; ".join(f"{each['path'] or 'manifest'}: {each['reason']}" for each in complaints)
        raise Misconfigured(
            f"The manifest {path} is not valid: {named}",
            fix="Every key is described in docs/connectors.md.",
            errors=complaints,
        ) from None
    known = {each.name for each in fields_of(data.Manifest)}
    return data.Manifest(folder=folder, **{name: value for name, value in loaded.items() if name in known})
