"""The API describes itself wholly: every shape has a name, every no is a problem, every example holds."""

import json
from typing import Any

import httpx2
import pytest

from api.app import create_app
from api.problem import MEDIA_TYPE
from api.shape import Shape
from tests.api.conftest import Door
from tests.support.configuration import settings_of
from tests.support.database import Urls
from tests.support.sandbox import Account


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Describe the API, which needs nothing but settings."""
    nowhere = "postgresql://nobody:x@127.0.0.1:9/nothing"
    urls = Urls(*[nowhere] * 6)
    account = Account("http://127.0.0.1:9", httpx2.AsyncClient())
    app = create_app(settings_of(urls, "127.0.0.1:9", account, "http://door.test", "whsec_x"))
    described: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return described


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert len(document["paths"]) >= 18


def test_no_shape_is_unnamed(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for answer in [*bodies, *operation["responses"].values()]:
            for kind, content in answer.get("content", {}).items():
                if "json" in kind:
                    assert _is_named(content["schema"]), (name, content)
    for name, schema in document["components"]["schemas"].items():
        for field, inner in schema.get("properties", {}).items():
            assert not _has_unnamed_object(inner), (name, field)


def _is_named(schema: dict[str, Any]) -> bool:
    return "$ref" in schema or [option.get("type", "$ref") for option in schema.get("anyOf", [])] == [
        "$ref",
        "null",
    ]


def _has_unnamed_object(schema: dict[str, Any]) -> bool:
    inner = [schema, *schema.get("anyOf", []), *schema.get("prefixItems", []), schema.get("items", {})]
    return any("properties" in each for each in inner)


def test_every_no_is_a_problem_and_every_operation_may_answer_422_500_503(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if "/api/v1/" not in name:
            continue
        nos = {status: answer for status, answer in operation["responses"].items() if status[0] in "45"}
        assert {"422", "500", "503"} <= nos.keys(), name
        for status, answer in nos.items():
            assert answer["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}, (
                name,
                status,
            )


def test_every_operation_says_what_it_does_and_who_may(document: dict[str, Any]) -> None:
    open_to_all = {"/health", "/.well-known", "/api/v1/webhooks", "/api/v1/events"}
    open_to_all |= {"/api/v1/payment-links/{token}"}  # which is the credential
    for name, operation in operations(document):
        assert operation["description"], name
        assert operation["tags"], name
        path = name.partition(" ")[2]
        if not any(path.startswith(start) for start in open_to_all):
            assert operation["security"] == [{"bearer": []}], name
            assert {"401", "403"} <= operation["responses"].keys(), name


def test_the_shapes_that_are_sent_have_examples_that_hold(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    shapes = {shape.__name__: shape for shape in Shape.__subclasses__()}
    sent = {
        operation["requestBody"]["content"]["application/json"]["schema"].get("$ref", "").rpartition("/")[2]
        for _, operation in operations(document)
        if "requestBody" in operation
    } - {""}
    for name in sent:
        examples = schemas[name].get("examples")
        assert examples, name
        for example in examples:
            shapes[name].model_validate(example)


async def test_it_is_what_is_served(door: Door, document: dict[str, Any]) -> None:
    assert (await door.http.get("/openapi.json")).json() == document


def test_it_names_no_machine_of_ours(document: dict[str, Any]) -> None:
    assert "localhost" not in json.dumps(document)
