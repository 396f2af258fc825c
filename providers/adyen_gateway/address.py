"""Where Adyen's other services are, beside the Checkout API of an account: each has a host of its own."""

from urllib.parse import urlsplit

DISPUTES, REPORTS = "ca/services/DisputeService/v30", "reports/download/MerchantAccount"
TRANSFERS = "btl/v4"
HOSTS = {
    **dict.fromkeys((DISPUTES, REPORTS), "ca-{mode}.adyen.com"),
    TRANSFERS: "balanceplatform-api-{mode}.adyen.com",
}
_ADYEN = (".adyen.com", ".adyenpayments.com")


def beside(checkout: str, path: str) -> str:
    """Give the address of a service of the same mode; of one who only plays Adyen, below the same address."""
    host = urlsplit(checkout).hostname or ""
    if not host.endswith(_ADYEN):
        return f"{checkout.removesuffix('/checkout')}/{path}"
    mode = "live" if "-live" in host else "test"
    return f"https://{HOSTS[path].format(mode=mode)}/{path}"
