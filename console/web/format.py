"""How figures, money and times are written on pages; the browser turns times into the reader's own zone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from flask import Flask
from markupsafe import Markup

from core.domain.money import minor_unit

SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"}
MINUS = "\u2212"


def number(value: int | float | Decimal, digits: int = 0) -> str:
    """Return a figure with thousands separated and a true minus sign."""
    return f"{value:,.{digits}f}".replace("-", MINUS)


def quantity(value: Decimal | str) -> str:
    """Return a quantity, or its text as the API has it, with thousands separated and no idle zeros."""
    text = f"{Decimal(value):,f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", MINUS)


def money(value: Decimal | str | None, currency: str | None) -> str:
    """Return an amount, or its text as the API has it, with its currency; at the currency's own number of digits."""
    if value is None or currency is None:
        return "–"
    value = Decimal(value)
    digits = -int(minor_unit(currency).as_tuple().exponent)
    sign = MINUS if value < 0 else ""
    body = f"{abs(value):,.{digits}f}"
    return f"{sign}{SYMBOLS[currency]}{body}" if currency in SYMBOLS else f"{sign}{body} {currency}"


def cost(value: str | Decimal) -> str:
    """Return a cost of routing, in the currency of its rates, with two digits and more where they are not zero."""
    amount = Decimal(value)
    digits = max(2, -int(amount.normalize().as_tuple().exponent))
    return number(amount, min(digits, 4))


def score(value: float, measure: str) -> str:
    """Return a score as people read it: days and hours as times, the rest as parts of a hundred."""
    if measure in ("days", "hours"):
        return duration(value * (86_400 if measure == "days" else 3_600))
    return f"{value * 100:.1f} %"


def duration(seconds: float | None) -> str:
    """Return a span of time in the two units that matter: `1.8 s`, `2 m 14 s`, `1 h 12 m`, `3 d`."""
    if seconds is None:
        return "–"
    if seconds < 0:
        return MINUS + duration(-seconds)
    if seconds < 0.001:
        return "<1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s" if minutes < 10 and rest else f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} m"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days < 3 and hours else f"{days} d"


def bytes_(count: int) -> str:
    """Return a size in bytes as people read it."""
    return (
        f"{count} B" if count < 1_000 else f"{count / 1_000:.1f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"
    )


def when(value: datetime | str | None, style: str = "short") -> Markup:
    """Return a time element: UTC for machines and tests, rewritten by the browser into the reader's zone.

    Args:
        value: an aware time, or its text as the API has it.
        style: `short` (time, with the day when it is not today; the day alone in another year), `time` (seconds too)
            or `full`.
    """
    if value is None:
        return Markup("–")
    at = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    short = "%d %b %H:%M" if at.year == datetime.now(UTC).year else "%d %b %Y"
    text = {"short": short, "time": "%H:%M:%S", "full": "%d %b %Y %H:%M:%S"}[style]
    return Markup('<time datetime="{}" data-cd-time="{}">{}</time>').format(
        at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), style, at.strftime(text)
    )


def left(due: datetime, now: datetime) -> Markup:
    """Return how long it is until an aware moment, `2 d left` or `5 h 10 m over`, with the moment for machines."""
    seconds = (due - now).total_seconds()
    at = due.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    words_ = f"{duration(abs(seconds))} {'left' if seconds >= 0 else 'over'}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at, at, words_)


def words(code: str) -> str:
    """Return a code word as people write it: `partly_shipped` becomes `Partly shipped`."""
    return sentence(code.replace("_", " ").replace(".", " "))


def sentence(text: str) -> str:
    """Return a sentence with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def initials(name: str) -> str:
    """Return up to two initials of a person's name or address."""
    parts = "".join(sign if sign.isalnum() else " " for sign in name).split()
    return "".join(part[0] for part in parts[:2]).upper() or "?"


def short_id(public: str) -> str:
    """Return a public identifier cut to its prefix and its last eight digits, which differ between neighbors."""
    prefix, _, digits = public.partition("_")
    return f"{prefix}_…{digits[-8:]}"


def install(app: Flask) -> None:
    """Add the filters to the templates."""
    for filter_ in (
        number, quantity, money, cost, score, duration, bytes_, when, left, words, sentence, initials, short_id,
    ):  # fmt: skip
        app.jinja_env.filters[f"cd_{filter_.__name__.rstrip('_')}"] = filter_
