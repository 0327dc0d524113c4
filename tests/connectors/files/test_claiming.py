"""Which files are taken, by whom, and what becomes of them when a process dies."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from connectors.sdk.drop import claims, readiness
from connectors.sdk.drop.folders import open_folders
from core.errors import Misconfigured
from core.ports.connectors import InboundRecord
from tests.connectors.files.conftest import HEADER, Drop, order, taken

ONE = f"{HEADER}\n{order('A-1', 'X')}"


@pytest.mark.parametrize(
    "name",
    [".orders.csv", "orders.csv.part", "orders.csv.tmp", "orders.csv.filepart", "orders.csv.done", "~orders.csv",
     "orders.csv~", "orders.csv.crdownload", "orders.csv.errors.csv", "orders.CSV.PART", "readme.txt", "other.csv"],
)  # fmt: skip
def test_unfinished_and_strange_names_are_left_alone(drop: Drop, name: str) -> None:
    connector = drop.open()
    drop.put(name, ONE)
    assert taken(connector) == []
    assert (drop.root / "inbox" / name).exists()


def test_a_file_is_taken_when_two_listings_agree_long_enough(drop: Drop) -> None:
    clock = [1_000.0]
    folders = open_folders({"root": str(drop.root)})
    path = drop.put("orders.csv", "half")

    def ready() -> list[str]:
        found = readiness.ready(folders.inbox, folders.processing, settle_seconds=10, now=lambda: clock[0])
        return [each.name for each in found]

    assert ready() == []
    clock[0] += 9.9
    assert ready() == []
    path.write_text("half and more")
    clock[0] += 5
    assert ready() == []
    clock[0] += 9
    assert ready() == []
    clock[0] += 1
    assert ready() == ["orders.csv"]
    # Same name and size, other content: the time of change tells.
    os.utime(path, ns=(1, 1))
    assert ready() == []


def test_a_half_written_file_waits_for_its_end(drop: Drop) -> None:
    connector = drop.open(settle_seconds=3600)
    path = drop.put("orders.csv", ONE[:40])
    assert taken(connector) == []
    path.write_text(ONE)
    assert taken(connector) == []
    (drop.root / "inbox" / "orders.csv.done").touch()
    assert len(taken(connector)) == 1
    assert [name for name in drop.files() if not name.startswith("archive/")] == []


def test_a_done_file_may_stand_for_the_stem_and_be_demanded(drop: Drop) -> None:
    connector = drop.open(ready="done")
    drop.put("orders.csv", ONE)
    assert taken(connector) == []
    drop.put("orders.done", "")
    assert len(taken(connector)) == 1


def test_another_worker_sees_the_second_listing(drop: Drop) -> None:
    first, second = drop.open(), drop.open()
    drop.put("orders.csv", ONE)
    assert list(first.claim_files()) == []
    assert len(list(second.claim_files())) == 1
    second.settle_files(True)


def test_links_and_folders_are_not_files(drop: Drop, tmp_path_factory: pytest.TempPathFactory) -> None:
    connector = drop.open()
    outside = tmp_path_factory.mktemp("elsewhere") / "secret.csv"
    outside.write_text(ONE)
    (drop.root / "inbox" / "orders-link.csv").symlink_to(outside)
    (drop.root / "inbox" / "orders-folder.csv").mkdir()
    assert taken(connector) == []
    assert outside.exists()


def test_many_pollers_take_every_file_once(drop: Drop) -> None:
    connectors = [drop.open() for _ in range(6)]
    for number in range(40):
        drop.put(f"orders-{number}.csv", f"{HEADER}\n{order(f'N-{number}', 'X')}")
    list(connectors[0].claim_files())
    found: list[list[InboundRecord]] = [[] for _ in connectors]
    gate = threading.Barrier(len(connectors))

    def work(at: int) -> None:
        gate.wait()
        found[at] = list(connectors[at].claim_files())

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(connectors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [record.dedupe_key for each in found for record in each]
    assert len(keys) == 40
    assert len(set(keys)) == 40
    for each in connectors:
        each.settle_files(True)
    assert len(drop.files()) == 40


def test_a_given_back_file_comes_again(drop: Drop) -> None:
    connector = drop.open()
    drop.put("orders.csv", ONE)
    first = taken(connector, stored=False)
    assert drop.files()[0].startswith("processing/")
    again = list(drop.open().claim_files())
    assert [record.dedupe_key for record in again] == [record.dedupe_key for record in first]


def test_a_file_that_was_not_read_to_its_end_is_not_archived(drop: Drop) -> None:
    connector = drop.open()
    drop.put("orders.csv", f"{HEADER}\n{order('A-1', 'X')}{order('A-2', 'X')}")
    list(connector.claim_files())
    assert next(connector.claim_files()).dedupe_key.startswith("orders.csv:A-1:")
    connector.settle_files(True)
    assert [name.split("/")[0] for name in drop.files()] == ["processing"]
    assert len(list(drop.open().claim_files())) == 2


def test_a_held_claim_is_not_taken_again_by_its_own_process(drop: Drop) -> None:
    connector = drop.open()
    drop.put("orders.csv", ONE)
    list(connector.claim_files())
    assert len(list(connector.claim_files())) == 1
    assert list(connector.claim_files()) == []
    connector.settle_files(True)


WORKER = """
import sys, time
from uuid import uuid4
from connectors.sdk.registry import Registry
from core.domain.vocabulary import Mode
from core.ports.connectors import ConnectionConfig
settings = {"root": sys.argv[1], "settle_seconds": 0}
connector = Registry().open(ConnectionConfig(uuid4(), "drop", "files", Mode.LIVE, settings))
list(connector.claim_files())
for record in connector.claim_files():
    print(record.dedupe_key, flush=True)
