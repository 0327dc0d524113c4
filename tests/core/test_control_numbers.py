"""Control numbers: statement D3 of the acceptance list."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from core.domain.ids import public_id, uuid7
from core.errors import Misconfigured
from core.ports.partners import OutgoingDocument, OutgoingInterchange
from core.services.control_numbers import take_number
from core.services.edi_outgoing import InterchangeBook
from core.services.witness import FileWitness
from core.store.engine import open_engine
from core.store.unit import Store

PLAN: dict[str, Any] = {"start": 1, "limit": 999_999_999, "on_rollover": "continue"}


def interchange(reference: str, turn: int = 0, body: bytes = b"ISA") -> OutgoingInterchange:
    return OutgoingInterchange(
        "x12", "ZZ:HUB", "ZZ:ACME", reference, turn, False, f"{reference}.x12", "application/edi-x12", body,
        documents=[OutgoingDocument("855", "0001", "R1", "1")],
    )  # fmt: skip


def test_d3_fifty_workers_at_once_never_get_the_same_number(store: Store) -> None:
    connection = uuid4()
    own = Store(open_engine(store.engine.url.render_as_string(hide_password=False), pool_size=50, wait_seconds=120))
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda _: take_number(own, connection, "x12:interchange", **PLAN), range(400)))
    own.engine.dispose()
    assert sorted(number for number, _ in found) == list(range(1, 401))


def test_d3_a_number_taken_before_a_crash_is_a_gap_and_never_comes_again(store: Store) -> None:
    book = InterchangeBook(store, uuid4())
    first = book.number("x12:interchange", **PLAN)  # and the process dies before it keeps anything
    second = book.number("x12:interchange", **PLAN)
    assert (first, second) == ((1, 0), (2, 0))


def test_d3_a_crash_after_keeping_sends_the_same_bytes_under_the_same_number(store: Store) -> None:
    book = InterchangeBook(store, uuid4())
    write = public_id("delivery", uuid7())
    assert book.kept(write) is None
    kept = book.keep(write, interchange("000000001", body=b"first"))
    # Two workers made it of one write: the second's number is a gap.
    again = book.keep(write, interchange("000000002", body=b"second"))
    assert (again.reference, again.body) == (kept.reference, b"first")
    assert book.kept(write) == kept


def test_d3_the_database_refuses_a_number_a_second_time(store: Store) -> None:
    book = InterchangeBook(store, uuid4())
    book.keep(public_id("delivery", uuid7()), interchange("000000001"))
    with pytest.raises(Exception, match="uq_interchange_out"):
        book.keep(public_id("delivery", uuid7()), interchange("000000001"))


def test_d3_numbers_begin_again_behind_their_width_in_another_round(store: Store) -> None:
    connection = uuid4()
    plan: dict[str, Any] = {"start": 998, "limit": 999, "on_rollover": "continue"}
    found = [take_number(store, connection, "edifact:interchange", **plan) for _ in range(4)]
    assert found == [(998, 0), (999, 0), (1, 1), (2, 1)]


def test_d3_numbers_that_may_not_begin_again_stop(store: Store) -> None:
    connection = uuid4()
    plan: dict[str, Any] = {"start": 999, "limit": 999, "on_rollover": "stop"}
    assert take_number(store, connection, "x12:interchange", **plan) == (999, 0)
    with pytest.raises(Misconfigured) as refused:
        take_number(store, connection, "x12:interchange", **plan)
    assert refused.value.error_code == "EDI-NUMBERS-409"


def test_d3_partners_and_series_have_numbers_of_their_own(store: Store) -> None:
    one, other = uuid4(), uuid4()
    assert [take_number(store, each, "x12:interchange", **PLAN)[0] for each in (one, other, one)] == [1, 1, 2]
    assert take_number(store, one, "x12:group", **PLAN) == (1, 0)


def put_back(store: Store) -> None:
    """Put the numbers back as an old backup has them."""
    with store.begin() as unit:
        unit.conn.execute(text("UPDATE control_number SET next = 3, round = 0"))


def test_d3_a_database_put_back_from_a_backup_goes_on_behind_what_left(store: Store, tmp_path: Path) -> None:
    connection = uuid4()
    witness = FileWitness(tmp_path / "numbers" / "one.json")
    book = InterchangeBook(store, connection, witness)
    assert [book.number("x12:interchange", **PLAN)[0] for _ in range(5)] == [1, 2, 3, 4, 5]
    assert book.number("x12:group", **PLAN) == (1, 0)
    put_back(store)
    assert [book.number("x12:interchange", **PLAN) for _ in range(2)] == [(6, 0), (7, 0)]
    with store.read() as conn:
        told = conn.execute(text("SELECT data FROM event WHERE type = 'control_numbers.skipped'")).scalars().all()
    assert [(each["series"], each["from"], each["to"]) for each in told] == [("x12:interchange", 3, 6)]
    # Without what remembers, only the word of the database counts.
    put_back(store)
    assert InterchangeBook(store, connection).number("x12:interchange", **PLAN) == (3, 0)


def test_d3_a_round_is_remembered_with_its_numbers(store: Store, tmp_path: Path) -> None:
    connection, witness = uuid4(), FileWitness(tmp_path / "one.json")
    plan: dict[str, Any] = {"start": 998, "limit": 999, "on_rollover": "continue", "witness": witness}
    found = [take_number(store, connection, "x12:interchange", **plan) for _ in range(3)]
    assert found == [(998, 0), (999, 0), (1, 1)]
    put_back(store)
    assert take_number(store, connection, "x12:interchange", **plan) == (2, 1)
    witness.rise("x12:interchange", 10**15 + 999)
    with pytest.raises(Misconfigured):
        take_number(store, connection, "x12:interchange", **{**plan, "on_rollover": "stop"})
    assert take_number(store, connection, "x12:interchange", **plan) == (1, 2)


def test_d3_workers_at_once_forget_no_series(store: Store, tmp_path: Path) -> None:
    own = Store(open_engine(store.engine.url.render_as_string(hide_password=False), pool_size=8, wait_seconds=120))
    connection, path = uuid4(), tmp_path / "one.json"

    def take(at: int) -> int:
        return take_number(own, connection, f"x12:{at % 8}", **PLAN, witness=FileWitness(path))[0]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(take, range(160)))
    own.engine.dispose()
    assert sorted(found) == sorted([*range(1, 21)] * 8)
    assert {FileWitness(path).highest(f"x12:{each}") for each in range(8)} == {20}


def test_d3_a_start_that_is_raised_puts_numbers_ahead_and_never_back(store: Store) -> None:
    connection = uuid4()
    found = [
        take_number(store, connection, "x12:interchange", **{**PLAN, "start": start})[0]
        for start in (1, 1, 100, 100, 50)
    ]
    assert found == [1, 2, 100, 101, 102]
