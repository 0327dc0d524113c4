"""The service characters of an interchange: defaults of each syntax, and UNA, which replaces them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydifact.control.characters import Characters

UNA_SIZE = 9
SPACE = " "
LINE_BREAKS = "\r\n"
BLANK = b" \t\r\n\x00\x1a\x0b\x0c"
"""What may lie around segments and files: layout, and the ends of file of old systems."""


@dataclass(frozen=True, slots=True)
class Delimiters:
    """What separates, releases and ends; None is a character that is not used.

    Args:
        component: between components of a composite.
        element: between data elements.
        decimal: mark in numbers.
        release: takes the next character literally.
        repetition: between repetitions of an element, from syntax version 4 on.
        terminator: ends a segment.
    """

    component: str = ":"
    element: str = "+"
    decimal: str = "."
    release: str | None = "?"
    repetition: str | None = None
    terminator: str = "'"

    @property
    def all(self) -> str:
        """Return every service character that may not stand in data unreleased."""
        used = (self.component, self.element, self.release, self.repetition, self.terminator)
        return "".join(each for each in used if each)

    @property
    def breaks(self) -> str:
        """Return the line breaks that are mere layout here."""
        return "".join(each for each in LINE_BREAKS if each not in self.all)

    def una(self) -> str:
        """Return the service string advice that announces these."""
        return (
            f"UNA{self.component}{self.element}{self.decimal}{self.release or SPACE}"
            f"{self.repetition or SPACE}{self.terminator}"
        )

    def pydifact(self) -> Characters:
        """Return them as pydifact's own object; it takes a release character that is not used for a space."""
        return Characters(  # type: ignore[no-untyped-call]
            self.component, self.element, self.decimal, self.release or SPACE, self.repetition or SPACE, self.terminator
        )


DEFAULT = Delimiters()
"""Syntax versions 1 to 3."""
DEFAULT_4 = Delimiters(repetition="*")
INFORMATION_SEPARATORS = Delimiters("\x1f", "\x1d", ".", None, None, "\x1c")
"""Level B without UNA may use those of ISO 646; the byte after UNB tells."""


def from_una(advice: bytes) -> Delimiters | None:
    """Return what a UNA says; None when its characters cannot do their work.

    Args:
        advice: the nine bytes from `UNA` on.
    """
    text = advice.decode("latin-1")
    component, element, decimal, release, fifth, terminator = list(text[3:UNA_SIZE])
    found = Delimiters(
        component, element, decimal, none_of(release), none_of(fifth), "\n" if terminator == "\r" else terminator
    )
    unfit = re.compile(r"[A-Za-z0-9\x80-\xff]")
    separators = found.component + found.element + found.terminator
    if len(set(found.all)) < len(found.all) or unfit.search(found.all) or SPACE in separators:
        return None
    return found


def none_of(character: str) -> str | None:
    """Return a service character, None for the space that says it is not used."""
    return None if character == SPACE else character
