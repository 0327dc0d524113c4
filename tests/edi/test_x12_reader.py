"""X12 is read as it comes: what is wrong is said with its code and its place, and what stands beside it goes on."""

import io
import tracemalloc

import pytest

import mappings.edi.x12.source as source
from mappings.edi.faults import Kind, Level
from mappings.edi.limits import Mode
from mappings.edi.x12.events import Acknowledgment, Group, GroupEnd, Interchange
from mappings.edi.x12.reader import X12Reader
from mappings.edi.x12.segments import Repeated, Segment
from tests.edi.x12_samples import GS, ISA, ISA5, ORDER, ORDER2, TAIL, WHOLE, ends, faults, read, sets


def test_an_interchange_is_read_with_all_its_levels() -> None:
    interchange, group, order, group_end, end = read(WHOLE)
    assert isinstance(interchange, Interchange)
    assert isinstance(group, Group)
    assert isinstance(group_end, GroupEnd)
    assert (interchange.sender, interchange.receiver) == (("ZZ", "ACME"), ("ZZ", "HUB"))
    assert (interchange.reference, interchange.version, interchange.test) == ("000000001", "00401", False)
    assert interchange.acknowledgment_requested is False
    assert (group.functional_id, group.reference, group.version) == ("PO", "1", "004010")
    assert (order.code, order.reference, order.version, order.rejected) == ("850", "0001", "004010", False)
    assert order.segments == [
        Segment("ST", ["850", "0001"]),
        Segment("BEG", ["00", "SA", "4500000001", "", "20260301"]),
        Segment("PO1", ["1", "3", "EA", "19.95", "PE", "VN", "LAMP-1"]),
        Segment("CTT", ["1"]),
        Segment("SE", ["5", "0001"]),
    ]
    assert [(each.number, each.offset) for each in order.segments[:2]] == [(3, 146), (4, 158)]
    assert (group_end.stated, group_end.received, group_end.accepted) == (1, 1, 1)
    assert (end.rejected, end.ta1, end.groups, end.faults) == (False, "000", 1, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WHOLE.replace("SE*5", "SE*6"), ("message", "count-wrong", "4")),
        (WHOLE.replace("SE*5", "SE*five"), ("message", "count-wrong", "4")),
        (WHOLE.replace("SE*5*0001", "SE*5*0009"), ("message", "reference-wrong", "3")),
        (WHOLE.replace("SE*5*0001~", ""), ("message", "trailer-missing", "2")),
        (WHOLE.replace("ST*850", "ST*"), ("message", "type-missing", "6")),
        (WHOLE.replace("GE*1*1", "GE*2*1"), ("group", "count-wrong", "5")),
        (WHOLE.replace("GE*1*1", "GE*1*2"), ("group", "reference-wrong", "4")),
        (WHOLE.replace("GE*1*1~", ""), ("group", "trailer-missing", "3")),
        (WHOLE.replace("IEA*1", "IEA*2"), ("interchange", "count-wrong", "021")),
        (WHOLE.replace("IEA*1*000000001", "IEA*1*000000002"), ("interchange", "reference-wrong", "001")),
        (WHOLE.replace("IEA*1*000000001~", ""), ("interchange", "trailer-missing", "023")),
        (ISA + GS + ORDER + ORDER + TAIL.replace("GE*1", "GE*2"), ("message", "reference-duplicate", "23")),
        (WHOLE.replace("*1*X*", "*one*X*").replace("GE*1*1", "GE*1*one"), ("group", "reference-invalid", "6")),
        (ISA + (GS + ORDER + "GE*1*1~") * 2 + "IEA*2*000000001~", ("group", "reference-duplicate", "19")),
        (WHOLE + WHOLE, ("interchange", "reference-duplicate", "025")),
        (WHOLE.replace(GS, "REF*1*2~" + GS), ("interchange", "segment-outside", "024")),
        (WHOLE.replace("GE*1*1~", "REF*1*2~GE*1*1~"), ("group", "segment-outside", None)),
    ],
)
def test_r1_counts_and_references_are_checked_with_the_acknowledgements_code(text, expected) -> None:
    assert faults(read(text)) == [expected]


def test_r1_a_set_without_reference_is_refused() -> None:
    assert ("message", "reference-missing", "7") in faults(read(WHOLE.replace("ST*850*0001", "ST*850")))


