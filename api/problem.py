"""What went wrong, as a problem document (RFC 9457): one table from refusals to statuses, one from everything
that is no refusal.

A document never repeats what the caller sent, and a defect of ours shows nothing but the id of the request,
which finds the cause in the log.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.exceptions import HTTPException

from api.decline import preferred, told
from api.rule import broken
from db.idempotency import Stored
from db.session import OUTAGES, is_outage
from domain import refusal
from domain.decline import Decline, decline_of
from domain.refusal import IllegalMove, InvalidRequest, PaymentDeclined, QuotaExceeded, Refusal, Unknown
from workflows.client import Away, ProviderAway, Unanswered

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
# A fact of this name, the booking's state, would hide the answer's own; a document calls it `state`.
HIDDEN = "status"

# Every refusal: its status and its title. A group's line is for a kind that has none of its own yet.
REFUSALS: Mapping[type[Refusal], tuple[int, str]] = {
    refusal.Unknown: (404, "There is no such thing"),
    refusal.NotAllowed: (403, "Not allowed"),
    refusal.Unauthenticated: (401, "Who asks is not known"),
    refusal.Forbidden: (403, "Not allowed"),
    refusal.QuotaExceeded: (429, "Too many requests"),
    refusal.Invalid: (422, "The request is not valid"),
    refusal.InvalidRequest: (422, "The request is not valid"),
    refusal.KeyMissing: (400, "An Idempotency-Key is required here"),
    refusal.KeyReused: (422, "This Idempotency-Key was used with another body"),
    refusal.NotOnSale: (409, "Not on sale"),
    refusal.SoldOut: (409, "Not enough places left"),
    refusal.SalesClosed: (409, "Not on sale"),
    refusal.QuoteOutdated: (409, "The quote is out of date"),
    refusal.WrongState: (409, "The booking is in another state"),
    refusal.HoldEnded: (409, "The time to pay is over"),
    refusal.BookingEnded: (409, "The booking has ended"),
    refusal.IllegalMove: (409, "The booking's state does not allow this"),
    refusal.AlreadyPaid: (409, "Nothing is due"),
    refusal.PriceChanged: (409, "The price has changed"),
    refusal.AttemptsExhausted: (409, "No attempt to pay is left"),
    refusal.MethodDeactivated: (409, "This method cannot be paid with"),
    refusal.LinkEnded: (410, "This payment link is over"),
    refusal.NothingToRetry: (409, "No step waits to be retried"),
    refusal.NoticeUnderway: (409, "The message is still being sent"),
    refusal.EventClosed: (409, "The event is processed or ignored already"),
    refusal.CaseClosed: (409, "The case is closed already"),
    refusal.PaymentRefused: (402, "The payment did not go through"),
    refusal.PaymentDeclined: (402, "The payment was declined"),
    refusal.PaymentNotCompleted: (402, "The payment is not completed"),
    refusal.PaymentMismatch: (409, "The payment belongs to another booking"),
    refusal.AlreadyCaptured: (409, "The payment was taken already"),
    refusal.ExceedsAuthorized: (422, "More would be taken than was authorised"),
    refusal.LessThanDue: (422, "Less would be taken than is due"),
    refusal.ExceedsCaptured: (422, "More would go back than is left"),
    refusal.ProviderRefused: (402, "The payment provider does not take this payment"),
}

# What HTTP itself says no to, by status: code and title.
STATUSES: Mapping[int, tuple[str, str]] = {
    400: ("malformed", "The request cannot be read"),
    404: ("unknown", "There is no such thing"),
    405: ("method_not_allowed", "This address does not know the method"),
    408: ("too_slow", "The body did not come in time"),
    413: ("body_too_large", "The body is too large"),
    415: ("unsupported_media_type", "The body must be application/json in UTF-8"),
    500: ("internal", "Something went wrong on our side"),
    503: ("unavailable", "Not possible at this moment"),
}


class Pending(BaseModel):
    """The answer to a wish is not known yet: send the same request again after `Retry-After`."""

    status: Literal["pending"] = "pending"
    request_id: str


PENDING: dict[int | str, dict[str, Any]] = {
    202: {"model": Pending, "description": "Not answered in time: the same request again brings the answer"}
}


class FieldError(BaseModel):
    """One rule that the request breaks: where in the body (RFC 6901), or which parameter, and why."""

    pointer: str | None = Field(None, description="JSON Pointer into the body")
    parameter: str | None = Field(None, description="Name of a query parameter or header")
    code: str
    detail: str


class Problem(BaseModel):
    """A problem document (RFC 9457); facts of the refusal stand beside these members."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/sold_out",
                    "title": "Not enough places left",
                    "status": 409,
                    "code": "sold_out",
                    "detail": "4 places were asked for and 1 is left.",
                    "instance": "/api/v1/bookings",
                    "request_id": "0198c0de-0000-7000-8000-000000000000",
                    "asked": 4,
                    "left": 1,
                }
            ]
        },
    )

    type: str = Field(description="Address of a page about this kind of problem")
    title: str
    status: int
    code: str = Field(description="Stable name for programs")
    detail: str | None = Field(None, description="For people")
    instance: str | None = Field(None, description="The path that was asked")
    request_id: str = Field(description="Finds this request in our log")
    errors: list[FieldError] | None = None


