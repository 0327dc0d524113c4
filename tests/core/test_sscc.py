"""SSCC-18 numbers and GS1 check digits (O4, O8 of the acceptance list)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from core.domain.checkdigits import GTIN_LENGTHS, SSCC_LENGTHS, check_digit, is_key
from core.domain.ids import uuid7
from core.errors import Conflict
from core.services.sscc import SKIP, Numbers, room_of, sscc_of
from core.services.witness import FileWitness
from core.store.unit import Store

SERIES = "34012345"


def take(numbers: Numbers, count: int) -> list[str]:
    with numbers.store.begin() as unit:
        return numbers.take(unit, SERIES, count)


def serial(sscc: str) -> int:
    return int(sscc[len(SERIES) : 17])


def use(store: Store, sscc: str, age: str) -> None:
    with store.begin() as unit:
        unit.conn.execute(
            text(
                "INSERT INTO package (id, shipment_id, number, kind, sscc, created_at)"
                " VALUES (:id, :id, 1, 'carton', :s, now() - CAST(:age AS interval))"
            ),
            {"id": uuid7(), "s": sscc, "age": age},
        )


# Published examples: GS1 General Specifications (SSCC, section 7.9), and the ISBN of an old dictionary as a GTIN-13.
@pytest.mark.parametrize("key", ["376104250021234569", "4006381333931", "96385074", "036000291452", "00012345600012"])
def test_o8_check_digits_are_those_of_the_standard(key: str) -> None:
    lengths = SSCC_LENGTHS | GTIN_LENGTHS
    assert is_key(key, lengths)
    assert check_digit(key[:-1]) == key[-1]
    for wrong in range(1, 10):
        assert not is_key(key[:-1] + str((int(key[-1]) + wrong) % 10), lengths)
    assert not is_key(key + "0", lengths)


def test_o4_a_number_is_extension_prefix_serial_and_check_digit() -> None:
    assert sscc_of("37610425", 2123456) == "376104250021234569"
    assert sscc_of(SERIES, room_of(SERIES) + 5) == sscc_of(SERIES, 5)
    assert room_of(SERIES) == 10**9


def test_o4_many_processes_never_get_the_same_number(store: Store) -> None:
    processes = [Numbers(store, block=7) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda index: take(processes[index % 8], 5), range(48)))
    every = [sscc for some in found for sscc in some]
    assert len(every) == 240
    assert len(set(every)) == 240
    assert all(is_key(each, SSCC_LENGTHS) for each in every)


def test_o4_a_crash_costs_numbers_and_repeats_none(store: Store) -> None:
    first = take(Numbers(store, block=10), 3)
    again = take(Numbers(store, block=10), 3)  # a new process knows nothing of the seven that were left
    assert [serial(each) for each in first + again] == [0, 1, 2, 10, 11, 12]


def test_o4_a_database_put_back_by_hand_goes_on_behind_what_the_file_knows(store: Store, tmp_path: Path) -> None:
    witness = FileWitness(tmp_path / "sscc.json")
    used = take(Numbers(store, witness, block=10), 25)
    with store.begin() as unit:  # the backup was made before any number was taken
        unit.conn.execute(text("UPDATE sscc_series SET next = 0"))
    after = take(Numbers(store, FileWitness(tmp_path / "sscc.json"), block=10), 25)
    assert not set(used) & set(after)
    assert min(map(serial, after)) == 25
    with store.read() as conn:
        event = conn.execute(text("SELECT data FROM event WHERE type = 'sscc.skipped'")).one()
    assert event.data["skipped"] == 25


def test_o4_a_copied_database_leaves_a_tenth_of_the_series_out(store: Store) -> None:
    take(Numbers(store, block=10), 4)
    with store.begin() as unit:  # a dump restored elsewhere has another database id, timeline or table
        unit.conn.execute(text("UPDATE sscc_series SET database = '1:1:1:1'"))
    after = take(Numbers(store, block=10), 2)
    assert [serial(each) for each in after] == [10 + room_of(SERIES) // SKIP, 11 + room_of(SERIES) // SKIP]
    assert serial(take(Numbers(store, block=10), 1)[0]) == 20 + room_of(SERIES) // SKIP  # only once


def test_o4_a_number_used_within_twelve_months_is_passed_over_and_an_older_one_is_free(store: Store) -> None:
    use(store, sscc_of(SERIES, 1), "11 months")
    use(store, sscc_of(SERIES, 2), "13 months")
    assert [serial(each) for each in take(Numbers(store), 3)] == [0, 2, 3]


def test_o4_a_series_without_a_free_number_is_refused(store: Store) -> None:
    prefix = "3" + "401234567890123"  # 16 digits: room for ten
    for number in range(10):
        use(store, sscc_of(prefix, number), "1 day")
    with store.begin() as unit, pytest.raises(Conflict, match="no number that was not used"):
        Numbers(store, block=5).take(unit, prefix, 1)
