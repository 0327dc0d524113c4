"""The manifest: what fits, what does not, and what the complaint says."""

from pathlib import Path

import pytest

from connectors.sdk.manifest import DEFAULT_LIMITS, load_manifest
from core.domain.vocabulary import DocumentType
from core.errors import Misconfigured

GOOD = """
id: acme-wms
label: Acme
kind: wms
api_version: "2"
capabilities: [push_fulfillment_order, cancel_fulfillment_order, find_by_reference]
settings:
  - {name: base_url, type: url, required: true, help: "Where it is."}
  - {name: key, type: text, secret: true, help: "Its key."}
auth: {scheme: bearer, secret: key}
limits: {rate: 2}
webhook: {scheme: hmac-sha256, secret: key, topic_header: X-Topic}
documents:
  - {topic: counted, map: stock.in.yaml, as: stock}
requests:
  push_fulfillment_order: {path: /a, find: {path: /a}}
  cancel_fulfillment_order: {path: /b, ok: [202], find: {path: /b, missing: [404, 410]}}
codes:
  country: {NO: NO, "1": DE}
quality: {maps: done, load: {status: exempt, reason: Too small to matter.}}
"""


def manifest(tmp_path: Path, text: str, folder: str = "acme_wms") -> Path:
    found = tmp_path / folder
    found.mkdir()
    (found / "connector.yaml").write_text(text)
    return found


def test_everything_is_read(tmp_path: Path) -> None:
    found = load_manifest(manifest(tmp_path, GOOD))
    assert found.id == "acme-wms"
    assert found.limits == {**DEFAULT_LIMITS, "rate": 2}
    assert found.secret_names == {"key"}
    assert found.webhook is not None
    assert found.webhook.topic_header == "x-topic"
    assert found.documents[0].type is DocumentType.STOCK
    assert found.requests["push_fulfillment_order"].method == "POST"
    assert found.requests["push_fulfillment_order"].ok == (200, 201, 202, 204)
    assert found.requests["cancel_fulfillment_order"].ok == (202,)
    assert found.requests["cancel_fulfillment_order"].find is not None
    assert found.requests["cancel_fulfillment_order"].find.missing == (404, 410)
    assert found.quality["load"].reason == "Too small to matter."
    # YAML 1.2: NO is Norway.
    assert found.codes["country"] == {"NO": "NO", "1": "DE"}


def test_a_distribution_of_others_may_put_its_prefix_before_the_id(tmp_path: Path) -> None:
    assert load_manifest(manifest(tmp_path, GOOD, "crossdock_acme_wms")).id == "acme-wms"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("label: Acme", "lable: Acme", "lable: is not a key of the manifest here; did you mean 'label'?"),
        (
            "limits: {rate: 2}",
            "limits: {rates: 2}",
            "limits.rates: is not a key",
        ),
        (
            "missing: [404, 410]",
            'missing: [404, 410], equals: "{reference}"',
            "cancel_fulfillment_order.find.equals: says what a found thing bears, and `match` does not say where",
        ),
        ("topic_header: X-Topic", "topic_hedder: X-Topic", "did you mean 'topic_header'?"),
        ("id: acme-wms", "id: acme_wms", "id: must be lower case words joined by hyphens"),
        ("id: acme-wms", "id: acme", "id: is 'acme', but the folder says 'acme-wms'"),
        ("kind: wms", "kind: warehouse", "kind: Must be one of: shop"),
        ('api_version: "2"', "api_version: 2.10", "api_version: must be text; put it in quotes."),
        (", find_by_reference]", "]", "a connector that writes has find_by_reference"),
        ("{path: /a, find: {path: /a}}", "{path: /a}", "push_fulfillment_order has no `find`"),
        ("secret: key}\nlimits", "secret: kee}\nlimits", "auth: 'kee' is no secret setting"),
        ("secret: true,", "", "auth: 'key' is no secret setting"),
        ("secret: true,", "secret: true, default: x,", "a secret has no default"),
        (", map: stock.in.yaml", "", "documents.0.map: names no map file"),
        ("as: stock", "as: stocks", "documents.0.as: Must be one of"),
        (", topic_header: X-Topic", "", "webhook: needs topic_header or topic_path"),
        (
            "find: {path: /a}}",
            "find: {path: /a, at: 'a['}}",
            "requests.push_fulfillment_order.find.at: is not JMESPath",
        ),
        ("maps: done", "mappings: done", "quality.mappings"),
        ("reason: Too small to matter.", "reason: ''", "an exemption says why"),
        ("name: key,", "name: base_url,", "settings: a name stands twice"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    folder = manifest(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(Misconfigured) as caught:
        load_manifest(folder)
    assert complaint in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "a: [", "a: b: c", "\x00", "!!python/object:os.system {}"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match="The manifest"):
        load_manifest(manifest(tmp_path, text))


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_manifest(tmp_path)
