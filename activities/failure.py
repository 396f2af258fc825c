"""What a step's failure becomes on its way to Temporal.

    a refusal                          its class name, never retried
    Declined, Refused                  the refusals PaymentDeclined and ProviderRefused
    NotExecuted with a `retry_after`   tried again when the provider asks for it
    anything else                      an outage or a defect: tried again until the step's deadline

Failures stand in histories for weeks, and the text of a database's error quotes rows: so what is passed on is
the kind of the error and where it happened, never its words.
"""

from functools import cache
from time import perf_counter
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.refusal import PaymentDeclined, ProviderRefused, Refusal
from observability.metrics import ACTIVITIES, ACTIVITY_SECONDS
from providers.gateway import Declined, GatewayTrouble, Refused
from workflows import steps

log = structlog.get_logger(__name__)


class Failures(Interceptor):
    """Puts what the activities of a worker raise into the words of Temporal, and counts how they end."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Stand in front of each activity."""
        return _Translated(next)


class _Translated(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        step, began, outcome = activity.info().activity_type, perf_counter(), "ok"
        try:
            return await super().execute_activity(input)
        except (FailureError, CancelledError) as error:
            outcome = getattr(error, "type", None) or type(error).__name__
            raise  # Temporal's own words
        except Refusal as no:
            outcome = "refused"
            raise steps.refused(no) from None  # no cause: the root of the failure has to be the refusal
        except Exception as error:  # noqa: BLE001 - passed on as what it is
            told = translated(error)
            outcome = "refused" if told.non_retryable else type(error).__name__
            log.warning("a step failed", step=step, error=type(error).__name__, why=reason(error))
            raise told from None
        finally:
            ended, took = _measured(step, outcome)
            ended.inc()
            took.observe(perf_counter() - began)


@cache
def _measured(step: str, outcome: str) -> tuple[Counter, Histogram]:
    """Give what counts a step's ends, and what measures them: looking them up takes longer than that."""
    return ACTIVITIES.labels(step, outcome), ACTIVITY_SECONDS.labels(step)


def translated(error: Exception) -> ApplicationError:
    """Say in Temporal's words what kind of trouble `error` is, and whether to try again."""
    match error:
        case Declined():
            return steps.refused(PaymentDeclined("The bank declined the payment.", reason=error.reason))
        case Refused():
            return steps.refused(ProviderRefused("The provider refused the request.", reason=error.reason))
        case GatewayTrouble():
            told = ApplicationError(
                error.reason, type=type(error).__name__, next_retry_delay=error.retry_after
            )
        case _:
            told = ApplicationError(sqlstate(error) or "no answer, or a defect", type=type(error).__name__)
    return told.with_traceback(error.__traceback__)


def reason(error: Exception) -> str:
    """Say for our own log what went wrong; of a database's error its code alone, for its text quotes rows."""
    return sqlstate(error) or str(error)


def sqlstate(error: Exception) -> str | None:
    """Give the code of a database's error, if it is one."""
    state: str | None = getattr(error, "sqlstate", None)
    return state
