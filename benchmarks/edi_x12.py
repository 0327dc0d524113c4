"""X12 for `crossdock bench edi`: reading with envelope checks, pyx12 beside it; structure checks of both standards."""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import islice
from statistics import median
from typing import Any

from benchmarks.edi_files import edifact
from mappings.edi.edifact.interchanges import read
from mappings.edi.grammar.check import check
from mappings.edi.grammar.loader import load_grammar
from mappings.edi.grammar.model import Grammar
from mappings.edi.x12.events import TransactionSet
from mappings.edi.x12.reader import X12Reader
from mappings.edi.x12.segments import Segment
from mappings.edi.x12.writer import X12Writer

LINES = 30
FIELDS = ["00", "", "00", "", "ZZ", "ACME", "ZZ", "HUB", "261128", "1200", "U", "00401", "1", "0", "P"]
GROUP = ["", "ACME", "HUB", "20261128", "1200", "1", "X", "004010"]
MESSAGES = 300
"""Messages of a structure check: as many as take about a tenth of a second."""


def order(number: int) -> Iterator[Segment]:
    """Yield what stands between ST and SE of an order."""
    yield Segment("BEG", ["00", "SA", f"4500{number:06}", "", "20261128"])
    yield Segment("CUR", ["BY", "EUR"])
    yield Segment("REF", ["DP", "0042"])
    yield Segment("ITD", ["01", "3", "2", "", "30", "", "60"])
    yield Segment("DTM", ["010", "20261205"])
    yield Segment("N1", ["ST", "Example Stores, gate 4", "92", "0042"])
    yield Segment("N3", ["12 Market Street"])
    yield Segment("N4", ["Springfield", "IL", "62701", "US"])
    for line in range(1, LINES + 1):
        upc = f"40{number:05}{line:06}"
        yield Segment("PO1", [str(line), str(3 * line), "EA", f"{line}.95", "PE", "UP", upc, "VN", f"SKU-{line}"])
        yield Segment("PID", ["F", "08", "", "", f"Lamp, oak, {line} cm"])
        yield Segment("PO4", ["12", "1", "CA"])
    yield Segment("CTT", [str(LINES)])


def notice(number: int) -> Iterator[Segment]:
    """Yield what stands between ST and SE of a ship notice."""
    yield Segment("BSN", ["00", f"S{number:08}", "20261128", "1200"])
    yield Segment("HL", ["1", "", "S"])
    yield Segment("TD1", ["CTN25", "1"])
    yield Segment("REF", ["BM", f"B{number:08}"])
    yield Segment("HL", ["2", "1", "O"])
    yield Segment("PRF", [f"4500{number:06}"])
    for line in range(3, LINES + 3):
        yield Segment("HL", [str(line), "2", "I"])
        yield Segment("LIN", [str(line), "UP", f"40{number:05}{line:06}"])
        yield Segment("SN1", ["", "3", "EA"])
    yield Segment("CTT", [str(LINES + 2)])


KINDS = {"850": ("PO", order), "856": ("SH", notice)}


def x12(code: str, size: int) -> bytes:
    """Return an interchange of at least so many bytes."""
    functional, body = KINDS[code]
    out = io.BytesIO()
    writer = X12Writer(out)
    with writer.interchange(FIELDS), writer.group([functional, *GROUP[1:]]):
        number = 0
        while out.tell() < size:
            number += 1
            writer.transaction_set(code, f"{number:04}", body(number))
    return out.getvalue()


def figures(options: argparse.Namespace) -> dict[str, Any]:
    """Return what `crossdock bench edi` prints of X12 and of structure checks.

    Args:
        options: `size` and `peers` in megabytes, `rounds`.
    """
    found: dict[str, Any] = {code: _kind(code, options) for code in KINDS}
    orders = list(islice(_messages(edifact("ORDERS", 1_000_000)), MESSAGES))
    sets = [each.segments for each in X12Reader(x12("850", 500_000)) if isinstance(each, TransactionSet)][:MESSAGES]
    found["structure"] = {
        "ORDERS D.96A": _checks("edifact", "ORDERS", "D96A", orders, options.rounds),
        "850 004010": _checks("x12", "850", "004010", sets, options.rounds),
    }
    return found


def _messages(data: bytes) -> Iterator[list[Any]]:
    """Yield the segments of each message of an EDIFACT file."""
    for interchange in read(data):
        for message in interchange.messages():
            yield message.segments


def _kind(code: str, options: argparse.Namespace) -> dict[str, Any]:
    data, less = x12(code, int(options.size * 1e6)), x12(code, int(options.peers * 1e6))
    # Measured before anything is kept: what a benchmark holds is walked again and again by Python's garbage collector.
    read = rates(lambda: exhaust(X12Reader(data)), len(data) / 1e6, 3 * options.rounds)
    peer = _pyx12(less.decode("ascii"), options.rounds)
    sets = [each for each in X12Reader(less) if isinstance(each, TransactionSet)]
    writer = X12Writer(io.BytesIO())
    return {
        "mb": round(len(data) / 1e6, 2),
        "read_mb_per_s": median(read),
        "read_best_mb_per_s": max(read),
        "pyx12_read_mb_per_s": peer,
        "write_mb_per_s": rate(
            lambda: _write(writer, sets),
            len(less) / 1e6,
            options.rounds,
        ),
    }


def _write(writer: X12Writer, sets: list[TransactionSet]) -> None:
    for one in sets:
        for each in one.segments:
            writer.segment(each.tag, each.elements)


def _pyx12(text: str, rounds: int) -> float | None:
    """Return the speed of pyx12's reader, which checks envelopes as well; None where it is not installed."""
    if not find_spec("pyx12"):
        return None
    from pyx12.x12file import X12Reader as Theirs

    return rate(lambda: exhaust(Theirs(io.StringIO(text))), len(text) / 1e6, rounds)


def _checks(standard: str, message: str, version: str, messages: list[Any], rounds: int) -> dict[str, Any]:
    """Return messages a second through the structure check, and through that of elements as well."""
    grammar = load_grammar(standard, message, version)
    return {
        "segments": round(sum(map(len, messages)) / len(messages)),
        "faults": sum(len(check(grammar, each).faults) for each in messages),
        "structure_per_s": rate(lambda: _check(grammar, messages, elements=False), len(messages), rounds),
        "with_elements_per_s": rate(lambda: _check(grammar, messages, elements=True), len(messages), rounds),
    }


def _check(grammar: Grammar, messages: list[Any], *, elements: bool) -> None:
    for each in messages:
        check(grammar, each, elements=elements)


def rates(work: Callable[[], Any], amount: float, rounds: int) -> list[float]:
    """Return an amount a second of processor time, as each of some rounds had it.

    Of a host that others use as well the best round says more of the code, and the median more of the host.
    """
    found = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        found.append(round(amount / max(time.process_time() - started, 1e-9), 2))
    return found


def rate(work: Callable[[], Any], amount: float, rounds: int) -> float:
    """Return an amount a second of processor time, the median of some rounds."""
    return round(median(rates(work, amount, rounds)), 2)


def exhaust(found: Any) -> None:
    """Read something to its end and keep nothing of it."""
    for _ in found:
        pass
