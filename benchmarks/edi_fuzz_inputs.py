"""Inputs of the EDI fuzz: invented files, and what random damage makes of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import islice

from benchmarks.edi_files import HEADER, messages
from benchmarks.edi_x12 import x12
from mappings.edi.edifact.outgoing import interchange
from mappings.edi.edifact.writer import Writer

LONGEST = 500_000
"""Bytes of an input; what is longer is cut, as doors bound what they take."""
FEW = 3
"""Messages, and interchanges, of the inputs in which one is damaged and the others must not be."""
UBL = b"""<?xml version="1.0" encoding="UTF-8"?>
<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:UBLVersionID>2.1</cbc:UBLVersionID><cbc:ID>PO-1</cbc:ID><cbc:IssueDate>2026-11-28</cbc:IssueDate></Order>"""
CXML = b"""<?xml version="1.0"?><!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.063/cXML.dtd">
<cXML payloadID="1@example" timestamp="2026-11-28T12:00:00Z"><Header/><Request>
<OrderRequest><OrderRequestHeader orderID="PO-1" orderDate="2026-11-28"/></OrderRequest></Request></cXML>"""
SEF = b""".VER 1.5
.INI
TEST,,004 010,X,X12-4 10,Guide
.SETS
850=[ST,M][BEG,M][REF,,>1]{N1:200[N1][N3,,2]}{PO1:100000+80[PO1,M]{PID:1000[PID]}}[SE,M]
.SEGS
ST=[143,M][329,M]
BEG=[353,M][324,M]
REF=[128,M][127][C040]+R0203
N1=[98,M][93]
N3=[166,M]
PO1=[350]{10[235][234]}+P0203
PID=[349,M]
SE=[96,M][329,M]
.COMS
C040=[128,M][127,M]{2[128][127]}+P0304
.ELMS
143=ID,3,3
329=AN,4,9
353=ID,2,2
324=AN,1,22
128=ID,2,3
127=AN,1,30
98=ID,2,3
93=AN,1,60
166=AN,1,55
350=AN,1,20
235=ID,2,2
234=AN,1,48
349=ID,1,1
96=N0,1,10
"""


@cache
def edifact_message(number: int = 0) -> bytes:
    """Return an interchange of three messages, of orders, despatch advices or invoices."""
    kind = ("ORDERS", "DESADV", "INVOIC")[number % 3]
    return b"".join(interchange(Writer(), HEADER, islice(messages(kind, LONGEST), FEW)))


@cache
def x12_message(number: int = 0) -> bytes:
    """Return an interchange of three transaction sets or more, of orders or ship notices."""
    size = 1_000
    while (found := x12(("850", "856")[number % 2], size)).count(b"~ST*") < FEW:
        size += 1_000
    return found


BASES: Mapping[str, Callable[[], Sequence[bytes]]] = {
    "edifact": lambda: [edifact_message(0), edifact_message(1), edifact_message(2), b"UNA:+.? '" + edifact_message(0)],
    "x12": lambda: [
        x12_message(0),
        x12_message(1),
        x12_message(0).replace(b"~", b"~\r\n"),
        b"\xef\xbb\xbf" + x12_message(1),
    ],
    "xml": lambda: [UBL, CXML],
    "sef": lambda: [SEF],
}
SPECIAL: Mapping[str, Sequence[bytes]] = {
    "edifact": [
        b"'",
        b"+",
        b":",
        b"?",
        b"?'",
        b"*",
        b"UNA:+.? '",
        b"UNB+UNOC:3+A+B+261128:1200+1'",
        b"UNH+9+ORDERS:D:96A:UN'",
        b"UNT+1+9'",
        b"UNZ+1+1'",
        b"UNG+ORDERS+A+B+261128:1200+1+UN+D:96A'",
        b"UNE+1+1'",
        b"UNO+1'",
        b"UIB+UNOA:4'",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"LIN+++" + b":" * 50,
        b"UNT",
        b"UNB",
    ],
    "x12": [
        b"~",
        b"*",
        b">",
        b"^",
        b"ISA",
        b"ISA*00*          *00*          *ZZ*A*ZZ*B*261128*1200*^*00501*1*0*P*>~",
        b"GS*PO*A*B~",
        b"ST*850*0001~",
        b"SE*2*0001~",
        b"GE*1*1~",
        b"IEA*1*000000001~",
        b"BIN*999999999*",
        b"BIN*5*A~B~C~",
        b"BIN*-1*X~",
        b"TA1*1~",
        b"HL*1**S~",
        b"HL*2*1*O~",
        b"\r\n",
        b"\n",
    ],
    "xml": [
        b"<",
        b">",
        b"&",
        b"]]>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
        b"&a;",
        b"<![CDATA[",
        b"<!--",
        b"?>",
        b"xmlns:q='u'",
        b"\x00",
    ],
    "sef": [b"{", b"}", b"[", b"]", b"+", b">1", b"{999999999[127]}", b".SETS", b",M", b"="],
}


def damaged(chance: random.Random, data: bytes, special: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    """Return a file with some damage: bits turned, bytes changed, taken out, put in, doubled, cut off, mixed."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(found) + 1)
        length = min(chance.choice((1, 1, 3, 20, 400)), len(found) - at)
        match chance.randrange(9):
            case 0 if at < len(found):
                found[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(found):
                found[at] = chance.randrange(256)
            case 2:
                del found[at : at + length]
            case 3:
                found[at:at] = chance.choice(special)
            case 4:
                found[at:at] = found[at : at + length] * chance.choice((1, 2, 100))
            case 5:
                found[at : at + length] = chance.randbytes(length)
            case 6:
                del found[at:]
            case 7:
                other = chance.choice(others)
                cut = chance.randrange(len(other) + 1)
                found[at:] = other[cut:]
            case _:
                found[at:at] = chance.choice(special) * chance.choice((10, 300, 5_000))
        del found[LONGEST:]
    return bytes(found)


def body_damaged(chance: random.Random, data: bytes, service: bytes) -> bytes:
    """Return a message's body with damage that neither makes nor takes a service character."""
    found = bytearray(data)
    free = [at for at, byte in enumerate(found) if byte not in service]
    letters = [byte for byte in range(256) if byte not in service]
    for _ in range(chance.choice((1, 3, 30))):
        at = chance.choice(free)
        found[at] = chance.choice(letters)
    if chance.random() < 0.5:
        cut = found.find(service[:1])
        end = cut + 1
        # Whole segments of no message, which end as segments end.
        extra = b"ZZ" + bytes(chance.choice(letters) for _ in range(chance.choice((1, 50, 2000)))) + service[:1]
        found[end:end] = extra * chance.choice((1, 3, 40))
    return bytes(found)
