"""EDI: bytes to segments, with envelope checks, and written again; pydifact beside it; memory of a large interchange.

Times are processor time of one core. The files are invented: orders, despatch advices and invoices of 40 lines.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydifact.parser import Parser
from pydifact.serializer import Serializer

from benchmarks.common import report
from benchmarks.edi_files import KINDS, edifact
from benchmarks.edi_maps import figures as maps
from benchmarks.edi_x12 import exhaust, rate
from benchmarks.edi_x12 import figures as x12
from benchmarks.running import sizes, time_limit
from mappings.edi.edifact.interchanges import read
from mappings.edi.edifact.reader import Reader
from mappings.edi.edifact.segments import ReadSegment
from mappings.edi.edifact.tokens import Tokenizer
from mappings.edi.edifact.writer import Writer
from mappings.edi.limits import Limits

ROOT = Path(__file__).resolve().parents[1]
PEAK = "import json; from benchmarks.edi_files import edifact_peak; print(json.dumps(edifact_peak({size})))"


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="crossdock bench edi", description=__doc__)
    parser.add_argument("--size", type=float, default=5, help="megabytes of each file")
    parser.add_argument("--peers", type=float, default=1, help="megabytes of each file for pydifact, which is slow")
    parser.add_argument("--large", type=float, default=500, help="megabytes of the large interchange")
    parser.add_argument("--rounds", type=int, default=3, help="measurements; the median counts")
    options = sizes(parser, argv, size=0.2, peers=0.05, large=2, rounds=1)
    figures: dict[str, Any] = {}
    with time_limit(options.limit):
        figures["edifact"] = _edifact(options)
        figures["maps"] = maps(int(options.size * 1e6), 3 * options.rounds)
        figures["x12"] = x12(options)
    report("edi", pydifact=version("pydifact"), rounds=options.rounds, **figures)


def _edifact(options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of EDIFACT by message type, and the memory of a large interchange."""
    found = {kind: _kind(kind, options) for kind in KINDS}
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(size=int(options.large * 1e6))],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return {**found, "large": json.loads(done.stdout)}


def _kind(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    data, less = edifact(kind, int(options.size * 1e6)), edifact(kind, int(options.peers * 1e6))
    # Measured before anything is kept: what a benchmark holds is walked again and again by Python's garbage collector.
    read_speeds = {
        "segments_mb_per_s": rate(
            lambda: exhaust(Tokenizer(data, Limits()).segments()), len(data) / 1e6, options.rounds
        ),
        "events_mb_per_s": rate(lambda: exhaust(Reader(data).events()), len(data) / 1e6, options.rounds),
        "messages_mb_per_s": rate(lambda: _pull(data), len(data) / 1e6, options.rounds),
    }
    segments = [each for each in Tokenizer(data, Limits()).segments() if isinstance(each, ReadSegment)]
    text = less.decode("latin-1")
    with warnings.catch_warnings():
        # pydifact says that its wheel has no directories.
        warnings.simplefilter("ignore")
        theirs = list(Parser().parse(text))
        few = [each for each in Tokenizer(less, Limits()).segments() if isinstance(each, ReadSegment)]
        peer = {
            "read_mb_per_s": rate(lambda: list(Parser().parse(text)), len(less) / 1e6, options.rounds),
            "write_mb_per_s": rate(lambda: Serializer().serialize(theirs), len(less) / 1e6, options.rounds),
        }
    writer = Writer()
    return {
        "mb": round(len(data) / 1e6, 2),
        "messages": sum(each.tag == "UNH" for each in segments),
        "segments": len(segments),
        "same_as_pydifact": theirs == few,
        **read_speeds,
        "write_mb_per_s": rate(lambda: [writer.segment(each) for each in segments], len(data) / 1e6, options.rounds),
        "pydifact": peer,
    }


def _pull(data: bytes) -> None:
    for each in read(data):
        exhaust(each.messages())


if __name__ == "__main__":
    main()
