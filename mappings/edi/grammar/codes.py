"""The codes and sentences of faults in a message: X12's elements 720 (AK304) and 723 (AK403), EDIFACT's 0085."""

from __future__ import annotations

from collections.abc import Mapping

# name -> (X12 code, EDIFACT code, sentence with its parts)
FAULTS: Mapping[str, tuple[str | None, str, str]] = {
    "segment-unknown": ("1", "12", "{0} is no segment of this version."),
    "segment-not-in-message": ("6", "15", "{0} is no segment of this message."),
    "segment-misplaced": ("7", "15", "{0} may not stand here."),
    "segment-missing": ("3", "13", "{0} is missing before this place."),
    "segment-too-often": ("5", "35", "{0} comes more than {1} times here."),
    "group-too-often": ("4", "36", "The group {0} comes more than {1} times."),
    "element-missing": ("1", "13", "{0} is required and is missing."),
    "element-too-many": ("3", "16", "{0} has more parts than the {1} it may have."),
    "element-short": ("4", "40", "{0} is shorter than {1} characters."),
    "element-long": ("5", "39", "{0} is longer than {1} characters."),
    "element-characters": ("6", "37", "{0} holds characters that its type {1} does not have."),
    "date-invalid": ("8", "12", "{0} is no date."),
    "time-invalid": ("9", "12", "{0} is no time."),
    "condition-missing": ("2", "13", "{0} must be given with the others of {1}."),
    "condition-exclusive": ("10", "12", "{0} may not be given with the others of {1}."),
    "repeated-too-often": ("12", "35", "{0} is repeated more than {1} times."),
    "parent-unknown": ("7", "12", "{0} names a parent that did not come before: {1}."),
    "lines-count-wrong": ("7", "29", "{0} says {1} where {2} {3} came."),
    "level-duplicate": ("7", "12", "{0} comes twice as the number of a level: {1}."),
}
