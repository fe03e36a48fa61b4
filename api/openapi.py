"""The published OpenAPI documents: Litestar's list of operations joined with the schemas of contracts/catalog.py.

There are two, of one source. 3.2 is the canonical one: ``itemSchema`` describes each block of an event stream, so that
validators can check it. Generators of clients want 3.1, where ``schema`` stands for the JSON in ``data``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import msgspec
from litestar import Litestar, Request
from litestar.config.app import AppConfig
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import (
    Components,
    License,
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
    Tag,
)
from litestar.plugins import InitPlugin, OpenAPISchemaPlugin
from litestar.router import Router
from litestar.typing import FieldDefinition
from typing_extensions import override

from api.idempotency import HEADER, KEY_PATTERN
from contracts import catalog
from contracts.codec import encode
from contracts.events import MAX_SAFE_INTEGER, STREAM_CURSOR_PATTERN
from contracts.problems import PROBLEM_JSON, Problem

EVENT_STREAM = "text/event-stream"
PUBLIC: list[dict[str, list[str]]] = [{}]
"""The ``security`` of a handler that needs no credential; all others need one."""

Document = dict[str, Any]

_CREDENTIALS: list[dict[str, list[str]]] = [{"bearerAuth": []}, {"cookieAuth": []}]
_FAILURES = {
    400: "The request is malformed; `member` names what.",
    401: "No valid credential came with the request.",
    403: "The credential does not go that far, or the request comes from another site.",
    404: "There is no such thing.",
    409: "It does not fit how things stand now.",
    410: "It is gone for good, or its log is damaged and is not served.",
    413: "The body, or the prompt in it, is over the limit.",
    415: "A body is `application/json`.",
    421: "The server does not answer to this `Host`.",
    422: "The request is well formed and can't be meant; `member` names what.",
    429: "Too much at once; come back later.",
    500: "The server failed.",
    503: "The server can't do this now.",
    507: "The disk that holds the log is full.",
}
_MOVED = {
    "description": "It is at another address, for every method.",
    "headers": {
        name: {"description": text, "required": True, "schema": {"type": "string"}}
        for name, text in (
            ("Location", "That address."),
            ("Deprecation", "Since when this one is deprecated (RFC 9745)."),
            ("Sunset", "Until when it is there, as announced (RFC 8594)."),
            ("Link", "Its successor (RFC 5829)."),
        )
    },
}
_ABSENT = ("", MAX_SAFE_INTEGER)  # how a parameter that was not sent reaches its handler
_KEY: Document = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Sent again within a day with the same key, the same request is not carried out again: its answer "
    "comes again, with `Idempotency-Replayed: true`.",
    "schema": {"type": "string", "minLength": 1, "pattern": KEY_PATTERN},
}
_UNSAFE = frozenset({"post", "put", "patch", "delete"})
_METHODS = ("get", "put", "post", "delete", "patch")
_PROBLEM = {PROBLEM_JSON: {"schema": {"$ref": catalog.REFERENCE + Problem.__name__}}}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return a handler's ``responses``: the failures that are its own. What the gates answer is added to all."""
    return {status: ResponseSpec(Problem, media_type=PROBLEM_JSON, generate_examples=False) for status in statuses}


def event_stream(union: str) -> type[Operation]:
    """Return the ``operation_class`` of a handler that streams a union that contracts/catalog.py names."""

    @dataclass
    class EventStream(Operation):
        def __post_init__(self) -> None:
            self.responses = {
                "200": OpenAPIResponse("The events.", content={EVENT_STREAM: _StreamMedia(stream_of=union)}),
                "204": OpenAPIResponse("With `follow=false`: nothing is left. An EventSource does not come again."),
                **{status: answer for status, answer in (self.responses or {}).items() if status >= "300"},
            }

    return EventStream


def document_stream(*media_types: str) -> type[Operation]:
    """Return the ``operation_class`` of a handler that streams text, in one of these forms."""

    @dataclass
    class DocumentStream(Operation):
        def __post_init__(self) -> None:
            text = Schema(type=OpenAPIType.STRING)
            self.responses = {
                "200": OpenAPIResponse(
                    "The document.", content={kind: OpenAPIMediaType(schema=text) for kind in media_types}
                ),
                **{status: answer for status, answer in (self.responses or {}).items() if status >= "300"},
            }

    return DocumentStream


