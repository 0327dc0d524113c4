"""Code lists: both ways, one to one or explicit, and never a default."""

import pytest

from core.domain.countries import COUNTRIES
from core.errors import UnmappedCode
from mappings.codes import ALPHA_3, CODES, from_table
from mappings.faults import MapDocumentError, Unfit


def test_a_table_works_both_ways() -> None:
    carriers = from_table("carriers", {"DHL_PAKET": "dhl", 7: "gls"})
    assert [carriers.read(code) for code in ("DHL_PAKET", "7", 7)] == ["dhl", "gls", "gls"]
    assert [carriers.write(code) for code in ("dhl", "gls")] == ["DHL_PAKET", "7"]


def test_several_partner_codes_need_to_say_which_is_written() -> None:
    with pytest.raises(MapDocumentError, match="both PAK and PCT for dhl"):
        from_table("carriers", {"PAK": "dhl", "PCT": "dhl"})
    carriers = from_table("carriers", {"read": {"PAK": "dhl", "PCT": "dhl"}, "write": {"dhl": "PAK"}})
    assert (carriers.read("PCT"), carriers.write("dhl")) == ("dhl", "PAK")


def test_a_code_without_a_word_of_the_partners_own_is_written_as_another_one() -> None:
    table = {"read": {"PAK": "dhl"}, "write": {"dhl": "PAK"}, "only_write": {"dhl-green": "PAK"}}
    carriers = from_table("carriers", table)
    assert [carriers.write(code) for code in ("dhl", "dhl-green")] == ["PAK", "PAK"]
    with pytest.raises(MapDocumentError, match="has dhl in both `write` and `only_write`"):
        from_table("carriers", {**table, "only_write": {"dhl": "GLS"}})


def test_read_and_write_must_agree() -> None:
    with pytest.raises(MapDocumentError, match="writes gls as A, but reads A as dhl"):
        from_table("carriers", {"read": {"A": "dhl"}, "write": {"gls": "A"}})


@pytest.mark.parametrize("table", [{True: "x"}, {"a": None}, {"a": ""}, {"a": ["b"]}])
def test_what_is_no_code_is_refused(table: dict[object, object]) -> None:
    with pytest.raises(MapDocumentError, match="where a code is expected"):
        from_table("t", table)


@pytest.mark.parametrize("name", sorted(CODES))
@pytest.mark.parametrize("code", ["", "XX ", "nowhere"])
def test_unknown_codes_raise_in_both_directions(name: str, code: str) -> None:
    for look_up in (CODES[name].read, CODES[name].write):
        with pytest.raises(UnmappedCode) as caught:
            look_up(code)
        assert caught.value.data["list"] == name
        assert caught.value.error_code == "MAP-CODE-404"


def test_a_code_is_text_or_a_whole_number() -> None:
    for value in (True, 1.5, ["DE"], None):
        with pytest.raises(Unfit):
            CODES["iso_country"].read(value)


def test_the_built_in_lists() -> None:
    assert len(CODES["iso_country"].to_canonical) == 249
    assert CODES["iso_country"].read("NO") == "NO"
    assert CODES["iso_country_3"].read("NOR") == "NO"
    assert CODES["iso_country_3"].write("NO") == "NOR"
    assert CODES["iso_currency"].read("DKK") == "DKK"
    assert CODES["unece_unit"].read("C62") == "C62"


def test_the_countries_of_maps_are_those_a_promise_is_made_for() -> None:
    assert frozenset(ALPHA_3) | {"XK"} == COUNTRIES
