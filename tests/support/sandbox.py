"""The outside world: one sandbox process for the run, one account in it per test."""

import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from devtools.health import is_well
from devtools.paths import ROOT
from devtools.ports import any_free
from devtools.process import Process, Program
from tests.support.wait import eventually

# Deliveries that nobody took are tried again soon; a provider waits longer.
RETRIES = "0.2,0.4,1,2,4,8"

# How the keys of accounts begin, by provider.
KEYS = {"stripe": "sk_test_", "adyen": "AQE", "paypal": "Ab", "sendgrid": "SG.", "smtp": "smtp_"}

GOOD_IBAN, BAD_IBAN = "AT611904300234573201", "AT861904300235473202"


@contextmanager
def sandbox_process() -> Iterator[str]:
    """Run a sandbox on a free port; gives its address."""
    port = any_free()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="holdfast-sandbox-") as folder:
        command = [sys.executable, "-m", "sandbox", "--port", str(port), "--seed", "7"]
        options = ["--database", str(Path(folder) / "books.sqlite3"), "--webhook-retries", RETRIES]
        process = Process(
            Program(
                name="sandbox",
                command=[*command, *options],
                log=Path(folder) / "sandbox.log",
                ready=lambda _pid: is_well(f"{url}/_sandbox/health"),
                cwd=ROOT,
            )
        )
        process.start()
        process.wait_ready()
        try:
            yield url
        finally:
            process.stop()


def _secret() -> str:
    return secrets.token_hex(16)


def _last_step(payment_url: str) -> str:
    return payment_url.rstrip("/").rpartition("/")[2].partition("?")[0].partition("#")[0]


def kept_of(payment: dict[str, Any]) -> int:
    """Say what is left of a payment, in minor units."""
    left: int = payment["captured"] - payment["refunded"] - payment["disputed"]
    return left


