"""What we ask of a provider about a dispute: where it stands, to hear us, or to end it."""

from typing import Protocol

from domain.dispute import DisputeFact, Evidence


class Disputes(Protocol):
    """The disputes in one account at one provider; raises what a gateway raises."""

    async def fetch(self, provider_ref: str) -> DisputeFact:
        """Tell where a dispute stands. Raises NotFound, NotExecuted, OutcomeUnknown."""

    async def submit(self, provider_ref: str, evidence: Evidence, *, op_key: str) -> DisputeFact:
        """Hand evidence in, for good: most providers take it once.

        Raises StateConflict (handed in already, too late, or decided), NotFound, Refused, NotExecuted,
        OutcomeUnknown.
        """

    async def accept(self, provider_ref: str, *, op_key: str) -> DisputeFact:
        """Let the payer have the money; accepted already is done.

        Raises StateConflict (decided otherwise), NotFound, Refused, NotExecuted, OutcomeUnknown.
        """
