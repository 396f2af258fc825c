"""Whatever goes wrong is one problem document, and a defect shows its id alone."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx2
import pytest
import structlog
from fastapi import FastAPI
from pydantic import BaseModel
from structlog.testing import LogCapture

from api import problem
from api.body import StrictRoute
from api.middleware import BodyLimit, SafeHeaders, Watch
from domain import refusal
from domain.refusal import IllegalMove, Unauthenticated, Unknown
from workflows.client import Away


class Thing(BaseModel):
    name: str


SECRET = "what only the log may know"  # noqa: S105
RAISED: dict[str, Exception] = {
    "defect": RuntimeError(SECRET),
    "bad_value": asyncpg.DataError(SECRET),
    "away": Away(),
    "database_away": asyncpg.CannotConnectNowError(SECRET),
    "connection_lost": asyncpg.InterfaceError(SECRET),
    "refused_connection": ConnectionRefusedError(SECRET),
    "timeout": TimeoutError(SECRET),
    "too_many": asyncpg.TooManyConnectionsError(SECRET),
    "statement_timeout": asyncpg.QueryCanceledError(SECRET),
    "not_yours": Unknown("this text is not told", id="nor this"),
    "stranger": Unauthenticated("Who are you?"),
    "illegal": IllegalMove("No.", status="confirmed", trigger="cancelled_unpaid"),
}


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.router.route_class = StrictRoute
    problem.install(app)
    app.add_middleware(BodyLimit, caps={"/": 100})
    app.add_middleware(Watch)
    app.add_middleware(SafeHeaders, https=True)

    @app.get("/raise/{what}")
    async def fail(what: str) -> None:
        raise RAISED[what]

    @app.post("/things")
    async def make(thing: Thing) -> Thing:
        return thing

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


def document(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    problem.Problem.model_validate(told)
    assert told["status"] == answer.status_code
    assert told["request_id"] == answer.headers["x-request-id"]
    return told


def test_every_refusal_has_a_status_and_a_title() -> None:
    assert set(problem.REFUSALS) == set(refusal.kinds().values())
    for kind, (status, title) in problem.REFUSALS.items():
        assert 400 <= status < 500, kind
        assert title


def test_no_two_problems_share_a_code_and_differ() -> None:
    codes = [code for code, _ in problem.STATUSES.values()] + [*map(refusal.code, problem.REFUSALS)]
    shared = {code for code in codes if codes.count(code) > 1}

    assert shared == {"unknown"}
    assert problem.STATUSES[404][1] == problem.REFUSALS[Unknown][1]


@pytest.mark.row("SEC-08")
@pytest.mark.parametrize("what", ["defect", "bad_value"])
async def test_a_defect_shows_an_id_that_finds_it_in_the_log(client: httpx2.AsyncClient, what: str) -> None:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        answer = await client.get(f"/raise/{what}")

    told = document(answer)
    assert answer.status_code == 500
    assert set(told) == {"type", "title", "status", "code", "request_id"}
    assert SECRET not in answer.text
    [line] = [line for line in lines if line["log_level"] == "error"]
    assert line["request_id"] == told["request_id"]
    assert SECRET in str(line["exc_info"]) or line["exc_info"] is True


@pytest.mark.parametrize(
    "what",
    [
        "away",
        "database_away",
        "connection_lost",
        "refused_connection",
        "timeout",
        "too_many",
        "statement_timeout",
    ],
)
async def test_an_outage_asks_to_come_back(client: httpx2.AsyncClient, what: str) -> None:
    answer = await client.get(f"/raise/{what}")

    assert answer.status_code == 503
    assert document(answer)["code"] == "unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert SECRET not in answer.text


async def test_what_is_not_yours_reads_like_what_is_not_there(client: httpx2.AsyncClient) -> None:
    documents = [document(await client.get(path)) for path in ("/raise/not_yours", "/no/such/path")]

    for told in documents:
        del told["instance"], told["request_id"]
    assert documents[0] == documents[1]


async def test_a_stranger_is_told_how_to_show_who_he_is(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/raise/stranger")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.row("SAG-06")
async def test_an_illegal_move_is_refused_and_logged_and_the_state_does_not_hide_the_status(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = LogCapture()
    at_info = structlog.make_filtering_bound_logger("info")  # other tests' set-up is quieter
    monkeypatch.setattr(problem, "log", structlog.wrap_logger(None, [lines], wrapper_class=at_info))
    told = document(await client.get("/raise/illegal"))

    moves = [line for line in lines.entries if line["event"] == "an illegal move was refused"]
    assert [(line["state"], line["trigger"]) for line in moves] == [("confirmed", "cancelled_unpaid")]
    assert (told["status"], told["state"], told["trigger"]) == (409, "confirmed", "cancelled_unpaid")


async def test_another_method_is_405_and_says_which_is_known(client: httpx2.AsyncClient) -> None:
    answer = await client.delete("/things")

    assert document(answer)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ('{"name": "a"}', "text/plain", 415),
        ('{"name": "a"}', "application/json; charset=utf-16", 415),
        ('{"name": "a"}', "application/x-www-form-urlencoded", 415),
        ("{", "application/json", 400),
        ('{"name": "' + "a" * 100 + '"}', "application/json", 413),
        ('{"name": 1}', "application/json", 422),
        ('{"name": "a"}', "application/json; charset=utf-8", 200),
        ('{"name": "a"}', "application/merge+json", 200),
        ("", "application/json", 422),
    ],
)
async def test_bodies(client: httpx2.AsyncClient, content: str, kind: str, status: int) -> None:
    answer = await client.post("/things", content=content, headers={"Content-Type": kind})

    assert answer.status_code == status
    if status != 200:
        document(answer)


async def test_a_body_of_unknown_length_is_cut_off_as_well(client: httpx2.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 50

    answer = await client.post("/things", content=endless(), headers={"Content-Type": "application/json"})

    assert document(answer)["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("query", "code"), [("?a=1", "unknown_field"), ("?a=1&a=2", "unknown_field"), ("?a", "unknown_field")]
)
async def test_an_unknown_parameter_is_refused(client: httpx2.AsyncClient, query: str, code: str) -> None:
    answer = await client.post(f"/things{query}", json={"name": "a"})

    assert document(answer)["errors"][0]["code"] == code


async def test_every_answer_says_what_a_browser_must_not_do(client: httpx2.AsyncClient) -> None:
    for path in ("/raise/defect", "/raise/stranger", "/nowhere"):
        headers = (await client.get(path)).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "max-age" in headers["strict-transport-security"]
