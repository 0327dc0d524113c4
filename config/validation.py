"""The schema of the settings: types, bounds and what may be combined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from config import settings as model
from config.errors import SettingsError
from config.names import nearest
from config.sources import Gathered, leaves

HOST = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - read here, bound by whoever configured it
UNKNOWN = "Unknown field."


def url(*schemes: str) -> fields.String:
    """Return a field for a server's URL; its message never repeats the URL, which may hold a password."""
    pattern = f"({'|'.join(schemes).replace('+', '[+]')})://"
    names = ", ".join(f"{name}://" for name in schemes)
    return fields.String(validate=validate.Regexp(pattern, error=f"must start with one of {names}"))


def whole(least: int, most: int) -> fields.Integer:
    """Return a field for a whole number within bounds."""
    return fields.Integer(strict=True, validate=validate.Range(least, most))


def seconds(least: float, most: float) -> fields.Float:
    """Return a field for a duration in seconds within bounds."""
    return fields.Float(validate=validate.Range(least, most))


class Strict(Schema):
    """A section: unknown names are refused, and what is missing takes the default of its dataclass."""

    makes: type[Any]

    class Meta:
        unknown = RAISE

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Any:
        """Return the section as its frozen dataclass."""
        return self.makes(**data)


class WebSchema(Strict):
    """`[web]`"""

    makes = model.Web
    processes = whole(1, 64)
    threads = whole(1, 256)


class LimitsSchema(Strict):
    """`[limits]`"""

    makes = model.Limits
    max_body_bytes = whole(1024, 512 * model.MEBIBYTE)
    max_exchange_bytes = whole(1024, 1024 * model.MEBIBYTE)


class LeasesSchema(Strict):
    """`[leases]`"""

    makes = model.Leases
    intake_seconds = seconds(0.5, 3600)
    delivery_seconds = seconds(0.5, 3600)


class BatchesSchema(Strict):
    """`[batches]`"""

    makes = model.Batches
    intake = whole(1, 1000)


class RetrySchema(Strict):
    """`[retry]`"""

    makes = model.Retry
    schedule_seconds = fields.List(seconds(0, 30 * 86400), validate=validate.Length(1, 30))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> model.Retry:
        """Return the schedule as a tuple, which nobody can change."""
        return model.Retry(**{name: tuple(values) for name, values in data.items()})


class RelaySchema(Strict):
    """`[relay]`"""

    makes = model.Relay
    sweep_seconds = seconds(0.01, 60)
    watchdog_seconds = seconds(0.1, 3600)


class OrdersSchema(Strict):
    """`[orders]`"""

    makes = model.Orders
    double_hours = seconds(0, 720)
    most_units = whole(0, 10**12)


class PromisingSchema(Strict):
    """`[promising]`"""

    makes = model.Promising
    level = fields.Float(validate=validate.OneOf([0.5, 0.8, 0.9, 0.95]))
    stock_hours = seconds(0.1, 87_600)
    model_hours = seconds(0.1, 87_600)
    offer_minutes = seconds(1, 10_080)
    risk = fields.Float(validate=validate.Range(0.01, 0.99))
    fall_back = fields.Boolean()


class WavesSchema(Strict):
    """`[waves]`"""

    makes = model.Waves
    every_minutes = seconds(0, 1_440)
    search_seconds = seconds(0.1, 30)
    orders = whole(1, 1_000)


class PoolsSchema(Strict):
    """`[pools]`"""

    makes = model.Pools
    size = whole(1, 200)
    overflow = whole(0, 200)
    timeout_seconds = seconds(0.1, 60)


class SchemasSchema(Strict):
    """`[schemas]`"""

    makes = model.Schemas
    ubl = fields.String(validate=validate.Length(1))
    cxml = fields.String(validate=validate.Length(1))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> model.Schemas:
        """Return the folders as paths."""
        return model.Schemas(**{name: Path(folder).expanduser().absolute() for name, folder in data.items()})


