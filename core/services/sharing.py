"""Reading much with several processes: each opens its own session and works off its share of the parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

from sqlalchemy import Engine

from core.store.engine import open_engine

Part = TypeVar("Part")
Found = TypeVar("Found")
# Starting a process costs about a second: fewer parts than this are worked off in this one.
WORTH_IT = 8


def shared_out(
    engine: Engine, work: Callable[..., Found], parts: Sequence[Part], *given: Any, processes: int = 1
) -> list[Found]:
    """Return what `work(conn, share, *given)` finds in each share, in the order of the parts.

    Args:
        engine: of the database to read.
        work: a function of a module, so that another process can find it; it must only read.
        parts: what is shared out, in contiguous pieces.
        given: what every share needs besides, fit to be sent to a process.
        processes: how many at most.
    """
    if processes <= 1 or len(parts) < WORTH_IT:
        with engine.connect() as conn:
            return [work(conn, parts, *given)]
    size = -(-len(parts) // processes)
    shares = [parts[at : at + size] for at in range(0, len(parts), size)]
    url = engine.url.render_as_string(hide_password=False)
    # Spawned, not forked: a fork would share the sessions of this process.
    with ProcessPoolExecutor(len(shares), mp_context=get_context("spawn")) as pool:
        return list(pool.map(_work_off, *zip(*[(url, work, share, given) for share in shares], strict=True)))


def _work_off(url: str, work: Callable[..., Found], share: Sequence[Part], given: tuple[Any, ...]) -> Found:
    engine = open_engine(url, pool_size=1)
    try:
        with engine.connect() as conn:
            return work(conn, share, *given)
    finally:
        engine.dispose()
