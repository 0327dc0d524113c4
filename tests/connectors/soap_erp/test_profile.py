"""Contracts that change, partners that are away, and profiles of one's own."""

from pathlib import Path

import pytest

from connectors.soap_erp.simulator import Partner
from core.errors import Misconfigured, Rejected, Transient
from tests.connectors.soap_erp.conftest import ORDER, Opening, order_push
from tests.connectors.soap_erp.test_connector import CANCEL, SHIPMENT, posted


def test_the_contract_is_kept_and_a_change_is_reported(erp: Partner, opened: Opening) -> None:
    connector = opened(erp)
    assert connector.check()["contract_changed"] is False
    calls = erp.calls["GET erp"]
    connector.push_order(order_push())
    assert erp.calls["GET erp"] == calls
    kept = next(connector.contracts.rglob("part-1.xsd"))
    kept.write_bytes(kept.read_bytes().replace(b'value="500"', b'value="501"').replace(b"5000", b"5001"))
    again = type(connector)(connector.config, connector.manifest, connector.folder)
    assert again.check()["contract_changed"] is True
    again.close()


def test_a_partner_that_is_away_is_tried_again(opened: Opening) -> None:
    with Partner() as erp:
        connector = opened(erp)
    with pytest.raises(Transient):
        connector.check()


def test_a_profile_of_ones_own_names_other_operations_and_skips(erp: Partner, opened: Opening, tmp_path: Path) -> None:
    (tmp_path / "small.out.yaml").write_text(
        "map: cancel_order\nto: json\nfields:\n  ExternalReference: reference\n  OrderId: order.id\n"
    )
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        "operations:\n"
        "  push_order: {skip: this ERP learns of orders by file}\n"
        "  cancel_order: {operation: CancelSalesOrder, map: small.out.yaml, body: {Reason: by Crossdock}}\n"
        "faults:\n  - {code: LOCKED, raises: rejected}\n"
    )
    connector = opened(erp, profile=str(profile))
    assert connector.push_order(order_push()).detail == {"skipped": "this ERP learns of orders by file"}
    erp.known.add(ORDER["id"])
    assert connector.cancel_order(CANCEL).reference is None
    assert posted(erp) == [("CANCELLATION", "dlv_9")]
    assert "by Crossdock" in erp.documents[0]["xml"]
    erp.options["soap_fault"] = 1.0
    with pytest.raises(Rejected):
        connector.cancel_order(CANCEL)
    with pytest.raises(Misconfigured, match="no operation for push_shipment"):
        connector.push_shipment(SHIPMENT)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("operations: {push_everything: {operation: A}}", "push_everything"),
        ("operations: {push_order: {}}", "names either an operation or a reason"),
        ("operations: {push_order: {opration: A}}", "did you mean 'operation'"),
        ("operations: [", "cannot be used"),
        ("faults: []", "operations"),
    ],
)
def test_a_wrong_profile_is_explained(erp: Partner, opened: Opening, tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(Misconfigured) as caught:
        opened(erp, profile=str(tmp_path / "p.yaml")).push_order(order_push())
    assert why in str(caught.value)


def test_a_profile_name_cannot_leave_its_folder(erp: Partner, opened: Opening) -> None:
    with pytest.raises(Misconfigured, match=r"profiles/passwd/profile\.yaml"):
        opened(erp, profile="../../etc/passwd").push_order(order_push())
