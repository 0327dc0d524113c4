"""What is written as X12 is read back as it was; what cannot be written is refused and leaves nothing behind."""

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.edi.limits import Mode
from mappings.edi.x12.events import Interchange
from mappings.edi.x12.segments import Delimiters, Repeated, Segment
from mappings.edi.x12.writer import X12WriteError, X12Writer
from tests.edi.x12_samples import WHOLE, ends, faults, read, sets

FIELDS = ["00", "", "00", "", "ZZ", "ACME", "ZZ", "HUB", "260301", "1200", "U", "00401", "1", "0", "P"]
FIELDS5 = [*FIELDS[:10], "", "00501", *FIELDS[12:]]
GROUP = ["PO", "ACME", "HUB", "20260301", "1200", "1", "X", "004010"]
BODY = [
    Segment("BEG", ["00", "SA", "4500000001", "", "20260301"]),
    Segment("PO1", ["1", "3", "EA", "19.95", "PE", "VN", "LAMP-1", "", ""]),
    Segment("CTT", ["1"]),
]


def written(fields, delimiters=None, body=BODY, **options) -> bytes:
    out = io.BytesIO()
    writer = X12Writer(out, delimiters, **options)
    version = {"00501": "005010"}.get(fields[11], GROUP[7])
    with writer.interchange(fields), writer.group([*GROUP[:7], version]):
        writer.transaction_set("850", "0001", body)
    return out.getvalue()


def test_envelopes_are_counted_and_isa_has_its_width() -> None:
    assert written(FIELDS) == WHOLE.encode()
    assert written(FIELDS).index(b"GS*") == 106


def test_a_newline_may_follow_every_segment() -> None:
    assert written(FIELDS, newline=True) == WHOLE.replace("~", "~\n").encode()


def test_several_groups_and_sets_are_counted() -> None:
    out = io.BytesIO()
    writer = X12Writer(out)
    with writer.interchange(FIELDS):
        for number, sets_of in ((1, 2), (2, 3)):
            with writer.group([*GROUP[:5], str(number), *GROUP[6:]]):
                for index in range(sets_of):
                    assert writer.transaction_set("850", f"{index:04}", BODY) == 5
    events = read(out.getvalue(), mode=Mode.STRICT)
    assert faults(events) == []
    assert len(sets(events)) == 5
    assert out.getvalue().endswith(b"GE*3*2~IEA*2*000000001~")
    assert writer.written == 2 + 2 * 2 + 5 * 5


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ([Segment("MSG", ["50*60 cm"])], "MSG01 holds '*', which is a delimiter: '50*60 cm'."),
        ([Segment("MSG", ["", "a~b"])], "MSG02 holds '~', which is a delimiter: 'a~b'."),
        ([Segment("MSG", ["a>b"])], "MSG01 holds '>', which is a delimiter: 'a>b'."),
        ([Segment("MSG", [["a", "b>c"]])], "MSG01 holds '>', which is a delimiter: 'b>c'."),
        ([Segment("MSG", ["a\nb"])], "MSG01 holds '\\n', which is a delimiter: 'a\\nb'."),
        (
            [Segment("III", ["A", Repeated(["B", "C"])])],
            "III02 repeats, which needs a repetition separator and version 00402 or later.",
        ),
        ([Segment("BIN", ["1", "\u20ac"])], "BIN02 is no text of bytes."),
    ],
)
def test_data_that_hold_a_delimiter_are_refused(body, what) -> None:
    with pytest.raises(X12WriteError) as error:
        written(FIELDS, body=body)
    assert error.value.what == what
    assert error.value.error_code == "EDI-SEGMENT-422"


@pytest.mark.parametrize(
    ("position", "value", "what"),
    [
        (6, "A PARTNER WITH A LONG ID", "ISA06 is 'A PARTNER WITH A LONG ID', which is longer than 15."),
        (13, "1234567890", "ISA13 is '1234567890', which is longer than 9."),
        (13, "12A", "ISA13 is '12A'."),
        (8, "HU*B", "ISA holds '*', which is a delimiter: 'HU*B           '."),
    ],
)
def test_an_isa_that_does_not_fit_is_refused(position, value, what) -> None:
    out = io.BytesIO()
    fields = [*FIELDS[: position - 1], value, *FIELDS[position:]]
    with pytest.raises(X12WriteError) as error, X12Writer(out).interchange(fields):
        pass
    assert error.value.what == what
    assert out.getvalue() == b""


def test_isa_takes_fifteen_fields() -> None:
    with (
        pytest.raises(X12WriteError, match="ISA takes 15 fields, not 3"),
        X12Writer(io.BytesIO()).interchange(["00"] * 3),
    ):
        pass


@pytest.mark.parametrize("marks", [("*", "*", "~", None), ("A", ">", "~", None), ("*", ">", "\u00a6", None)])
def test_delimiters_that_cannot_be_told_apart_are_refused(marks) -> None:
    with pytest.raises(X12WriteError):
        X12Writer(io.BytesIO(), Delimiters(*marks))


DELIMITERS = st.sampled_from("*|!^~:><;\x1c\x1d\x1e\x1f").flatmap(
    lambda _: st.permutations("*|!^~:><;\x1c\x1d\x1e\x1f").map(lambda marks: Delimiters(*marks[:4]))
)


def contents(marks: Delimiters):
    """Bodies whose data hold no delimiter; an element and a segment end with something, as X12 demands."""
    kept = st.characters(codec="utf-8", exclude_characters="".join(marks.all()) + "\r\n", exclude_categories=["Cs"])
    word = st.text(kept, max_size=8)
    filled = st.text(kept, min_size=1, max_size=8)
    composite = st.lists(word, min_size=1, max_size=3).flatmap(lambda some: filled.map(lambda last: [*some, last]))
    repeated = st.lists(st.one_of(word, composite), min_size=2, max_size=3).map(Repeated)
    element = st.one_of(word, composite, repeated)
    tag = st.sampled_from(["REF", "N1", "PO1", "MSG"])
    segment = st.builds(lambda tag, some, last: Segment(tag, [*some, last]), tag, st.lists(element, max_size=5), filled)
    return st.lists(segment, max_size=6)


@settings(max_examples=100, deadline=None)
@given(DELIMITERS.flatmap(lambda marks: st.tuples(st.just(marks), contents(marks))), st.booleans())
def test_what_is_written_is_read_back(case, newline) -> None:
    marks, body = case
    events = read(written(FIELDS5, marks, body, newline=newline), mode=Mode.STRICT)
    assert faults(events) == []
    (order,) = sets(events)
    assert order.segments[1:-1] == body
    assert next(each for each in events if isinstance(each, Interchange)).delimiters == marks


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400), st.booleans())
def test_whatever_the_bytes_reading_ends_and_raises_nothing(noise, position, strict) -> None:
    data = WHOLE.encode()
    events = read(
        data[:position] + noise + data[position + len(noise) // 2 :], mode=Mode.STRICT if strict else Mode.TOLERANT
    )
    assert ends(events)


def test_flipped_and_cut_bytes_leave_the_next_interchange_whole() -> None:
    whole, sibling = (
        WHOLE.encode(),
        WHOLE.replace("000000001", "000000777").replace("4500000001", "4500000777").encode(),
    )
    for seed in range(400):
        rng = random.Random(seed)
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        del data[len(data) - rng.choice([0, 0, rng.randrange(len(data))]) :]
        events = read(bytes(data) + b"\n" + sibling)
        orders = [each for each in sets(events) if each.interchange.reference == "000000777"]
        assert [(each.segments[1].value(3), each.rejected) for each in orders] == [("4500000777", False)], seed