print("claimed", flush=True)
time.sleep(60)
"""


def test_kill_between_claim_and_settle_loses_and_doubles_nothing(drop: Drop) -> None:
    text = f"{HEADER}\n{order('A-1', 'X')}{order('A-2', 'Y')}bad\n"
    drop.put("orders.csv", text)
    here = Path(claims.__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(drop.root)], stdout=subprocess.PIPE, text=True, cwd=here
    ) as process:
        assert process.stdout is not None
        first = [process.stdout.readline().strip() for _ in range(3)]
        assert first[-1] == "claimed"
        # While it lives, nobody else gets the file.
        assert taken(drop.open()) == []
        process.send_signal(signal.SIGKILL)
        process.wait()
    again = taken(drop.open())
    assert [record.dedupe_key for record in again] == first[:2]
    assert [name.split("/")[0] for name in drop.files()] == ["archive", "error"]
    assert drop.text("error/orders.csv.errors.csv").count("\n") == 2
    assert taken(drop.open()) == []


def test_names_in_archive_and_error_are_never_replaced(drop: Drop) -> None:
    for content in (ONE, ONE.replace("A-1", "A-2"), "nonsense\n1\n", "nonsense\n2\n"):
        drop.put("orders.v1.csv", content)
        taken(drop.open())
    names = [name.rpartition("/")[2] for name in drop.files() if name.startswith("archive/")]
    assert names == ["orders-2.v1.csv", "orders.v1.csv"]
    assert [name for name in drop.files() if name.startswith("error/")] == [
        "error/orders-2.v1.csv", "error/orders-2.v1.csv.errors.csv",
        "error/orders.v1.csv", "error/orders.v1.csv.errors.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["orders-" + "x" * 240 + ".csv", "orders-\udcff.csv", "orders-ü🎁.csv", "orders ;$(x).csv"]
)
def test_odd_names_stop_nobody(drop: Drop, name: str) -> None:
    connector = drop.open()
    drop.put("orders-plain.csv", ONE.replace("A-1", "A-2"))
    (drop.root / "inbox" / name).write_text(ONE)
    assert len(taken(connector)) == 2
    assert len(drop.files()) == 2


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"inbox": "../elsewhere"}, "FILES-FOLDER-403"),
        ({"outbox": "/etc"}, "FILES-FOLDER-403"),
        ({"archive": "inbox/../../x"}, "FILES-FOLDER-403"),
        ({"error": "link"}, "FILES-FOLDER-403"),
        ({"inbox": "."}, "FILES-FOLDER-409"),
        ({"archive": "inbox"}, "FILES-FOLDER-409"),
        ({"archive": "inbox/done"}, "FILES-FOLDER-409"),
        ({"root": "relative"}, "FILES-ROOT-404"),
        ({"root": "/nonexistent/x"}, "FILES-ROOT-404"),
    ],
)
def test_no_setting_leads_out_of_the_root(
    drop: Drop, tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str], code: str
) -> None:
    (drop.root / "link").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(Misconfigured) as caught:
        open_folders({"root": str(drop.root), **settings})
    assert caught.value.error_code == code


def test_check_tells_what_waits_and_what_fits_no_pattern(drop: Drop) -> None:
    connector = drop.open()
    drop.put("orders.csv", ONE)
    drop.put("invoices.csv", "a\n")
    assert connector.check() == {"waiting": 1, "in_work": 0, "unknown_names": ["invoices.csv"]}
