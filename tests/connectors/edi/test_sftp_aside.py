"""What a partner's own SFTP server keeps of a file nobody can work on: the file set aside, and the reason beside it."""

from typing import Any

import pytest

from connectors.edi.transports.base import Incoming
from tests.connectors.edi.test_sftp import ORDERS, Open, Partner, opened, partner

__all__ = ["opened", "partner"]


def taken(partner: Partner, opened: Open, **change: Any) -> list[Incoming]:
    transport = opened(partner.table(**change))
    found = list(transport.fetch(10))
    for each in found:
        each.done()
    transport.close()
    return found


def test_a_file_nobody_can_work_on_is_put_aside_with_the_reason_beside_it(partner: Partner, opened: Open) -> None:
    for _ in range(2):
        partner.put("page.edi", b"hello", age=10_000)
        partner.put("good.edi")
        # It is stored all the same, so that people see it.
        assert sorted(each.body for each in taken(partner, opened)) == sorted([b"hello", ORDERS])
    inbox = partner.root / "out"
    first, second = sorted(inbox.glob("error/*page.edi"), key=lambda each: len(each.name))
    assert (first.name, first.read_bytes(), second.read_bytes()) == ("page.edi", b"hello", b"hello")
    for each in (first, second):
        assert "neither EDIFACT nor X12 nor XML" in each.with_name(f"{each.name}.txt").read_text()
    assert len(list(inbox.glob("archive/*/*"))) == 2
    assert not list(inbox.glob("processing/*"))


@pytest.mark.parametrize(
    ("change", "aside"),
    [({"after": "delete"}, ()), ({"after": "delete", "error": "bad"}, ("page.edi", "page.edi.txt"))],
)
def test_where_files_are_deleted_nothing_is_put_aside_unless_a_folder_is_named(
    partner: Partner, opened: Open, change: dict[str, Any], aside: tuple[str, ...]
) -> None:
    partner.put("page.edi", b"hello", age=10_000)
    change = {**change, "error": f"{partner.prefix}/{change['error']}"} if "error" in change else change
    assert len(taken(partner, opened, **change)) == 1
    assert sorted(path.name for path in partner.root.rglob("page*")) == sorted(aside)


def test_a_server_that_lets_nobody_make_the_folder_keeps_the_file_in_the_archive(
    partner: Partner, opened: Open
) -> None:
    (partner.root / "in" / "blocked").write_bytes(b"a file where a folder would be")
    partner.put("page.edi", b"hello", age=10_000)
    assert len(taken(partner, opened, error=f"{partner.prefix}/in/blocked/error")) == 1
    assert [path.name for path in (partner.root / "out" / "archive").rglob("page*")] == ["page.edi"]
