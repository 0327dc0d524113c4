"""Any segments survive being written and read; any bytes are read without an exception, and in bounded time."""

import random
import time
import warnings
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydifact.exceptions import MissingImplementationWarning
from pydifact.parser import Parser

from mappings.edi.edifact.characters import DEFAULT, DEFAULT_4, Delimiters
from mappings.edi.edifact.envelope import Party
from mappings.edi.edifact.events import InterchangeEnd, MessageEnd
from mappings.edi.edifact.interchanges import Interchange, Message, read
from mappings.edi.edifact.outgoing import OutInterchange, OutMessage, interchange
from mappings.edi.edifact.reader import Reader
from mappings.edi.edifact.segments import ReadSegment, Repeated
from mappings.edi.edifact.tokens import Tokenizer
from mappings.edi.edifact.writer import Writer
from mappings.edi.faults import EdiFault, Kind
from mappings.edi.limits import Limits

HEADER = OutInterchange(
    Party("4012345000009", "14"), Party("4098765000003", "14"), datetime(2026, 11, 28, 12, tzinfo=UTC), "R1"
)
SECONDS = 10
"""For one small file, whatever is in it; the machine may be busy."""
OTHERS = Delimiters("=", "*", ",", "!", None, "~")
OTHERS_4 = Delimiters("=", "*", ",", "!", "^", "~")

texts = st.text(
    st.characters(codec="iso8859-1", exclude_categories=("Cc", "Cf")) | st.sampled_from("+:?'*=!~^ "), max_size=12
)


def filled(values: list[Any]) -> Any:
    """Return a composite as a reader makes it: nothing empty at its end, and of one component its text."""
    while len(values) > 1 and not values[-1]:
        values.pop()
    return values if len(values) > 1 else values[0]


composites = st.lists(texts, min_size=1, max_size=4).map(filled)
repeats = st.lists(composites, min_size=2, max_size=3).map(Repeated)
tags = st.sampled_from(["BGM", "DTM", "NAD", "LIN", "FTX", "X1Z"])


def segments(elements: st.SearchStrategy[Any]) -> st.SearchStrategy[list[ReadSegment]]:
    one = st.builds(ReadSegment, tags, st.lists(elements, max_size=5))
    return st.lists(one, min_size=1, max_size=6)


def written(body: list[ReadSegment], writer: Writer) -> bytes:
    return b"".join(interchange(writer, HEADER, [OutMessage("M1", "ORDERS", "D", "96A", body)]))


@given(segments(composites), st.sampled_from([DEFAULT, OTHERS]), st.booleans())
def test_what_is_written_is_read_again_in_version_3(body: list[ReadSegment], used: Delimiters, line_ends: bool) -> None:
    data = written(body, Writer(delimiters=used, line_ends=line_ends))
    found, message = alone(data)
    assert message.segments[1:-1] == body
    assert not message.rejected
    assert not found.rejected
    assert {each.name for each in (*found.faults, *message.faults)} <= ({"line-ends"} if line_ends else set())


@given(segments(composites | repeats), st.sampled_from([DEFAULT_4, OTHERS_4]))
def test_what_is_written_is_read_again_in_version_4(body: list[ReadSegment], used: Delimiters) -> None:
    found, message = alone(written(body, Writer(version="4", charset="UNOY", delimiters=used)))
    assert message.segments[1:-1] == body
    assert [type(each) for one in message.segments[1:-1] for each in one.elements] == [
        type(each) for one in body for each in one.elements
    ]
    assert found.faults == message.faults == []


@given(segments(composites))
def test_pydifact_reads_what_is_written_alike(body: list[ReadSegment]) -> None:
    data = written([each for each in body if each.elements] or [ReadSegment("BGM", ["220"])], Writer())
    # pydifact takes the text "'UNA" anywhere for service characters, and eats blanks behind a terminator.
    if "'UNA" not in data.decode("latin-1"):
        ours = [each for each in Tokenizer(data, Limits()).segments() if isinstance(each, ReadSegment)]
        with warnings.catch_warnings():
            # It says that its wheel has no directories.
            warnings.simplefilter("ignore", MissingImplementationWarning)
            theirs = list(Parser().parse(data.decode("latin-1")))
        assert theirs == ours


