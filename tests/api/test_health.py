"""Live is who answers; ready is who can work."""

import json

import httpx2
import jwt
import pytest

from tests.api.conftest import Door
from tests.support.stack import Stack
from tests.support.wait import eventually


async def told(http: httpx2.AsyncClient, **checks: str) -> httpx2.Response:
    """Ask until these are the checks: on a machine that stands still for seconds all is away."""

    async def look() -> httpx2.Response | None:
        answer = await http.get("/health/ready")
        return answer if answer.json()["checks"] == checks else None

    return await eventually(look, what=f"the checks {checks}")


@pytest.mark.row("ADM-08")
class TestReady:
    async def test_ready_is_who_has_its_database_and_workflow_service(self, idle_stack: Stack) -> None:
        answer = await told(idle_stack.http, database="ok", temporal="ok")

        assert (answer.status_code, answer.json()["status"]) == (200, "ready")

    async def test_without_the_workflow_service_it_is_not_ready_but_live(self, door: Door) -> None:
        ready = await told(door.http, database="ok", temporal="away")
        live = await door.http.get("/health/live")

        assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
        assert (live.status_code, live.json()) == (200, {"status": "live"})

    async def test_without_the_database_it_is_not_ready_but_live(self, door: Door) -> None:
        await door.app.state.house.database.pool.close()

        ready, live = await door.http.get("/health/ready"), await door.http.get("/health/live")

        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] == "away"
        assert live.status_code == 200


@pytest.mark.row("DEP-13", partly="the worker's side: tests/workflows")
async def test_the_door_books_and_shows_with_nobody_behind_it(door: Door) -> None:
    booking = await door.book()

    answer = await door.get(f"/bookings/{booking.id}", {"Authorization": f"Bearer {booking.token}"})

    assert answer.json()["status"] == "held"


async def test_metrics_count_by_route_and_never_by_path(door: Door) -> None:
    booking = await door.book()
    await door.get(f"/bookings/{booking.id}", {"Authorization": f"Bearer {booking.token}"})
    await door.http.get("/nowhere/4242424242424242")

    answer = await door.http.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'route="/api/v1/bookings/{booking}"' in answer.text
    assert str(booking.id) not in answer.text
    assert "4242424242424242" not in answer.text


async def test_anybody_verifies_our_tokens_with_our_public_keys(door: Door) -> None:
    keys = {key["kid"]: key for key in (await door.http.get("/.well-known/jwks.json")).json()["keys"]}
    token = door.user("ada")["Authorization"].removeprefix("Bearer ")

    key = jwt.PyJWK(keys[jwt.get_unverified_header(token)["kid"]])

    assert jwt.decode(token, key, audience="holdfast")["sub"] == "ada"
    assert '"d"' not in json.dumps(keys)
    assert len(keys) == 2
