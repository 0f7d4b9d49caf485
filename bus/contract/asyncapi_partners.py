"""The AsyncAPI 3.0 document for partners: their commands topic and their events topic.

Generated from `bus.contract.partners` and the message structs, like the document of the internal topics.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from bus.contract import asyncapi
from bus.contract.partners import COMMAND_ID, GENERATE, MAX_ID_BYTES, GenerateCommand, Names

_ANY: Final = Names("slug")
_STRING: Final = {"type": "string"}
_ID: Final = _STRING | {"maxLength": MAX_ID_BYTES}
_COMMAND_HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": _ID | {"description": "Yours, unique: a repeat of the same command does nothing more."},
        "ce_type": {"const": GENERATE},
        "ce_source": _ID | {"description": "Yours; not looked at."},
        "ce_subject": _ID | {"description": "Your own id for the job; on every event that it leads to."},
        "traceparent": _STRING | {"description": "W3C Trace Context, where you trace."},
    },
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source"],
}
_EVENT_HEADERS: Final[dict[str, Any]] = {
    "ce_subject": _STRING
    | {"description": "Your id of the job (`ce_subject` of its command); else the same as in the body."},
    COMMAND_ID: _STRING | {"description": "The `ce_id` of the command that led to it, where one did."},
}
_BODY: Final[dict[str, Any]] = {
    "type": "object",
    "description": "The event, byte for byte as in webhooks, streams and `GET /events`.",
    "properties": {
        "specversion": {"const": "1.0"},
        "id": _STRING | {"format": "uuid"},
        "type": _STRING,
        "source": _STRING,
        "time": _STRING | {"format": "date-time"},
        "subject": _STRING | {"format": "uuid", "description": "Our id of what it is about."},
        "cursor": _STRING | {"description": "Its place, for `GET /events?after=`."},
    },
    "required": ["specversion", "id", "type", "source", "time", "subject", "data"],
}


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the document; `slug` is the parameter of both addresses. Must not be changed by the caller."""
    made = asyncapi.document((_ANY.events, _ANY.commands))
    _describe_events(made)
    _describe_commands(made)
    made["info"] |= {
        "title": "Sharpstream for partners",
        "description": "Write commands, read events, over Kafka itself: SASL with SCRAM-SHA-512. Read with "
        "`isolation.level=read_committed`, in groups that begin with `partner.<slug>.`; unknown fields are "
        "to be ignored.",
    }
    for channel in made["channels"].values():
        channel["address"] = channel["address"].replace(".slug.", ".{slug}.")
        channel["parameters"] = {"slug": {"description": "Yours", "examples": ["acme"]}}
        del channel["bindings"]["kafka"]["topic"]  # by default the address
    return made


def _describe_events(made: dict[str, Any]) -> None:
    components = made["components"]
    components["schemas"]["Event"] = _BODY
    trait = components["messageTraits"]["cloudevent"]
    trait["headers"] = trait["headers"] | {"properties": trait["headers"]["properties"] | _EVENT_HEADERS}
    for message in components["messages"].values():
        data = {"properties": {"data": message["payload"]}}
        message["payload"] = {"allOf": [{"$ref": "#/components/schemas/Event"}, data]}


def _describe_commands(made: dict[str, Any]) -> None:
    components, address = made["components"], _ANY.commands.name
    _, schemas = msgspec.json.schema_components([GenerateCommand], ref_template="#/components/schemas/{name}")
    body = schemas["GenerateCommand"]
    body["oneOf"] = [{"required": [way]} for way in ("image_base64", "image_url", "upload_key")]
    components["schemas"] |= schemas
    components["messages"][GENERATE] = {
        "name": GENERATE,
        "title": "GenerateCommand",
        "summary": (GenerateCommand.__doc__ or "").partition("\n")[0],
        "headers": _COMMAND_HEADERS,
        "payload": {"$ref": "#/components/schemas/GenerateCommand"},
    }
    made["channels"][address]["messages"] = {GENERATE: {"$ref": f"#/components/messages/{GENERATE}"}}
    for operation in made["operations"].values():
        if operation["channel"]["$ref"] == f"#/channels/{address}":
            operation["messages"] = [{"$ref": f"#/channels/{address}/messages/{GENERATE}"}]
