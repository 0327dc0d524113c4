"""Webhooks of a simulated partner: signed, sent in the background, repeated until they are taken."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import requests

from connectors.sdk.http import NoAuth
from connectors.sdk.simulation.books import Books
from connectors.sdk.simulation.faults import Dice, Faults

SENDERS = 4
ATTEMPTS = 60
LONGEST_WAIT = 5.0
TIMEOUT = (2.0, 15.0)

# (topic, body, delivery id, event id) -> headers
Signer = Callable[[str, bytes, str, str], Mapping[str, str]]


@dataclass(slots=True)
class Outgoing:
    """One delivery of one event; deliveries of one lane keep their order unless a fault shuffles them."""

    topic: str
    body: bytes
    event: str
    delivery: str
    lane: str
    attempts: int = 0


@dataclass(order=True, slots=True)
class Due:
    """A delivery and when it is due on the monotonic clock."""

    at: float
    number: int
    outgoing: Outgoing = field(compare=False)


class WebhookSender:
    """Sends webhooks from background threads.

    Args:
        url: where they go; None only counts them.
        sign: makes the headers, anew for every attempt, as real senders do.
        dice: chance.
        faults: asks for the faults of the moment.
        books: keep what is not taken yet.
    """

    def __init__(self, url: str | None, sign: Signer, dice: Dice, faults: Callable[[], Faults], books: Books) -> None:
        self.url = url
        self.counts: Counter[str] = Counter()
        self.topics: Counter[str] = Counter()
        self._sign, self._dice, self._faults, self._books = sign, dice, faults, books
        self._numbers = itertools.count(1)
        self._queues: list[list[Due]] = [[] for _ in range(SENDERS)]
        self._wake = threading.Condition()
        self._busy = 0
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._run, args=(queue,), daemon=True, name="simulated-webhooks")
            for queue in self._queues
        ]
        for delivery, kept in books.read("webhook"):
            wait = max(kept["due"] - time.time(), 0.0)
            outgoing = Outgoing(kept["topic"], kept["body"].encode("latin-1"), kept["event"], delivery, kept["lane"])
            self._push(Due(time.monotonic() + wait, next(self._numbers), outgoing))

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End without sending what is left."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=TIMEOUT[1] + 1)

    def emit(self, topic: str, body: bytes, *, event: str, lane: str, after: float = 0.0) -> None:
        """Queue an event, with the faults of the moment.

        Args:
            event: identifies the fact; a duplicate has the same one.
            lane: events of one lane are sent one after the other.
            after: seconds to wait.
        """
        faults = self._faults()
        if self._dice.hits(faults.reorder):
            after += self._dice.between(0.0, faults.reorder_seconds)
            self._count("reordered")
        if self._dice.hits(faults.late):
            after += faults.late_seconds
            self._count("late")
        copies = 1
        # JSON holds no bytes; this spelling holds any of them.
        kept = {
            "topic": topic,
            "body": body.decode("latin-1"),
            "event": event,
            "lane": lane,
            "due": time.time() + after,
        }
        if self._dice.hits(faults.duplicate):
            copies = 2
            self._count("duplicated")
        for copy in range(copies):
            self._books.put("webhook", f"{event}-{copy + 1}", kept)
        with self._wake:
            self.topics[topic] += 1
            for copy in range(copies):
                number = next(self._numbers)
                outgoing = Outgoing(topic, body, event, f"{event}-{copy + 1}", lane)
                self._push(Due(time.monotonic() + after, number, outgoing))
            self._wake.notify_all()

    @property
    def waiting(self) -> int:
        """How many deliveries are not taken yet."""
        with self._wake:
            return sum(map(len, self._queues)) + self._busy

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is left to send; return whether that came to be."""
        limit = time.monotonic() + seconds
        with self._wake:
            while any(self._queues) or self._busy:
                left = limit - time.monotonic()
                if left <= 0:
                    return False
                self._wake.wait(left)
        return True

    def _count(self, name: str) -> None:
        with self._wake:
            self.counts[name] += 1

    def _push(self, due: Due) -> None:
        heapq.heappush(self._queues[hash(due.outgoing.lane) % SENDERS], due)

    def _run(self, queue: list[Due]) -> None:
        """Send what is due in one queue."""
        session = requests.Session()
        session.trust_env = False
        session.auth = NoAuth()
        while True:
            with self._wake:
                while not self._stopped and (not queue or queue[0].at > time.monotonic()):
                    self._wake.wait(queue[0].at - time.monotonic() if queue else None)
                if self._stopped:
                    session.close()
                    return
                due = heapq.heappop(queue)
                self._busy += 1
            taken = self._send(session, due.outgoing)
            with self._wake:
                self._busy -= 1
                final = self._settle_one(due, taken)
                self._wake.notify_all()
            if final:
                self._books.drop("webhook", due.outgoing.delivery)

    def _settle_one(self, due: Due, status: int) -> bool:
        """Count a delivery that was taken, queue one again that was not; return whether it is done with."""
        if 200 <= status < 300:
            self.counts["taken"] += 1
            return True
        due.outgoing.attempts += 1
        self.counts[f"answer_{status}"] += 1
        if due.outgoing.attempts >= ATTEMPTS or (400 <= status < 500 and status not in {408, 429}):
            self.counts["given_up"] += 1
            return True
        wait = min(0.2 * 1.5**due.outgoing.attempts, LONGEST_WAIT)
        self._push(Due(time.monotonic() + wait, next(self._numbers), due.outgoing))
        return False

    def _send(self, session: requests.Session, outgoing: Outgoing) -> int:
        """Send one delivery; return the status of the answer, 0 when there was none."""
        if self.url is None:
            return 204
        headers = self._sign(outgoing.topic, outgoing.body, outgoing.delivery, outgoing.event)
        try:
            with session.post(
                self.url, data=outgoing.body, headers=dict(headers), timeout=TIMEOUT, allow_redirects=False
            ) as response:
                return response.status_code
        except requests.RequestException:
            return 0
