"""Promises, scores and models on the command line."""

from tests.cli.conftest import Crossdock


def test_promises_are_listed_shown_and_reported(orders: Crossdock) -> None:
    [listed] = orders("promises", "list", "--json").rows
    order = orders("orders", "show", "W1", "--json").one["id"]
    assert (listed["order"], listed["state"], listed["probability"]) == (order, "standing", 0.9)
    assert orders("promises", "list", "--order", "W1", "--state", "standing", "--json").rows == [listed]
    assert orders("promises", "list", "--state", "late", "--json").rows == []
    assert orders("promises", "show", listed["id"], "--json").one == listed
    assert orders("promises", "list").out.splitlines()[0].split() == [
        "id", "order", "state", "at", "probability", "risk", "made",
    ]  # fmt: skip
    report = orders("promises", "report", "--since", "7d", "--json").one
    assert (report["states"], report["parcels"]["promises"]) == ({"standing": 1}, 0)
    lines = orders("promises", "report").out.splitlines()
    assert lines[0].split() == ["part", "name", "promises", "50", "%", "80", "%", "90", "%", "95", "%"]
    assert [line.split() for line in lines[1:]] == [
        ["orders", "-", "0", "-", "-", "-", "-"],
        ["parcels", "-", "0", "-", "-", "-", "-"],
    ]


def test_scores_and_models_say_when_there_are_none(company: Crossdock) -> None:
    assert company("scores").err == "No outcomes yet; scores are computed every hour.\n"
    assert "promises follow the rule" in company("models", "list").err
    refused = company("models", "train", "--json")
    assert (refused.code, refused.one["error"]["code"]) == (1, "MODEL-DATA-409")
    missing = company("models", "promote", "mdl_" + "0" * 32, "--yes", "--json")
    assert missing.one["error"]["code"] == "HUB-MISSING-404"