@dataclass
class OptionalBody(Operation):
    """The ``operation_class`` of a handler that does without a body; Litestar says of each that it is required."""

    def __post_init__(self) -> None:
        """Say otherwise."""
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = False


@dataclass
class _StreamMedia(OpenAPIMediaType):
    stream_of: str = field(default="", metadata={"alias": "x-stream-of"})


class Documents(InitPlugin, OpenAPISchemaPlugin):
    """Sets an application up so that `build_documents` can describe it."""

    def __init__(self, *, version: str) -> None:
        self._version = version

    @override
    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Take the place of Litestar's own document and of its pages, which load from a CDN."""
        app_config.openapi_config = _Config(
            title="Towpath",
            version=self._version,
            summary="Coding-agent sessions and terminals, each with its own URL.",
            description="Whatever happens in a session is a typed event in a durable log, streamed by Server-Sent "
            "Events that resume without a gap. An unknown member of a request is an error; readers of answers and "
            "events ignore the members that they do not know.",
            license=License(name="Apache-2.0", identifier="Apache-2.0"),
            security=_CREDENTIALS,
            tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
            use_handler_docstrings=True,
            render_plugins=[_NoPages()],
            components=Components(
                security_schemes={
                    "bearerAuth": SecurityScheme(type="http", scheme="bearer", description="The owner's token."),
                    "cookieAuth": SecurityScheme(
                        type="apiKey",
                        security_scheme_in="cookie",
                        name="towpath-8780",
                        description="Set by a login; the name ends with the server's port.",
                    ),
                }
            ),
        )
        return app_config

    @override
    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Claim every Struct."""
        return not field_definition.is_union and field_definition.is_subclass_of(msgspec.Struct)

    @override
    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Any:
        """Return a reference; the component behind it is a placeholder that `_complete` replaces."""
        return schema_creator.create_component_schema(field_definition, required=[], property_fields={})


_TAGS = {
    "sessions": "Sessions and what is known of them.",
    "prompts": "What a session is asked to do.",
    "operations": "What answers propose to change.",
    "projects": "Directories that group sessions.",
    "files": "Names of files, to type less.",
    "approvals": "What a human is asked, and the rules that say what is.",
    "terminals": "Terminals, which outlive the server.",
    "events": "What happens, as streams and as history.",
    "access": "Credentials.",
    "agents": "What a session's mode may name.",
    "service": "The server itself.",
    "legacy": "The addresses of the server before this one, for clients that have not moved yet.",
}


class _NoPages(OpenAPIRenderPlugin):
    """Takes Litestar's pages away again: ours are routes like all others (api/routes/documents.py)."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json")

    @override
    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return b""

    @override
    def receive_router(self, router: Router) -> None:
        router.routes.clear()


class _Completed(OpenAPI):
    @override
    def to_schema(self) -> Document:
        return _complete(super().to_schema())


class _Config(OpenAPIConfig):
    @override
    def to_openapi_schema(self) -> OpenAPI:
        return _Completed(**vars(super().to_openapi_schema()))


def build_documents(app: Litestar) -> dict[str, bytes]:
    """Return the documents of an application by file name; the same application makes the same bytes."""
    documents = {"openapi.json": describe_for_generators(app), "openapi-3.2.json": describe(app)}
    return {name: msgspec.json.format(encode(document), indent=2) + b"\n" for name, document in documents.items()}


def describe(app: Litestar) -> Document:
    """Return the document of OpenAPI 3.2."""
    return app.openapi_schema.to_schema()


def describe_for_generators(app: Litestar) -> Document:
    """Return the document of OpenAPI 3.1."""
    document = describe(app)
    document["openapi"] = "3.1.1"
    for operation in _operations(document):
        for answer in operation["responses"].values():
            for media in answer.get("content", {}).values():
                if media.pop("itemSchema", None):
                    media["schema"] = media.pop("x-payload-schema")
    return document


def _operations(document: Document) -> Iterator[Document]:
    for path in document["paths"].values():
        yield from (path[method] for method in _METHODS if method in path)


