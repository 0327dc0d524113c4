"""What the codes of acknowledgements mean, in our own words: what a clerk is shown when a partner refuses a paper."""

from __future__ import annotations

from collections.abc import Mapping

# UCI, UCM, UCS, UCD (code list 0085).
EDIFACT: Mapping[str, str] = {
    "2": "the syntax version or level is not supported",
    "7": "the interchange was meant for somebody else",
    "12": "a value is not allowed here",
    "13": "something required is missing",
    "14": "the value is not supported at this place",
    "15": "this may not stand at this place",
    "16": "there are too many parts",
    "17": "this kind of message was not agreed",
    "18": "an error that is not specified further",
    "19": "the decimal mark is not allowed",
    "20": "a character cannot serve as a service character",
    "21": "a character is not in the character set",
    "22": "a service character is not allowed here",
    "23": "the sender is not known",
    "24": "the interchange is too old",
    "25": "it is marked as a test, which is not taken",
    "26": "it came before",
    "27": "security is not as agreed",
    "28": "a reference differs between beginning and end",
    "29": "a count is not what came",
    "30": "groups and messages are mixed",
    "32": "it holds nothing",
    "33": "something stands outside of any message",
    "34": "the indication of nesting is wrong",
    "35": "a segment or part is repeated too often",
    "36": "a group is repeated too often",
    "37": "a character is not allowed in this type",
    "38": "a digit is missing around the decimal mark",
    "39": "a value is too long",
    "40": "a value is too short",
    "45": "a separator stands at the end for nothing",
    "46": "the character set is not supported",
    "47": "packages and interactive messages are not supported",
}
# TA105 (I18).
INTERCHANGE: Mapping[str, str] = {
    "000": "no error",
    "001": "the control number differs between beginning and end",
    "002": "the standard is not supported",
    "003": "the version is not supported",
    "004": "the segment terminator is wrong",
    "005": "the sender's qualifier is wrong",
    "006": "the sender's id is wrong",
    "007": "the receiver's qualifier is wrong",
    "008": "the receiver's id is not known",
    "009": "the receiver is not known",
    "010": "the authorization qualifier is wrong",
    "011": "the authorization is wrong",
    "012": "the security qualifier is wrong",
    "013": "the security information is wrong",
    "014": "the date is wrong",
    "015": "the time is wrong",
    "016": "the standard's id is wrong",
    "017": "the version is wrong",
    "018": "the control number is wrong",
    "019": "the request for an acknowledgement is wrong",
    "020": "the test mark is wrong",
    "021": "the number of groups is wrong",
    "022": "the control structure is wrong",
    "023": "the file ended early",
    "024": "the content is not valid",
    "025": "this control number came before",
    "026": "the element separator is wrong",
    "027": "the component separator is wrong",
    "028": "the delivery date is wrong",
    "029": "the delivery time is wrong",
    "030": "the delivery time code is wrong",
    "031": "the grade of service is wrong",
}
# AK9 (716).
GROUP: Mapping[str, str] = {
    "1": "the kind of group is not supported",
    "2": "the version of the group is not supported",
    "3": "the end of the group is missing",
    "4": "the group's control number differs between beginning and end",
    "5": "the number of transaction sets is not what came",
    "6": "the group's control number is wrong",
    "19": "the group came before",
    "26": "the group holds what was not agreed",
}
# AK5 and IK5 (718, 618).
MESSAGE: Mapping[str, str] = {
    "1": "this kind of transaction set is not supported",
    "2": "the end of the transaction set is missing",
    "3": "the control number differs between beginning and end",
    "4": "the number of segments is not what came",
    "5": "segments are in error",
    "6": "the transaction set's id is missing or wrong",
    "7": "the control number is missing or wrong",
    "23": "the control number came before in this group",
    "24": "the group it stands in is wrong",
    "25": "the version is not supported",
    "I5": "its segments break the partner's guide",
    "I6": "it breaks the partner's guide",
}
# AK3 and IK3 (720, 620).
SEGMENT: Mapping[str, str] = {
    "1": "the segment is not known",
    "2": "the segment is not expected here",
    "3": "a required segment is missing",
    "4": "a loop is repeated too often",
    "5": "the segment is repeated too often",
    "6": "the segment is not in this transaction set",
    "7": "the segment is not in its place",
    "8": "elements of the segment are in error",
    "I4": "the partner does not use this segment",
    "I6": "a segment that depends on others is missing",
    "I7": "the loop is repeated less often than it must be",
    "I8": "the segment is repeated more often than the partner's guide allows",
    "I9": "the segment is missing by the partner's guide",
}
# AK4 and IK4 (723, 621).
ELEMENT: Mapping[str, str] = {
    "1": "a required value is missing",
    "2": "a value is missing that the others need",
    "3": "there are too many values",
    "4": "the value is too short",
    "5": "the value is too long",
    "6": "a character is not allowed",
    "7": "the code is not known",
    "8": "the date is wrong",
    "9": "the time is wrong",
    "10": "values exclude each other",
    "12": "the value is repeated too often",
    "13": "the value is repeated less often than it must be",
    "I6": "the partner does not use this code",
    "I9": "the value is missing by the partner's guide",
    "I10": "the partner does not use this value",
    "I11": "the value is shorter than the partner's guide allows",
    "I12": "the value is longer than the partner's guide allows",
    "I13": "the value breaks the partner's guide",
}


def words(table: Mapping[str, str], code: str) -> str:
    """Return a code in words; one that is not known is told as it is."""
    return table.get(code) or (f"the partner's code {code}" if code else "no reason is given")
