"""Stored payment methods: what their sagas are asked and answer. No token is in any of it."""

from enum import StrEnum

from pydantic import Field

from domain.ids import MethodId, TenantId
from domain.value import Value


class MethodWish(StrEnum):
    """What is to become of a method: kept at the provider, or given up there."""

    STORE = "store"
    FORGET = "forget"


class AskMethod(Value):
    """Ask to store or to forget one method; what its workflow is started with."""

    tenant_id: TenantId
    method_id: MethodId
    wish: MethodWish


class MethodAnswer(Value):
    """The answer: whether the method can be paid with now; not, when its storing was `refused` (the class of
    a refusal, or the outage that outlasted its tries) or it was forgotten.
    """

    is_active: bool
    refused: str | None = None
    detail: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
