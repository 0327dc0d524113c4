"""What hints travel by: Redis, or RabbitMQ where the address is an amqp one."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import BrokerConnectionError, ConnectionClosed
from dramatiq.middleware import AgeLimit, CurrentMessage, Middleware, ShutdownNotifications
from redis.backoff import NoBackoff
from redis.retry import Retry

NAMESPACE = "{crossdock}"
# A hint older than this has been overtaken by newer ones.
HINT_AGE_MS = 60_000
# What is raised while the broker is away; nothing is lost by that.
AWAY = (redis.RedisError, BrokerConnectionError, OSError)


def is_amqp(url: str) -> bool:
    """Return whether hints travel by RabbitMQ at this address."""
    return urlsplit(url).scheme in ("amqp", "amqps")


def make_broker(url: str, seconds: float = 5.0) -> dramatiq.Broker:
    """Return the broker: short time-outs, few messages ahead; Redis: one hash slot, RabbitMQ: durable queues.

    Args:
        url: where hints travel: `redis`, `rediss`, `unix`, `amqp` or `amqps`.
        seconds: how long a broker that hangs may hold a caller up; a session that was cut is opened anew.

    Raises:
        ImportError: the address is an amqp one and the extra `rabbitmq` is not installed.
    """
    if is_amqp(url):
        return _rabbitmq(url, seconds)
    # A client of our own: the broker drops time-outs that come beside a URL.
    client = redis.Redis.from_url(
        url, socket_timeout=seconds, socket_connect_timeout=min(seconds, 1.0), retry=Retry(NoBackoff(), 1)
    )
    return _Hints(  # type: ignore[no-untyped-call]
        client=client, middleware=_middleware(), namespace=NAMESPACE, maintenance_chance=1000
    )


class _Hints(RedisBroker):
    """Redis without queues for what is due later: no hint is, and workers would ask each as often as a real queue."""

    def get_declared_delay_queues(self) -> set[str]:
        return set()


def waiting(broker: Any, queue: str) -> int:
    """Return how many hints wait in a queue.

    Raises:
        one of AWAY: the broker does not answer.
    """
    if isinstance(broker, RedisBroker):
        return int(broker.client.llen(f"{broker.namespace}:{queue}"))
    from pika.exceptions import AMQPError

    # A session nobody used for a while has been closed by the server: the second one is new.
    for last in (False, True):
        try:
            broker.declare_queue(queue, ensure=True)
            return int(broker.channel.queue_declare(queue, passive=True).method.message_count)
        except AMQPError as error:
            del broker.connection
            broker.queues_pending.add(queue)
            if last:
                raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
    raise AssertionError("unreachable")


def _middleware() -> list[Middleware]:
    return [AgeLimit(max_age=HINT_AGE_MS), ShutdownNotifications(), CurrentMessage()]


def _rabbitmq(url: str, seconds: float) -> dramatiq.Broker:
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    # Each lost session would be told of in ten lines; whoever needs the broker says it in one.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    broker = RabbitmqBroker(url=url, middleware=_middleware())
    parameters: Any = broker.parameters
    parameters.connection_attempts = 1
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = seconds
    return broker
