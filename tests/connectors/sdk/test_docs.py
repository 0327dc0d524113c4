"""The reference names every key, and the guide's example is a connector that passes."""

import re
from pathlib import Path

from marshmallow import fields

from connectors.sdk.manifest_schema import ManifestPart
from connectors.sdk.reference import manifest_reference, parts, with_reference
from connectors.sdk.registry import Registry
from connectors.sdk.suite import run_suite, tier

ROOT = Path(__file__).parents[3]
FENCE = re.compile(r"^```\w+ (?P<name>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_page_on_connectors_is_up_to_date() -> None:
    page = (ROOT / "docs/connectors.md").read_text(encoding="utf-8")
    assert page == with_reference(page), "run `make docs`"


def test_every_key_has_a_row_and_a_sentence() -> None:
    text = manifest_reference()
    count = 0
    for _, schema in parts("", ManifestPart()):
        for name, each in schema.fields.items():
            assert f"| `{each.data_key or name}`" in text
            assert str(each.metadata["help"]).endswith("."), name
            assert not isinstance(each, fields.Raw) or "any value" in text
            count += 1
    assert count > 80


def test_the_guide_makes_a_connector_that_passes(tmp_path: Path) -> None:
    """Every file of the walkthrough is written as it stands in CONTRIBUTING.md."""
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = {found["name"]: found["text"] for found in FENCE.finditer(guide)}
    folder = tmp_path / "acme_shop"
    (folder / "fixtures").mkdir(parents=True)
    wanted = {name: text for name, text in files.items() if name.startswith("connectors/acme_shop/")}
    for name, text in wanted.items():
        (folder / name.removeprefix("connectors/acme_shop/")).write_text(text, encoding="utf-8")
    assert len(wanted) >= 6
    checks = run_suite("acme-shop", Registry([folder]))
    assert [f"{each.id}: {each.reason}" for each in checks if each.status == "fail"] == []
    assert tier(checks) == "silver"
    # The promise of the guide: under 150 lines for a new shop, golden files aside.
    lines = sum(text.count("\n") for name, text in wanted.items() if "fixtures" not in name and "README" not in name)
    assert lines < 150
