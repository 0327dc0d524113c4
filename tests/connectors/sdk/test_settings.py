"""What a person fills in, and what is said when it does not fit."""

from decimal import Decimal
from typing import Any

import pytest

from core.errors import Misconfigured

MORE = """
  - {name: count, type: integer, help: "Count.", default: 3}
  - {name: factor, type: number, help: "Factor."}
  - {name: loud, type: boolean, help: "Loud."}
  - {name: size, type: choice, choices: [s, l], help: "Size."}
  - {name: table, type: json, help: "Table."}
"""


def test_values_come_in_their_types(opened: Any) -> None:
    given = {"count": "12", "factor": 0.1, "loud": "yes", "size": "l", "table": {"a": 1}, "own": 1}
    found = opened(MORE, url="https://Acme.example/api/", settings=given).settings
    assert found == {
        "base_url": "https://Acme.example/api", "count": 12, "factor": Decimal("0.1"), "loud": True, "size": "l",
        "table": {"a": 1}, "own": 1,
    }  # fmt: skip


def test_defaults_fill_in_for_nothing(opened: Any) -> None:
    assert opened(MORE, settings={"count": "", "factor": None}).settings["count"] == 3
    assert "factor" not in opened(MORE, settings={"factor": None}).settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", "1.5"), ("count", True), ("count", "many"), ("factor", "NaN"), ("factor", "1,5"), ("loud", "perhaps"),
        ("size", "m"), ("table", "{}"), ("base_url", "acme.example"), ("base_url", "https://u:p@acme.example"),
        ("base_url", 5), ("base_url", ""), ("client", 5),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_named_not_shown(opened: Any, name: str, value: Any) -> None:
    with pytest.raises(Misconfigured) as caught:
        opened(MORE, settings={name: value})
    assert f"{name} is" in str(caught.value)
    assert "u:p" not in str(caught.value)


def test_a_required_secret_must_be_there_and_is_no_setting(opened: Any) -> None:
    more = '  - {name: pin, type: text, secret: true, required: true, help: "Its pin."}\n'
    with pytest.raises(Misconfigured, match="pin is missing") as caught:
        opened(more, settings={"pin": "1234"})
    assert caught.value.data["errors"] == [{"path": "secrets.pin", "reason": "pin is missing (Its pin.)"}]
    connector = opened(more, settings={"pin": "1234"}, secrets={"pin": "9876-5432"})
    assert "pin" not in connector.settings
    assert "9876-5432" not in repr(connector)
    assert "9876-5432" not in repr(connector.config)
