"""What is wrong with the settings, in one line that says where, why and what to do."""

from __future__ import annotations


class SettingsError(Exception):
    """The process cannot start with these settings.

    Args:
        code: stable code of the form AREA-WORD-NNN.
        problems: one sentence for each mistake, each naming the place it was found at.
    """

    def __init__(self, code: str, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.code = code
        self.problems = problems
