"""Whole numbers of the API: what has a fraction is refused and changes nothing, wherever it is asked for."""

from typing import Any

import pytest
from marshmallow import class_registry, fields

from core.domain.quick import Whole
from tests.core.world import World
from tests.webhooks.conftest import Client


def whole_fields(field: fields.Field[Any]) -> list[fields.Integer]:
    if isinstance(field, fields.Integer):
        return [field]
    inner = [getattr(field, name, None) for name in ("inner", "value_field")]
    return [found for each in inner if each is not None for found in whole_fields(each)]


def test_no_whole_number_of_the_api_is_cut(api: Client) -> None:
    seen = 0
    for schema in {each for found in class_registry._registry.values() for each in found}:
        if schema.__module__.split(".")[0] not in ("webhooks", "core"):
            continue
        for name, declared in schema._declared_fields.items():
            for field in whole_fields(declared):
                seen += 1
                assert isinstance(field, Whole) or field.strict, f"{schema.__name__}.{name} cuts 2.7 to 2"
    assert seen > 20


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/nodes", {"code": "HAM", "capacity_per_day": 2.7}, "capacity_per_day"),
        ("/nodes", {"code": "HAM", "count_samples": 30.5}, "count_samples"),
        ("/items", {"sku": "A", "weight_g": 99.9}, "weight_g"),
        ("/reservations", {"lines": [{"sku": "A", "quantity": "1"}], "seconds": 60.5}, "seconds"),
    ],
)
def test_a_fraction_is_refused_and_nothing_is_written(
    api: Client, world: World, path: str, body: dict[str, Any], field: str
) -> None:
    before = world.one("SELECT (SELECT sum(version) FROM node) AS n, (SELECT sum(version) FROM item) AS i")
    answer = api.post(path, body)
    assert answer.status_code == 422
    assert [each["path"] for each in answer.get_json()["errors"]] == [field]
    after = world.one("SELECT (SELECT sum(version) FROM node) AS n, (SELECT sum(version) FROM item) AS i")
    assert tuple(after) == tuple(before)
    assert world.one("SELECT count(*) AS n FROM reservation").n == 0


def test_a_page_has_a_whole_number_of_objects(api: Client) -> None:
    assert api.get("/items?limit=2.7").status_code == 422
    assert api.get("/items?limit=2").status_code == 200
