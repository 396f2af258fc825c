"""What Stripe takes: currencies, how it counts them, smallest and largest charges."""

from sandbox.stripe.error import invalid

ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
LAST_DIGIT_ZERO = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])  # three decimals, but only two are charged
WHOLE_HUNDREDS = frozenset(["isk", "ugx"])  # no decimals, but still sent times one hundred
_TWO_DECIMAL = """
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf
cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils
inr jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad
ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std
szl thb tjs top try ttd twd tzs uah usd uyu uzs wst xcd xcg yer zar zmw
"""
TWO_DECIMAL = frozenset(_TWO_DECIMAL.split())
KNOWN = ZERO_DECIMAL | LAST_DIGIT_ZERO | WHOLE_HUNDREDS | TWO_DECIMAL
LARGEST = 99_999_999
SMALLEST = {
    "usd": 50,
    "eur": 50,
    "gbp": 30,
    "jpy": 50,
    "aud": 50,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "czk": 1500,
    "dkk": 250,
    "hkd": 400,
    "huf": 17500,
    "inr": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "nzd": 50,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "sgd": 50,
    "thb": 1000,
    "aed": 200,
    "bgn": 100,
}


def check_currency(text: str, param: str = "currency") -> str:
    """Return the currency in Stripe's spelling, or raise."""
    currency = text.lower()
    if currency not in KNOWN:
        raise invalid(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: "
            + ", ".join(sorted(KNOWN)),
            param,
        )
    return currency


def check_amount(amount: int, currency: str, param: str = "amount") -> int:
    """Return a charge's amount as Stripe counts it, or raise."""
    if amount < 1:
        raise invalid("This value must be greater than or equal to 1.", param, "parameter_invalid_integer")
    if amount > LARGEST:
        raise invalid(f"Amount must be no more than {LARGEST} {currency}", param, "amount_too_large")
    if amount < SMALLEST.get(currency, 1):
        raise invalid(f"Amount must be at least {SMALLEST[currency]} {currency}", param, "amount_too_small")
    step = 10 if currency in LAST_DIGIT_ZERO else 100 if currency in WHOLE_HUNDREDS else 1
    if amount % step:
        raise invalid(
            f"Amounts in {currency} must be divisible by {step}", param, "parameter_invalid_integer"
        )
    return amount


def shown(amount: int, currency: str) -> str:
    """Return an amount for people, such as `12.50 EUR`."""
    if currency in ZERO_DECIMAL:
        return f"{amount:,} {currency.upper()}"
    if currency in LAST_DIGIT_ZERO:
        return f"{amount // 1000:,}.{amount % 1000:03d} {currency.upper()}"
    return f"{amount // 100:,}.{amount % 100:02d} {currency.upper()}"
