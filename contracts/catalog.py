"""The JSON Schema of every contract, for the OpenAPI documents, the event reference and generated clients.

msgspec knows members, constraints, unions and docstrings. Added here: what is always sent, which combinations of
members a request may have, and names for the unions.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, get_args

import msgspec
from msgspec import Struct, UnsetType

from contracts import events, problems, requests, terminals, views

REFERENCE = "#/components/schemas/"

Schema = dict[str, Any]


def _structs(module: ModuleType) -> list[type[Struct]]:
    return [
        member
        for member in vars(module).values()
        if isinstance(member, type)
        and issubclass(member, Struct)
        and member.__module__ == module.__name__
        and not member.__subclasses__()  # the bases are no contracts
    ]


def _tagged(union: Any) -> dict[str, type[Struct]]:
    return {str(member.__struct_config__.tag): member for member in get_args(union)}


STRUCTS: Mapping[str, type[Struct]] = {
    struct.__name__: struct for module in (events, problems, requests, terminals, views) for struct in _structs(module)
}
"""Every contract by its name."""

EVENTS: Mapping[str, type[Struct]] = _tagged(events.Event)
FRAMES: Mapping[str, type[Struct]] = _tagged(events.StreamFrame | terminals.TerminalFrame)
"""Every event, and every frame of a stream, by its type."""

UNIONS: Mapping[str, Any] = {
    "SessionEvent": events.SessionEvent,
    "SessionStreamItem": events.SessionEvent | events.StreamFrame,
    "StreamItem": events.Event | events.StreamFrame | terminals.TerminalFrame,
    "TerminalStreamItem": terminals.TerminalFrame | events.TerminalClosed | events.StreamFrame,
    "Operation": events.Operation,
    "GivenOperation": requests.GivenOperation,
    "ToolContent": events.ToolContent,
    "ApprovalOutcome": events.ApprovalOutcome,
}
"""The tagged unions that have a name of their own in the documents."""


def components() -> dict[str, Schema]:
    """Return the schema of every contract and named union by name, ascending; references begin with REFERENCE."""
    tops, raw = msgspec.json.schema_components([*UNIONS.values(), *STRUCTS.values()], ref_template=REFERENCE + "{name}")
    names = {_members(top): name for name, top in zip(UNIONS, tops, strict=False)}
    result = {name: _component(struct, _normal(raw[name], names)) for name, struct in STRUCTS.items()}
    for members, name in names.items():
        union = UNIONS[name]
        result[name] = {
            "title": name,
            "oneOf": [{"$ref": REFERENCE + member.__name__} for member in get_args(union)],
            "discriminator": {"propertyName": "type", "mapping": dict(members)},
        }
    return dict(sorted(result.items()))


def always_sent(struct: type[Struct]) -> list[str]:
    """Return the wire names of the members that a struct has in every encoding."""
    tag = struct.__struct_config__.tag_field
    members = [
        field.encode_name
        for field in msgspec.structs.fields(struct)
        if UnsetType not in get_args(field.type) and field.default is not msgspec.UNSET
    ]
    return [tag, *members] if tag else members


def _members(schema: Schema) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(schema.get("discriminator", {}).get("mapping", {}).items()))


def _normal(schema: Any, names: Mapping[tuple[tuple[str, str], ...], str]) -> Any:
    """Say one-value enums as constants, enums with their type, and known unions by their name."""
    if isinstance(schema, list):
        return [_normal(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "discriminator" in schema:
        return {"$ref": REFERENCE + names[_members(schema)]}
    result = {key: _normal(value, names) for key, value in schema.items()}
    if values := result.get("enum"):
        result["type"] = "boolean" if isinstance(values[0], bool) else "string"
        if len(values) == 1:
            result["const"] = result.pop("enum")[0]
    return result


def _component(struct: type[Struct], schema: Schema) -> Schema:
    if forms := getattr(struct, "forms", ()):
        return _alternatives(schema, forms)
    if not struct.__struct_config__.forbid_unknown_fields:
        # what the server sends: a default is the server's own business, the member is always there
        for member in schema["properties"].values():
            member.pop("default", None)
        schema["required"] = always_sent(struct)
    return schema


def _alternatives(schema: Schema, forms: tuple[dict[str, Schema], ...]) -> Schema:
    conditional = {name for form in forms for name in form}
    common = {name: member for name, member in schema["properties"].items() if name not in conditional}
    required = [name for name in schema["required"] if name not in conditional]
    return {
        "title": schema["title"],
        "description": schema["description"],
        "oneOf": [
            {
                "type": "object",
                "properties": common
                | {name: _narrowed(schema["properties"][name], narrower) for name, narrower in form.items()},
                "required": [*required, *form],
                "additionalProperties": False,
            }
            for form in forms
        ],
    }


def _narrowed(member: Schema, narrower: Schema) -> Schema:
    if narrower:  # a narrower enum or const takes the place of the whole enum
        member = {key: value for key, value in member.items() if key != "enum"}
    return member | narrower
