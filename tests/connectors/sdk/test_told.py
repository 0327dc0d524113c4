"""What the suite says to somebody whose connector is not finished: which file, what came of it, what is needed."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from connectors.sdk.registry import Registry
from connectors.sdk.suite import run_suite

TEMPLATE = Path(__file__).parents[3] / "connectors" / "rest_wms"


def failed(folder: Path) -> Mapping[str, str]:
    """Return the failing checks of a copy of the template and their reasons."""
    return {each.id: each.reason for each in run_suite("rest-wms", Registry([folder])) if each.status == "fail"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the template without its simulator, which takes longest."""
    found = tmp_path / "rest_wms"
    shutil.copytree(TEMPLATE, found, ignore=shutil.ignore_patterns("__pycache__", "simulator.py"))
    change(found, "connector.yaml", "  simulator: done\n", "")
    return found


def change(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text, "the template has changed: plant the fault anew"
    (folder / file).write_text(text.replace(old, new, 1))


def test_a_missing_golden_is_printed_to_be_read_and_kept(folder: Path) -> None:
    golden = folder / "fixtures/stock_counted.out.json"
    wanted = orjson.loads(golden.read_bytes())
    golden.unlink()
    told = failed(folder)["mapping.inbound.stock_counted.in.json"]
    start, _, printed = told.partition("it becomes ")
    assert start == "its .out.json is missing; "
    assert orjson.loads(printed) == wanted


def test_a_refusal_is_told_in_words(folder: Path) -> None:
    change(folder, "stock.in.yaml", "  as_of: {path", "  asof: {path")
    told = failed(folder)["mapping.inbound.stock_counted.in.json"]
    assert told.startswith("it is refused with DOC-SCHEMA-422: The stock does not fit the canonical model:")
    assert "as_of: Missing data" in told


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("stock_counted.out.json", "[", "fixtures/stock_counted.out.json is not JSON: unexpected end of data"),
        ("connection.json", "", "fixtures/connection.json is not JSON: "),
        ("list_stock.list.json", "{}", "fixtures/list_stock.list.json lacks steps"),
        (
            "push_fulfillment_order.push.json",
            '{"steps": [{}]}',
            "fixtures/push_fulfillment_order.push.json lacks reference, payload, request in each of its steps",
        ),
    ],
)
def test_a_golden_that_cannot_be_read_is_named(folder: Path, file: str, text: str, reason: str) -> None:
    (folder / "fixtures" / file).write_text(text)
    told = failed(folder)
    assert told["contract.fixtures"].startswith(reason)
    # What rests on the goldens is not tried with half of them.
    assert not [name for name in told if not name.startswith(("contract.", "quality."))]


def test_a_map_that_cannot_be_read_is_told_once_with_its_line(folder: Path) -> None:
    change(folder, "tracking.in.yaml", "codes: tracking_status", "codes: tracking_state")
    told = failed(folder)
    assert told["mapping.maps"].startswith(
        "MapDocumentError: The map is wrong: tracking.in.yaml:9 fields.status.codes: tracking_state is no code list;"
    )
    assert [name for name in told if not name.startswith("quality.")] == ["mapping.maps"]
    assert told["quality.maps"] == "marked done, but mapping.maps failed"
    assert told["quality.signature"] == "marked done, but its checks wait for mapping.maps"


def test_a_wrong_request_is_told_once_and_not_with_every_kind_of_trouble(folder: Path) -> None:
    change(folder, "fulfillment.out.yaml", "sku: {path: sku,", "sku: {path: skuu,")
    told = failed(folder)
    assert {name for name in told if name.startswith("egress.")} == {"egress.request.push_fulfillment_order.push.json"}
    assert "lines[0].sku" in told["egress.request.push_fulfillment_order.push.json"]


def test_a_look_up_that_finds_nothing_says_what_it_looked_for(folder: Path) -> None:
    change(folder, "connector.yaml", "      match: client_reference\n", "      match: external_id\n")
    told = failed(folder)["egress.find.push_fulfillment_order.push.json"]
    assert told == (
        "the effect was not found: nothing at fulfillments of the answer has"
        " 'dlv_0190f3c2a4b07c1e8d3f5a6b7c8d9e20' at match: external_id"
    )


def test_the_signature_is_not_kept_whatever_its_header_is_called(folder: Path) -> None:
    change(folder, "connector.yaml", "header: X-WMS-Signature", "header: X-WMS-Sign")
    assert failed(folder) == {}


def test_a_rule_without_a_check_says_what_its_checks_need(folder: Path) -> None:
    (folder / "fixtures/list_stock.list.json").unlink()
    told = failed(folder)
    assert told["quality.paging"] == (
        "marked done, but none of its checks ran: it needs the golden of a list, with two pages;"
        " or mark it exempt with the reason"
    )
