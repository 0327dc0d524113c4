"""What the hub must do when it reads EDIFACT: statements R1 to R8, each with invented interchanges."""

import io
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from mappings.edi.edifact.events import Event, GroupEnd, InterchangeEnd, InterchangeStart, MessageEnd
from mappings.edi.edifact.interchanges import Interchange, Message, read
from mappings.edi.edifact.reader import Reader
from mappings.edi.edifact.segments import ReadSegment
from mappings.edi.faults import EdiFault, Kind, Level
from mappings.edi.limits import Mode

UNB = "UNB+UNOC:3+4012345000009:14+4098765000003:14+261128:1200+R1'"
BODY = "BGM+220+PO1+9'DTM+137:20261128:102'"


def message(reference: str = "M1", body: str = BODY, count: int | None = None, end: str | None = None) -> str:
    number = body.count("'") + 2 if count is None else count
    return f"UNH+{reference}+ORDERS:D:96A:UN'{body}UNT+{number}+{end or reference}'"


def whole(*messages: str, header: str = UNB, count: int | None = None, end: str = "R1") -> bytes:
    return f"{header}{''.join(messages)}UNZ+{len(messages) if count is None else count}+{end}'".encode("latin-1")


def events(data: bytes, mode: Mode = Mode.TOLERANT) -> list[Event]:
    return list(Reader(data, mode=mode).events())


def faults(data: bytes, mode: Mode = Mode.TOLERANT) -> list[EdiFault]:
    return [each for each in events(data, mode) if isinstance(each, EdiFault)]


def pulled(data: bytes) -> list[tuple[Interchange, list[Message]]]:
    return [(each, list(each.messages())) for each in read(data)]


def verdicts(data: bytes) -> dict[str, Any]:
    """Return which messages, groups and interchanges are rejected, by reference."""
    found: dict[str, Any] = {}
    for each in events(data):
        if isinstance(each, MessageEnd | GroupEnd | InterchangeEnd):
            assert each.header is not None
            found[f"{type(each).__name__[0]}:{each.header.reference}"] = each.rejected
    return found


@pytest.mark.parametrize(
    ("data", "code", "name", "level", "rejected"),
    [
        (whole(message(count=5)), "29", "count-wrong", Level.MESSAGE, {"M:M1": True, "I:R1": False}),
        (whole(message(end="M2")), "28", "reference-differs", Level.MESSAGE, {"M:M1": True, "I:R1": False}),
        (whole(message(), count=2), "29", "count-wrong", Level.INTERCHANGE, {"M:M1": False, "I:R1": True}),
        (whole(message(), end="R2"), "28", "reference-differs", Level.INTERCHANGE, {"M:M1": False, "I:R1": True}),
        (
            whole(f"UNG+ORDERS+A+B+261128:1200+G1+UN+D:96A'{message()}UNE+2+G1'"),
            "29",
            "count-wrong",
            Level.GROUP,
            {"M:M1": False, "G:G1": True, "I:R1": False},
        ),
        (
            whole(f"UNG+ORDERS+A+B+261128:1200+G1+UN+D:96A'{message()}UNE+1+G2'"),
            "28",
            "reference-differs",
            Level.GROUP,
            {"M:M1": False, "G:G1": True, "I:R1": False},
        ),
    ],
    ids=["UNT count", "UNT reference", "UNZ count", "UNZ reference", "UNE count", "UNE reference"],
)
def test_r1_a_wrong_count_or_reference_rejects_its_level_alone(
    data: bytes, code: str, name: str, level: Level, rejected: dict[str, bool]
) -> None:
    [fault] = faults(data)
    assert (fault.kind, fault.code, fault.name, fault.rejects) == (Kind.ERROR, code, name, level)
    assert verdicts(data) == rejected


def test_r1_counts_with_leading_zeros_and_groups_are_right() -> None:
    group = f"UNG+ORDERS+A+B+261128:1200+G1+UN+D:96A'{message()}{message('M2')}UNE+02+G1'"
    assert faults(whole(group, count=1)) == []


