"""Points follow from postcodes: the whole code, else the smallest area known, else the country's middle."""

import csv
import lzma
from pathlib import Path

import pytest

from core.domain.postcodes import lies_in, normal, steps
from core.services.geography import find_points, finish_places, write_places
from core.store.unit import Store
from tests.core.carriers import change, ordered, places
from tests.core.world import World
from webhooks.api.routingbodies import PlaceBody

GEONAMES = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "address" / "geonames-postal"


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


@pytest.mark.parametrize(
    ("country", "code", "expected"),
    [
        ("DE", "24 103", ("24103", "2410", "241", "24", "2")),
        ("SE", "211 24", ("21124", "2112", "211", "21", "2")),
        ("GB", "m1 1ae", ("M11AE", "M1")),
        ("GB", "BN91 2AB", ("BN912AB", "BN91", "BN")),
        ("GB", "BN91", ("BN91", "BN")),
        ("PL", "61-315", ("61315", "6131", "613", "61", "6")),
        ("DE", " - ", ()),
    ],
)
def test_a_postcode_lies_in_areas(country: str, code: str, expected: tuple[str, ...]) -> None:
    assert steps(country, code) == expected


def test_manchester_one_does_not_lie_in_manchester_eleven() -> None:
    assert not lies_in("GB", "M1 1AE", "M11")
    assert lies_in("GB", "M11 1AE", "M11")
    assert lies_in("DE", "24103", "")
    assert normal("ab-12 ") == "AB12"


def test_the_smallest_known_area_gives_the_point(world: World) -> None:
    places(
        world,
        ("DE", "24103", 54.32, 10.13), ("DE", "24105", 54.34, 10.13), ("DE", "20095", 53.55, 10.0),
        ("GB", "M1", 53.48, -2.23), ("GB", "M11", 53.47, -2.18),
        ("NZ", "8016", -44.0, 179.0), ("NZ", "8017", -44.0, -177.0),
    )  # fmt: skip
    with world.store.read() as conn:
        found = find_points(
            conn,
            {("DE", "24103"), ("DE", "24999"), ("DE", "29999"), ("DE", "99999"), ("GB", "M1 1AE"), ("NZ", "8099")},
        )
    shown = {key: (round(p.latitude, 2), round(p.longitude, 2), p.area) for key, p in found.items()}
    assert shown == {
        ("DE", "24103"): (54.32, 10.13, "24103"),
        ("DE", "24999"): (54.33, 10.13, "24"),
        ("DE", "29999"): (54.07, 10.09, "2"),
        ("GB", "M1 1AE"): (53.48, -2.23, "M1"),
        ("NZ", "8099"): (-44.0, -179.0, "80"),  # across the date line, not at 1 degree east
    }


def test_orders_are_measured_to_their_postcode_and_the_decision_keeps_the_point(world: World) -> None:
    _, before = ordered(world, {"A": 1})
    places(world, ("DE", "24103", 54.32, 10.13))
    _, after = ordered(world, {"A": 1})
    kilometers = [[row["km"] for row in each.candidates if row["node"] == "HAM"] for each in (before, after)]
    assert kilometers == [[268], [92]]  # the middle of Germany, then Kiel
    assert before.inputs["point"] == [None, None]
    assert after.inputs["point"] == [54.32, 10.13]


def test_a_node_without_a_point_gets_that_of_its_postcode(world: World) -> None:
    change(world, "UPDATE node SET latitude = NULL, longitude = NULL, postal_code = '20457' WHERE code = 'HAM'")
    change(world, "UPDATE node SET postal_code = '20457' WHERE code = 'LYS'")
    places(world, ("DE", "20459", 53.55, 9.98))
    rows = world.all("SELECT code, latitude, longitude FROM node ORDER BY code")
    assert [tuple(row) for row in rows] == [("HAM", 53.55, 9.98), ("LYS", 45.8, 4.8)]


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("country", "code", "latitude", "longitude", "area"),
    [
        ("DE", "24103", 54.32, 10.13, "24103"),
        ("NL", "3512 JE", 52.09, 5.12, "3512"),
        ("GB", "M1 1AE", 53.48, -2.23, "M1"),
        ("SE", "211 24", 55.61, 13.0, "21124"),
        ("DK", "8000", 56.16, 10.21, "8000"),
    ],
)
def test_published_places_give_the_points_of_cities(
    world: World, country: str, code: str, latitude: float, longitude: float, area: str
) -> None:
    path = GEONAMES / f"{country.lower()}.csv.xz"
    if not path.exists():
        pytest.skip(f"{path} is not here: the samples stand beside the repository, in ../shared/corpora")
    schema = PlaceBody()
    with lzma.open(path, "rt", encoding="utf-8") as handle, world.store.begin() as unit:
        rows = [schema.load({k: v for k, v in row.items() if v}) for row in csv.DictReader(handle)]
        write_places(unit, rows)
        finish_places(unit, {country})
        [point] = find_points(unit.conn, {(country, code)}).values()
    assert (round(point.latitude, 1), round(point.longitude, 1)) == (round(latitude, 1), round(longitude, 1))
    assert point.area == area
