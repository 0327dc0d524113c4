"""Files built to hurt a reader of EDI, and the choice between them and damaged ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from benchmarks.edi_fuzz_inputs import BASES, LONGEST, SEF, SPECIAL, UBL, damaged, edifact_message, x12_message

Make = Callable[[random.Random], bytes]


def _nested(many: int) -> bytes:
    levels = b"".join(b"HL*%d*%s*I~" % (each, str(each - 1).encode() if each > 1 else b"") for each in range(1, many))
    return x12_message(1).replace(b"HL*1**S~", levels, 1)


HOSTILE: Mapping[str, Sequence[Make]] = {
    "edifact": [
        lambda r: b"UNB+UNOC:3+A+B+261128:1200+1'" * r.choice((1, 8_000)),
        lambda r: edifact_message(0)[:60] + b"UNG+ORDERS+A+B+261128:1200+1+UN+D:96A'" * r.randrange(1, 9_000),
        lambda r: b"UNB+UNOC:3+A+B+261128:1200+1'" + b"UNH+1+ORDERS:D:96A:UN'" * r.randrange(1, 15_000),
        lambda r: edifact_message(0).replace(b"BGM+", b"BGM" + b"+" * r.randrange(1, 400_000), 1),
        lambda r: edifact_message(0).replace(b"BGM+", b"BGM+" + b":" * r.randrange(1, 400_000), 1),
        lambda r: edifact_message(0).replace(b"BGM+", b"BGM+" + b"?" * r.randrange(1, 400_000), 1),
        lambda r: edifact_message(0).replace(b"BGM+", b"BGM" + b":1" * r.randrange(1, 500_000) + b"+", 1),
        lambda r: b"UNA" + bytes(r.randrange(256) for _ in range(6)) + edifact_message(1),
        lambda r: b"UNA" + bytes(r.choice(b":+.? '*ABC0\r\n") for _ in range(6)) + edifact_message(1),
        lambda r: edifact_message(2).replace(b"'", b"'" * r.randrange(2, 4_000)),
        lambda r: edifact_message(2).replace(b"UNOC", b"UNO" + bytes([r.randrange(256)])) + r.randbytes(200),
        lambda r: (
            b"UNB+UNOY:4+A+B+20261128:1200+1'UNH+1+ORDERS:D:96A:UN'FTX+" + b"\xf0\x9f\x98\x80" * r.randrange(300_000)
        ),
        lambda r: b"UNB+UNOX:4+A+B+20261128:1200+1'UNH+1+ORDERS:D:96A:UN'FTX+" + b"\x1b$B" + r.randbytes(5000) + b"'",
        lambda r: b"A" * r.randrange(LONGEST) + edifact_message(0),
    ],
    "x12": [
        lambda r: _nested(r.randrange(2, 20_000)),
        lambda r: x12_message(1).replace(b"HL*2*1*O", b"HL*2*2*O" if r.random() < 0.5 else b"HL*2*999*O"),
        lambda r: x12_message(0)[:106] * r.randrange(1, 15_000),
        lambda r: x12_message(0).replace(b"BEG*", b"BEG" + b"*" * r.randrange(1, 400_000), 1),
        lambda r: x12_message(0).replace(b"BEG*", b"BEG*" + b">" * r.randrange(1, 400_000), 1),
        lambda r: x12_message(0)[:105] + b"\n" * r.randrange(1, 400_000),
        lambda r: x12_message(0)[:106] + b"GS*PO*A*B*20261128*1200*1*X*004010~" * r.randrange(1, 9_000),
        lambda r: x12_message(0)[:200] + b"ST*850*0001~" * r.randrange(1, 30_000),
        lambda r: x12_message(0).replace(b"BEG*", b"BIN*%d*" % r.choice((0, 1, 10**6, 10**9, 10**18)), 1),
        lambda r: b"ISA" + bytes([r.randrange(256)]) + r.randbytes(r.randrange(400)),
        lambda r: x12_message(0).replace(b"*", bytes([r.randrange(256)])),
        lambda r: x12_message(0).replace(b"~", bytes([r.randrange(256)])),
        lambda r: x12_message(0).replace(b">~", bytes([r.randrange(256)]) + b"~", 1),
        lambda r: b"ISA" * r.randrange(1, 600_000),
        lambda r: (
            x12_message(0)
            .replace(b"*U*00401*", b"*^*00501*")
            .replace(b"BEG*", b"BEG*" + b"^" * r.randrange(1, 1_000_000), 1)
        ),
    ],
    "xml": [
        lambda r: b"<a>" * r.randrange(1, 600_000),
        lambda r: UBL.replace(b"<cbc:ID>", b"<cbc:x>" * r.randrange(1, 200_000) + b"<cbc:ID>"),
        lambda r: b"<a " + b" ".join(b"b%d='1'" % each for each in range(r.randrange(1, 30_000))) + b"/>",
        lambda r: (
            b"<a " + b" ".join(b"xmlns:b%d='u%d'" % (each, each) for each in range(r.randrange(1, 50_000))) + b"/>"
        ),
        lambda r: b'<!DOCTYPE a [<!ENTITY a "' + b"A" * r.randrange(1000) + b'"><!ENTITY b "&a;&a;&a;&a;">]><a>&b;</a>',
        lambda _: b'<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/hostname">%x;]><a/>',
        lambda _: b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/x.dtd'><a>&nothing;</a>",
        lambda r: b"<a>" + b"<b/>" * r.randrange(1, 450_000) + b"</a>",
        lambda r: b"<a>" + b"x" * r.randrange(LONGEST) + b"</a>",
        lambda r: b"\xff\xfe" + UBL.decode().encode("utf-16-le")[: r.randrange(900)],
        lambda r: UBL.replace(
            b"UTF-8", r.choice((b"UTF-7", b"EBCDIC-CP-US", b"x" * 5000, b"UTF-32", b"latin-1", b"idna"))
        ),
        lambda r: b"<" * r.randrange(1, 400_000),
    ],
    "sef": [
        lambda r: SEF.replace(b"850=", b"850=" + b"{" * r.randrange(1, 30_000)),
        lambda r: SEF.replace(b"{10[", b"{" * r.randrange(1, 12) + b"%d[" % r.choice((10, 99_999, 10**9, 10**18))),
        lambda _: SEF.replace(b"{10[235][234]}", b"{9{9{9{9{9{9{9{9{9[235]}}}}}}}}}"),
        lambda _: SEF.replace(b"[235]", b"[C040]").replace(b"C040=[128,M]", b"C040=[C040,M]"),
    ],
}


def made(kind: str, chance: random.Random) -> bytes:
    """Return one input of a kind."""
    bases = BASES[kind]()
    if chance.random() < 0.15:
        found = chance.choice(HOSTILE[kind])(chance)[:LONGEST]
        return found if chance.random() < 0.7 else damaged(chance, found, SPECIAL[kind], bases)
    return damaged(chance, chance.choice(bases), SPECIAL[kind], [each for name in BASES for each in BASES[name]()])
