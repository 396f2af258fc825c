"""An account at the sandbox's PayPal, as a merchant sets it up: a webhook, and whom to trust for it."""

import tempfile
from pathlib import Path

from domain.money import Money
from providers.paypal_gateway.amount import to_paypal
from tests.support.sandbox import Account

SECRET = "a secret for tests and nobody else"  # noqa: S105
WEBHOOK = "WEBHOOKOFTHETESTS"

_files: dict[str, Path] = {}


async def token(account: Account) -> str:
    """Log in with the account's client id."""
    answer = await account.http.post(
        f"{account.url}/paypal/v1/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(account.key, SECRET),
    )
    answer.raise_for_status()
    given: str = answer.json()["access_token"]
    return given


async def register(account: Account, webhook_url: str) -> str:
    """Register a webhook by PayPal's own interface; gives its id, by which deliveries are signed."""
    answer = await account.http.post(
        f"{account.url}/paypal/v1/notifications/webhooks",
        json={"url": webhook_url, "event_types": [{"name": "*"}]},
        headers={"Authorization": f"Bearer {await token(account)}"},
    )
    answer.raise_for_status()
    webhook_id: str = answer.json()["id"]
    return webhook_id


async def order(account: Account, amount: Money, *, custom_id: str) -> str:
    """Make an order that a bank may take days for, unlike ours; gives its id."""
    unit = {"amount": to_paypal(amount), "custom_id": custom_id}
    answer = await account.http.post(
        f"{account.url}/paypal/v2/checkout/orders",
        json={"intent": "CAPTURE", "purchase_units": [unit]},
        headers={"Authorization": f"Bearer {await token(account)}"},
    )
    answer.raise_for_status()
    made: str = answer.json()["id"]
    return made


async def authorize(account: Account, order_id: str) -> None:
    """Have the money of an approved order held, as an order whose money is taken later."""
    answer = await account.http.post(
        f"{account.url}/paypal/v2/checkout/orders/{order_id}/authorize",
        headers={"Authorization": f"Bearer {await token(account)}"},
    )
    answer.raise_for_status()


async def roots_file(account: Account) -> Path:
    """Give a file with that root, fetched once from each sandbox."""
    if account.url not in _files:
        path = Path(tempfile.mkdtemp(prefix="holdfast-roots-")) / "paypal.pem"
        path.write_bytes(await roots(account))
        _files[account.url] = path
    return _files[account.url]


async def roots(account: Account) -> bytes:
    """Give the root under which the sandbox signs, in PEM."""
    answer = await account.http.get(f"{account.url}/paypal/v1/notifications/certs/ROOT")
    answer.raise_for_status()
    return answer.content
