"""Invented EDI files for benchmarks: orders, despatch advices and invoices of one partner, as long as is asked for."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mappings.edi.edifact.envelope import Party
from mappings.edi.edifact.outgoing import OutInterchange, OutMessage, interchange
from mappings.edi.edifact.reader import Reader
from mappings.edi.edifact.segments import ReadSegment
from mappings.edi.edifact.writer import Writer
from mappings.edi.faults import EdiFault

LINES = 40
HEADER = OutInterchange(
    Party("4012345000009", "14"), Party("4098765000003", "14"), datetime.fromisoformat("2026-11-28T12:00"), "77"
)


def _segment(tag: str, *elements: Any) -> ReadSegment:
    return ReadSegment(tag, list(elements))


def _parties(number: int) -> Iterator[ReadSegment]:
    chance = random.Random(number)
    for role, name in (("BY", "Example Stores Ltd"), ("SU", "Crossdock Trading GmbH"), ("DP", "Depot North, gate 4")):
        gln = f"40{chance.randrange(10**11):011}"
        address = (name, "12 Market Street", "Hamburg", "", "20095", "DE")
        yield _segment("NAD", role, [gln, "", "9"], "", *address)


def orders(number: int, lines: int = LINES) -> Iterator[ReadSegment]:
    """Yield the segments of an order."""
    yield _segment("BGM", "220", f"PO{number}", "9")
    yield _segment("DTM", ["137", "20261128", "102"])
    yield _segment("DTM", ["2", "20261203", "102"])
    yield from _parties(number)
    yield _segment("CUX", ["2", "EUR", "9"])
    for line in range(1, lines + 1):
        yield _segment("LIN", str(line), "", [f"40{number:05}{line:06}", "EN"])
        yield _segment("PIA", "1", [f"SKU-{line}", "SA"])
        yield _segment("IMD", "F", "", ["", "", "", f"Lamp, oak, {line} cm"])
        yield _segment("QTY", ["21", str(line), "PCE"])
        yield _segment("PRI", ["AAA", "12.50"])
    yield _segment("UNS", "S")
    yield _segment("CNT", ["2", str(lines)])


def despatch(number: int) -> Iterator[ReadSegment]:
    """Yield the segments of a despatch advice."""
    yield _segment("BGM", "351", f"DA{number}", "9")
    yield _segment("DTM", ["137", "202611281200", "203"])
    yield _segment("RFF", ["ON", f"PO{number}"])
    yield from _parties(number)
    for line in range(1, LINES + 1):
        yield _segment("CPS", str(line + 1), "1")
        yield _segment("PAC", "1", "", "CT")
        yield _segment("PCI", "33E")
        yield _segment("GIN", "BJ", f"00340{number:05}{line:07}1")
        yield _segment("LIN", str(line), "", [f"40{number:05}{line:06}", "EN"])
        yield _segment("QTY", ["12", str(line)])
        yield _segment("RFF", ["ON", f"PO{number}", str(line)])


def invoice(number: int) -> Iterator[ReadSegment]:
    """Yield the segments of an invoice."""
    yield _segment("BGM", "380", f"IN{number}", "9")
    yield _segment("DTM", ["137", "20261128", "102"])
    yield from _parties(number)
    yield _segment("CUX", ["2", "EUR", "4"])
    for line in range(1, LINES + 1):
        yield _segment("LIN", str(line), "", [f"40{number:05}{line:06}", "EN"])
        yield _segment("QTY", ["47", str(line)])
        yield _segment("MOA", ["203", f"{line * 12}.50"])
        yield _segment("PRI", ["AAA", "12.50"])
        yield _segment("TAX", "7", "VAT", "", "", ["", "", "", "19"], "S")
    yield _segment("UNS", "S")
    yield _segment("MOA", ["77", "10000.00"])


KINDS: dict[str, Callable[[int], Iterator[ReadSegment]]] = {"ORDERS": orders, "DESADV": despatch, "INVOIC": invoice}


def messages(kind: str, size: int) -> Iterator[OutMessage]:
    """Yield messages of one kind until they have about so many bytes.

    Args:
        kind: ORDERS, DESADV or INVOIC.
        size: in bytes.
    """
    writer, made, number = Writer(), 0, 0
    while made < size:
        number += 1
        segments = list(KINDS[kind](number))
        made += sum(len(writer.segment(each)) for each in segments)
        yield OutMessage(str(number), kind, "D", "96A", segments, association="EAN008")


def edifact(kind: str, size: int) -> bytes:
    """Return one interchange of about so many bytes."""
    return b"".join(interchange(Writer(), HEADER, messages(kind, size)))


class Endless(io.RawIOBase):
    """An interchange of orders that is made while it is read, so that none of it lies anywhere.

    Args:
        size: in bytes, about.
    """

    def __init__(self, size: int) -> None:
        self.length = 0
        self._parts = self._made(size)

    def _made(self, size: int) -> Iterator[bytes]:
        envelope = b"".join(interchange(Writer(), HEADER, messages("ORDERS", 1)))
        start, end = envelope.index(b"UNH"), envelope.index(b"UNZ")
        message, count = envelope[start:end] * 8, 0
        yield envelope[:start]
        while self.length < size:
            count += 8
            yield message
        yield f"UNZ+{count}+77'".encode()

    def read(self, size: int = -1, /) -> bytes:  # noqa: ARG002 - a file's own signature
        """Return the next part, whatever size was asked for."""
        found = next(self._parts, b"")
        self.length += len(found)
        return found


def edifact_peak(size: int) -> dict[str, float]:
    """Read a large interchange in this process and return its megabytes and the process's highest memory.

    Args:
        size: of the interchange in bytes, about.
    """
    file = Endless(size)
    before = highest()
    wrong = sum(isinstance(each, EdiFault) for each in Reader(file).events())  # type: ignore[arg-type]
    return {"file_mb": round(file.length / 1e6, 1), "faults": wrong, "before_mb": before, "peak_mb": highest()}


def highest() -> float:
    """Return the most memory this process ever had, in megabytes; getrusage would tell that of its parent."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return round(int(found[1]) / 1024, 1)