def test_r2_each_interchange_of_a_file_is_its_own() -> None:
    other = b"UNA=*,! ~UNB*UNOY=4*A*B*20261129=0800*R2~UNH*M9*DESADV=D=96A=UN~BGM*351*+'~UNT*3*M9~UNZ*1*R2~"
    [(first, one), (second, two)] = pulled(whole(message()) + b"\r\n" + other)
    assert [each.header and each.header.reference for each in (first, second)] == ["R1", "R2"]
    assert [each.header.reference for each in (*one, *two)] == ["M1", "M9"]
    assert two[0].segments[1].elements == ["351", "+'"]
    assert second.header is not None
    assert second.header.opening.delimiters.decimal == ","
    assert not first.rejected
    assert not second.rejected


def test_r2_an_interchange_that_is_not_passed_is_passed_over() -> None:
    file = whole(message()) + whole(message("M2"), header=UNB.replace("+R1'", "+R2'"), end="R2")
    assert [each.header and each.header.reference for each in read(file)] == ["R1", "R2"]


def test_r2_whoever_stops_in_the_middle_of_a_group_still_gets_the_next_interchange() -> None:
    group = f"UNG+ORDERS+A+B+261128:1200+G1+UN+D:96A'{message()}{message('M2')}UNE+3+G1'"
    file = whole(group, count=1) + b"\xef\xbb\xbf" + whole(message("M3"), header=UNB.replace("+R1'", "+R2'"), end="R2")
    seen = []
    for interchange in read(file):
        first = next(iter(interchange.messages()))
        seen.append((interchange, first))
    assert [first.header.reference for _, first in seen] == ["M1", "M3"]
    assert [[(each.header.reference, each.rejected) for each in one.groups] for one, _ in seen] == [[("G1", True)], []]
    assert seen[0][1].group is seen[0][0].groups[0]
    assert [each.name for each in seen[0][0].groups[0].faults] == ["count-wrong"]
    assert [each.name for each in seen[1][0].faults] == ["byte-order-mark"]


def test_r2_the_bytes_of_each_message_are_where_it_says() -> None:
    file = whole(message(), "\r\n" + message("M2"))
    cut = [file[each.start : each.end].decode() for _, messages in pulled(file) for each in messages]
    assert cut == [message(), message("M2")]


class Endless(io.RawIOBase):
    """A file that is made while it is read: one interchange of many messages."""

    def __init__(self, megabytes: int) -> None:
        self.body = "".join(f"LIN+{at}++4012345678901:EN'QTY+21:{at}'" for at in range(1, 400))
        self.left = self._parts(megabytes * 1_000_000)

    def _parts(self, size: int) -> Iterator[bytes]:
        yield UNB.encode()
        made = number = 0
        while made < size:
            number += 1
            part = message(f"M{number}", self.body).encode()
            made += len(part)
            yield part
        yield f"UNZ+{number}+R1'".encode()

    def read(self, size: int = -1) -> bytes:
        return next(self.left, b"")


def test_r4_memory_does_not_grow_with_the_file() -> None:
    process = psutil.Process()
    seen, grown, before = 0, 0, 0
    for each in Reader(Endless(40)).events():  # type: ignore[arg-type]
        assert not isinstance(each, EdiFault)
        seen += 1
        if seen == 20_000:
            before = process.memory_info().rss
        elif seen % 20_000 == 0:
            grown = max(grown, process.memory_info().rss - before)
    assert seen > 1_500_000
    assert grown < 8 * 2**20


