"""Routing on the command line: services, rates and places from files; nodes off and areas shut move released work."""

from pathlib import Path

import pytest

from tests.cli.conftest import HEADER, Crossdock, order_row
from tests.cli.test_imports import bad

SERVICES = (
    "carrier;service;level;nodes;transit_days;on_time\nnordpost;parcel;;HAM LYS;1:1 *:3;0.95\nsouthpost;x/y;;;;\n"
)
RATES = (
    "carrier,service,zone,from_country,to_country,to_postal,up_to_g,price,per_kg,currency\n"
    "nordpost,parcel,1,DE,DK,,5000,4.90,,EUR\nnordpost,parcel,2,,DK,,,9.90,0.10,EUR\n"
    "nordpost,air,1,DE,DK,,,1,,EUR\nnordpost,parcel,1,DE,DK,80,,cheap,,EUR\nnordpost,parcel,1,DE,DK,,,1,,SEK\n"
)


@pytest.fixture
def routed(company: Crossdock, place: Path) -> Crossdock:
    """The company with a second node, a carrier, its rates, and two released orders."""
    (place / "more.csv").write_text("code,name,country,latitude,longitude\nLYS,Lyon,FR,45.8,4.8\n")
    (place / "there.csv").write_text("sku,node,on_hand\nMUG,LYS,10\n")
    (place / "services.csv").write_text(SERVICES)
    (place / "rates.csv").write_text(RATES)
    (place / "orders.csv").write_text(HEADER + order_row("W1") + order_row("W2"))
    assert company("import", "nodes", "more.csv").code == 0
    assert company("import", "stock", "there.csv").code == 0
    assert company("import", "services", "services.csv", "--json").one["good"] == 1
    assert company("import", "rates", "rates.csv", "--json").one["good"] == 2
    assert company("import", "orders", "orders.csv", "--connection", "shop").code == 0
    return company


def test_bad_rows_of_services_and_rates_say_why(routed: Crossdock, place: Path) -> None:
    [row] = bad(place, "services.csv.bad.csv")
    assert row[:2] == ["3", "service: must not have a slash or NUL"]
    assert [row[:2] for row in bad(place, "rates.csv.bad.csv")] == [
        ["4", "There is no service 'air' of 'nordpost'."],
        ["5", "price: Not a valid number."],
        ["6", "The rate is in SEK, and the others are in EUR."],
    ]


def test_places_come_from_tables_and_from_geonames_files(company: Crossdock, place: Path) -> None:
    (place / "dk.csv").write_text("country_code,zipcode,place,state,latitude,longitude\nDK,8000,Aarhus,x,56.16,10.21\n")
    assert company("import", "places", "dk.csv", "--json").one["good"] == 1
    (place / "DE.txt").write_text(
        "DE\t24103\tKiel\tSH\t\t\t\t\t\t54.32\t10.13\t4\nDE\t\tNowhere\t\t\t\t\t\t\t1\t2\t4\n"
    )
    result = company("import", "places", "DE.txt", "--json")
    assert (result.code, result.one["good"], result.one["bad"]) == (1, 1, 1)
    assert company("import", "rates", "DE.txt", "--json").one["error"]["code"] == "CLI-IMPORT-415"


def test_rows_of_a_country_that_is_not_there_are_bad(routed: Crossdock, place: Path) -> None:
    header = "carrier,service,from_country,to_country,price,currency\n"
    (place / "uk.csv").write_text(f"{header}nordpost,parcel,DE,UK,7,EUR\nnordpost,parcel,DE,GB,7,EUR\n")
    assert routed("import", "rates", "uk.csv", "--json").one["good"] == 1
    (place / "places.csv").write_text("country,postal_code,latitude,longitude\nZZ,1,50,0\nGB,AB1,57,-2\n")
    assert routed("import", "places", "places.csv", "--json").one["good"] == 1
    (place / "ZZ.txt").write_text("ZZ\t1\tNowhere\t\t\t\t\t\t\t50\t0\t4\n")
    assert routed("import", "places", "ZZ.txt", "--json").one["good"] == 0
    fixes = {"uk": ("'UK'", "write GB"), "places": ("'ZZ'", "ISO 3166 has codes such as DE")}
    for name, (code, fix) in fixes.items():
        [row] = bad(place, f"{name}.csv.bad.csv")
        assert row[0] == "2"
        assert row[1].endswith(f"country: no country has the code {code}; {fix}")


