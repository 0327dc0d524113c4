"""Every operation, its variables and the simulator's answers against Shopify's own Admin schemas."""

import json
import lzma
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    GraphQLSchema,
    OperationDefinitionNode,
    build_client_schema,
    execute,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from connectors.shopify import graph
from connectors.shopify.simulated import fulfilling
from connectors.shopify.simulated.answers import COSTS
from connectors.shopify.simulator import Partner
from core.domain.vocabulary import Write
from tests.connectors.shopify.conftest import Open
from tests.connectors.shopify.pushes import shipment, stock

pytestmark = pytest.mark.corpora

VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10")
FIXTURES = Path(graph.__file__).parent / "fixtures"
OPERATIONS = sorted(path.stem for path in graph.QUERIES.glob("*.graphql"))


@cache
def schema(folder: Path, version: str) -> GraphQLSchema:
    """Return the Admin schema of a version; graphql-core refuses it as such (see the corpora's README)."""
    path = folder / "shopify-graphql" / f"admin_{version}.introspection.json.xz"
    return build_client_schema(json.loads(lzma.decompress(path.read_bytes()))["data"], assume_valid=True)


def operation(name: str) -> OperationDefinitionNode:
    """Return the one operation of a file."""
    (found,) = parse(graph.query(name)).definitions
    assert isinstance(found, OperationDefinitionNode)
    return found


def sent() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (operation name, variables) of every call in the golden files."""
    for path in sorted([*FIXTURES.glob("*.push.json"), *FIXTURES.glob("*.list.json")]):
        golden = json.loads(path.read_bytes())
        for part in (golden, golden.get("find") or {}, golden.get("absent") or {}):
            for step in part.get("steps", ()):
                body = step["request"]["body"]
                variables = {name: 7 if value == "{any}" else value for name, value in body["variables"].items()}
                yield body["operationName"], variables


def test_operations_are_named_after_their_files() -> None:
    assert [operation(name).name.value for name in OPERATIONS] == [graph.operation(name) for name in OPERATIONS]  # type: ignore[union-attr]
    assert len(OPERATIONS) == 15


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_is_valid(corpora: Path, version: str, name: str) -> None:
    errors = validate(schema(corpora, version), parse(graph.query(name)))
    assert [error.message for error in errors] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_variables_fit_the_input_types(corpora: Path, version: str) -> None:
    files = {graph.operation(name): name for name in OPERATIONS}
    seen = set()
    for name, variables in sent():
        seen.add(name)
        definitions = operation(files[name]).variable_definitions or ()
        found = get_variable_values(schema(corpora, version), definitions, variables)
        # A list is a list of errors.
        assert not isinstance(found, list), (name, found)
        assert set(variables) == {each.variable.name.value for each in definitions}
    assert seen >= {
        "FulfillmentCreate",
        "FulfillmentOrderMove",
        "InventorySet",
        "Orders",
        "Variants",
        "InventoryLevels",
    }


def test_a_field_that_does_not_exist_is_noticed(corpora: Path) -> None:
    broken = graph.query("check").replace("currencyCode", "currencyOfTheShop")
    (error,) = validate(schema(corpora, "2026-10"), parse(broken))
    assert "currencyOfTheShop" in error.message


def test_the_mutation_that_needs_an_idempotency_key_has_one(corpora: Path) -> None:
    """Required from 2026-04 on, says the schema itself."""
    described = schema(corpora, "2026-10").mutation_type.fields["inventorySetQuantities"].description  # type: ignore[union-attr]
    assert described is not None
    assert "the idempotency key is required" in described
    assert "@idempotent(key: $key)" in graph.query("inventory_set")


def test_the_simulator_answers_what_the_schema_allows(corpora: Path, partner: Partner, open_shop: Open) -> None:
    """Each answer, run through the schema with the very query, comes out as it went in: same fields, right types."""
    admin = schema(corpora, "2026-10")
    seen: set[str] = set()

    def witness(query: str, variables: dict[str, Any], data: dict[str, Any]) -> None:
        document = parse(query)
        assert validate(admin, document) == []
        result = execute(admin, document, root_value=data, variable_values=variables)
        assert isinstance(result, ExecutionResult)
        assert result.errors is None, result.errors
        assert result.data == data
        assert isinstance(document.definitions[0], OperationDefinitionNode)
        assert document.definitions[0].name is not None
        seen.add(document.definitions[0].name.value)

    partner.witness = witness
    shop = open_shop(partner.url)
    shop.check()
    big = partner.place_order([{"sku": each.sku, "quantity": 2} for each in partner.shop.catalog[:30]])
    small = partner.place_order([{"sku": partner.shop.catalog[0].sku, "quantity": 3}])
    line = small["line_items"][0]
    partner.edit_order(small["id"], line["id"], 2)
    partner.refund_order(small["id"], [{"line": line["id"], "quantity": 1}], "cancel")
    push = shipment(big, [(each, 2) for each in big["line_items"]], tracking="T-1", node="south")
    shop.push_shipment(push)
    assert shop.find_by_reference(push) is not None
    shop.push_shipment(shipment(small, [(line, 1)], tracking="T-2"))
    fulfilling.hold(partner.shop, small["id"], True)
    partner.cancel_order(small["id"])
    shop.push_stock(stock(partner.shop.catalog[:3], 5, references=False))
    assert shop.find_by_reference(stock(partner.shop.catalog[:3], 5)) is not None
    for listing in (shop.list_orders, shop.list_items, shop.list_stock):
        cursor: dict[str, Any] = {}
        while (page := listing(cursor)).more:
            cursor = page.cursor
    assert seen == {graph.operation(name) for name in OPERATIONS}
    assert set(COSTS) <= seen
    assert push.kind is Write.PUSH_SHIPMENT