@pytest.mark.parametrize(
    ("name", "raw", "text"),
    [
        ("UNOC", b"M\xfcller", "Müller"),
        ("UNOD", b"\xa3\xf3d\xbc", "Łódź"),
        ("UNOE", b"\xbc\xde\xe1\xda\xd2\xd0", "Москва"),
        ("UNOF", b"\xc1\xe8\xde\xed\xe1", "Αθήνα"),
        ("UNOG", b"\xaba", "Ğa"),
        ("UNOH", b"\xa9\xb9", "Šš"),
        ("UNOI", b"\xd3\xe4\xc7\xe5", "سلام"),
        ("UNOJ", b"\xf9\xec", "של"),
        ("UNOK", b"\xddzmir", "İzmir"),
        ("UNOW", "Ł+".encode().replace(b"+", b"?+"), "Ł+"),
        ("UNOX", b"\x1b$B%+%?%+\x1b(B A", "カタカ A"),
        ("UNOY", "Łódź €".encode(), "Łódź €"),
    ],
)
def test_r5_unb_decides_how_bytes_are_decoded(name: str, raw: bytes, text: str) -> None:
    body = b"NAD+BY+++" + raw + b"'"
    file = UNB.replace("UNOC:3", f"{name}:4").replace("261128", "20261128").encode()
    file += b"UNH+M1+ORDERS:D:96A:UN'" + body + b"BGM+220'UNT+4+M1'UNZ+1+R1'"
    [(_, [found])] = pulled(file)
    assert found.segments[1].value(4) == text
    assert found.segments[2].offset == file.index(b"BGM")
    assert faults(file) == []


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("UNOA", b"M\xdcLLER", "byte 0xdc"),
        ("UNOB", b"M\xfcller", "byte 0xfc"),
        ("UNOC", b"M\x8bller", "byte 0x8b"),
        ("UNOF", b"\xd2", "byte 0xd2"),
        ("UNOC", b"a\tb", "byte 0x09"),
        ("UNOY", b"M\xfcller", "byte 0xfc"),
    ],
)
def test_r5_a_character_outside_the_set_is_error_21_at_its_segment(name: str, raw: bytes, value: str) -> None:
    body = b"BGM+220'NAD+BY+++" + raw + b"'"
    file = UNB.replace("UNOC", name).encode() + b"UNH+M1+ORDERS:D:96A:UN'" + body + b"UNT+4+M1'UNZ+1+R1'"
    [fault] = faults(file)
    assert (fault.kind, fault.code, fault.rejects) == (Kind.ERROR, "21", Level.MESSAGE)
    assert (fault.place.number, fault.place.position, fault.place.tag) == (4, 3, "NAD")
    assert fault.place.offset == file.index(b"NAD")
    assert value in fault.text


@pytest.mark.parametrize("mode", list(Mode))
def test_r5_what_only_the_level_forbids_is_tolerated_or_refused(mode: Mode) -> None:
    file = whole(message(body="FTX+AAI+++Lower case'"), header=UNB.replace("UNOC", "UNOA"))
    [fault] = faults(file, mode)
    assert (fault.name, fault.code, fault.place.number, fault.place.element) == ("charset", "21", 3, 4)
    assert fault.kind is (Kind.TOLERANCE if mode is Mode.TOLERANT else Kind.ERROR)


R6 = {
    "UNA in text": (
        whole(message(body="FTX+AAI+++D?'UNA:?+.? LOOKS LIKE ONE'", count=3)),
        ["AAI", "", "", ["D'UNA", "+. LOOKS LIKE ONE"]],
    ),
    "unused release": (
        b"UNA:+.  '" + whole(message(body="FTX+AAI+++JOHN SMITH LTD?'")),
        ["AAI", "", "", "JOHN SMITH LTD?"],
    ),
    "80 columns": (
        b"\r\n".join(
            whole(message(body=f"FTX+AAI+++{'0123456789' * 9}'"))[at : at + 80] for at in range(0, 240, 80)
        ),
        ["AAI", "", "", "0123456789" * 9],
    ),
    "release before a line break": (whole(message(body="FTX+AAI+++A?\r\n'B?+C'", count=3)), ["AAI", "", "", "A'B+C"]),
    "byte order mark": (b"\xef\xbb\xbf" + whole(message(body="FTX+AAI+++A'")), ["AAI", "", "", "A"]),
    "CR": (whole(message(body="FTX+AAI+++A'")).replace(b"'", b"'\r"), ["AAI", "", "", "A"]),
    "CR and LF": (whole(message(body="FTX+AAI+++A'")).replace(b"'", b"'\r\n"), ["AAI", "", "", "A"]),
    "LF as terminator": (whole(message(body="FTX+AAI+++A'")).replace(b"'", b"\n"), ["AAI", "", "", "A"]),
    "indented": (whole(message(body="FTX+AAI+++A'")).replace(b"'", b"'\n\t "), ["AAI", "", "", "A"]),
    "empty segment": (whole(message(body="FTX+AAI+++A'")).replace(b"+A'", b"+A''"), ["AAI", "", "", "A"]),
    "unterminated": (whole(message(body="FTX+AAI+++A'"))[:-1], ["AAI", "", "", "A"]),
}  # fmt: skip


@pytest.mark.parametrize("case", R6)
def test_r6_what_partners_write_is_read(case: str) -> None:
    data, elements = R6[case]
    [(interchange, [found])] = pulled(data)
    assert found.segments[1].elements == elements
    assert [each.tag for each in found.segments] == ["UNH", "FTX", "UNT"]
    assert not found.rejected
    assert not interchange.rejected


