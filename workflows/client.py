"""How others start, tell and ask the sagas: the only place outside a workflow that calls Temporal. No
workflow imports it.

A saga's *no* comes back as the refusal it was. What is no answer at all is one of two outages: `Away`
(Temporal or the provider cannot be reached) and `Unanswered` (asked, and not answered in time: the same call
with the same ids finds the answer).
"""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain import refusal
from domain.aftercare import AftercareRequest
from domain.booking import BookingRequest, BookingStatus, CancelBooking, Outcome, Progress, Verdict
from domain.dispute import DisputeRequest
from domain.ids import BookingId, PaymentId
from domain.method import AskMethod
from domain.notice import SendNotice
from domain.payment import Checkout, PaymentFact, PaymentReport, StartPayment, TakePayment
from domain.refund import RefundRequest
from domain.refusal import BookingEnded
from workflows import names, steps
from workflows.aftercare import AftercareWorkflow
from workflows.booking import BookingWorkflow
from workflows.dispute import DisputeWorkflow
from workflows.method import MethodWorkflow
from workflows.notice import NoticeWorkflow
from workflows.refund import RefundWorkflow

T = TypeVar("T")

# Beyond these a caller is better served by being asked to come back.
TELLING = timedelta(seconds=2)

# A run whose task was thrown away as a wish came, because more came in the same moment, is asked again after
# these many seconds; one that is not ready then has something to be mended.
READY_AGAIN_SECONDS = (0.1, 0.4)

# Temporal is away, or went away in the midst of the call (which the transport calls unknown or internal); or
# it has enough to do for one run: ten wishes at once, two thousand in all.
NOT_NOW = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.UNKNOWN,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
)


class Away(ConnectionError):
    """Raised when Temporal, or the provider behind the wish, cannot be reached; nothing is lost, and the same
    call may be made again.
    """


class NotReady(Away):
    """Raised when a run's task was thrown away and the wish with it: what was done of it is done anew, by the
    same call.
    """


class ProviderAway(Away):
    """Raised when it is the provider that did not answer: the wish was given up and needs a new id."""


class Unanswered(TimeoutError):
    """Raised when no answer came in time; the same call with the same ids waits for the same answer."""


