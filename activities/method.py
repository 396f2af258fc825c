"""The steps on stored payment methods: the provider keeps them, we keep what names them."""

from temporalio import activity

from activities.checkout import gateway_of, number_of_key
from db import method as methods
from db.method import Kept
from db.session import Database
from domain.ids import MethodId, TenantId
from domain.method import AskMethod
from domain.refusal import Unknown
from providers.gateway import Declined, Gateways, Refused
from providers.vault import KeptMethod, Stored, Vault
from workflows import steps


class MethodActivities:
    """Stores and forgets payment methods, as the payment role."""

    def __init__(self, payment: Database, gateways: Gateways) -> None:
        self._payment, self._gateways = payment, gateways

    @activity.defn(name=steps.store_method.name)
    async def store_method(self, ask: AskMethod) -> None:
        """Keep a method at the provider. Refuses PaymentDeclined, ProviderRefused; its row is gone then."""
        row = await self._kept(ask)
        if row.is_active or row.is_given_up:
            return
        try:
            stored = await self._stored(ask, row)
        except (Declined, Refused):
            async with self._payment.tenant(ask.tenant_id) as connection:
                await methods.drop(connection, ask.tenant_id, ask.method_id)
            raise
        async with self._payment.tenant(ask.tenant_id) as connection:
            await methods.stored(
                connection,
                ask.tenant_id,
                ask.method_id,
                token=stored.token,
                kind=stored.kind,
                brand=stored.brand,
                last4=stored.last4,
            )

    @activity.defn(name=steps.forget_method.name)
    async def forget_method(self, ask: AskMethod) -> None:
        """Let nobody pay with a method any more, then give it up at the provider. Never stored: nothing."""
        try:
            row = await self._kept(ask)
        except Unknown:
            return
        async with self._payment.tenant(ask.tenant_id) as connection:
            await methods.deactivate(connection, ask.tenant_id, ask.method_id)
        if row.customer is not None:
            kept = Stored(customer=row.customer, token=row.token)
            await self._vault(row).forget_method(kept, op_key=f"{ask.method_id}:forget:1")

    async def _stored(self, ask: AskMethod, row: Kept) -> KeptMethod:
        vault = self._vault(row)
        customer = row.customer
        if customer is None:
            async with self._payment.tenant(ask.tenant_id) as connection:
                calls = await methods.count_customer(connection, ask.tenant_id, ask.method_id)
            op_key = f"{row.owner}:customer:{number_of_key(calls)}"
            made = await vault.open_customer(row.owner, op_key=op_key)
            customer = await self._named(ask.tenant_id, ask.method_id, made)
        return await vault.store_method(customer, row.token, op_key=f"{ask.method_id}:store:1")

    async def _named(self, tenant_id: TenantId, method_id: MethodId, provider_ref: str) -> str:
        async with self._payment.tenant(tenant_id) as connection:
            return await methods.name_customer(connection, tenant_id, method_id, provider_ref)

    async def _kept(self, ask: AskMethod) -> Kept:
        async with self._payment.tenant(ask.tenant_id) as connection:
            return await methods.kept(connection, ask.tenant_id, ask.method_id)

    def _vault(self, row: Kept) -> Vault:
        vault = gateway_of(self._gateways, row.provider, row.account).vault
        if vault is None:
            raise Refused("keeps_no_methods")
        return vault
