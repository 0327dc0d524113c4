"""EDIFACT orders through reading, checks and the shipped map, and back: messages a second of one core."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.edi_files import HEADER, orders
from benchmarks.edi_x12 import rates
from mappings.edi.edifact.outgoing import OutMessage, interchange
from mappings.edi.edifact.writer import Writer
from mappings.edi.shipped import shipped_map

LINES = (5, 40)
BYTES = 400_000
"""Of the file, at most."""


def figures(size: int, rounds: int) -> dict[str, Any]:
    """Return messages a second of orders with few and with many lines.

    Args:
        size: of the file in bytes.
        rounds: measurements; the median counts.
    """
    return {f"{lines}_lines": _orders(lines, min(size, BYTES), rounds) for lines in LINES}


def _orders(lines: int, size: int, rounds: int) -> dict[str, Any]:
    data, count = _file(lines, size)
    chosen = shipped_map("edifact/orders.D96A")
    read = [reading.result.canonical for reading in chosen.read_bytes(data) if reading.result]
    assert len(read) == count
    inward = rates(lambda: list(chosen.read_bytes(data)), count, rounds)
    outward = rates(lambda: [chosen.write(each) for each in read], count, rounds)
    return {
        "messages": count,
        "bytes_each": len(data) // count,
        "read_check_map_per_s": round(median(inward), 1),
        "read_check_map_best_per_s": max(inward),
        "map_and_order_per_s": round(median(outward), 1),
        "map_and_order_best_per_s": max(outward),
    }


def _file(lines: int, size: int) -> tuple[bytes, int]:
    """Return an interchange of about so many bytes, and how many orders are in it."""
    made: list[OutMessage] = []
    writer, length = Writer(), 0
    while length < size:
        segments = list(orders(len(made) + 1, lines))
        length += sum(len(writer.segment(each)) for each in segments)
        made.append(OutMessage(str(len(made) + 1), "ORDERS", "D", "96A", segments, association="EAN008"))
    return b"".join(interchange(Writer(), HEADER, made)), len(made)
