"""Our accounts at payment providers, opened: a gateway for what each is reached with."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp

from providers.adyen_gateway.gateway import AdyenGateway
from providers.adyen_gateway.memory import Memory
from providers.bank import BankGateway
from providers.cash import CashGateway
from providers.credential import (
    ACCOUNT,
    AdyenCredential,
    BankCredential,
    Credential,
    PayPalCredential,
    StripeCredential,
)
from providers.gateway import Gateway
from providers.paypal_gateway.gateway import PayPalGateway
from providers.protection import Guards
from providers.stripe_gateway.gateway import StripeGateway


@dataclass(frozen=True)
class Shared:
    """What all gateways of a process share.

    `apis` are the base addresses by provider; `memory` of a provider and account is what it has told;
    `paypal_roots` is a PEM file, read when there is an account at PayPal.
    """

    http: aiohttp.ClientSession
    apis: Mapping[str, str]
    guards: Guards
    memory: Callable[[str, str], Memory]
    timeout: timedelta
    tolerance: timedelta
    adyen_theme: str
    paypal_roots: Path


def gateways(credentials: Iterable[Credential], shared: Shared) -> Iterator[Gateway]:
    """Build the gateway of each account, and the drawer of the box office."""
    for each in credentials:
        match each:
            case StripeCredential():
                yield _stripe(each, shared)
            case AdyenCredential():
                yield _adyen(each, shared)
            case PayPalCredential():
                yield _paypal(each, shared)
            case BankCredential():
                yield BankGateway(each.name, each.payee, shared.memory(each.provider, each.name))
    yield CashGateway(ACCOUNT)


def _stripe(credential: StripeCredential, shared: Shared) -> Gateway:
    return StripeGateway(
        account=credential.name,
        api_key=credential.secret_key,
        secrets=credential.secrets,
        http=shared.http,
        api=shared.apis["stripe"],
        timeout=shared.timeout,
        guard=shared.guards.of("stripe", credential.name),
        tolerance=shared.tolerance,
    )


def _adyen(credential: AdyenCredential, shared: Shared) -> Gateway:
    return AdyenGateway(
        account=credential.name,
        merchant=credential.merchant_account,
        api_key=credential.api_key,
        keys=credential.secrets,
        memory=shared.memory("adyen", credential.name),
        api=shared.apis["adyen"],
        login=credential.webhook_login,
        theme=shared.adyen_theme,
        timeout=shared.timeout,
        guard=shared.guards.of("adyen", credential.name),
    )


def _paypal(credential: PayPalCredential, shared: Shared) -> Gateway:
    return PayPalGateway(
        account=credential.name,
        client_id=credential.client_id,
        secret=credential.client_secret,
        webhook_ids=credential.secrets,
        roots=shared.paypal_roots.read_bytes(),
        http=shared.http,
        api=shared.apis["paypal"],
        timeout=shared.timeout,
        guard=shared.guards.of("paypal", credential.name),
    )
