"""The sending side of `intake`: a shop's servers, lean enough not to be what is measured.

One process holds all connections open, writes requests made beforehand, and looks only at status and length of the
answers. At full rate each connection sends again when it is answered; at a given rate a request's latency counts from
the moment it was due, so that a slow answer cannot hide the requests that had to wait for it.
"""

from __future__ import annotations

import multiprocessing
import select
import socket
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import orjson

from benchmarks.common import rng
from connectors.sdk.registry import Registry
from connectors.sdk.webhook import sign
from connectors.shopify.simulated.catalog import invented
from connectors.shopify.simulated.orders import order_payload

TOPIC = "orders/create"
BODIES = 200
SHOP_DOMAIN = "bench.myshopify.com"
PLACE = "@event@"
ANSWER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Load:
    """What to send: as fast as answers come, or `rate` a second.

    Args:
        path: of the request; the connection's door, or whatever the echo takes.
        secret: signs the bodies.
        name: of this load, part of every event id.
        most: requests after which it ends, whatever time is left.
    """

    host: str
    port: int
    path: str
    secret: str
    name: str
    clients: int
    seconds: float
    rate: float | None = None
    most: int | None = None


@dataclass(slots=True)
class Sent:
    """What became of a load; `accepted` has the event id of each request that was answered with 2xx."""

    seconds: float
    cpu_seconds: float
    accepted: list[str] = field(default_factory=list)
    refused: int = 0
    unanswered: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Accepted requests a second."""
        return round(len(self.accepted) / self.seconds, 1) if self.seconds else 0.0


def send(load: Load) -> Sent:
    """Send a load from a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_send, load).result(load.seconds + 120)


def order_bodies(number: int, seed: int, first: int = 1) -> list[bytes]:
    """Return bodies of orders/create with order numbers from `first` on."""
    chance, products = rng(seed), invented(400)
    at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    return [
        orjson.dumps(order_payload(chance, products, number=first + index, at=at + timedelta(seconds=index)))
        for index in range(number)
    ]


def _requests(load: Load) -> list[tuple[bytes, bytes]]:
    """Return signed requests as head and body; the head is completed with `%` by the event's number."""
    manifest = Registry().manifest("shopify")
    assert manifest is not None
    assert manifest.webhook is not None
    made = []
    for body in order_bodies(load.most or BODIES, 1):
        headers = {
            "host": f"{load.host}:{load.port}",
            "user-agent": "Shopify-Captain-Hook",
            "accept": "*/*",
            "content-length": str(len(body)),
            "x-shopify-api-version": "2026-01",
            "x-shopify-shop-domain": SHOP_DOMAIN,
            **sign(manifest.webhook, load.secret, body, topic=TOPIC, identifier=PLACE, at=datetime.now(UTC)),
        }
        lines = [f"POST {load.path} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()], "", ""]
        head = "\r\n".join(lines).replace("%", "%%").replace(PLACE, f"{load.name}-%(number)d")
        made.append((head.encode(), body))
    return made


class _Wire:
    """One open connection with at most one request under way."""

    __slots__ = ("event", "got", "since", "socket")

    def __init__(self, load: Load) -> None:
        self.socket = socket.create_connection((load.host, load.port), timeout=ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.event = ""
        self.since = 0.0
        self.got = b""

    def answer(self) -> int | None:
        """Read what came and return the status once the answer is whole; 0 when the server hung up."""
        data = self.socket.recv(65_536)
        if not data:
            return 0
        self.got += data
        end = self.got.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.got[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self.got) < end + 4 + length:
            return None
        self.got = b""
        return int(head[9:12])


def _send(load: Load) -> Sent:
    requests = _requests(load)
    wires = {wire.socket.fileno(): wire for wire in (_Wire(load) for _ in range(load.clients))}
    poll = select.epoll()
    for number in wires:
        poll.register(number, select.EPOLLIN)
    idle = deque(wires.values())
    found = Sent(0.0, 0.0)
    cpu, began = time.process_time(), time.perf_counter()
    end, sent, last = began + load.seconds, 0, began
    under_way = 0
    while True:
        now = time.perf_counter()
        more = now < end and (load.most is None or sent < load.most)
        while more and idle and (load.rate is None or began + sent / load.rate <= now):
            wire = idle.popleft()
            wire.since = now if load.rate is None else began + sent / load.rate
            wire.event = f"{load.name}-{sent}"
            head, body = requests[sent % len(requests)]
            wire.socket.sendall(head % {b"number": sent} + body)
            sent += 1
            under_way += 1
            more = load.most is None or sent < load.most
        if not under_way and (not more or not wires):
            break
        wait = ANSWER_SECONDS
        if more and load.rate is not None:
            wait = max(0.0, began + sent / load.rate - time.perf_counter()) if idle else end - now
        ready = poll.poll(wait)
        if not ready and not more and time.perf_counter() > end + ANSWER_SECONDS:
            break
        for number, _ in ready:
            wire = wires[number]
            status = wire.answer()
            if status is None:
                continue
            last = time.perf_counter()
            under_way -= 1
            if status == 0:
                # The connection is gone; what was under way on it is not known to be stored.
                found.unanswered += 1
                poll.unregister(number)
                del wires[number]
                continue
            idle.append(wire)
            if 200 <= status < 300:
                found.accepted.append(wire.event)
                found.latencies.append(last - wire.since)
            else:
                found.refused += 1
    found.unanswered += under_way
    found.seconds = last - began
    found.cpu_seconds = time.process_time() - cpu
    for wire in wires.values():
        wire.socket.close()
    return found
