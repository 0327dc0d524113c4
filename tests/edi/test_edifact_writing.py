"""EDIFACT is written as partners expect it, or not at all."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mappings.edi.edifact.characters import Delimiters
from mappings.edi.edifact.envelope import Party, read_time
from mappings.edi.edifact.outgoing import OutGroup, OutInterchange, OutMessage, again, interchange
from mappings.edi.edifact.reader import Reader
from mappings.edi.edifact.segments import ReadSegment, Repeated
from mappings.edi.edifact.writer import UnwritableError, Writer, moment
from mappings.edi.faults import EdiFault

WHEN = datetime(2026, 11, 28, 12, 5, tzinfo=UTC)
US, THEM = Party("4012345000009", "14"), Party("4098765000003", "14", "DEPOT")


def segment(tag: str, *elements: Any) -> ReadSegment:
    return ReadSegment(tag, list(elements))


def order(reference: str = "M1", *more: ReadSegment) -> OutMessage:
    return OutMessage(reference, "ORDERS", "D", "96A", [segment("BGM", "220", "PO1", "9"), *more], association="EAN008")


def test_counts_and_references_come_from_what_is_written() -> None:
    header = OutInterchange(US, THEM, WHEN, "R1", application="ORDERS", ack_requested=True, agreement="X", test=True)
    assert b"".join(interchange(Writer(line_ends=True), header, [order(), order("M2", segment("UNS", "S"))])) == (
        b"UNB+UNOC:3+4012345000009:14+4098765000003:14:DEPOT+261128:1205+R1++ORDERS++1+X+1'\r\n"
        b"UNH+M1+ORDERS:D:96A:UN:EAN008'\r\nBGM+220+PO1+9'\r\nUNT+3+M1'\r\n"
        b"UNH+M2+ORDERS:D:96A:UN:EAN008'\r\nBGM+220+PO1+9'\r\nUNS+S'\r\nUNT+4+M2'\r\n"
        b"UNZ+2+R1'\r\n"
    )


def test_groups_are_counted_and_version_4_writes_the_century() -> None:
    group = OutGroup("ORDERS", US, THEM, WHEN, "G1", "D", "96A", [order(), order("M2")])
    data = b"".join(interchange(Writer(version="4", una=True), OutInterchange(US, THEM, WHEN, "R1"), [group]))
    assert data.startswith(b"UNA:+.?*'UNB+UNOC:4+4012345000009:14+4098765000003:14:DEPOT+20261128:1205+R1'UNG+ORDERS+")
    assert b"+20261128:1205+G1+UN+D:96A'UNH+M1+" in data
    assert data.endswith(b"UNT+3+M2'UNE+2+G1'UNZ+1+R1'")
    assert [each for each in Reader(data).events() if isinstance(each, EdiFault)] == []


def test_service_characters_are_released_the_repetition_separator_from_version_4_on() -> None:
    name = segment("NAD", "BY", "", "", ["It's 5+5:?*", "B"])
    assert Writer().segment(name) == b"NAD+BY+++It?'s 5?+5?:??*:B'"
    assert Writer(version="4").segment(name) == b"NAD+BY+++It?'s 5?+5?:???*:B'"
    assert Writer(version="4").segment(segment("PNA", Repeated(["A*", ["B", "", "C", ""]]))) == b"PNA+A?**B::C'"


def test_una_is_written_where_it_is_needed() -> None:
    assert Writer().advice() == b""
    assert Writer(version="4").advice() == b""
    assert Writer(una=True).advice() == b"UNA:+.? '"
    assert Writer(delimiters=Delimiters(decimal=","), line_ends=True).advice() == b"UNA:+,? '\r\n"
    assert Writer(delimiters=Delimiters(release=None)).advice() == b"UNA:+.  '"


def test_a_tag_keeps_its_indication_of_nesting() -> None:
    [found] = [each for each in Reader(b"UNH+1+A:B:C:UN'LIN:1:2+3'").events() if isinstance(each, ReadSegment)]
    assert (found.tag, found.nesting, found.elements) == ("LIN", ("1", "2"), ["3"])
    assert Writer().segment(found) == b"LIN:1:2+3'"


@pytest.mark.parametrize(
    ("options", "given", "said"),
    [
        ({"charset": "UNOA"}, segment("FTX", "Lower"), "the character 'o', which the character set UNOA lacks"),
        ({}, segment("FTX", "Łódź"), "the character 'Ł', which the character set UNOC lacks"),
        ({}, segment("FTX", "a\tb"), "the character '\\t', which the character set UNOC lacks"),
        ({}, segment("FTX", "a\nb"), "a value has a line break"),
        ({}, segment("FTX", 5), "int is no text"),
        ({}, segment("FTX", Repeated(["a", "b"])), "an element is repeated"),
        ({"delimiters": Delimiters(release=None)}, segment("FTX", "It's"), "no release character is in use"),
        ({}, segment("ftx", "a"), "'ftx' is no segment tag"),
    ],
)
def test_what_cannot_be_written_is_said(options: dict[str, Any], given: ReadSegment, said: str) -> None:
    with pytest.raises(UnwritableError, match=re.escape(said)) as caught:
        Writer(**options).segment(given)
    assert caught.value.fix


@pytest.mark.parametrize("options", [{"charset": "UNOZ"}, {"version": "5"}])
def test_unknown_ways_to_write_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UnwritableError, match="cannot be written with"):
        Writer(**options)


@pytest.mark.parametrize(
    ("header", "content", "said"),
    [
        ("", [order()], "'' is no interchange reference"),
        ("R" * 15, [order()], "is no interchange reference"),
        ("R1", [], "without messages"),
        ("R1", [order("")], "'' is no message reference"),
        ("R1", [OutGroup("ORDERS", US, THEM, WHEN, "G1", "D", "96A", [])], "A group without messages"),
        ("R1", [order(), OutGroup("ORDERS", US, THEM, WHEN, "G1", "D", "96A", [order()])], "cannot be mixed"),
    ],
)
def test_envelopes_that_no_partner_accepts_are_not_written(header: str, content: list[Any], said: str) -> None:
    with pytest.raises(UnwritableError, match=said):
        list(interchange(Writer(), OutInterchange(US, THEM, WHEN, header), content))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("101", "261128"),
        ("102", "20261128"),
        ("203", "202611281205"),
        ("204", "20261128120500"),
        ("303", "202611281205UTC"),
    ],
)
def test_moments_have_the_form_that_is_asked_for(form: str, text: str) -> None:
    assert moment(WHEN, form) == text


@pytest.mark.parametrize(
    ("when", "form"), [(WHEN, "999"), (date(2026, 11, 28), "203"), (WHEN.replace(tzinfo=None), "303")]
)
def test_moments_that_lack_something_are_refused(when: date, form: str) -> None:
    with pytest.raises(UnwritableError):
        moment(when, form)


@pytest.mark.parametrize(
    ("day", "clock", "text"),
    [
        ("261128", "1205", "2026-11-28T12:05:00"),
        ("20261128", "120530", "2026-11-28T12:05:30"),
        ("940101", "", "1994-01-01T00:00:00"),
        ("261328", "1205", None),
        ("26112", "1205", None),
        ("261128", "25", None),
    ],
)
def test_times_of_headers_are_read(day: str, clock: str, text: str | None) -> None:
    found = read_time(day, clock)
    assert (found.isoformat() if found else None) == text


@pytest.mark.parametrize(("version", "day"), [("3", "261128"), ("4", "20261128")])
@pytest.mark.parametrize("said", ["261128", "20261128"])
def test_dates_of_headers_have_the_form_of_the_version_they_are_written_in(version: str, day: str, said: str) -> None:
    lines = [
        segment("UNB", ["UNOC", "3"], "A", "B", [said, "1200"], "R1"),
        segment("UNG", "X", "A", "B", [said, "1200"], "G"),
    ]
    assert b"".join(again(lines, lambda _unb: Writer(version=version))).decode() == (
        f"UNB+UNOC:{version}+A+B+{day}:1200+R1'UNG+X+A+B+{day}:1200+G'"
    )


def test_what_was_read_is_written_again_with_its_trailers_made_right() -> None:
    lines = [
        segment("UNB", ["UNOA", "1"], "A", "B", ["261128", "1200"], "R1"),
        segment("UNG", "ORDERS", "A", "B", ["261128", "1200"], "G1"),
        segment("UNH", "M1", ["ORDERS", "D", "96A", "UN"]),
        segment("BGM", "220"),
        segment("UNT", "9", "M7"),
        segment("UNE", "5", "G7"),
        segment("UNZ", "5", "R7"),
    ]
    assert b"".join(again(lines, lambda _unb: Writer())) == (
        b"UNB+UNOC:3+A+B+261128:1200+R1'UNG+ORDERS+A+B+261128:1200+G1'UNH+M1+ORDERS:D:96A:UN'BGM+220'"
        b"UNT+3+M1'UNE+1+G1'UNZ+1+R1'"
    )