@dataclass
class Account:
    """What one test sees of the sandbox: accounts of its own, their buyer, books, faults and mailbox."""

    url: str
    http: httpx2.AsyncClient
    key: str = field(default_factory=lambda: f"sk_test_{_secret()}")
    mail_key: str = field(default_factory=lambda: f"SG.{_secret()}")
    provider: str = "stripe"

    def at(self, provider: str) -> "Account":
        """Give a fresh account at another provider."""
        return replace(self, provider=provider, key=KEYS[provider] + _secret())

    async def register(self, webhook_url: str, merchant: str = "", *, connected: bool = False) -> str:
        """Register a webhook endpoint as a merchant does, by its provider's interface; gives its secret.

        `connected`: for what happens in the accounts that a platform at Stripe pays.
        """
        if self.provider == "adyen":
            return await self._register_at_adyen(webhook_url, merchant)
        form = {"url": webhook_url, "enabled_events[]": "*", "connect": str(connected).lower()}
        answer = await self.http.post(
            f"{self.url}/stripe/v1/webhook_endpoints",
            data=form,
            headers={"Authorization": f"Bearer {self.key}"},
        )
        answer.raise_for_status()
        secret: str = answer.json()["secret"]
        return secret

    async def _register_at_adyen(self, webhook_url: str, merchant: str) -> str:
        hooks = f"{self.url}/adyen/management/v3/merchants/{merchant}/webhooks"
        wish = {"type": "standard", "url": webhook_url, "active": True, "communicationFormat": "json"}
        opened = await self.http.post(hooks, json=wish, headers={"X-API-Key": self.key})
        opened.raise_for_status()
        key = await self.http.post(
            f"{hooks}/{opened.json()['id']}/generateHmac", json={}, headers={"X-API-Key": self.key}
        )
        key.raise_for_status()
        secret: str = key.json()["hmacKey"]
        return secret

    async def listen(self, webhook_url: str, secret: str, *, of_payees: bool = False) -> None:
        """Register a webhook endpoint with a secret of our choice, past the provider's own interface: for
        this account's events, or for those of its payees.
        """
        wish = {"url": webhook_url, "secret": secret, "of_payees": of_payees}
        await self._ask("PUT", f"accounts/{self.key}/endpoints", wish)

    async def pay(self, payment_url: str, card: str = "visa", *, after_expiry: bool = False) -> str:
        """Pay a hosted checkout as a buyer with this test card; gives what became of it: paid, declined …

        `after_expiry`: the money comes though the checkout has expired.
        """
        wish = {"card": card, "after_expiry": after_expiry}
        answer = await self._ask("POST", f"checkout/{_last_step(payment_url)}/pay", wish)
        outcome: str = answer["outcome"]
        return outcome

    async def pay_by_debit(self, payment_url: str, iban: str = GOOD_IBAN) -> str:
        """Pay a hosted checkout from this test bank account; `processing` until the bank has been heard."""
        answer = await self._ask("POST", f"checkout/{_last_step(payment_url)}/pay", {"iban": iban})
        outcome: str = answer["outcome"]
        return outcome

    async def settle(self, *, succeeds: bool | None = None) -> None:
        """Have the bank tell now of every debit under way: what its account is made for, or `succeeds`.

        Without it banks take five days by the account's clock, which `advance` moves.
        """
        for payment in await self.payments():
            if payment["status"] == "processing":
                await self._ask("POST", f"payments/{payment['id']}/settle", {"succeeds": succeeds})

    async def break_down(self, route: str, kind: str, *, times: int = 1, **detail: float) -> None:
        """Order a fault of this account: of an API route such as `POST /v1/refunds`, or of an event type."""
        wish = {"provider": self.provider, "account": self.key, "route": route, "kind": kind, "times": times}
        await self._ask("POST", "faults", {**wish, **detail})

    async def mend(self) -> None:
        """Take all faults of this account back."""
        await self._ask("DELETE", f"faults?account={self.key}")

    async def release(self) -> None:
        """Send the webhooks that a fault has held back."""
        await self._ask("POST", "deliveries/release", {"account": self.key})

    async def advance(self, *, seconds: float) -> None:
        """Let time pass in this account: what falls due then happens now."""
        await self._ask("POST", "clock/advance", {"seconds": seconds, "account": self.key})

    async def drain(self) -> None:
        """Wait until no delivery is due or on its way."""

        async def drained() -> bool:
            return bool((await self._ask("POST", "deliveries/drain", {"seconds": 60}))["delivered"])

        await eventually(drained, what="the last delivery")

    async def redeliver(self, event_id: str) -> None:
        """Send an event again."""
        await self._ask("POST", f"events/{event_id}/redeliver")

    async def retell(self, event_id: str, changes: dict[str, Any]) -> None:
        """Tell an event as another one, as authentic, that says something else at these dotted paths."""
        await self._ask("POST", f"events/{event_id}/retell", {"changes": changes})

    async def payments(self) -> list[dict[str, Any]]:
        """List what was authorized, captured, refunded and disputed, in minor units, oldest first."""
        return await self._look("payments")

    async def checkouts(self) -> list[dict[str, Any]]:
        """List hosted checkouts, oldest first."""
        return await self._look("checkouts")

    async def refunds(self) -> list[dict[str, Any]]:
        """List refunds, oldest first."""
        return await self._look("refunds")

    async def statement(self) -> list[dict[str, Any]]:
        """List the movements of the balance, in minor units, oldest first."""
        return await self._look("statement")

    async def events(self, *kinds: str) -> list[dict[str, Any]]:
        """List events of these types as they were told, oldest first."""
        return [event for event in await self._look("events") if not kinds or event["type"] in kinds]

    async def told(self) -> list[dict[str, Any]]:
        """List what was told, whatever its provider calls the kind of it, oldest first."""
        return await self._look("events")

    async def charge_back(self) -> None:
        """Have the bank of whoever paid last want the money back."""
        await self._ask("POST", f"payments/{(await self.payments())[-1]['id']}/dispute", {})

    async def decide_dispute(self, dispute_id: str, *, won: bool) -> None:
        """Have the bank decide about a dispute, for us or for the payer."""
        await self._ask("POST", f"disputes/{dispute_id}/decide", {"won": won})

    async def close_batch(self, merchant: str) -> str:
        """Have what is settled paid out and reported; gives the report's text. Adyen's accounts alone."""
        answer = await self._ask("POST", f"accounts/{self.key}/batches", {"merchant": merchant})
        text: str = answer["text"]
        return text

    async def take_in_parts(self) -> None:
        """Have this account take holds in several parts from now on. Adyen's accounts alone."""
        await self._ask("PUT", f"accounts/{self.key}/captures", {"several": True})

    async def lose_capture(self) -> None:
        """Have the captures of whoever paid last fail after all. Adyen's accounts alone."""
        await self._ask("POST", f"payments/{(await self.payments())[-1]['id']}/lose")

    async def deliveries(self, status: str = "") -> list[dict[str, Any]]:
        """List webhook deliveries (those that stand so, if said), with every attempt."""
        asked = f"deliveries?account={self.key}" + (f"&status={status}" if status else "")
        found: list[dict[str, Any]] = await self._ask("GET", asked)
        return found

    async def mailbox(self) -> list[dict[str, Any]]:
        """List mails, oldest first; none when none was ever sent."""
        return await self._look("mailbox", self.mail_key)

    async def kept(self) -> int:
        """Add up what was taken and neither given back nor in dispute, in minor units."""
        return sum(kept_of(payment) for payment in await self.payments())

    async def control(self, path: str, **wish: Any) -> Any:
        """Post a wish to the control API that is no method here."""
        return await self._ask("POST", path, wish)

    async def _look(self, what: str, key: str | None = None) -> list[dict[str, Any]]:
        answer = await self.http.get(f"{self.url}/_sandbox/accounts/{key or self.key}/{what}")
        if answer.status_code == 404:
            return []  # an account begins with its first use
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"{self.url}/_sandbox/{path}", json=body)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """Run one sandbox for all tests, which keep apart by their accounts."""
    with sandbox_process() as url:
        yield url
