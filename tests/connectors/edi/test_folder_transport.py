"""Folders as transport: files are taken whole, given up only when stored, and sent once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.edi.transports.folder import FolderTransport
from core.errors import Misconfigured

Open = Callable[..., FolderTransport]


@pytest.fixture
def opened() -> Iterator[Open]:
    made: list[FolderTransport] = []

    def open_(root: Path) -> FolderTransport:
        made.append(FolderTransport({"root": str(root), "settle_seconds": 0, "ready": "done"}))
        return made[-1]

    yield open_
    for each in made:
        each.close()


def put(root: Path, name: str, body: bytes) -> None:
    (root / "inbox" / name).write_bytes(body)
    (root / "inbox" / f"{name}.done").touch()


def test_a_file_comes_byte_for_byte_and_is_archived_when_it_is_done(tmp_path: Path, opened: Open) -> None:
    transport = opened(tmp_path)
    body = b"\xff\x00UNA:+.? 'UNB+UNOC:3+A+B+260301:1200+7'\r\nUNZ+0+7'\r\n"
    put(tmp_path, "orders.edi", body)
    [found] = transport.fetch(10)
    assert (found.body, found.name) == (body, "orders.edi")
    assert list((tmp_path / "inbox").glob("*.edi")) == []
    found.done()
    [archived] = (tmp_path / "archive").glob("*/orders.edi")
    assert archived.read_bytes() == found.body
    assert list(opened(tmp_path).fetch(10)) == []


def test_r3_a_file_whose_worker_died_comes_again_under_the_same_key(tmp_path: Path, opened: Open) -> None:
    first = opened(tmp_path)
    put(tmp_path, "orders.edi", b"UNB")
    [before] = first.fetch(10)
    first.close()
    [after] = opened(tmp_path).fetch(10)
    assert (after.body, after.dedupe_key) == (before.body, before.dedupe_key)


def test_the_same_file_put_twice_by_the_partner_has_two_keys(tmp_path: Path, opened: Open) -> None:
    keys = set()
    for _ in range(2):
        transport = opened(tmp_path)
        put(tmp_path, "orders.edi", b"UNB")
        [found] = transport.fetch(10)
        keys.add(found.dedupe_key)
        found.done()
    assert len(keys) == 2


def test_no_more_files_are_taken_than_asked_for(tmp_path: Path, opened: Open) -> None:
    transport = opened(tmp_path)
    for number in range(3):
        put(tmp_path, f"o{number}.edi", b"UNB")
    assert len(list(transport.fetch(2))) == 2
    transport.close()
    assert len(list(opened(tmp_path).fetch(9))) == 3


def test_a_file_is_sent_once_however_often_it_is_asked_for(tmp_path: Path, opened: Open) -> None:
    transport = opened(tmp_path)
    first = transport.send("a.x12", b"ISA", "application/edi-x12")
    (tmp_path / "outbox" / "a.x12").unlink()  # the partner took it
    again = transport.send("a.x12", b"ISA", "application/edi-x12")
    assert (first.detail["written"], again.detail["written"]) == (True, False)
    assert list((tmp_path / "outbox").iterdir()) == []


def test_a_root_that_is_not_there_is_said(tmp_path: Path, opened: Open) -> None:
    with pytest.raises(Misconfigured) as refused:
        opened(tmp_path / "nowhere")
    assert refused.value.error_code == "FILES-ROOT-404"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is empty"),
        (b" \r\n", "is empty"),
        (b"Dear all, please find our order attached.", "neither EDIFACT nor X12 nor XML"),
        (b"UNB+", "holds no interchange that can be read"),
    ],
)
def test_a_file_without_an_interchange_goes_to_the_error_folder_with_the_reason(
    tmp_path: Path, opened: Open, body: bytes, why: str
) -> None:
    transport = opened(tmp_path)
    for _ in range(2):
        put(tmp_path, "orders.edi", body)
        [found] = transport.fetch(10)
        assert found.body == body  # it is stored as anything is
        found.done()
    assert list((tmp_path / "archive").glob("*/*.edi")) == []
    names = sorted(each.name for each in (tmp_path / "error").iterdir())
    assert names == ["orders-2.edi", "orders-2.edi.txt", "orders.edi", "orders.edi.txt"]
    assert why in (tmp_path / "error" / "orders.edi.txt").read_text()
    assert (tmp_path / "error" / "orders.edi").read_bytes() == body
