"""Writing segments over pydifact's serializer: released, checked against the character set on the way out."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from pydifact import Segment
from pydifact.serializer import Serializer

from core.errors import InputError
from mappings.edi.edifact.characters import DEFAULT, DEFAULT_4, LINE_BREAKS, Delimiters
from mappings.edi.edifact.charsets import CHARSETS
from mappings.edi.edifact.opening import VERSIONS
from mappings.edi.edifact.segments import ReadSegment, Repeated
from mappings.edi.faults import shown
from mappings.edi.forms import FORMS

ZONE = 3
TAG = re.compile(r"[A-Z0-9]{3}\Z")


class UnwritableError(InputError):
    """A document cannot be written with the character set and service characters of its partner."""

    code = "EDI-WRITE-422"


class Writer:
    """Writes segments as bytes.

    Args:
        charset: UNOA to UNOY.
        version: of the syntax, 1 to 4.
        delimiters: service characters; those of the version by default.
        line_ends: whether a line break follows every segment.
        una: whether UNA is written; by default only where the service characters are not those of the version.

    Raises:
        UnwritableError: there is no such character set or version.
    """

    def __init__(
        self,
        *,
        charset: str = "UNOC",
        version: str = "3",
        delimiters: Delimiters | None = None,
        line_ends: bool = False,
        una: bool | None = None,
    ) -> None:
        if charset not in CHARSETS or version not in VERSIONS:
            raise UnwritableError(
                f"EDIFACT cannot be written with character set {charset!r} and syntax version {version!r}.",
                fix="Use UNOA to UNOL, UNOW, UNOX or UNOY, and a version from 1 to 4.",
            )
        usual = DEFAULT_4 if version == "4" else DEFAULT
        self.charset, self.version = CHARSETS[charset], version
        self.delimiters = delimiters or usual
        self.una = self.delimiters != usual if una is None else una
        self._line = b"\r\n" if line_ends else b""
        self._serializer = _Serializer(self.delimiters)
        self._service = self.delimiters.all.encode()

    def advice(self) -> bytes:
        """Return UNA, or nothing where none is written."""
        return self.delimiters.una().encode() + self._line if self.una else b""

    def segment(self, segment: Segment) -> bytes:
        """Return one segment.

        Raises:
            UnwritableError: a value has a character that the character set lacks, or a service character that nothing
                can release; or the tag is none.
        """
        tag = str(segment.tag)
        if not TAG.match(tag):
            raise UnwritableError(f"{shown(tag)!r} is no segment tag.", fix="Use three capital letters or digits.")
        nesting = segment.nesting if isinstance(segment, ReadSegment) else ()
        # A tag with its nesting is no tag to pydifact's constructor, but its serializer writes any.
        made = ReadSegment(
            self.delimiters.component.join([tag, *nesting]),
            [[each] if isinstance(each, Repeated) else each for each in segment.elements],
        )
        try:
            text = self._serializer.serialize([made], with_una_header=False)
            raw = text.encode(self.charset.codec)
        except UnicodeEncodeError as error:
            raise self._unwritable(tag, error.object[error.start]) from None
        except _UnfitError as error:
            raise UnwritableError(f"The segment {tag} cannot be written: {error}.", fix=error.fix) from None
        outside = self.charset.outside(raw, self._service)
        if outside:
            raise self._unwritable(tag, outside[:1].decode(self.charset.codec, "replace"))
        return raw + self._line

    def _unwritable(self, tag: str, character: str) -> UnwritableError:
        return UnwritableError(
            f"The segment {tag} has the character {character!r}, which the character set {self.charset.name} lacks.",
            fix="Agree on a larger character set with the partner, or leave the character out.",
        )


class _UnfitError(ValueError):
    """A value that cannot be written; `fix` says what can be done."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.fix = fix


class _Serializer(Serializer):
    """pydifact's serializer, with repetitions and with a release character that may be missing."""

    def __init__(self, delimiters: Delimiters) -> None:
        super().__init__(delimiters.pydifact())
        self._delimiters = delimiters
        self._breaks = re.compile(f"[{LINE_BREAKS}]")
        self.regexp = re.compile(f"[{re.escape(delimiters.all)}]")
        self.replace_map = {each: f"{delimiters.release}{each}" for each in delimiters.all}

    def escape(self, string: Any) -> str:
        """Return a value with its service characters released; of a repeated element all of it."""
        if isinstance(string, Repeated):
            if self._delimiters.repetition is None:
                raise _UnfitError("an element is repeated", "Write syntax version 4, which can repeat elements.")
            return self._delimiters.repetition.join(self._repetition(each) for each in string)
        if string is not None and not isinstance(string, str):
            raise _UnfitError(f"{type(string).__name__} is no text", "Give values as text.")
        if string and self._breaks.search(string):
            raise _UnfitError("a value has a line break", "Use one component for each line.")
        if self._delimiters.release is None and string and self.regexp.search(string):
            raise _UnfitError(
                f"{shown(string)!r} has a service character and no release character is in use",
                "Give the partner's profile a release character, or leave the character out.",
            )
        return str(super().escape(string))

    def _repetition(self, value: Any) -> str:
        if not isinstance(value, list):
            return self.escape(value)
        found = [self.escape(each) for each in value]
        while found and not found[-1]:
            found.pop()
        return self._delimiters.component.join(found)


def moment(when: date, form: str) -> str:
    """Return a date or time in a form of code list 2379.

    Args:
        when: a date, or a time of the zone that is meant.
        form: such as 102 (CCYYMMDD) or 203 (CCYYMMDDHHMM).

    Raises:
        UnwritableError: the form is not known, or asks for a time of day, or a zone, that is not there.
    """
    pattern = FORMS.get(form)
    if pattern is None:
        raise UnwritableError(f"{form!r} is no known form of a date.", fix=f"Use one of {', '.join(FORMS)}.")
    if "%H" in pattern and not isinstance(when, datetime):
        raise UnwritableError(f"The form {form} needs a time of day, and there is only a date.", fix="Use form 102.")
    if "%Z" in pattern:
        zone = when.tzname() if isinstance(when, datetime) else None
        if not zone or not zone.isalpha() or len(zone) != ZONE:
            raise UnwritableError(f"The form {form} needs a time zone of three letters.", fix="Give the time in UTC.")
    return when.strftime(pattern)
