"""What a step's failure becomes on its way to Temporal.

    a refusal                          its class name, never retried
    Declined, Refused                  the refusals PaymentDeclined and ProviderRefused
    NotExecuted with a `retry_after`   tried again when the provider asks for it
    anything else                      an outage or a defect: tried again until the step's deadline

Failures stand in histories for weeks, and the text of a database's error quotes rows: so what is passed on is
the kind of the error and where it happened, never its words.
"""

from typing import Any

from temporalio.exceptions import ApplicationError, CancelledError, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.refusal import PaymentDeclined, ProviderRefused, Refusal
from providers.gateway import Declined, GatewayTrouble, Refused
from workflows import steps


class Failures(Interceptor):
    """Puts what the activities of a worker raise into the words of Temporal."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Stand in front of each activity."""
        return _Translated(next)


class _Translated(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await super().execute_activity(input)
        except (FailureError, CancelledError):
            raise  # Temporal's own words
        except Refusal as no:
            raise steps.refused(no) from None  # no cause: the root of the failure has to be the refusal
        except Exception as error:  # noqa: BLE001 - passed on as what it is
            raise translated(error) from None


def translated(error: Exception) -> ApplicationError:
    """Say in Temporal's words what kind of trouble `error` is, and whether to try again."""
    match error:
        case Declined():
            return steps.refused(PaymentDeclined("The bank declined the payment.", reason=error.reason))
        case Refused():
            return steps.refused(ProviderRefused("The provider refused the request.", reason=error.reason))
        case GatewayTrouble():
            return ApplicationError(
                error.reason, type=type(error).__name__, next_retry_delay=error.retry_after
            ).with_traceback(error.__traceback__)
        case _:
            state = getattr(error, "sqlstate", None)
            told = f"{type(error).__name__} {state}" if state else type(error).__name__
            return ApplicationError(told, type=type(error).__name__).with_traceback(error.__traceback__)