def test_r1_and_r8_one_bad_set_does_not_stop_its_siblings() -> None:
    events = read(ISA + GS + ORDER.replace("SE*5", "SE*9") + ORDER2 + "GE*2*1~IEA*1*000000001~")
    assert [(each.reference, each.rejected) for each in sets(events)] == [("0001", True), ("0002", False)]
    (group,) = (each for each in events if isinstance(each, GroupEnd))
    assert (group.stated, group.received, group.accepted, group.faults) == (2, 2, 1, ())
    assert ends(events)[0].rejected is False


def test_r2_every_interchange_of_a_file_is_one_exchange_whatever_its_delimiters() -> None:
    other = WHOLE.replace("*", "|").replace("~", "\n").replace("000000001", "000000002")
    events = read(WHOLE + "\r\n" + other + WHOLE.replace("000000001", "000000003"))
    assert [each.interchange.reference for each in ends(events)] == ["000000001", "000000002", "000000003"]
    assert [each.interchange.delimiters.element for each in ends(events)] == ["*", "|", "*"]
    assert len({tuple(map(repr, each.segments)) for each in sets(events)}) == 1
    assert faults(events) == [("tolerance", "line-end-terminator", "004")]


def test_r8_an_interchange_that_breaks_off_does_not_take_the_next_one_along() -> None:
    broken = (ISA + GS + ORDER.removesuffix("SE*5*0001~")).replace("000000001", "000000007")
    events = read(broken + WHOLE.replace("*", "|"))
    assert [each.ta1 for each in ends(events)] == ["023", "000"]
    assert [each.rejected for each in sets(events)] == [True, False]
    assert ("group", "trailer-missing", "3") in faults(events)


@pytest.mark.parametrize("piece", [b"ISA", b"ISA*", b"ISA*00*"])
def test_what_only_begins_like_interchanges_has_few_faults_and_hides_none_after_it(piece: bytes) -> None:
    events = list(X12Reader(piece * 2_000 + b"\n" + WHOLE.encode()))
    refused = [each for each in ends(events) if each.rejected]
    assert len(refused) == 21
    assert "1,980 more places begin like an interchange and are none." in refused[-1].faults[-1].text
    assert [each.code for each in sets(events)] == ["850"]
    few = list(X12Reader(piece * 3 + b"\n" + WHOLE.encode()))
    assert [each.rejected for each in ends(few)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"\xef\xbb\xbf" + WHOLE.encode(), "byte-order-mark", "022"),
        (b" \n" + WHOLE.encode(), "blanks-ahead", "022"),
        (WHOLE.replace("~", "~\n  ").encode(), "blanks-around", "022"),
        (WHOLE.replace("~", "\n").encode(), "line-end-terminator", "004"),
        (WHOLE.replace("~", "\r\n").encode(), "line-end-terminator", "004"),
        (WHOLE.replace("~", "\r").encode(), "line-end-terminator", "004"),
        (
            WHOLE.replace("*>~", "*>  ~").replace("*>  ~", "*>  \n").replace("~", "\n").encode(),
            "line-end-terminator",
            "004",
        ),
        (WHOLE.replace("ACME           ", "ACME").encode(), "isa-width", "022"),
        (WHOLE[:-1].encode(), "unterminated", "023"),
        (WHOLE.replace("PO1*1*3", "PO1*1\n*3").encode(), "wrapped", "022"),
        (WHOLE.replace("CTT", "~CTT").encode(), "empty-segment", "022"),
        (WHOLE.replace("~", "\N{BROKEN BAR}").encode(), "wide-delimiter", "022"),
        (WHOLE.encode() + b"hello", "text-outside", "022"),
        (WHOLE.replace("SE*5*0001", "SE*5*0001 ").encode(), "reference-wrong", "3"),
        (WHOLE.replace("*0*P*", "*0*Q*").encode(), "usage-invalid", "020"),
        (WHOLE.replace("*0*P*", "*7*P*").encode(), "acknowledgment-invalid", "019"),
        (WHOLE.replace("*260301*1200*U", "*269901*1200*U").encode(), "date-invalid", "014"),
        (WHOLE.replace("*1200*U", "*2500*U").encode(), "time-invalid", "015"),
        (WHOLE.replace("*00401*", "*01401*").encode(), "version-invalid", "017"),
    ],
)
def test_r6_a_tolerant_reader_says_what_it_tolerated_and_a_strict_one_refuses(data, name, code) -> None:
    tolerant = read(data)
    assert faults(tolerant) == [("tolerance", name, code)]
    assert [(each.code, each.rejected, len(each.segments)) for each in sets(tolerant)] == [("850", False, 5)]
    assert sets(tolerant)[0].segments[2].value(7) == "LAMP-1"
    assert [each.rejected for each in ends(tolerant)] == [False]
    strict = read(data, mode=Mode.STRICT)
    found = [each for event in strict for each in getattr(event, "faults", ()) if each.name == name]
    assert [each.kind for each in found] == [Kind.ERROR]
    assert found[0].rejects in (Level.INTERCHANGE, Level.MESSAGE)
    assert found[0].code == code


