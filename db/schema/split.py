"""Whom vendors are at payment providers."""

from db.schema.base import KeyWords, TenantRow, Words


class VendorPayee(TenantRow, table=True):
    """The balance (`payee`, the provider's reference) that a vendor has with one of our accounts."""

    __tablename__ = "vendor_payees"

    vendor: KeyWords
    provider: KeyWords
    account: KeyWords
    payee: Words
