"""Verdicts on envelopes agree with pyx12's on samples and on 1,000 damaged ones; every difference has its reason."""

import io
import random
from collections import Counter
from itertools import pairwise

import pytest

from mappings.edi.faults import Kind, Level
from mappings.edi.x12.reader import X12Reader
from tests.edi.x12_samples import ABSENT, FOLDER, sample_files

pyx12 = pytest.importorskip("pyx12.x12file", reason="pyx12, the other reader, is not installed")
X12Error = pytest.importorskip("pyx12.errors").X12Error
pytestmark = [pytest.mark.corpora, pytest.mark.skipif(not FOLDER.is_dir(), reason=ABSENT)]

LEVELS = {Level.INTERCHANGE: "isa", Level.GROUP: "gs", Level.MESSAGE: "st"}
ENVELOPE = {"SE", "GE", "IEA"}
CONTROL = ENVELOPE | {"ST", "GS"}
# Faults of ours that pyx12 does not look for, or that make it fail.
OURS_ONLY = {"binary-length", "segment-outside", "trailer-without-header", "outside-group", "unterminated"}
CRASH = "pyx12 fails with IndexError where a trailer comes and nothing is open"
LOST = "pyx12 never sees a last segment without terminator, which here is a tolerance"
SAID_ELSEWHERE = "pyx12 says it of the level above, or with another code"
NESTED = "pyx12 does not see that a set begins before the one before it has ended"
SAME = "the same"


def theirs(text: str) -> set[tuple[str, str]] | None:
    """pyx12's verdict on the envelope; None where it fails."""
    reader = pyx12.X12Reader(io.StringIO(text))
    found = []
    try:
        for _ in reader:
            found += reader.pop_errors()
    except IndexError:
        return None
    reader.cleanup()
    found += reader.pop_errors()
    return {(level, code) for level, code, *_ in found if level in LEVELS.values()}


def ours(data: bytes) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Our verdict: what pyx12 looks for as well, and what only we do."""
    errors = [
        (LEVELS[fault.rejects], fault.code or "", fault.name)
        for event in X12Reader(data)
        for fault in getattr(event, "faults", ())
        if fault.kind is Kind.ERROR
    ]
    common = {(level, code) for level, code, name in errors if name not in OURS_ONLY}
    return common, {(level, name) for level, _, name in errors if name in OURS_ONLY}


def restated(verdict: set[tuple[str, str]], mine: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """pyx12's verdict with the codes of the standard.

    It says of a group that its trailer is missing (3) where a set's is, and of the interchange that its content is
    wrong (024) where a group's trailer is missing; and that the group's number is wrong (6) where it comes twice (19).
    """
    found = set(verdict)
    for said, meant in ((("gs", "3"), ("st", "2")), (("isa", "024"), ("gs", "3")), (("gs", "6"), ("gs", "19"))):
        if said in found and said not in mine and meant in mine:
            found = found - {said} | {meant}
    return found


def reason(text: str, data: bytes) -> str:
    """Why the two verdicts are what they are; a difference without a reason is returned itself."""
    their, (mine, only_ours) = theirs(text), ours(data)
    if their is None:
        return CRASH
    if their == mine:
        return SAME
    if restated(their, mine) == mine:
        return SAID_ELSEWHERE
    if their - mine == {("isa", "023")} and not text.rstrip().endswith(text[105]):
        return LOST
    if their < mine and mine - their == {("st", "2")} and ("gs", "trailer-without-header") in only_ours:
        return NESTED
    return f"{sorted(their - mine)} against {sorted(mine - their)} and {sorted(only_ours)}"


def readable() -> list[bytes]:
    """The samples that pyx12 begins to read."""
    found = []
    for path in sample_files():
        data = path.read_bytes()
        try:
            pyx12.X12Reader(io.StringIO(data.decode("latin-1")))
        except X12Error:
            continue
        found.append(data)
    return found


def test_verdicts_agree_on_every_sample_pyx12_reads() -> None:
    outcome = Counter(reason(data.decode("latin-1"), data) for data in readable())
    assert outcome == {SAME: 22, LOST: 2}


def damaged(rng: random.Random, data: bytes) -> str:
    """A sample with one thing wrong with its envelopes or contents."""
    text = data.decode("latin-1")
    end, separator = text[105], text[3]
    segments = [part.strip("\r\n").split(separator) for part in text.split(end) if part.strip("\r\n ")]
    control = [index for index, each in enumerate(segments) if each[0] in CONTROL]
    trailers = [index for index, each in enumerate(segments) if each[0] in ENVELOPE]
    body = [index for index, each in enumerate(segments) if each[0] not in CONTROL | {"ISA"}]
    starts = [index for index, each in enumerate(segments) if each[0] == "ST"]
    match rng.choice(["count", "reference", "drop", "double", "truncate", "double set", "drop body", "swap"]):
        case "count" if trailers:
            each = segments[rng.choice(trailers)]
            each[1:2] = [rng.choice([str(rng.randrange(99)), "", "x", "1" + each[1]])]
        case "reference" if control:
            each = segments[rng.choice(control)]
            position = 6 if each[0] == "GS" else 2
            each[position : position + 1] = [str(rng.randrange(1, 99_999))]
        case "drop" if control:
            del segments[rng.choice(control)]
        case "double" if control:
            index = rng.choice(control)
            segments.insert(index, list(segments[index]))
        case "truncate":
            del segments[rng.randrange(1, len(segments)) :]
        case "double set" if starts:
            index = rng.choice(starts)
            stop = next((each for each in range(index, len(segments)) if segments[each][0] == "SE"), index)
            segments[index:index] = segments[index : stop + 1]
        case "drop body" if body:
            del segments[rng.choice(body)]
        case "swap":
            first, second = rng.choice(list(pairwise(range(1, len(segments)))) or [(0, 0)])
            segments[first], segments[second] = segments[second], segments[first]
    return end.join(separator.join(each) for each in segments) + end


def test_verdicts_agree_on_1000_damaged_samples() -> None:
    samples = readable()
    outcome: Counter[str] = Counter()
    for seed in range(1000):
        text = damaged(random.Random(seed), samples[seed % len(samples)])
        outcome[reason(text, text.encode("latin-1"))] += 1
    assert {each for each in outcome if each not in (SAME, CRASH, SAID_ELSEWHERE, NESTED)} == set()
    assert outcome.total() == 1000
    assert outcome[SAME] > 700
    assert outcome[CRASH] < 200
    assert outcome[NESTED] < 5