@pytest.mark.parametrize(
    ("isa12", "gs08", "differs"),
    [("00401", "004010", False), ("00401", "004010VICS", False), ("00501", "005010X230", False),
     ("00400", "004010", True), ("00401", "005010", True), ("00401", "21", False)],
)  # fmt: skip
def test_gs08_is_of_the_version_that_isa12_says(isa12: str, gs08: str, differs: bool) -> None:
    data = WHOLE.replace("*00401*", f"*{isa12}*").replace("*X*004010", f"*X*{gs08}").encode()
    tolerant = read(data)
    assert [each for each in faults(tolerant) if "version" in each[1]] == (
        [("tolerance", "version-differs", "2")] * differs
    )
    assert [each.rejected for each in sets(tolerant)] == [False]
    strict = [each for event in read(data, mode=Mode.STRICT) for each in getattr(event, "faults", ())]
    said = f"GS08 says version {gs08}, and ISA12 says {isa12}."
    assert [(each.rejects, each.code, each.place.element, each.text) for each in strict] == (
        [(Level.GROUP, "2", 8, said)] * differs
    )


def test_a_strict_reader_withholds_the_sets_of_a_refused_interchange_and_reads_the_next() -> None:
    data = b"\xef\xbb\xbf" + (WHOLE + WHOLE.replace("000000001", "000000002")).encode()
    events = read(data, mode=Mode.STRICT)
    assert [each.rejected for each in ends(events)] == [True, False]
    assert [each.interchange.reference for each in sets(events)] == ["000000002"]


def test_line_ends_between_segments_are_common_practice_and_no_tolerance() -> None:
    assert faults(read(WHOLE.replace("~", "~\r\n"), mode=Mode.STRICT)) == []


@pytest.mark.parametrize(
    ("data", "code", "text"),
    [
        (b"", "022", "There is no ISA in the file: it holds no X12 interchange."),
        (b"UNB+UNOA:1'", "022", "There is no ISA in the file: it holds no X12 interchange."),
        (b"ISA*00*short~", "022", "ISA has 2 of its 16 element separators."),
        (b"ISAX00", "026", "The character after ISA is 'X', which cannot separate elements."),
        (WHOLE.replace("*>~", "*>A").encode(), "004", "ISA is followed by 'A', which cannot end a segment."),
        (WHOLE.replace("*>~", "*9~").encode(), "027", "ISA16 is '9', which cannot separate components."),
        (WHOLE.replace("*>~", "**~").encode(), "022", "Two delimiters of ISA are the same character."),
    ],
)
def test_what_is_no_interchange_is_said_in_words(data, code, text) -> None:
    (end,) = read(data)
    error = end.faults[-1]
    assert (error.name, error.code, error.text) == ("no-interchange", code, text)
    assert (end.interchange, end.rejected, end.ta1) == (None, True, code)


def test_r7_every_fault_has_its_place_its_code_and_a_sentence() -> None:
    order = sets(read(WHOLE.replace("SE*5", "SE*6")))[0]
    assert order.faults[0].public() == {
        "kind": "error",
        "name": "count-wrong",
        "code": "4",
        "text": "SE01 states 6 segments, but 5 came.",
        "rejects": "message",
        "value": "6",
        "place": {
            "offset": WHOLE.index("SE*5"),
            "number": 7,
            "tag": "SE",
            "interchange": "000000001",
            "group": "1",
            "message": "0001",
            "position": 5,
            "element": 1,
        },
    }


def test_components_and_repetitions_are_told_apart_from_version_00402_on() -> None:
    body = "ST*850*1*X1~REF*PO*1**AA:1:BB:2~III*A*B^C*D:E^F~SE*4*1~"
    order = sets(read(ISA5 + GS + body + "GE*1*1~IEA*1*000000001~"))[0]
    assert order.segments[1].elements == ["PO", "1", "", ["AA", "1", "BB", "2"]]
    assert order.segments[2].elements == ["A", Repeated(["B", "C"]), Repeated([["D", "E"], "F"])]
    assert (order.segments[1].value(4, 3), order.segments[2].value(2), order.segments[2].value(3, 2)) == (
        "BB",
        "B",
        "E",
    )
    assert (order.segments[2].value(9), order.segments[2].value(1, 2), order.version) == ("", "", "X1")
    old = sets(read(ISA + GS + body.replace(":", ">") + "GE*1*1~IEA*1*000000001~"))[0]
    assert old.segments[2].elements == ["A", "B^C", ["D", "E^F"]]