def kinds() -> dict[str, tuple[int, str]]:
    """List every problem by its code, with status and title; a group of refusals is none."""
    return {code: (status, title) for status, (code, title) in STATUSES.items()} | {
        refusal.code(kind): answer for kind, answer in REFUSALS.items() if not kind.__subclasses__()
    }


def meaning(kind: type[Refusal]) -> str:
    """Say what a refusal means, with its facts as a document names them."""
    return (kind.__doc__ or "").replace(f"`{HIDDEN}`", "`state`")


def answers(
    *refusals: type[Refusal], also: Sequence[int] = (400, 413, 415)
) -> dict[int | str, dict[str, Any]]:
    """Describe, for OpenAPI, the problems a route may answer; 422, 500 and 503 belong to all."""
    codes: dict[int, list[str]] = {}
    listed: tuple[type[Refusal], ...] = (InvalidRequest, *refusals)
    for kind in listed:
        codes.setdefault(REFUSALS[kind][0], []).append(refusal.code(kind))
    for status in (*also, 500, 503):
        codes.setdefault(status, []).append(STATUSES[status][0])
    return {
        status: {"model": Problem, "description": " · ".join(dict.fromkeys(names))}
        for status, names in sorted(codes.items())
    }


def of_refusal(request: Request, no: Refusal) -> Response:
    """Write a refusal as the answer to `request`."""
    status, title = REFUSALS[type(no)]
    if isinstance(no, Unknown):
        # What is not there and what is not yours read alike; of a body it is said which field named it.
        no = Unknown(errors=no.facts["errors"]) if "errors" in no.facts else Unknown()
    if isinstance(no, IllegalMove):
        log.info("an illegal move was refused", state=no.facts.get("status"), trigger=no.facts.get("trigger"))
    if isinstance(no, PaymentDeclined) and "guidance" not in no.facts:
        no.facts |= _advice(request, decline_of(str(no.facts.get("reason", ""))))
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    if isinstance(no, QuotaExceeded):
        headers = {"Retry-After": str(no.facts["retry_after"])}
    return _answer(request, status, no.code, title, detail=no.detail, headers=headers, facts=no.facts)


def of_status(request: Request, status: int, detail: str = "", **headers: str) -> Response:
    """Write what HTTP itself says no to; a status without a line in the table is malformed."""
    code, title = STATUSES.get(status, STATUSES[400])
    return _answer(request, status, code, title, detail=detail, headers=headers, facts={})