@dataclass(frozen=True)
class Sagas:
    """The sagas of one stack.

    `answer_within` bounds how long a caller waits for a wish; `prefix` stands in front of the stack's queues.
    """

    client: Client
    prefix: str = ""
    answer_within: timedelta = timedelta(seconds=8)

    async def begin(self, request: BookingRequest) -> None:
        """Start the booking's run. Running already, or run and closed: it counts as told. Raises Away."""
        await self._begun(request)

    async def start_payment(self, request: BookingRequest, wish: StartPayment) -> Checkout:
        """Wish for a checkout; the run is started if need be.

        The same payment id is the same wish and gets the same answer. Raises refusals, Away, Unanswered.
        """
        checkout: Checkout = await self._wish(
            request, BookingWorkflow.start_payment, wish, names.payment_update(wish.payment_id)
        )
        return checkout

    async def check_payment(self, request: BookingRequest, payment_id: PaymentId, wish_id: str) -> Progress:
        """Wish that the provider be asked about a payment now. Raises refusals, Away, Unanswered."""
        progress: Progress = await self._wish(
            request, BookingWorkflow.check_payment, payment_id, f"check:{wish_id}"
        )
        return progress

    async def cancel(self, request: BookingRequest, wish: CancelBooking) -> Outcome:
        """Wish to cancel an unconfirmed booking; answers how it ended. Raises refusals, Away, Unanswered."""
        outcome: Outcome = await self._wish(request, BookingWorkflow.cancel, wish, "cancel")
        return outcome

    async def cancel_payment(
        self, request: BookingRequest, payment_id: PaymentId, wish_id: str
    ) -> PaymentReport:
        """Wish to let a payment go that was not taken yet. Raises refusals, Away, Unanswered."""
        report: PaymentReport = await self._wish(
            request, BookingWorkflow.cancel_payment, payment_id, f"cancel_payment:{wish_id}"
        )
        return report

    async def take_payment(self, request: BookingRequest, ask: TakePayment, wish_id: str) -> PaymentReport:
        """Wish to take what was authorised, or a part of it. Raises refusals, Away, Unanswered."""
        report: PaymentReport = await self._wish(
            request, BookingWorkflow.take_payment, ask, f"take_payment:{wish_id}"
        )
        return report

    async def decide(self, request: BookingRequest, verdict: Verdict) -> Outcome:
        """Answer for the partner or reviewer that a booking waits for; tells how it ended, or that another
        has to accept as well. Raises refusals (IllegalMove when it does not wait for this), Away, Unanswered.
        """
        outcome: Outcome = await self._wish(
            request, BookingWorkflow.decide, verdict, names.verdict_update(verdict.judge)
        )
        return outcome

    async def retry_step(self, request: BookingRequest, wish_id: str) -> Progress:
        """Try a parked undo again. Raises refusals, Away, Unanswered."""
        progress: Progress = await self._wish(request, BookingWorkflow.retry_step, None, f"retry:{wish_id}")
        return progress

    async def progress(self, booking_id: BookingId) -> Progress | None:
        """Look where a run stands; nothing when no worker answers in time, no run is known, or Temporal is
        away.
        """
        handle = self.client.get_workflow_handle_for(BookingWorkflow.run, names.booking(booking_id))
        try:
            return await handle.query(BookingWorkflow.status, rpc_timeout=TELLING)
        except RPCError:
            return None

    async def owns(self, booking_id: BookingId) -> bool:
        """Say whether a run of this booking is open: then nobody else changes the booking. Raises Away."""
        handle = self.client.get_workflow_handle(names.booking(booking_id))
        try:
            run = await _reached(handle.describe(rpc_timeout=TELLING))
        except BookingEnded:
            return False
        return run.status is WorkflowExecutionStatus.RUNNING

    async def report(self, fact: PaymentFact, request: BookingRequest, *, ended: bool) -> None:
        """Tell a fact to whoever owns the payment: the booking's run, begun if it is lost, or, the booking
        having `ended`, the payment's aftercare. Raises Away.
        """
        if not ended and (await self._signalled(fact, request) or await self._begun(request, fact)):
            return
        care = AftercareRequest(
            tenant_id=request.tenant_id,
            booking_id=request.booking_id,
            payment_id=fact.payment_id,
            reference=request.reference,
        )
        await self.after(fact, care)

    async def _signalled(self, fact: PaymentFact, request: BookingRequest) -> bool:
        """Tell the run if one is open: the server does less for it than where it may have to begin one."""
        run = self.client.get_workflow_handle_for(BookingWorkflow.run, names.booking(request.booking_id))
        try:
            await _reached(run.signal(BookingWorkflow.payment_reported, fact, rpc_timeout=TELLING))
        except BookingEnded:
            return False
        return True

    async def _begun(self, request: BookingRequest, fact: PaymentFact | None = None) -> bool:
        """Start the booking's run unless one is open, and tell it a fact; says no where it has ended."""
        told: dict[str, Any] = (
            {} if fact is None else {"start_signal": "payment_reported", "start_signal_args": [fact]}
        )
        try:
            await _reached(
                self.client.start_workflow(
                    BookingWorkflow.run,
                    request,
                    id=names.booking(request.booking_id),
                    rpc_timeout=TELLING,
                    **told,
                    **self._booking(request),
                )
            )
        except WorkflowAlreadyStartedError:
            return False  # it closed, by itself or by somebody who terminated it
        return True

    async def after(self, fact: PaymentFact, request: AftercareRequest) -> None:
        """Tell a fact to the aftercare of its payment, which is started if none runs. Raises Away."""
        await _reached(
            self.client.start_workflow(
                AftercareWorkflow.run,
                request,
                id=names.aftercare(request.payment_id),
                task_queue=f"{self.prefix}{names.BOOKINGS}",
                start_signal="payment_reported",
                start_signal_args=[fact],
                static_summary=f"{request.reference}: a payment after the end",
                search_attributes=_attributes(request),
                rpc_timeout=TELLING,
            )
        )

    async def refund(self, request: RefundRequest, fact: PaymentFact | None = None) -> None:
        """Start the run of a refund, or tell the one that runs what the provider said. Raises Away."""
        told: dict[str, Any] = (
            {"id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING}
            if fact is None
            else {"start_signal": "payment_reported", "start_signal_args": [fact]}
        )
        await _reached(
            self.client.start_workflow(
                RefundWorkflow.run,
                request,
                id=names.refund(request.refund_id),
                task_queue=f"{self.prefix}{names.PAYOUTS}",
                static_summary=f"{request.reference}: {request.amount} goes back",
                search_attributes=TypedSearchAttributes(
                    [SearchAttributePair(names.TENANT_ID, str(request.tenant_id))]
                ),
                rpc_timeout=TELLING,
                **told,
            )
        )

    async def dispute(self, request: DisputeRequest) -> None:
        """Tell the run that follows a dispute that there is news; it is begun if none runs. Raises Away."""
        await _reached(
            self.client.start_workflow(
                DisputeWorkflow.run,
                request,
                id=names.dispute(request.dispute_id),
                task_queue=f"{self.prefix}{names.PAYOUTS}",
                start_signal="dispute_reported",
                static_summary=f"{request.reference}: a payer's bank wants money back",
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(names.TENANT_ID, str(request.tenant_id)),
                        SearchAttributePair(names.BOOKING_REFERENCE, request.reference),
                    ]
                ),
                rpc_timeout=TELLING,
            )
        )

    async def notify(self, notice: SendNotice) -> None:
        """Start the sending of a notice; started before counts as told. Raises Away."""
        try:
            await _reached(
                self.client.start_workflow(
                    NoticeWorkflow.run,
                    notice,
                    id=names.notice(notice.notice_id),
                    task_queue=f"{self.prefix}{names.NOTICES}",
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    rpc_timeout=TELLING,
                )
            )
        except WorkflowAlreadyStartedError:
            pass

    async def keep_method(self, ask: AskMethod) -> None:
        """Store or forget a payment method; the same wish is done once. Raises refusals, Away, Unanswered."""
        name = names.method(ask.method_id, ask.wish.value)
        try:
            run = await _reached(
                self.client.start_workflow(
                    MethodWorkflow.run,
                    ask,
                    id=name,
                    task_queue=f"{self.prefix}{names.BOOKINGS}",
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    static_summary=f"a payment method: {ask.wish.value}",
                    search_attributes=TypedSearchAttributes(
                        [SearchAttributePair(names.TENANT_ID, str(ask.tenant_id))]
                    ),
                    rpc_timeout=TELLING,
                )
            )
        except WorkflowAlreadyStartedError:
            run = self.client.get_workflow_handle_for(MethodWorkflow.run, name)
        try:
            answer = await asyncio.wait_for(_reached(run.result()), self.answer_within.total_seconds())
        except TimeoutError as error:
            raise Unanswered from error
        if answer.refused is None:
            return
        no = refusal.named(answer.refused, answer.detail, answer.facts)
        raise no or ProviderAway

    def _booking(self, request: BookingRequest) -> dict[str, Any]:
        return {
            "task_queue": f"{self.prefix}{names.BOOKINGS}",
            "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
            "id_reuse_policy": WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            "static_summary": f"{request.reference}: {request.summary}",
            "search_attributes": _attributes(request),
        }

    async def _wish(self, request: BookingRequest, update: Any, ask: Any, update_id: str) -> Any:
        try:
            # The SDK's own deadline is for each of its calls; it makes many, and connects before the first.
            async with asyncio.timeout(self.answer_within.total_seconds()):
                for pause in READY_AGAIN_SECONDS:
                    with suppress(NotReady):
                        return await self._wish_once(request, update, ask, update_id)
                    await asyncio.sleep(pause)
                return await self._wish_once(request, update, ask, update_id)
        except TimeoutError as error:
            raise Unanswered from error

    async def _wish_once(self, request: BookingRequest, update: Any, ask: Any, update_id: str) -> Any:
        start = WithStartWorkflowOperation(
            BookingWorkflow.run, request, id=names.booking(request.booking_id), **self._booking(request)
        )
        asked: Sequence[Any] = () if ask is None else (ask,)
        begun = asyncio.ensure_future(start.workflow_handle())
        begun.add_done_callback(_heard)
        try:
            return await _reached(
                self.client.execute_update_with_start_workflow(
                    update,
                    args=asked,
                    start_workflow_operation=start,
                    id=update_id,
                    rpc_timeout=self.answer_within,
                )
            )
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise Unanswered from error
        except WorkflowAlreadyStartedError as error:
            raise BookingEnded("This booking has ended.") from error  # the row knows how
        except WorkflowUpdateFailedError as error:
            raise _no(error) from error
        finally:
            asyncio.get_running_loop().call_soon(begun.cancel)  # after it was told, if it was


