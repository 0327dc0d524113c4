"""The screen Routing: versions, their comparison, and their way into force by two people."""

from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from console.web import charts
from core.services import policies, simulations
from core.services.access import create_user
from tests.console.conftest import Site, form_token
from tests.console.site import PASSWORD, USER


def figure(before: float, after: float, change: str = "change_points", by: float | None = None) -> dict[str, Any]:
    moved = after - before if by is None else by
    return {"before": before, "after": after, change: moved, "interval": [moved - 0.5, moved + 0.5]}


def report(cost: float, split: float, *, passed: bool = True, kept: float | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "since": "2026-10-01T00:00:00Z", "until": "2026-11-01T00:00:00Z", "orders": 1200, "decisions": 1900,
        "moved": 300, "others": 4,
        "unread": 0, "everything": True, "passed": passed,
        "cost_per_order": figure(6.0, 6.0 + cost * 0.06, "change_percent", cost),
        "split_percent": figure(10.0, split), "short_percent": figure(2.0, 2.0),
        "by_node": [{"node": "HAM", "capacity_per_day": 40,
                     "before": {"shipments": 700, "units": "900", "peak_a_day": 41, "days_over": 1},
                     "after": {"shipments": 900, "units": "1100", "peak_a_day": 52, "days_over": 3}}],
        "by_channel": [{"connection": "shopify-eu", "orders": 1200,
                        "cost_per_order": figure(6.0, 6.1, "change_percent", cost),
                        "split_percent": figure(10.0, split), "short_percent": figure(2.0, 2.0)}],
        "guardrails": [{"name": "cost_up_percent", "limit": 5.0, "value": cost, "holds": passed}],
    }  # fmt: skip
    return found if kept is None else {**found, "promise_kept_percent": {"known": 900, **figure(95.0, kept)}}


def draft(site: Site, document: dict[str, Any], told: dict[str, Any] | None = None, author: str = "user:x@y.z") -> str:
    with site.store.begin(actor=author) as unit:
        policy_id = f"pol_{policies.draft(unit, 'cheapest', document, 'because').hex}"
        if told is not None:
            policies.keep_simulation(unit, policy_id, told)
    return policy_id


def test_versions_are_listed_and_compared(changing: Site) -> None:
    client = changing.client()
    empty = client.get("/routing").text
    assert "No version was tried yet" in empty
    assert "cheapest@1" in empty
    draft(changing, {"most_nodes": 2}, report(-4.0, 6.0))
    draft(changing, {"most_nodes": 1}, report(9.0, 0.0, passed=False))
    draft(changing, {"most_nodes": 5}, report(3.0, 14.0))
    page = client.get("/routing").text
    assert page.count("<circle") == 4
    assert "cheapest@2, not beaten in both." in page
    assert "cheapest@4, not beaten in both." not in page
    assert "a guardrail is broken" in page
    assert page.count("guardrails hold") == 2
    assert "No promise is known yet" in client.get("/routing?against=promise").text


def test_a_version_is_shown_with_its_report_and_differences(changing: Site) -> None:
    draft(changing, {"most_nodes": 2, "weights": {"way": 150}}, report(-4.0, 6.0, kept=97.0))
    page = changing.client().get("/routing/cheapest@2").text
    assert "1,200 recorded orders (1,900 decisions) decided again, 300 to other nodes" in page
    assert "An order counts once, with its first decision" in page
    assert "weights.way" in page
    assert "700 → 900" in page
    assert "1 → 3" in page
    assert "−4.0 %" in page
    assert "Promise kept" in page
    assert "4 more orders are not for this policy" in page
    assert "<b>user:x@y.z</b> wrote it: because" in page


