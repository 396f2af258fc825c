"""What Adyen takes: currencies, and how it counts them where that is not ISO 4217's way.

Source: Adyen, "Currency codes and minor units".
"""

from decimal import Decimal

from sandbox.adyen.error import invalid, malformed
from sandbox.record import Json

_ZERO = "CVE DJF GNF IDR JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_TWO = """
AED ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CHF CLP CNY COP
CRC CUP CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF ILS INR ISK JMD
KES KGS KHR KYD KZT LAK LBP LKR MAD MDL MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD STN SVC SZL THB TOP TRY
TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW
"""
ZERO_DECIMAL = frozenset(_ZERO.split())
THREE_DECIMAL = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
TWO_DECIMAL = frozenset(_TWO.split())
KNOWN = ZERO_DECIMAL | THREE_DECIMAL | TWO_DECIMAL
LARGEST = 10**12


def checked(amount: Json) -> tuple[int, str]:
    """Return value and currency of an amount, or raise."""
    value, currency = amount["value"], amount["currency"]
    if currency not in KNOWN:
        raise invalid("138", "Unsupported currency specified")
    if not 0 < value < LARGEST:
        raise invalid("137", "Invalid amount specified")
    return value, currency


def is_amount(value: object) -> bool:
    """Return whether this is an amount's shape; raises for a currency that is none."""
    if not isinstance(value, dict) or set(value) != {"value", "currency"}:
        return False
    if not isinstance(value["currency"], str) or len(value["currency"]) != 3:
        raise malformed("Field 'currency' is not valid.")
    return isinstance(value["value"], int) and not isinstance(value["value"], bool)


def places(currency: str) -> int:
    """Return how many decimals a currency is counted with."""
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def major(amount: int, currency: str) -> str:
    """Return an amount in major units, as reports write it: `-12.50`."""
    return str(Decimal(amount).scaleb(-places(currency)))


def shown(amount: int, currency: str) -> str:
    """Return an amount for people, such as `12.50 EUR`."""
    return f"{Decimal(amount).scaleb(-places(currency)):,} {currency}"
