"""A connector begun from samples: what is guessed, what is left to a person, and that nothing is made up."""

from pathlib import Path

import orjson
import pytest

from connectors.sdk.registry import Registry
from connectors.sdk.scaffold import scaffold
from connectors.sdk.suite import run_suite
from core.errors import InputError, Refused

ORDER = {
    "Id": 5512,
    "order_number": "A-77",
    "created_at": "2026-03-01T10:00:00Z",
    "currency": "EUR",
    "shipping_address": {"name": "Ada Muster", "street": "Lindenweg 7", "zip": "10115", "country_code": "DE"},
    "line_items": [{"sku": "LAMP", "qty": 2, "price": "19.90"}],
    "totals": {"x": 1},
}
TRACKING = {"tracking_number": "X1", "status": "ON_THE_WAY", "timestamp": "2026-03-01T10:00:00Z"}


def samples(folder: Path, **documents: object) -> list[Path]:
    found = []
    for name, document in documents.items():
        path = folder / f"{name}.json"
        path.write_bytes(orjson.dumps(document))
        found.append(path)
    return found


def test_what_can_be_guessed_is_mapped_and_the_rest_is_to_do(tmp_path: Path) -> None:
    made = scaffold(
        tmp_path / "out",
        connector="acme-shop",
        label="Acme",
        kind="shop",
        samples=samples(tmp_path, order_created=ORDER, tracking_update=TRACKING),
    )
    assert made.folder.name == "acme_shop"
    assert made.messages == 2
    golden = orjson.loads((made.folder / "fixtures/order_created.out.json").read_bytes())
    assert golden[0]["body"]["external_id"] == "5512"
    assert golden[0]["body"]["lines"] == [{"sku": "LAMP", "quantity": "2", "unit_price": "19.90", "unit": "C62"}]
    assert golden[0]["body"]["ship_to"]["country"] == "DE"
    assert "totals" not in golden[0]["body"]
    # A code nobody has given a meaning is left to a person: there is no golden to believe in yet.
    assert not (made.folder / "fixtures/tracking_update.out.json").exists()
    assert [each.partition(":")[0] for each in made.todo] == [
        "fixtures/tracking_update.out.json",
        "connector.yaml",
        "README.md",
    ]
    assert "ON_THE_WAY" in (made.folder / "connector.yaml").read_text()


def test_a_scaffold_loads_and_fails_no_check(tmp_path: Path) -> None:
    made = scaffold(
        tmp_path, connector="acme-wms", label="Acme", kind="wms", samples=samples(tmp_path, stock=ORDER, order=ORDER)
    )
    checks = run_suite("acme-wms", Registry([made.folder]))
    assert [f"{each.id}: {each.reason}" for each in checks if each.status == "fail"] == []
    assert "# TODO items: required" in (made.folder / "stock.in.yaml").read_text()
    assert "stock.in.yaml: items" in made.todo


def test_a_scaffold_without_samples_is_a_place_to_begin(tmp_path: Path) -> None:
    made = scaffold(tmp_path, connector="acme", label="Acme", kind="carrier", samples=[])
    assert made.files == ["README.md", "__init__.py", "connector.yaml"]
    checks = run_suite("acme", Registry([made.folder]))
    assert [f"{each.id}: {each.reason}" for each in checks if each.status == "fail"] == []


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    given = samples(tmp_path, order=ORDER)
    plan = scaffold(tmp_path / "out", connector="acme", kind="shop", samples=given, write=False)
    assert not (tmp_path / "out").exists()
    assert scaffold(tmp_path / "out", connector="acme", kind="shop", samples=given) == plan
    assert {str(each.relative_to(plan.folder)) for each in plan.folder.rglob("*.*")} == set(plan.files)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    with pytest.raises(Refused, match="is there already"):
        scaffold(tmp_path, connector="acme", label="Acme", kind="shop", samples=[])
    assert list((tmp_path / "acme").iterdir()) == []


@pytest.mark.parametrize(
    ("connector", "kind", "document"),
    [("../up", "shop", {}), ("Acme", "shop", {}), ("acme", "shoppe", {}), ("acme", "shop", [1]), ("acme", "shop", "x")],
)
def test_what_is_not_usable_is_refused_before_anything_is_written(
    tmp_path: Path, connector: str, kind: str, document: object
) -> None:
    given = samples(tmp_path, order=document)
    with pytest.raises(InputError):
        scaffold(tmp_path / "out", connector=connector, label="Acme", kind=kind, samples=given)
    assert not (tmp_path / "out").exists()


def test_a_label_of_any_text_stays_valid_yaml(tmp_path: Path) -> None:
    made = scaffold(tmp_path, connector="acme", label='Ac: me "#1" {x}', kind="shop", samples=[])
    manifest = Registry([made.folder]).manifest("acme")
    assert manifest is not None
    assert manifest.label == 'Ac: me "#1" {x}'


def test_a_topic_keeps_its_dots_and_two_samples_of_one_are_refused(tmp_path: Path) -> None:
    job = {"uid": "J1", "ref": "ful_1", "state": "queued", "rows": [{"ref": "fln_1", "pieces": 2}]}
    given = samples(tmp_path, **{"job.state": job, "job.shipped": job})
    made = scaffold(tmp_path / "out", connector="acme-wms", kind="wms", samples=given)
    manifest = (made.folder / "connector.yaml").read_text()
    # A warehouse mostly speaks of its work: no order is guessed where the name tells nothing.
    assert "- {topic: job.state, map: job_state.in.yaml, as: fulfillment_update}" in manifest
    assert "- {topic: job.shipped, map: job_shipped.in.yaml, as: shipment}" in manifest
    assert (made.folder / "fixtures/job_state.in.json").read_bytes() == given[0].read_bytes()
    twin = samples(tmp_path, **{"job-state": job})
    with pytest.raises(InputError, match=r"named after the topic 'job\.state'"):
        scaffold(tmp_path / "none", connector="acme-wms", kind="wms", samples=[given[0], *twin])
    assert not (tmp_path / "none").exists()