def test_a_ta1_is_read_where_it_stands() -> None:
    events = read(ISA + "TA1*000000905*260301*1200*R*025~IEA*0*000000001~")
    assert faults(events) == []
    found = events[1]
    assert isinstance(found, Acknowledgment)
    assert (found.reference, found.verdict, found.note) == ("000000905", "R", "025")


def test_binary_segments_are_taken_by_their_length() -> None:
    text = WHOLE.replace("CTT*1~", "BIN*8*a~b*\n~~c~BDS*ASC*3*~~~~CTT*1~").replace("SE*5", "SE*7")
    events = read(text)
    assert faults(events) == []
    assert [each.elements for each in sets(events)[0].segments[3:5]] == [["8", "a~b*\n~~c"], ["ASC", "3", "~~~"]]


def test_a_binary_segment_of_a_wrong_length_is_an_error_and_reading_goes_on() -> None:
    events = read(WHOLE.replace("CTT*1~", "BIN*80*abc~CTT*1~").replace("SE*5", "SE*6"))
    assert faults(events) == [("interchange", "binary-length", "022")]
    assert sets(events)[0].segments[3].elements == ["80", "abc"]


def test_text_that_is_not_ascii_keeps_its_offsets_and_characters() -> None:
    utf8 = WHOLE.replace("LAMP-1", "Lämpchen").encode("utf-8")
    latin = WHOLE.replace("LAMP-1", "Lämpchen").encode("latin-1")
    for data, expected in ((utf8, []), (latin, [("tolerance", "latin-1", "022")])):
        events = read(data)
        order = sets(events)[0]
        assert order.segments[2].value(7) == "Lämpchen"
        assert data[order.segments[3].offset :].startswith(b"CTT*1~")
        assert faults(events) == expected


def test_cutting_does_not_depend_on_where_the_pieces_of_a_file_end(monkeypatch) -> None:
    text = (WHOLE.replace("CTT*1~", "BIN*9*a~b\r\nc~*~~CTT*1~") + "\r\n" + WHOLE.replace("~", "\r\n")).encode()
    whole = [repr(each) for each in read(text)]
    for size in (1, 2, 3, 7, 64, 333):
        monkeypatch.setattr(source, "CHUNK", size)
        assert [repr(each) for each in read(text)] == whole


def test_a_segment_without_end_and_a_set_without_end_are_bounded() -> None:
    events = read(WHOLE.replace("LAMP-1", "x" * 3_000_000))
    assert ("interchange", "segment-too-long", "004") in faults(events)
    assert [len(each.segments) for each in sets(events)] == [4]
    events = read(WHOLE.replace("CTT", "MSG*x~" * 200_000 + "CTT"), max_set=100_000)
    (order,) = sets(events)
    assert [each.name for each in order.faults] == ["too-large", "count-wrong"]
    assert order.faults[1].text == "SE01 states 5 segments, but 200005 came."
    assert len(order.segments) < 12_000


class Endless(io.RawIOBase):
    """An interchange of `size` bytes that is made while it is read."""

    def __init__(self, size: int) -> None:
        self.left, self.rest, self.count = size, (ISA + GS).encode(), 0

    def read(self, size: int = -1) -> bytes:
        while self.left > 0 and len(self.rest) < size:
            self.count += 1
            order = ORDER.replace("0001~", f"{self.count:09}~").replace("CTT", "MSG*" + "x" * 3000 + "~CTT")
            self.rest += order.encode()
            self.left -= len(order)
        found, self.rest = self.rest[:size], self.rest[size:]
        return found


def test_r4_memory_does_not_grow_with_the_file() -> None:
    peaks = []
    for size in (500_000, 5_000_000):
        tracemalloc.start()
        count = sum(1 for _ in X12Reader(Endless(size)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count > size // 4000
    # References of sets are remembered, to find duplicates: some 100 bytes for each.
    assert peaks[1] - peaks[0] < 500_000
    assert peaks[1] < 3_000_000
