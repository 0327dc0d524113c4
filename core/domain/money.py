"""Money: Decimal amounts, rounded only at the currency's minor unit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from core.errors import InputError

# ISO 4217 active codes by number of minor digits; everything not named here has two.
NO_MINOR = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
THREE_MINOR = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
TWO_MINOR = frozenset(
    (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
        "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS "
        "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR "
        "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
        "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG"
    ).split()
)
CURRENCIES = NO_MINOR | THREE_MINOR | TWO_MINOR
CENT = Decimal("0.01")


def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount of a currency, such as 0.01 for EUR.

    Raises:
        InputError: the code is not an active ISO 4217 code.
    """
    if currency in TWO_MINOR:
        return CENT
    if currency in NO_MINOR:
        return Decimal(1)
    if currency in THREE_MINOR:
        return Decimal("0.001")
    raise InputError(f"{currency!r} is no ISO 4217 currency code.", code="MONEY-CURRENCY-422")


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Return the amount rounded half up to the currency's minor unit."""
    return amount.quantize(minor_unit(currency), rounding=ROUND_HALF_UP)


def plain(value: Decimal) -> str:
    """Return a quantity without exponent or trailing zeros: `2`, `0.5`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
