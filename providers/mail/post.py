"""Letters, and whoever delivers them.

No service keeps idempotency keys, so whoever sends claims the notice first, and asks nobody to send again
what may have been sent. What goes wrong is one of a gateway's troubles: Refused (a person has to look),
NotExecuted (nothing was sent: later), OutcomeUnknown (it may have been).
"""

from typing import Protocol

import structlog

from domain.ids import NoticeId, TenantId
from domain.value import Value
from providers.gateway import NotExecuted

log = structlog.get_logger(__name__)


class Picture(Value):
    """A PNG that the letter's HTML shows as `cid:<name>`; mail programs block `data:` addresses."""

    name: str
    png: bytes


class Letter(Value):
    """What one person is told, twice: as plain text and as HTML."""

    to_email: str
    to_name: str = ""
    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()


class Post(Protocol):
    """Somebody who delivers letters."""

    async def send(self, letter: Letter, *, notice_id: NoticeId, tenant_id: TenantId) -> str:
        """Hand a letter over and give the service's id of it.

        Raises Refused, NotExecuted, OutcomeUnknown.
        """


class Substitutes:
    """Several services, asked in turn: the next one only when the one before surely has not taken the letter
    (decision 0019).
    """

    def __init__(self, *services: Post) -> None:
        """Take at least one, the preferred first."""
        self._preferred, *self._others = services

    async def send(self, letter: Letter, *, notice_id: NoticeId, tenant_id: TenantId) -> str:
        """Hand a letter over to the first that takes it; gives that one's id of it.

        Raises Refused, NotExecuted (the preferred one's, when none can), OutcomeUnknown.
        """
        try:
            return await self._preferred.send(letter, notice_id=notice_id, tenant_id=tenant_id)
        except NotExecuted as trouble:
            for other in self._others:
                log.warning("another mail service is asked", why=trouble.reason)
                try:
                    return await other.send(letter, notice_id=notice_id, tenant_id=tenant_id)
                except NotExecuted:
                    continue
            raise
