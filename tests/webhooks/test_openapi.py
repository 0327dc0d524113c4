"""The contract: a valid OpenAPI 3.1 document, and a page that reads it without any other host."""

import re

from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from webhooks.api.spec import SPEC

PATHS = {
    "/orders", "/orders/{order}", "/orders/{order}/timeline", "/orders/{order}/cancel", "/orders/{order}/changes",
    "/orders/{order}/holds/{hold}/release", "/items", "/nodes", "/stock", "/stock/movements", "/availability",
    "/reservations", "/fulfillment-orders", "/fulfillment-orders/{fulfillment}/accept",
    "/fulfillment-orders/{fulfillment}/reject", "/fulfillment-orders/{fulfillment}/ship",
    "/fulfillment-orders/{fulfillment}/move", "/fulfillment-orders/{fulfillment}/hold",
    "/fulfillment-orders/{fulfillment}/split", "/fulfillment-orders/{fulfillment}/merge", "/shipments",
    "/tracking-events", "/exceptions", "/exceptions/{case}/apply", "/exceptions/{case}/preview",
    "/exceptions/{case}/assign", "/exceptions/{case}/snooze", "/exceptions/{case}/resolve", "/decisions",
    "/policies", "/policies/{policy}/simulate", "/policies/{policy}/activate",
    "/connections", "/messages", "/messages/{message}/raw", "/messages/{message}/canonical",
    "/messages/{message}/replay", "/messages/{message}/correct", "/deliveries", "/deliveries/{delivery}/retry",
    "/events", "/keys",
}  # fmt: skip


def test_the_document_is_valid_and_names_the_routes(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    document = answer.get_json()
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()
    assert {f"/api/v1{path}" for path in PATHS} - set(document["paths"]) == set()


def test_every_operation_says_scope_answer_and_errors(app: Flask) -> None:
    for path, methods in app.extensions[SPEC]["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            assert operation["summary"], path
            assert operation["security"][0]["key"], path
            assert operation["responses"]["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}, path
            named = [each.get("$ref") for each in operation.get("parameters", [])]
            assert ("#/components/parameters/IdempotencyKey" in named) == (method == "post"), path
            if method == "get" or path in ("/api/v1/orders/{order}/cancel", "/api/v1/messages/{message}/replay"):
                assert ("#/components/parameters/IfMatch" in named) == ("cancel" in path), path


def test_the_page_needs_no_other_host(app: Flask) -> None:
    page = app.test_client().get("/api/docs")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert "/api/v1/orders/{order}/cancel" in page.text
    assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", page.text) == []
    assert "<script" not in page.text
