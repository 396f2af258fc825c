"""The catalogue of events is published, and what is told keeps to it."""

import json

import jsonschema  # type: ignore[import-untyped] # its stubs are a package that nothing else needs
import pytest

from domain import event, schema
from tests.api.conftest import Door
from tests.support.stack import Stack, bearer

NAMES = {value for name, value in vars(event).items() if name.isupper() and isinstance(value, str)}


@pytest.mark.row("WHK-12", partly="the events of nouns that are still to come")
def test_every_event_has_a_schema_and_nothing_else_has() -> None:
    assert set(schema.SCHEMAS) == NAMES


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_a_schema_is_a_schema_that_takes_no_strangers(kind: str) -> None:
    written = schema.written(kind)

    jsonschema.Draft202012Validator.check_schema(written)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"n": 1, "type": kind, "version": 1, "at": "x", "data": {"stranger": 1}}, written)


@pytest.mark.row("WHK-12", partly="the events of nouns that are still to come")
async def test_the_schemas_are_published(door: Door) -> None:
    listed = (await door.get("/events/schemas")).json()["items"]

    assert [each["type"] for each in listed] == sorted(NAMES)
    for each in listed:
        one = await door.get(f"/events/schemas/{each['type']}")
        assert one.json() == each
        assert one.headers["cache-control"] == "public, max-age=3600"
        assert each["json_schema"] == schema.written(each["type"])
    assert (await door.get("/events/schemas/booking.nothing")).status_code == 404


@pytest.mark.row("WHK-12", partly="the events of nouns that are still to come")
async def test_what_a_stream_tells_validates_against_the_published_schema(stack: Stack) -> None:
    """What all other stories tell is looked at where each of their stacks ends."""
    booking = await stack.book(await stack.shop(minor=0))
    await stack.wait_for(booking, "confirmed")

    stream = await stack.http.get(f"/api/v1/bookings/{booking.id}/events", headers=bearer(booking.token))

    told = [
        json.loads(line.removeprefix("data: "))
        for line in stream.text.splitlines()
        if line.startswith("data: ")
    ]
    assert [each["type"] for each in told][-1] == "booking.confirmed"
    for each in told:
        answer = await stack.http.get(f"/api/v1/events/schemas/{each['type']}")
        jsonschema.validate(each, answer.json()["json_schema"])