def test_guardrails_hold_only_where_their_figure_is_known(changing: Site) -> None:
    unknown = {"name": "cost_up_percent", "limit": 5.0, "value": None, "holds": False}
    none = {"orders": 0, "moved": 0, "by_node": [], "by_channel": [], "change": "activate"}
    draft(changing, {"most_nodes": 2}, {**report(0, 0), **none, "passed": False, "guardrails": [unknown]})
    draft(changing, {"most_nodes": 3}, {**report(0, 0), **none, "passed": None, "guardrails": [unknown]})
    draft(changing, {"most_nodes": 4}, {**report(0, 0), **none, "passed": True, "guardrails": []})  # from before
    client = changing.client()
    pages = [client.get(f"/routing/cheapest@{number}").text for number in (2, 3, 4)]
    assert ["a guardrail is not known" in page for page in pages] == [True, False, False]
    assert ["nothing to compare yet" in page for page in pages] == [False, True, True]
    assert "not known of 5" in pages[0]
    assert not any("guardrails hold" in page for page in [*pages, client.get("/routing").text])


def test_a_version_in_force_is_tried_as_if_it_were_retired(changing: Site) -> None:
    with changing.store.begin(actor="user:x@y.z") as unit:
        policies.keep_simulation(
            unit, "cheapest@1", {**report(1.0, 6.0), "change": "retire", "in_force": ["cheapest@1"]}
        )
    client = changing.client()
    page = client.get("/routing/cheapest@1").text
    assert "Over recorded orders, if it were retired" in page
    assert "Retire" in page
    listed = client.get("/routing").text
    assert "if retired: " in listed
    assert "No version was tried yet" in listed


def test_a_version_that_is_being_tried_says_how_far_it_is(changing: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulations, "is_small", lambda *_: False)
    policy = draft(changing, {"most_nodes": 2})
    with changing.store.begin(actor="user:x@y.z") as unit:
        simulations.simulate_or_ask(unit, policy, None)
        unit.conn.execute(text("UPDATE simulation SET done = 9, pieces = 20"))
    page = changing.client().get("/routing/cheapest@2").text
    assert "being tried: 45 %" in page
    assert "Try over 30 days" not in page
    assert 'hx-trigger="cd:refresh, every 2s"' in page


def test_what_the_figures_rest_on_is_said(changing: Site) -> None:
    kept = {
        **figure(95.0, 93.5), "known": 900, "learned": 850, "stated": 50, "parcels": 4_321,
        "settled": {"orders": 700, "reckoned": 94.6, "kept": 93.9, "interval": [91.9, 95.4]},
    }  # fmt: skip
    told = {
        **report(-4.0, 6.0), "promise_kept_percent": kept, "stock": {"carried": True, "touched": 77, "unmet": 3},
    }  # fmt: skip
    told["by_node"][0]["promise_kept_percent"] = {
        "before": 95.0, "after": None, "change_points": None, "interval": None,
    }  # fmt: skip
    told["by_channel"][0]["promise_kept_percent"] = figure(95.0, 93.5)
    draft(changing, {"most_nodes": 2}, told)
    page = changing.client().get("/routing/cheapest@2").text
    assert "77 saw other stock than then, and of 3 the recorded facts do not hold with it." in page
    assert "850 by up to 4,321 deliveries known when each was decided, 50 by what services state." in page
    assert "Of 700 promises that are settled 93.9 % were kept (95 %: 91.9 to 95.4); reckoned were 94.6 %." in page
    assert "95.0 % → –" in page
    assert "95.0 % → 93.5 % (−2.0 to −1.0 pt)" in page


def test_a_version_goes_into_force_by_two_people(changing: Site) -> None:
    with changing.store.begin() as unit:
        create_user(unit, "bo@example.com", "Bo Second", PASSWORD, "operator")
        # The site's decision cannot be made again, and a hub that has decided something lets nothing in unseen.
        unit.conn.execute(text("DELETE FROM decision"))
    mira, bo = changing.client(), changing.client("bo@example.com")
    draft(changing, {"most_nodes": 2}, author="user:mira@example.com")

    def post(client: Any, what: str, **more: str) -> str:
        own = form_token(client.get("/routing/cheapest@2").text)
        answer = client.post(f"/routing/{what}", data={"csrf_token": own, **more})
        assert answer.status_code == 303, answer.text
        return str(client.get(answer.headers["Location"]).text)

    assert "begins later" not in post(bo, "cheapest@2/approve")
    assert "was not simulated" in post(bo, "cheapest@2/activate")
    assert "was tried over recorded orders" in post(bo, "cheapest@2/simulate")
    assert "cheapest@2 is activated." in post(mira, "cheapest@2/activate", comment="go")
    assert "in force" in mira.get("/routing/cheapest@2").text
    assert "cheapest@1 is in force again." in post(mira, "cheapest/rollback")
    states = {name: (state, approver) for name, state, approver in rows(changing)}
    assert states == {"cheapest@1": ("active", "hub"), "cheapest@2": ("retired", "user:bo@example.com")}
    assert "Put back in force" in mira.get("/routing/cheapest@2").text
    assert "cheapest@2 is in force again." in post(mira, "cheapest@2/restore")
    assert {name: state for name, state, _ in rows(changing)} == {"cheapest@1": "retired", "cheapest@2": "active"}