@pytest.mark.parametrize("case", sorted(set(R6) - {"UNA in text", "unused release"}))
def test_r6_each_tolerance_is_said_and_is_an_error_to_a_strict_reader(case: str) -> None:
    data, _ = R6[case]
    found = faults(data)
    assert found
    assert {each.kind for each in found} == {Kind.TOLERANCE}
    assert {each.rejects for each in found} == {None}
    assert len({each.name for each in found}) == len(found)
    strict = faults(data, Mode.STRICT)
    assert {each.name for each in strict} == {each.name for each in found}
    assert all(each.kind is Kind.ERROR and each.rejects is not None for each in strict)


def test_r6_a_repetition_separator_counts_from_version_4_on() -> None:
    for version, advice, expected in (("4", "", ["A", "B"]), ("3", "", "A*B"), ("4", "UNA:+.? '", "A*B")):
        data = advice.encode() + whole(message(body="PNA+A*B'"), header=UNB.replace(":3+", f":{version}+"))
        [(_, [found])] = pulled(data)
        assert found.segments[1].elements == [expected]


def test_r7_every_fault_has_its_place_code_and_sentence() -> None:
    data = whole(message(), message("M2", "BGM+220+\x07'", count=9))
    fault = faults(data)[0]
    assert fault.public() == {
        "kind": "error",
        "name": "charset",
        "code": "21",
        "text": "The byte 0x07 is not in the character set UNOC, which the interchange announces.",
        "rejects": "message",
        "value": "\N{REPLACEMENT CHARACTER}",
        "place": {
            "offset": data.rindex(b"BGM"),
            "number": 7,
            "tag": "BGM",
            "interchange": "R1",
            "message": "M2",
            "position": 2,
            "element": 2,
        },
    }


def test_r8_a_bad_message_stops_none_of_its_siblings() -> None:
    bad = (
        message("BAD1", count=7),
        "UNH+BAD2+ORDERS:D:96A:UN'BGM+220'",
        message("BAD3", "bgm+220'"),
        message("BAD4", "FTX+\x01'"),
        "UNH+BAD5'BGM+220'UNT+3+BAD5'",
    )
    good = [message(f"GOOD{at}") for at in range(len(bad) + 1)]
    parts = [good[0], *(each for at, one in enumerate(bad) for each in (one, good[at + 1]))]
    [(interchange, found)] = pulled(whole(*parts))
    assert not interchange.rejected
    assert [each.header.reference for each in found if each.rejected] == ["BAD1", "BAD2", "BAD3", "BAD4", "BAD5"]
    assert [len(each.segments) for each in found if not each.rejected] == [4] * len(good)
    assert all(each.faults for each in found if each.rejected)


def test_r8_a_bad_interchange_stops_none_of_its_siblings() -> None:
    unclosed = (UNB + message()).encode()
    data = unclosed + b"UIB+UNOA:4+x'UIH+a'UIT+a'UIZ+1'" + whole(message("M2")) + b"rubbish" + whole(message("M3"))
    found = pulled(data)
    assert [each.rejected for each, _ in found] == [True, True, False, False]
    assert [[one.header.reference for one in messages] for _, messages in found] == [["M1"], [], ["M2"], ["M3"]]
    assert [each.name for each in faults(data)] == ["unclosed", "interactive", "noise"]


def test_packages_are_refused_clearly_and_passed_over() -> None:
    package = b"UNO+P1+AAA:1+1:PDF+22'%PDF 'UNZ+1+R1'UNB+x'\x00UNP+22+P1'"
    data = whole(message(), count=3).replace(b"UNZ+3", package + message("M2").encode() + b"UNZ+3")
    [fault] = faults(data)
    assert (fault.name, fault.code, fault.rejects, fault.place.tag) == ("package", "47", Level.INTERCHANGE, "UNO")
    [(_, found)] = pulled(data)
    assert [each.header.reference for each in found] == ["M1", "M2"]


def test_segments_know_their_number_and_their_offset() -> None:
    data = b"UNA:+.? '\r\n" + whole(message())
    found = [each for each in events(data) if isinstance(each, ReadSegment)]
    assert [(each.number, each.offset, each.tag) for each in found] == [
        (3, data.index(b"BGM"), "BGM"),
        (4, data.index(b"DTM"), "DTM"),
    ]
    assert isinstance(events(data)[0], InterchangeStart)
