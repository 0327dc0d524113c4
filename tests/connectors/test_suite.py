"""Every connector found on this installation holds to the contract."""

import pytest

from connectors.sdk.registry import Registry
from connectors.sdk.suite import run_suite, summary

FOUND = sorted(Registry().folders)


def test_the_connectors_of_the_project_are_found() -> None:
    assert {"rest-wms", "shopify", "soap-erp", "files"} <= set(FOUND)


@pytest.mark.parametrize("connector", FOUND)
def test_contract(connector: str) -> None:
    checks = run_suite(connector)
    failed = [f"{each.id}: {each.reason}" for each in checks if each.status == "fail"]
    assert failed == [], summary(checks)
