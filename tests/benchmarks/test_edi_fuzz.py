"""The EDI fuzz runs clean for a while, sees what it is there to see, and keeps what failed."""

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import edi_fuzz_as2 as as2
from benchmarks.edi_fuzz_doors import DOORS, Broken, edifact_siblings, neighbors, x12_siblings
from benchmarks.edi_fuzz_hostile import HOSTILE, made
from benchmarks.edi_fuzz_inputs import SEF, edifact_message, x12_message
from benchmarks.edi_fuzz_worker import attempt
from connectors.edi.as2 import message
from core.errors import InputError
from mappings.edi.grammar.loader import GrammarError
from mappings.edi.grammar.sef import grammar_of, read_sef
from mappings.edi.places.message import read_message
from mappings.edi.shipped import shipped_map
from mappings.edi.x12.segments import Segment

ROOT = Path(__file__).resolve().parents[2]


def fuzz(*arguments: str) -> SimpleNamespace:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.edi_fuzz", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout) if done.stdout else {}
    return SimpleNamespace(code=done.returncode, errors=done.stderr, **found)


def test_a_short_fuzz_finds_nothing(tmp_path: Path) -> None:
    found = fuzz("--inputs", "40", "--minutes", "30", "--seed", "7", "--keep", str(tmp_path / "kept"))
    assert (found.code, found.failures) == (0, []), found.errors
    assert found.inputs == 40
    assert set(found.by_reader) <= set(DOORS)
    assert found.errors.startswith("seed 7\n")
    assert not (tmp_path / "kept").exists()


def test_what_readers_may_not_do_is_seen() -> None:
    def endless(_: bytes) -> None:
        while True:
            with contextlib.suppress(Exception):
                pass

    def expected(_: bytes) -> None:
        raise InputError("It is damaged.", fix="Send it again.")

    def crash(_: bytes) -> None:
        raise KeyError("LIN")

    assert attempt(expected, b"", 60) is None
    assert attempt(lambda _: None, b"", 60) is None
    slow, broken = attempt(endless, b"", 0.2), attempt(crash, b"", 60)
    assert slow is not None
    assert slow["error"] == "it took more than 0 s of processor time"
    assert broken is not None
    assert broken["error"].startswith("KeyError at test_edi_fuzz.py:")


@pytest.fixture(autouse=True)
def _profiling_alarm(monkeypatch: pytest.MonkeyPatch):
    import signal

    from benchmarks import edi_fuzz_worker

    before = signal.signal(signal.SIGPROF, edi_fuzz_worker._up)
    yield
    signal.signal(signal.SIGPROF, before)


def test_siblings_that_were_harmed_are_seen() -> None:
    for base, door, first, third in (
        (edifact_message(), edifact_siblings, b"UNH+1+", b"UNH+3+"),
        (x12_message(), x12_siblings, b"ST*850*0001", b"ST*850*0003"),
    ):
        door(base)
        for each in (first, third):
            with pytest.raises(Broken, match="is not what it was"):
                door(base.replace(each, each[:-1] + b"Q"))
    with pytest.raises(Broken, match="The first interchange has 2 messages instead of 3"):
        neighbors(edifact_message().replace(b"UNT+", b"UNT+9", 1) + edifact_message())


def test_a_message_that_the_partner_did_not_write_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    headers, body = as2.written()[2]
    as2.door(as2.packed(headers, body))
    other = message.write(b"something else", as2.profiles()[0], as2.NOW)
    with pytest.raises(AssertionError, match="did not write"):
        as2.door(as2.packed(other.headers, other.body))
    assert max(len(each) for each in as2.bombs()) < as2.MOST
    for bomb in as2.bombs()[:1]:
        kind = "application/pkcs7-mime; smime-type=compressed-data"
        with pytest.raises(Exception, match=r"more than 1,000,000 bytes when it is decompressed"):
            message.read({**headers, "Content-Type": kind}, bomb, as2.profiles()[1], as2.NOW)


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_every_hostile_file_is_made_and_read(kind: str) -> None:
    for number, make in enumerate(HOSTILE[kind]):
        data = make(random.Random(number))
        assert isinstance(data, bytes)
        assert attempt(DOORS[kind][1], data[:20_000], 600) is None
    assert made(kind, random.Random(1)) == made(kind, random.Random(1))


def test_what_the_fuzz_found_stays_mended() -> None:
    guide = read_sef(SEF.replace(b"{10[", b"{999999999[").decode())
    with pytest.raises(GrammarError, match="PO1 repeats elements until it has more than 1000"):
        grammar_of(guide, "850")
    guide = read_sef(SEF.replace(b"C040=[128,M]", b"C040=[C040,M]").decode())
    with pytest.raises(GrammarError, match="The composite C040 is part of itself"):
        grammar_of(guide, "850")
    outside = x12_message().replace(x12_message()[106 : x12_message().index(b"ST*")], b"", 1)
    assert attempt(DOORS["x12"][1], outside, 600) is None
    levels = [Segment("HL", [str(number), str(number - 1) if number > 1 else "", "I"]) for number in range(1, 5_001)]
    made = shipped_map("x12/856.004010")
    message = read_message(made.document.options["grammar"], [Segment("ST", ["856", "0001"]), *levels])
    assert made.unmapped(message)[-1].count("HLloop/") < 40
