"""What can be wrong with X12's envelopes: one entry per fault, with the acknowledgement's code and its sentence.

The codes are those of data elements I18 (TA105), 716 (AK905) and 718 (AK502).
"""

from __future__ import annotations

from typing import NamedTuple

from mappings.edi.faults import Level


class Verdict(NamedTuple):
    """What a fault takes away, its code and its sentence, in which `{0}` and `{1}` are filled in."""

    level: Level
    code: str | None
    text: str


SET, GROUP, INTERCHANGE = Level.MESSAGE, Level.GROUP, Level.INTERCHANGE

VERDICTS = {
    "set:trailer-missing": Verdict(SET, "2", "Transaction set {0} has no SE."),
    "set:reference-wrong": Verdict(SET, "3", "SE02 is {1}, but the transaction set began with ST02 {0}."),
    "set:count-wrong": Verdict(SET, "4", "SE01 states {0} segments, but {1} came."),
    "set:type-missing": Verdict(SET, "6", "ST01 does not say which transaction set this is: {0}."),
    "set:reference-missing": Verdict(SET, "7", "ST02, the control number of the transaction set, is missing."),
    "set:reference-duplicate": Verdict(SET, "23", "Transaction set {0} comes twice in its group."),
    "set:outside-group": Verdict(SET, None, "Transaction set {0} stands outside of any group."),
    "set:too-large": Verdict(SET, None, "Transaction set {0} is larger than {1} bytes and was left out."),
    "group:trailer-missing": Verdict(GROUP, "3", "Group {0} has no GE."),
    "group:reference-wrong": Verdict(GROUP, "4", "GE02 is {1}, but the group began with GS06 {0}."),
    "group:count-wrong": Verdict(GROUP, "5", "GE01 states {0} transaction sets, but {1} came."),
    "group:reference-invalid": Verdict(GROUP, "6", "GS06, the control number of the group, is no number: {0}."),
    "group:reference-duplicate": Verdict(GROUP, "19", "Group {0} comes twice in its interchange."),
    "group:version-differs": Verdict(GROUP, "2", "GS08 says version {0}, and ISA12 says {1}."),
    "group:trailer-without-header": Verdict(GROUP, None, "SE stands where no transaction set is open."),
    "group:segment-outside": Verdict(GROUP, None, "{0} stands in a group, but outside of any transaction set."),
    "interchange:reference-wrong": Verdict(
        INTERCHANGE, "001", "IEA02 is {1}, but the interchange began with ISA13 {0}."
    ),
    "interchange:count-wrong": Verdict(INTERCHANGE, "021", "IEA01 states {0} groups, but {1} came."),
    "interchange:trailer-without-header": Verdict(INTERCHANGE, "024", "GE stands where no group is open."),
    "interchange:trailer-missing": Verdict(INTERCHANGE, "023", "Interchange {0} has no IEA."),
    "interchange:segment-outside": Verdict(INTERCHANGE, "024", "{0} stands outside of any group."),
    "interchange:reference-duplicate": Verdict(INTERCHANGE, "025", "Interchange {0} comes twice in the file."),
    "interchange:reference-invalid": Verdict(INTERCHANGE, "018", "ISA13 is no control number of nine digits: {0}."),
    "interchange:acknowledgment-invalid": Verdict(INTERCHANGE, "019", "ISA14 is neither 0 nor 1: {0}."),
    "interchange:usage-invalid": Verdict(INTERCHANGE, "020", "ISA15 is none of I, P and T: {0}."),
    "interchange:date-invalid": Verdict(INTERCHANGE, "014", "ISA09 is no date YYMMDD: {0}."),
    "interchange:time-invalid": Verdict(INTERCHANGE, "015", "ISA10 is no time HHMM: {0}."),
    "interchange:version-invalid": Verdict(INTERCHANGE, "017", "ISA12 is no version such as 00401: {0}."),
}
