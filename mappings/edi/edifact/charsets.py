"""The character sets of UNB 0001: what decodes them, and which bytes they hold.

Source: ISO 9735 annex A and code list 0001. UNOA and UNOB are subsets of ISO 646, UNOC to UNOL are parts of ISO 8859,
UNOW and UNOY are read as UTF-8, UNOX switches sets by the escape sequences of ISO 2022.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

LEVEL_A = string.ascii_uppercase + string.digits + " .,-()/='+:?!\"%&*;<>"
LEVEL_B = LEVEL_A + string.ascii_lowercase
ASCII = bytes(range(0x20, 0x7F))
LINE = b"\r\n"
ESCAPES = b"\x1b\x0e\x0f"
ISO_8859 = {
    "UNOC": 1,
    "UNOD": 2,
    "UNOE": 5,
    "UNOF": 7,
    "UNOG": 3,
    "UNOH": 4,
    "UNOI": 6,
    "UNOJ": 8,
    "UNOK": 9,
    "UNOL": 15,
}


@dataclass(frozen=True, slots=True)
class Charset:
    """One character set.

    Args:
        name: as UNB says it.
        codec: Python's name of the encoding.
        allowed: bytes that may stand in an interchange of it, service characters and line breaks not counted.
        tolerable: bytes the encoding has and the level does not; a tolerant reader takes them.
        single: whether each character is one byte.
        switching: whether escape sequences change what bytes mean.
    """

    name: str
    codec: str
    allowed: bytes
    tolerable: bytes = b""
    single: bool = True
    switching: bool = False

    def outside(self, raw: bytes, service: bytes) -> bytes:
        """Return the bytes that do not belong here.

        Args:
            raw: some of an interchange.
            service: its service characters.
        """
        return raw.translate(None, self.allowed + service + LINE)

    def can_write(self, text: str) -> bool:
        """Return whether every character of a text is in the set."""
        try:
            return not self.outside(text.encode(self.codec), b"")
        except UnicodeEncodeError:
            return False


def _part(number: int) -> bytes:
    codec = f"iso8859_{number}"
    return ASCII + bytes(each for each in range(0xA0, 0x100) if bytes([each]).decode(codec, "ignore"))


def _level(allowed: str) -> tuple[bytes, bytes]:
    held = allowed.encode()
    return held, ASCII.translate(None, held)


MULTIBYTE = ASCII + bytes(range(0x80, 0x100))
CHARSETS = {
    "UNOA": Charset("UNOA", "ascii", *_level(LEVEL_A)),
    "UNOB": Charset("UNOB", "ascii", *_level(LEVEL_B)),
    **{name: Charset(name, f"iso8859_{number}", _part(number)) for name, number in ISO_8859.items()},
    "UNOW": Charset("UNOW", "utf-8", MULTIBYTE, single=False),
    "UNOX": Charset("UNOX", "iso2022_jp_2", ASCII + ESCAPES, single=False, switching=True),
    "UNOY": Charset("UNOY", "utf-8", MULTIBYTE, single=False),
}
FALLBACK = CHARSETS["UNOC"]
"""What a tolerant reader decodes with where UNB names no set that is known here."""
SWITCHED = rb"\x1b\$[\x20-\x2f]?[\x40-\x5f](?>.*?(?:\x1b\([\x40-\x5f]|\Z))"
"""A stretch in which two bytes are one character, up to the escape back to ISO 646."""


def switching_segment(terminator: bytes, release: bytes) -> re.Pattern[bytes]:
    """Return what matches one segment with its terminator in an interchange whose bytes change their meaning.

    Args:
        terminator: one byte.
        release: one byte, or none.
    """
    pair = re.escape(release) + rb".|" if release else b""
    # Possessive: a stretch that was left is never looked at again, whatever a hostile file repeats.
    return re.compile(
        b"(?>" + SWITCHED + b"|" + pair + b"[^" + re.escape(terminator) + b"])*+" + re.escape(terminator), re.DOTALL
    )
