"""Which files in the inbox are complete: two equal listings some seconds apart, or a `.done` file beside them.

The listings are kept in a file, so that it does not matter which worker sees the second one.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISREG

import orjson

UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~")
DONE = ".done"
LISTING = ".listing.json"
Seen = dict[str, list[int | float]]


def is_candidate(name: str) -> bool:
    """Tell whether a name is that of a finished upload; hidden and temporary names never are."""
    lower = name.lower()
    return not name.startswith((".", "~")) and not lower.endswith((*UNFINISHED, DONE, ".errors.csv"))


def companion(inbox: Path, name: str) -> Path | None:
    """Return the `.done` file of a file: `orders.csv.done` or `orders.done`."""
    stem = name.rpartition(".")[0] or name
    # os.path, because a name can be too long for a sign beside it, which is no error.
    return next((path for path in (inbox / (name + DONE), inbox / (stem + DONE)) if os.path.exists(path)), None)


def ready(
    inbox: Path,
    state: Path,
    *,
    settle_seconds: float,
    done_only: bool = False,
    now: Callable[[], float] = time.time,
) -> Iterator[Path]:
    """Yield the complete files of the inbox, oldest first; only regular files, no links, no folders.

    Args:
        inbox: the folder listed.
        state: folder in which the last listing is kept.
        settle_seconds: how long size and time of change must have stayed the same.
        done_only: take nothing without its `.done` file.
        now: the clock, in Unix seconds.
    """
    earlier, moment = _earlier(state), now()
    listing: Seen = {}
    found: list[tuple[int, str]] = []
    for entry in os.scandir(inbox):
        if not is_candidate(entry.name):
            continue
        try:
            stat = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            # Somebody else has claimed it since.
            continue
        if not S_ISREG(stat.st_mode):
            continue
        print_ = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        key = entry.name.encode("utf-8", "backslashreplace").decode()
        before = earlier.get(key)
        since = before[3] if before is not None and before[:3] == print_ else moment
        listing[key] = [*print_, since]
        settled = moment - since >= settle_seconds and before is not None
        if companion(inbox, entry.name) is not None or (settled and not done_only):
            found.append((stat.st_mtime_ns, entry.name))
    _keep(state, listing)
    for _, name in sorted(found):
        yield inbox / name


def _earlier(state: Path) -> Seen:
    try:
        found = orjson.loads((state / LISTING).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _keep(state: Path, listing: Seen) -> None:
    """Keep a listing; of two workers listing at once the later one's stays, which only makes files wait longer."""
    fresh = state / f"{LISTING}.{secrets.token_hex(4)}.tmp"
    fresh.write_bytes(orjson.dumps(listing))
    os.replace(fresh, state / LISTING)