def test_a_node_goes_off_and_its_work_elsewhere(routed: Crossdock) -> None:
    tried = routed("nodes", "off", "HAM", "--until", "4h", "--reason", "power cut", "--dry-run", "--json").one
    assert (tried["dry_run"], tried["replan"]["moves"], tried["replan"]["applied"]) == (True, 2, None)
    assert tried["replan"]["orders"][0]["from"] == ["HAM"]
    assert [each["node"] for each in tried["replan"]["orders"][0]["to"]] == ["LYS"]
    assert [each["off_until"] for each in routed("nodes", "list", "--json").rows] == [None, None]
    done = routed("nodes", "off", "HAM", "--until", "4h", "--reason", "power cut")
    assert done.code == 0, done.err
    assert "2 fulfillment orders: 2 move, 0 are asked for, 0 stay" in done.err
    [node] = [each for each in routed("nodes", "list", "--json").rows if each["code"] == "HAM"]
    assert (node["active"], node["off_reason"]) == (True, "power cut")
    assert [each["phase"] for each in routed("orders", "list", "--json").rows] == [
        "backordered"
    ] * 2  # until the next round
    assert routed("nodes", "on", "HAM", "--json").one["off_until"] is None
    assert routed("nodes", "off", "NOWHERE", "--json").code == 4


def test_a_node_is_told_how_its_stock_is_known(routed: Crossdock) -> None:
    given = ("--mode", "batch", "--hours", "12", "--error", "0.08", "--samples", "40", "--quantile", "0.95")
    node = routed("nodes", "stock", "HAM", *given, "--json").one
    told = (node["stock_mode"], node["count_hours"], node["count_error"], node["count_samples"], node["count_quantile"])
    assert told == ("batch", "12", "0.08", 40, "0.95")
    shown = {each["code"]: each["stock_mode"] for each in routed("nodes", "list", "--json").rows}
    assert (shown["HAM"], shown["LYS"]) == ("batch", "live")
    assert routed("nodes", "stock", "HAM", "--mode", "live", "--json").one["stock_mode"] == "live"
    assert routed("nodes", "stock", "HAM").code == 2


def test_capacity_lost_moves_what_is_over_it(routed: Crossdock) -> None:
    done = routed("nodes", "capacity", "HAM", "1", "--json").one
    assert (done["capacity_per_day"], done["replan"]["affected"]) == (1, 1)
    assert done["replan"]["applied"] == {"moved": 1, "asked": 0, "stayed": 0}
    assert routed("nodes", "capacity", "HAM", "--json").one["capacity_per_day"] is None


def test_a_shut_area_is_added_listed_and_ended(routed: Crossdock) -> None:
    tried = routed("disruptions", "add", "storm", "--circle", "53.5,10,30", "--until", "9d", "--dry-run", "--json").one
    assert (tried["dry_run"], tried["replan"]["moves"], tried["replan"]["applied"]) == (True, 2, None)
    assert routed("disruptions", "list", "--json").rows == []
    made = routed("disruptions", "add", "storm", "--circle", "53.5,10,30", "--until", "9d", "--json").one
    assert made["replan"]["applied"] == {"moved": 2, "asked": 0, "stayed": 0}
    assert [each["label"] for each in routed("disruptions", "list", "--json").rows] == ["storm"]
    assert routed("disruptions", "replan", made["id"], "--json").one["affected"] == 0
    assert routed("disruptions", "end", made["id"]).out == "storm is over.\n"
    assert routed("disruptions", "list", "--json").rows == []
    assert routed("disruptions", "add", "x", "--json").code == 2
    assert routed("disruptions", "add", "x", "--circle", "a,b,c", "--json").code == 2
