"""Finding connectors: cheap, and a broken one stops nobody else."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.sdk.manifest import DEFAULT_LIMITS
from connectors.sdk.registry import Registry
from core.domain.vocabulary import Mode
from core.errors import Misconfigured
from core.ports.connectors import (
    ConnectionConfig,
    FindsByReference,
    ListsOrders,
    ListsStock,
    PushesFulfillmentOrder,
    PushesOrder,
)


def connector(folder: Path, name: str, *, more: str = "", code: str = "") -> Path:
    found = folder / name
    found.mkdir()
    (found / "connector.yaml").write_text(
        f"id: {name.replace('_', '-')}\nlabel: L\nkind: shop\ncapabilities: []\n{more}"
    )
    if code:
        (found / "connector.py").write_text(code)
    return found


def config(name: str) -> ConnectionConfig:
    return ConnectionConfig(uuid4(), "c", name, Mode.LIVE, {})


def test_own_and_further_folders_are_found(tmp_path: Path) -> None:
    connector(tmp_path, "acme_shop")
    connector(tmp_path, "other")
    registry = Registry([tmp_path])
    assert {"acme-shop", "other", "rest-wms"} <= set(registry.folders)
    assert registry.kinds()["acme-shop"] == "shop"
    assert registry.capabilities("acme-shop") == frozenset()
    assert registry.limits("acme-shop") == DEFAULT_LIMITS


def test_unknown_connectors_have_no_verbs_and_default_limits(tmp_path: Path) -> None:
    registry = Registry([tmp_path])
    assert registry.capabilities("nobody") == frozenset()
    assert registry.limits("nobody") == DEFAULT_LIMITS
    with pytest.raises(Misconfigured, match="There is no connector nobody"):
        registry.open(config("nobody"))


def test_a_broken_manifest_is_quarantined(tmp_path: Path) -> None:
    connector(tmp_path, "good")
    connector(tmp_path, "bad", more="bogus: 1\n")
    registry = Registry([tmp_path])
    assert "good" in registry.manifests
    assert "bad" not in registry.manifests
    assert "bogus: is not a key" in registry.broken["bad"]
    assert "Traceback" in registry.broken["bad"]
    with pytest.raises(Misconfigured, match="Connector bad is broken"):
        registry.open(config("bad"))


def test_code_that_cannot_be_imported_is_quarantined_when_it_is_opened(tmp_path: Path) -> None:
    connector(tmp_path, "bad_code", code="import nothing_of_that_name\n")
    registry = Registry([tmp_path])
    assert registry.capabilities("bad-code") == frozenset()
    with pytest.raises(Misconfigured, match="nothing_of_that_name"):
        registry.open(config("bad-code"))
    assert "ModuleNotFoundError" in registry.broken["bad-code"]
    assert "rest-wms" in registry.manifests


def test_connector_py_is_used_and_relative_imports_work(tmp_path: Path) -> None:
    folder = connector(
        tmp_path,
        "coded",
        code="from connectors.sdk.base import BaseConnector\nfrom . import words\n\n\n"
        "class Connector(BaseConnector):\n    word = words.WORD\n",
    )
    (folder / "words.py").write_text("WORD = 'seven'\n")
    assert Registry([tmp_path]).open(config("coded")).word == "seven"  # type: ignore[attr-defined]


def test_two_folders_of_one_name_do_not_share_code(tmp_path: Path) -> None:
    words = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        code = "from connectors.sdk.base import BaseConnector\n\n\nclass Connector(BaseConnector):\n"
        connector(tmp_path / place, "twin", code=f"{code}    word = '{place}'\n")
        words.append(Registry([tmp_path / place]).open(config("twin")).word)  # type: ignore[attr-defined]
    assert words == ["one", "two"]


def test_installed_distributions_are_found_by_their_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "raise RuntimeError('a scan must not run this')\n"
    (tmp_path / "crossdock_acme_wms").mkdir()
    (tmp_path / "crossdock_acme_wms/__init__.py").write_text(code)
    (tmp_path / "crossdock_acme_wms/connector.yaml").write_text("id: acme-wms\nlabel: A\nkind: wms\ncapabilities: []\n")
    metadata = tmp_path / "crossdock_acme_wms-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: crossdock-acme-wms\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[crossdock.connectors]\nacme-wms = crossdock_acme_wms\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry()
    assert registry.folders["acme-wms"] == tmp_path / "crossdock_acme_wms"
    assert registry.kinds()["acme-wms"] == "wms"


def test_only_declared_verbs_are_there() -> None:
    registry = Registry()
    manifest = registry.manifest("rest-wms")
    assert manifest is not None
    kind = registry.connector_class(manifest)
    assert issubclass(kind, PushesFulfillmentOrder)
    assert issubclass(kind, FindsByReference)
    assert issubclass(kind, ListsStock)
    assert not issubclass(kind, ListsOrders)
    assert not issubclass(kind, PushesOrder)


def test_making_a_registry_reads_and_imports_nothing() -> None:
    program = (
        "import sys; from connectors.sdk.registry import Registry; Registry(); "
        "heavy = ('marshmallow', 'requests', 'ruamel.yaml', 'connectors.shopify'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
