"""The suite is tested too: each planted fault must fail the check that is there for it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.sdk.registry import Registry
from connectors.sdk.suite import run_suite

TEMPLATE = Path(__file__).parents[3] / "connectors" / "rest_wms"
HEAD = """
from connectors.sdk import webhook as proof
from connectors.sdk.declarative import DeclarativeConnector
from core.errors import *
from core.ports.connectors import *
from dataclasses import replace
import uuid


class Connector(DeclarativeConnector):
"""


@dataclass(frozen=True)
class Mutant:
    """One fault: text replaced in a file, or a method overridden, and the checks that must notice."""

    name: str
    notices: tuple[str, ...]
    file: str = ""
    old: str = ""
    new: str = ""
    code: str = ""


MUTANTS = [
    Mutant(
        "a field is read from the wrong place",
        ("mapping.inbound.fulfillment_updated.in.json",),
        "fulfillment_update.in.yaml",
        "reference: fulfillment.id",
        "reference: fulfillment.number",
    ),
    Mutant(
        "an unknown code is taken for a known one",
        ("mapping.unknown_code.tracking_status",),
        code="""
    def normalize(self, message):
        try:
            return super().normalize(message)
        except UnmappedCode:
            return super().normalize(replace(message, body=message.body.replace(b"CODE-NOBODY-KNOWS", b"MOVING")))
""",
    ),
    Mutant(
        "broken messages are swallowed",
        ("mapping.hostile",),
        code="""
    def normalize(self, message):
        try:
            return super().normalize(message)
        except MappingError:
            known = (self.folder / "fixtures/tracking_updated.in.json").read_bytes()
            return super().normalize(replace(message, body=known, topic="tracking.updated"))
""",
    ),
    Mutant(
        "signatures are not compared",
        ("ingest.signature.tampered", "ingest.signature.other_secret"),
        code="""
    def authenticate(self, request):
        if not request.headers.get("x-wms-signature"):
            raise SignatureRefused("none")
        return None
""",
    ),
    Mutant(
        "old calls are taken",
        ("ingest.signature.stale", "ingest.signature.future"),
        code="""
    def authenticate(self, request):
        table = replace(self.webhook_table, tolerance=10**9)
        return proof.verify(table, request, [self.secrets["webhook_secret"]])
""",
    ),
    Mutant(
        "the old secret does not work during a rotation",
        ("ingest.signature.rotation",),
        code="""
    def authenticate(self, request):
        return proof.verify(self.webhook_table, request, [self.secrets["webhook_secret"]])
""",
    ),
    Mutant(
        "a redelivery is another message",
        ("ingest.duplicate",),
        code="""
    def verify_webhook(self, request):
        return replace(super().verify_webhook(request), dedupe_key=uuid.uuid4().hex)
""",
    ),
    Mutant(
        "different events share a key",
        ("ingest.distinct",),
        code="""
    def verify_webhook(self, request):
        record = super().verify_webhook(request)
        return replace(record, dedupe_key=record.topic)
""",
    ),
    Mutant(
        "a lost reply counts as not sent",
        ("egress.dropped_reply.push_fulfillment_order", "egress.exactly_once.push_fulfillment_order"),
        code="""
    def perform(self, push):
        try:
            return super().perform(push)
        except OutcomeUnknown as error:
            raise Transient(error.what) from None
""",
    ),
    Mutant(
        "the connector tries again by itself",
        ("egress.exactly_once.push_fulfillment_order",),
        code="""
    def perform(self, push):
        try:
            return super().perform(push)
        except OutcomeUnknown:
            return super().perform(push)
""",
    ),
    Mutant(
        "Retry-After is forgotten",
        ("egress.retry_after.push_fulfillment_order",),
        code="""
    def call(self, *given, **more):
        try:
            return super().call(*given, **more)
        except RateLimited as error:
            raise RateLimited(error.what, http_status=429) from None
""",
    ),
    Mutant(
        "too late is taken for a refusal",
        ("egress.request.cancel_fulfillment_order--too_late.push.json",),
        "connector.yaml",
        "raises: declined",
        "raises: rejected",
    ),
    Mutant(
        "an error row is out of reach",
        ("egress.row.422.UNKNOWN_SKU",),
        "connector.yaml",
        "  rows:\n",
        "  rows:\n    - {status: 422, raises: transient}\n",
    ),
    Mutant(
        "nothing is ever found by reference",
        ("egress.find.push_fulfillment_order.push.json", "egress.exactly_once.push_fulfillment_order"),
        code="""
    def find_by_reference(self, push):
        return None
""",
    ),
    Mutant(
        "anything is found by reference",
        ("egress.find.push_fulfillment_order.push.json",),
        "connector.yaml",
        "      at: fulfillments\n      match: client_reference\n      reference: id\n",
        "      reference: fulfillments[0].id\n",
    ),
    Mutant(
        "another's effect is taken for ours",
        ("egress.find_foreign.push_fulfillment_order.push.json",),
        "connector.yaml",
        "      match: client_reference\n",
        "",
    ),
    Mutant(
        "the reference is not sent",
        ("egress.request.push_fulfillment_order.push.json",),
        "fulfillment.out.yaml",
        "client_reference: push.reference",
        "client_reference: fulfillment.number",
    ),
    Mutant(
        "the second page is never asked for",
        ("egress.request.list_stock.list.json",),
        "connector.yaml",
        "next: next_cursor",
        "next: next",
    ),
    Mutant(
        "a list begins anew after a cut",
        ("egress.paging.list_stock.list.json",),
        code="""
    def list_stock(self, cursor):
        try:
            return self.list_records("list_stock", cursor)
        except Transient:
            return Page((), {}, more=True)
""",
    ),
    Mutant(
        "a verb is there that nobody was told of",
        ("contract.capabilities",),
        code="""
    def push_stock(self, push):
        return self.perform(push)
""",
    ),
    Mutant(
        "a stated verb is missing",
        ("contract.capabilities",),
        "connector.yaml",
        "list_stock]",
        "list_stock, push_shipment]",
    ),
    Mutant(
        "a secret shows",
        ("egress.secrets",),
        code="""
    def __repr__(self):
        return f"Connector({self.secrets})"
""",
    ),
    Mutant(
        "a secret goes into an address",
        ("contract.templates",),
        "connector.yaml",
        'query: {warehouse: "{settings.warehouse}"}',
        'query: {warehouse: "{settings.warehouse}", key: "{settings.api_key}"}',
    ),
    Mutant(
        "a secret is not marked",
        ("contract.manifest",),
        "connector.yaml",
        "{name: api_key, type: text, secret: true,",
        "{name: api_key, type: text,",
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_fault_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    folder = tmp_path / "rest_wms"
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    if mutant.file:
        path = folder / mutant.file
        text = path.read_text()
        assert mutant.old in text, "the template has changed: plant the fault anew"
        path.write_text(text.replace(mutant.old, mutant.new, 1))
    if mutant.code:
        (folder / "connector.py").write_text(HEAD + mutant.code)
    failed = {each.id for each in run_suite("rest-wms", Registry([folder])) if each.status == "fail"}
    assert set(mutant.notices) <= failed, sorted(failed)


def test_an_unchanged_copy_passes(tmp_path: Path) -> None:
    folder = tmp_path / "rest_wms"
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert [each for each in run_suite("rest-wms", Registry([folder])) if each.status == "fail"] == []