def alone(data: bytes, limits: Limits | None = None) -> tuple[Interchange, Message]:
    """Return the one interchange of a file and its one message."""
    [(found, [message])] = [(each, list(each.messages())) for each in read(data, limits=limits)]
    return found, message


def sample(seed: int) -> bytes:
    """Return a file of two interchanges with a few messages and something of everything in them."""
    chance = random.Random(seed)
    body = [
        ReadSegment("BGM", ["220", "PO1", "9"]),
        ReadSegment("FTX", ["AAI", "", "", ["It's 5+5:?", "ÄÖ"]]),
        ReadSegment("PNA", [Repeated(["A", ["B", "C"]])]),
    ]
    messages = [OutMessage(f"M{at}", "ORDERS", "D", "96A", body * chance.randint(1, 4)) for at in range(4)]
    writers = (Writer(version="4", una=True), Writer(version="4", charset="UNOY", delimiters=OTHERS_4, line_ends=True))
    return b"".join(b"".join(interchange(writer, HEADER, messages)) for writer in writers)


def judged(data: bytes) -> None:
    """Read a file whole and hold it to what is promised for every file."""
    started = time.process_time()
    opened = 0
    for each in Reader(data).events():
        name = type(each).__name__
        opened += name.endswith("Start")
        opened -= name.endswith("End")
        if isinstance(each, EdiFault):
            assert 0 <= each.place.offset <= len(data)
            assert (each.kind is Kind.ERROR) is (each.rejects is not None)
            assert each.text.endswith((".", "version 3."))
    assert opened == 0
    for found in read(data):
        for message in found.messages():
            assert 0 <= message.start < message.end <= len(data)
    assert time.process_time() - started < SECONDS


