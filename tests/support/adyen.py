"""Balance accounts at the sandbox's Adyen, of those who get a part of what is paid."""

from tests.support.sandbox import Account


async def open_balance(account: Account, holder: str) -> str:
    """Open a balance account by Adyen's own interface; gives its id."""
    answer = await account.http.post(
        f"{account.url}/adyen/bcl/v2/balanceAccounts",
        json={"accountHolderId": holder},
        headers={"X-API-Key": account.key},
    )
    answer.raise_for_status()
    made: str = answer.json()["id"]
    return made


async def balance(account: Account, balance_id: str) -> int:
    """Tell what a balance account has, in minor units of the one currency it has."""
    answer = await account.http.get(
        f"{account.url}/adyen/bcl/v2/balanceAccounts/{balance_id}", headers={"X-API-Key": account.key}
    )
    answer.raise_for_status()
    return sum(each["balance"] for each in answer.json()["balances"])