def of_outage(request: Request, error: Exception) -> Response:
    """Write that what the request needs is away, and when to ask again; of a wish, what to tell the buyer."""
    code, title = STATUSES[503]
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    facts: dict[str, JsonValue] = {}
    if isinstance(error, Away):
        lost = Decline.GATEWAY_UNAVAILABLE if isinstance(error, ProviderAway) else Decline.NETWORK_ERROR
        facts = {"reason": lost.value, **_advice(request, lost)}
    return _answer(request, 503, code, title, headers=headers, facts=facts)


def of_defect(request: Request) -> Response:
    """Write a defect of ours: the id of the request and nothing else."""
    code, title = STATUSES[500]
    document = {
        "type": f"/problems/{code}",
        "title": title,
        "status": 500,
        "code": code,
        "request_id": request_id(request),
    }
    return Response(json.dumps(document), 500, media_type=MEDIA_TYPE)


def replayed(stored: Stored) -> Response:
    """Give an answer as it was stored under a key, byte for byte."""
    media_type = MEDIA_TYPE if stored.status >= HTTPStatus.BAD_REQUEST else "application/json"
    return Response(stored.body, stored.status, media_type=media_type)


def request_id(request: Request) -> str:
    """Give the id that the request got at the door."""
    return str(request.scope.get("request_id", ""))


def field_errors(error: RequestValidationError) -> list[JsonValue]:
    """Say per broken rule where it was broken, without repeating what was sent."""
    details = [detail for detail in error.errors() if not _is_echo(detail, error)]
    return [_field_error(detail) for detail in details]


def install(app: FastAPI) -> None:
    """Answer everything that leaves a route by an exception; what is not known here is a defect."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Unanswered, _unanswered)
    away: tuple[type[Exception], ...] = (Away, *OUTAGES)
    for kind in away:
        app.add_exception_handler(kind, _away)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for it
    return of_refusal(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    if any(detail["loc"][0] == "path" for detail in error.errors()):
        return of_refusal(request, Unknown())  # an id that cannot be one is as unknown as any other
    return of_refusal(request, InvalidRequest("The request breaks a rule.", errors=field_errors(error)))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if error.status_code == HTTPStatus.NOT_FOUND:
        return of_refusal(request, Unknown())
    return of_status(request, error.status_code, error.detail, **dict(error.headers or {}))


async def _unanswered(request: Request, error: Exception) -> Response:  # noqa: ARG001 - nothing is in it
    body = Pending(request_id=request_id(request)).model_dump_json()
    return Response(body, 202, {"Retry-After": str(RETRY_AFTER_SECONDS)}, "application/json")


async def _away(request: Request, error: Exception) -> Response:
    if not isinstance(error, Away) and not is_outage(error):
        raise error
    log.warning("something the request needs is away", error=type(error).__name__)
    return of_outage(request, error)


def _advice(request: Request, decline: Decline) -> dict[str, JsonValue]:
    language = preferred(request.headers.get("accept-language", ""))
    return told(decline, language).model_dump(mode="json", exclude={"code"})


def _answer(
    request: Request,
    status: int,
    code: str,
    title: str,
    *,
    detail: str = "",
    headers: Mapping[str, str],
    facts: Mapping[str, JsonValue],
) -> Response:
    document: dict[str, JsonValue] = {
        **{("state" if name == HIDDEN else name): fact for name, fact in facts.items()},
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "code": code,
        **({"detail": detail} if detail else {}),
        "instance": request.url.path,
        "request_id": request_id(request),
    }
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Response(body.encode("utf-8", "replace"), status, dict(headers), MEDIA_TYPE)


def _is_echo(detail: Mapping[str, Any], error: RequestValidationError) -> bool:
    """Say whether a list only seems too short because of what is wrong with its items."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in error.errors()
    )


def _field_error(detail: Mapping[str, Any]) -> JsonValue:
    (place, *path), (code, text) = detail["loc"], broken(detail)
    if place == "body":
        return {"pointer": pointer(path), "code": code, "detail": text}
    return {"parameter": str(path[0]) if path else place, "code": code, "detail": text}


def pointer(path: Sequence[str | int]) -> str:
    """Write a path into a JSON document as a JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