def test_flipped_bytes_raise_nothing_and_leave_the_other_messages_alone() -> None:
    chance = random.Random(20261128)
    for at in range(1_500):
        data = bytearray(sample(at % 3))
        for _ in range(chance.choice((1, 1, 1, 3, 10))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        judged(bytes(data))


def test_it_does_not_matter_in_which_pieces_flipped_bytes_come() -> None:
    chance = random.Random(3)
    for _ in range(100):
        data = bytearray(b"Dear partner,  here it is:  " * chance.randint(0, 1) + sample(2))
        for _ in range(chance.choice((0, 1, 5))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        whole = list(Reader(bytes(data)).events())
        assert list(Reader(bytes(data), limits=Limits(chunk=chance.randint(1, 40))).events()) == whole


def test_one_flipped_letter_of_a_value_rejects_nothing() -> None:
    data = sample(0)
    clean = [
        (type(each), each.rejected) for each in Reader(data).events() if isinstance(each, MessageEnd | InterchangeEnd)
    ]
    assert len(clean) == 10
    changed = data.replace(b"PO1", b"PQ1", 1)
    assert [
        (type(each), each.rejected)
        for each in Reader(changed).events()
        if isinstance(each, MessageEnd | InterchangeEnd)
    ] == clean
    assert not any(rejected for _, rejected in clean)


def test_a_file_cut_anywhere_is_read_as_far_as_it_goes() -> None:
    data = sample(1)
    whole = sum(isinstance(each, MessageEnd) and not each.rejected for each in Reader(data).events())
    assert whole == 8
    for size in range(len(data)):
        judged(data[:size])
    ends = [each.end for each in Reader(data).events() if isinstance(each, MessageEnd)]
    for size in (ends[2], ends[2] + 5):
        kept = [each for each in Reader(data[:size]).events() if isinstance(each, MessageEnd) and not each.rejected]
        assert len(kept) == 3


def test_pieces_shuffled_together_raise_nothing() -> None:
    chance = random.Random(7)
    pieces = [
        b"UNA:+.? '", b"UNA=*,!^~", b"UNA      ", b"UNB+UNOA:1+A+B+261128:1200+R'", b"UNB", b"UNZ+1+R'", b"UNG+ORDERS'",
        b"UNB+UNOX:4+A+B+20261128:1200+R'", b"UNE+1+'", b"UNH+1+ORDERS:D:96A:UN'", b"UNT+2+1'", b"UNP+1+1'", b"UNH'",
        b"UNO+1+A+B+999999999'", b"UIB+UNOA:4'", b"UIZ'", b"BGM+220'", b"LIN:1:2+3'", b"'", b"?'", b"??", b"\r\n",
        b"\x00", b"\x1b$B", b"\x1b(B", b"\xff", b"UNOA:4", b":" * 50, b"+" * 50, b"*" * 50,
    ]  # fmt: skip
    for _ in range(1_500):
        judged(b"".join(chance.choices(pieces, k=chance.randint(1, 40))))


@settings(max_examples=300)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_raise_nothing(data: bytes, opened: bool) -> None:
    judged(b"UNB+UNOC:3+A+B+261128:1200+R1'UNH+1+ORDERS:D:96A:UN'" * opened + data)


def test_what_repeats_without_end_costs_no_more_than_it_is_long() -> None:
    head = b"UNB+UNOC:4+A+B+20261128:1200+R1'UNH+1+ORDERS:D:96A:UN'"
    for part in (
        b"?'",
        b"'",
        b"?",
        b"UNZ",
        b"U\nNZ+1+R1'UNB+UNOC:3'",
        b"+",
        b":",
        b"*",
        b"\x1b$B",
        b"UNA:+.? '",
        b"UNH'",
        b"\n",
    ):
        judged(head + part * (30_000 // len(part)))
        judged(head.replace(b"UNOC", b"UNOX") + part * (20_000 // len(part)))
        judged(part * (30_000 // len(part)))


def test_a_segment_longer_than_any_may_be_is_passed_over() -> None:
    limits = Limits(segment=2_000, chunk=512)
    data = written([ReadSegment("FTX", ["x" * 5_000]), ReadSegment("BGM", ["220"])], Writer())
    two = data.replace(b"UNZ+1", b"UNH+M2+ORDERS:D:96A:UN'BGM+220'UNT+3+M2'UNZ+2")
    events = list(Reader(two, limits=limits).events())
    [fault] = [each for each in events if isinstance(each, EdiFault)]
    assert (fault.name, fault.code, fault.place.number, fault.place.position) == ("segment-too-long", "39", 3, 2)
    assert [(each.count, each.rejected) for each in events if isinstance(each, MessageEnd)] == [(4, True), (3, False)]


def test_elements_and_nesting_are_bounded() -> None:
    for body, name, code in (
        (f"BGM{'+1' * 1_001}'", "too-many", "16"),
        (f"BGM+{':1' * 1_001}'", "too-many", "16"),
        (f"LIN{':1' * 10}+1'", "nesting", "34"),
    ):
        data = b"UNB+UNOC:3+A+B+261128:1200+R1'UNH+1+ORDERS:D:96A:UN'" + body.encode() + b"UNT+3+1'UNZ+1+R1'"
        [fault] = [each for each in Reader(data).events() if isinstance(each, EdiFault)]
        assert (fault.name, fault.code) == (name, code)


def test_a_message_longer_than_memory_allows_is_not_kept_whole() -> None:
    _, message = alone(written([ReadSegment("BGM", ["220"])] * 50, Writer()), Limits(message=20))
    assert len(message.segments) == 21
    assert [each.name for each in message.faults] == ["message-too-long"]
    assert message.rejected


def test_a_file_of_nothing_but_objects_is_read_in_bounded_time() -> None:
    data = b"UNB+UNOC:3+A+B+261128:1200+1'" + b"UNO+1'" * 30_000
    started = time.process_time()
    tags = [each.tag for each in Tokenizer(data, Limits()).segments() if isinstance(each, ReadSegment)]
    assert time.process_time() - started < SECONDS
    assert tags == ["UNB", *["UNO"] * 30_000]