def _complete(document: Document) -> Document:
    document["openapi"] = "3.2.0"
    document["paths"] = dict(sorted(document["paths"].items()))
    schemas = catalog.components()
    for path in document["paths"].values():
        for method in path.keys() & _UNSAFE:
            if path[method].get("security") != PUBLIC:
                path[method].setdefault("parameters", []).append({**_KEY, "schema": {**_KEY["schema"]}})
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            _tidy_parameter(parameter)
        _tell(operation)
        if operation.get("security") == PUBLIC:
            operation["security"] = []
        if operation.get("deprecated") is False:
            del operation["deprecated"]
        operation["responses"] = _answers(operation, schemas)
    document["components"]["schemas"] = {name: schemas[name] for name in sorted(_reachable(document["paths"], schemas))}
    return document


def _tell(operation: Document) -> None:
    """Split the handler's docstring as Python does: its first line is the summary."""
    summary, _, rest = operation.pop("description").partition("\n\n")
    operation["summary"] = summary.rstrip(".")
    if rest:
        operation["description"] = rest


def _tidy_parameter(parameter: Document) -> None:
    for name in ("deprecated", "allowEmptyValue", "allowReserved"):
        if parameter.get(name) is False:
            del parameter[name]
    schema = parameter["schema"]
    schema.pop("description", None)  # the parameter has it
    alternatives = [each for each in schema.pop("oneOf", ()) if each != {"type": "null"}]
    if alternatives:  # an optional parameter is absent, never null
        assert len(alternatives) == 1, parameter
        schema.update(alternatives[0])
    if schema.get("default") in _ABSENT:
        del schema["default"]
    for name in ("minimum", "maximum"):
        if schema.get("type") == "integer" and name in schema:
            schema[name] = int(schema[name])


def _answers(operation: Document, schemas: Document) -> Document:
    """Return the operation's responses: with the gates' own, every failure a problem, every stream described."""
    answers: Document = {str(status): {} for status in _gates(operation)} | operation["responses"]
    for status, answer in answers.items():
        if not answer.get("headers"):
            answer.pop("headers", None)
        if status == "308":
            answer.update(_MOVED)
        if status >= "400":
            answer |= {"description": _FAILURES[int(status)], "content": _PROBLEM}
        for media in answer.get("content", {}).values():
            name = media.get("schema", {}).get("$ref", "").removeprefix(catalog.REFERENCE)
            if name and status < "400":
                answer["description"] = schemas[name]["description"]
            if union := media.pop("x-stream-of", None):
                media["itemSchema"] = _item_schema(union)
                media["x-payload-schema"] = {"$ref": catalog.REFERENCE + union}
    return dict(sorted(answers.items()))


def _gates(operation: Document) -> Iterator[int]:
    yield from (400, 403, 421)
    if operation.get("security") != []:
        yield from (401, 429)
    if "requestBody" in operation:
        yield from (413, 415)
    if any(parameter["name"] == HEADER for parameter in operation.get("parameters", ())):
        yield from (409, 422)


def _item_schema(union: str) -> Document:
    """Return the schema of one block of a stream: a branch per event, told apart by the SSE field ``event``."""
    return {
        "oneOf": [
            {
                "type": "object",
                "title": f"{struct.__name__}Block",
                "required": ["event", "id", "data"],
                "properties": {
                    "event": {"type": "string", "const": struct.__struct_config__.tag},
                    "id": {"type": "string", "pattern": STREAM_CURSOR_PATTERN},
                    "retry": {"type": "integer", "minimum": 0},
                    "data": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "contentSchema": {"$ref": catalog.REFERENCE + struct.__name__},
                    },
                },
            }
            for struct in get_args(catalog.UNIONS[union])
        ]
    }


def _reachable(root: Any, schemas: Document) -> set[str]:
    found: set[str] = set()
    parts = [root]
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts.extend(part)
        elif isinstance(part, dict):
            name = str(part.get("$ref", "")).removeprefix(catalog.REFERENCE)
            if name and name not in found:
                found.add(name)
                parts.append(schemas[name])
            parts.extend(part.values())
    return found
