"""64 MB held back, so that a full disk can be given room: PostgreSQL needs 16 MB of it to start again."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

BALLAST_BYTES = 64 * 2**20
FULL_BYTES = 24 * 2**20
"""Less free space than this counts as full: one WAL segment and a little."""
ROOMY_BYTES = 4 * BALLAST_BYTES


class Ballast:
    """A file of real blocks that is removed when the disk is full and laid again when there is room."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self.given = False
        """Whether the disk was full and has not been roomy since."""

    def lay(self) -> None:
        """Reserve the space, where there is plenty."""
        if self._path.exists() or self._free() < ROOMY_BYTES:
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
        finally:
            os.close(descriptor)

    def watch(self) -> bool:
        """Give or take back the space as the disk demands; whether anything changed."""
        free = self._free()
        if not self.given and free < FULL_BYTES:
            self._path.unlink(missing_ok=True)
            self.given = True
            self._say(
                f"The disk of {self._path.parent} is full ({free // 2**20} MB free). The hub gave back the 64 MB it "
                f"held for this, so that the database can go on; make room soon, or new orders will be refused."
            )
            return True
        if self.given and free >= ROOMY_BYTES:
            self.given = False
            self.lay()
            self._say(f"The disk of {self._path.parent} has room again ({free // 2**20} MB free).")
            return True
        return False

    def _free(self) -> int:
        return shutil.disk_usage(self._path.parent).free
