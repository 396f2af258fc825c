"""The catalogue of events: what can happen, and the schema of each as it is told."""

from fastapi import APIRouter, Response
from pydantic import Field, JsonValue

from api import problem
from api.body import StrictRoute
from api.deps import BASE, OPEN
from api.shape import Answer
from domain import schema
from domain.refusal import Unknown

router = APIRouter(
    route_class=StrictRoute, prefix=f"{BASE}/events/schemas", tags=["operations"], dependencies=[OPEN]
)
FOR_AN_HOUR = "public, max-age=3600"


class EventSchema(Answer):
    """An event's type, the version of its schema, and the schema (JSON Schema, draft 2020-12)."""

    type: str
    version: int
    json_schema: dict[str, JsonValue] = Field(description="Of the whole event: n, type, version, at, data")


class EventSchemas(Answer):
    """All events, by their types."""

    items: tuple[EventSchema, ...]


@router.get("", responses=problem.answers(also=()))
async def list_schemas(response: Response) -> EventSchemas:
    """List the events that are told, with their schemas."""
    response.headers["Cache-Control"] = FOR_AN_HOUR
    return EventSchemas(items=tuple(_schema(kind) for kind in sorted(schema.SCHEMAS)))


@router.get("/{kind}", responses=problem.answers(Unknown, also=()))
async def read_schema(kind: str, response: Response) -> EventSchema:
    """Show the schema of one event."""
    if kind not in schema.SCHEMAS:
        raise Unknown
    response.headers["Cache-Control"] = FOR_AN_HOUR
    return _schema(kind)


def _schema(kind: str) -> EventSchema:
    return EventSchema(type=kind, version=schema.version(kind), json_schema=schema.written(kind))
