"""The one-way rule between the layers, and that the core knows no vendor."""

import re
import subprocess
import sys
from pathlib import Path

VENDORS = """
    amazon bigcommerce bol dhl dpd ebay etsy fedex gls kaufland klarna
    magento mirakl netsuite odoo otto paypal postnl prestashop salesforce sap shopify shopware stripe
    tiktok usps walmart woocommerce zalando
""".split()
GENERIC_CONNECTORS = {"canonical", "edi", "files", "sdk"}
"""Connector folders whose name is an ordinary word."""


def test_the_import_contracts_are_kept(root: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_core_and_its_settings_name_no_vendor(root: Path, own_files: list[Path]) -> None:
    folders = {path.parts[1] for path in own_files if path.parts[0] == "connectors" and len(path.parts) > 2}
    names = "|".join(sorted({*VENDORS, *folders - GENERIC_CONNECTORS}))
    pattern = re.compile(rf"(?<![a-z])({names})(?![a-z])", re.IGNORECASE)
    found = [
        f"{path}:{number}: {match[0]}"
        for path in own_files
        if path.parts[0] in {"core", "config"} and path.suffix in {".py", ".toml", ".sql", ".yaml"}
        for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), 1)
        for match in pattern.finditer(line)
    ]
    assert not found, "\n".join(found)


def test_no_contract_of_setup_cfg_forgets_a_connector(root: Path, own_files: list[Path]) -> None:
    folders = {
        path.parts[1]
        for path in own_files
        if path.parts[0] == "connectors" and path.name == "__init__.py" and len(path.parts) == 3
    } - {"sdk"}
    text = (root / "setup.cfg").read_text(encoding="utf-8")
    listed = set(re.findall(r"^    connectors\.(\w+)$", text, flags=re.MULTILINE))
    assert listed == folders