def _heard(begun: "asyncio.Future[Any]") -> None:
    """Look at why no run was begun, which the wish raises as well: else it is logged as never looked at."""
    if not begun.cancelled():
        begun.exception()


async def _reached(call: Awaitable[T]) -> T:
    try:
        return await call
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise BookingEnded("This booking has ended.") from error  # the run closed while it was asked
        if error.status is RPCStatusCode.FAILED_PRECONDITION:
            raise NotReady from error
        if error.status in NOT_NOW:
            raise Away from error
        raise
    except RuntimeError as error:  # a lazy client's first connection
        raise Away from error


def _no(error: WorkflowUpdateFailedError) -> Exception:
    if refusal := steps.refusal_in(error):
        return refusal
    cause = steps.root(error)
    return (
        ProviderAway() if isinstance(cause, ApplicationError) and cause.type == steps.PROVIDER_AWAY else error
    )


def _attributes(request: BookingRequest | AftercareRequest) -> TypedSearchAttributes:
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(names.TENANT_ID, str(request.tenant_id)),
        SearchAttributePair(names.BOOKING_REFERENCE, request.reference),
    ]
    if isinstance(request, BookingRequest):
        pairs.append(SearchAttributePair(names.OFFER_ID, str(request.offer_id)))
        pairs.append(SearchAttributePair(names.BOOKING_STATUS, BookingStatus.HELD.value))
    return TypedSearchAttributes(pairs)
