"""Combining: many callers of one process share one transaction; who comes during a commit goes into the next one.

A caller that finds nobody working takes all that wait, so an idle hub adds no delay and a busy one needs a fraction of
the commits. When it is done it hands the work to the first of those who came meanwhile. Its own go on one after the
other, each waking the next as it wakes: all at once they would only wait for the interpreter's lock, at a third more of
its time, and nobody whose answer is there waits behind the next commit.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice, zip_longest
from typing import Generic, TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoSession

from core.errors import Unavailable
from core.store.engine import met_another

TRIES = 3
Request = TypeVar("Request")
Answer = TypeVar("Answer")


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


@dataclass(slots=True)
class _Caller(Generic[Request, Answer]):
    requests: Sequence[Request]
    # Held until the requests are done or it is this caller's turn to do the work. An event would do, at twice the cost.
    asleep: threading.Lock = field(default_factory=_held)
    done: bool = False
    # Of each request its answer or what went wrong; empty when the work was cut short.
    outcomes: list[Answer | _Failed] = field(default_factory=list)
    # Whom to wake next of those whose answers came with this one's.
    after: _Caller[Request, Answer] | None = None

    def wake(self) -> None:
        """Let the caller go on; waking it twice does no harm, as it sleeps only once."""
        if self.asleep.locked():
            self.asleep.release()


class Combiner(Generic[Request, Answer]):
    """Turns single calls into batches.

    Args:
        work: does a batch in one transaction and returns an answer per request; does nothing when it raises.
        what: what is being done, for the error: "The message could not be stored."
        code: the error's code.
        fix: what a caller should do whose request could not be done, or whose answer was lost.
        most: requests per batch; those of one caller stay together.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Request]], Sequence[Answer]],
        what: str,
        code: str,
        *,
        fix: str = "Try again.",
        most: int = 200,
    ) -> None:
        self._work = work
        self._what = what
        self._code = code
        self._fix = fix
        self._most = most
        self._gate = threading.Lock()
        self._busy = False
        self._waiting: list[_Caller[Request, Answer]] = []

    def call(self, request: Request) -> Answer:
        """Have one request done and return its answer.

        Raises:
            Unavailable: the database could not do it, or did it and its answer was lost.
        """
        [answer] = self.call_all((request,))
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def call_all(self, requests: Sequence[Request]) -> list[Answer | Unavailable]:
        """Have several requests done and return for each its answer, or why it has none.

        They are done one after the other and in one transaction, unless one of them cannot be: that one costs only
        itself.

        Args:
            requests: how many is the caller's to bound, as a transaction takes all of one caller.
        """
        mine: _Caller[Request, Answer] = _Caller(requests)
        with self._gate:
            self._waiting.append(mine)
            works, self._busy = not self._busy, True
        if not works:
            mine.asleep.acquire()
        try:
            if not mine.done:
                self._lead()
        finally:
            if mine.after is not None:
                mine.after.wake()
        if len(mine.outcomes) != len(requests):
            return [self._told() for _ in requests]
        return [self._told(each.error) if isinstance(each, _Failed) else each for each in mine.outcomes]

    def _told(self, error: Exception | None = None) -> Unavailable:
        found = Unavailable(self._what, why=type(error).__name__ if error else None, fix=self._fix, code=self._code)
        found.__cause__ = error
        return found

    def _lead(self) -> None:
        """Do what waits, this caller's requests first, then hand over."""
        with self._gate:
            batch = self._cut()
        try:
            self._commit(batch)
        finally:
            with self._gate:
                self._busy = bool(self._waiting)
                heir = self._waiting[0] if self._waiting else None
            # First, so that its work goes on in the database while the callers of this batch take their answers.
            if heir is not None:
                heir.wake()
            # Also of what an interrupt cut short: nobody waits for ever.
            for each, after in zip_longest(batch, batch[1:]):
                each.after, each.done = after, True

    def _cut(self) -> list[_Caller[Request, Answer]]:
        """Take the callers of the next batch off the queue: the first, and those whose requests fit in with its."""
        sizes = accumulate(len(each.requests) for each in self._waiting)
        fitting = max(1, bisect_right(list(sizes), self._most))
        batch, self._waiting = self._waiting[:fitting], self._waiting[fitting:]
        return batch

    def _commit(self, batch: Sequence[_Caller[Request, Answer]]) -> None:
        outcomes = iter(self._done([request for each in batch for request in each.requests]))
        for each in batch:
            each.outcomes.extend(islice(outcomes, len(each.requests)))

    def _done(self, requests: Sequence[Request]) -> Sequence[Answer | _Failed]:
        """Do requests and return of each its answer or what went wrong."""
        try:
            return self._repeat(requests)
        except Exception as error:  # noqa: BLE001 - every waiting caller must hear of it
            if len(requests) > 1 and not isinstance(error, OperationalError | NoSession):
                # One request the database cannot take must not cost its neighbors theirs.
                return [outcome for each in requests for outcome in self._done([each])]
            return [_Failed(error)] * len(requests)

    def _repeat(self, requests: Sequence[Request]) -> Sequence[Answer]:
        """Do the work, again when it was undone only because it met another transaction."""
        for left in reversed(range(TRIES)):
            try:
                return self._work(requests)
            except OperationalError as error:
                if not (left and met_another(error)):
                    raise
        raise AssertionError("the last try raises or returns")
