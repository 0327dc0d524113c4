"""The OpenAPI 3.1 document, made from the routes as they run, and a page to read it that calls no other host."""

from __future__ import annotations

import re
import secrets
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import orjson
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from flask import Flask, Response, render_template
from flask_smorest import Api
from marshmallow import fields

from core.services.access import SCOPES
from webhooks import problems
from webhooks.api.routingshapes import ROUTING_SHAPES
from webhooks.api.shapes import SHAPES
from webhooks.api.shaping import ref

VERSION = "3.1.0"
SPEC = "crossdock.openapi"


class HubApi(Api):  # type: ignore[misc]
    """The API: its document is ours to serve and its errors are rendered with all others."""

    def _register_error_handlers(self) -> None:
        """Leave errors to `webhooks.problems`."""

    def _register_responses(self) -> None:
        """Document every error as a problem document."""
        content = {problems.MEDIA_TYPE: {"schema": ref("Problem")}}
        for name, words in (
            (self.DEFAULT_ERROR_RESPONSE_NAME, "A problem document (RFC 9457)."),
            ("UNPROCESSABLE_ENTITY", "The request does not fit; `errors` says where."),
        ):
            self.spec.components.response(name, {"description": words, "content": content})


def make_api(app: Flask) -> HubApi:
    """Return the API of an application, its shapes registered, ready for the blueprints."""
    app.config.update(API_TITLE="Crossdock", API_VERSION=version("crossdock"), OPENAPI_VERSION=VERSION)
    api = HubApi(
        app,
        spec_kwargs={
            "info": {"description": "Orders, stock, fulfillment and the plumbing between partners."},
            "servers": [{"url": "/"}],
            "marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_body_name),
        },
    )
    api.ma_plugin.converter.add_attribute_function(_exact_decimals)
    for name, shape in {**SHAPES, **ROUTING_SHAPES}.items():
        api.spec.components.schema(name, shape)
    api.spec.components.security_scheme(
        "key", {"type": "http", "scheme": "bearer", "description": f"API key. Scopes: {', '.join(sorted(SCOPES))}."}
    )
    api.spec.components.parameter(
        "IdempotencyKey",
        "header",
        {
            "name": "Idempotency-Key",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "Same key and request: the stored answer. Same key, another request: 422. In flight: 409.",
        },
    )
    api.spec.components.parameter(
        "IfMatch",
        "header",
        {
            "name": "If-Match",
            "schema": {"type": "string"},
            "description": "The `ETag` it was read with: 412 when it has changed since. Without one it is not asked.",
        },
    )
    return api


def _body_name(schema: Any) -> str:
    """Name what is sent `…Body`, apart from what is answered; schemas without a name stand where they are used."""
    found = resolve_schema_cls(schema)
    assert not isinstance(found, list)
    name = found.__name__
    return "" if name == "GeneratedSchema" else name.removesuffix("Schema").removesuffix("Body") + "Body"


def _exact_decimals(_: Any, field: fields.Field[Any], **__: Any) -> dict[str, Any]:
    """Decimals are sent as text or number and are never rounded."""
    if not isinstance(field, fields.Decimal):
        return {}
    kinds = ["string", "number"]
    return {"type": [*kinds, "null"] if field.allow_none else kinds}


def finish(app: Flask, api: HubApi) -> None:
    """Freeze the document and register its two addresses, open to everybody."""
    document = _tidy(api.spec.to_dict())
    body = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    app.extensions[SPEC] = document
    operations = _operations(document)

    @app.get("/api/v1/openapi.json", endpoint="openapi_json")
    def openapi_json() -> Response:
        return Response(body, content_type="application/json")

    @app.get("/api/docs", endpoint="api_docs")
    def api_docs() -> Response:
        nonce = secrets.token_urlsafe(12)
        page = render_template(
            "webhooks/docs.html", nonce=nonce, info=document["info"], groups=operations,
            schemas={name: _shown(shape) for name, shape in sorted(document["components"]["schemas"].items())},
        )  # fmt: skip
        policy = f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
        return Response(page, headers={"Content-Security-Policy": policy}, content_type="text/html; charset=utf-8")


def _tidy(value: Any) -> Any:
    """Return the document with what marshmallow says in Python said in JSON Schema."""
    if isinstance(value, dict):
        found = {key: _tidy(inner) for key, inner in value.items()}
        pattern = found.get("pattern")
        if isinstance(pattern, str):
            if "\\x00" in pattern:
                del found["pattern"]
            else:
                found["pattern"] = re.sub(r"\\Z\Z", "$", re.sub(r"\A\\A", "^", pattern))
        if found.get("type") == "array" and found.get("default") == "":
            found["default"] = []  # a list in a query, given as text with commas
        if isinstance(found.get("type"), list) and "string" in found["type"]:
            # Bounds of a decimal hold for numbers only; as text they would say nothing.
            for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
                found.pop(bound, None)
        return found
    if isinstance(value, list | tuple):
        return [_tidy(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def _operations(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not isinstance(operation, dict):
                continue
            shared = methods.get("parameters", [])
            parameters = [each for each in (*shared, *operation.get("parameters", [])) if "name" in each]
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            answers = [
                (status, _named(_answer_schema(answer)))
                for status, answer in operation["responses"].items()
                if status != "default"
            ]
            scopes = [scope for each in operation.get("security", []) for scope in each.get("key", [])]
            groups.setdefault(operation["tags"][0], []).append(
                {
                    "method": method.upper(), "path": path, "summary": operation.get("summary", ""),
                    "description": operation.get("description", ""), "parameters": parameters, "body": _named(body),
                    "answers": answers, "scopes": scopes,
                }
            )  # fmt: skip
    return groups


def _answer_schema(answer: dict[str, Any]) -> dict[str, Any] | None:
    content: list[dict[str, Any]] = list(answer.get("content", {}).values())
    return content[0].get("schema") if content else None


def _named(schema: dict[str, Any] | None) -> str:
    return "" if not schema else str(schema.get("$ref", "")).rpartition("/")[2]


def _shown(shape: dict[str, Any]) -> str:
    return orjson.dumps(shape, option=orjson.OPT_INDENT_2).decode()