def rows(site: Site) -> list[tuple[str, str, str]]:
    with site.store.read() as conn:
        found = conn.exec_driver_sql("SELECT name || '@' || number, state, approver FROM policy ORDER BY number")
        return [(row[0], row[1], row[2]) for row in found]


def test_authors_do_not_approve_and_viewers_change_nothing(changing: Site) -> None:
    draft(changing, {"most_nodes": 2}, author=f"user:{USER}")
    client = changing.client()
    page = client.get("/routing/cheapest@2").text
    assert "Approve" not in page
    answer = client.post("/routing/cheapest@2/approve", data={"csrf_token": form_token(page)})
    assert "cannot approve it" in client.get(answer.headers["Location"]).text
    viewer = changing.client("vera@example.com")
    page = viewer.get("/routing/cheapest@2").text
    assert "Try over 30 days" not in page
    token = form_token(page)
    assert viewer.post("/routing/cheapest@2/simulate", data={"csrf_token": token}).status_code == 403
    assert (
        client.post("/routing/cheapest@2/dance", data={"csrf_token": form_token(client.get("/").text)}).status_code
        == 404
    )
    assert rows(changing)[1][1] == "draft"


def test_the_picture_marks_what_nothing_beats() -> None:
    def point(name: str, x: float, y: float) -> charts.Point:
        return charts.Point(name, name, x, y, x - 1, x + 1)

    drawn = charts.scatter([point("a", 0, 10), point("b", -5, 20), point("c", 5, 30), point("d", 5, 5)])
    assert drawn is not None
    assert {dot.name: dot.best for dot in drawn.dots} == {"a": True, "b": True, "c": False, "d": True}
    a, b, c, d = drawn.dots
    assert b.x < a.x < c.x == d.x
    assert c.y < b.y < a.y < d.y
    assert a.start < a.x < a.end
    assert drawn.front == f"M{b.x},{b.y} L{a.x},{a.y} L{d.x},{d.y}"
    assert [tick.label for tick in drawn.columns] == ["−10", "−5", "0", "+5", "+10"]
    assert [tick.label for tick in drawn.rows] == ["0", "10", "20", "30"]
    assert charts.scatter([point("a", 0, 0)]) is None


def test_names_of_points_that_lie_together_stand_below_each_other() -> None:
    points = [charts.Point(f"cheapest@{k}", f"c{k}", k / 100, 1.0, -50, 50) for k in range(6)]
    drawn = charts.scatter(points)
    assert drawn is not None
    lines = sorted(dot.y + dot.down for dot in drawn.dots)
    assert all(lower - upper >= charts.LINE for upper, lower in pairwise(lines))


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 0, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 100, [0, 20, 40, 60, 80, 100]), (-0.3, 0.1, [-0.3, -0.2, -0.1, 0, 0.1]),
        (3, 3, [2, 3, 4]), (0, 16.4, [0, 5, 10, 15, 20]),
    ],
)  # fmt: skip
def test_an_axis_has_few_round_steps_that_take_both_ends_in(low: float, high: float, found: list[float]) -> None:
    steps = charts.steps(low, high)
    assert len(steps) <= 8
    assert steps[0] <= low <= high <= steps[-1]
    assert steps[-1] > steps[0]
    if low != high:
        assert steps == found