class SftpSchema(Strict):
    """`[sftp]`"""

    makes = model.Sftp
    host = fields.String(validate=validate.Length(1))
    port = whole(0, 65535)


class LogSchema(Strict):
    """`[log]`"""

    makes = model.Log
    level = fields.String(validate=validate.OneOf(("debug", "info", "warning", "error")))
    format = fields.String(validate=validate.OneOf(("auto", "json", "console")))


class SettingsSchema(Strict):
    """The whole file."""

    makes = model.Settings
    company = fields.String(validate=validate.Length(1, 100))
    data_dir = fields.String(validate=validate.Length(1))
    database_url = url("postgresql", "postgresql+psycopg", "postgres")
    redis_url = url("redis", "rediss", "unix")
    broker_url = url("redis", "rediss", "unix", "amqp", "amqps")
    secret_key = fields.String(validate=validate.Length(32, error="must have at least 32 characters"))
    base_url = fields.Url(schemes={"http", "https"}, require_tld=False)
    host = fields.String(validate=validate.Length(1))
    port = whole(1, 65535)
    workers = whole(1, 64)
    worker_threads = whole(1, 64)
    private_hosts = fields.List(
        fields.String(
            validate=validate.Regexp(
                rf"({HOST})(:[0-9]{{1,5}})?\Z", error="must be a host name or address, with :port at most"
            )
        )
    )
    web = fields.Nested(WebSchema)
    limits = fields.Nested(LimitsSchema)
    leases = fields.Nested(LeasesSchema)
    batches = fields.Nested(BatchesSchema)
    retry = fields.Nested(RetrySchema)
    relay = fields.Nested(RelaySchema)
    orders = fields.Nested(OrdersSchema)
    promising = fields.Nested(PromisingSchema)
    waves = fields.Nested(WavesSchema)
    pools = fields.Nested(PoolsSchema)
    schemas = fields.Nested(SchemasSchema)
    sftp = fields.Nested(SftpSchema)
    log = fields.Nested(LogSchema)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> model.Settings:
        """Return the settings, with what follows from others filled in."""
        plain = model.Settings()
        host, port = data.get("host", plain.host), data.get("port", plain.port)
        data["data_dir"] = Path(data.get("data_dir", plain.data_dir)).expanduser().absolute()
        data["base_url"] = data.get("base_url", f"http://{_reachable(host)}:{port}").rstrip("/")
        data["private_hosts"] = tuple(name.lower() for name in data.get("private_hosts", ()))
        return model.Settings(**data)


def _reachable(host: str) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return ANY_ADDRESS.get(host, bracketed)


def validated(found: Gathered) -> model.Settings:
    """Return the settings the gathered values make.

    Raises:
        SettingsError: with one problem for each value refused.
    """
    try:
        settings: model.Settings = SettingsSchema().load(found.tree)
    except ValidationError as error:
        mistakes = list(_flat(error.messages, ""))
        known = {*leaves(), *(path.rpartition(".")[0] for path in leaves())} - {""}
        lines = [_line(path, reason, found.where(path), known) for path, reason in mistakes]
        only_unknown = all(reason == UNKNOWN for _, reason in mistakes)
        raise SettingsError("CONFIG-KEY-400" if only_unknown else "CONFIG-VALUE-422", *lines) from error
    return settings


def _line(path: str, reason: str, origin: str, known: set[str]) -> str:
    if reason == UNKNOWN:
        return f"{origin}: unknown setting '{path}'{nearest(path, known)}"
    return f"{origin}: '{path}' is refused: {reason[0].lower()}{reason[1:].rstrip('.')}"


def _flat(messages: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            if name == "_schema":
                yield from _flat(inner, path)
            elif isinstance(name, int):
                yield from _flat(inner, f"{path}[{name}]")
            else:
                yield from _flat(inner, f"{path}.{name}" if path else name)
    else:
        for message in messages:
            yield path, message
