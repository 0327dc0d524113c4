"""Calendars, services and rates on the command line."""

from pathlib import Path

from tests.cli.conftest import Crossdock
from tests.cli.test_routing_commands import RATES, SERVICES

FILE = """\
calendars:
- node: HAM
  cutoff: 14:30
  handling_minutes: 90
  week:
  - {opens: 08:00, closes: 17:00}
  - {opens: 08:00, closes: 17:00}
  - null
  - {opens: 08:00, closes: 17:00}
  - {opens: 08:00, closes: 12:00}
  - null
  - null
  closures:
  - {day: 2199-12-25, label: Christmas}
  - {day: 2199-12-24, opens: 08:00, closes: 12:00}
"""


def test_calendars_go_out_and_in_again(company: Crossdock, place: Path) -> None:
    (place / "calendars.yaml").write_text(FILE)
    tried = company("calendars", "import", "calendars.yaml", "--dry-run")
    assert tried.out == "Would be done: 1 calendar is written: HAM.\n"
    assert company("calendars", "show", "HAM", "--json").one["own"] is False
    assert company("calendars", "import", "calendars.yaml", "--json").one["nodes"] == ["HAM"]
    shown = company("calendars", "show", "HAM", "--json").one
    assert (shown["cutoff"], shown["handling_minutes"], shown["week"][2]) == ("14:30", 90, None)
    assert [(each["day"], each["opens"], each["label"]) for each in shown["closures"]] == [
        ("2199-12-24", "08:00", None),
        ("2199-12-25", None, "Christmas"),
    ]
    [row] = company("calendars", "list").out.splitlines()[1:]
    assert "Mon-Tue 08:00-17:00, Thu 08:00-17:00, Fri 08:00-12:00" in row
    [node] = company("nodes", "list", "--json").rows
    assert node["name"] == "Hamburg"
    out = company("calendars", "export").out
    (place / "again.yaml").write_text(out)
    assert company("calendars", "import", "again.yaml").code == 0
    assert company("calendars", "export").out == out
    assert company("calendars", "show", "HAM", "--json").one == shown


def test_a_file_that_does_not_fit_writes_nothing(company: Crossdock, place: Path) -> None:
    for text, told in (
        (FILE.replace("14:30", "25:00"), "calendars.0.cutoff"),
        (FILE.replace("  - null\n", "", 1), "calendars.0.week"),
        (FILE.replace("HAM", "NOWHERE"), "There is no node 'NOWHERE'."),
        (FILE.replace("closes: 12:00}\n  - null", "closes: 07:00}\n  - null"), "cannot close at 07:00"),
        ("calendars: [", "bad.yaml:1 is not YAML"),
        ("", "bad.yaml does not fit"),
    ):
        (place / "bad.yaml").write_text(text)
        result = company("calendars", "import", "bad.yaml", "--json")
        assert result.code in (2, 4), result.out
        assert told in result.one["error"]["what"]
    assert company("calendars", "show", "HAM", "--json").one["own"] is False


def test_services_and_rates_are_listed(company: Crossdock, place: Path) -> None:
    (place / "more.csv").write_text("code,name,country\nLYS,Lyon,FR\n")
    (place / "services.csv").write_text(SERVICES)
    (place / "rates.csv").write_text(RATES)
    for what, file in (("nodes", "more.csv"), ("services", "services.csv"), ("rates", "rates.csv")):
        company("import", what, file)
    [service] = company("carriers", "services", "--carrier", "nordpost", "--json").rows
    assert (service["service"], service["nodes"]) == ("parcel", ["HAM", "LYS"])
    assert company("carriers", "service", "nordpost/parcel", "--json").one == service
    assert sorted(each["price"] for each in company("carriers", "rates", "--to", "dk", "--json").rows) == [
        "4.90",
        "9.90",
    ]
    assert company("carriers", "rates", "--service", "air", "--json").rows == []
    assert company("carriers", "service", "nordpost/air").code == 4
