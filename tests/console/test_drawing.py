"""Figures, times and charts as they are written and drawn."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.web import charts, decision, format, network, params
from core.domain.packing import pack
from core.store.views.overview import NodeLoad


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"), (0.0412, "41 ms"), (1.84, "1.8 s"), (38.2, "38 s"), (134, "2 m 14 s"), (1200, "20 m"),
        (4320, "1 h 12 m"), (86_400, "1 d"), (93_600, "1 d 2 h"), (600_000, "6 d"), (-4320, "−1 h 12 m"), (59.7, "1 m"),
    ],
)  # fmt: skip
def test_durations(seconds: float | None, text: str) -> None:
    assert format.duration(seconds) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("2140", "EUR", "€2,140.00"), ("-5.5", "GBP", "−£5.50"), ("1200", "JPY", "¥1,200"), ("1.5", "KWD", "1.500 KWD"),
        ("3.10", "SEK", "3.10 SEK"),
    ],
)  # fmt: skip
def test_money(amount: str, currency: str, text: str) -> None:
    assert format.money(Decimal(amount), currency) == text


def test_quantities_sizes_and_words() -> None:
    assert [format.quantity(Decimal(one)) for one in ("2.000", "0.5", "1200", "-3", "1E+3")] == [
        "2", "0.5", "1,200", "−3", "1,000",
    ]  # fmt: skip
    assert [format.bytes_(one) for one in (19, 1_500, 2_500_000)] == ["19 B", "1.5 kB", "2.5 MB"]
    assert format.words("partly_shipped") == "Partly shipped"
    assert [format.initials(one) for one in ("Fjord & Pine", "mira@example.com", "&")] == ["FP", "ME", "?"]


def test_times_are_utc_until_the_browser_knows_better() -> None:
    at = datetime(2026, 11, 20, 23, 30, tzinfo=timezone(timedelta(hours=2)))
    assert format.when(at) == (
        '<time datetime="2026-11-20T21:30:00.000Z" data-cd-time="short">20 Nov 21:30</time>'
    )  # fmt: skip
    assert format.when(None) == "–"


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_cells_that_a_spreadsheet_would_run_become_text(value: str) -> None:
    assert params.csv_safe(value) == f"'{value}"


def test_plain_cells_stay() -> None:
    assert [params.csv_safe(one) for one in (None, 3, "a=b")] == ["", "3", "a=b"]


@given(st.integers(0, 10**7))
def test_an_axis_ends_above_its_value_in_four_round_steps(value: int) -> None:
    end = charts.nice_ceiling(value)
    assert end >= value
    assert end % 4 == 0
    assert end <= max(4, value * 2)


@given(st.lists(st.lists(st.integers(0, 500), min_size=8, max_size=8), min_size=1, max_size=5))
def test_stacked_bands_stay_inside_the_chart_and_keep_their_sums(series: list[list[int]]) -> None:
    named = [(f"S{i}", f"s{i}", values) for i, values in enumerate(series)]
    drawn = charts.stack(named, 8, every=2)
    heights = [
        float(pair.split(",")[1])
        for band in drawn.bands
        for pair in band.edge.replace("M", " ").replace("C", " ").split()
    ]
    assert all(16 <= y <= drawn.bottom for y in heights)
    assert [band.total for band in drawn.bands] == [sum(values) for values in series]
    assert drawn.peak == max(sum(column) for column in zip(*series, strict=True))


def test_a_line_needs_two_points() -> None:
    assert charts.spark([]) is None
    assert charts.spark([3]) is None
    assert charts.spark([1, 3], width=10, height=18) == charts.Spark(
        "M0,18 L0.0,15.0 L10.0,5.0 L10,18Z", "M0.0,15.0 L10.0,5.0", 10, 18
    )


def test_names_on_the_map_do_not_cover_each_other_and_far_nodes_are_listed() -> None:
    near = [NodeLoad(f"N{i}", "Hamburg", 53.5 + i * 0.05, 10.0, i, 0, 0.5) for i in range(3)]
    far = NodeLoad("NYC", "New York", 40.7, -74.0, 4, 1, None)
    nowhere = NodeLoad("X", "Somewhere", None, None, 0, 0, None)
    drawn = network.network([*near, far, nowhere], [("N0", "DE", 5), ("NYC", "US", 2)])
    assert len({(pin.anchor, pin.label_x, pin.label_y) for pin in drawn.pins}) == 3
    assert drawn.elsewhere == (far, nowhere)
    assert len(drawn.lanes) == 1


def test_a_decision_says_by_term_what_a_node_costs_and_how_much_dearer_the_plan_with_it_is() -> None:
    told = [
        {"node": "LYS", "chosen": False, "lines": 1, "shipment": 61_000, "handling": 5_000, "km": 900, "service": "std",
         "terms": {"shipment": 40_000, "way": 21_000, "late": 0, "handling": 10_000}, "instead": 71_000,
         "reason": "costs more or gives less"},
        {"node": "HAM", "chosen": True, "lines": 1, "shipment": 42_000, "handling": 5_000, "km": 100,
         "terms": {"shipment": 40_000, "way": 2_000, "handling": 10_000}, "instead": 52_000, "reason": "chosen"},
        {"node": "POZ", "chosen": False, "reason": "nothing available"},
    ]  # fmt: skip
    row: Any = {
        "id": UUID(int=1), "kind": "sourcing", "candidates": pack(orjson.dumps(told)),
        "choice": {"cost": 52_000, "short": []}, "policy": "cheapest@1", "bound": "optimal",
        "duration_us": 200, "at": None,
    }  # fmt: skip
    found = decision.explain(row)
    assert [(one.node, one.service, one.dearer) for one in found.candidates] == [
        ("HAM", None, None), ("LYS", "std", Decimal("1.9")), ("POZ", None, None),
    ]  # fmt: skip
    assert found.candidates[1].terms == (
        ("shipment", Decimal(4)), ("way", Decimal("2.1")), ("handling", Decimal(1)),
    )  # fmt: skip
    assert (found.cost, found.short) == (Decimal("5.2"), False)
